/** What proven payments make of a combination: it is paid in every part, or in none. Pure. */
import { ignored, next, type DecideContext, type Decision } from './decision';
import type { CombinationEvent, PaidPart } from './combinationEvents';
import { combinationEffect } from './effectData';
import { allRefunds, isPaidCombination, paidFen } from './combinationView';
import { contradicted, isPaidElsewhere, paidEffect, samePayment } from './orderPaying';
import { settled } from './orderPlan';
import type { CombinationRecord } from './record';
import { moneyState } from './refundMoney';

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
    if (payment.sub_mchid !== part.sub_mchid) return 'sub_mchid';
    if (payment.appid !== whole.appid) return 'appid';
    const named = whole.payer_named && payment.openid !== undefined;
    if (named && payment.openid !== whole.payer) return 'payer';
  }
  return undefined;
}

export function onPaid(
  whole: CombinationRecord,
  event: Extract<CombinationEvent, { type: 'paid' }>,
  ctx: DecideContext,
): Decision<CombinationRecord> {
  if (event.parts.length === 0) return ignored('no_part_paid');
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
      effects: [combinationEffect('order.mismatch')],
      alarm: 'order.mismatch',
      reason: mismatch,
    });
  }
  return next(elsewhere ? { ...record, refunded_elsewhere: true } : record, event, ctx, {
    to: moneyState(paidFen(parts), allRefunds(parts)),
    what: after ? 'paid_after_close' : 'paid',
    effects: [combinationEffect(paidEffect({ elsewhere, after }))],
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
    return next(whole, event, ctx, contradicted(whole.contradictions ?? [], others));
  }
  const elsewhere = event.parts.some(
    (told) =>
      told.refunded &&
      whole.sub_orders.some((p) => p.out_trade_no === told.out_trade_no && p.refunds.length === 0),
  );
  if (elsewhere && whole.refunded_elsewhere !== true) {
    return next({ ...whole, refunded_elsewhere: true }, event, ctx, {
      what: 'refunded_elsewhere',
      effects: [combinationEffect('order.refunded_elsewhere')],
    });
  }
  return ignored('same_payment');
}
