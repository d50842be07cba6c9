/**
 * What WeChat proved of a refund, applied to its order. Pure. Money that came back stays back. What is genuine
 * but cannot belong to this payment is kept as a contradiction: alarmed, and not added to any sum.
 */
import { withItem, withoutItem } from './agenda';
import {
  conflict,
  drop,
  ignored,
  next,
  type DecideContext,
  type Decision,
  type From,
} from './decision';
import { refundEffect } from './effectData';
import type {
  AgendaItem,
  EffectType,
  OrderRecord,
  Refund,
  RefundAmounts,
  RefundContradiction,
  RefundStatus,
} from './record';
import type { AlarmCode, HistoryCode } from './reasons';
import { changeRefund } from './refundChange';
import { heldRefund, refundableFen, REFUND_ENTRIES_MAX } from './refundMoney';

/** A refund as WeChat proved it. */
export interface RefundFacts {
  readonly out_refund_no: string;
  readonly status: Exclude<RefundStatus, 'REQUESTED'>;
  readonly refund: number;
  readonly total: number;
  readonly transaction_id?: string;
  /** Of a service provider's shop, where it is told. */
  readonly sub_mchid?: string;
  readonly refund_id?: string;
  readonly success_time?: string;
  readonly user_received_account?: string;
  readonly amounts?: RefundAmounts;
  readonly promotion_detail?: Refund['promotion_detail'];
  readonly wechat?: Readonly<Record<string, unknown>>;
}

export type RefundSeenEvent = {
  readonly type: 'refund_seen';
  readonly refund: RefundFacts;
  /**
   * Whether a number this record does not hold was reserved for it, or belongs to another record.
   * Not given: not asked yet, so a number that is new here is a conflict REFUND_NOT_FOUND.
   */
  readonly number?: 'ours' | 'another';
} & From;

export const REFUND_FIRST_POLL_MS = 60_000;
const CONTRADICTIONS_MAX = 20;

export const refundItem = (key: string, at: number): AgendaItem => ({
  do: 'refund',
  key,
  at,
  tries: 0,
});

const REFUND_EFFECT: Readonly<Partial<Record<RefundStatus, EffectType>>> = {
  SUCCESS: 'refund.succeeded',
  CLOSED: 'refund.closed',
  ABNORMAL: 'refund.abnormal',
};

const REFUND_LINE: Readonly<Record<RefundFacts['status'], HistoryCode>> = {
  PROCESSING: 'refund_processing',
  SUCCESS: 'refund_success',
  CLOSED: 'refund_closed',
  ABNORMAL: 'refund_abnormal',
};

/** Money that came back stays back; a refund WeChat closed is over; all else may still move. */
function refundMoves(held: Refund, status: RefundStatus): boolean {
  if (held.status === 'SUCCESS') return false;
  if (held.status === status) return held.verdict === 'unresolved';
  if (held.status === 'CLOSED') return status === 'SUCCESS' || held.verdict !== undefined;
  return !(held.status === 'ABNORMAL' && status === 'CLOSED' && held.verdict === undefined);
}

export function onRefundSeen(
  record: OrderRecord,
  event: RefundSeenEvent,
  ctx: DecideContext,
): Decision<OrderRecord> {
  const seen = event.refund;
  if (record.payment === undefined) return conflict('ORDER_NOT_PAID', 'no_payment_known');
  const held = heldRefund(record, seen.out_refund_no);
  if (held !== undefined && !refundMoves(held, seen.status)) {
    return ignored('already_known', `${held.status} ${seen.status}`);
  }
  if (held === undefined && event.number === undefined) {
    return conflict('REFUND_NOT_FOUND', 'owner_unknown');
  }
  const why = contradicts(record, held, event);
  if (why !== undefined) return contradiction(record, event, ctx, why);
  const refund = refundFrom(held, event, ctx);
  const effect = REFUND_EFFECT[seen.status];
  const alarm = refundAlarm(held, seen);
  return changeRefund(record, event, ctx, refund, {
    what: REFUND_LINE[seen.status],
    ...(effect === undefined ? {} : { effects: [refundEffect(effect, refund)] }),
    agenda: (agenda) => followRefund(agenda, refund, ctx.now),
    ...(alarm === undefined ? {} : { alarm }),
  });
}

