/**
 * What may happen to an order, decided without looking at anything but the record and the event: no await,
 * no clock, no log. Every state × every event has an answer, and every answer has a test.
 *
 * Facts never go back: paid, a transaction_id, a refund's SUCCESS. A contradicting genuine fact is kept and
 * alarmed, never dropped, for the money behind it is real.
 */
import { onAbnormalAsk, onAbnormalRefused, type AbnormalEvent } from './abnormalState';
import { withItem, withoutItem } from './agenda';
import {
  conflict,
  drop,
  ignored,
  next,
  withoutHistory,
  type DecideContext,
  type Decision,
  type From,
} from './decision';
import { productOf } from '../wechat/readFacts';
import { withAsk } from './payerAsks';
import type { AgendaItem, EffectType, OrderRecord, OrderState, Payment, Prepay } from './record';
import {
  onRefundAttempt,
  onRefundMissing,
  onRefundRefused,
  onRefundRelease,
  onRefundRequest,
  onRefundUnanswered,
  onRefundUnresolved,
  onRefundWithdrawn,
  type RefundAskingEvent,
} from './refundAsking';
import { moneyState, replaceRefund } from './refundMoney';
import { onRefundSeen, type RefundSeenEvent } from './refundSeen';
import {
  copiesAfterUnknown,
  copiesUnderWay,
  isCorrectable,
  unansweredUntil,
} from '../orders/refusedAsk';
import { saysWrongInput } from '../wechat/wechatErrors';

export type OrderEvent =
  /** Somebody takes the right to ask WeChat, until then; new facts where the state allows a correction. */
  | ({
      readonly type: 'ask';
      readonly until: number;
      readonly facts?: AskFacts;
      /** The version at which WeChat was asked for the number and did not know it. */
      readonly absent_at?: number;
    } & From)
  /** An operator prepares a number again that WeChat refused. */
  | ({
      readonly type: 'prepare';
      readonly facts: PreparedFacts;
      readonly absent_at?: number;
    } & From)
  | ({ readonly type: 'prepay'; readonly prepay: Prepay } & From)
  | ({
      readonly type: 'ask_refused';
      readonly proven: boolean;
      readonly code: string;
      readonly message: string;
      /** An attempt before the refused one had no answer. */
      readonly repeated: boolean;
    } & From)
  | ({ readonly type: 'ask_unknown' } & From)
  /** A proven SUCCESS; `refunded`: the trade_state was REFUND. */
  | ({ readonly type: 'paid'; readonly payment: Payment; readonly refunded: boolean } & From)
  /** A proven CLOSED, REVOKED or PAYERROR, or the proven 204 of a close. */
  | ({ readonly type: 'closed'; readonly trade_state: string } & From)
  | ({ readonly type: 'unpaid'; readonly trade_state: string } & From)
  | RefundAskingEvent
  | RefundSeenEvent
  | AbnormalEvent
  /** `onlyIfOpen`: an order found paid meanwhile is left alone. */
  | ({ readonly type: 'reversing'; readonly onlyIfOpen?: boolean } & From)
  /** WeChat reverses nothing any more, and proves that the order is still paid. */
  | ({ readonly type: 'reversal_over' } & From)
  /** A hint is about to be followed: about the payment, or about the refund it names. */
  | ({ readonly type: 'hinted'; readonly out_refund_no?: string } & From);

/** What `ask` may change on an order WeChat has not taken: prepared ones and refused ones. */
export type AskFacts = Partial<
  Pick<
    OrderRecord,
    | 'description'
    | 'attach'
    | 'amount'
    | 'payer'
    | 'payer_named'
    | 'facts_hash'
    | 'request'
    | 'expires_at'
    | 'product'
    | 'appid'
  >
>;

/** What an operator fixes beforehand. */
export type PreparedFacts = Pick<
  OrderRecord,
  | 'payer'
  | 'appid'
  | 'description'
  | 'attach'
  | 'amount'
  | 'extra'
  | 'facts_hash'
  | 'expire_minutes'
  | 'idle_until'
  | 'expires_at'
