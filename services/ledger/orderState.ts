/**
 * What may happen to an order, decided without looking at anything but the record and the event: no await,
 * no clock, no log. Every state × every event has an answer, and every answer has a test.
 *
 * Facts never go back: paid, a transaction_id, a refund's SUCCESS. A contradicting genuine fact is kept and
 * alarmed, never dropped, for the money behind it is real.
 */
import { onAbnormalAsk, onAbnormalRefused } from './abnormalState';
import { ignored, next, withoutHistory, type DecideContext, type Decision } from './decision';
import { hintedLately } from './hint';
import { onAsk, onAskRefused, onAskUnknown, onPrepare, onPrepay } from './orderAsking';
import { onClosed, onReversalOver, onReversing, onUnpaid } from './orderEnding';
import type { Handler, OrderEvent, OrderEventType } from './orderEvents';
import { onPaid } from './orderPaying';
import type { OrderRecord } from './record';
import {
  onRefundAttempt,
  onRefundMissing,
  onRefundRefused,
  onRefundRelease,
  onRefundRequest,
  onRefundUnanswered,
  onRefundUnresolved,
  onRefundWithdrawn,
} from './refundAsking';
import { replaceRefund } from './refundMoney';
import { onRefundSeen } from './refundSeen';

export { HINT_APART_MS, hintedLately, isFinalForHint } from './hint';
export type { AskFacts, OrderEvent, OrderEventType, PreparedFacts } from './orderEvents';
export { isPaidElsewhere, mismatchOf } from './orderPaying';
export { isOpenState, QUERY_LADDER_MS, settled, withExpiry } from './orderPlan';

const onHinted: Handler<'hinted'> = (record, event, ctx) => {
  const { out_refund_no: no } = event;
  const refund = record.refunds.find((r) => r.out_refund_no === no);
  if (hintedLately(refund ?? record, ctx.now)) return ignored('hinted_lately');
  const last_hint_at = ctx.now;
  const patch =
    refund === undefined
      ? { last_hint_at }
      : { refunds: replaceRefund(record.refunds, { ...refund, last_hint_at }) };
  return withoutHistory(record, next(record, event, ctx, { patch, what: 'hint_followed' }));
};

const HANDLERS: { readonly [T in OrderEventType]: Handler<T> } = {
  ask: onAsk,
  prepare: onPrepare,
  prepay: onPrepay,
  ask_refused: onAskRefused,
  ask_unknown: onAskUnknown,
  paid: onPaid,
  closed: onClosed,
  unpaid: onUnpaid,
  refund_request: onRefundRequest,
  refund_attempt: onRefundAttempt,
  refund_refused: onRefundRefused,
  refund_unanswered: onRefundUnanswered,
  refund_missing: onRefundMissing,
  refund_unresolved: onRefundUnresolved,
  refund_withdrawn: onRefundWithdrawn,
  refund_release: onRefundRelease,
  refund_seen: onRefundSeen,
  abnormal_ask: onAbnormalAsk,
  abnormal_refused: onAbnormalRefused,
  reversing: onReversing,
  reversal_over: onReversalOver,
  hinted: onHinted,
};

export const ORDER_EVENTS = Object.keys(HANDLERS) as readonly OrderEventType[];

/**
 * What an event makes of an order.
 *
 * @returns `next` (the record to write, version + 1) · `ignored` (nothing to do: a repeat, or it comes too
 *   late to matter) · `conflict` (the caller asked for what may not be; an API error code).
 */
export function decide(
  record: OrderRecord,
  event: OrderEvent,
  ctx: DecideContext,
): Decision<OrderRecord> {
  const handler = HANDLERS[event.type] as Handler<OrderEventType>;
  return handler(record, event, ctx);
}
