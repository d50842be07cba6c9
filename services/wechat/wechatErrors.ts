/**
 * WeChat's refusals and silences in our words, once. What a refusal means to the *record* is decided
 * elsewhere, and only from proven ones; this is what the caller is told.
 */
import { isTransient, plainCode } from '../ledger/refusalCodes';
import type { WechatReply } from '../strategies/strategy';
import { ConfigError, UpstreamError, type AppError } from '../../utils/errors';

/** WeChat's code → the HTTP status a caller understands, where WeChat's own status would mislead. */
const STATUS: Readonly<Record<string, number>> = {
  ORDERPAID: 409,
  ORDERCLOSED: 409,
  OUTTRADENOUSED: 409,
  ALREADYEXISTS: 409,
  // Our own signature or rights are at fault, not the caller.
  SIGNERROR: 502,
  MCHNOTEXISTS: 502,
  APPIDMCHIDNOTMATCH: 502,
};

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly proven: boolean;
  readonly repeated: boolean;
}

/** A 4xx, proven or not; undefined for anything else. */
export function refusalOf(reply: WechatReply): Refusal | undefined {
  if (reply.kind === 'refused') {
    const { status, code, message, repeated } = reply;
    return { status, code, message, repeated, proven: false };
  }
  if (reply.kind !== 'proven' || reply.status < 400) return undefined;
  const code = typeof reply.body.code === 'string' ? reply.body.code : 'UNKNOWN';
  const message = typeof reply.body.message === 'string' ? reply.body.message : '';
  return { status: reply.status, code, message, repeated: reply.repeated, proven: true };
}

/** true: WeChat asks for patience; whether it would have answered is not known. */
export function isLimited(reply: WechatReply | undefined): boolean {
  if (reply === undefined) return false;
  return refusalOf(reply)?.status === 429 || (reply.kind === 'unknown' && reply.status === 429);
}

/** true: WeChat says that it holds no such number. Proof is the caller's business. */
export function saysNotFound(refusal: Refusal): boolean {
  const code = plainCode(refusal.code);
  if (code === 'ORDERNOTEXIST' || code === 'RESOURCENOTEXISTS' || code === 'NOTFOUND') return true;
  return refusal.status === 404;
}

/** The error for any reply that is not a proven success. */
export function upstreamError(reply: WechatReply): AppError {
  const refusal = refusalOf(reply);
  if (refusal !== undefined) {
    const status = STATUS[plainCode(refusal.code)] ?? clientStatus(refusal.status);
    return new UpstreamError('WECHATPAY_REJECTED', {
      status,
      upstream: {
        status: refusal.status,
        code: refusal.code,
        message: refusal.message,
        requestId: reply.requestId,
        retryable: isTransient(refusal.code),
      },
    });
  }
  if (reply.kind !== 'unknown') return new UpstreamError('WECHATPAY_UNAVAILABLE');
  if (reply.reason === 'credentials') {
    return new ConfigError('MISSING_CREDENTIALS', [reply.code ?? '']);
  }
  const upstream = {
    status: reply.status ?? 0,
    code: reply.code ?? reply.reason.toUpperCase(),
    message: reply.message ?? '',
    requestId: reply.requestId,
    retryable: true,
  };
  switch (reply.reason) {
    case 'timeout':
      return new UpstreamError('WECHATPAY_TIMEOUT', { upstream });
    case 'keys':
      return new UpstreamError('KEYS_UNAVAILABLE', { upstream });
    case 'unproven':
      return new UpstreamError('WECHATPAY_UNPROVEN', { upstream });
    case 'network':
    case 'status':
      return reply.status === 429
        ? new UpstreamError('WECHATPAY_REJECTED', { status: 429, upstream })
        : new UpstreamError('WECHATPAY_UNAVAILABLE', { upstream });
  }
}

const CLIENT = new Set([400, 403, 404, 409, 429]);
const clientStatus = (status: number): number =>
  status === 401 ? 502 : CLIENT.has(status) ? status : 400;

/** The body of WeChat's proven success; undefined for any other reply. */
export const provenBody = (reply: WechatReply): Readonly<Record<string, unknown>> | undefined =>
  reply.kind === 'proven' && reply.status === 200 ? reply.body : undefined;

/** true: WeChat refuses because it holds no such number, proven or not. */
export function isMissing(reply: WechatReply): boolean {
  const refusal = refusalOf(reply);
  return refusal !== undefined && saysNotFound(refusal);
}

/** Stands behind the dash of Request-ID: the number is another shop's of the same service provider. */
const OTHER_SHOP = '268447845';

const saysOtherShop = (reply: WechatReply): boolean =>
  refusalOf(reply) !== undefined && reply.requestId?.endsWith(`-${OTHER_SHOP}`) === true;

/** true: WeChat holds no such number of ours, or of the shop that was named. */
export const isUnknown = (reply: WechatReply): boolean => isMissing(reply) || saysOtherShop(reply);

/** The body of WeChat's proven success. @throws for any other reply; `missing` where WeChat holds no such number. */
export function bodyOrThrow(
  reply: WechatReply,
  missing?: () => Error,
): Readonly<Record<string, unknown>> {
  const body = provenBody(reply);
  if (body !== undefined) return body;
  throw missing !== undefined && isUnknown(reply) ? missing() : upstreamError(reply);
}
