/**
 * Pieces that several schemas share. Limits as WeChat's documents give them (API v3, read 2026-01). `maxBytes`
 * is a keyword of ours (`utils/validate`): WeChat counts UTF-8 bytes, of which a Han character has three.
 */
import type { JSONSchema } from 'json-schema-to-ts';

/**
 * WeChat takes characters of up to 3 UTF-8 bytes; control characters (C0, DEL, C1), lone surrogates and
 * noncharacters are none.
 */
const TEXT = '^[\\u0020-\\u007E\\u00A0-\\uD7FF\\uE000-\\uFFFD]+$';

export const text = <const N extends number>(maxBytes: N) =>
  ({ type: 'string', minLength: 1, maxBytes, pattern: TEXT }) as const;

/** An IPv4 or IPv6 address. */
export const ip = { type: 'string', format: 'ip' } as const satisfies JSONSchema;

/** WeChat's H5 cashier compares this address with the browser's: a loopback or private one never fits. */
export const publicIp = { type: 'string', format: 'public-ip' } as const satisfies JSONSchema;

export const outTradeNo = {
  type: 'string',
  minLength: 6,
  maxLength: 32,
  pattern: '^[0-9A-Za-z_\\-|*]+$',
} as const satisfies JSONSchema;

export const outRefundNo = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  pattern: '^[0-9A-Za-z_\\-|*@]+$',
} as const satisfies JSONSchema;

export const outBillNo = {
  type: 'string',
  minLength: 1,
  maxLength: 32,
  pattern: '^[0-9A-Za-z]+$',
} as const satisfies JSONSchema;

export const transactionId = {
  type: 'string',
  minLength: 1,
  maxLength: 32,
  pattern: '^[0-9A-Za-z]+$',
} as const satisfies JSONSchema;

export const transferBillNo = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  pattern: '^[0-9A-Za-z]+$',
} as const satisfies JSONSchema;

export const openid = {
  type: 'string',
  pattern: '^[A-Za-z0-9_\\-]{16,64}$',
} as const satisfies JSONSchema;

/** Integer fen (分). */
export const fen = {
  type: 'integer',
  minimum: 1,
  maximum: 1000000000,
} as const satisfies JSONSchema;

export const currency = { type: 'string', const: 'CNY' } as const satisfies JSONSchema;

export const billDate = {
  type: 'string',
  pattern: '^\\d{4}-\\d{2}-\\d{2}$',
} as const satisfies JSONSchema;

export const rfc3339 = {
  type: 'string',
  maxLength: 35,
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+\\-]\\d{2}:\\d{2})$',
} as const satisfies JSONSchema;
