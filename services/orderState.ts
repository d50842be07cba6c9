/**
 * What may happen to an order, decided without looking at anything but the record and the event: no await,
 * no clock, no log. Every state × every event has an answer, and every answer has a test.
 *
 * Facts never go back: paid, a transaction_id, a refund's SUCCESS. A contradicting genuine fact is kept and
 * alarmed, never dropped, for the money behind it is real.
 */
import { addEffect } from './effects/apply';
import { orderEffectData, refundEffectData } from './effects/data';
import { withItem, withoutItem } from './agenda';
import type {
  AgendaItem,
  HistoryEntry,
  OrderRecord,
  OrderState,
  Payment,
  Prepay,
  Proof,
  RecordBase,
  Refund,
  RefundStatus,
  Source,
  EffectType,
  WechatRequest,
} from './records';
import { withAsk } from './payerAsks';
import type { ErrorCode } from '../utils/errors';
import { sumFen } from '../utils/money';

export interface DecideContext {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** false: nobody listens, effects are kept as `skipped`. */
  readonly sink: boolean;
}

interface From {
  readonly source: Source;
  readonly proof: Proof;
}

/** A refund as WeChat proved it. */
export interface RefundFacts {
  readonly out_refund_no: string;
  readonly status: Exclude<RefundStatus, 'REQUESTED'>;
  readonly refund: number;
  readonly total: number;
  readonly transaction_id?: string;
  readonly refund_id?: string;
  readonly success_time?: string;
  readonly user_received_account?: string;
  readonly wechat?: Readonly<Record<string, unknown>>;
}

/** What a caller asks to be refunded. */
export interface RefundRequest {
  readonly out_refund_no: string;
  readonly refund: number;
  readonly total: number;
  readonly reason?: string;
  readonly facts_hash: string;
  readonly request: WechatRequest;
}

export type OrderEvent =
  /** Somebody takes the right to ask WeChat, until then; new facts where the state allows a correction. */
  | ({ readonly type: 'ask'; readonly until: number; readonly facts?: AskFacts } & From)
  | ({ readonly type: 'prepay'; readonly prepay: Prepay } & From)
  | ({
      readonly type: 'ask_refused';
      readonly proven: boolean;
      readonly code: string;
      readonly message: string;
    } & From)
  | ({ readonly type: 'ask_unknown' } & From)
  /** A proven SUCCESS; `refunded`: the trade_state was REFUND. */
  | ({ readonly type: 'paid'; readonly payment: Payment; readonly refunded: boolean } & From)
  /** A proven CLOSED, REVOKED or PAYERROR, or the proven 204 of a close. */
  | ({ readonly type: 'closed'; readonly trade_state: string } & From)
  | ({ readonly type: 'unpaid'; readonly trade_state: string } & From)
  | ({ readonly type: 'refund_request'; readonly refund: RefundRequest } & From)
  | ({ readonly type: 'refund_attempt'; readonly out_refund_no: string } & From)
  | ({ readonly type: 'refund_seen'; readonly refund: RefundFacts } & From)
  | ({
      readonly type: 'refund_refused';
      readonly out_refund_no: string;
      readonly verdict: boolean;
      readonly code: string;
    } & From)
  /** A proven "no such refund". */
  | ({ readonly type: 'refund_missing'; readonly out_refund_no: string } & From)
  | ({ readonly type: 'refund_unresolved'; readonly out_refund_no: string } & From)
  /** `onlyIfOpen`: an order found paid meanwhile is left alone. */
  | ({ readonly type: 'reversing'; readonly onlyIfOpen?: boolean } & From)
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

export type OrderEventType = OrderEvent['type'];

export type Decision<R> =
  | { readonly kind: 'next'; readonly record: R; readonly alarm?: string }
  | { readonly kind: 'ignored'; readonly why: string }
  | { readonly kind: 'conflict'; readonly code: ErrorCode; readonly why: string };

