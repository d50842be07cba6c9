import { X509Certificate, type KeyObject } from 'node:crypto';
import type { Clock } from '../../utils/clock';
import { openAesGcm } from './aesGcm';
import type { HttpReply } from './http';
import { isJsonObject, readJsonObject, textOf, type JsonObject } from './readJsonObject';
import { readSignature, signatureHolds } from './signature';
import type { Judged, Transport } from './transport';

export const CERTIFICATES_PATH = '/v3/certificates';
/** WeChat holds one, two while they overlap. */
const CERTIFICATES_MAX = 20;
const RSA_BITS_MIN = 2048;
/** These two at this path mean that the merchant has no platform certificates, not a fault. */
const NO_CERTIFICATES = new Set(['404 RESOURCENOTEXISTS', '403 NOTENOUGH']);

export interface PlatformCertificate {
  readonly serial: string;
  readonly key: KeyObject;
  /** Milliseconds since 1970. */
  readonly validFrom: number;
  readonly validTo: number;
}

export type LoadResult =
  { readonly kind: 'loaded'; readonly certificates: readonly PlatformCertificate[] } | LoadFailure;

interface LoadFailure {
  /** `none`: WeChat says there are none. `failed`: they could not be had, or not be proven. */
  readonly kind: 'none' | 'failed';
  readonly reason: string;
  readonly status?: number;
  readonly code?: string;
}

export interface LoadDeps {
  readonly transport: Transport;
  readonly aesKey: KeyObject;
  readonly clock: Clock;
  readonly requestSerial: string | undefined;
}

/**
 * Downloads, decrypts and proves the platform certificates. The first list cannot be verified before it is
 * opened: each certificate is decrypted with the APIv3 key (the tag proves it), then this very reply is
 * verified with the certificate it names. Never rejects.
 */
export async function loadCertificates(
  deps: LoadDeps,
  held: (serial: string) => KeyObject | undefined,
): Promise<LoadResult> {
  const { requestSerial } = deps;
  const sent = await deps.transport.send(
    {
      method: 'GET',
      path: CERTIFICATES_PATH,
      ...(requestSerial === undefined ? {} : { serial: requestSerial }),
    },
    async (reply): Promise<Judged<LoadResult>> => judge(deps, held, reply),
  );
  if ('value' in sent) return sent.value;
  return { kind: 'failed', reason: sent.fault.reason, code: sent.fault.code };
}

function judge(
  deps: LoadDeps,
  held: (serial: string) => KeyObject | undefined,
  reply: HttpReply,
): Judged<LoadResult> {
  const body = readJsonObject(reply.raw);
  if (reply.status !== 200)
    return { value: failureOf(reply.status, body), again: repeatable(reply) };
  const certificates = openAll(deps.aesKey, body);
  if (certificates === undefined) return failed('undecryptable', false);
  const parts = readSignature(reply.headers, deps.clock.now());
  if (typeof parts === 'string') return failed(parts, true);
  const key = held(parts.serial) ?? certificates.find(({ serial }) => serial === parts.serial)?.key;
  if (key === undefined) return failed('serial_unknown', true);
  if (!signatureHolds(parts, reply.raw, key)) return failed('signature', true);
  return { value: { kind: 'loaded', certificates }, again: false };
}

const failed = (reason: string, again: boolean): Judged<LoadResult> => ({
  value: { kind: 'failed', reason },
  again,
});

const repeatable = ({ status }: HttpReply): boolean => status >= 500 || status === 429;

function failureOf(status: number, body: JsonObject | undefined): LoadFailure {
  const code = textOf(body, 'code') ?? `HTTP_${String(status)}`;
  if (NO_CERTIFICATES.has(`${String(status)} ${code.replaceAll('_', '')}`)) {
    return { kind: 'none', reason: 'none', status, code };
  }
  return { kind: 'failed', reason: status < 500 ? 'refused' : 'status', status, code };
}

/** All of them or none: a list that opens in part was not made with our key. */
function openAll(
  aesKey: KeyObject,
  body: JsonObject | undefined,
): readonly PlatformCertificate[] | undefined {
  const rows = body?.['data'];
  if (!Array.isArray(rows) || rows.length === 0 || rows.length > CERTIFICATES_MAX) return undefined;
  const certificates: PlatformCertificate[] = [];
  for (const row of rows as readonly unknown[]) {
    const certificate = isJsonObject(row) ? openCertificate(aesKey, row) : undefined;
    if (certificate === undefined) return undefined;
    certificates.push(certificate);
  }
  return certificates;
}

function openCertificate(aesKey: KeyObject, row: JsonObject): PlatformCertificate | undefined {
  const serial = textOf(row, 'serial_no');
  const sealed = row['encrypt_certificate'];
  const pem = isJsonObject(sealed) ? openAesGcm(aesKey, sealed) : undefined;
  if (serial === undefined || pem === undefined) return undefined;
  return readCertificate(pem, serial);
}

/** @returns `undefined` unless the certificate is RSA, and its own serial is the one it is listed under. */
export function readCertificate(pem: Buffer, serial: string): PlatformCertificate | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    return undefined;
  }
  const key = certificate.publicKey;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== 'rsa' || bits < RSA_BITS_MIN) return undefined;
  if (bareSerial(certificate.serialNumber) !== bareSerial(serial)) return undefined;
  return {
    serial,
    key,
    validFrom: Date.parse(certificate.validFrom),
    validTo: Date.parse(certificate.validTo),
  };
}

/** OpenSSL pads a serial to whole bytes; WeChat may not. */
const bareSerial = (serial: string): string => serial.toUpperCase().replace(/^0+/, '');

export function validAt(certificate: PlatformCertificate, nowMs: number): boolean {
  return certificate.validFrom <= nowMs && nowMs <= certificate.validTo;
}

export function newestOf(
  certificates: readonly PlatformCertificate[],
): PlatformCertificate | undefined {
  return [...certificates].sort((a, b) => b.validFrom - a.validFrom)[0];
}
