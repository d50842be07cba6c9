/** Asks WeChat whether it holds a number it refused. The rules stand in `ledger/refusedAsk`. */
import type { OrderRecord } from '../ledger/record';
import { copiesUnderWay, type Refusable } from '../ledger/refusedAsk';
import type { WechatReply } from '../strategies/strategy';
import { refusalOf, saysNotFound, upstreamError } from '../wechat/wechatErrors';
import { ConflictError, StoreError } from '../../utils/errors';

/** While it is asked for the first time, nobody knows whose order WeChat holds under the number. */
export function guardUnasked(record: Refusable & Pick<OrderRecord, 'prepay'>, now: number): void {
  const { state, prepay, asking_until: until } = record;
  if (state !== 'CREATED' || prepay !== undefined || until === undefined || until <= now) return;
  throw new StoreError('ORDER_BUSY', { retryAfterSeconds: Math.ceil((until - now) / 1000) });
}

/**
 * Makes sure that WeChat does not hold a refused number. Its "no such order" need not be signed, WeChat signs
 * hardly any: nothing is recorded of it, and a forged one leads to a refusal or, at worst, to a MISMATCH.
 *
 * @returns the version that the correction must still find; undefined after a proven refusal.
 * @throws StoreError ORDER_BUSY while a copy may arrive · ConflictError ORDER_PARAMS_DIFFER: WeChat holds it ·
 *   UpstreamError: it could not be asked.
 */
export async function confirmAbsent(
  record: Refusable,
  { now, query }: { readonly now: number; readonly query: () => Promise<WechatReply> },
): Promise<number | undefined> {
  if (record.state === 'REJECTED') return undefined;
  if (copiesUnderWay(record.copies_until, now)) {
    const leftMs = (record.copies_until ?? now) - now;
    throw new StoreError('ORDER_BUSY', { retryAfterSeconds: Math.ceil(leftMs / 1000) });
  }
  const reply = await query();
  const refusal = refusalOf(reply);
  if (refusal !== undefined && saysNotFound(refusal)) return record.version;
  if (reply.kind === 'proven' && reply.status === 200) {
    throw new ConflictError('ORDER_PARAMS_DIFFER');
  }
  throw upstreamError(reply);
}
