/**
 * Requests of API v2 that move money, as flat objects; the strategy makes XML of them. What it calls otherwise than
 * v3 is said here once: description → body, notify times in 14 digits, objects as JSON texts.
 */
import type { ChargeDraft, DialectSettings, OrderDraft, RefundDraft } from '../dialect';
import { asObject, asText } from '../readFacts';
import { V2_PATHS } from '../../strategies/v2/v2Paths';
import type { WechatRequest } from '../../ledger/record';
import { ValidationError } from '../../../utils/errors';
import { toCompactTime } from '../../../utils/time';
import type { Json } from '../../../utils/json';

export const TRADE_TYPES = { jsapi: 'JSAPI', h5: 'MWEB', native: 'NATIVE', app: 'APP' } as const;

/** In UTF-8 bytes. Where v3 allows more, this is what counts. */
const BYTES_MAX = { attach: 127, detail: 6000, scene_info: 256, refund_desc: 80 } as const;

export const FUNDS: Readonly<Record<string, string>> = {
  AVAILABLE: 'REFUND_SOURCE_RECHARGE_FUNDS',
  UNSETTLED: 'REFUND_SOURCE_UNSETTLED_FUNDS',
};

/** JSON leaves out what is undefined. */
export const postV2 = (path: string, body: Json): WechatRequest => ({
  method: 'POST',
  path,
  body: JSON.stringify(body),
});

export const v2Order = (draft: OrderDraft, settings: DialectSettings): WechatRequest =>
  postV2(V2_PATHS.order, {
    appid: draft.appid,
    mch_id: settings.mchid,
    ...goodsOf(draft.extra),
    device_info: asText(draft.scene?.device_id),
    body: draft.description,
    attach: within('attach', draft.attach),
    out_trade_no: draft.no,
    total_fee: draft.total,
    fee_type: 'CNY',
    spbill_create_ip: asText(draft.scene?.payer_client_ip) ?? addressOf(draft.address, settings),
    time_expire: toCompactTime(draft.expires_at),
    notify_url: settings.payNotifyUrl,
    trade_type: TRADE_TYPES[draft.product],
    openid: draft.product === 'jsapi' ? draft.openid : undefined,
    product_id: draft.product === 'native' ? draft.no : undefined,
    scene_info: sceneOf(draft.scene),
  });

export function v2Charge(draft: ChargeDraft, settings: DialectSettings): WechatRequest {
  const { fields } = draft;
  const scene = asObject(fields.scene_info);
  return postV2(V2_PATHS.charge, {
    appid: draft.appid,
    mch_id: settings.mchid,
    ...goodsOf(fields),
    device_info: asText(scene?.device_id),
    body: fields.description,
    attach: within('attach', asText(fields.attach)),
    out_trade_no: draft.no,
    total_fee: draft.total,
    fee_type: 'CNY',
    spbill_create_ip: asText(scene?.device_ip) ?? addressOf(undefined, settings),
    auth_code: asObject(fields.payer)?.auth_code,
    scene_info: sceneOf(scene),
  });
}

/** Of a row that somebody else may have written: only an app of ours is named. */
export const ownAppid = (
  { appids }: Pick<DialectSettings, 'appids'>,
  appid: string | undefined,
): string | undefined => (appid !== undefined && appids.includes(appid) ? appid : appids[0]);

export const v2Refund = (
  account: Json,
  draft: RefundDraft,
  settings: DialectSettings,
): WechatRequest =>
  postV2(V2_PATHS.refund, {
    ...account,
    transaction_id: draft.transaction_id,
    out_refund_no: draft.out_refund_no,
    total_fee: draft.total,
    refund_fee: draft.refund,
    refund_fee_type: 'CNY',
    refund_desc: within('refund_desc', draft.reason),
    refund_account: draft.funds_account === undefined ? undefined : FUNDS[draft.funds_account],
    notify_url: settings.refundNotifyUrl,
  });

/** WeChat wants one in every order. */
const addressOf = (address: string | undefined, { ownAddress }: DialectSettings): string =>
  address ?? ownAddress ?? '127.0.0.1';

/** What an operator may add to an order, under its names here. */
function goodsOf(extra: Json): Json {
  const { detail, goods_tag, limit_pay, settle_info, support_fapiao } = extra;
  return {
    detail: within('detail', detailOf(asObject(detail))),
    goods_tag,
    limit_pay: Array.isArray(limit_pay) ? limit_pay.join(',') : undefined,
    profit_sharing: asObject(settle_info)?.profit_sharing === true ? 'Y' : undefined,
    receipt: support_fapiao === true ? 'Y' : undefined,
  };
}

function detailOf(detail: Json | undefined): string | undefined {
  if (detail === undefined) return undefined;
  const { cost_price, invoice_id: receipt_id, goods_detail } = detail;
  const goods = Array.isArray(goods_detail) ? (goods_detail as readonly Json[]) : undefined;
  return JSON.stringify({
    cost_price,
    receipt_id,
    goods_detail: goods?.map((one) => ({
      goods_id: one.merchant_goods_id,
      wxpay_goods_id: one.wechatpay_goods_id ?? one.wxpay_goods_id,
      goods_name: one.goods_name,
      quantity: one.quantity,
      price: one.unit_price,
    })),
  });
}

function sceneOf(scene: Json | undefined): string | undefined {
  const h5 = asObject(scene?.h5_info);
  const store = asObject(scene?.store_info);
  if (h5 === undefined && store === undefined) return undefined;
  const wap = h5?.type !== 'iOS' && h5?.type !== 'Android';
  const text = JSON.stringify({
    h5_info:
      h5 === undefined
        ? undefined
        : {
            // Spelled in capitals here.
            type: h5.type === 'iOS' ? 'IOS' : h5.type,
            ...(wap ? { wap_url: h5.app_url, wap_name: h5.app_name } : { app_name: h5.app_name }),
            bundle_id: h5.bundle_id,
            package_name: h5.package_name,
          },
    store_info: store,
  });
  return within('scene_info', text);
}

function within(name: keyof typeof BYTES_MAX, text: string | undefined): string | undefined {
  const max = BYTES_MAX[name];
  if (text === undefined || Buffer.byteLength(text) <= max) return text;
  throw new ValidationError('PARAM_INVALID', {
    detail: `${name} 在 API v2 中最多 ${String(max)} 字节 / has at most ${String(max)} bytes in API v2`,
  });
}
