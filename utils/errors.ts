/**
 * Every failure of this service, defined once: code → HTTP status, and whether the same request
 * may be sent again. `docs/errors.md` has a section for each code; a test compares the two.
 */
interface ErrorRow {
  readonly status: number;
  readonly retryable: boolean;
  /** Tells the caller what to do next, in Chinese and English. */
  readonly msg: string;
}

export type ErrorCode =
  | 'PARAM_INVALID'
  | 'BODY_INVALID'
  | 'BODY_TOO_LARGE'
  | 'CONTENT_TYPE_UNSUPPORTED'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'OPERATOR_DISABLED'
  | 'ORDER_NOT_PREPARED'
  | 'NOT_IN_V2'
  | 'SIGNATURE_INVALID'
  | 'TIMESTAMP_EXPIRED'
  | 'SERIAL_UNKNOWN'
  | 'NOTIFICATION_UNPROVEN'
  | 'NOTIFICATION_REFUSED'
  | 'ORDER_NOT_FOUND'
  | 'REFUND_NOT_FOUND'
  | 'TRANSFER_NOT_FOUND'
  | 'RECORD_NOT_FOUND'
  | 'ROUTE_NOT_FOUND'
  | 'ORDER_PARAMS_DIFFER'
  | 'ORDER_PAID'
  | 'ORDER_CLOSED'
  | 'ORDER_TAKEN'
  | 'ORDER_NOT_PAID'
  | 'MOVE_FORBIDDEN'
  | 'REFUND_PARAMS_DIFFER'
  | 'REFUND_EXCEEDS'
  | 'REFUND_NUMBER_TAKEN'
  | 'REFUND_CLOSED'
  | 'TRANSFER_PARAMS_DIFFER'
  | 'TRANSFER_LIMIT'
  | 'RATE_LIMITED'
  | 'WECHATPAY_REJECTED'
  | 'WECHATPAY_UNAVAILABLE'
  | 'WECHATPAY_UNPROVEN'
  | 'WECHATPAY_TIMEOUT'
  | 'BILL_UNREADABLE'
  | 'KEYS_UNAVAILABLE'
  | 'IDENTITY_UNAVAILABLE'
  | 'STORE_UNAVAILABLE'
  | 'STORE_CONTENTION'
  | 'STORE_NEWER'
  | 'RECORD_DAMAGED'
  | 'REQUEST_REFUSED'
  | 'ORDER_BUSY'
  | 'OVERLOADED'
  | 'SHUTTING_DOWN'
  | 'MISSING_CREDENTIALS'
  | 'CONFIG_INVALID'
  | 'INVARIANT_BROKEN';

const row = (status: number, retryable: boolean, msg: string): ErrorRow => ({
  status,
  retryable,
  msg,
});

