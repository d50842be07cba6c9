/**
 * What may happen to a combination (合单), decided like an order's events: from the record and the event
 * alone. A combination is paid as a whole and refunded part by part. So until it is paid it is decided as the
 * one order it is to its payer, and a refund is decided as of the order that its part is: the rules stand
 * in `orderState`, once. What is its own is the payment: of every part, or of none.
 */
import { findItem, withItem, withoutItem } from './agenda';
import { addEffect } from './outbox';
import { combinationEffectData, refundEffectData } from './effectData';
import { nextVersion, type Decision, type DecideContext } from './decision';
import {
  decide,
  isPaidElsewhere,
  settled,
  type AskFacts,
  type OrderEvent,
  type OrderEventType,
} from './orderState';
import type {
  AgendaItem,
  CombinationRecord,
  EffectType,
  OrderRecord,
  OrderState,
  Payment,
  Proof,
  Source,
  SubOrder,
} from './record';
import type { AlarmCode, HistoryCode } from './reasons';
import { moneyState } from './refundMoney';
import { sumFen } from '../../utils/money';

interface From {
  readonly source: Source;
  readonly proof: Proof;
}

/** A part as WeChat proved it paid; `refunded`: its trade_state was REFUND. */
export interface PaidPart {
  readonly out_trade_no: string;
  readonly payment: Payment;
  readonly refunded: boolean;
}

type OrderEventOf<T extends OrderEventType> = Extract<OrderEvent, { type: T }>;

/** Events of one part: its refunds, and hints about them. */
export type PartEvent = OrderEventOf<
  | 'refund_request'
  | 'refund_attempt'
  | 'refund_seen'
  | 'refund_refused'
  | 'refund_unanswered'
  | 'refund_missing'
  | 'refund_unresolved'
  | 'refund_withdrawn'
  | 'refund_release'
  | 'abnormal_ask'
  | 'abnormal_refused'
  | 'hinted'
>;

export type CombinationAskFacts = AskFacts & Pick<CombinationRecord, 'sub_orders'>;

export type CombinationEvent =
  | ({
      readonly type: 'ask';
      readonly until: number;
      readonly facts?: CombinationAskFacts;
      /** As of an order's ask. */
      readonly absent_at?: number;
    } & From)
  | OrderEventOf<'prepay' | 'ask_refused' | 'ask_unknown' | 'closed' | 'unpaid' | 'hinted'>
  | ({ readonly type: 'paid'; readonly parts: readonly PaidPart[] } & From)
  | { readonly type: 'part'; readonly out_trade_no: string; readonly event: PartEvent };

export type CombinationEventType = CombinationEvent['type'];

/** A part seen as an order: what refunds work on. Never written as one. */
export type PartView = OrderRecord & { readonly part_of: string };

export const isPartView = (record: OrderRecord): record is PartView => 'part_of' in record;

const PART_EVENTS: ReadonlySet<string> = new Set<PartEvent['type']>([
  'refund_request',
  'refund_attempt',
  'refund_seen',
  'refund_refused',
  'refund_unanswered',
  'refund_missing',
  'refund_unresolved',
  'refund_withdrawn',
  'refund_release',
  'abnormal_ask',
  'abnormal_refused',
  'hinted',
]);
export const isPartEvent = (event: OrderEvent): event is PartEvent => PART_EVENTS.has(event.type);

const CONTRADICTIONS_MAX = 20;

export const isPaidCombination = (record: CombinationRecord): boolean =>
  record.sub_orders.some((part) => part.payment !== undefined);

/** Part numbers ever taken under this number, when it is asked for with these parts. */
export function partsTaken(
  record: CombinationRecord,
  parts: readonly { readonly out_trade_no: string }[],
): number {
  const held = new Set(record.sub_orders.map((part) => part.out_trade_no));
  const fresh = parts.filter((part) => !held.has(part.out_trade_no));
  return (record.parts_taken ?? held.size) + fresh.length;
}

export const combinationTotal = (record: CombinationRecord): number =>
  sumFen(record.sub_orders.map((part) => part.amount.total_amount));

const paidFen = (parts: readonly SubOrder[]): number =>
  sumFen(parts.map((part) => part.payment?.total ?? 0));

