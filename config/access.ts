/** Who may call, and what is believed about callers. */
import { createHash } from 'node:crypto';
import type { Config, OperatorKey } from './types';
import type { Values } from './values';

export type AccessSettings = Pick<
  Config,
  | 'operatorKeys'
  | 'operatorOpenids'
  | 'trustWxHeaders'
  | 'trustWxHeadersByHand'
  | 'foreignBearer'
  | 'cloudbaseEnv'
  | 'requirePreparedOrders'
>;

/** Each request compares with every key: a bound keeps that constant. */
const OPERATOR_KEYS_MAX = 32;
const OPERATOR_OPENIDS_MAX = 100;
const OPENID = /^[A-Za-z0-9_-]{16,64}$/;
const SCOPED = /^(?:(read|sweep):)?(?:(sha256):)?(.*)$/;
const SHA256_HEX = /^[0-9a-fA-F]{64}$/;
const KEY = /^[\x21-\x2b\x2d-\x7e]{32,256}$/;
const LIKE_A_PREFIX = /^[A-Za-z]{1,8}[0-9]{0,4}:/;
const ENV_ID = /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/;

type KeyFault = readonly [zh: string, en: string];

function operatorKey(item: string): OperatorKey | KeyFault {
  const [, scope, hashed, rest = ''] = SCOPED.exec(item) ?? [];
  if (LIKE_A_PREFIX.test(rest)) {
    return ['前缀只能是 read:、sweep:、sha256:', 'the only prefixes are read:, sweep:, sha256:'];
  }
  if (hashed !== undefined && !SHA256_HEX.test(rest)) {
    return ['sha256: 之后应为 64 位十六进制', 'sha256: must be followed by 64 hex digits'];
  }
  if (hashed === undefined && !KEY.test(rest)) {
    return ['密钥应为 32–256 个可见字符', 'a key has 32 to 256 visible ASCII characters'];
  }
  const digest =
    hashed === undefined ? createHash('sha256').update(rest).digest() : Buffer.from(rest, 'hex');
  return { scope: scope === 'read' || scope === 'sweep' ? scope : 'all', digest };
}

function readOperatorKeys(values: Values): readonly OperatorKey[] {
  const items = values.list('operatorKeys');
  if (items.length > OPERATOR_KEYS_MAX) {
    values.reject('operatorKeys', '最多 32 个', 'at most 32');
    return [];
  }
  const keys: OperatorKey[] = [];
  items.forEach((item, index) => {
    const place = [`第 ${String(index + 1)} 个`, `no. ${String(index + 1)}`] as const;
    const key = operatorKey(item);
    if (!('digest' in key)) {
      values.reject('operatorKeys', `${place[0]}：${key[0]}`, `${place[1]}: ${key[1]}`);
    } else if (keys.some((known) => known.digest.equals(key.digest))) {
      values.reject('operatorKeys', `${place[0]}：重复`, `${place[1]}: given twice`);
    } else {
      keys.push(key);
    }
  });
  return keys;
}

function readOperatorOpenids(values: Values): readonly string[] {
  const openids = values.list('operatorOpenids');
  if (openids.length > OPERATOR_OPENIDS_MAX) {
    values.reject('operatorOpenids', '最多 100 个', 'at most 100');
  }
  openids.forEach((openid, index) => {
    if (OPENID.test(openid)) return;
    const at = String(index + 1);
    values.reject('operatorOpenids', `第 ${at} 个不是 openid`, `no. ${at} is not an openid`);
  });
  return openids;
}

/** It becomes a host name to fetch keys from, so a strange one is not used at all. */
function readCloudbaseEnv(values: Values): string | undefined {
  const own = values.given('cloudbaseEnv');
  if (own !== undefined) {
    if (ENV_ID.test(own)) return own;
    return values.reject('cloudbaseEnv', '不是合法的环境 ID', 'not an environment id');
  }
  const env = values.platform('TCB_ENV') ?? values.platform('SCF_NAMESPACE');
  return env !== undefined && ENV_ID.test(env) ? env : undefined;
}

export function readAccess(values: Values, scf: boolean): AccessSettings {
  const trustWxHeaders = values.boolean('trustWxHeaders', scf);
  const trustWxHeadersByHand = values.given('trustWxHeaders') !== undefined && trustWxHeaders;
  if (trustWxHeadersByHand && !scf) {
    values.warn(
      'trustWxHeaders',
      '云函数之外任何人都能伪造 x-wx-openid，请确认前面的网关会改写它',
      'outside SCF anyone can forge x-wx-openid: make sure the gateway in front overwrites it',
    );
  }
  return {
    operatorKeys: readOperatorKeys(values),
    operatorOpenids: readOperatorOpenids(values),
    trustWxHeaders,
    trustWxHeadersByHand,
    foreignBearer: values.choice('foreignBearer', ['refuse', 'ignore'], 'refuse'),
    cloudbaseEnv: readCloudbaseEnv(values),
    requirePreparedOrders: values.boolean('requirePreparedOrders'),
  };
}