>;

export type OrderEventType = OrderEvent['type'];

/** Payment ladder: when to ask WeChat about an order nobody has told us of, after the prepay. */
export const QUERY_LADDER_MS = [5, 30, 60, 180, 300, 600, 1800].map((s) => s * 1000);
/** A hint is followed once in this time per number: an order's, or a refund's of its record. */
export const HINT_APART_MS = 5000;
const EXPIRE_GRACE_MS = 1000;

const OPEN_STATES: ReadonlySet<OrderState> = new Set<OrderState>([
  'PREPARED',
  'CREATED',
  'PENDING',
]);

export const isOpenState = (state: OrderState): boolean => OPEN_STATES.has(state);
/** Nothing that a hint could tell would still change it. */
export const isFinalForHint = (record: OrderRecord): boolean => record.payment !== undefined;

type Handler<T extends OrderEventType> = (
  record: OrderRecord,
  event: Extract<OrderEvent, { type: T }>,
  ctx: DecideContext,
) => Decision<OrderRecord>;

export const settled = (agenda: readonly AgendaItem[]): readonly AgendaItem[] =>
  withoutItem(withoutItem(withoutItem(agenda, 'query'), 'expire'), 'reverse');

const onAsk: Handler<'ask'> = (record, event, ctx) => {
  if (record.state === 'CLOSED') return conflict('ORDER_CLOSED', 'closed');
  if (record.state === 'REVERSING') return conflict('ORDER_CLOSED', 'being reversed');
  if (record.payment !== undefined) return conflict('ORDER_PAID', 'paid');
  const { payer } = record;
  const asks = event.facts?.payer;
  if (event.source === 'payer' && payer !== undefined && asks !== undefined && asks !== payer) {
    return conflict('ORDER_TAKEN', 'bound to another payer');
  }
  const waiting = record.state === 'PREPARED' || record.state === 'REJECTED';
  const mayChange = waiting || isCorrectable(record, event.absent_at, ctx.now);
  if (event.facts !== undefined && !mayChange) {
    return notCorrectable(record);
  }
  if (record.asking_until !== undefined && record.asking_until > ctx.now) {
    return conflict('ORDER_BUSY', 'another caller is asking');
  }
  const expires = event.facts?.expires_at ?? record.expires_at;
  // A corrected order is a new one under the old number: what it does not name any more is gone.
  const corrected = event.facts?.description !== undefined;
  const base = corrected ? (drop(record, 'attach') as OrderRecord) : record;
  const copies = unansweredUntil(record, ctx.now);
  return next(withoutAnswer(base), event, ctx, {
    to: mayChange ? 'CREATED' : record.state,
    patch: {
      asking_until: event.until,
      ...(copies === undefined ? {} : { copies_until: copies }),
      ...(event.source === 'payer' ? { payer_asks: withAsk(record, ctx.now) } : {}),
      ...event.facts,
    },
    what: 'asking',
    agenda: (agenda) => withExpiry(agenda, expires),
  });
};

/** What the last answer left behind; the next one says it anew. */
const withoutAnswer = (record: OrderRecord): OrderRecord =>
  drop(record, 'nothing_accepted', 'copies_until');

/** A refused number is busy until WeChat is known not to hold it; any other is as it was ordered. */
const notCorrectable = (record: OrderRecord): Decision<OrderRecord> =>
  record.nothing_accepted === true
    ? conflict('ORDER_BUSY', 'WeChat may yet hold the first facts')
    : conflict('ORDER_PARAMS_DIFFER', 'WeChat may hold the first facts');

