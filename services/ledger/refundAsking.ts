/**
 * Who may ask WeChat for a refund, and what its refusals mean to the record. Pure.
 *
 * One asker at a time: an attempt is written before it is sent, with a number of its own and a lease. A verdict is
 * decided on the record as it is now: a refusal frees the amount only when every attempt ever begun was refused by
 * WeChat's own signature. What was not answered, or not provably, may still arrive or may have been carried out.
 */
import { findItem, withItem, withoutItem } from './agenda';
import { conflict, drop, ignored, type DecideContext, type Decision, type From } from './decision';
import { refundEffect } from './effectData';
import type { OrderRecord, Refund, WechatRequest } from './record';
import { changeRefund } from './refundChange';
import {
  heldRefund,
  isReversed,
  refundableFen,
  REFUND_ENTRIES_MAX,
  REFUNDS_MAX,
} from './refundMoney';
import { REFUND_FIRST_POLL_MS, refundItem } from './refundSeen';
import { DAY_MS } from '../../utils/time';
import { saysBalanceTooLow, saysNotDone } from './refusalCodes';

/** What a caller asks to be refunded. */
export interface RefundRequest {
  readonly out_refund_no: string;
  readonly refund: number;
  readonly total: number;
  readonly reason?: string;
  readonly facts_hash: string;
  readonly request: WechatRequest;
}

type Named = From & { readonly out_refund_no: string };

export type RefundAskingEvent =
  | ({ readonly type: 'refund_request'; readonly refund: RefundRequest } & From)
  /** Somebody takes the right to send it, until then. */
  | ({ readonly type: 'refund_attempt'; readonly until: number } & Named)
  /** The reply to an attempt was a 4xx. `repeated`: an earlier copy of that attempt had no answer. */
  | ({
      readonly type: 'refund_refused';
      readonly attempt: number;
      readonly proven: boolean;
      readonly repeated: boolean;
      readonly code: string;
    } & Named)
  /** The attempt ended without an answer that says anything. */
  | ({ readonly type: 'refund_unanswered'; readonly attempt: number } & Named)
  /** A proven "no such refund", and when it was asked for. */
  | ({ readonly type: 'refund_missing'; readonly asked_at: number } & Named)
  | ({ readonly type: 'refund_unresolved' } & Named)
  /** Its number turned out to be another order's; it was never sent. */
  | ({ readonly type: 'refund_withdrawn' } & Named)
  /** An operator wants the amount back: free it as soon as WeChat proves that it has no such refund. */
  | ({ readonly type: 'refund_release' } & Named);

type EventOf<T extends RefundAskingEvent['type']> = Extract<RefundAskingEvent, { type: T }>;
type Handler<T extends RefundAskingEvent['type']> = (
  record: OrderRecord,
  event: EventOf<T>,
  ctx: DecideContext,
) => Decision<OrderRecord>;

/**
 * A refund is free again only this long after it was last sent. An attempt is signed for the last time within
 * 10 s of its beginning, and WeChat takes a signature for 5 minutes.
 */
export const REFUND_QUIET_MS = 10 * 60_000;
export const REFUND_MISSING_APART_MS = 60_000;
/** So long the same number is tried again where the merchant's balance was too low. */
const BALANCE_TRIES_MS = 7 * DAY_MS;
/** How often a refund nobody has refused is sent again by itself; after that it is only asked about. */
const REFUND_REPEATS_MAX = 3;
/** Attempts remembered one by one. More than one open attempt rules out a verdict, however many there are. */
const OPEN_ATTEMPTS_MAX = 20;
/** Stands for the attempts of an earlier version, which kept no list of them. */
const EARLIER_ATTEMPTS = 0;

export const lacksBalance = (refund: Refund): boolean =>
  refund.refusal !== undefined && saysBalanceTooLow(refund.refusal.code);

/** Left to an operator. Earlier versions wrote ABNORMAL for it. */
export const isUnresolved = (refund: Refund): boolean => refund.verdict === 'unresolved';

/** Not yet known to WeChat, as far as we know. */
export const isUnsettled = (refund: Refund): boolean =>
  refund.status === 'REQUESTED' || isUnresolved(refund);

/** When it is left to an operator, unless something is proven before. */
export const refundGiveUpAt = (refund: Refund): number =>
  (refund.resumed_at ?? refund.requested_at) + (lacksBalance(refund) ? BALANCE_TRIES_MS : DAY_MS);

/** Whether the sweep may send it again, once WeChat says that it has no such refund. */
export function maySendAgain(refund: Refund, now: number): boolean {
  if (refund.status !== 'REQUESTED' || refund.releasing_at !== undefined) return false;
  if (isUnresolved(refund) || now >= refundGiveUpAt(refund)) return false;
  if (lacksBalance(refund)) return true;
  return refund.refusal === undefined && refund.attempts <= REFUND_REPEATS_MAX;
}

