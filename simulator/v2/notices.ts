import { TRADE_TYPE, type Order } from '../orders';
import type { Refund } from '../refunds';
import { compactTime } from '../time';
import type { Message } from '../types';
import type { World } from '../world';
import { noticeFields } from './refunds';
import { seal, sign, type SignType } from './sign';
import { parseXml, xmlText, type Fields } from './xml';

const HEADERS = { 'Content-Type': 'text/xml', Accept: '*/*', 'User-Agent': 'Mozilla/4.0' };

/** What a query, a payment code and a notification say of a payment. */
export function paymentFields(order: Order): Record<string, string> {
  const { payment } = order;
  if (payment === undefined) return {};
  const coupon = order.total - payment.payer_total;
  return {
    openid: payment.openid,
    is_subscribe: 'N',
    trade_type: TRADE_TYPE[order.product],
    bank_type: payment.bank_type,
    total_fee: String(order.total),
    fee_type: 'CNY',
    cash_fee: String(payment.payer_total),
    cash_fee_type: 'CNY',
    ...(coupon === 0
      ? {}
      : {
          coupon_fee: String(coupon),
          coupon_count: '1',
          coupon_fee_0: String(coupon),
          coupon_id_0: '10000',
        }),
    transaction_id: payment.transaction_id,
    out_trade_no: order.out_trade_no,
    ...(order.attach === undefined ? {} : { attach: order.attach }),
    time_end: compactTime(payment.atMs),
  };
}

export const paymentXml = (world: World, order: Order): Message =>
  paymentNotice(world, { ...paymentFields(order), appid: order.appid }, order.api);

export const refundXml = (world: World, refund: Refund): Message =>
  refundNotice(world, noticeFields(refund));

/** A genuine payment notice; `over` replaces fields before it is signed. */
export function paymentNotice(
  world: World,
  payment: Fields,
  { type = 'MD5', over = {} }: { readonly type?: SignType; readonly over?: Fields } = {},
): Message {
  const fields: Fields = {
    return_code: 'SUCCESS',
    appid: world.appid,
    mch_id: world.mchid,
    nonce_str: world.random.text(32),
    result_code: 'SUCCESS',
    ...payment,
    ...over,
  };
  const signed = { ...fields, sign: sign(fields, world.keys.apiKeyV2, type) };
  return { body: xmlText(signed), headers: HEADERS };
}

/** Not signed anywhere: only its ciphertext says whose key made it. */
export function refundNotice(world: World, inner: Fields, over: Fields = {}): Message {
  const fields: Fields = {
    return_code: 'SUCCESS',
    appid: world.appid,
    mch_id: world.mchid,
    nonce_str: world.random.text(32),
    req_info: seal(xmlText(inner, 'root'), world.keys.apiKeyV2),
    ...over,
  };
  return { body: xmlText(fields), headers: HEADERS };
}

/** Nothing but this XML ends the repeats: JSON, a bare word and HTML count as failure. */
export const isAcknowledged = (body: string): boolean => parseXml(body)?.return_code === 'SUCCESS';
