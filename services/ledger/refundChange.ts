/** A change of one refund of an order: the order's state follows from all of them. Pure. */
import { next, type Change, type DecideContext, type Decision, type From } from './decision';
import type { OrderRecord, Refund } from './record';
import { replaceRefund, stateWith } from './refundMoney';

export function changeRefund(
  record: OrderRecord,
  event: From,
  ctx: DecideContext,
  refund: Refund,
  change: Omit<Change<OrderRecord>, 'to' | 'patch'>,
): Decision<OrderRecord> {
  const refunds = replaceRefund(record.refunds, refund);
  return next(record, event, ctx, {
    detail: refund.out_refund_no,
    ...change,
    to: stateWith(record, refunds),
    patch: { refunds },
  });
}