/** Payment ladder: when to ask WeChat about an order nobody has told us of, after the prepay. */
export const QUERY_LADDER_MS = [5, 30, 60, 180, 300, 600, 1800].map((s) => s * 1000);
export const REFUND_FIRST_POLL_MS = 60_000;
export const REFUNDS_MAX = 50;
/** Refund entries a record keeps in all, failed ones included. */
const REFUND_ENTRIES_MAX = 200;
const HISTORY_MAX = 100;
/** A refund is free again only this long after it was last sent: WeChat's 5-minute window fences late copies. */
export const REFUND_QUIET_MS = 10 * 60_000;
const REFUND_MISSING_APART_MS = 60_000;
/** A hint is followed once in this time per number: an order's, or a refund's of its record. */
export const HINT_APART_MS = 5000;
const EXPIRE_GRACE_MS = 1000;

const MONEY_STATES: ReadonlySet<OrderState> = new Set<OrderState>([
  'PAID',
  'REFUNDING',
  'PARTIALLY_REFUNDED',
  'REFUNDED',
]);
const OPEN_STATES: ReadonlySet<OrderState> = new Set<OrderState>([
  'PREPARED',
  'CREATED',
  'PENDING',
]);

export const isPaidState = (state: OrderState): boolean => MONEY_STATES.has(state);
export const isOpenState = (state: OrderState): boolean => OPEN_STATES.has(state);
/** Nothing that a hint could tell would still change it. */
export const isFinalForHint = (record: OrderRecord): boolean => record.payment !== undefined;

/** What was paid and is not given back: refunds that may still go through count as gone. */
export function refundableFen(record: OrderRecord): number {
  const open = record.refunds.filter((r) => r.status !== 'CLOSED').map((r) => r.refund);
  return (record.payment?.total ?? 0) - sumFen(open);
}

/** The state that the payment and its refunds alone make. */
export function moneyState(paidFen: number, refunds: readonly Refund[]): OrderState {
  const moving = (r: Refund): boolean =>
    r.status === 'REQUESTED' || r.status === 'PROCESSING' || r.status === 'ABNORMAL';
  if (refunds.some(moving)) return 'REFUNDING';
  const back = sumFen(refunds.filter((r) => r.status === 'SUCCESS').map((r) => r.refund));
  if (back === 0) return 'PAID';
  return back < paidFen ? 'PARTIALLY_REFUNDED' : 'REFUNDED';
}

export function withHistory(
  history: readonly HistoryEntry[],
  entry: HistoryEntry,
): readonly HistoryEntry[] {
  if (history.length < HISTORY_MAX) return [...history, entry];
  // The beginning tells how it came about and the end what is now: the middle may go.
  return [...history.slice(0, HISTORY_MAX / 2), ...history.slice(HISTORY_MAX / 2 + 1), entry];
}

/** The next version of a record, with its line of history: where every change of any kind begins. */
export function stepped<R extends RecordBase>(
  record: R,
  {
    at,
    what,
    source,
    proof,
    detail,
  }: Omit<HistoryEntry, 'detail'> & { readonly detail?: string | undefined },
  patch?: Partial<R>,
): R {
  const entry = { at, what, source, proof, ...(detail === undefined ? {} : { detail }) };
  // Not `{ ...record, ...patch }`: V8 clones what is spread first, and each such clone that is then given a new key
  // gets a hidden class of its own: 700 bytes that live long, and nothing known by heart about it.
  return Object.assign({}, record, patch, {
    version: record.version + 1,
    updated_at: at,
    history: withHistory(record.history, entry),
  });
}

type Handler<T extends OrderEventType> = (
  record: OrderRecord,
  event: Extract<OrderEvent, { type: T }>,
  ctx: DecideContext,
) => Decision<OrderRecord>;

const ignored = (why: string): Decision<OrderRecord> => ({ kind: 'ignored', why });
const conflict = (code: ErrorCode, why: string): Decision<OrderRecord> => ({
  kind: 'conflict',
  code,
  why,
});

