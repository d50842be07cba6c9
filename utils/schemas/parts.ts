/**
 * Pieces that several schemas share. Limits as WeChat's documents give them (API v3, read 2026-01). `maxBytes`
 * is a keyword of ours (`utils/validate`): WeChat counts UTF-8 bytes, of which a Han character has three.
 */
import type { JSONSchema } from 'json-schema-to-ts';
import { both } from './words';

/**
 * WeChat takes characters of up to 3 UTF-8 bytes; control characters (C0, DEL, C1), lone surrogates and
 * noncharacters are none.
 */
const TEXT = '^[\\u0020-\\u007E\\u00A0-\\uD7FF\\uE000-\\uFFFD]+$';

export const text = <const N extends number>(maxBytes: N, en: string, zh: string) =>
  ({ type: 'string', minLength: 1, maxBytes, pattern: TEXT, description: both(en, zh) }) as const;

export const flag = (en: string, zh: string) =>
  ({ type: 'boolean', description: both(en, zh) }) as const;

/** An IPv4 or IPv6 address. */
export const ip = {
  type: 'string',
  format: 'ip',
  description: both("IPv4 or IPv6 address of the payer's device", '用户终端的 IPv4 或 IPv6 地址'),
} as const satisfies JSONSchema;

/** WeChat's H5 cashier compares this address with the browser's: a loopback or private one never fits. */
export const publicIp = {
  type: 'string',
  format: 'public-ip',
  description: both(
    "Public IPv4 or IPv6 address of the payer's browser; WeChat Pay compares it",
    '用户浏览器的公网 IPv4 或 IPv6 地址，微信支付会核对',
  ),
} as const satisfies JSONSchema;

export const outTradeNo = {
  type: 'string',
  minLength: 6,
  maxLength: 32,
  pattern: '^[0-9A-Za-z_\\-|*]+$',
  description: both(
    'Your number of the order, unique per merchant; the same number is never charged twice',
    '商户订单号，在商户号下唯一；同一单号不会重复扣款',
  ),
} as const satisfies JSONSchema;

export const outRefundNo = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  pattern: '^[0-9A-Za-z_\\-|*@]+$',
  description: both(
    'Your number of the refund; sent again, it is the same refund',
    '商户退款单号；重复发送仍是同一笔退款',
  ),
} as const satisfies JSONSchema;

export const outBillNo = {
  type: 'string',
  minLength: 1,
  maxLength: 32,
  pattern: '^[0-9A-Za-z]+$',
  description: both(
    'Your number of the transfer; sent again, it is the same transfer',
    '商户转账单号；重复发送仍是同一笔转账',
  ),
} as const satisfies JSONSchema;

/** A shop of a service provider (服务商). */
export const subMchid = {
  type: 'string',
  pattern: '^[1-9][0-9]{5,31}$',
  description: both(
    'The shop of a service provider, on subMerchants; may be left out where there is one. No other merchant sends it',
    '服务商模式下的子商户号，须在 subMerchants 中；只有一个时可不填。其他商户不填',
  ),
} as const satisfies JSONSchema;

export const transactionId = {
  type: 'string',
  minLength: 1,
  maxLength: 32,
  pattern: '^[0-9A-Za-z]+$',
  description: both("WeChat Pay's number of the payment", '微信支付订单号'),
} as const satisfies JSONSchema;

export const transferBillNo = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  pattern: '^[0-9A-Za-z]+$',
  description: both("WeChat Pay's number of the transfer", '微信转账单号'),
} as const satisfies JSONSchema;

export const openid = {
  type: 'string',
  pattern: '^[A-Za-z0-9_\\-]{16,64}$',
  description: both('openid of the user under the appid', '用户在该 appid 下的 openid'),
} as const satisfies JSONSchema;

/** Integer fen (分). */
export const fen = (en: string, zh: string) =>
  ({
    type: 'integer',
    minimum: 1,
    maximum: 1000000000,
    description: both(`${en}, in fen`, `${zh}，单位：分`),
  }) as const;

export const currency = {
  type: 'string',
  const: 'CNY',
  description: both('CNY, also when left out', '币种，只有 CNY，可不填'),
} as const satisfies JSONSchema;

