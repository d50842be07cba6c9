/** Bodies of combined orders (合单). What costs or commits the merchant is not in the payer's schema. */
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import { currency, fen, ip, openid, outTradeNo, rfc3339, text } from './parts';

const mchid = { type: 'string', pattern: '^[0-9]{1,32}$' } as const satisfies JSONSchema;

const subFields = {
  mchid,
  out_trade_no: outTradeNo,
  description: text(127),
  amount: {
    type: 'object',
    additionalProperties: false,
    required: ['total_amount', 'currency'],
    properties: { total_amount: fen, currency },
  },
  attach: text(128),
} as const;

const subOrder = {
  type: 'object',
  additionalProperties: false,
  required: ['out_trade_no', 'description', 'amount'],
  properties: subFields,
} as const satisfies JSONSchema;

const subOrderOperator = {
  type: 'object',
  additionalProperties: false,
  required: ['out_trade_no', 'description', 'amount'],
  properties: {
    ...subFields,
    goods_tag: text(32),
    // A text here, unlike an order's.
    detail: text(6000),
    settle_info: {
      type: 'object',
      additionalProperties: false,
      required: ['profit_sharing'],
      properties: { profit_sharing: { type: 'boolean' } },
    },
  },
} as const satisfies JSONSchema;

const scene = {
  payer_client_ip: ip,
  device_id: text(16),
  h5_info: {
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
  },
} as const;

/** A payer's browser may leave its address out where a trusted proxy says it (`orders/scene.ts`). */
const payerSceneInfo = {
  type: 'object',
  additionalProperties: false,
  properties: scene,
} as const satisfies JSONSchema;

const sceneInfo = {
  ...payerSceneInfo,
  required: ['payer_client_ip'],
} as const satisfies JSONSchema;

const fields = {
  type: { type: 'string', enum: ['jsapi', 'h5', 'native', 'app'] },
  combine_out_trade_no: outTradeNo,
  combine_payer_info: {
    type: 'object',
    additionalProperties: false,
    required: ['openid'],
    properties: { openid },
  },
  useServiceAccount: { type: 'boolean' },
} as const;

export const combinePayerSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'combine_out_trade_no', 'sub_orders'],
  properties: {
    ...fields,
    scene_info: payerSceneInfo,
    sub_orders: { type: 'array', minItems: 2, maxItems: 10, items: subOrder },
  },
} as const satisfies JSONSchema;

export const combineOperatorSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'combine_out_trade_no', 'sub_orders'],
  properties: {
    ...fields,
    scene_info: sceneInfo,
    sub_orders: { type: 'array', minItems: 2, maxItems: 10, items: subOrderOperator },
    time_expire: rfc3339,
  },
} as const satisfies JSONSchema;

export const combineNoSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['combine_out_trade_no'],
  properties: { combine_out_trade_no: outTradeNo },
} as const satisfies JSONSchema;

export type CombineBody = FromSchema<typeof combineOperatorSchema>;
export type CombineNoBody = FromSchema<typeof combineNoSchema>;
