/** What a proven payment makes of its order. Pure. A contradicting one is kept and alarmed: its money is real. */
import { conflict, drop, ignored, next, type Change } from './decision';
import { orderEffect } from './effectData';
import type { Handler } from './orderEvents';
import { settled } from './orderPlan';
import { productOf } from './products';
import type { EffectType, OrderRecord, Payment } from './record';
import { moneyState } from './refundMoney';

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
  if (payment.sub_mchid !== record.sub_mchid) return 'sub_mchid';
  if (payment.appid !== record.appid) return 'appid';
  if (record.payer_named && payment.openid !== undefined && payment.openid !== record.payer) {
    return 'payer';
  }
  return undefined;
}

export const samePayment = (a: Payment, b: Payment): boolean =>
  a.transaction_id === b.transaction_id && a.total === b.total;

/** An order that was not made here is never `order.paid`: its delivery is the other system's. */
export function paidEffect(how: {
  readonly adopted?: boolean;
  readonly elsewhere: boolean;
  readonly after: boolean;
}): EffectType {
  if (how.adopted === true) return 'order.adopted';
  if (how.elsewhere) return 'order.refunded_elsewhere';
  return how.after ? 'order.paid_after_close' : 'order.paid';
}

export const onPaid: Handler<'paid'> = (record, event, ctx) => {
  if (event.api !== undefined && event.api !== (record.api ?? 'v3')) {
    return conflict('NOTIFICATION_REFUSED', 'other_version');
  }
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
      effects: [orderEffect('order.mismatch')],
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
    effects: [orderEffect(paidEffect({ adopted, elsewhere, after }))],
    agenda: settled,
    ...(after ? { alarm: 'order.paid_after_close' } : {}),
  });
};

const onPaidAgain: Handler<'paid'> = (record, event, ctx) => {
  const known = [record.payment, ...record.contradictions];
  if (!known.some((p) => p !== undefined && samePayment(p, event.payment))) {
    return next(record, event, ctx, contradicted(record.contradictions, [event.payment]));
  }
  // The reversal gave it back: that is not elsewhere.
  if (record.reversing_at !== undefined) return ignored('reversal_gave_back');
  if (event.refunded && record.refunds.length === 0 && record.refunded_elsewhere !== true) {
    return next(record, event, ctx, {
      patch: { refunded_elsewhere: true },
      what: 'refunded_elsewhere',
      effects: [orderEffect('order.refunded_elsewhere')],
    });
  }
  return ignored('same_payment');
};

/** Contradicting payments that a record keeps. */
const CONTRADICTIONS_MAX = 20;

type Contradicted = Pick<Change<OrderRecord>, 'what' | 'detail' | 'alarm' | 'reason'> & {
  readonly patch: { readonly contradictions: readonly Payment[] };
};

/** What contradicting payments change. What is not kept any more stands in the line of history, and in the alarm. */
export function contradicted(known: readonly Payment[], more: readonly Payment[]): Contradicted {
  const room = Math.max(0, CONTRADICTIONS_MAX - known.length);
  const ids = more.map(({ transaction_id }) => transaction_id).join(' ');
  const patch = { contradictions: [...known, ...more.slice(0, room)] };
  if (more.length <= room) {
    return { patch, what: 'contradicting_payment', detail: ids, alarm: 'order.second_payment' };
  }
  const lost = more.map(({ transaction_id, total }) => `${transaction_id} ${String(total)}`);
  const reason = lost.join(' ');
  const alarm = 'order.contradictions_full';
  return { patch, what: 'contradiction_not_kept', detail: reason, alarm, reason };
}
