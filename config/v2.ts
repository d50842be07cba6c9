/** What API v2 is spoken with: one key for both directions, and a certificate for money that goes out. */
import { suspicionOf } from './cleanValue';
import type { MerchantAccount, SignMode, SignTypeV2, V2Credentials } from './types';
import type { Values } from './values';

const SIGN_TYPES: readonly SignTypeV2[] = ['HMAC-SHA256', 'MD5'];
const KEY_BYTES = 32;
const CERTIFICATE_BYTES_MAX = 16 * 1024;
/** DER: a SEQUENCE whose length takes one or two further bytes. */
const P12_BEGIN = /^0[\x81\x82]/;

/** `undefined` without a key, or when a value is damaged; the faults are in `values`. */
export function readV2(
  values: Values,
  signMode: SignMode,
  account: MerchantAccount | undefined,
): V2Credentials | undefined {
  const given = signMode === 'v2' ? values.need('apiKeyV2') : values.given('apiKeyV2');
  const signTypeV2 = values.choice('signTypeV2', SIGN_TYPES, 'HMAC-SHA256');
  const clientCertificate = certificate(values);
  const apiKeyV2 = given === undefined ? undefined : checkedKey(values, given);
  if (apiKeyV2 === undefined || account === undefined) return undefined;
  return Object.freeze({ ...account, apiKeyV2, signTypeV2, clientCertificate });
}

function checkedKey(values: Values, key: string): string | undefined {
  const odd = suspicionOf(key);
  if (odd !== undefined) return values.reject('apiKeyV2', `key_${odd}`);
  const bytes = Buffer.byteLength(key);
  if (bytes === KEY_BYTES) return key;
  return values.reject('apiKeyV2', 'key_length', { bytes: String(bytes) });
}

/**
 * Its bytes, as far as the text can be read as a p12. Damage is a warning and not a fault: only refunds and
 * reversals need it, and they say so themselves.
 */
function certificate(values: Values): Buffer | undefined {
  const text = values.given('clientCertificate');
  if (text === undefined) return undefined;
  const plain = text.replace(/\\n|\s/g, '');
  const bytes = Buffer.from(plain, 'base64');
  const whole = bytes.toString('base64').replace(/=+$/, '') === plain.replace(/=+$/, '');
  const looksRight = whole && P12_BEGIN.test(bytes.toString('latin1', 0, 2));
  if (!looksRight || bytes.length > CERTIFICATE_BYTES_MAX) {
    values.warn('clientCertificate', 'not_p12');
  }
  return bytes;
}