const onPrepare: Handler<'prepare'> = (record, event, ctx) => {
  if (record.state === 'CLOSED') return conflict('ORDER_CLOSED', 'closed');
  if (record.payment !== undefined) return conflict('ORDER_PAID', 'paid');
  if (record.asking_until !== undefined && record.asking_until > ctx.now) {
    return conflict('ORDER_BUSY', 'a caller is asking');
  }
  const refused = record.state === 'REJECTED' || isCorrectable(record, event.absent_at, ctx.now);
  if (!record.prepared || !refused) return notCorrectable(record);
  const {
    attach: _attach,
    extra: _extra,
    expire_minutes: _minutes,
    idle_until: _idle,
    expires_at: _expires,
    request: _request,
    refusal: _refusal,
    asking_until: _asking,
    ...base
  } = withoutAnswer(record);
  const { facts } = event;
  return next(base, event, ctx, {
    to: 'PREPARED',
    patch: { product: 'jsapi', payer_named: false, ...facts },
    what: 'prepared_again',
    agenda: (agenda) => withExpiry(settled(agenda), facts.expires_at ?? facts.idle_until),
  });
};

/** The agenda with the moment at which an unpaid order is queried, closed and queried again. */
export function withExpiry(
  agenda: readonly AgendaItem[],
  expiresAt: number | undefined,
): readonly AgendaItem[] {
  if (expiresAt === undefined) return agenda;
  return withItem(agenda, { do: 'expire', at: expiresAt + EXPIRE_GRACE_MS, tries: 0 });
}

const onPrepay: Handler<'prepay'> = (record, event, ctx) => {
  const { state } = record;
  if (state !== 'CREATED' && state !== 'PENDING' && state !== 'REJECTED') {
    return ignored(`prepay in ${state}`);
  }
  const first = record.prepay === undefined;
  const base = drop(withoutAnswer(record), 'asking_until', 'refusal') as OrderRecord;
  return next(base, event, ctx, {
    to: 'PENDING',
    patch: { prepay: event.prepay },
    what: 'prepay',
    ...(first ? { effect: 'order.created' as const } : {}),
    agenda: (agenda) =>
      withItem(agenda, { do: 'query', at: ctx.now + (QUERY_LADDER_MS[0] ?? 0), tries: 0 }),
  });
};

const onAskRefused: Handler<'ask_refused'> = (record, event, ctx) => {
  const { state } = record;
  if (state !== 'CREATED' && state !== 'PENDING') return ignored(`refusal in ${state}`);
  const base = drop(record, 'asking_until') as OrderRecord;
  const refusal = { code: event.code, message: event.message, proven: event.proven };
  const copies = event.repeated ? copiesAfterUnknown(ctx.now) : record.copies_until;
  const first = state === 'CREATED' && record.prepay === undefined;
  // Only WeChat's signature makes a refusal a fact, and only while no copy of the request may yet be taken.
  const rejected = event.proven && first && !copiesUnderWay(copies, ctx.now);
  // Not a payment code's number: users were charged behind such a refusal, so it is reversed instead.
  const mendable = first && !rejected && record.product !== 'codepay';
  return next(base, event, ctx, {
    ...(rejected ? { to: 'REJECTED' as const } : {}),
    patch: {
      refusal,
      ...(mendable && saysWrongInput(event.code) ? { nothing_accepted: true as const } : {}),
      ...(copies === undefined ? {} : { copies_until: copies }),
    },
    what: rejected ? 'rejected' : 'refused',
    detail: event.code,
    agenda: (agenda) => (rejected ? settled(agenda) : agenda),
  });
};

const onAskUnknown: Handler<'ask_unknown'> = (record, event, ctx) => {
  if (record.asking_until === undefined) return ignored('nobody is asking');
  return next(drop(record, 'asking_until'), event, ctx, {
    patch: { copies_until: copiesAfterUnknown(ctx.now) },
    what: 'outcome_unknown',
    agenda: (agenda) =>
      isOpenState(record.state)
        ? withItem(agenda, { do: 'query', at: ctx.now + (QUERY_LADDER_MS[0] ?? 0), tries: 0 })
        : agenda,
  });
};

/** WeChat refuses what is signed five minutes beside its own clock: so far apart the two may be. */
const CLOCKS_APART_MS = 5 * 60_000;

/**
 * Paid before it was ordered here, and nobody was ever given the means to pay it from here: the number is that of an
 * order of another system, which has been delivered there.
 */
