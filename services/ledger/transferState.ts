/**
 * What may happen to a transfer. Pure. WeChat's own words are the states; only proven facts move them, and
 * no error code is ever a verdict: the money may be on its way all the same.
 */
import { findItem, withItem, withoutItem } from './agenda';
import {
  drop,
  ignored,
  next,
  withoutHistory,
  type DecideContext,
  type Decision,
  type From,
} from './decision';
import { transferEffect } from './effectData';
import { hintedLately } from './hint';
import type { HistoryCode } from './reasons';
import type { AgendaItem, EffectType, TransferRecord, TransferState } from './record';
import { DAY_MS } from '../../utils/time';

/** A transfer as WeChat proved it. */
export interface TransferFacts {
  readonly out_bill_no: string;
  readonly state: Exclude<TransferState, 'CREATED'>;
  readonly transfer_bill_no?: string;
  readonly transfer_amount?: number;
  readonly openid?: string;
  readonly package_info?: string;
  readonly fail_reason?: string;
  readonly update_time?: string;
  readonly wechat?: Readonly<Record<string, unknown>>;
}

export type TransferEvent =
  /** Somebody takes the right to send it, until then. */
  | ({ readonly type: 'attempt'; readonly until: number } & From)
  /** The attempt ended without an answer that says anything. */
  | ({ readonly type: 'unanswered'; readonly attempt: number } & From)
  | ({ readonly type: 'seen'; readonly facts: TransferFacts } & From)
  /** The reply to an attempt was a 4xx: no verdict, but the next may ask. */
  | ({ readonly type: 'refused'; readonly attempt: number; readonly code: string } & From)
  | ({ readonly type: 'unresolved' } & From)
  | ({ readonly type: 'hinted' } & From);

/** How far along a state is: a late answer never takes a transfer back. */
const RANK: Readonly<Record<TransferState, number>> = {
  CREATED: 0,
  ACCEPTED: 1,
  PROCESSING: 2,
  WAIT_USER_CONFIRM: 3,
  TRANSFERING: 4,
  CANCELING: 5,
  SUCCESS: 6,
  FAIL: 6,
  CANCELLED: 6,
};
const FINAL_RANK = 6;
export const TRANSFER_FIRST_POLL_MS = 60_000;
/** A create is repeated no later than this after it was recorded. */
export const TRANSFER_REPEAT_MAX_MS = DAY_MS;

const FINAL_EFFECT: Readonly<Partial<Record<TransferState, EffectType>>> = {
  SUCCESS: 'transfer.succeeded',
  FAIL: 'transfer.failed',
  CANCELLED: 'transfer.cancelled',
};

const TRANSFER_LINE: Readonly<Record<TransferFacts['state'], HistoryCode>> = {
  ACCEPTED: 'transfer_accepted',
  PROCESSING: 'transfer_processing',
  WAIT_USER_CONFIRM: 'transfer_wait_user_confirm',
  TRANSFERING: 'transfer_transfering',
  SUCCESS: 'transfer_success',
  FAIL: 'transfer_fail',
  CANCELING: 'transfer_canceling',
  CANCELLED: 'transfer_cancelled',
};

export const isFinalTransfer = (state: TransferState): boolean => RANK[state] === FINAL_RANK;

/** The lease is given back by the attempt that holds it, never by an earlier one. */
const answered = (record: TransferRecord, attempt: number): TransferRecord =>
  attempt === record.attempts ? drop(record, 'asking_until') : record;

/** One asker at a time, and none later than a day after the first: WeChat forgets numbers after a while. */
function onAttempt(
  record: TransferRecord,
  event: Extract<TransferEvent, { type: 'attempt' }>,
  ctx: DecideContext,
): Decision<TransferRecord> {
  if (record.state !== 'CREATED' && record.state !== 'ACCEPTED') {
    return ignored('nothing_to_send');
  }
  if (record.asking_until !== undefined && record.asking_until > ctx.now) {
    return ignored('copy_under_way');
  }
  if (ctx.now - record.created_at >= TRANSFER_REPEAT_MAX_MS) {
    return ignored('sent_over_a_day_ago');
  }
  return next(record, event, ctx, {
    patch: {
      attempts: record.attempts + 1,
      last_attempt_at: ctx.now,
      asking_until: event.until,
    },
    what: 'transfer_sent',
    // What was left to an operator is followed again once he sends it.
    agenda: (agenda) =>
      findItem(agenda, 'transfer') === undefined ? follow(agenda, record.state, ctx.now) : agenda,
  });
}