/** Why a genuine refund cannot be one of this payment's, or undefined. */
function contradicts(
  record: OrderRecord,
  held: Refund | undefined,
  { refund: seen, number }: RefundSeenEvent,
): RefundContradiction['why'] | undefined {
  if (held === undefined && number === 'another') return 'number_of_another_order';
  const transaction_id = record.payment?.transaction_id;
  if ((seen.transaction_id ?? transaction_id) !== transaction_id) return 'another_transaction';
  if ((seen.sub_mchid ?? record.sub_mchid) !== record.sub_mchid) return 'another_sub_merchant';
  if (held === undefined && record.refunds.length >= REFUND_ENTRIES_MAX) return 'too_many';
  // What WeChat closed takes nothing of the payment.
  if (seen.status === 'CLOSED') return undefined;
  const counted = held === undefined || held.status === 'CLOSED' ? 0 : held.refund;
  return seen.refund > refundableFen(record) + counted ? 'more_than_is_left' : undefined;
}

function contradiction(
  record: OrderRecord,
  event: RefundSeenEvent,
  ctx: DecideContext,
  why: RefundContradiction['why'],
): Decision<OrderRecord> {
  const { wechat: _body, user_received_account: _account, ...facts } = event.refund;
  const known = record.refund_contradictions ?? [];
  const same = known.some(
    (one) =>
      one.out_refund_no === facts.out_refund_no &&
      one.refund_id === facts.refund_id &&
      one.status === facts.status &&
      one.refund === facts.refund,
  );
  if (same) return ignored('already_known');
  // What is not kept must not be acknowledged.
  if (known.length >= CONTRADICTIONS_MAX) return conflict('REFUND_EXCEEDS', 'no_room');
  const { source, proof } = event;
  const entry: RefundContradiction = { ...facts, why, seen_at: ctx.now, source, proof };
  return next(record, event, ctx, {
    patch: { refund_contradictions: [...known, entry] },
    what: 'contradicting_refund',
    detail: `${facts.out_refund_no} ${why}`,
    alarm: 'refund.contradiction',
    reason: why,
  });
}

function refundFrom(held: Refund | undefined, event: RefundSeenEvent, ctx: DecideContext): Refund {
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
  // WeChat has it: who is asking, what was refused and what may still arrive no longer matters.
  const clean = drop(
    base,
    'verdict',
    'missing_first_at',
    'asking_until',
    'open_attempts',
    'listed_attempts',
    'refusal',
    'releasing_at',
  );
  // Abnormal once more, after an account was named: that one could not take it, and another may be named.
  const failed = seen.status === 'ABNORMAL' && base.status === 'PROCESSING';
  const { abnormal } = base;
  return {
    ...clean,
    ...(failed && abnormal !== undefined ? { abnormal: { ...abnormal, over: true } } : {}),
    status: seen.status,
    refund: seen.refund,
    ...(seen.refund_id === undefined ? {} : { refund_id: seen.refund_id }),
    ...(seen.success_time === undefined ? {} : { success_time: seen.success_time }),
    ...(seen.user_received_account === undefined
      ? {}
      : { user_received_account: seen.user_received_account }),
    // A notification states less than a reply: what was stated before stays.
    ...(seen.amounts === undefined ? {} : { amounts: { ...base.amounts, ...seen.amounts } }),
    ...(seen.promotion_detail === undefined ? {} : { promotion_detail: seen.promotion_detail }),
    ...(seen.wechat === undefined ? {} : { wechat: seen.wechat }),
  };
}

function refundAlarm(held: Refund | undefined, seen: RefundFacts): AlarmCode | undefined {
  if (held !== undefined && held.refund !== seen.refund) return 'refund.amount_differs';
  if (held?.status === 'CLOSED') return 'refund.closed_succeeded';
  return undefined;
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
