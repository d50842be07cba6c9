/**
 * The signature of API v2: all values that are not empty, sorted by name, and the key at the end. One key for both
 * directions, so a signature that holds was made by WeChat Pay or by the merchant.
 * Source: 微信支付 API v2《签名算法》.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { SignTypeV2 } from '../../../config/types';
import type { XmlFields } from './xml';

const HEX_CHARS: Readonly<Record<SignTypeV2, number>> = { MD5: 32, 'HMAC-SHA256': 64 };
const TYPES = Object.keys(HEX_CHARS) as SignTypeV2[];
/** A value that could be read as further fields. */
const HOLDS_FIELD = /&[A-Za-z0-9_]+=/;

const byName = ([a]: readonly [string, string], [b]: readonly [string, string]): number =>
  a < b ? -1 : 1;

/** Values raw, as they stand in the XML once it is read: neither escaped nor encoded. */
export const signText = (fields: Iterable<readonly [string, string]>, key: string): string =>
  [...fields]
    .filter(([name, value]) => name !== 'sign' && value !== '')
    .sort(byName)
    .map(([name, value]) => `${name}=${value}&`)
    .join('')
    .concat(`key=${key}`);

export function signV2(
  fields: Iterable<readonly [string, string]>,
  key: string,
  type: SignTypeV2,
): string {
  const text = signText(fields, key);
  const hash = type === 'MD5' ? createHash('md5') : createHmac('sha256', key);
  return hash.update(text, 'utf8').digest('hex').toUpperCase();
}

/** The type that a signature's length tells; one that is named must be the same. */
export function typeOfSign(fields: XmlFields): SignTypeV2 | undefined {
  const type = TYPES.find((one) => fields.get('sign')?.length === HEX_CHARS[one]);
  const named = fields.get('sign_type') ?? '';
  return named === '' || named === type ? type : undefined;
}

/** Over all fields received, also those we do not know. */
export function holdsV2(fields: XmlFields, key: string, type: SignTypeV2): boolean {
  const sign = Buffer.from(fields.get('sign') ?? '');
  const ours = Buffer.from(signV2(fields, key, type));
  return sign.length === ours.length && timingSafeEqual(sign, ours);
}

/**
 * true: another set of fields has the same signed text, because a value holds `&name=`. Payers choose `attach`, so
 * such a notification may have been put together from a genuine one.
 */
export const isAmbiguous = (fields: XmlFields): boolean =>
  [...fields.values()].some((value) => HOLDS_FIELD.test(value));
