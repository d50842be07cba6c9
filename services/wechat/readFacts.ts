/**
 * Reads WeChat's proven answers and notifications: from its JSON to facts a record understands.
 * A shape we do not understand is `undefined`, never a guess: WeChat's fields may grow, ours must be there.
 */
import type { From, PayerFacts } from './dialect';
import type { Payment, RefundAmounts } from '../ledger/record';
import type { RefundFacts } from '../ledger/refundSeen';
import type { TransferFacts } from '../ledger/transferState';
import { TRANSFER_STATES, type TransferState } from '../ledger/record';
import { exactOptional } from '../../utils/exactOptional';
import { isFen } from '../../utils/money';
import type { Json } from '../../utils/json';

export const asObject = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Json)
    : undefined;

export const asText = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

/** For facts that are merged into known ones: no key at all, since `undefined` would overwrite the known value. */
const optional = <K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> =>
  value === undefined ? {} : ({ [key]: value } as Record<K, V>);

/** What a proven transaction object says: paid, over, or still open. */
export type TransactionFacts =
  | { readonly is: 'paid'; readonly payment: Payment; readonly refunded: boolean }
  | { readonly is: 'closed' | 'unpaid'; readonly trade_state: string };

export const OVER_TRADES: ReadonlySet<string> = new Set(['CLOSED', 'REVOKED', 'PAYERROR']);
/** What may yet be paid. */
export const OPEN_TRADES: ReadonlySet<string> = new Set(['NOTPAY', 'USERPAYING', 'ACCEPT']);

/**
 * @param from how it was proven and where it came from; kept with the payment.
 * @returns undefined for an unknown trade_state or missing facts: treat as unknown, alarm.
 */
export function readTransaction(body: Json, from: From): TransactionFacts | undefined {
  const state = asText(body.trade_state);
  if (state === undefined) return undefined;
  if (OVER_TRADES.has(state)) return { is: 'closed', trade_state: state };
  if (OPEN_TRADES.has(state)) return { is: 'unpaid', trade_state: state };
  if (state !== 'SUCCESS' && state !== 'REFUND') return undefined;
  const payment = readPayment(body, from);
  return payment === undefined ? undefined : { is: 'paid', payment, refunded: state === 'REFUND' };
}

/** Items kept of a promotion_detail; WeChat allows far fewer. */
const COUPONS_MAX = 100;

/** Coupons as WeChat states them; undefined where there are none. */
function readCoupons(value: unknown): readonly Json[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: readonly unknown[] = value.slice(0, COUPONS_MAX);
  const coupons = items.map(asObject).filter((one) => one !== undefined);
  return coupons.length === 0 ? undefined : coupons;
}

const REFUND_AMOUNTS = [
  'payer_total',
  'payer_refund',
  'settlement_total',
  'settlement_refund',
  'discount_refund',
  'refund_fee',
] as const satisfies readonly (keyof RefundAmounts)[];

/** What WeChat states of a refund besides its amount; undefined where it states nothing. */
function readRefundAmounts(amount: Json | undefined): RefundAmounts | undefined {
  const stated = REFUND_AMOUNTS.flatMap((name) => {
    const fen = amount?.[name];
    return isFen(fen) ? [[name, fen] as const] : [];
  });
  return stated.length === 0 ? undefined : Object.fromEntries(stated);
}

function readPayment(body: Json, from: From): Payment | undefined {
  const { total, payer_total, currency } = asObject(body.amount) ?? {};
  const openid = asObject(body.payer)?.openid;
  return paymentIn(body, { total, payer_total, currency, appid: body.appid, openid }, from);
}

/** What a transaction and a part of a combination state under different names. */
interface Stated {
  readonly total: unknown;
  readonly payer_total: unknown;
  readonly currency: unknown;
  readonly appid: unknown;
  readonly openid: unknown;
}