export function isPaidElsewhere(
  record: Pick<OrderRecord, 'prepay' | 'created_at'>,
  payment: Payment,
): boolean {
  if (record.prepay !== undefined || payment.success_time === undefined) return false;
  return Date.parse(payment.success_time) < record.created_at - CLOCKS_APART_MS;
}

/** Why a genuine payment is not the one that was ordered, or undefined. */
export function mismatchOf(record: OrderRecord, payment: Payment): string | undefined {
  if (isPaidElsewhere(record, payment)) return 'time';
  if (payment.total !== record.amount.total) return 'amount';
  if (payment.currency !== record.amount.currency) return 'currency';
  if (payment.appid !== record.appid) return 'appid';
  if (record.payer_named && payment.openid !== undefined && payment.openid !== record.payer) {
    return 'payer';
  }
  return undefined;
}

const samePayment = (a: Payment, b: Payment): boolean =>
  a.transaction_id === b.transaction_id && a.total === b.total;

/** An order that was not made here is never `order.paid`: its delivery is the other system's. */
function paidEffect(how: { adopted: boolean; elsewhere: boolean; after: boolean }): EffectType {
  if (how.adopted) return 'order.adopted';
  if (how.elsewhere) return 'order.refunded_elsewhere';
  return how.after ? 'order.paid_after_close' : 'order.paid';
}

const onPaid: Handler<'paid'> = (record, event, ctx) => {
  if (record.payment !== undefined) return onPaidAgain(record, event, ctx);
  const base = drop(record, 'asking_until', 'request') as OrderRecord;
  const patch = { payment: event.payment };
  // A query's answer may overtake the reversal: what was paid goes back, so it is kept and nothing follows.
  if (record.state === 'REVERSING' || record.reversing_at !== undefined) {
    return next(base, event, ctx, { patch, what: 'paid_while_reversing' });
  }
  const mismatch = mismatchOf(record, event.payment);
  if (mismatch !== undefined) {
    return next(base, event, ctx, {
      to: 'MISMATCH',
      patch,
      what: 'mismatch',
      detail: mismatch,
      effect: 'order.mismatch',
      agenda: settled,
      alarm: 'order.mismatch',
      reason: mismatch,
    });
  }
  const elsewhere = event.refunded && record.refunds.length === 0;
  const after = record.state === 'CLOSED';
  const adopted = record.made_by === 'adopted';
  return next(base, event, ctx, {
    to: moneyState(event.payment.total, record.refunds),
    patch: {
      ...patch,
      ...(elsewhere ? { refunded_elsewhere: true } : {}),
      // Before the payment nobody told how it was ordered.
      ...(adopted ? { product: productOf(event.payment.trade_type) } : {}),
    },
    what: after ? 'paid_after_close' : 'paid',
    effect: paidEffect({ adopted, elsewhere, after }),
    agenda: settled,
    ...(after ? { alarm: 'order.paid_after_close' } : {}),
  });
};

const onPaidAgain: Handler<'paid'> = (record, event, ctx) => {
  const known = [record.payment, ...record.contradictions];
  if (!known.some((p) => p !== undefined && samePayment(p, event.payment))) {
    return next(record, event, ctx, {
      patch: { contradictions: [...record.contradictions, event.payment].slice(0, 20) },
      what: 'contradicting_payment',
      detail: event.payment.transaction_id,
      alarm: 'order.second_payment',
    });
  }
  // The reversal gave it back: that is not elsewhere.
  if (record.reversing_at !== undefined) return ignored('reversed');
  if (event.refunded && record.refunds.length === 0 && record.refunded_elsewhere !== true) {
    return next(record, event, ctx, {
      patch: { refunded_elsewhere: true },
      what: 'refunded_elsewhere',
      effect: 'order.refunded_elsewhere',
    });
  }
  return ignored('the same payment again');
};

/** The reply that takes a close (204). A query after it did not know the order, or did not call it closed. */
const CLOSE_ACCEPTED = '204';
/**
 * A copy of our request may be under way for as long as WeChat takes its signature, five minutes, and an order
 * made of it can be paid for a minute at least. After twice that nothing can come any more: one last answer is wanted.
 */
