import { createCipheriv, createHash, createHmac } from 'node:crypto';
import type { Fields } from './xml';

export type SignType = 'MD5' | 'HMAC-SHA256';

/** Upper-case hex over what is not empty, in the order of the names' bytes. */
export function sign(fields: Fields, key: string, type: SignType): string {
  const pairs = Object.keys(fields)
    .filter((name) => name !== 'sign' && fields[name] !== '')
    .sort()
    .map((name) => `${name}=${fields[name] ?? ''}`);
  const text = [...pairs, `key=${key}`].join('&');
  const hash = type === 'MD5' ? createHash('md5') : createHmac('sha256', key);
  return hash.update(text).digest('hex').toUpperCase();
}

/** What a refund notice holds: AES-256-ECB under the lower-case MD5 of the key. */
export function seal(text: string, key: string): string {
  const cipher = createCipheriv('aes-256-ecb', createHash('md5').update(key).digest('hex'), null);
  return Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]).toString('base64');
}
