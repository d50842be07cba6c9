/** Bodies of combined orders (合单). What costs or commits the merchant is not in the payer's schema. */
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import {
  subMchid,
  attach,
  currency,
  fen,
  goodsTag,
  ip,
  outTradeNo,
  payer,
  rfc3339,
  settleInfo,
  text,
  useServiceAccount,
} from './parts';
import { deviceId, h5Info, scene } from './sceneParts';
import { both } from './words';

const subFields = {
  mchid: {
    type: 'string',
    pattern: '^[0-9]{1,32}$',
    description: both('Must be our merchant number; may be left out', '必须是本商户号，可不填'),
  },
  sub_mchid: subMchid,
  out_trade_no: outTradeNo,
  description: text(127, 'What is bought, as the payer sees it', '商品描述，展示给用户'),
  amount: {
    type: 'object',
    additionalProperties: false,
    required: ['total_amount', 'currency'],
    description: both('Price of this part', '子单金额'),
    properties: {
      total_amount: fen('Price of this part', '子单金额'),
      currency: { ...currency, description: both('CNY', '币种，只有 CNY') },
    },
  },
  attach,
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
    goods_tag: goodsTag,
    // A text here, unlike an order's.
    detail: text(6000, 'What was bought, as one text', '商品详情，一段文本'),
    settle_info: settleInfo,
  },
} as const satisfies JSONSchema;

/** A payer's browser may leave its address out where a trusted proxy says it (`orders/scene.ts`). */
const payerSceneInfo = {
  ...scene('Where it is bought', '支付场景'),
  properties: { payer_client_ip: ip, device_id: deviceId(16), h5_info: h5Info },
} as const satisfies JSONSchema;

const sceneInfo = {
  ...payerSceneInfo,
  required: ['payer_client_ip'],
} as const satisfies JSONSchema;

const parts = <const P extends object>(part: P) =>
  ({
    type: 'array',
    minItems: 2,
    maxItems: 10,
    items: part,
    description: both('The parts, paid together or not at all', '子单，一起支付'),
  }) as const;

const combineNo = {
  ...outTradeNo,
  description: both('Your number of the whole', '合单商户订单号'),
} as const satisfies JSONSchema;

const fields = {
  type: {
    type: 'string',
    enum: ['jsapi', 'h5', 'native', 'app'],
    description: both('How it is paid; says what comes back', '支付方式，决定返回内容'),
  },
  combine_out_trade_no: combineNo,
  combine_payer_info: payer,
  useServiceAccount,
} as const;

export const combinePayerSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'combine_out_trade_no', 'sub_orders'],
  properties: { ...fields, scene_info: payerSceneInfo, sub_orders: parts(subOrder) },
} as const satisfies JSONSchema;

export const combineOperatorSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'combine_out_trade_no', 'sub_orders'],
  properties: {
    ...fields,
    scene_info: sceneInfo,
    sub_orders: parts(subOrderOperator),
    time_expire: rfc3339,
  },
} as const satisfies JSONSchema;

export const combineNoSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['combine_out_trade_no'],
  properties: { combine_out_trade_no: combineNo },
} as const satisfies JSONSchema;

export type CombineBody = FromSchema<typeof combineOperatorSchema>;
export type CombineNoBody = FromSchema<typeof combineNoSchema>;
