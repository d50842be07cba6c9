/**
 * Amounts that provoke what is rare, from any client: with the switch `magicAmounts`, an order of 77.01 yuan meets an
 * error of WeChat Pay, one of 77.21 loses its callback. docs/local.md has the same table; a test compares them.
 */
import type { CallbackFault, Fault, NotificationKind, Plain } from './types';
import type { World } from './world';

type On = 'order' | 'codepay' | 'refund' | 'transfer';

export interface MagicAmount {
  readonly fen: number;
  readonly on: On;
  readonly zh: string;
  readonly en: string;
  /** Spoils the request that names the amount; `times` counts for each number. */
  readonly request?: Omit<Fault, 'route'>;
  /** Spoils the first `times` attempts of the notification; without `times` the first alone. */
  readonly callback?: Omit<CallbackFault, 'route'>;
  /** How the refund, payment code or transfer ends. */
  readonly outcome?: string;
}

const error = (status: number, code: string, message: string): Omit<Fault, 'route'> => ({
  kind: 'status',
  status,
  body: { code, message },
});

const MINUTE_MS = 60_000;

export const MAGIC_AMOUNTS: readonly MagicAmount[] = [
  {
    fen: 7701,
    on: 'order',
    request: { kind: 'status', status: 500 },
    zh: '下单总是 500',
    en: 'every attempt to order is answered 500',
  },
  {
    fen: 7702,
    on: 'order',
    request: { kind: 'status', status: 500, times: 3 },
    zh: '前三次 500，之后成功：用同一单号再下一次',
    en: '500 three times, then it works: order again with the same number',
  },
  {
    fen: 7703,
    on: 'order',
    request: { kind: 'status', status: 429 },
    zh: '频率超限',
    en: 'the rate limit of WeChat Pay',
  },
  {
    fen: 7704,
    on: 'order',
    request: { kind: 'hang' },
    zh: '微信支付不应答：超时，结果未知',
    en: 'no answer: a timeout, the outcome is unknown',
  },
  {
    fen: 7705,
    on: 'order',
    request: { kind: 'drop_after', times: 1 },
    zh: '已下单但应答丢失一次：自动用同一字节重试',
    en: 'done, but the answer is lost once: the same bytes are sent again',
  },
  {
    fen: 7706,
    on: 'order',
    request: { kind: 'bad_signature' },
    zh: '应答签名有误：不可信',
    en: 'the answer has a wrong signature: it is not trusted',
  },
  {
    fen: 7707,
    on: 'order',
    request: error(403, 'NO_AUTH', '商户号该产品权限未开通，请前往商户平台>产品中心检查后重试'),
    zh: '产品未开通',
    en: 'the product is not enabled for the merchant',
  },
  {
    fen: 7708,
    on: 'order',
    request: error(400, 'PARAM_ERROR', '参数错误'),
    zh: '参数错误：改正后可用同一单号再下',
    en: 'wrong input: correct it and send the same number again',
  },
  {
    fen: 7709,
    on: 'order',
    request: { kind: 'html' },
    zh: '网关返回 HTML 502',
    en: 'a front proxy answers 502 with HTML',
  },
  {
    fen: 7710,
    on: 'order',
    request: { kind: 'latency', ms: 3000 },
    zh: '应答要 3 秒',
    en: 'the answer takes 3 s',
  },
  {
    fen: 7721,
    on: 'order',
    callback: { kind: 'drop', times: 99 },
    zh: '回调全部丢失：由巡检查到',
    en: 'every callback is lost: the sweep finds the payment',
  },
  {
    fen: 7722,
    on: 'order',
    callback: { kind: 'delay', ms: MINUTE_MS },
    zh: '回调晚到一分钟',
    en: 'the callback comes a minute late',
  },
  {
    fen: 7723,
    on: 'order',
    callback: { kind: 'duplicate' },
    zh: '回调同时来两次',
    en: 'the callback comes twice at once',
  },
  {
    fen: 7724,
    on: 'order',
    callback: { kind: 'bad_signature' },
    zh: '第一次回调签名有误：拒绝，之后重发',
    en: 'the first callback has a wrong signature: refused, then sent again',
  },
  {
    fen: 7725,
    on: 'order',
    callback: { kind: 'truncate' },
    zh: '第一次回调只到一半',
    en: 'half of the first callback arrives',
  },
  {
    fen: 7731,
    on: 'codepay',
    outcome: 'PAYERROR',
    zh: '付款码支付失败',
    en: 'the payment code fails',
  },
  {
    fen: 7732,
    on: 'codepay',
    outcome: 'USERPAYING',
    zh: '用户需输入密码',
    en: 'the user must enter the password',
  },
  {
    fen: 7741,
    on: 'refund',
    request: error(403, 'NOT_ENOUGH', '基本账户余额不足，请充值后重新发起'),
    zh: '余额不足：7 天内自动重试',
    en: 'the balance is too low: tried again for 7 days',
  },
  {
    fen: 7742,
    on: 'refund',
    outcome: 'ABNORMAL',
    zh: '退款异常',
    en: 'the refund becomes abnormal',
  },
  {
    fen: 7743,
    on: 'refund',
    outcome: 'CLOSED',
    zh: '退款关闭',
    en: 'the refund is closed',
  },
  {
    fen: 7744,
    on: 'refund',
    outcome: 'never',
    zh: '退款一直处理中',
    en: 'the refund stays in progress',
  },
  {
    fen: 7745,
    on: 'refund',
    request: { kind: 'status', status: 500 },
    zh: '退款总是 500：结果未知，202',
    en: 'every attempt is answered 500: unknown, 202',
  },
  {
    fen: 7746,
    on: 'refund',
    callback: { kind: 'drop', times: 99 },
    zh: '退款回调全部丢失',
    en: 'every callback of the refund is lost',
  },
  {
    fen: 7751,
    on: 'transfer',
    request: error(403, 'NOT_ENOUGH', '商户运营账户资金不足，请充值后重试'),
    zh: '运营账户余额不足',
    en: 'the operating account is too low',
  },
  {
    fen: 7752,
    on: 'transfer',
    outcome: 'PAYEE_ACCOUNT_ABNORMAL',
    zh: '受理后失败：收款账户异常',
    en: 'accepted, then it fails: the account of the receiver',
  },
  {
    fen: 7753,
    on: 'transfer',
    request: { kind: 'status_after', status: 500 },
    zh: '已受理但应答 500：结果未知',
    en: 'done, but answered 500: unknown',
  },
];

