/** `data.data` of orders, combinations, refunds and transfers. Spelled as WeChat spells it. */
import {
  about,
  closed as exactly,
  fen,
  list,
  moment,
  only,
  open,
  orNull,
  word,
  type ReplyOf,
} from './replyParts';
import { both } from './words';

const openid = word('openid of the payer', '付款用户的 openid');
const currency = word('CNY', '币种，只有 CNY');
const out_trade_no = word('Your number of the order', '商户订单号');
const transaction_id = word("WeChat Pay's number of the payment", '微信支付订单号');
const mchid = word('Merchant number', '商户号');
const appid = word('appid the order was made for', '下单时的 appid');
const attach = word('As sent with the order', '下单时的附加数据');
const bank_type = word("Bank or balance, WeChat Pay's code", '付款银行或零钱，微信支付编码');
const payer = about(
  'Who paid',
  '付款用户',
  open([], {
    openid,
    sp_openid: word(
      "Service provider: openid of the payer in the provider's app",
      '服务商模式：付款用户在服务商应用下的 openid',
    ),
    sub_openid: word(
      "Service provider: openid of the payer in the shop's own app",
      '服务商模式：付款用户在子商户应用下的 openid',
    ),
  }),
);
const sub_mchid = word('Service provider: the shop', '服务商模式：子商户号');
const sub_appid = word(
  "Service provider: the shop's own app, where the payment opened there",
  '服务商模式：在子商户应用中支付时，该应用的 appid',
);
/** What stands in the place of appid and mchid where a service provider asks. */
const partner = {
  sp_appid: word("Service provider: the provider's appid", '服务商模式：服务商的 appid'),
  sp_mchid: word("Service provider: the provider's number", '服务商模式：服务商的商户号'),
  sub_appid,
  sub_mchid,
};
const prepay = both('Prepay session, valid for 2 hours', '预支付交易会话标识，2 小时内有效');

/** Parameters of `wx.requestPayment`. */
export const jsapi = exactly(
  ['appId', 'timeStamp', 'nonceStr', 'package', 'signType', 'paySign', 'prepay_id'],
  {
    appId: word('appid of the Mini Program', '小程序的 appid'),
    timeStamp: word('Seconds since 1970, as text', '时间戳（秒），文本'),
    nonceStr: word('Random text', '随机串'),
    package: word('prepay_id=… as WeChat Pay wants it', '固定格式：prepay_id=…'),
    signType: about(
      'How paySign was made: RSA, or what API v2 is signed with',
      '签名方式：RSA；API v2 为其签名方式',
      { enum: ['RSA', 'HMAC-SHA256', 'MD5'] },
    ),
    paySign: word(
      'Signature of the above: hand all of it to wx.requestPayment',
      '以上各项的签名；整体传给 wx.requestPayment',
    ),
    prepay_id: { type: 'string', description: prepay },
  },
);

export const h5 = exactly(['h5_url'], {
  h5_url: word('Page that opens WeChat, valid for 5 minutes', '拉起微信的页面，5 分钟内有效'),
});

export const native = exactly(['code_url'], {
  code_url: word('Show it as a QR code, valid for 2 hours', '生成二维码展示，2 小时内有效'),
});

/** Parameters of the App SDK. */
export const app = exactly(
  ['appid', 'partnerid', 'prepayid', 'package', 'noncestr', 'timestamp', 'sign'],
  {
    appid: word('appid of the app', 'App 的 appid'),
    partnerid: mchid,
    prepayid: { type: 'string', description: prepay },
    package: word('Sign=WXPay, always', '固定为 Sign=WXPay'),
    noncestr: word('Random text', '随机串'),
    timestamp: word('Seconds since 1970, as text', '时间戳（秒），文本'),
    sign: word('Signature of the above', '以上各项的签名'),
  },
);

/** By `type` of the request. */
export const combined = { anyOf: [jsapi, h5, native, app] } as const;

export const closed = {
  type: 'null',
  description: both('Closed: data.status is 204', '已关闭：data.status 为 204'),
} as const;

export const prepared = exactly(['out_trade_no', 'state'], {
  out_trade_no,
  state: word('PREPARED: a payer may order this number', 'PREPARED：用户可以用此单号下单'),
});

const trade_state = word(
  'SUCCESS, REFUND, NOTPAY, CLOSED, REVOKED, USERPAYING or PAYERROR',
  '交易状态：SUCCESS、REFUND、NOTPAY、CLOSED、REVOKED、USERPAYING 或 PAYERROR',
);
const trade_type = word(
  'JSAPI, NATIVE, APP, MWEB, MICROPAY or FACEPAY',
  '交易类型：JSAPI、NATIVE、APP、MWEB、MICROPAY 或 FACEPAY',
);
const success_time = moment('When it was paid', '支付完成时间');

const paid = {
  appid,
  mchid,
  ...partner,
  out_trade_no,
  transaction_id,
  trade_type,
  trade_state,
  trade_state_desc: word("WeChat Pay's words for the state", '交易状态描述'),
  bank_type,
  attach,
  success_time,
  payer,
  amount: about(
    'What was paid',
    '支付金额',
    open([], {
      total: fen('Price of the order', '订单总金额'),
      payer_total: fen('What the payer paid', '用户实付金额'),
      currency,
      payer_currency: currency,
    }),
  ),
  scene_info: about(
    'Where it was bought',
    '支付场景',
    open([], { device_id: word('Device of the merchant', '商户端设备号') }),
  ),
  promotion_detail: list(
    open([], {}),
    'Coupons, as WeChat Pay states them; amounts in fen',
    '优惠信息，按微信支付原样返回，金额单位：分',
  ),
} as const;

