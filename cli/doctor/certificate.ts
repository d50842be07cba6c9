/** `--cert apiclient_cert.pem`: do serial and key belong together? Checked without asking WeChat. */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { V3Credentials } from '../../config/types';
import { DAY_MS } from '../../utils/time';
import { found, type Finding } from './findings';

const SOON_DAYS = 30;

function read(path: string): X509Certificate | undefined {
  try {
    return new X509Certificate(readFileSync(path));
  } catch {
    return undefined;
  }
}

const bare = (serial: string): string => serial.toUpperCase().replace(/^0+/, '');

export function checkCertificate(
  path: string,
  credentials: V3Credentials,
  nowMs: number,
): readonly Finding[] {
  const certificate = read(path);
  if (certificate === undefined) return [found('cert.unreadable')];
  const findings = [
    ...serial(certificate, credentials),
    ...key(certificate, credentials),
    ...age(certificate, nowMs),
  ];
  return findings.length > 0 ? findings : [found('cert.fits')];
}

function serial({ serialNumber }: X509Certificate, credentials: V3Credentials): Finding[] {
  if (bare(serialNumber) === bare(credentials.merchantSerialNumber)) return [];
  return [found('cert.serial_differs', { params: { serial: serialNumber } })];
}

function key(certificate: X509Certificate, credentials: V3Credentials): Finding[] {
  const ours = createPublicKey(createPrivateKey(credentials.privateKey));
  return certificate.publicKey.equals(ours) ? [] : [found('cert.key_differs')];
}

function age(certificate: X509Certificate, nowMs: number): Finding[] {
  const days = Math.floor((Date.parse(certificate.validTo) - nowMs) / DAY_MS);
  if (days < 0) return [found('cert.expired')];
  return days >= SOON_DAYS ? [] : [found('cert.expires', { params: { days } })];
}
