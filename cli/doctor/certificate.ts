/** `--cert apiclient_cert.pem`: serial and key belong together, told without asking WeChat. */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { V3Credentials } from '../../config/types';
import { fault, ok, warn, type Finding } from './findings';

const DAY_MS = 24 * 3600_000;
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
  if (certificate === undefined) {
    return [
      fault('cert.unreadable', ['--cert 不是可读的证书', '--cert is not a readable certificate'], {
        fix: ['请给出 apiclient_cert.pem', 'give apiclient_cert.pem'],
      }),
    ];
  }
  const findings = [
    ...serial(certificate, credentials),
    ...key(certificate, credentials),
    ...age(certificate, nowMs),
  ];
  if (findings.length > 0) return findings;
  return [
    ok('cert.fits', ['证书、序列号与私钥相符', 'certificate, serial and key belong together']),
  ];
}

function serial(certificate: X509Certificate, credentials: V3Credentials): Finding[] {
  if (bare(certificate.serialNumber) === bare(credentials.merchantSerialNumber)) return [];
  const { serialNumber } = certificate;
  return [
    fault(
      'cert.serial_differs',
      [
        'merchantSerialNumber 与证书不符',
        'merchantSerialNumber is not the serial of the certificate',
      ],
      { fix: [`证书的序列号是 ${serialNumber}`, `the certificate has ${serialNumber}`] },
    ),
  ];
}

function key(certificate: X509Certificate, credentials: V3Credentials): Finding[] {
  const ours = createPublicKey(createPrivateKey(credentials.privateKey));
  if (certificate.publicKey.equals(ours)) return [];
  return [
    fault(
      'cert.key_differs',
      ['privateKey 不是这张证书的私钥', 'privateKey is not the key of this certificate'],
      {
        fix: [
          '使用同一次申请得到的 apiclient_key.pem 与 apiclient_cert.pem',
          'use apiclient_key.pem and apiclient_cert.pem of one and the same application',
        ],
      },
    ),
  ];
}

function age(certificate: X509Certificate, nowMs: number): Finding[] {
  const daysLeft = Math.floor((Date.parse(certificate.validTo) - nowMs) / DAY_MS);
  const fix = ['在商户平台更换商户 API 证书', 'renew it on the merchant platform'] as const;
  if (daysLeft < 0) {
    return [fault('cert.expired', ['商户证书已过期', 'the certificate has expired'], { fix })];
  }
  if (daysLeft >= SOON_DAYS) return [];
  const words = [`商户证书 ${daysLeft} 天后过期`, `it expires in ${daysLeft} days`] as const;
  return [warn('cert.expires', words, { fix })];
}
