/**
 * Merchants that have work in the store and are set up nowhere: an entry was taken out of the file, or a setting is gone.
 * Nobody here holds the keys to ask WeChat about their records, so these stay as they are.
 */
import type { RecordStore } from '../stores/orderStore';
import { readCursor, writeCursor } from '../stores/storeRules';

/** A bound on the questions; the file holds fewer. */
const MERCHANTS_MAX = 1000;

export interface UnknownMerchant {
  readonly mchid: string;
  /** Since when work has been due, milliseconds. */
  readonly due: number;
}

type Store = Pick<RecordStore, 'list' | 'oldestDue'>;

export async function unknownMerchants(
  store: Store,
  known: ReadonlySet<string>,
): Promise<readonly UnknownMerchant[]> {
  const unknown: UnknownMerchant[] = [];
  for (const mchid of await merchantsIn(store)) {
    const due = known.has(mchid) ? undefined : await store.oldestDue(mchid);
    if (due !== undefined) unknown.push({ mchid, due });
  }
  return unknown;
}

/** A list is sorted by merchant: from each of them one step leads past all of his records. */
async function merchantsIn(store: Store): Promise<readonly string[]> {
  const found: string[] = [];
  let after: string | undefined;
  while (found.length < MERCHANTS_MAX) {
    const page = await store.list({ limit: 1, ...(after === undefined ? {} : { after }) });
    // A damaged row is left out of the page, but its place is not.
    const mchid = page.next === undefined ? page.items[0]?.mchid : readCursor(page.next, 3)[1];
    if (mchid === undefined) break;
    found.push(mchid);
    if (page.next === undefined) break;
    after = writeCursor([-1, mchid, '', '']);
  }
  return found;
}