/** Attempts that may still arrive, or may have been carried out. */
function openAttempts(refund: Refund): readonly number[] {
  const { attempts, listed_attempts, open_attempts: open = [] } = refund;
  const listed = refund.open_attempts === undefined ? 0 : (listed_attempts ?? 0);
  return attempts > listed && !open.includes(EARLIER_ATTEMPTS) ? [EARLIER_ATTEMPTS, ...open] : open;
}

const isAsking = (refund: Refund, now: number): boolean =>
  refund.asking_until !== undefined && refund.asking_until > now;

/** The same facts as far as they are known: of a refund made elsewhere we know the amounts alone. */
function sameFacts(held: Refund, asked: RefundRequest): boolean {
  if (held.facts_hash !== undefined) return held.facts_hash === asked.facts_hash;
  return held.refund === asked.refund && held.total === asked.total;
}

export const onRefundRequest: Handler<'refund_request'> = (record, event, ctx) => {
  const asked = event.refund;
  const held = heldRefund(record, asked.out_refund_no);
  if (held?.status === 'CLOSED')
    return conflict('REFUND_CLOSED', 'in_this_state', held.verdict ?? held.status);
  if (held !== undefined && !sameFacts(held, asked)) {
    return conflict('REFUND_PARAMS_DIFFER', 'same_number_other_facts');
  }
  if (held !== undefined) return ignored('already_known');
  if (isReversed(record)) {
    return conflict('MOVE_FORBIDDEN', 'reversal_gave_back');
  }
  if (record.payment === undefined)
    return conflict('ORDER_NOT_PAID', 'in_this_state', record.state);
  if (asked.total !== record.payment.total) {
    return conflict('PARAM_INVALID', 'another_total_paid', String(record.payment.total));
  }
  const open = record.refunds.filter((r) => r.status !== 'CLOSED');
  const tooMany = open.length >= REFUNDS_MAX || record.refunds.length >= REFUND_ENTRIES_MAX;
  if (tooMany || asked.refund > refundableFen(record)) {
    return conflict('REFUND_EXCEEDS', 'above_refundable', String(refundableFen(record)));
  }
  const { facts_hash, request, reason } = asked;
  const refund: Refund = {
    out_refund_no: asked.out_refund_no,
    status: 'REQUESTED',
    refund: asked.refund,
    total: asked.total,
    ...(reason === undefined ? {} : { reason }),
    facts_hash,
    source: event.source,
    requested_at: ctx.now,
    attempts: 0,
    open_attempts: [],
    request,
  };
  return changeRefund(record, event, ctx, refund, {
    what: 'refund_requested',
    effects: [refundEffect('refund.requested', refund)],
    agenda: (agenda) =>
      withItem(agenda, refundItem(asked.out_refund_no, ctx.now + REFUND_FIRST_POLL_MS)),
  });
};

export const onRefundAttempt: Handler<'refund_attempt'> = (record, event, ctx) => {
  const held = heldRefund(record, event.out_refund_no);
  if (held === undefined || !isUnsettled(held) || held.request === undefined) {
    return ignored('nothing_to_send');
  }
  if (isReversed(record)) return ignored('reversal_gave_back');
  if (isAsking(held, ctx.now)) return ignored('copy_under_way');
  const byHand = event.source !== 'sweep';
  if (!byHand && (isUnresolved(held) || held.releasing_at !== undefined)) {
    return ignored('operator_decides');
  }
  const again = isUnresolved(held) || held.releasing_at !== undefined;
  const attempt = held.attempts + 1;
  const open = [...openAttempts(held), attempt];
  const refund: Refund = {
    ...drop(held, 'missing_first_at', 'releasing_at', 'verdict'),
    status: 'REQUESTED',
    attempts: attempt,
    last_attempt_at: ctx.now,
    asking_until: event.until,
    listed_attempts: attempt,
    open_attempts: [...open.slice(0, 1), ...open.slice(1).slice(1 - OPEN_ATTEMPTS_MAX)],
    ...(again ? { resumed_at: ctx.now } : {}),
  };
  const no = held.out_refund_no;
  const item = refundItem(no, ctx.now + REFUND_FIRST_POLL_MS);
  return changeRefund(record, event, ctx, refund, {
    what: 'refund_sent',
    agenda: (agenda) =>
      byHand || findItem(agenda, 'refund', no) === undefined ? withItem(agenda, item) : agenda,
  });
};

export const onRefundRefused: Handler<'refund_refused'> = (record, event, ctx) => {
  const held = heldRefund(record, event.out_refund_no);
  if (held?.status !== 'REQUESTED') return ignored('not_waiting');
  const { code, proven, attempt } = event;
  const balance = saysBalanceTooLow(code);
  // Only such a refusal says that this attempt, in all its copies, was not carried out.
  const notDone = proven && !event.repeated && (balance || saysNotDone(code));
  const open = openAttempts(held);
  const left = notDone ? open.filter((one) => one !== attempt) : open;
  const refund: Refund = {
    ...(attempt === held.attempts ? drop(held, 'asking_until') : held),
    open_attempts: left,
    refusal: { code, proven, at: ctx.now },
  };
  if (notDone && !balance && left.length === 0) {
    return closeRefund(record, event, ctx, { held: refund, verdict: 'rejected' });
  }
  const what = proven ? 'refund_refused' : 'refund_refused_unproven';
  return changeRefund(record, event, ctx, refund, {
    what,
    detail: `${held.out_refund_no} ${code}`,
  });
};

