/**
 * What may happen to a combination (合单), decided like an order's events: from the record and the event
 * alone. A combination is paid as a whole and refunded part by part. So until it is paid it is decided as the
 * one order it is to its payer, and a refund is decided as of the order that its part is: the rules stand
 * in `orderState`, once. What is its own is the payment: of every part, or of none.
 */
import { findItem, withItem, withoutItem } from './agenda';
import type { CombinationEvent, CombinationEventType, PartEvent } from './combinationEvents';
import { onPaid } from './combinationPaying';
import { allRefunds, asOrder, isPaidCombination, paidFen, partAsOrder } from './combinationView';
import { conflict, type DecideContext, type Decision } from './decision';
import { combinationEffect, refundEffect } from './effectData';
import type { OrderEvent } from './orderEvents';
import { decide } from './orderState';
import { addEffects } from './outbox';
import type { AgendaItem, CombinationRecord, SubOrder } from './record';
import { moneyState } from './refundMoney';

export {
  isPartEvent,
  type CombinationAskFacts,
  type CombinationEvent,
  type CombinationEventType,
  type PaidPart,
  type PartEvent,
} from './combinationEvents';
export { combinationMismatch } from './combinationPaying';
export {
  combinationTotal,
  isPaidCombination,
  isPartView,
  partAsOrder,
  partOfRefund,
  type PartView,
} from './combinationView';

/** Part numbers ever taken under this number, when it is asked for with these parts. */
export function partsTaken(
  record: CombinationRecord,
  parts: readonly { readonly out_trade_no: string }[],
): number {
  const held = new Set(record.sub_orders.map((part) => part.out_trade_no));
  const fresh = parts.filter((part) => !held.has(part.out_trade_no));
  return (record.parts_taken ?? held.size) + fresh.length;
}

/** Gives a decided agenda the delivery back that the view left out. */
function withDelivery(
  whole: CombinationRecord,
  agenda: readonly AgendaItem[],
): readonly AgendaItem[] {
  const deliver = findItem(whole.agenda, 'deliver');
  const rest = withoutItem(agenda, 'deliver');
  return deliver === undefined ? rest : withItem(rest, deliver);
}

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
  const effects = made.map(({ type }) => combinationEffect(type));
  return { ...decided, record: addEffects(record, effects, ctx) };
}

/** Decides a part's refund as an order's, and folds it back. */
function decidePart(
  whole: CombinationRecord,
  no: string,
  event: PartEvent,
  ctx: DecideContext,
): Decision<CombinationRecord> {
  const view = partAsOrder(whole, no);
  if (view === undefined) return conflict('ORDER_NOT_FOUND', 'no_such_part');
  const decided = decide(view, event, ctx);
  if (decided.kind !== 'next') return decided;
  const { refunds, refund_contradictions, history, agenda, effects: made } = decided.record;
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
  const part = parts.find((one) => one.out_trade_no === no);
  const effects = made.flatMap(({ type, data }) => {
    const refund = refunds.find((r) => r.out_refund_no === data.out_refund_no);
    return refund === undefined ? [] : [refundEffect(type, refund, part)];
  });
  return { ...decided, record: addEffects(record, effects, ctx) };
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
