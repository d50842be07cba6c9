/**
 * What may happen to an abnormal refund that is sent on to an account (异常退款). Pure. It pays money to any bank
 * card, so who asked for what is written down before it is sent; one asks at a time; the same bytes every time.
 */
import { withItem } from './agenda';
import { conflict, ignored, next, type DecideContext, type Decision, type From } from './decision';
import type { AbnormalIntent, OrderRecord, Refund } from './record';
import { REFUND_QUIET_MS } from './refundAsking';
import { heldRefund, replaceRefund } from './refundMoney';
import { REFUND_FIRST_POLL_MS, refundItem } from './refundSeen';

type Named = From & { readonly out_refund_no: string };
type Asked = Omit<AbnormalIntent, 'requested_at' | 'attempts' | 'last_attempt_at' | 'asking_until'>;

export type AbnormalEvent =
  /** Somebody takes the right to send it, until then. `checked`: WeChat has just proven that it is ABNORMAL. */
  | ({
      readonly type: 'abnormal_ask';
      readonly until: number;
      readonly intent: Asked;
      readonly checked: boolean;
    } & Named)
  /** The attempt was not taken. `nothing`: by a proven refusal of the only copy there ever was. */
  | ({
      readonly type: 'abnormal_refused';
      readonly nothing: boolean;
      readonly code: string;
    } & Named);

type EventOf<T extends AbnormalEvent['type']> = Extract<AbnormalEvent, { type: T }>;

/** The intent that still counts: one that came to nothing may be followed by another. */
export const openIntent = (refund: Refund): AbnormalIntent | undefined =>
  refund.abnormal?.over === true ? undefined : refund.abnormal;

/** WeChat waits for an account to send it to. What we left to an operator is not what WeChat calls ABNORMAL. */
export const isAbnormal = (refund: Refund): boolean =>
  refund.status === 'ABNORMAL' && refund.refund_id !== undefined && refund.verdict === undefined;

/** No copy of it can arrive any more: WeChat takes a signature for 5 minutes. */
export const isQuiet = (intent: AbnormalIntent, now: number): boolean =>
  now - intent.last_attempt_at >= REFUND_QUIET_MS;

export function onAbnormalAsk(
  record: OrderRecord,
  event: EventOf<'abnormal_ask'>,
  ctx: DecideContext,
): Decision<OrderRecord> {
  const held = heldRefund(record, event.out_refund_no);
  if (held === undefined)
    return conflict('REFUND_NOT_FOUND', 'no_such_refund', event.out_refund_no);
  const before = openIntent(held);
  const same = before?.facts_hash === event.intent.facts_hash;
  if (!isAbnormal(held)) {
    if (same && held.status !== 'ABNORMAL') return ignored('taken_by_wechat');
    return conflict('MOVE_FORBIDDEN', 'in_this_state', held.verdict ?? held.status);
  }
  if (before !== undefined && !same && !(event.checked && isQuiet(before, ctx.now))) {
    return conflict('REFUND_PARAMS_DIFFER', 'other_account');
  }
  if (same && before.asking_until !== undefined && before.asking_until > ctx.now) {
    return conflict('ORDER_BUSY', 'being_asked');
  }
  const attempt = { last_attempt_at: ctx.now, asking_until: event.until };
  const abnormal: AbnormalIntent = same
    ? { ...before, ...attempt, attempts: before.attempts + 1 }
    : { ...event.intent, ...attempt, requested_at: ctx.now, attempts: 1 };
  return next(record, event, ctx, {
    patch: { refunds: replaceRefund(record.refunds, { ...held, abnormal }) },
    what: same ? 'abnormal_refund_sent_again' : 'abnormal_refund_sent',
    detail: `${held.out_refund_no} ${abnormal.type} ${abnormal.asked_by}`,
    agenda: (agenda) =>
      withItem(agenda, refundItem(held.out_refund_no, ctx.now + REFUND_FIRST_POLL_MS)),
  });
}

export function onAbnormalRefused(
  record: OrderRecord,
  event: EventOf<'abnormal_refused'>,
  ctx: DecideContext,
): Decision<OrderRecord> {
  const held = heldRefund(record, event.out_refund_no);
  const before = held === undefined ? undefined : openIntent(held);
  if (held === undefined || before === undefined) return ignored('not_waiting');
  const { asking_until: _asking, ...rest } = before;
  const over = event.nothing && before.attempts === 1;
  const abnormal: AbnormalIntent = over ? { ...rest, over } : rest;
  return next(record, event, ctx, {
    patch: { refunds: replaceRefund(record.refunds, { ...held, abnormal }) },
    what: over ? 'abnormal_refund_rejected' : 'abnormal_refund_refused',
    detail: `${held.out_refund_no} ${event.code}`,
  });
}
