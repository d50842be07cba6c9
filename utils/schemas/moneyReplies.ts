/** `data.data` of orders, combinations, refunds and transfers. Spelled as WeChat spells it. */
import { closed as exactly, fen, list, moment, open, orNull, word } from './replyParts';

const openid = word('openid of the payer (用户标识)');
const currency = word('CNY');
const out_trade_no = word('Number of the order here (商户订单号)');
const transaction_id = word("WeChat's number of the payment (微信支付订单号)");
const mchid = word('Merchant number (商户号)');
const appid = word('appid the order was made for');

const requestPayment = {
  appId: word('appid of the Mini Program'),
  timeStamp: word('Seconds since 1970, as text'),
  nonceStr: word('Random text'),
  package: word('prepay_id=…'),
  signType: { const: 'RSA', description: 'How paySign was made' },
  paySign: word('Signature of the above: hand all of it to wx.requestPayment'),
  prepay_id: word('Prepay session (预支付交易会话标识), valid for 2 hours'),
};

/** Parameters of `wx.requestPayment`. */
export const jsapi = exactly(Object.keys(requestPayment), requestPayment);

export const h5 = exactly(['h5_url'], { h5_url: word('Page that opens WeChat, valid 5 minutes') });

export const native = exactly(['code_url'], {
  code_url: word('Show it as a QR code, valid for 2 hours'),
});

const appParameters = {
  appid: word('appid of the app'),
  partnerid: mchid,
  prepayid: word('Prepay session (预支付交易会话标识), valid for 2 hours'),
  package: word('Sign=WXPay'),
  noncestr: word('Random text'),
  timestamp: word('Seconds since 1970, as text'),
  sign: word('Signature of the above'),
};

/** Parameters of the App SDK. */
export const app = exactly(Object.keys(appParameters), appParameters);

/** By `type` of the request. */
export const combined = { anyOf: [jsapi, h5, native, app] };

export const closed = { type: 'null', description: 'Closed: data.status is 204' };

export const prepared = exactly(['out_trade_no', 'state'], {
  out_trade_no,
  state: { const: 'PREPARED', description: 'A payer may order this number' },
});

const trade_state = word('SUCCESS, REFUND, NOTPAY, CLOSED, REVOKED, USERPAYING or PAYERROR');

const paid = {
  appid,
  mchid,
  out_trade_no,
  transaction_id,
  trade_type: word('JSAPI, NATIVE, APP, MWEB, MICROPAY or FACEPAY'),
  trade_state,
  trade_state_desc: word("WeChat's words for the state"),
  bank_type: word("Bank or balance, WeChat's code"),
  attach: word('As sent with the order'),
  success_time: moment('When it was paid'),
  payer: open([], { openid }),
  amount: open([], {
    total: fen('Price of the order'),
    payer_total: fen('What the payer paid'),
    currency,
    payer_currency: currency,
  }),
  scene_info: open([], { device_id: word('Device of the merchant') }),
  promotion_detail: list(open([], {}), 'Coupons, as WeChat states them; amounts in fen (分)'),
};

/** WeChat's proven words about an order. */
export const transaction = open(['out_trade_no', 'trade_state'], paid);

export const transactionUnknown = open(['out_trade_no', 'state'], {
  ...paid,
  state: { const: 'PROCESSING', description: 'Not known yet: send the same number again to ask' },
});

export const reversed = open(['out_trade_no'], { appid, mchid, out_trade_no });

const subOrder = open(['out_trade_no', 'trade_state'], {
  mchid,
  out_trade_no,
  transaction_id,
  trade_type: paid.trade_type,
  trade_state,
  bank_type: paid.bank_type,
  attach: paid.attach,
  success_time: moment('When it was paid'),
  amount: open([], {
    total_amount: fen('Price of this part'),
    payer_amount: fen('What the payer paid for this part'),
    currency,
    payer_currency: currency,
  }),
});

export const combination = open(['combine_out_trade_no', 'sub_orders'], {
  combine_appid: appid,
  combine_mchid: mchid,
  combine_out_trade_no: word('Number of the whole here (合单商户订单号)'),
  combine_payer_info: open([], { openid }),
  sub_orders: list(subOrder, 'The parts (子单)'),
});

const next_msg = word('What happens next, in Chinese and English; to operators');

export const refund = open(['out_trade_no', 'out_refund_no', 'status'], {
  out_trade_no,
  transaction_id,
  out_refund_no: word('Number of the refund here (商户退款单号)'),
  refund_id: word("WeChat's number of the refund (微信支付退款单号)"),
  status: word('PROCESSING, SUCCESS, CLOSED or ABNORMAL'),
  channel: word('ORIGINAL, BALANCE, OTHER_BALANCE or OTHER_BANKCARD'),
  user_received_account: word('Where the money goes'),
  success_time: moment('When it succeeded'),
  create_time: moment('When WeChat took it'),
  amount: open([], {
    refund: fen('Refunded'),
    total: fen('Price of the order'),
    payer_total: fen('What the payer had paid'),
    payer_refund: fen('What the payer gets back'),
    settlement_refund: fen('Refunded without coupons that cost nothing'),
    settlement_total: fen('Price without coupons that cost nothing'),
    discount_refund: fen('Refunded in coupons'),
    refund_fee: fen('Fee given back'),
    currency,
  }),
  next: word('Code of what happens next; to operators'),
  next_msg,
  next_at: orNull(moment('When it happens')),
});

const out_bill_no = word('Number of the transfer here (商户单号)');
const transfer_bill_no = word("WeChat's number of the transfer (微信转账单号)");
const transferState = word(
  'ACCEPTED, PROCESSING, WAIT_USER_CONFIRM, TRANSFERING, SUCCESS, FAIL, CANCELING or CANCELLED',
);

const bill = {
  out_bill_no,
  transfer_bill_no,
  state: transferState,
  mchId: mchid,
  mch_id: mchid,
  appid,
  openid: word('openid of the receiver'),
  user_name: word('Name of the receiver, encrypted'),
  transfer_amount: fen('Transferred'),
  transfer_remark: word('As sent'),
  fail_reason: word("WeChat's code of why it failed"),
  package_info: word('For wx.requestMerchantTransfer: the receiver confirms with it'),
  create_time: moment('When WeChat took it'),
  update_time: moment('When WeChat last changed it'),
};

export const transferTaken = open(['out_bill_no', 'state', 'mchId'], bill);

export const transferCancelled = open(['out_bill_no', 'state'], bill);

/** WeChat's proven words about a transfer. */
export const transfer = open(['out_bill_no', 'state'], bill);