interface Change {
  readonly to?: OrderState;
  readonly patch?: Partial<Omit<OrderRecord, 'state' | 'agenda'>>;
  readonly what: string;
  readonly detail?: string;
  readonly effect?: EffectType;
  /** The refund an effect speaks of. */
  readonly refund?: Refund;
  readonly agenda?: (agenda: readonly AgendaItem[]) => readonly AgendaItem[];
  readonly alarm?: string;
}

/** Makes the next record of a change: state, history, agenda and effect together. */
function next(
  record: OrderRecord,
  event: OrderEvent,
  ctx: DecideContext,
  change: Change,
): Decision<OrderRecord> {
  const { source, proof } = event;
  const { what, detail } = change;
  const patch = {
    state: change.to ?? record.state,
    agenda: change.agenda?.(record.agenda) ?? record.agenda,
    ...change.patch,
  };
  let result = stepped(record, { at: ctx.now, what, source, proof, detail }, patch);
  if (change.effect !== undefined) {
    const data =
      change.refund === undefined
        ? orderEffectData(result)
        : refundEffectData(result, change.refund);
    result = addEffect(result, {
      type: change.effect,
      at: ctx.now,
      data: { ...data },
      sink: ctx.sink,
    });
  }
  return {
    kind: 'next',
    record: result,
    ...(change.alarm === undefined ? {} : { alarm: change.alarm }),
  };
}

export const settled = (agenda: readonly AgendaItem[]): readonly AgendaItem[] =>
  withoutItem(withoutItem(withoutItem(agenda, 'query'), 'expire'), 'reverse');

const drop = <T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> => {
  if (!(key in value)) return value;
  const { [key]: _dropped, ...rest } = value;
  return rest;
};

