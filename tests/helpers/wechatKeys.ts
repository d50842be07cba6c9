import { createCipheriv, randomBytes, sign } from 'node:crypto';
import type { Config } from '../../config/types';
import { createKeyPair, type KeyPair } from './keyPairs';

export { createKeyPair, type KeyPair } from './keyPairs';

export const MERCHANT_ID = '1900000001';
export const API_V3_KEY = '0123456789abcdef0123456789abcdef';
export const PUBLIC_KEY_ID = 'PUB_KEY_ID_0119000000012024010100000000000001';
export const MERCHANT_SERIAL = '5157F09EFDC096DE15EBE81A47057A7200000001';
/** 2024-01-01T10:00:00+08:00 */
export const NOW = 1_704_074_400_000;

/** Who signs for WeChat Pay: a key and the serial it is known by. */
export interface WechatKey {
  readonly serial: string;
  readonly privateKey: string;
}

export interface SignOptions {
  readonly key: WechatKey;
  readonly raw: Buffer | string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly nonce?: string;
}

/** The headers WeChat Pay puts on replies and notifications. */
export function wechatHeaders(options: SignOptions): Record<string, string> {
  const timestamp = String(Math.floor(options.at / 1000));
  const nonce = options.nonce ?? randomBytes(16).toString('hex');
  const text = Buffer.concat([
    Buffer.from(`${timestamp}\n${nonce}\n`),
    Buffer.from(options.raw),
    Buffer.from('\n'),
  ]);
  return {
    'wechatpay-timestamp': timestamp,
    'wechatpay-nonce': nonce,
    'wechatpay-serial': options.key.serial,
    'wechatpay-signature': sign('RSA-SHA256', text, options.key.privateKey).toString('base64'),
    'request-id': '08F2A1B2-0',
  };
}

export interface Sealed {
  readonly algorithm: string;
  readonly ciphertext: string;
  readonly nonce: string;
  readonly associated_data?: string;
}

/** AEAD_AES_256_GCM as WeChat Pay makes it; `associated_data` undefined = the field is left out. */
export function seal(text: string, aad: string | undefined, apiV3Key = API_V3_KEY): Sealed {
  const nonce = randomBytes(6).toString('hex');
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(apiV3Key), Buffer.from(nonce));
  cipher.setAAD(Buffer.from(aad ?? ''));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return {
    algorithm: 'AEAD_AES_256_GCM',
    ciphertext: sealed.toString('base64'),
    nonce,
    ...(aad === undefined ? {} : { associated_data: aad }),
  };
}

export interface TestConfig {
  readonly signMode: 'sdk' | 'gateway';
  readonly merchant: KeyPair;
  /** undefined = platform certificates. */
  readonly wechatPublicKey: string | undefined;
  readonly baseUrl: string;
  readonly backupUrl?: string;
}

const ACCOUNT = {
  merchantId: MERCHANT_ID,
  appId: 'wx0000000000000001',
  serviceAppId: undefined,
} as const;

export function configOf(options: TestConfig): Config {
  const { signMode, merchant, wechatPublicKey, baseUrl, backupUrl } = options;
  return {
    port: 0,
    basePath: '',
    corsAllowOrigin: undefined,
    console: false,
    logLevel: 'error',
    scf: false,
    present: {},
    signMode,
    credentials: {
      ...ACCOUNT,
      v3: {
        ...ACCOUNT,
        apiV3Key: API_V3_KEY,
        merchantSerialNumber: MERCHANT_SERIAL,
        privateKey: merchant.privateKey,
        wxPayPublicKey: wechatPublicKey,
        wxPayPublicKeyId: wechatPublicKey === undefined ? undefined : PUBLIC_KEY_ID,
      },
      v2: undefined,
    },
    notifyURLPayURL: 'https://pay.example.com/wechatpay/order',
    notifyURLRefundsURL: 'https://pay.example.com/wechatpay/refund',
    transferNotifyUrl: undefined,
    databaseUrl: 'memory:',
    cloudbaseApiKey: undefined,
    merchantsFile: undefined,
    recordKeys: [],
    operatorKeys: [],
    operatorOpenids: [],
    transferMaxFen: 20_000,
    transferDayFen: 0,
    trustWxHeaders: false,
    trustWxHeadersByHand: false,
    foreignBearer: 'refuse',
    cloudbaseEnv: undefined,
    requirePreparedOrders: false,
    orderExpireMinutes: 10,
    ordersPerMinute: 30,
    openOrdersMax: 20,
    sink: { kind: 'none' },
    subMerchants: [],
    sweepSeconds: 0,
    wxPayBaseUrl: baseUrl,
    wxPayBackupUrl: backupUrl,
    warnings: [],
  };
}

export interface CertificateOptions {
  /** Hex, as WeChat Pay writes it. */
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A self-signed X.509 certificate, written out by hand: Node reads certificates but makes none. */
export function issueCertificate(
  options: CertificateOptions,
): WechatKey & { readonly pem: string } {
  const pair = createKeyPair();
  const spki = Buffer.from(pair.publicKey.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const name = der(0x30, der(0x31, der(0x30, OID_CN, der(0x0c, Buffer.from('Tenpay.com')))));
  const serial = Buffer.from(options.serial, 'hex');
  const positive = (serial[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), serial]) : serial;
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, positive),
    ALGORITHM,
    name,
    der(0x30, time(options.notBefore), time(options.notAfter)),
    name,
    spki,
  );
  const signature = sign('RSA-SHA256', body, pair.privateKey);
  const whole = der(0x30, body, ALGORITHM, der(0x03, Buffer.of(0), signature));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  const pem = ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
  return { serial: options.serial, privateKey: pair.privateKey, pem };
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  if (length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), content]);
  return Buffer.concat([Buffer.of(tag, 0x82, length >> 8, length & 0xff), content]);
}

/** commonName */
const OID_CN = Buffer.from('0603550403', 'hex');
/** sha256WithRSAEncryption, NULL */
const ALGORITHM = Buffer.from('300d06092a864886f70d01010b0500', 'hex');

function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14);
  return der(0x18, Buffer.from(`${text}Z`));
}
