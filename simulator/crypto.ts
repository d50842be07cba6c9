import {
  constants,
  createCipheriv,
  privateDecrypt,
  publicEncrypt,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';

/** RSASSA-PKCS1-v1_5 with SHA-256 over the UTF-8 bytes, Base64. */
export function rsaSign(text: string | Buffer, key: KeyObject): string {
  return sign('sha256', Buffer.from(text as string), key).toString('base64');
}

export function rsaVerify(data: Buffer, signature: string, key: KeyObject): boolean {
  return verify('sha256', data, key, Buffer.from(signature, 'base64'));
}

/** AES-256-GCM as WeChat sends it: Base64 of ciphertext followed by the 16-byte tag. */
export function aesGcmEncrypt(
  plaintext: string,
  o: { key: string; nonce: string; associatedData: string },
): string {
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(o.key), Buffer.from(o.nonce), {
    authTagLength: 16,
  });
  cipher.setAAD(Buffer.from(o.associatedData));
  const body = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  return Buffer.concat([body, cipher.getAuthTag()]).toString('base64');
}

const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' };

export function oaepEncrypt(plaintext: string, key: KeyObject): string {
  return publicEncrypt({ key, ...OAEP }, Buffer.from(plaintext)).toString('base64');
}

/** The plaintext, or undefined when it was not encrypted for this key. */
export function oaepDecrypt(ciphertext: string, key: KeyObject): string | undefined {
  try {
    return privateDecrypt({ key, ...OAEP }, Buffer.from(ciphertext, 'base64')).toString('utf8');
  } catch {
    return undefined;
  }
}
