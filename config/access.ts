/** Who may call, and which statements about callers are trusted. */
import { createHash } from 'node:crypto';
import type { FaultCode } from './faultWords';
import type { DeploymentSettings, MerchantSettings, OperatorKey, SubMerchant } from './types';
import type { Values } from './values';

export type AccessSettings = Pick<
  DeploymentSettings,
  'trustWxHeaders' | 'trustWxHeadersByHand' | 'foreignBearer' | 'cloudbaseEnv'
>;

/** Each request compares with every key: a bound keeps that constant. */
const OPERATOR_KEYS_MAX = 32;
const OPERATOR_OPENIDS_MAX = 100;
const OPENID = /^[A-Za-z0-9_-]{16,64}$/;
const NAMED = /^([A-Za-z0-9_-]{1,32})=(.+)$/;
const SCOPED = /^(?:(read|sweep):)?(?:sub:(\d{1,32}):)?(?:(sha256):)?(.*)$/;
const SHA256_HEX = /^[0-9a-fA-F]{64}$/;
const KEY = /^[\x21-\x2b\x2d-\x7e]{32,256}$/;
const LIKE_A_PREFIX = /^[A-Za-z]{1,8}[0-9]{0,4}:/;
const ENV_ID = /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/;

/** A key may contain `=` itself: the text before the first `=` is a name only if a key follows it. */
function operatorKey(item: string, shops: readonly SubMerchant[]): OperatorKey | FaultCode {
  const [, name, rest] = NAMED.exec(item) ?? [];
  if (name === undefined || rest === undefined) return bareKey(item, shops);
  const named = bareKey(rest, shops);
  if (named === 'operator_key') return bareKey(item, shops);
  return typeof named === 'string' ? named : Object.freeze(Object.assign({}, named, { name }));
}

function bareKey(item: string, shops: readonly SubMerchant[]): OperatorKey | FaultCode {
  const [, scope, sub_mchid, hashed, rest = ''] = SCOPED.exec(item) ?? [];
  if (LIKE_A_PREFIX.test(rest)) return 'operator_prefix';
  if (sub_mchid !== undefined && !shops.some((shop) => shop.sub_mchid === sub_mchid)) {
    return 'operator_sub';
  }
  if (sub_mchid !== undefined && scope === 'sweep') return 'operator_sub_sweep';
  if (hashed !== undefined && !SHA256_HEX.test(rest)) return 'operator_digest';
  if (hashed === undefined && !KEY.test(rest)) return 'operator_key';
  const digest =
    hashed === undefined ? createHash('sha256').update(rest).digest() : Buffer.from(rest, 'hex');
  return Object.freeze({
    scope: scope === 'read' || scope === 'sweep' ? scope : 'all',
    ...(sub_mchid === undefined ? {} : { sub_mchid }),
    digest,
  });
}

function readOperatorKeys(values: Values, shops: readonly SubMerchant[]): readonly OperatorKey[] {
  const items = values.list('operatorKeys');
  if (items.length > OPERATOR_KEYS_MAX) {
    values.reject('operatorKeys', 'too_many', { max: String(OPERATOR_KEYS_MAX) });
    return [];
  }
  const keys: OperatorKey[] = [];
  items.forEach((item, index) => {
    const at = String(index + 1);
    const key = operatorKey(item, shops);
    if (typeof key === 'string') {
      values.reject('operatorKeys', key, { at });
    } else if (keys.some((known) => known.digest.equals(key.digest))) {
      values.reject('operatorKeys', 'repeated', { at });
    } else {
      keys.push(key);
    }
  });
  return keys;
}

function readOperatorOpenids(values: Values): readonly string[] {
  const openids = values.list('operatorOpenids');
  if (openids.length > OPERATOR_OPENIDS_MAX) {
    values.reject('operatorOpenids', 'too_many', { max: String(OPERATOR_OPENIDS_MAX) });
  }
  openids.forEach((openid, index) => {
    if (OPENID.test(openid)) return;
    values.reject('operatorOpenids', 'not_openid', { at: String(index + 1) });
  });
  return openids;
}

/** It becomes a host name to fetch keys from, so a malformed one is not used at all. */
function readCloudbaseEnv(values: Values): string | undefined {
  const own = values.given('cloudbaseEnv');
  if (own !== undefined) {
    if (ENV_ID.test(own)) return own;
    return values.reject('cloudbaseEnv', 'not_environment');
  }
  const env = values.platform('TCB_ENV') ?? values.platform('SCF_NAMESPACE');
  return env !== undefined && ENV_ID.test(env) ? env : undefined;
}

/** A merchant's operators and systems. */
export const readOperators = (
  values: Values,
  shops: readonly SubMerchant[],
): Pick<MerchantSettings, 'operatorKeys' | 'operatorOpenids'> => ({
  operatorKeys: Object.freeze(readOperatorKeys(values, shops)),
  operatorOpenids: Object.freeze(readOperatorOpenids(values)),
});

export function readAccess(values: Values, scf: boolean): AccessSettings {
  const trustWxHeaders = values.boolean('trustWxHeaders', scf);
  const trustWxHeadersByHand = values.given('trustWxHeaders') !== undefined && trustWxHeaders;
  if (trustWxHeadersByHand && !scf) values.warn('trustWxHeaders', 'headers_outside_scf');
  return {
    trustWxHeaders,
    trustWxHeadersByHand,
    foreignBearer: values.choice('foreignBearer', ['refuse', 'ignore'], 'refuse'),
    cloudbaseEnv: readCloudbaseEnv(values),
  };
}
