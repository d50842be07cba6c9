/** Bodies of the refund routes. */
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import {
  currency,
  fen,
  flag,
  goodsId,
  goodsName,
  outRefundNo,
  outTradeNo,
  pieces,
  text,
  transactionId,
} from './parts';
import { both } from './words';

export const refundSchema = {
  type: 'object',
  additionalProperties: false,
  // `amount` is required too, but for a release: the service says so.
  required: ['out_refund_no'],
  properties: {
    out_trade_no: {
      ...outTradeNo,
      description: both(
        'Your number of the order; this or transaction_id',
        '商户订单号，与 transaction_id 至少填一个',
      ),
    },
    transaction_id: {
      ...transactionId,
      description: both(
        "WeChat Pay's number of the payment; this or out_trade_no",
        '微信支付订单号，与 out_trade_no 至少填一个',
      ),
    },
    out_refund_no: outRefundNo,
    reason: text(80, 'Why, as the payer sees it', '退款原因，展示给用户'),
    amount: {
      type: 'object',
      additionalProperties: false,
      required: ['refund', 'total'],
      description: both('Required, but for a release', '退款金额；release 之外必填'),
      properties: {
        refund: fen('To be refunded', '退款金额'),
        total: fen('Price of the order', '原订单金额'),
        currency,
      },
    },
    release: flag(
      'true: nothing is sent; the amount is freed once WeChat proves twice that it has no such refund',
      'true：不发送退款；微信支付两次证实查无此退款后释放金额',
    ),
    funds_account: {
      type: 'string',
      enum: ['AVAILABLE', 'UNSETTLED'],
      description: both('Balance the refund is taken from', '退款资金来源'),
    },
    goods_detail: {
      type: 'array',
      minItems: 1,
      maxItems: 50,
      description: both('Which goods are given back', '退款商品'),
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['merchant_goods_id', 'unit_price', 'refund_amount', 'refund_quantity'],
        properties: {
          merchant_goods_id: text(32, 'Your number of the goods', '商户侧商品编码'),
          wechatpay_goods_id: goodsId,
          goods_name: goodsName,
          unit_price: fen('Price of one', '商品单价'),
          refund_amount: fen('Refunded for these goods', '商品退款金额'),
          refund_quantity: pieces('How many are given back', '退货数量'),
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
    type: {
      type: 'string',
      enum: ['USER_BANK_CARD', 'MERCHANT_BANK_CARD'],
      description: both(
        "Where the money goes: the payer's bank card, or the merchant's",
        '退到用户银行卡，或退回商户银行账户',
      ),
    },
    bank_type: text(
      16,
      "Bank, WeChat Pay's code; for the payer's card",
      '开户银行，退到用户时必填',
    ),
    bank_account: text(
      64,
      "Number of the payer's card, in clear: the service encrypts it",
      '用户银行卡号，明文，由服务加密',
    ),
    real_name: text(
      64,
      "Name of the card's owner, in clear: the service encrypts it",
      '收款人姓名，明文，由服务加密',
    ),
  },
} as const satisfies JSONSchema;

export type RefundBody = FromSchema<typeof refundSchema>;
export type RefundQueryBody = FromSchema<typeof refundQuerySchema>;
export type RefundAbnormalBody = FromSchema<typeof refundAbnormalSchema>;