const FINAL_CHECK_MS = 10 * 60_000;

const withFinalCheck =
  (now: number) =>
  (agenda: readonly AgendaItem[]): readonly AgendaItem[] =>
    withItem(settled(agenda), {
      do: 'query',
      at: now + FINAL_CHECK_MS,
      // Past the ladder: the sweep ends it with the first answer.
      tries: QUERY_LADDER_MS.length,
    });

const onClosed: Handler<'closed'> = (record, event, ctx) => {
  if (record.state === 'CLOSED') return ignored('closed already');
  // Closed without WeChat's word: only what WeChat does not hold.
  if (event.proof === 'none' && record.state !== 'PREPARED' && record.state !== 'REJECTED') {
    return ignored('WeChat has been asked for it meanwhile');
  }
  if (record.payment !== undefined && record.state !== 'REVERSING') {
    const revoked = event.trade_state === 'REVOKED' && record.revoked_at === undefined;
    if (!revoked) return ignored('paid: a closing does not undo it');
    // Reversed by another hand: the payment stays a fact, and its money has gone back.
    return next(record, event, ctx, {
      patch: { revoked_at: ctx.now },
      what: 'revoked_elsewhere',
      alarm: 'order.revoked',
    });
  }
  return next(drop(record, 'asking_until'), event, ctx, {
    to: 'CLOSED',
    what: 'closed',
    detail: event.trade_state,
    effect: 'order.closed',
    agenda: event.trade_state === CLOSE_ACCEPTED ? withFinalCheck(ctx.now) : settled,
  });
};

const onUnpaid: Handler<'unpaid'> = (record) => ignored(`unpaid in ${record.state}`);

const onReversing: Handler<'reversing'> = (record, event, ctx) => {
  if (record.product !== 'codepay') return conflict('MOVE_FORBIDDEN', 'not a payment code order');
  if (record.state === 'REVERSING') return ignored('being reversed');
  if (event.onlyIfOpen === true && !isOpenState(record.state)) return ignored(record.state);
  if (record.state === 'CLOSED' || record.state === 'PREPARED') {
    return conflict('ORDER_CLOSED', record.state);
  }
  if (record.refunds.some((r) => r.status !== 'CLOSED')) {
    return conflict('MOVE_FORBIDDEN', 'refunds exist');
  }
  return next(drop(record, 'asking_until'), event, ctx, {
    to: 'REVERSING',
    patch: { reversing_at: ctx.now },
    what: 'reversing',
    agenda: (agenda) =>
      withItem(settled(agenda), { do: 'reverse', at: ctx.now + 15_000, tries: 0 }),
  });
};

/** Its money never went back: it may be refunded, and nothing is delivered for it. */
const onReversalOver: Handler<'reversal_over'> = (record, event, ctx) => {
  const { payment, state, refunds } = record;
  if (state !== 'REVERSING' || payment === undefined) return ignored(state);
  const mismatch = mismatchOf(record, payment);
  return next(drop(record, 'reversing_at'), event, ctx, {
    to: mismatch === undefined ? moneyState(payment.total, refunds) : 'MISMATCH',
    what: 'not_reversed',
    agenda: settled,
    alarm: 'order.not_reversed',
  });
};

/**
 * Nothing to follow within five seconds of the last hint, no matter who sends them and where they arrive. A mark from
 * the future was made by a clock that ran ahead: it must not keep hints out until then.
 */
export const hintedLately = (record: { readonly last_hint_at?: number }, now: number): boolean =>
  record.last_hint_at !== undefined && Math.abs(now - record.last_hint_at) < HINT_APART_MS;

const onHinted: Handler<'hinted'> = (record, event, ctx) => {
  const { out_refund_no: no } = event;
  const refund = record.refunds.find((r) => r.out_refund_no === no);
  if (hintedLately(refund ?? record, ctx.now)) return ignored('hinted a moment ago');
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