export const ERRORS: Readonly<Record<ErrorCode, ErrorRow>> = {
  PARAM_INVALID: row(400, false, '参数有误，请按提示修改 / Correct the named field'),
  BODY_INVALID: row(400, false, '请求体不是合法的 JSON / Send a JSON object'),
  BODY_TOO_LARGE: row(413, false, '请求体过大 / Send a smaller body'),
  CONTENT_TYPE_UNSUPPORTED: row(
    415,
    false,
    '请使用 Content-Type: application/json / Send application/json',
  ),
  UNAUTHENTICATED: row(
    401,
    false,
    '无法确认调用者身份，小程序请用 callHTTPFunction，后台请带 X-API-Key / ' +
      'Unknown caller: use callHTTPFunction, or send X-API-Key',
  ),
  FORBIDDEN: row(
    403,
    false,
    '没有权限执行此操作，请用权限足够的运营密钥 / Not allowed: use an operator key with the right scope',
  ),
  OPERATOR_DISABLED: row(
    403,
    false,
    '未启用运营接口：请设置 operatorKeys / Operator routes are off: set operatorKeys',
  ),
  ORDER_NOT_PREPARED: row(
    403,
    false,
    '订单须先由商户创建 / The merchant must prepare this number first',
  ),
  NOT_IN_V2: row(
    400,
    false,
    'API v2 没有此功能：转账、合单等须使用 signMode=sdk / ' +
      'API v2 does not have this: transfers, combined orders and the like need signMode=sdk',
  ),
  SIGNATURE_INVALID: row(401, false, '验签失败 / The signature does not verify'),
  TIMESTAMP_EXPIRED: row(401, false, '时间戳超出 5 分钟窗口 / Outside the 5 minute window'),
  SERIAL_UNKNOWN: row(401, false, '未知的微信支付密钥序列号 / Unknown Wechatpay-Serial'),
  NOTIFICATION_UNPROVEN: row(401, false, '回调来源未经证实 / The origin is not proven'),
  NOTIFICATION_REFUSED: row(400, false, '回调内容不一致 / The notification contradicts itself'),
  ORDER_NOT_FOUND: row(404, false, '订单不存在，请核对单号 / No such order, check the number'),
  REFUND_NOT_FOUND: row(404, false, '退款不存在，请核对单号 / No such refund, check the number'),
  TRANSFER_NOT_FOUND: row(
    404,
    false,
    '转账单不存在，请核对单号 / No such transfer, check the number',
  ),
  RECORD_NOT_FOUND: row(404, false, '记录不存在，请先列出 / No such record, list them first'),
  ROUTE_NOT_FOUND: row(404, false, '接口不存在，请检查路径 / No such route, check the path'),
  ORDER_PARAMS_DIFFER: row(
    409,
    false,
    '同一订单号的参数与首次不一致，请换新订单号 / Same number, different parameters: use a new number',
  ),
  ORDER_PAID: row(409, false, '订单已支付，请勿重复下单 / Already paid, do not charge again'),
  ORDER_CLOSED: row(409, false, '订单已关闭或过期，请换新订单号 / Closed: use a new number'),
  ORDER_TAKEN: row(409, false, '订单号已被使用，请换新订单号 / Number in use: use a new one'),
  ORDER_NOT_PAID: row(409, false, '订单尚未支付，请先查询 / Not paid, query it first'),
  MOVE_FORBIDDEN: row(
    409,
    false,
    '当前状态不允许此操作，请查看记录 / Not in this state, see the record',
  ),
  REFUND_PARAMS_DIFFER: row(
    409,
    false,
    '同一退款单号的参数与首次不一致，请用首次的参数 / Same refund number, different parameters: send the first ones',
  ),
  REFUND_EXCEEDS: row(
    409,
    false,
    '退款总额超过已支付金额，或超过 50 笔，请查看记录 / More than was paid, or more than 50 refunds: see the record',
  ),
  REFUND_NUMBER_TAKEN: row(
    409,
    false,
    '退款单号属于另一订单，请换号 / Refund number of another order: use a new one',
  ),
  REFUND_CLOSED: row(
    409,
    false,
    '退款单号已关闭，金额已释放；如需退款请换新退款单号 / ' +
      'This refund number is closed and its amount is free: use a new refund number',
  ),
  TRANSFER_PARAMS_DIFFER: row(
    409,
    false,
    '同一转账单号的参数与首次不一致，请用首次的参数，勿换号 / Other facts: send the first, keep the number',
  ),
  TRANSFER_LIMIT: row(
    403,
    false,
    '超过转账限额 transferMaxFen 或 transferDayFen / Above transferMaxFen or transferDayFen',
  ),
  RATE_LIMITED: row(429, true, '请求过于频繁，请稍后再试 / Too many requests, try again later'),
  WECHATPAY_REJECTED: row(
    400,
    false,
    '微信支付拒绝了请求，原因见 data / WeChat Pay refused, see data',
  ),
  WECHATPAY_UNAVAILABLE: row(
    502,
    true,
    '微信支付暂不可用，请用同一单号重试 / WeChat Pay is unavailable, repeat with the same number',
  ),
  WECHATPAY_UNPROVEN: row(
    502,
    true,
    '微信支付的应答未通过验签，结果未知，请用同一单号重试 / Unproven reply, repeat with the same number',
  ),
  WECHATPAY_TIMEOUT: row(
    504,
    true,
    '微信支付超时，结果未知，请用同一单号重试或查询 / Timeout, outcome unknown: same number again',
  ),
  BILL_UNREADABLE: row(
    502,
    false,
    '账单与公布的哈希一致，但无法读取，重试无用：请在商户平台下载该日账单核对，并反馈所指的行列 / ' +
      'The bill is as WeChat announced it, but cannot be read, and repeating does not help: download the day ' +
      'from the merchant platform, check it by hand, and report the row and column named',
  ),
  KEYS_UNAVAILABLE: row(
    503,
    true,
    '平台证书尚未加载，请稍后再试 / Platform certificates not loaded yet, try again',
  ),
  IDENTITY_UNAVAILABLE: row(
    503,
    true,
    '身份服务不可达，请稍后再试 / Identity keys out of reach, try again',
  ),
  STORE_UNAVAILABLE: row(503, true, '数据库不可用，请稍后再试 / Database unavailable, try again'),
  STORE_CONTENTION: row(503, true, '请求冲突，请稍后再试 / Too much contention, try again'),
  STORE_NEWER: row(
    503,
    true,
    '记录由更新的版本写入，请升级 / Written by a newer version: upgrade this one',
  ),
  RECORD_DAMAGED: row(
    503,
    false,
    '数据库中的记录未通过封存校验，未做任何处理，请联系运营人员核查 / ' +
      'The stored record is not believed, nothing was done: an operator must look at it',
  ),
  REQUEST_REFUSED: row(
    409,
    false,
    '已存的请求与记录或当前设置不符，未发送，请核查记录 / ' +
      'The stored request fits the record or the settings no more: not sent, look at the record',
  ),
  ORDER_BUSY: row(503, true, '订单正在处理，请稍后用同一单号重试 / Being placed: same number soon'),
  OVERLOADED: row(
    503,
    true,
    '同时处理的请求过多，请稍后原样重试 / Too much at once, send the same again',
  ),
  SHUTTING_DOWN: row(503, true, '服务正在停止，请重试 / Stopping, try again'),
  MISSING_CREDENTIALS: row(503, false, '缺少以下设置，请补齐 / Settings are missing, fill them in'),
  CONFIG_INVALID: row(503, false, '配置有误，请改正 / Settings are invalid, correct them'),
  INVARIANT_BROKEN: row(
    500,
    false,
    '内部错误，已记录，请凭 requestId 反馈 / Internal error, report the requestId',
  ),
};

