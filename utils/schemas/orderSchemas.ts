/** Bodies of the order routes. What costs or commits the merchant is not in the payer's schemas. */
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import {
  subMchid,
  attach,
  detailOf,
  goodsOf,
  goodsTag,
  ip,
  outTradeNo,
  payer,
  publicIp,
  rfc3339,
  settleInfo,
  supportFapiao,
  text,
  total,
  transactionId,
  useServiceAccount,
} from './parts';
import { deviceId, h5Info, scene, storeInfo } from './sceneParts';
import { both } from './words';

const places = { device_id: deviceId(32), store_info: storeInfo, h5_info: h5Info } as const;

const sceneInfo = {
  ...scene('Where it is bought', '支付场景'),
  required: ['payer_client_ip'],
  properties: { payer_client_ip: ip, ...places },
} as const satisfies JSONSchema;

const h5SceneInfo = {
  ...scene('The browser that pays', '支付场景（浏览器）'),
  required: ['payer_client_ip', 'h5_info'],
  properties: { payer_client_ip: publicIp, ...places },
} as const satisfies JSONSchema;

/** A payer's browser may leave its address out where a trusted proxy says it (`orders/scene.ts`). */
const payerSceneInfo = {
  ...scene('Where it is bought', '支付场景'),
  properties: { payer_client_ip: ip, ...places },
} as const satisfies JSONSchema;

const payerH5SceneInfo = {
  ...scene(
    'The browser that pays; its address may be left out behind a trusted proxy',
    '支付场景（浏览器）；在可信代理之后可不填 IP',
  ),
  required: ['h5_info'],
  properties: { payer_client_ip: publicIp, ...places },
} as const satisfies JSONSchema;

const payerFields = {
  out_trade_no: outTradeNo,
  sub_mchid: subMchid,
  description: text(
    127,
    'What is bought, as the payer sees it; may be left out for a prepared number',
    '商品描述，展示给用户；预下单的单号可不填',
  ),
  amount: total,
  attach,
  useServiceAccount,
  payer,
} as const;

const merchantFields = {
  time_expire: rfc3339,
  goods_tag: goodsTag,
  detail: detailOf(goodsOf('wechatpay_goods_id')),
  settle_info: settleInfo,
  limit_pay: {
    type: 'array',
    minItems: 1,
    maxItems: 4,
    description: both('Ways of paying that are refused', '指定不可用（或仅可用）的支付方式'),
    items: { type: 'string', enum: ['no_balance', 'no_credit', 'no_debit', 'balance_only'] },
  },
  support_fapiao: supportFapiao,
} as const;

/** description and amount may be left out only for a number that the merchant prepared. */
export const orderPayerSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['out_trade_no'],
  properties: { ...payerFields, scene_info: payerSceneInfo },
} as const satisfies JSONSchema;

export const orderOperatorSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['out_trade_no'],
  properties: { ...payerFields, ...merchantFields, scene_info: sceneInfo },
} as const satisfies JSONSchema;

export const h5PayerSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['out_trade_no', 'scene_info'],
  properties: { ...payerFields, scene_info: payerH5SceneInfo },
} as const satisfies JSONSchema;

export const h5OperatorSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['out_trade_no', 'scene_info'],
  properties: { ...payerFields, ...merchantFields, scene_info: h5SceneInfo },
} as const satisfies JSONSchema;

export const prepareSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['out_trade_no', 'description', 'amount'],
  properties: {
    ...payerFields,
    ...merchantFields,
    expire_minutes: {
      type: 'integer',
      minimum: 1,
      maximum: 10080,
      description: both(
        'How long the payer has, in minutes: to come, and then to pay',
        '用户来付款的时限，以及下单后的支付时限，单位：分钟',
      ),
    },
  },
} as const satisfies JSONSchema;

export const outTradeNoSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['out_trade_no'],
  properties: { out_trade_no: outTradeNo },
} as const satisfies JSONSchema;

export const transactionIdSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['transaction_id'],
  properties: { transaction_id: transactionId },
} as const satisfies JSONSchema;

export type OrderBody = FromSchema<typeof orderOperatorSchema>;
export type PrepareBody = FromSchema<typeof prepareSchema>;
export type OutTradeNoBody = FromSchema<typeof outTradeNoSchema>;
export type TransactionIdBody = FromSchema<typeof transactionIdSchema>;
