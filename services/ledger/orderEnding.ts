/** How an order ends unpaid: closed, or reversed (付款码). Pure. */
import { withItem } from './agenda';
import { conflict, drop, ignored, next } from './decision';
import { orderEffect } from './effectData';
import type { Handler } from './orderEvents';
import { mismatchOf } from './orderPaying';
import { isOpenState, QUERY_LADDER_MS, settled } from './orderPlan';
import { moneyState } from './refundMoney';
import type { AgendaItem } from './record';

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

export const onClosed: Handler<'closed'> = (record, event, ctx) => {
  if (record.state === 'CLOSED') return ignored('already_closed');
  // Closed without WeChat's word: only what WeChat does not hold.
  if (event.proof === 'none' && record.state !== 'PREPARED' && record.state !== 'REJECTED') {
    return ignored('asked_meanwhile');
  }
  if (record.payment !== undefined && record.state !== 'REVERSING') {
    const revoked = event.trade_state === 'REVOKED' && record.revoked_at === undefined;
    if (!revoked) return ignored('already_paid');
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
    effects: [orderEffect('order.closed')],
    agenda: event.trade_state === CLOSE_ACCEPTED ? withFinalCheck(ctx.now) : settled,
  });
};

export const onUnpaid: Handler<'unpaid'> = (record) => ignored('in_this_state', record.state);

export const onReversing: Handler<'reversing'> = (record, event, ctx) => {
  if (record.product !== 'codepay') return conflict('MOVE_FORBIDDEN', 'not_codepay');
  if (record.state === 'REVERSING') return ignored('being_reversed');
  if (event.onlyIfOpen === true && !isOpenState(record.state))
    return ignored('in_this_state', record.state);
  if (record.state === 'CLOSED' || record.state === 'PREPARED') {
    return conflict('ORDER_CLOSED', 'in_this_state', record.state);
  }
  if (record.refunds.some((r) => r.status !== 'CLOSED')) {
    return conflict('MOVE_FORBIDDEN', 'refunds_exist');
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
export const onReversalOver: Handler<'reversal_over'> = (record, event, ctx) => {
  const { payment, state, refunds } = record;
  if (state !== 'REVERSING' || payment === undefined) return ignored('in_this_state', state);
  const mismatch = mismatchOf(record, payment);
  return next(drop(record, 'reversing_at'), event, ctx, {
    to: mismatch === undefined ? moneyState(payment.total, refunds) : 'MISMATCH',
    what: 'not_reversed',
    agenda: settled,
    alarm: 'order.not_reversed',
  });
};