/** WeChat Pay's answer, kept for the caller and for support. */
export interface UpstreamInfo {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly requestId: string | null;
  readonly retryable: boolean;
  /** What happens next to what was refused, as a code: see `refundNext`. */
  readonly next?: string;
}

export interface ErrorOptions {
  /** What exactly is wrong here, in words for the caller. Must hold no secret. */
  readonly detail?: string;
  /** Overrides the table's HTTP status: only for WeChat's rejections. */
  readonly status?: number;
  readonly upstream?: UpstreamInfo;
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

export class AppError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly retryable: boolean;
  readonly detail: string | undefined;
  readonly upstream: UpstreamInfo | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, options: ErrorOptions = {}) {
    const { msg, status, retryable } = ERRORS[code];
    super(
      options.detail === undefined ? msg : `${msg}: ${options.detail}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = new.target.name;
    this.code = code;
    this.status = options.status ?? status;
    this.retryable = options.upstream?.retryable ?? retryable;
    this.detail = options.detail;
    this.upstream = options.upstream;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

export class ValidationError extends AppError {}
export class AuthError extends AppError {}
export class SignatureError extends AppError {}
export class NotFoundError extends AppError {}
export class ConflictError extends AppError {}
export class UpstreamError extends AppError {}
export class StoreError extends AppError {}
export class ConfigError extends AppError {
  /** Every fault, one sentence each. */
  readonly faults: readonly string[];
  constructor(code: 'MISSING_CREDENTIALS' | 'CONFIG_INVALID', faults: readonly string[]) {
    super(code, { detail: faults.join('; ') });
    this.faults = faults;
  }
}
/** A bug of ours: the log has the details, the answer does not. */
export class InvariantError extends AppError {
  constructor(detail: string) {
    super('INVARIANT_BROKEN', { detail });
  }
}
