import { createPrivateKey, randomBytes, sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { V3Credentials } from '../../config/types';
import type { Clock } from '../../utils/clock';
import { ConfigError } from '../../utils/errors';
import type { AppParams, PaymentParams } from './strategy';

export const SCHEME = 'WECHATPAY2-SHA256-RSA2048';

const NONCE_BYTES = 16;
const signAsync = promisify(sign) as (
  algorithm: string,
  data: Buffer,
  key: KeyObject,
) => Promise<Buffer>;

export interface SignableRequest {
  readonly method: string;
  /** Path with query exactly as it goes on the wire. */
  readonly path: string;
  /** '' for a request without a body. */
  readonly body: string;
}

export interface Signer {
  /** The Authorization header of one attempt: a new time and nonce each. */
  authorize(request: SignableRequest): Promise<string>;
  signJsapi(input: { appid: string; prepay_id: string }): Promise<PaymentParams>;
  signApp(input: {
    appid: string;
    prepay_id: string;
    partnerid?: string | undefined;
  }): Promise<AppParams>;
}

/** Five lines, each ended by LF, the last one too (APIv3《签名生成》). */
export function requestText(r: SignableRequest, timestampSeconds: string, nonce: string): string {
  return linesOf(r.method, r.path, timestampSeconds, nonce, r.body);
}

/** Four lines (《小程序调起支付签名》); `last` is `prepay_id=…` for JSAPI and the bare id for App. */
export function invocationText(appid: string, time: string, nonce: string, last: string): string {
  return linesOf(appid, time, nonce, last);
}

/**
 * Signs with the merchant's private key: RSASSA-PKCS1-v1_5, SHA-256. The asynchronous `crypto.sign` runs
 * on the thread pool: a 2048-bit signature takes about a millisecond, which would else stop the event loop
 * for everyone.
 *
 * @throws ConfigError CONFIG_INVALID when the private key cannot be read.
 */
export function createSigner(deps: { credentials: V3Credentials; clock: Clock }): Signer {
  const { credentials, clock } = deps;
  const key = readPrivateKey(credentials.privateKey);
  const seconds = (): string => String(Math.floor(clock.now() / 1000));
  const signText = async (text: string): Promise<string> =>
    (await signAsync('RSA-SHA256', Buffer.from(text, 'utf8'), key)).toString('base64');

  return {
    async authorize(request) {
      const timestamp = seconds();
      const nonce = createNonce();
      const signature = await signText(requestText(request, timestamp, nonce));
      return (
        `${SCHEME} mchid="${credentials.merchantId}",nonce_str="${nonce}",` +
        `timestamp="${timestamp}",serial_no="${credentials.merchantSerialNumber}",` +
        `signature="${signature}"`
      );
    },
    async signJsapi({ appid, prepay_id }) {
      const timeStamp = seconds();
      const nonceStr = createNonce();
      const pack = `prepay_id=${prepay_id}`;
      const paySign = await signText(invocationText(appid, timeStamp, nonceStr, pack));
      return {
        appId: appid,
        prepay_id,
        timeStamp,
        nonceStr,
        package: pack,
        signType: 'RSA',
        paySign,
      };
    },
    async signApp({ appid, prepay_id, partnerid = credentials.merchantId }) {
      const timestamp = seconds();
      const noncestr = createNonce();
      return {
        appid,
        partnerid,
        prepayid: prepay_id,
        package: 'Sign=WXPay',
        noncestr,
        timestamp,
        sign: await signText(invocationText(appid, timestamp, noncestr, prepay_id)),
      };
    },
  };
}

/** 32 characters from the system's random source: a nonce must not be guessable. */
function createNonce(): string {
  return randomBytes(NONCE_BYTES).toString('hex');
}

function linesOf(...lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

function readPrivateKey(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // OpenSSL's words are left out: they may quote what stands in the setting.
    throw new ConfigError('CONFIG_INVALID', ['privateKey is not a PEM private key']);
  }
  if (key.asymmetricKeyType !== 'rsa') {
    throw new ConfigError('CONFIG_INVALID', ['privateKey is not an RSA key']);
  }
  return key;
}
