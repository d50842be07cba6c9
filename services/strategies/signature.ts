import { verify, type KeyObject } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { strictBase64 } from './base64';
import { SCHEME } from './signer';

/** WeChat's clock and ours may differ by less than this. */
const WINDOW_MS = 300_000;
const PROBE_PREFIX = 'WECHATPAY/SIGNTEST/';
const TIMESTAMP = /^\d{1,12}$/;

export type Headers = Readonly<IncomingHttpHeaders>;

/** Why a message is not proven to be WeChat's; `keys` = could not be checked. */
export type Unproven =
  'headers_missing' | 'scheme' | 'timestamp' | 'serial_unknown' | 'signature' | 'keys';

export interface SignatureParts {
  readonly timestamp: string;
  readonly nonce: string;
  readonly serial: string;
  readonly signature: string;
}

const NAMES = {
  timestamp: 'wechatpay-timestamp',
  nonce: 'wechatpay-nonce',
  serial: 'wechatpay-serial',
  signature: 'wechatpay-signature',
} as const;
const TYPE_NAME = 'wechatpay-signature-type';
const CLAIMS = [...Object.values(NAMES), TYPE_NAME];

/** true: someone claims a signature, so it must hold; there is no way back to the unsigned form. */
export function claimsSignature(headers: Headers): boolean {
  return CLAIMS.some((name) => headers[name] !== undefined);
}

/** WeChat sends wrong signatures on purpose, to see that they are refused. Only the log differs. */
export function isProbe(headers: Headers): boolean {
  return headerText(headers, NAMES.signature)?.startsWith(PROBE_PREFIX) === true;
}

/** The four headers, all present, of the one scheme we know, within the window: else why not. */
export function readSignature(headers: Headers, nowMs: number): SignatureParts | Unproven {
  const timestamp = headerText(headers, NAMES.timestamp);
  const nonce = headerText(headers, NAMES.nonce);
  const serial = headerText(headers, NAMES.serial);
  const signature = headerText(headers, NAMES.signature);
  if (!timestamp || !nonce || !serial || !signature) return 'headers_missing';
  if ((headers[TYPE_NAME] ?? SCHEME) !== SCHEME) return 'scheme';
  if (!TIMESTAMP.test(timestamp)) return 'timestamp';
  if (Math.abs(nowMs - Number(timestamp) * 1000) >= WINDOW_MS) return 'timestamp';
  return { timestamp, nonce, serial, signature };
}

/**
 * Over the bytes as received: a parsed and rewritten body is another text. Here, not on the thread pool: the
 * 20 µs it takes are less than handing it over. Never throws: what cannot be checked does not hold.
 */
export function signatureHolds(parts: SignatureParts, raw: Buffer, key: KeyObject): boolean {
  const signature = strictBase64(parts.signature);
  if (signature === undefined) return false;
  const head = Buffer.from(`${parts.timestamp}\n${parts.nonce}\n`, 'utf8');
  const signed = Buffer.concat([head, raw, Buffer.from('\n')]);
  try {
    return verify('RSA-SHA256', signed, key, signature);
  } catch {
    return false;
  }
}

function headerText(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}
