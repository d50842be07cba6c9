import { createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { ConfigError } from '../../utils/errors';
import { strictBase64 } from './base64';
import { textOf, type JsonObject } from './readJsonObject';

const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;

/** @throws ConfigError CONFIG_INVALID unless the APIv3 key is exactly 32 bytes. */
export function createAesKey(apiV3Key: string): KeyObject {
  const bytes = Buffer.from(apiV3Key, 'utf8');
  if (bytes.length !== KEY_BYTES) {
    throw new ConfigError('CONFIG_INVALID', ['apiV3Key must be exactly 32 bytes']);
  }
  return createSecretKey(bytes);
}

/**
 * Opens AEAD_AES_256_GCM of WeChat Pay: Base64(ciphertext ‖ 16-byte tag), 12-byte nonce, AAD may be absent.
 * The tag is what proves that the text was made with the merchant's APIv3 key, hence `authTagLength`
 * (Node would accept 4 bytes) and `final()` (without it nothing is checked at all: the SDK's
 * `decipher_gcm` leaves it out, so it is not used here).
 *
 * @returns the plaintext; `undefined` when the shape is wrong or the tag does not hold. Never throws.
 */
export function openAesGcm(key: KeyObject, resource: JsonObject): Buffer | undefined {
  const sealed = strictBase64(textOf(resource, 'ciphertext'));
  const nonce = Buffer.from(textOf(resource, 'nonce') ?? '', 'utf8');
  const aad = resource['associated_data'] ?? '';
  if (sealed === undefined || sealed.length < TAG_BYTES) return undefined;
  if (nonce.length !== NONCE_BYTES || typeof aad !== 'string') return undefined;
  const split = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(split));
  decipher.setAAD(Buffer.from(aad, 'utf8'));
  const head = decipher.update(sealed.subarray(0, split));
  try {
    return Buffer.concat([head, decipher.final()]);
  } catch {
    return undefined;
  }
}
