/**
 * What is due of merchants that are set up here. A record of another one is left alone: nobody here holds the keys to ask
 * WeChat about it. Each such merchant is logged once. His records stay due and come first, so they are looked past, a
 * bounded number of pages at a time; the next call goes on from there.
 */
import type { Lane } from '../ledger/agenda';
import type { StoredRecord } from '../ledger/record';
import type { RecordStore } from '../stores/orderStore';
import type { Logger } from '../../utils/logger';

export type DueSource = Pick<RecordStore, 'due' | 'oldestDue'>;

export interface KnownDueDeps {
  readonly store: DueSource;
  readonly mchids: ReadonlySet<string>;
  readonly logger: Logger;
}

const PAGES_MAX = 20;

export function createKnownDue(deps: KnownDueDeps): DueSource {
  const told = new Set<string>();
  const resume = new Map<Lane | undefined, StoredRecord>();

  function known(records: readonly StoredRecord[]): readonly StoredRecord[] {
    const others = records.filter(({ mchid }) => !deps.mchids.has(mchid));
    if (others.length === 0) return records;
    for (const mchid of new Set(others.map((record) => record.mchid))) {
      if (told.has(mchid)) continue;
      told.add(mchid);
      const count = others.filter((record) => record.mchid === mchid).length;
      deps.logger.warn({ mchid, count }, 'records of an unknown merchant are left alone');
    }
    return records.filter(({ mchid }) => deps.mchids.has(mchid));
  }

  async function due(
    now: number,
    limit: number,
    lane?: Lane,
    after?: StoredRecord,
  ): Promise<readonly StoredRecord[]> {
    const found: StoredRecord[] = [];
    let last = after ?? resume.get(lane);
    resume.delete(lane);
    for (let page = 0; page < PAGES_MAX; page++) {
      const records = await deps.store.due(now, limit, lane, last);
      found.push(...known(records));
      // Without a lane there are no further pages.
      const isLast = records.length < limit || lane === undefined;
      if (isLast || found.length >= limit) return found.slice(0, limit);
      last = records.at(-1);
    }
    if (last !== undefined) resume.set(lane, last);
    return found;
  }

  return { due, oldestDue: () => deps.store.oldestDue() };
}
