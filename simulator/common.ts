import { ApiError, invalidRequest, NUMERIC, paramError } from './errors';
import { queryText, text, type Field } from './schema';
import type { ApiRequest, World } from './world';

/** Fields that several calls share. */
export const OUT_TRADE_NO: Field = text('商户订单号', 32, {
  required: true,
  min: 6,
  pattern: /^[0-9A-Za-z_\-|*]+$/,
});

export const MCHID: Field = text('直连商户号', 32, { required: true, pattern: /^[1-9]\d*$/ });

export const APPID: Field = text('公众号ID', 32, { required: true });

const HINT = 'http header中的mchid与post payload中的mchid不匹配';

export function checkMchid(world: World, mchid: unknown): void {
  if (mchid === world.mchid) return;
  if (world.switches.mchidMismatch === 'INVALID_REQUEST') throw invalidRequest(HINT);
  throw paramError(HINT, { detail: { location: 'body', value: mchid } });
}

/** The `mchid` every query needs. */
export function checkQueryMchid(world: World, request: ApiRequest): void {
  checkMchid(world, queryText(request.query, 'mchid', MCHID));
}

export function checkAppid(world: World, appid: unknown): void {
  if (appid === world.appid || appid === world.serviceAppid) return;
  throw new ApiError(400, 'APPID_MCHID_NOT_MATCH', 'appid和mch_id不匹配，请检查后再试', {
    numeric: NUMERIC.appidMchid,
  });
}

/** An openid of another appid; `foreign…` is one wherever it appears. */
export function checkOpenid(world: World, openid: string, appid: string): void {
  const owner = world.openids.get(openid);
  if (!openid.startsWith('foreign') && (owner === undefined || owner === appid)) return;
  if (world.switches.openidMismatch === 'OPENID_MISMATCH') {
    throw new ApiError(500, 'OPENID_MISMATCH', 'openid和appid不匹配');
  }
  throw paramError('appid与openid不匹配', {
    detail: { location: 'body', field: '/body/payer/openid', value: openid },
  });
}

/** `undefined` for what is no URL: `URL.canParse` is not there in Node 18.15. */
export function parseUrl(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}

const INTERNAL =
  /^(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|0\.|\[)|^\d+(\.\d+){3}$/;

/** https, a path, no query, default port, no internal address. */
export function checkNotifyUrl(world: World, url: unknown): void {
  if (typeof url !== 'string' || world.switches.notifyUrlRules === 'lenient') return;
  const parsed = parseUrl(url);
  const good =
    parsed?.protocol === 'https:' &&
    parsed.port === '' &&
    !/[?#\s]/.test(url) &&
    !/^https:\/\/[^/]*:/.test(url) &&
    !INTERNAL.test(parsed.hostname);
  if (good) return;
  throw paramError(
    '输入源“/body/notify_url”映射到值字段“通知地址”字符串规则校验失败，' +
      '必须为https协议、外网可访问且不能携带参数的URL',
    { detail: { location: 'body', value: url } },
  );
}

/** Without keys whose value is undefined, so that `null` and gaps never reach the wire. */
export function compact(source: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined));
}