const allRefunds = (parts: readonly SubOrder[]): OrderRecord['refunds'] =>
  parts.flatMap((part) => part.refunds);

/** What both views share; effects begin anew, so that a decision's own effect can be told. */
function common(whole: CombinationRecord): Omit<OrderRecord, 'description' | 'amount' | 'refunds'> {
  const { sub_orders: _parts, contradictions: _others, ...rest } = whole;
  return {
    ...rest,
    kind: 'order',
    agenda: withoutItem(whole.agenda, 'deliver'),
    effects: [],
    effect_seq: 0,
    prepared: false,
    contradictions: [],
  };
}

/** The whole as the one order that its payer pays. */
function asOrder(whole: CombinationRecord): OrderRecord {
  const parts = whole.sub_orders;
  const first = parts.find((part) => part.payment !== undefined)?.payment;
  return {
    ...common(whole),
    description: '',
    amount: { total: combinationTotal(whole), currency: 'CNY' },
    refunds: allRefunds(parts),
    ...(first === undefined ? {} : { payment: { ...first, total: paidFen(parts) } }),
  };
}

/** A part as an order of its own, as far as refunds go; undefined when there is none of that number. */
export function partAsOrder(whole: CombinationRecord, no: string): PartView | undefined {
  const part = whole.sub_orders.find((one) => one.out_trade_no === no);
  if (part === undefined) return undefined;
  const { payment, attach, refunds, refund_contradictions } = part;
  const paid = payment !== undefined && whole.state !== 'MISMATCH';
  const { request: _request, prepay: _prepay, ...shared } = common(whole);
  return {
    ...shared,
    no,
    part_of: whole.no,
    state: paid ? moneyState(payment.total, refunds) : whole.state,
    mchid: part.mchid,
    description: part.description,
    ...(attach === undefined ? {} : { attach }),
    amount: { total: part.amount.total_amount, currency: part.amount.currency },
    refunds,
    ...(refund_contradictions === undefined ? {} : { refund_contradictions }),
    ...(payment === undefined ? {} : { payment }),
  };
}

/** Where a refund of this number stands in a combination. */
export const partOfRefund = (whole: CombinationRecord, refundNo: string): SubOrder | undefined =>
  whole.sub_orders.find((part) => part.refunds.some((r) => r.out_refund_no === refundNo));

/** Gives a decided agenda the delivery back that the view left out. */
function withDelivery(
  whole: CombinationRecord,
  agenda: readonly AgendaItem[],
): readonly AgendaItem[] {
  const deliver = findItem(whole.agenda, 'deliver');
  const rest = withoutItem(agenda, 'deliver');
  return deliver === undefined ? rest : withItem(rest, deliver);
}

const ignored = (why: string): Decision<CombinationRecord> => ({ kind: 'ignored', why });

/** Decides it as an order, and takes over what that changed. */
function decideWhole(
  whole: CombinationRecord,
  event: OrderEvent,
  ctx: DecideContext,
  parts: readonly SubOrder[] = whole.sub_orders,
): Decision<CombinationRecord> {
  const decided = decide(asOrder(whole), event, ctx);
  if (decided.kind !== 'next') return decided;
  const {
    description: _d,
    attach: _a,
    amount: _m,
    prepared: _p,
    refunds: _r,
    payment: _y,
    effects: made,
    contradictions: _c,
    ...order
  } = decided.record;
  const record: CombinationRecord = {
    ...order,
    kind: 'combination',
    agenda: withDelivery(whole, order.agenda),
    effects: whole.effects,
    effect_seq: whole.effect_seq,
    sub_orders: parts,
    ...(whole.contradictions === undefined ? {} : { contradictions: whole.contradictions }),
  };
  const [effect] = made;
  const next = effect === undefined ? record : withEffect(record, effect.type, ctx);
  return { ...decided, record: next };
}

const withEffect = (
  record: CombinationRecord,
  type: EffectType,
  ctx: DecideContext,
): CombinationRecord => {
  const { contradictions, refunded_elsewhere } = record;
  const data = {
    ...combinationEffectData(record),
    ...(refunded_elsewhere === undefined ? {} : { refunded_elsewhere }),
    ...(contradictions === undefined ? {} : { contradictions: contradictions.map(plain) }),
  };
  return addEffect(record, { type, at: ctx.now, data, sink: ctx.sink });
};

