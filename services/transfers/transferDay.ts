/** What may go out by transfer on one Beijing day. */
import type { TransferRecord } from '../ledger/record';
import type { OrderStore } from '../stores/orderStore';
import { StoreError } from '../../utils/errors';
import { sumFen } from '../../utils/money';
import { DAY_MS, beijingDay, beijingDayStart } from '../../utils/time';

const PAGE = 500;
const PAGES_MAX = 2000;

/** The sum of transfers recorded on the day of `at`, failed, cancelled and the one named `but` not counted. */
export async function sumOfDay(store: OrderStore, at: number, but?: string): Promise<number> {
  const from = beijingDayStart(beijingDay(at));
  let total = 0;
  let after: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const { items, next } = await store.list({
      kind: 'transfer',
      created_from: from,
      created_to: from + DAY_MS,
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    const counted = items.filter(
      (r): r is TransferRecord =>
        r.kind === 'transfer' && r.state !== 'FAIL' && r.state !== 'CANCELLED' && r.no !== but,
    );
    total += sumFen(counted.map((r) => r.transfer_amount));
    if (next === undefined) return total;
    after = next;
  }
  throw new StoreError('STORE_CONTENTION', { detail: 'too many transfers to add up' });
}
