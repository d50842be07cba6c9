/** Bodies of the order routes. What costs or commits the merchant is not in the payer's schemas. */
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import {
  currency,
  fen,
  ip,
  openid,
  outTradeNo,
  publicIp,
  rfc3339,
  text,
  transactionId,
} from './parts';

const amount = {
  type: 'object',
  additionalProperties: false,
  required: ['total'],
  properties: { total: fen, currency },
} as const satisfies JSONSchema;

const payer = {
  type: 'object',
  additionalProperties: false,
  required: ['openid'],
  properties: { openid },
} as const satisfies JSONSchema;

const storeInfo = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id: text(32), name: text(256), area_code: text(32), address: text(512) },
} as const satisfies JSONSchema;

const h5Info = {
  type: 'object',
  additionalProperties: false,
  required: ['type'],
  properties: {
    // iOS, Android, Wap, and what else WeChat takes.
    type: text(32),
    app_name: text(64),
    app_url: text(128),
    bundle_id: text(128),
    package_name: text(128),
  },
} as const satisfies JSONSchema;

const scene = { device_id: text(32), store_info: storeInfo, h5_info: h5Info } as const;

const sceneInfo = {
  type: 'object',
  additionalProperties: false,
  required: ['payer_client_ip'],
  properties: { payer_client_ip: ip, ...scene },
} as const satisfies JSONSchema;

const h5SceneInfo = {
  type: 'object',
  additionalProperties: false,
  required: ['payer_client_ip', 'h5_info'],
  properties: { payer_client_ip: publicIp, ...scene },
} as const satisfies JSONSchema;

/** A payer's browser may leave its address out where a trusted proxy says it (`orders/scene.ts`). */
const payerSceneInfo = {
  type: 'object',
  additionalProperties: false,
  properties: { payer_client_ip: ip, ...scene },
} as const satisfies JSONSchema;

const payerH5SceneInfo = {
  type: 'object',
  additionalProperties: false,
  required: ['h5_info'],
  properties: { payer_client_ip: publicIp, ...scene },
} as const satisfies JSONSchema;

const goodsDetail = {
  type: 'object',
  additionalProperties: false,
  required: ['merchant_goods_id', 'quantity', 'unit_price'],
  properties: {
    merchant_goods_id: text(32),
    wechatpay_goods_id: text(32),
    goods_name: text(256),
    quantity: { type: 'integer', minimum: 1, maximum: 1000000 },
    unit_price: fen,
  },
} as const satisfies JSONSchema;

/** WeChat's bound on the whole of `detail`. */
const DETAIL_BYTES = { maxBytes: 6144 } as const;

const detail = {
  type: 'object',
  ...DETAIL_BYTES,
  additionalProperties: false,
  properties: {
    cost_price: fen,
    invoice_id: text(32),
    goods_detail: { type: 'array', minItems: 1, maxItems: 50, items: goodsDetail },
  },
} as const satisfies JSONSchema;

const payerFields = {
  out_trade_no: outTradeNo,
  description: text(127),
  amount,
  attach: text(128),
  useServiceAccount: { type: 'boolean' },
  payer,
} as const;

const merchantFields = {
  time_expire: rfc3339,
  goods_tag: text(32),
  detail,
  settle_info: {
    type: 'object',
    additionalProperties: false,
    required: ['profit_sharing'],
    properties: { profit_sharing: { type: 'boolean' } },
  },
  limit_pay: {
    type: 'array',
    minItems: 1,
    maxItems: 4,
    items: { type: 'string', enum: ['no_balance', 'no_credit', 'no_debit', 'balance_only'] },
  },
  support_fapiao: { type: 'boolean' },
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
    expire_minutes: { type: 'integer', minimum: 1, maximum: 10080 },
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
