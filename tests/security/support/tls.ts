/** Certificates for a server of our own on loopback: made at run time, so that no key lies in the repository. */
import { createHash, sign, type KeyObject } from 'node:crypto';
import { createKeyObjects } from '../../helpers/keyPairs';

/** One DER element: tag, definite length, content. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const n = content.length;
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const SHA256_WITH_RSA = sequence(oid('2a864886f70d01010b'), der(0x05));
const TRUE = der(0x01, Buffer.from([0xff]));

const nameOf = (text: string): Buffer =>
  sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(text)))));
const year = (n: number): Buffer => der(0x17, Buffer.from(`${String(n).slice(2)}0101000000Z`));

export interface Issued {
  readonly name: string;
  readonly key: KeyObject;
  readonly certPem: string;
  readonly keyPem: string;
}

export interface CertificateOptions {
  readonly name: string;
  /** Absent: it vouches for itself, and may vouch for others. */
  readonly by?: Issued;
  /** The first year in which it does not hold any more. */
  readonly until?: number;
}

export function issue({ name, by, until = 2049 }: CertificateOptions): Issued {
  const { publicKey, privateKey } = createKeyObjects();
  const basic = sequence(oid('551d13'), TRUE, der(0x04, sequence(...(by ? [] : [TRUE]))));
  const dns = der(0x82, Buffer.from(name));
  const alternative = sequence(oid('551d11'), der(0x04, sequence(dns)));
  const serial = createHash('sha1')
    .update(`${name}${String(until)}${by?.name ?? ''}`)
    .digest();
  serial[0] = 0x40;
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    SHA256_WITH_RSA,
    nameOf(by?.name ?? name),
    sequence(year(2020), year(until)),
    nameOf(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(basic, alternative)),
  );
  const signature = sign('RSA-SHA256', body, by?.key ?? privateKey);
  const whole = sequence(body, SHA256_WITH_RSA, der(0x03, Buffer.from([0]), signature));
  const lines = whole.toString('base64').replace(/(.{64})/g, '$1\n');
  return {
    name,
    key: privateKey,
    certPem: `-----BEGIN CERTIFICATE-----\n${lines.trimEnd()}\n-----END CERTIFICATE-----\n`,
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}