const onAsk: Handler<'ask'> = (record, event, ctx) => {
  if (record.state === 'CLOSED') return conflict('ORDER_CLOSED', 'closed');
  if (record.state === 'REVERSING') return conflict('ORDER_CLOSED', 'being reversed');
  if (record.payment !== undefined) return conflict('ORDER_PAID', 'paid');
  const { payer } = record;
  const asks = event.facts?.payer;
  if (event.source === 'payer' && payer !== undefined && asks !== undefined && asks !== payer) {
    return conflict('ORDER_TAKEN', 'bound to another payer');
  }
  const mayChange = record.state === 'PREPARED' || record.state === 'REJECTED';
  if (event.facts !== undefined && !mayChange) {
    return conflict('ORDER_PARAMS_DIFFER', 'WeChat may hold the first facts');
  }
  if (record.asking_until !== undefined && record.asking_until > ctx.now) {
    return conflict('ORDER_BUSY', 'another caller is asking');
  }
  const expires = event.facts?.expires_at ?? record.expires_at;
  // A corrected order is a new one under the old number: what it does not name any more is gone.
  const corrected = event.facts?.description !== undefined;
  const base = corrected ? (drop(record, 'attach') as OrderRecord) : record;
  return next(base, event, ctx, {
    to: mayChange ? 'CREATED' : record.state,
    patch: {
      asking_until: event.until,
      ...(event.source === 'payer' ? { payer_asks: withAsk(record, ctx.now) } : {}),
      ...event.facts,
    },
    what: 'asking',
    agenda: (agenda) => withExpiry(agenda, expires),
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
  const base = drop(drop(record, 'asking_until'), 'refusal') as OrderRecord;
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
  // Only WeChat's signature makes a refusal a fact, and only while it has never given a prepay.
  const rejected = event.proven && state === 'CREATED' && record.prepay === undefined;
  return next(base, event, ctx, {
    ...(rejected ? { to: 'REJECTED' as const } : {}),
    patch: { refusal },
    what: rejected ? 'rejected' : 'refused',
    detail: event.code,
    agenda: (agenda) => (rejected ? settled(agenda) : agenda),
  });
};

const onAskUnknown: Handler<'ask_unknown'> = (record, event, ctx) => {
  if (record.asking_until === undefined) return ignored('nobody is asking');
  return next(drop(record, 'asking_until'), event, ctx, {
    what: 'outcome unknown',
    agenda: (agenda) =>
      isOpenState(record.state)
        ? withItem(agenda, { do: 'query', at: ctx.now + (QUERY_LADDER_MS[0] ?? 0), tries: 0 })
        : agenda,
  });
};

/** Why a genuine payment is not the one that was ordered, or undefined. */
export function mismatchOf(record: OrderRecord, payment: Payment): string | undefined {
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

const onPaid: Handler<'paid'> = (record, event, ctx) => {
  if (record.payment !== undefined) return onPaidAgain(record, event, ctx);
  const base = drop(drop(record, 'asking_until'), 'request') as OrderRecord;
  const patch = { payment: event.payment };
  // A query's answer may overtake the reversal: what was paid goes back, so it is kept and nothing follows.
  if (record.state === 'REVERSING' || record.reversing_at !== undefined) {
    return next(base, event, ctx, { patch, what: 'paid while being reversed' });
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
      alarm: `payment differs from the order: ${mismatch}`,
    });
  }
  const elsewhere = event.refunded && record.refunds.length === 0;
  const after = record.state === 'CLOSED';
  const effect = elsewhere
    ? ('order.refunded_elsewhere' as const)
    : after
      ? ('order.paid_after_close' as const)
      : ('order.paid' as const);
  return next(base, event, ctx, {
    to: moneyState(event.payment.total, record.refunds),
    patch: elsewhere ? { ...patch, refunded_elsewhere: true } : patch,
    what: after ? 'paid after close' : 'paid',
    effect,
    agenda: settled,
    ...(after ? { alarm: 'paid after it was closed' } : {}),
  });
};

const onPaidAgain: Handler<'paid'> = (record, event, ctx) => {
  const known = [record.payment, ...record.contradictions];
  if (!known.some((p) => p !== undefined && samePayment(p, event.payment))) {
    return next(record, event, ctx, {
      patch: { contradictions: [...record.contradictions, event.payment].slice(0, 20) },
      what: 'contradicting payment',
      detail: event.payment.transaction_id,
      alarm: 'a second, different payment of the same order',
    });
  }
  // The reversal gave it back: that is not elsewhere.
  if (record.reversing_at !== undefined) return ignored('reversed');
  if (event.refunded && record.refunds.length === 0 && record.refunded_elsewhere !== true) {
    return next(record, event, ctx, {
      patch: { refunded_elsewhere: true },
      what: 'refunded elsewhere',
      effect: 'order.refunded_elsewhere',
    });
  }
  return ignored('the same payment again');
};

/** The close was taken, by a WeChat that then did not know the order, or did not say that it was closed. */
const CLOSED_UNSEEN = '204';
/**
 * A copy of our request may be under way for as long as WeChat takes its signature, five minutes, and an order
 * made of it can be paid for a minute at least. After twice that nothing can come any more: one last answer is wanted.
 */
const LAST_LOOK_MS = 10 * 60_000;

const withLastLook =
  (now: number) =>
  (agenda: readonly AgendaItem[]): readonly AgendaItem[] =>
    withItem(settled(agenda), {
      do: 'query',
      at: now + LAST_LOOK_MS,
      // Past the ladder: the sweep ends it with the first answer.
      tries: QUERY_LADDER_MS.length,
    });

const onClosed: Handler<'closed'> = (record, event, ctx) => {
  if (record.state === 'CLOSED') return ignored('closed already');
  if (record.payment !== undefined && record.state !== 'REVERSING') {
    return ignored('paid: a closing does not undo it');
  }
  return next(drop(record, 'asking_until'), event, ctx, {
    to: 'CLOSED',
    what: 'closed',
    detail: event.trade_state,
    effect: 'order.closed',
    agenda: event.trade_state === CLOSED_UNSEEN ? withLastLook(ctx.now) : settled,
  });
};

const onUnpaid: Handler<'unpaid'> = (record) => ignored(`unpaid in ${record.state}`);

const replaceRefund = (refunds: readonly Refund[], refund: Refund): readonly Refund[] =>
  refunds.some((r) => r.out_refund_no === refund.out_refund_no)
    ? refunds.map((r) => (r.out_refund_no === refund.out_refund_no ? refund : r))
    : [...refunds, refund];

/** The state once a refund has changed; MISMATCH and REVERSING stay what they are. */
function stateWith(record: OrderRecord, refunds: readonly Refund[]): OrderState {
  if (record.payment === undefined || !isPaidState(record.state)) return record.state;
  return moneyState(record.payment.total, refunds);
}

const onRefundRequest: Handler<'refund_request'> = (record, event, ctx) => {
  const asked = event.refund;
  const held = record.refunds.find((r) => r.out_refund_no === asked.out_refund_no);
  const again = held?.status === 'CLOSED' && held.verdict === 'rejected';
  if (held !== undefined && held.facts_hash !== asked.facts_hash) {
    return conflict('REFUND_PARAMS_DIFFER', 'same number, other facts');
  }
  if (held !== undefined && !again) return ignored('this refund is known');
  if (record.state === 'REVERSING') return conflict('MOVE_FORBIDDEN', 'being reversed');
  if (record.payment === undefined) return conflict('ORDER_NOT_PAID', record.state);
  if (asked.total !== record.payment.total) {
    return conflict('PARAM_INVALID', `amount.total: ${String(record.payment.total)} was paid`);
  }
  const open = record.refunds.filter((r) => r.status !== 'CLOSED');
  const tooMany = open.length >= REFUNDS_MAX || record.refunds.length >= REFUND_ENTRIES_MAX;
  if (tooMany || asked.refund > refundableFen(record)) {
    return conflict('REFUND_EXCEEDS', `refundable: ${String(refundableFen(record))} fen`);
  }
  const refund: Refund = {
    out_refund_no: asked.out_refund_no,
    status: 'REQUESTED',
    refund: asked.refund,
    total: asked.total,
    ...(asked.reason === undefined ? {} : { reason: asked.reason }),
    facts_hash: asked.facts_hash,
    source: event.source,
    requested_at: ctx.now,
    attempts: held?.attempts ?? 0,
    request: asked.request,
  };
  const refunds = replaceRefund(record.refunds, refund);
  return next(record, event, ctx, {
    to: stateWith(record, refunds),
    patch: { refunds },
    what: 'refund requested',
    detail: asked.out_refund_no,
    effect: 'refund.requested',
    refund,
    agenda: (agenda) =>
      withItem(agenda, refundItem(asked.out_refund_no, ctx.now + REFUND_FIRST_POLL_MS)),
  });
};

const refundItem = (key: string, at: number): AgendaItem => ({ do: 'refund', key, at, tries: 0 });

const onRefundAttempt: Handler<'refund_attempt'> = (record, event, ctx) => {
  const held = record.refunds.find((r) => r.out_refund_no === event.out_refund_no);
  if (held?.status !== 'REQUESTED') return ignored('nothing to send');
  const sent = drop(held, 'missing_first_at');
  const refund: Refund = { ...sent, attempts: held.attempts + 1, last_attempt_at: ctx.now };
  return next(record, event, ctx, {
    patch: { refunds: replaceRefund(record.refunds, refund) },
    what: 'refund sent',
    detail: event.out_refund_no,
  });
};

const REFUND_EFFECT: Readonly<Partial<Record<RefundStatus, EffectType>>> = {
  SUCCESS: 'refund.succeeded',
  CLOSED: 'refund.closed',
  ABNORMAL: 'refund.abnormal',
};

/** Money that came back stays back; a refund WeChat closed is over; all else may still move. */
function refundMoves(held: Refund, status: RefundStatus): boolean {
  if (held.status === 'SUCCESS') return false;
  if (held.status === status) return false;
  if (held.status === 'CLOSED') return status === 'SUCCESS' || held.verdict === 'rejected';
  return !(held.status === 'ABNORMAL' && status === 'CLOSED' && held.verdict === undefined);
}

const onRefundSeen: Handler<'refund_seen'> = (record, event, ctx) => {
  const seen = event.refund;
  if (record.payment === undefined) return conflict('ORDER_NOT_PAID', 'no payment known yet');
  const held = record.refunds.find((r) => r.out_refund_no === seen.out_refund_no);
  if (held !== undefined && !refundMoves(held, seen.status)) {
    return ignored(`refund is ${held.status}, told ${seen.status}`);
  }
  if (held === undefined && record.refunds.length >= REFUND_ENTRIES_MAX) {
    return conflict('REFUND_EXCEEDS', 'too many refunds in one record');
  }
  const refund = refundFrom(held, event, ctx);
  const refunds = replaceRefund(record.refunds, refund);
  const effect = REFUND_EFFECT[seen.status];
  const alarm = refundAlarm(record, held, seen, refunds);
  return next(record, event, ctx, {
    to: stateWith(record, refunds),
    patch: { refunds },
    what: `refund ${seen.status}`,
    detail: seen.out_refund_no,
    ...(effect === undefined ? {} : { effect, refund }),
    agenda: (agenda) => followRefund(agenda, refund, ctx.now),
    ...(alarm === undefined ? {} : { alarm }),
  });
};

function refundFrom(
  held: Refund | undefined,
  event: Extract<OrderEvent, { type: 'refund_seen' }>,
  ctx: DecideContext,
): Refund {
  const seen = event.refund;
  const base: Refund = held ?? {
    out_refund_no: seen.out_refund_no,
    status: 'PROCESSING',
    refund: seen.refund,
    total: seen.total,
    source: event.source,
    requested_at: ctx.now,
    attempts: 0,
  };
  const clean = drop(drop(base, 'verdict'), 'missing_first_at');
  return {
    ...clean,
    status: seen.status,
    refund: seen.refund,
    ...(seen.refund_id === undefined ? {} : { refund_id: seen.refund_id }),
    ...(seen.success_time === undefined ? {} : { success_time: seen.success_time }),
    ...(seen.user_received_account === undefined
      ? {}
      : { user_received_account: seen.user_received_account }),
    ...(seen.wechat === undefined ? {} : { wechat: seen.wechat }),
  };
}

function refundAlarm(
  record: OrderRecord,
  held: Refund | undefined,
  seen: RefundFacts,
  refunds: readonly Refund[],
): string | undefined {
  if (held !== undefined && held.refund !== seen.refund) return 'refund amount differs from ours';
  if (held?.status === 'CLOSED') return 'a refund counted as failed went through';
  if (record.payment?.transaction_id !== (seen.transaction_id ?? record.payment?.transaction_id)) {
    return 'refund of another transaction';
  }
  const open = refunds.filter((r) => r.status !== 'CLOSED').map((r) => r.refund);
  return sumFen(open) > (record.payment?.total ?? 0) ? 'refunds exceed what was paid' : undefined;
}

/** A refund under way is asked about; one that is over is not. */
function followRefund(
  agenda: readonly AgendaItem[],
  refund: Refund,
  now: number,
): readonly AgendaItem[] {
  if (refund.status === 'SUCCESS' || refund.status === 'CLOSED') {
    return withoutItem(agenda, 'refund', refund.out_refund_no);
  }
  return withItem(agenda, refundItem(refund.out_refund_no, now + REFUND_FIRST_POLL_MS));
}

function closeRefund(
  record: OrderRecord,
  event: OrderEvent,
  ctx: DecideContext,
  held: Refund,
): Decision<OrderRecord> {
  const refund: Refund = { ...held, status: 'CLOSED', verdict: 'rejected' };
  const refunds = replaceRefund(record.refunds, refund);
  return next(record, event, ctx, {
    to: stateWith(record, refunds),
    patch: { refunds },
    what: 'refund rejected',
    detail: held.out_refund_no,
    effect: 'refund.closed',
    refund,
    agenda: (agenda) => withoutItem(agenda, 'refund', held.out_refund_no),
  });
}

const onRefundRefused: Handler<'refund_refused'> = (record, event, ctx) => {
  const held = record.refunds.find((r) => r.out_refund_no === event.out_refund_no);
  if (held?.status !== 'REQUESTED') return ignored('nothing is waiting for this answer');
  if (event.verdict) return closeRefund(record, event, ctx, held);
  return next(record, event, ctx, {
    what: 'refund refused, unproven',
    detail: `${held.out_refund_no} ${event.code}`,
  });
};

const onRefundMissing: Handler<'refund_missing'> = (record, event, ctx) => {
  const held = record.refunds.find((r) => r.out_refund_no === event.out_refund_no);
  if (held?.status !== 'REQUESTED') return ignored('nothing is waiting for this answer');
  const quietSince = ctx.now - (held.last_attempt_at ?? held.requested_at);
  if (quietSince < REFUND_QUIET_MS) return ignored('a copy may still be under way');
  const first = held.missing_first_at;
  if (first !== undefined && ctx.now - first >= REFUND_MISSING_APART_MS) {
    return closeRefund(record, event, ctx, held);
  }
  if (first !== undefined) return ignored('too soon after the first such answer');
  const refund: Refund = { ...held, missing_first_at: ctx.now };
  return next(record, event, ctx, {
    patch: { refunds: replaceRefund(record.refunds, refund) },
    what: 'refund not found',
    detail: held.out_refund_no,
    agenda: (agenda) =>
      withItem(agenda, refundItem(held.out_refund_no, ctx.now + REFUND_MISSING_APART_MS)),
  });
};

const onRefundUnresolved: Handler<'refund_unresolved'> = (record, event, ctx) => {
  const held = record.refunds.find((r) => r.out_refund_no === event.out_refund_no);
  if (held?.status !== 'REQUESTED') return ignored('nothing is waiting');
  const refund: Refund = { ...held, status: 'ABNORMAL', verdict: 'unresolved' };
  const refunds = replaceRefund(record.refunds, refund);
  return next(record, event, ctx, {
    to: stateWith(record, refunds),
    patch: { refunds },
    what: 'refund unresolved',
    detail: held.out_refund_no,
    effect: 'refund.abnormal',
    refund,
    agenda: (agenda) => withoutItem(agenda, 'refund', held.out_refund_no),
    alarm: 'a refund is unresolved after a day: an operator must look',
  });
};

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

/**
 * Nothing to follow within five seconds of the last hint, whoever sends them and wherever they arrive. A mark from
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
  return unwritten(record, next(record, event, ctx, { patch, what: 'hint followed' }));
};

/** Hints are anyone's to send: written into a bounded history they would push out what happened. */
export const unwritten = <R extends { readonly history: readonly HistoryEntry[] }>(
  before: R,
  decision: Decision<R>,
): Decision<R> =>
  decision.kind === 'next'
    ? { ...decision, record: { ...decision.record, history: before.history } }
    : decision;

const HANDLERS: { readonly [T in OrderEventType]: Handler<T> } = {
  ask: onAsk,
  prepay: onPrepay,
  ask_refused: onAskRefused,
  ask_unknown: onAskUnknown,
  paid: onPaid,
  closed: onClosed,
  unpaid: onUnpaid,
  refund_request: onRefundRequest,
  refund_attempt: onRefundAttempt,
  refund_seen: onRefundSeen,
  refund_refused: onRefundRefused,
  refund_missing: onRefundMissing,
  refund_unresolved: onRefundUnresolved,
  reversing: onReversing,
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
