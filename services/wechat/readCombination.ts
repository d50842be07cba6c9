/** Reads WeChat's proven answers and notifications about a combination. All parts are paid, or none is. */
import type { From } from './dialect';
import { asObject, asText, OPEN_TRADES, OVER_TRADES, paymentIn } from './readFacts';
import type { PaidPart } from '../ledger/combinationState';
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
  const { total_amount: total, payer_amount: payer_total, currency } = asObject(sub.amount) ?? {};
  const openid = asObject(body.combine_payer_info)?.openid;
  const appid = body.combine_appid;
  const payment = paymentIn(sub, { total, payer_total, currency, appid, openid }, from);
  const out_trade_no = asText(sub.out_trade_no);
  if (payment === undefined || out_trade_no === undefined) return undefined;
  return { out_trade_no, payment, refunded: sub.trade_state === 'REFUND' };
}
