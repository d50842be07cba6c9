/** Bodies of the refund routes. */
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import { currency, fen, outRefundNo, outTradeNo, text, transactionId } from './parts';

export const refundSchema = {
  type: 'object',
  additionalProperties: false,
  // `amount` is required too, but for a release: the service says so.
  required: ['out_refund_no'],
  properties: {
    out_trade_no: outTradeNo,
    transaction_id: transactionId,
    out_refund_no: outRefundNo,
    reason: text(80),
    amount: {
      type: 'object',
      additionalProperties: false,
      required: ['refund', 'total'],
      properties: { refund: fen, total: fen, currency },
    },
    release: {
      type: 'boolean',
      description:
        'true: nothing is sent; the amount is freed once WeChat proves twice that it has no such refund',
    },
    funds_account: { type: 'string', enum: ['AVAILABLE', 'UNSETTLED'] },
    goods_detail: {
      type: 'array',
      minItems: 1,
      maxItems: 50,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['merchant_goods_id', 'unit_price', 'refund_amount', 'refund_quantity'],
        properties: {
          merchant_goods_id: text(32),
          wechatpay_goods_id: text(32),
          goods_name: text(256),
          unit_price: fen,
          refund_amount: fen,
          refund_quantity: { type: 'integer', minimum: 1, maximum: 1000000 },
        },
      },
    },
  },
} as const satisfies JSONSchema;

export const refundQuerySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['out_refund_no'],
  properties: { out_refund_no: outRefundNo },
} as const satisfies JSONSchema;

export const refundAbnormalSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['out_refund_no', 'type'],
  properties: {
    out_refund_no: outRefundNo,
    type: { type: 'string', enum: ['USER_BANK_CARD', 'MERCHANT_BANK_CARD'] },
    bank_type: text(16),
    bank_account: text(64),
    real_name: text(64),
  },
} as const satisfies JSONSchema;

export type RefundBody = FromSchema<typeof refundSchema>;
export type RefundQueryBody = FromSchema<typeof refundQuerySchema>;
export type RefundAbnormalBody = FromSchema<typeof refundAbnormalSchema>;