/** @returns undefined where one of the facts is missing that identify a payment. */
export function paymentIn(body: Json, stated: Stated, from: From): Payment | undefined {
  const { total, payer_total } = stated;
  const transaction_id = asText(body.transaction_id);
  const appid = asText(stated.appid);
  const mchid = asText(body.mchid);
  if (!isFen(total) || total < 1) return undefined;
  if (transaction_id === undefined || appid === undefined || mchid === undefined) return undefined;
  return exactOptional<Payment>({
    transaction_id,
    total,
    currency: asText(stated.currency) ?? 'CNY',
    appid,
    mchid,
    sub_mchid: asText(body.sub_mchid),
    payer_total: isFen(payer_total) ? payer_total : undefined,
    openid: asText(stated.openid),
    trade_type: asText(body.trade_type),
    bank_type: asText(body.bank_type),
    success_time: asText(body.success_time),
    promotion_detail: readCoupons(body.promotion_detail),
    source: from.source,
    proof: from.proof,
  });
}

/** Of a transaction or a combination. */
export const readPayer = (body: Json): PayerFacts => ({
  appid: asText(body.appid) ?? asText(body.combine_appid),
  openid: asText((asObject(body.payer) ?? asObject(body.combine_payer_info))?.openid),
});

/** v2's words are still seen in older documents. */
const REFUND_WORDS: Readonly<Record<string, RefundFacts['status']>> = {
  SUCCESS: 'SUCCESS',
  CLOSED: 'CLOSED',
  PROCESSING: 'PROCESSING',
  ABNORMAL: 'ABNORMAL',
  CHANGE: 'ABNORMAL',
  REFUNDCLOSE: 'CLOSED',
};

export const refundStatusOf = (word: string | undefined): RefundFacts['status'] | undefined =>
  word !== undefined && Object.hasOwn(REFUND_WORDS, word) ? REFUND_WORDS[word] : undefined;

/** A refund object: reply of refund and refund query (`status`) or notification (`refund_status`). */
export function readRefund(body: Json): RefundFacts | undefined {
  const status = refundStatusOf(asText(body.refund_status) ?? asText(body.status));
  const amount = asObject(body.amount);
  const out_refund_no = asText(body.out_refund_no);
  const refund = amount?.refund;
  const total = amount?.total;
  if (status === undefined || out_refund_no === undefined) return undefined;
  if (!isFen(refund) || refund < 1 || !isFen(total) || total < 1) return undefined;
  return {
    out_refund_no,
    status,
    refund,
    total,
    ...optional('transaction_id', asText(body.transaction_id)),
    ...optional('refund_id', asText(body.refund_id)),
    ...optional('success_time', asText(body.success_time)),
    ...optional('user_received_account', asText(body.user_received_account)),
    ...optional('amounts', readRefundAmounts(amount)),
    ...optional('promotion_detail', readCoupons(body.promotion_detail)),
    wechat: body,
  };
}

/** A transfer object: reply of create, query and cancel, or notification. */
export function readTransfer(body: Json): TransferFacts | undefined {
  const out_bill_no = asText(body.out_bill_no);
  const state = TRANSFER_STATES.find((known) => known === body.state);
  if (out_bill_no === undefined || state === undefined || state === 'CREATED') return undefined;
  const amount = body.transfer_amount;
  return {
    out_bill_no,
    state: state satisfies Exclude<TransferState, 'CREATED'>,
    ...optional('transfer_bill_no', asText(body.transfer_bill_no)),
    ...optional('transfer_amount', isFen(amount) ? amount : undefined),
    ...optional('openid', asText(body.openid)),
    ...optional('package_info', asText(body.package_info)),
    ...optional('fail_reason', asText(body.fail_reason)),
    ...optional('update_time', asText(body.update_time)),
    wechat: withoutName(body),
  };
}

/** user_name comes back encrypted for us; nobody needs it stored. */
function withoutName(body: Json): Json {
  const { user_name: _name, ...rest } = body;
  return rest;
}
