import { createHash, sign, type KeyObject } from 'node:crypto';

/** One DER element: tag, definite length, content. */
export function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const n = content.length;
  let length: number[];
  if (n < 0x80) length = [n];
  else if (n < 0x100) length = [0x81, n];
  else length = [0x82, n >> 8, n & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

export const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts);
export const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));

const SHA256_WITH_RSA = sequence(oid('2a864886f70d01010b'), der(0x05));
const NAME_OIDS = { C: '550406', O: '55040a', OU: '55040b', CN: '550403' } as const;

function name(parts: Partial<Record<keyof typeof NAME_OIDS, string>>): Buffer {
  return sequence(
    ...Object.entries(parts).map(([key, value]) =>
      der(
        0x31,
        sequence(oid(NAME_OIDS[key as keyof typeof NAME_OIDS]), der(0x0c, Buffer.from(value))),
      ),
    ),
  );
}

/** UTCTime up to 2049, GeneralizedTime after it, as RFC 5280 demands. */
function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().slice(0, 19).replace(/\D/g, '')}Z`;
  return ms < Date.UTC(2050, 0, 1)
    ? der(0x17, Buffer.from(text.slice(2)))
    : der(0x18, Buffer.from(text));
}

/** keyUsage digitalSignature and keyEncipherment, not a CA. */
function extensions(): Buffer {
  const basicConstraints = sequence(oid('551d13'), der(0x04, sequence()));
  const keyUsage = sequence(oid('551d0f'), der(0x04, der(0x03, Buffer.from([5, 0xa0]))));
  return der(0xa3, sequence(basicConstraints, keyUsage));
}

export interface CertificateRequest {
  readonly label: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/**
 * A real self-signed X.509 v3 certificate in the look of WeChat's platform certificates.
 * Written by hand (60 lines of DER) to spare a package that only one test program would need.
 */
export function createCertificate(request: CertificateRequest): { serial: string; pem: string } {
  const serialBytes = createHash('sha1').update(request.label).digest();
  // The top bit clear (a positive number), the next one set (always 40 hex digits).
  serialBytes[0] = ((serialBytes[0] as number) & 0x7f) | 0x40;
  const subject = name({ C: 'CN', O: 'Tenpay.com', OU: 'Simulator', CN: 'Tenpay.com sign' });
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serialBytes),
    SHA256_WITH_RSA,
    subject,
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    subject,
    request.publicKey.export({ type: 'spki', format: 'der' }),
    extensions(),
  );
  const signature = sign('sha256', body, request.privateKey);
  const bytes = sequence(body, SHA256_WITH_RSA, der(0x03, Buffer.from([0]), signature));
  const lines = bytes.toString('base64').replace(/(.{64})(?=.)/g, '$1\n');
  return {
    serial: serialBytes.toString('hex').toUpperCase(),
    pem: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  };
}
