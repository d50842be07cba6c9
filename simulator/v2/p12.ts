import { createCipheriv, createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { DAY_MS } from '../time';
import type { World } from '../world';
import { createCertificate, der, oid, sequence } from '../x509';

const ITERATIONS = 2048;
const DATA = oid('2a864886f70d010701');
const PBES2 = oid('2a864886f70d01050d');
const PBKDF2 = oid('2a864886f70d01050c');
const HMAC_SHA256 = oid('2a864886f70d0209');
const AES_256_CBC = oid('60864801650304012a');
const SHA1 = oid('2b0e03021a');
const KEY_BAG = oid('2a864886f70d010c0a0102');
const CERT_BAG = oid('2a864886f70d010c0a0103');
const X509 = oid('2a864886f70d01091601');
const NULL = der(0x05);

const octets = (bytes: Buffer): Buffer => der(0x04, bytes);
const integer = (n: number): Buffer => der(0x02, Buffer.from(n < 0x80 ? [n] : [n >> 8, n & 0xff]));
const explicit = (content: Buffer): Buffer => der(0xa0, content);
const contentOf = (data: Buffer): Buffer => sequence(DATA, explicit(octets(data)));

/** EncryptedPrivateKeyInfo by PBES2: PBKDF2 with HMAC-SHA256, AES-256-CBC. */
function shrouded(key: Buffer, password: string, salt: Buffer): Buffer {
  const iv = salt.subarray(0, 16);
  const secret = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', secret, iv);
  const kdf = sequence(octets(salt), integer(ITERATIONS), sequence(HMAC_SHA256, NULL));
  const scheme = sequence(
    PBES2,
    sequence(sequence(PBKDF2, kdf), sequence(AES_256_CBC, octets(iv))),
  );
  return sequence(scheme, octets(Buffer.concat([cipher.update(key), cipher.final()])));
}

/** RFC 7292, appendix B.2, for a key of one block of SHA-1. */
function macKey(password: string, salt: Buffer): Buffer {
  const filled = (bytes: Buffer): Buffer => Buffer.alloc(Math.ceil(bytes.length / 64) * 64, bytes);
  const text = Buffer.from(`${password}\0`, 'utf16le').swap16();
  let key: Buffer = Buffer.concat([Buffer.alloc(64, 3), filled(salt), filled(text)]);
  for (let i = 0; i < ITERATIONS; i += 1) key = createHash('sha1').update(key).digest();
  return key;
}

/**
 * Base64 of the merchant's apiclient_cert.p12; its password is the mchid. Written by hand: Node reads such files
 * and makes none.
 */
export function merchantP12({ keys, mchid, platform }: World): string {
  const notBeforeMs = platform.startMs - DAY_MS;
  const { pem } = createCertificate({
    label: `${keys.merchantSerial}|merchant certificate`,
    ...keys.merchant,
    notBeforeMs,
    notAfterMs: notBeforeMs + 5 * 365 * DAY_MS,
  });
  const certificate = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const key = keys.merchant.privateKey.export({ type: 'pkcs8', format: 'der' });
  const salt = Buffer.from(keys.apiKeyV2.slice(0, 16));
  const bags = sequence(
    sequence(KEY_BAG, explicit(shrouded(key, mchid, salt))),
    sequence(CERT_BAG, explicit(sequence(X509, explicit(octets(certificate))))),
  );
  const safe = sequence(contentOf(bags));
  const digest = createHmac('sha1', macKey(mchid, salt)).update(safe).digest();
  const mac = sequence(
    sequence(sequence(SHA1, NULL), octets(digest)),
    octets(salt),
    integer(ITERATIONS),
  );
  return sequence(integer(3), contentOf(safe), mac).toString('base64');
}