/** WeChat's proven words about an order. */
export const transaction = open(['out_trade_no', 'trade_state'], paid);

export const transactionUnknown = open(['out_trade_no', 'state'], {
  ...paid,
  state: only(
    'PROCESSING',
    'Not known yet: send the same number again to ask',
    '结果未知：用同一单号再次请求即可查询',
  ),
});

export const reversed = open(['out_trade_no'], { appid, mchid, ...partner, out_trade_no });

const subOrder = open(['out_trade_no', 'trade_state'], {
  mchid,
  sub_mchid,
  sub_appid,
  out_trade_no,
  transaction_id,
  trade_type,
  trade_state,
  bank_type,
  attach,
  success_time,
  amount: about(
    'What was paid for this part',
    '子单支付金额',
    open([], {
      total_amount: fen('Price of this part', '子单金额'),
      payer_amount: fen('What the payer paid for this part', '子单实付金额'),
      currency,
      payer_currency: currency,
    }),
  ),
});

export const combination = open(['combine_out_trade_no', 'sub_orders'], {
  combine_appid: appid,
  combine_mchid: mchid,
  combine_out_trade_no: word('Your number of the whole', '合单商户订单号'),
  combine_payer_info: payer,
  sub_orders: list(subOrder, 'The parts', '子单'),
});

export const refund = open(['out_trade_no', 'out_refund_no', 'status'], {
  out_trade_no,
  transaction_id,
  out_refund_no: word('Your number of the refund', '商户退款单号'),
  refund_id: word("WeChat Pay's number of the refund", '微信支付退款单号'),
  status: word(
    'PROCESSING, SUCCESS, CLOSED or ABNORMAL',
    '退款状态：PROCESSING、SUCCESS、CLOSED 或 ABNORMAL',
  ),
  channel: word(
    'ORIGINAL, BALANCE, OTHER_BALANCE or OTHER_BANKCARD',
    '退款渠道：ORIGINAL、BALANCE、OTHER_BALANCE 或 OTHER_BANKCARD',
  ),
  user_received_account: word('Where the money goes', '退款入账账户'),
  success_time: moment('When it succeeded', '退款成功时间'),
  create_time: moment('When WeChat Pay took it', '退款受理时间'),
  amount: about(
    'What is refunded',
    '退款金额',
    open([], {
      refund: fen('Refunded', '退款金额'),
      total: fen('Price of the order', '原订单金额'),
      payer_total: fen('What the payer had paid', '用户实付金额'),
      payer_refund: fen('What the payer gets back', '退给用户的金额'),
      settlement_refund: fen('Refunded without coupons that cost nothing', '应结退款金额'),
      settlement_total: fen('Price without coupons that cost nothing', '应结订单金额'),
      discount_refund: fen('Refunded in coupons', '优惠退款金额'),
      refund_fee: fen('Fee given back', '手续费退款金额'),
      currency,
    }),
  ),
  next: word('Code of what happens next; to operators', '下一步的代码，仅运营人员可见'),
  next_msg: word(
    'What happens next, in Chinese and English; to operators',
    '下一步的说明（中英文），仅运营人员可见',
  ),
  next_at: orNull(moment('When it happens', '下一步的时间')),
});

const bill = {
  out_bill_no: word('Your number of the transfer', '商户转账单号'),
  transfer_bill_no: word("WeChat Pay's number of the transfer", '微信转账单号'),
  state: word(
    'ACCEPTED, PROCESSING, WAIT_USER_CONFIRM, TRANSFERING, SUCCESS, FAIL, CANCELING or CANCELLED',
    '转账状态：ACCEPTED、PROCESSING、WAIT_USER_CONFIRM、TRANSFERING、SUCCESS、FAIL、CANCELING 或 CANCELLED',
  ),
  mchId: mchid,
  mch_id: mchid,
  appid,
  openid: word('openid of the receiver', '收款用户的 openid'),
  user_name: word('Name of the receiver, encrypted', '收款用户姓名，密文'),
  transfer_amount: fen('Transferred', '转账金额'),
  transfer_remark: word('As sent', '转账备注'),
  fail_reason: word("WeChat Pay's code of why it failed", '失败原因，微信支付编码'),
  package_info: word(
    'For wx.requestMerchantTransfer: the receiver confirms with it',
    '传给 wx.requestMerchantTransfer，由收款用户确认收款',
  ),
  create_time: moment('When WeChat Pay took it', '受理时间'),
  update_time: moment('When WeChat Pay last changed it', '最近更新时间'),
} as const;

export const transferTaken = open(['out_bill_no', 'state', 'mchId'], bill);

/** WeChat's proven words about a transfer, also about one that is cancelled. */
export const transfer = open(['out_bill_no', 'state'], bill);

export type Jsapi = ReplyOf<typeof jsapi>;
export type H5 = ReplyOf<typeof h5>;
export type Native = ReplyOf<typeof native>;
export type App = ReplyOf<typeof app>;
export type Prepared = ReplyOf<typeof prepared>;
export type Transaction = ReplyOf<typeof transaction>;
export type TransactionUnknown = ReplyOf<typeof transactionUnknown>;
export type Reversed = ReplyOf<typeof reversed>;
export type Combination = ReplyOf<typeof combination>;
export type RefundReply = ReplyOf<typeof refund>;
export type Transfer = ReplyOf<typeof transfer>;
export type TransferTaken = ReplyOf<typeof transferTaken>;