export const onRefundUnanswered: Handler<'refund_unanswered'> = (record, event, ctx) => {
  const held = heldRefund(record, event.out_refund_no);
  if (held?.status !== 'REQUESTED' || held.attempts !== event.attempt) {
    return ignored('not_waiting');
  }
  if (held.asking_until === undefined) return ignored('not_waiting');
  const refund: Refund = drop(held, 'asking_until');
  return changeRefund(record, event, ctx, refund, { what: 'refund_outcome_unknown' });
};

export const onRefundMissing: Handler<'refund_missing'> = (record, event, ctx) => {
  const held = heldRefund(record, event.out_refund_no);
  if (held?.status !== 'REQUESTED' || isUnresolved(held)) {
    return ignored('not_waiting');
  }
  const releasing = held.releasing_at !== undefined;
  if (!releasing && lacksBalance(held) && ctx.now < refundGiveUpAt(held)) {
    return ignored('awaits_balance');
  }
  const quietSince = held.last_attempt_at ?? held.requested_at;
  if (event.asked_at - quietSince < REFUND_QUIET_MS) {
    return ignored('copy_may_arrive');
  }
  const first = held.missing_first_at;
  if (first !== undefined && event.asked_at - first >= REFUND_MISSING_APART_MS) {
    const verdict = releasing ? 'released' : 'rejected';
    return closeRefund(record, event, ctx, { held, verdict });
  }
  if (first !== undefined) return ignored('too_soon');
  const refund: Refund = { ...held, missing_first_at: ctx.now };
  const item = refundItem(held.out_refund_no, ctx.now + REFUND_MISSING_APART_MS);
  return changeRefund(record, event, ctx, refund, {
    what: 'refund_not_found',
    agenda: (agenda) => withItem(agenda, item),
  });
};

export const onRefundUnresolved: Handler<'refund_unresolved'> = (record, event, ctx) => {
  const held = heldRefund(record, event.out_refund_no);
  if (held?.status !== 'REQUESTED' || isUnresolved(held)) return ignored('not_waiting');
  if (isAsking(held, ctx.now)) return ignored('copy_under_way');
  if (ctx.now < refundGiveUpAt(held)) return ignored('taken_up_again');
  const refund: Refund = {
    ...drop(held, 'missing_first_at', 'releasing_at'),
    verdict: 'unresolved',
  };
  return changeRefund(record, event, ctx, refund, {
    what: 'refund_unresolved',
    effects: [refundEffect('refund.unresolved', refund)],
    agenda: (agenda) => withoutItem(agenda, 'refund', held.out_refund_no),
    alarm: 'refund.unresolved',
  });
};

export const onRefundWithdrawn: Handler<'refund_withdrawn'> = (record, event, ctx) => {
  const held = heldRefund(record, event.out_refund_no);
  if (held?.status !== 'REQUESTED') return ignored('not_waiting');
  if (held.attempts > 0) return ignored('already_sent');
  return closeRefund(record, event, ctx, { held, verdict: 'number_taken' });
};

export const onRefundRelease: Handler<'refund_release'> = (record, event, ctx) => {
  const held = heldRefund(record, event.out_refund_no);
  if (held === undefined) return conflict('REFUND_NOT_FOUND', 'no_such_refund');
  if (held.status === 'CLOSED') return ignored('already_free');
  if (!isUnsettled(held)) return conflict('MOVE_FORBIDDEN', 'in_this_state', held.status);
  if (held.releasing_at !== undefined) return ignored('being_released');
  const refund: Refund = {
    ...drop(held, 'verdict'),
    status: 'REQUESTED',
    releasing_at: ctx.now,
    resumed_at: ctx.now,
  };
  const quietAt = (held.last_attempt_at ?? held.requested_at) + REFUND_QUIET_MS;
  const item = refundItem(held.out_refund_no, Math.max(quietAt, ctx.now + REFUND_MISSING_APART_MS));
  return changeRefund(record, event, ctx, refund, {
    what: 'refund_release_asked',
    agenda: (agenda) => withItem(agenda, item),
  });
};

function closeRefund(
  record: OrderRecord,
  event: Named,
  ctx: DecideContext,
  { held, verdict }: { held: Refund; verdict: 'rejected' | 'released' | 'number_taken' },
): Decision<OrderRecord> {
  const base = drop(held, 'asking_until', 'missing_first_at', 'releasing_at');
  const refund: Refund = { ...base, status: 'CLOSED', verdict };
  return changeRefund(record, event, ctx, refund, {
    what: verdict === 'released' ? 'refund_released' : 'refund_rejected',
    effects: [refundEffect('refund.closed', refund)],
    agenda: (agenda) => withoutItem(agenda, 'refund', held.out_refund_no),
  });
}
