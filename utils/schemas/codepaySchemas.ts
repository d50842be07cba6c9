/** Bodies of payment-code orders (付款码) and their reversal: an operator's alone. */
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import { currency, fen, ip, outTradeNo, text } from './parts';

const goodsDetail = {
  type: 'object',
  additionalProperties: false,
  required: ['merchant_goods_id', 'quantity', 'unit_price'],
  properties: {
    merchant_goods_id: text(32),
    // Spelled so for payment codes alone.
    wxpay_goods_id: text(32),
    goods_name: text(256),
    quantity: { type: 'integer', minimum: 1, maximum: 1000000 },
    unit_price: fen,
  },
} as const satisfies JSONSchema;

const sceneInfo = {
  type: 'object',
  additionalProperties: false,
  properties: {
    device_id: text(32),
    device_ip: ip,
    store_info: {
      type: 'object',
      additionalProperties: false,
      required: ['id'],
      properties: { id: text(32), out_id: text(32) },
    },
  },
} as const satisfies JSONSchema;

/** WeChat's bound on the whole of `detail`. */
const DETAIL_BYTES = { maxBytes: 6144 } as const;

export const codepaySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['out_trade_no', 'description', 'amount', 'payer', 'scene_info'],
  properties: {
    out_trade_no: outTradeNo,
    description: text(127),
    amount: {
      type: 'object',
      additionalProperties: false,
      required: ['total'],
      properties: { total: fen, currency },
    },
    payer: {
      type: 'object',
      additionalProperties: false,
      required: ['auth_code'],
      properties: { auth_code: { type: 'string', pattern: '^1[0-5][0-9]{16}$' } },
    },
    scene_info: sceneInfo,
    attach: text(128),
    goods_tag: text(32),
    detail: {
      type: 'object',
      ...DETAIL_BYTES,
      additionalProperties: false,
      properties: {
        cost_price: fen,
        invoice_id: text(32),
        goods_detail: { type: 'array', minItems: 1, maxItems: 50, items: goodsDetail },
      },
    },
    settle_info: {
      type: 'object',
      additionalProperties: false,
      required: ['profit_sharing'],
      properties: { profit_sharing: { type: 'boolean' } },
    },
    support_fapiao: { type: 'boolean' },
  },
} as const satisfies JSONSchema;

export type CodepayBody = FromSchema<typeof codepaySchema>;