/** What a payer pays, where WeChat Pay calls it `total`. */
export const total = {
  type: 'object',
  additionalProperties: false,
  required: ['total'],
  description: both('Price of the order', '订单金额'),
  properties: { total: fen('Price of the order', '订单总金额'), currency },
} as const satisfies JSONSchema;

export const payer = {
  type: 'object',
  additionalProperties: false,
  required: ['openid'],
  description: both(
    'The payer. Users need not send it: it is the caller',
    '支付者；用户本人调用时可不填，即为调用者',
  ),
  properties: { openid },
} as const satisfies JSONSchema;

export const useServiceAccount = flag(
  'true: the appid is that of the official account (setting service_app_id)',
  'true：使用服务号的 appid（配置项 service_app_id）',
);

export const attach = text(
  128,
  'Comes back unchanged in queries and notifications',
  '附加数据，在查询与回调中原样返回',
);

export const goodsTag = text(
  32,
  "Mark for WeChat Pay's coupons and discounts",
  '订单优惠标记，代金券等营销使用',
);

export const settleInfo = {
  type: 'object',
  additionalProperties: false,
  required: ['profit_sharing'],
  description: both('How the money is settled', '结算信息'),
  properties: {
    profit_sharing: flag(
      'true: the money is frozen until it has been shared',
      '是否分账；true 时资金冻结至分账完成',
    ),
  },
} as const satisfies JSONSchema;

export const supportFapiao = flag(
  'true: the payment message offers an electronic invoice',
  '是否在支付凭证上显示开票入口',
);

export const goodsId = text(32, "WeChat Pay's number of the goods", '微信支付商品编码');
export const goodsName = text(256, 'Name of the goods', '商品名称');
export const pieces = (en: string, zh: string) =>
  ({ type: 'integer', minimum: 1, maximum: 1000000, description: both(en, zh) }) as const;

/** Goods of an order; WeChat Pay's own number of them is spelled in two ways. */
export const goodsOf = <const N extends 'wechatpay_goods_id' | 'wxpay_goods_id'>(named: N) =>
  ({
    type: 'object',
    additionalProperties: false,
    required: ['merchant_goods_id', 'quantity', 'unit_price'],
    properties: {
      merchant_goods_id: text(32, 'Your number of the goods', '商户侧商品编码'),
      ...({ [named]: goodsId } as Readonly<Record<N, typeof goodsId>>),
      goods_name: goodsName,
      quantity: pieces('How many', '商品数量'),
      unit_price: fen('Price of one', '商品单价'),
    },
  }) as const;

/** @param goods one line of goods. WeChat Pay bounds the whole of `detail`. */
export const detailOf = <const G extends object>(goods: G) =>
  ({
    type: 'object',
    maxBytes: 6144,
    additionalProperties: false,
    description: both('What was bought', '商品详情'),
    properties: {
      cost_price: fen(
        'Price of the whole before discounts, where one receipt is several orders',
        '订单原价；一张小票分多单支付时填写',
      ),
      invoice_id: text(32, 'Number of the receipt', '商品小票 ID'),
      goods_detail: {
        type: 'array',
        minItems: 1,
        maxItems: 50,
        items: goods,
        description: both('One line for each kind of goods', '单品列表'),
      },
    },
  }) as const;

export const billDate = {
  type: 'string',
  pattern: '^\\d{4}-\\d{2}-\\d{2}$',
  description: both(
    'Beijing day, YYYY-MM-DD; WeChat Pay has it from about 10:00 the day after',
    '账单日期（北京时间），YYYY-MM-DD；微信支付约在次日 10 点后提供',
  ),
} as const satisfies JSONSchema;

export const rfc3339 = {
  type: 'string',
  maxLength: 35,
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+\\-]\\d{2}:\\d{2})$',
  description: both(
    'Until when it can be paid: RFC 3339, as 2026-01-02T03:04:05+08:00',
    '支付截止时间：RFC 3339 格式，如 2026-01-02T03:04:05+08:00',
  ),
} as const satisfies JSONSchema;