const plain = ({ source: _s, proof: _p, ...facts }: Payment): Omit<Payment, 'source' | 'proof'> =>
  facts;

/** Decides a part's refund as an order's, and folds it back. */
function decidePart(
  whole: CombinationRecord,
  no: string,
  event: PartEvent,
  ctx: DecideContext,
): Decision<CombinationRecord> {
  const view = partAsOrder(whole, no);
  if (view === undefined) return { kind: 'conflict', code: 'ORDER_NOT_FOUND', why: 'no such part' };
  const decided = decide(view, event, ctx);
  if (decided.kind !== 'next') return decided;
  const { refunds, refund_contradictions, history, agenda, effects } = decided.record;
  const others = refund_contradictions === undefined ? {} : { refund_contradictions };
  const parts = whole.sub_orders.map((part) =>
    part.out_trade_no === no ? { ...part, refunds, ...others } : part,
  );
  const free = whole.state === 'MISMATCH' || !isPaidCombination(whole);
  const record: CombinationRecord = {
    ...whole,
    state: free ? whole.state : moneyState(paidFen(parts), allRefunds(parts)),
    version: whole.version + 1,
    updated_at: ctx.now,
    history,
    agenda: withDelivery(whole, agenda),
    sub_orders: parts,
  };
  const [effect] = effects;
  const part = parts.find((one) => one.out_trade_no === no);
  const refund = refunds.find((r) => r.out_refund_no === effect?.data.out_refund_no);
  if (effect === undefined || refund === undefined) return { ...decided, record };
  const data = { ...refundEffectData(record, refund, part) };
  const next = addEffect(record, { type: effect.type, at: ctx.now, data, sink: ctx.sink });
  return { ...decided, record: next };
}

/** Why genuine payments are not those of the parts that were ordered, or undefined. */
export function combinationMismatch(
  whole: CombinationRecord,
  paid: readonly PaidPart[],
): string | undefined {
  if (paid.length !== whole.sub_orders.length) return 'parts';
  for (const part of whole.sub_orders) {
    const payment = paid.find((p) => p.out_trade_no === part.out_trade_no)?.payment;
    if (payment === undefined) return 'parts';
    if (isPaidElsewhere(whole, payment)) return 'time';
    if (payment.total !== part.amount.total_amount) return 'amount';
    if (payment.currency !== part.amount.currency) return 'currency';
    if (payment.mchid !== part.mchid) return 'mchid';
    if (payment.appid !== whole.appid) return 'appid';
    const named = whole.payer_named && payment.openid !== undefined;
    if (named && payment.openid !== whole.payer) return 'payer';
  }
  return undefined;
}

const samePayment = (a: Payment, b: Payment): boolean =>
  a.transaction_id === b.transaction_id && a.total === b.total;

function onPaid(
  whole: CombinationRecord,
  event: Extract<CombinationEvent, { type: 'paid' }>,
  ctx: DecideContext,
): Decision<CombinationRecord> {
  if (event.parts.length === 0) return ignored('no part is paid');
  const known = isPaidCombination(whole) || whole.contradictions !== undefined;
  if (known) return onPaidAgain(whole, event, ctx);
  const { asking_until: _asking, ...base } = whole;
  const parts = whole.sub_orders.map((part) => {
    const payment = event.parts.find((p) => p.out_trade_no === part.out_trade_no)?.payment;
    return payment === undefined ? part : { ...part, payment };
  });
  const mismatch = combinationMismatch(whole, event.parts);
  const elsewhere = event.parts.some((part) => part.refunded);
  const after = whole.state === 'CLOSED';
  const foreign = event.parts.filter(
    (p) => !whole.sub_orders.some((part) => part.out_trade_no === p.out_trade_no),
  );
  const record: CombinationRecord = {
    ...base,
    sub_orders: parts,
    agenda: settled(whole.agenda),
    ...(foreign.length === 0 ? {} : { contradictions: foreign.map((p) => p.payment) }),
  };
  if (mismatch !== undefined) {
    return next(record, event, ctx, {
      to: 'MISMATCH',
      what: 'mismatch',
      detail: mismatch,
      effect: 'order.mismatch',
      alarm: 'order.mismatch',
      reason: mismatch,
    });
  }
  return next(elsewhere ? { ...record, refunded_elsewhere: true } : record, event, ctx, {
    to: moneyState(paidFen(parts), allRefunds(parts)),
    what: after ? 'paid_after_close' : 'paid',
    effect: elsewhere
      ? 'order.refunded_elsewhere'
      : after
        ? 'order.paid_after_close'
        : 'order.paid',
    ...(after ? { alarm: 'order.paid_after_close' } : {}),
  });
}

