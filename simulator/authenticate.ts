import { rsaVerify } from './crypto';
import { ApiError, NUMERIC } from './errors';
import type { World } from './world';

const SCHEME = 'WECHATPAY2-SHA256-RSA2048 ';
const KEYS = ['mchid', 'nonce_str', 'timestamp', 'serial_no', 'signature'] as const;
const WINDOW_SECONDS = 300;
const SHOWN_BODY = 24;
const SHOWN_NONCE = 8;

type Authorization = Record<(typeof KEYS)[number], string>;

/** Parses by key: the order of the pairs is free. */
export function parseAuthorization(header: string): Authorization | undefined {
  if (!header.startsWith(SCHEME)) return undefined;
  const found = new Map<string, string>();
  for (const pair of header.slice(SCHEME.length).split(',')) {
    const match = /^([a-z_]+)="([^"]*)"$/.exec(pair);
    if (match?.[1] === undefined || match[2] === undefined || found.has(match[1])) return undefined;
    found.set(match[1], match[2]);
  }
  if (found.size !== KEYS.length || KEYS.some((key) => !found.get(key))) return undefined;
  return Object.fromEntries(found) as Authorization;
}

function signError(message: string, o: { issue: string; field: string; sign?: object }): ApiError {
  return new ApiError(401, 'SIGN_ERROR', message, {
    numeric: NUMERIC.signError,
    detail: {
      detail: { issue: o.issue },
      field: o.field,
      location: 'authorization',
      ...(o.sign === undefined ? {} : { sign_information: o.sign }),
    },
  });
}

/** The five lines, over the bytes as received. */
export function signMessage(
  o: { method: string; url: string; timestamp: string; nonce: string },
  raw: Buffer,
): Buffer {
  const head = `${o.method}\n${o.url}\n${o.timestamp}\n${o.nonce}\n`;
  return Buffer.concat([Buffer.from(head), raw, Buffer.from('\n')]);
}

/**
 * Proves who sent a request.
 *
 * @throws ApiError 401 SIGN_ERROR; its detail helps a client to see which line differs.
 */
export function authenticate(
  world: World,
  request: { method: string; url: string; headers: NodeJS.Dict<string | string[]>; raw: Buffer },
  seen: Set<string>,
): void {
  const auth = parseAuthorization(String(request.headers.authorization ?? ''));
  if (auth === undefined) {
    throw signError('Authorization不合法', {
      issue: 'authorization invalid',
      field: 'authorization',
    });
  }
  if (auth.mchid !== world.mchid || auth.serial_no !== world.keys.merchantSerial) {
    const message = '商户证书序列号有误。请使用签名私钥匹配的证书序列号';
    throw signError(message, { issue: 'serial_no not match', field: 'serial_no' });
  }
  const message = signMessage(
    { method: request.method, url: request.url, timestamp: auth.timestamp, nonce: auth.nonce_str },
    request.raw,
  );
  const sign = {
    method: request.method,
    url: request.url,
    truncated_sign_message:
      `${request.method}\n${request.url}\n${auth.timestamp}\n` +
      `${auth.nonce_str.slice(0, SHOWN_NONCE)}…\n` +
      `${request.raw.toString('utf8').slice(0, SHOWN_BODY)}\n`,
    sign_message_length: message.length,
  };
  const nowSeconds = world.wireNowMs() / 1000;
  const wellFormed = /^\d{1,12}$/.test(auth.timestamp) && auth.nonce_str.length <= 32;
  if (!wellFormed || Math.abs(nowSeconds - Number(auth.timestamp)) >= WINDOW_SECONDS) {
    throw signError('签名错误，请检查后再试', {
      issue: 'timestamp expired',
      field: 'timestamp',
      sign,
    });
  }
  if (!rsaVerify(message, auth.signature, world.keys.merchant.publicKey)) {
    throw signError('签名错误，请检查后再试', {
      issue: 'sign not match',
      field: 'signature',
      sign,
    });
  }
  checkNonce(world, `${auth.timestamp}|${auth.nonce_str}`, seen);
}

/** WeChat documents no replay list; where a test wants one, it is kept for the window's length. */
function checkNonce(world: World, key: string, seen: Set<string>): void {
  if (world.switches.nonceReplay === 'accept') return;
  if (seen.has(key)) {
    throw signError('签名错误，请检查后再试', { issue: 'nonce repeated', field: 'nonce_str' });
  }
  seen.add(key);
  if (seen.size > 100_000) seen.clear();
}
