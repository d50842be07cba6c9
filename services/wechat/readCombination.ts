/** Reads WeChat's proven answers and notifications about a combination. All parts are paid, or none is. */
import type { From } from './dialect';
import { asObject, asText, OPEN_TRADES, OVER_TRADES, readCoupons } from './readFacts';
import type { PaidPart } from '../ledger/combinationState';
import type { Payment } from '../ledger/record';
import { exactOptional } from '../../utils/exactOptional';
import { isFen } from '../../utils/money';
import type { Json } from '../../utils/json';

const PAID = new Set(['SUCCESS', 'REFUND']);

/** What a proven combination object says. All parts are paid or none: anything else is not understood. */
export type CombinationFacts =
  | { readonly is: 'paid'; readonly parts: readonly PaidPart[] }
  | { readonly is: 'closed' | 'unpaid'; readonly trade_state: string };

/** @returns undefined for a shape or state we do not understand: unknown, never a guess. */
export function readCombination(body: Json, from: From): CombinationFacts | undefined {
  const subs = partsOf(body);
  const states = subs.map((sub) => asText(sub?.trade_state) ?? '');
  const [first] = states;
  if (first === undefined) return undefined;
  if (states.every((state) => PAID.has(state))) {
    const parts = subs.map((sub) => (sub === undefined ? undefined : readPart(sub, body, from)));
    return parts.every((part) => part !== undefined) ? { is: 'paid', parts } : undefined;
  }
  if (states.every((state) => OVER_TRADES.has(state))) return { is: 'closed', trade_state: first };
  if (states.some((state) => PAID.has(state))) return undefined;
  const open = states.find((state) => OPEN_TRADES.has(state));
  const known = states.every((state) => OPEN_TRADES.has(state) || OVER_TRADES.has(state));
  return open !== undefined && known ? { is: 'unpaid', trade_state: open } : undefined;
}

export const partsOf = (body: Json): readonly (Json | undefined)[] =>
  Array.isArray(body.sub_orders) ? body.sub_orders.map((sub: unknown) => asObject(sub)) : [];

function readPart(sub: Json, body: Json, from: From): PaidPart | undefined {
  const amount = asObject(sub.amount);
  const total = amount?.total_amount;
  const payer_total = amount?.payer_amount;
  const out_trade_no = asText(sub.out_trade_no);
  const transaction_id = asText(sub.transaction_id);
  const appid = asText(body.combine_appid);
  const mchid = asText(sub.mchid);
  if (!isFen(total) || total < 1 || out_trade_no === undefined) return undefined;
  if (transaction_id === undefined || appid === undefined || mchid === undefined) return undefined;
  const payment = exactOptional<Payment>({
    transaction_id,
    total,
    currency: asText(amount?.currency) ?? 'CNY',
    appid,
    mchid,
    sub_mchid: asText(sub.sub_mchid),
    payer_total: isFen(payer_total) ? payer_total : undefined,
    openid: asText(asObject(body.combine_payer_info)?.openid),
    trade_type: asText(sub.trade_type),
    bank_type: asText(sub.bank_type),
    success_time: asText(sub.success_time),
    promotion_detail: readCoupons(sub.promotion_detail),
    ...from,
  });
  return { out_trade_no, payment, refunded: sub.trade_state === 'REFUND' };
}