const PATHS: readonly (readonly [RegExp, On])[] = [
  [/^\/v3\/pay\/(partner\/)?transactions\/codepay$/, 'codepay'],
  [/^\/v3\/pay\/(partner\/)?transactions\/(jsapi|h5|native|app)$/, 'order'],
  [/^\/v3\/refund\/domestic\/refunds$/, 'refund'],
  [/^\/v3\/fund-app\/mch-transfer\/transfer-bills$/, 'transfer'],
];

const NUMBERS: Readonly<Record<On, string>> = {
  order: 'out_trade_no',
  codepay: 'out_trade_no',
  refund: 'out_refund_no',
  transfer: 'out_bill_no',
};

const AMOUNTS: Readonly<Record<On, (body: Plain) => unknown>> = {
  order: (body) => part(body, 'total'),
  codepay: (body) => part(body, 'total'),
  refund: (body) => part(body, 'refund'),
  transfer: (body) => body.transfer_amount,
};

const NOTIFIED: Readonly<Record<NotificationKind, On | undefined>> = {
  payment: 'order',
  refund: 'refund',
  transfer: 'transfer',
  echo: undefined,
};

const part = (body: Plain, name: string): unknown =>
  typeof body.amount === 'object' && body.amount !== null
    ? (body.amount as Plain)[name]
    : undefined;

function magicOf(world: World, on: On | undefined, fen: unknown): MagicAmount | undefined {
  if (!world.switches.magicAmounts || on === undefined) return undefined;
  return MAGIC_AMOUNTS.find((one) => one.on === on && one.fen === fen);
}

const KEYS_MAX = 10_000;

/** How many requests of a number were spoiled; a new number starts again. */
export class MagicTries {
  private readonly tries = new Map<string, number>();

  /** Whether this one is among the first `max`. */
  take(key: string, max: number): boolean {
    const count = (this.tries.get(key) ?? 0) + 1;
    if (this.tries.size > KEYS_MAX) this.tries.clear();
    this.tries.set(key, count);
    return count <= max;
  }
}

/** What the amount in a request orders for it. */
export function magicRequest(
  world: World,
  tries: MagicTries,
  call: { readonly method: string; readonly path: string; readonly raw: Buffer },
): Fault[] {
  if (!world.switches.magicAmounts || call.method !== 'POST') return [];
  const [, on] = PATHS.find(([pattern]) => pattern.test(call.path)) ?? [];
  if (on === undefined) return [];
  const body = bodyOf(call.raw);
  const fault = magicOf(world, on, AMOUNTS[on](body))?.request;
  if (fault === undefined) return [];
  const key = `${on}|${String(body[NUMBERS[on]])}`;
  return tries.take(key, fault.times ?? Infinity) ? [{ ...fault, route: call.path }] : [];
}

function bodyOf(raw: Buffer): Plain {
  try {
    const value: unknown = JSON.parse(raw.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Plain) : {};
  } catch {
    return {};
  }
}

/** What the amount in a notification orders for its attempt, counted from 1. */
export function magicCallback(
  world: World,
  kind: NotificationKind,
  plain: Plain,
  attempt: number,
): CallbackFault | undefined {
  const on = NOTIFIED[kind];
  const fen = on === undefined ? undefined : AMOUNTS[on](plain);
  const fault = magicOf(world, on, fen)?.callback;
  if (fault === undefined || attempt > (fault.times ?? 1)) return undefined;
  return { ...fault, route: kind };
}

/** How a refund, payment code or transfer of this amount ends. */
export const magicOutcome = (
  world: World,
  on: 'codepay' | 'refund' | 'transfer',
  fen: number,
): string | undefined => magicOf(world, on, fen)?.outcome;
