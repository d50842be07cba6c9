/**
 * API v2's flat texts in the shapes of v3: what is read, recorded and answered is the same in both versions. A value
 * that cannot be read is left out, so that the facts are incomplete for every reader that needs it.
 */
import { asObject, asText, refundStatusOf } from '../readFacts';
import type { Json } from '../../../utils/json';

const FEN = /^\d{1,10}$/;
const COUPONS_MAX = 100;

/** Digits as v2 writes them: anything else is no amount. */
const fen = (value: unknown): number | undefined =>
  typeof value === 'string' && FEN.test(value) ? Number(value) : undefined;

/** Without what is undefined: a reply names only what WeChat named. */
const known = (fields: Json): Json =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** `yyyyMMddHHmmss` → RFC 3339, Beijing time. */
export function timeOf(text: unknown): string | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(asText(text) ?? '');
  if (parts === null) return undefined;
  const [, year, month, day, hour, minute, second] = parts;
  return `${year ?? ''}-${month ?? ''}-${day ?? ''}T${hour ?? ''}:${minute ?? ''}:${second ?? ''}+08:00`;
}

/** `yyyy-MM-dd HH:mm:ss` → RFC 3339, Beijing time. */
const writtenTimeOf = (text: unknown): string | undefined =>
  /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(asText(text) ?? '')
    ? `${(text as string).replace(' ', 'T')}+08:00`
    : undefined;

/** @param state  Where the answer itself names none: a payment code's, or a notification, which comes of success alone. */
export function transactionOf(fields: Json, state?: string): Json {
  const total = fen(fields.total_fee);
  const openid = asText(fields.openid);
  return known({
    appid: asText(fields.appid),
    mchid: asText(fields.mch_id),
    out_trade_no: asText(fields.out_trade_no),
    transaction_id: asText(fields.transaction_id),
    trade_type: asText(fields.trade_type),
    trade_state: asText(fields.trade_state) ?? state,
    trade_state_desc: asText(fields.trade_state_desc),
    bank_type: asText(fields.bank_type),
    attach: asText(fields.attach),
    success_time: timeOf(fields.time_end),
    payer: openid === undefined ? undefined : { openid },
    amount:
      total === undefined
        ? undefined
        : known({
            total,
            payer_total: fen(fields.cash_fee),
            currency: asText(fields.fee_type) ?? 'CNY',
            payer_currency: asText(fields.cash_fee_type),
          }),
    scene_info:
      asText(fields.device_info) === undefined ? undefined : { device_id: fields.device_info },
    promotion_detail: couponsOf(fields),
  });
}

/** As a JSON text, or as numbered elements. */
function couponsOf(fields: Json): readonly Json[] | undefined {
  const told = detailsIn(asText(fields.promotion_detail));
  if (told !== undefined) return told;
  const count = Math.min(fen(fields.coupon_count) ?? 0, COUPONS_MAX);
  const coupons = Array.from({ length: count }, (_, n) =>
    known({
      coupon_id: asText(fields[`coupon_id_${String(n)}`]),
      type: asText(fields[`coupon_type_${String(n)}`]),
      amount: fen(fields[`coupon_fee_${String(n)}`]),
    }),
  );
  return coupons.length === 0 ? undefined : coupons;
}

function detailsIn(text: string | undefined): readonly Json[] | undefined {
  if (text === undefined) return undefined;
  try {
    const list: unknown = asObject(JSON.parse(text))?.promotion_detail;
    if (!Array.isArray(list)) return undefined;
    return (list as readonly unknown[]).slice(0, COUPONS_MAX).flatMap((item) => {
      const one = asObject(item);
      return one === undefined ? [] : [known({ coupon_id: one.promotion_id, ...one })];
    });
  } catch {
    return undefined;
  }
}

/** What was accepted: WeChat says no more than that. */
export const acceptedRefundOf = (fields: Json): Json => ({
  ...refundNumbers(fields),
  status: 'PROCESSING',
  amount: refundAmount(fields, ''),
});

/** The refund that was asked for, of those that the answer lists. */
export function queriedRefundOf(fields: Json, outRefundNo: string): Json {
  const listed = Object.entries(fields).find(
    ([name, value]) => /^out_refund_no_\d+$/.test(name) && value === outRefundNo,
  );
  const n = listed === undefined ? '' : listed[0].slice('out_refund_no'.length);
  const of = (name: string): string | undefined => asText(fields[`${name}${n}`]);
  return known({
    ...refundNumbers(fields),
    refund_id: of('refund_id'),
    out_refund_no: of('out_refund_no'),
    channel: of('refund_channel'),
    status: refundStatusOf(of('refund_status')),
    success_time: writtenTimeOf(of('refund_success_time')),
    // WeChat spells it so.
    user_received_account: of('refund_recv_accout'),
    amount: refundAmount(fields, n),
  });
}

/** What a refund notice says inside. It is not signed: it only says what to ask about. */
export const noticedRefundOf = (fields: Json): Json =>
  known({
    mchid: asText(fields.mch_id),
    ...refundNumbers(fields),
    refund_status: refundStatusOf(asText(fields.refund_status)),
    success_time: writtenTimeOf(fields.success_time),
    user_received_account: asText(fields.refund_recv_accout),
    amount: refundAmount(fields, ''),
  });

const refundNumbers = (fields: Json): Json =>
  known({
    refund_id: asText(fields.refund_id),
    out_refund_no: asText(fields.out_refund_no),
    transaction_id: asText(fields.transaction_id),
    out_trade_no: asText(fields.out_trade_no),
  });

/** @param n  `_0` and so on where the answer lists refunds. */
const refundAmount = (fields: Json, n: string): Json =>
  known({
    refund: fen(fields[`refund_fee${n}`]),
    total: fen(fields.total_fee),
    payer_total: fen(fields.cash_fee),
    payer_refund: fen(fields[`cash_refund_fee${n}`]),
    settlement_refund: fen(fields[`settlement_refund_fee${n}`]),
    settlement_total: fen(fields.settlement_total_fee),
    discount_refund: fen(fields[`coupon_refund_fee${n}`]),
    currency: asText(fields.fee_type) ?? 'CNY',
  });