function onPaidAgain(
  whole: CombinationRecord,
  event: Extract<CombinationEvent, { type: 'paid' }>,
  ctx: DecideContext,
): Decision<CombinationRecord> {
  const known = [
    ...whole.sub_orders.flatMap((part) => part.payment ?? []),
    ...(whole.contradictions ?? []),
  ];
  const others = event.parts
    .map((part) => part.payment)
    .filter((payment) => !known.some((k) => samePayment(k, payment)));
  if (others.length > 0) {
    const contradictions = [...(whole.contradictions ?? []), ...others];
    const bounded = { ...whole, contradictions: contradictions.slice(0, CONTRADICTIONS_MAX) };
    return next(bounded, event, ctx, {
      what: 'contradicting_payment',
      detail: others.map((payment) => payment.transaction_id).join(' '),
      alarm: 'order.second_payment',
    });
  }
  const elsewhere = event.parts.some(
    (told) =>
      told.refunded &&
      whole.sub_orders.some((p) => p.out_trade_no === told.out_trade_no && p.refunds.length === 0),
  );
  if (elsewhere && whole.refunded_elsewhere !== true) {
    return next({ ...whole, refunded_elsewhere: true }, event, ctx, {
      what: 'refunded_elsewhere',
      effect: 'order.refunded_elsewhere',
    });
  }
  return ignored('the same payment again');
}

interface Change {
  readonly to?: OrderState;
  readonly what: HistoryCode;
  readonly detail?: string;
  readonly effect?: EffectType;
  readonly alarm?: AlarmCode;
  readonly reason?: string;
}

/** Makes the next record of a change: state, history, agenda and effect together. */
function next(
  record: CombinationRecord,
  from: From,
  ctx: DecideContext,
  change: Change,
): Decision<CombinationRecord> {
  const { what, detail, effect, alarm, reason } = change;
  const { source, proof } = from;
  const patch = { state: change.to ?? record.state };
  const changed = nextVersion(record, { at: ctx.now, what, source, proof, detail }, patch);
  return {
    kind: 'next',
    record: effect === undefined ? changed : withEffect(changed, effect, ctx),
    ...(alarm === undefined ? {} : { alarm }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/**
 * What an event makes of a combination.
 *
 * @returns `next` · `ignored` · `conflict`, as `decide` of orders.
 */
export function decideCombination(
  record: CombinationRecord,
  event: CombinationEvent,
  ctx: DecideContext,
): Decision<CombinationRecord> {
  switch (event.type) {
    case 'paid':
      return onPaid(record, event, ctx);
    case 'part':
      return decidePart(record, event.out_trade_no, event.event, ctx);
    case 'ask': {
      const { facts, ...rest } = event;
      if (facts === undefined) return decideWhole(record, rest, ctx);
      const { sub_orders: parts, ...order } = facts;
      const parts_taken = partsTaken(record, parts);
      return decideWhole({ ...record, parts_taken }, { ...rest, facts: order }, ctx, parts);
    }
    case 'prepay':
    case 'ask_refused':
    case 'ask_unknown':
    case 'closed':
    case 'unpaid':
    case 'hinted':
      return decideWhole(record, event, ctx);
  }
}

const EVENT_TYPES: Readonly<Record<CombinationEventType, true>> = {
  ask: true,
  prepay: true,
  ask_refused: true,
  ask_unknown: true,
  paid: true,
  closed: true,
  unpaid: true,
  part: true,
  hinted: true,
};
export const COMBINATION_EVENTS = Object.keys(EVENT_TYPES) as readonly CombinationEventType[];
