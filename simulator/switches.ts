/**
 * What the official documents leave open, or what a test wants otherwise. The defaults are the
 * readings this project considers most likely; `docs/simulator.md` lists the alternatives.
 */
export interface Switches {
  /** Code and HTTP status when a paid order is closed, or ordered again. */
  orderPaidOnClose: string;
  orderPaidOnOrder: string;
  orderPaidHttp: number;
  orderNotExistCode: 'ORDER_NOT_EXIST' | 'ORDERNOTEXIST';
  changedRepeat: 'INVALID_REQUEST' | 'PARAM_ERROR' | 'OUT_TRADE_NO_USED';
  closeUnknown: 404 | 204;
  openidMismatch: 'PARAM_ERROR' | 'OPENID_MISMATCH';
  mchidMismatch: 'PARAM_ERROR' | 'INVALID_REQUEST';
  /** A shop that has not authorised its service provider. */
  relationError: '403 NO_AUTH' | '400 INVALID_REQUEST';
  /** Is sp_openid told of who paid in the shop's own app? */
  partnerSpOpenid: 'present' | 'absent';
  /** How a refund's notification names the service provider. */
  partnerRefundNotice: 'sp_mchid' | 'mchid';
  /** A repeated order gets a new prepay_id, or the one it had. */
  repeatPrepay: 'new' | 'same';
  tradeTypeUnpaid: 'absent' | 'empty';
  transferNotFound: '404 NOT_FOUND' | '400 NOT_FOUND' | '400 INVALID_REQUEST';
  transferChangedRepeat: '400 INVALID_REQUEST' | '400 ALREADY_EXISTS' | '403 ALREADY_EXISTS';
  transferIdField: 'mch_id' | 'mchid';
  transferSchedule: 'payment' | 'transfer';
  /** State a new transfer is answered with; it moves on to WAIT_USER_CONFIRM by itself. */
  transferCreateState: 'WAIT_USER_CONFIRM' | 'ACCEPTED' | 'PROCESSING';
  transferReadyMs: number;
  transferMinFen: number;
  transferMaxFen: number;
  /** How long after the 24 hours an unconfirmed transfer is really closed. */
  transferOverdueLagMs: number;
  cancelSettleMs: number;
  certificatesForPublicKey: '404 RESOURCE_NOT_EXISTS' | '403 NOT_ENOUGH';
  /** `request`: as the request's Wechatpay-Serial asks. The others are what may go wrong. */
  responseKey: 'request' | 'certificate' | 'unknown_serial' | 'probe' | 'missing' | 'stale';
  associatedData: 'original_type' | 'empty' | 'absent';
  rateCode: 'FREQUENCY_LIMITED' | 'RATELIMIT_EXCEEDED';
  /** What a 5xx fault looks like when it names no body. */
  serverError: 'json' | 'html' | 'hang' | 'reset';
  emoji: 'refuse' | 'accept';
  requestHeaders: 'accept' | 'refuse';
  /** A repeated (serial, timestamp, nonce) triple. */
  nonceReplay: 'accept' | 'refuse';
  /** Are 4xx replies signed? Mostly they are not. */
  signErrors: boolean;
  /** Share (0 to 1) of signed replies and of callbacks that carry a probe signature. */
  probeShare: number;
  /** Share of callbacks signed by public key in the switch week; 'week' follows the calendar. */
  callbackPublicKeyShare: number | 'week';
  notifyUrlRules: 'strict' | 'lenient';
  callbackDelayMs: number;
  /** How long a callback's answer is awaited, in real milliseconds. */
  callbackTimeoutMs: number;
  refundSettleMs: number;
  refundOutcome: 'SUCCESS' | 'CLOSED' | 'ABNORMAL' | 'never';
  /** Least time between refunds of one order; WeChat: 60000. Off, so that tests need not wait. */
  refundIntervalMs: number;
  /** The platform setting that counts where a refund names no notify_url. */
  refundNotifyUrl: string;
  /** Over plain HTTP no client certificate can be seen: API v2's secured paths take the call all the same, or not. */
  clientCertificate: 'accept' | 'refuse';
  codepayResult: 'SUCCESS' | 'USERPAYING' | 'USERPAYING_202' | 'PAYERROR';
  reverseMinMs: number;
  /** `nine`: a day's bill exists from 9:00 of the next day. `always`: also today's, at once. */
  billReady: 'nine' | 'always';
  feeRatePercent: string;
  refundFee: 'zero' | 'negative';
  billCount: 'integer' | 'decimal';
  /** Some amounts provoke errors, lost callbacks and rare endings: magic.ts. */
  magicAmounts: boolean;
  /** Which time is written and checked on the wire: the movable clock's, or the machine's. */
  wireClock: 'simulator' | 'real';
}

export function defaultSwitches(): Switches {
  return {
    orderPaidOnClose: 'ORDERPAID',
    orderPaidOnOrder: 'ORDER_PAID',
    orderPaidHttp: 400,
    orderNotExistCode: 'ORDER_NOT_EXIST',
    changedRepeat: 'INVALID_REQUEST',
    closeUnknown: 404,
    openidMismatch: 'PARAM_ERROR',
    mchidMismatch: 'PARAM_ERROR',
    relationError: '403 NO_AUTH',
    partnerSpOpenid: 'present',
    partnerRefundNotice: 'sp_mchid',
    repeatPrepay: 'new',
    tradeTypeUnpaid: 'absent',
    transferNotFound: '404 NOT_FOUND',
    transferChangedRepeat: '400 INVALID_REQUEST',
    transferIdField: 'mch_id',
    transferSchedule: 'payment',
    transferCreateState: 'WAIT_USER_CONFIRM',
    transferReadyMs: 0,
    transferMinFen: 10,
    transferMaxFen: 20_000,
    transferOverdueLagMs: 47 * 60 * 1000,
    cancelSettleMs: 0,
    certificatesForPublicKey: '404 RESOURCE_NOT_EXISTS',
    responseKey: 'request',
    associatedData: 'original_type',
    rateCode: 'FREQUENCY_LIMITED',
    serverError: 'json',
    emoji: 'refuse',
    requestHeaders: 'accept',
    nonceReplay: 'accept',
    signErrors: false,
    probeShare: 0,
    callbackPublicKeyShare: 'week',
    notifyUrlRules: 'strict',
    callbackDelayMs: 0,
    callbackTimeoutMs: 5000,
    refundSettleMs: 0,
    refundOutcome: 'SUCCESS',
    refundIntervalMs: 0,
    refundNotifyUrl: '',
    clientCertificate: 'accept',
    codepayResult: 'SUCCESS',
    reverseMinMs: 15_000,
    billReady: 'nine',
    feeRatePercent: '0.60',
    refundFee: 'zero',
    billCount: 'integer',
    magicAmounts: false,
    wireClock: 'simulator',
  };
}
