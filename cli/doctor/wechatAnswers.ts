/** What WeChat's answers and silences mean: each becomes a code. */
import type { Config } from '../../config/types';
import type { HttpFault, HttpReply } from '../../services/strategies/http';
import { isJsonObject, readJsonObject, textOf } from '../../services/strategies/readJsonObject';
import type { Unproven } from '../../services/strategies/signature';
import type { LogFields } from '../../utils/logger';
import { found, type Finding } from './findings';
import type { OwnCode } from './words';

const DNS = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL']);
const TLS = /^(CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|EPROTO)/;

export function networkFinding({ code }: HttpFault, config: Config): Finding {
  const params = { host: new URL(config.wxPayBaseUrl).host, code };
  if (DNS.has(code)) return found('network.dns', { params });
  return found(TLS.test(code) ? 'network.tls' : 'network.unreachable', { params });
}

/** By WeChat's code, compared without underscores, as WeChat writes both forms. */
const REFUSALS: Readonly<Record<string, OwnCode>> = {
  MCHNOTEXISTS: 'wechat.mch_unknown',
  APPIDMCHIDNOTMATCH: 'wechat.appid_unbound',
  NOAUTH: 'wechat.no_auth',
};

/** Behind the dash of Request-ID: how a service provider (服务商) and its shops stand to each other. */
const RELATIONS: Readonly<Record<string, OwnCode>> = {
  '268443701': 'partner.no_relation',
  '268443704': 'partner.is_provider',
  '268443705': 'partner.own_number',
  '268448010': 'partner.restricted',
};

/** Messages that come without a number of their own. */
const RELATION_WORDS = /受理关系|产品授权已被解除|未授权服务商/;

/** @returns undefined: nothing is said of a shop. */
export function relationFinding(
  reply: HttpReply,
  sub_mchid: string | undefined,
): Finding | undefined {
  if (reply.status < 400) return undefined;
  const told = reply.headers['request-id'];
  const number = typeof told === 'string' ? told.slice(told.lastIndexOf('-') + 1) : '';
  const message = textOf(readJsonObject(reply.raw), 'message') ?? '';
  const worded = RELATION_WORDS.test(message) ? 'partner.no_relation' : undefined;
  const code = Object.hasOwn(RELATIONS, number) ? RELATIONS[number] : worded;
  if (code === undefined) return undefined;
  const setting = code === 'partner.is_provider' ? 'merchantId' : 'subMerchants';
  return found(code, { setting, params: { sub_mchid: sub_mchid ?? '', message } });
}

const NOT_FOUND = new Set(['ORDERNOTEXIST', 'RESOURCENOTEXISTS', 'NOTFOUND']);
const plain = (code: string): string => code.replaceAll('_', '').toUpperCase();

/** @returns undefined: the signature was accepted, and the made-up number is unknown, as it should be. */
export function refusalFinding(reply: HttpReply): Finding | undefined {
  const body = readJsonObject(reply.raw);
  const code = textOf(body, 'code') ?? `HTTP_${reply.status}`;
  const message = textOf(body, 'message') ?? '';
  if (reply.status === 200 || (reply.status === 404 && NOT_FOUND.has(plain(code)))) {
    return undefined;
  }
  const params = { code, message };
  if (reply.status >= 500 || reply.status === 429) return found('wechat.unavailable', { params });
  const known = plain(code) === 'SIGNERROR' ? signError(body) : REFUSALS[plain(code)];
  return found(known ?? 'wechat.refused', { params });
}

/** WeChat says in `detail` which part is wrong, so the finding can name the setting. */
function signError(body: ReturnType<typeof readJsonObject>): OwnCode {
  const detail = body?.['detail'];
  const field = isJsonObject(detail) ? textOf(detail, 'field') : undefined;
  const message = textOf(body, 'message') ?? '';
  const serial = field === 'serial_no' || message.includes('证书序列号');
  return serial ? 'wechat.serial' : 'wechat.sign_mismatch';
}

/** Why there is no platform certificate, from what the key ring logged. */
export function withoutCertificates({ reason, status, code }: LogFields): Finding {
  const said = [code, reason].find((word) => typeof word === 'string') ?? '';
  if (reason === 'undecryptable') return found('apiV3Key.wrong');
  const none = status === 403 ? 'certificates.void' : 'certificates.none';
  return found(reason === 'none' ? none : 'certificates.failed', { params: { said } });
}

const UNPROVEN: Readonly<Record<Unproven, OwnCode>> = {
  headers_missing: 'wechat.unsigned',
  scheme: 'wechat.scheme',
  timestamp: 'wechat.stale',
  serial_unknown: 'wechat.key_id',
  signature: 'wechat.public_key',
  keys: 'certificates.no_key',
};

export const unprovenFinding = (verdict: Unproven): Finding => found(UNPROVEN[verdict]);