function onSeen(
  record: TransferRecord,
  event: Extract<TransferEvent, { type: 'seen' }>,
  ctx: DecideContext,
): Decision<TransferRecord> {
  const { facts } = event;
  if (event.proof === 'none' && record.attempts > 0) {
    return ignored('already_sent');
  }
  const bill = record.transfer_bill_no;
  if (
    bill !== undefined &&
    facts.transfer_bill_no !== undefined &&
    facts.transfer_bill_no !== bill
  ) {
    return next(record, event, ctx, {
      what: 'another_transfer_bill_no',
      detail: facts.transfer_bill_no,
      alarm: 'transfer.another_bill_no',
    });
  }
  const done = isFinalTransfer(record.state);
  if (done && facts.state === record.state) return ignored('already_known');
  if (done && isFinalTransfer(facts.state)) {
    return next(record, event, ctx, {
      what: 'contradicting_end',
      detail: facts.state,
      alarm: 'transfer.contradicting_end',
      reason: `${record.state} ${facts.state}`,
    });
  }
  const newInfo = facts.package_info !== undefined && record.package_info !== facts.package_info;
  if (RANK[facts.state] < RANK[record.state] || (facts.state === record.state && !newInfo)) {
    return ignored('already_known', `${record.state} ${facts.state}`);
  }
  const { wechat, state, out_bill_no: _no, openid, transfer_amount: amount, ...rest } = facts;
  const differs = amount !== undefined && amount !== record.transfer_amount;
  const end = FINAL_EFFECT[state];
  // What was stopped here before it was ever sent was not accepted by anyone.
  const first = record.state === 'CREATED' && event.proof !== 'none';
  return next(drop(record, 'asking_until'), event, ctx, {
    to: state,
    patch: {
      ...rest,
      ...(record.payer === undefined && openid !== undefined ? { payer: openid } : {}),
      ...(wechat === undefined ? {} : { wechat }),
      ...(state === 'SUCCESS' && rest.update_time !== undefined
        ? { success_time: rest.update_time }
        : {}),
    },
    what: TRANSFER_LINE[state],
    effects: [...(first ? ['transfer.accepted' as const] : []), ...(end ? [end] : [])].map(
      transferEffect,
    ),
    agenda: (agenda) => follow(agenda, state, ctx.now),
    ...(differs ? { alarm: 'transfer.amount_differs' } : {}),
  });
}

function follow(
  agenda: readonly AgendaItem[],
  state: TransferState,
  now: number,
): readonly AgendaItem[] {
  if (isFinalTransfer(state)) return withoutItem(agenda, 'transfer');
  return withItem(agenda, { do: 'transfer', at: now + TRANSFER_FIRST_POLL_MS, tries: 0 });
}

/** What an event makes of a transfer; see `decide` of orders for the answers. */
export function decideTransfer(
  record: TransferRecord,
  event: TransferEvent,
  ctx: DecideContext,
): Decision<TransferRecord> {
  switch (event.type) {
    case 'attempt':
      return onAttempt(record, event, ctx);
    case 'unanswered':
      if (record.attempts !== event.attempt || record.asking_until === undefined) {
        return ignored('not_waiting');
      }
      return next(drop(record, 'asking_until'), event, ctx, {
        what: 'transfer_outcome_unknown',
      });
    case 'seen':
      return onSeen(record, event, ctx);
    case 'refused':
      if (record.state !== 'CREATED') return ignored('accepted_before');
      return next(answered(record, event.attempt), event, ctx, {
        what: 'transfer_refused',
        detail: event.code,
      });
    case 'unresolved':
      if (record.state !== 'CREATED') return ignored('accepted_before');
      return next(record, event, ctx, {
        what: 'transfer_unresolved',
        agenda: (agenda) => withoutItem(agenda, 'transfer'),
        alarm: 'transfer.unresolved',
      });
    case 'hinted':
      if (hintedLately(record, ctx.now)) return ignored('hinted_lately');
      return withoutHistory(
        record,
        next(record, event, ctx, { patch: { last_hint_at: ctx.now }, what: 'hint_followed' }),
      );
  }
}
