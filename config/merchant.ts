/** Who the merchant is to WeChat Pay, and where WeChat Pay reports back. */
import { ConfigError } from '../utils/errors';
import { placeOf, plainUrl } from './hosts';
import { suspicionOf } from './mend';
import { normalizePem, sameKey, type PemKind } from './pem';
import type { SettingName } from './schema';
import type { Credentials } from './types';
import { say, type Values } from './values';

export interface NotifyUrls {
  readonly notifyURLPayURL: string;
  readonly notifyURLRefundsURL: string;
  readonly transferNotifyUrl: string | undefined;
}

const API_V3_KEY_BYTES = 32;
const NOTIFY_URL_CHARS_MAX = 255;
const APP_ID = /^wx[0-9a-f]{16}$/;
const APP_ID_CHARS = /^[A-Za-z0-9_-]{8,32}$/;
const MERCHANT_ID = /^[1-9]\d{5,31}$/;
const SERIAL = /^[0-9A-F]{40}$/;
const KEY_ID_CHARS = /^[0-9A-Za-z_]{8,100}$/;
const INTEGRATION_HOST =
  /(^|\.)integration-callback\.tcloudbase\.com$|^integration-[^.]+\.tcloudbase\.com$/;

function appId(values: Values, name: 'appId' | 'service_app_id'): string | undefined {
  const value = name === 'appId' ? values.need(name) : values.given(name);
  if (value === undefined) return undefined;
  if (!APP_ID_CHARS.test(value)) {
    return values.reject(name, '不是合法的 AppID', 'not an AppID, as wxc1546068399a59fc');
  }
  if (!APP_ID.test(value)) {
    values.warn(
      name,
      '形式不像 AppID（wx 加 16 位十六进制）',
      'does not look like wx + 16 hex digits',
    );
  }
  return value;
}

function merchantId(values: Values): string | undefined {
  const value = values.need('merchantId');
  if (value === undefined || MERCHANT_ID.test(value)) return value;
  return values.reject('merchantId', '应为纯数字的商户号', 'must be the merchant id, digits only');
}

function apiV3Key(values: Values): string | undefined {
  const value = values.need('apiV3Key');
  if (value === undefined) return undefined;
  const odd = suspicionOf(value);
  if (odd !== undefined) {
    return values.reject(
      'apiV3Key',
      `${odd[0]}，应为 32 个字母或数字`,
      `${odd[1]}, it has letters and digits only`,
    );
  }
  const bytes = Buffer.byteLength(value);
  if (bytes === API_V3_KEY_BYTES) return value;
  return values.reject(
    'apiV3Key',
    `应为 32 字节，现为 ${String(bytes)} 字节`,
    `must be 32 bytes, has ${String(bytes)}`,
  );
}

function merchantSerial(values: Values): string | undefined {
  const value = values.need('merchantSerialNumber');
  if (value === undefined) return undefined;
  // OpenSSL writes `serial=` in front, others a colon between the bytes; WeChat Pay compares upper case.
  const serial = value
    .replace(/^serial=/i, '')
    .replace(/[:\s]/g, '')
    .toUpperCase();
  if (SERIAL.test(serial)) return serial;
  return values.reject(
    'merchantSerialNumber',
    '应为 40 位十六进制的商户 API 证书序列号',
    'must be the serial of the merchant API certificate, 40 hex digits',
  );
}

function pem(values: Values, kind: PemKind, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return normalizePem(text, kind);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    values.invalid.push(...error.faults);
    return undefined;
  }
}

/** WeChat Pay writes it in upper case, and it is compared exactly. */
const keyId = (text: string | undefined): string | undefined =>
  text !== undefined && /^pub_key_id_/i.test(text) ? text.toUpperCase() : text;

/**
 * Both or neither. Where others are missing both are named, too, since the console's form asks for all
 * seven; but as what may be left out, which a merchant on platform certificates does.
 */
function publicKey(
  values: Values,
  othersMissing: boolean,
): {
  readonly wxPayPublicKey: string | undefined;
  readonly wxPayPublicKeyId: string | undefined;
} {
  const text = values.given('wxPayPublicKey');
  const id = keyId(values.given('wxPayPublicKeyId'));
  const half = (text === undefined) !== (id === undefined);
  if (text === undefined && (half || othersMissing)) lacks(values, 'wxPayPublicKey', half);
  if (id === undefined && (half || othersMissing)) lacks(values, 'wxPayPublicKeyId', half);
  if (id !== undefined && SERIAL.test(id.toUpperCase())) {
    values.reject(
      'wxPayPublicKeyId',
      '这是证书序列号；应为微信支付公钥 ID，以 PUB_KEY_ID_ 开头',
      'this is the serial of a certificate; give the id of the WeChat Pay public key, PUB_KEY_ID_…',
    );
  } else if (id !== undefined && !KEY_ID_CHARS.test(id)) {
    values.reject('wxPayPublicKeyId', '应以 PUB_KEY_ID_ 开头', 'must begin with PUB_KEY_ID_');
  } else if (id !== undefined && !id.startsWith('PUB_KEY_ID_')) {
    values.warn('wxPayPublicKeyId', '通常以 PUB_KEY_ID_ 开头', 'usually begins with PUB_KEY_ID_');
  }
  return { wxPayPublicKey: pem(values, 'publicKey', text), wxPayPublicKeyId: id };
}

type Paired = 'wxPayPublicKey' | 'wxPayPublicKeyId';

function lacks(values: Values, name: Paired, half: boolean): void {
  if (half) {
    values.need(name);
    return;
  }
  const other: Paired = name === 'wxPayPublicKey' ? 'wxPayPublicKeyId' : 'wxPayPublicKey';
  values.missing.push(
    say(
      name,
      `未填：公钥模式须与 ${other} 同填，平台证书模式两项都留空`,
      `absent: set it with ${other} for the public key scheme, neither for platform certificates`,
    ),
  );
}

/** `undefined` when any of them is missing or damaged; the faults are in `values`. */
export function readCredentials(values: Values): Credentials | undefined {
  const plain = {
    appId: appId(values, 'appId'),
    merchantId: merchantId(values),
    apiV3Key: apiV3Key(values),
    merchantSerialNumber: merchantSerial(values),
    privateKey: pem(values, 'privateKey', values.need('privateKey')),
  };
  const theirs = publicKey(values, values.missing.length > 0);
  const serviceAppId = appId(values, 'service_app_id');
  const { privateKey } = plain;
  if (privateKey !== undefined && theirs.wxPayPublicKey !== undefined) {
    if (sameKey(privateKey, theirs.wxPayPublicKey)) {
      values.reject(
        'wxPayPublicKey',
        '这是商户自己的公钥，应为微信支付公钥（商户平台下载的 wxp_pub.pem）',
        "this is the merchant's own public key; give wxp_pub.pem from the merchant platform",
      );
    }
  }
  const whole = complete(plain);
  return whole === undefined ? undefined : { ...whole, ...theirs, serviceAppId };
}

type Complete<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };

function complete<T extends object>(parts: T): Complete<T> | undefined {
  return Object.values(parts).includes(undefined) ? undefined : (parts as Complete<T>);
}

function notifyFault(text: string): readonly [zh: string, en: string] | undefined {
  const url = plainUrl(text);
  if (url === undefined || /\s/.test(text)) return ['不是完整的网址', 'not a full URL'];
  if (url.protocol !== 'https:') return ['必须使用 https', 'must be https'];
  if (text.includes('?') || text.includes('#')) {
    return ['不能带参数或 #', 'must carry no query and no fragment'];
  }
  if (placeOf(url.hostname) !== 'public') {
    return ['微信支付无法访问内网地址', 'WeChat Pay cannot reach a local or private host'];
  }
  return text.length > NOTIFY_URL_CHARS_MAX ? ['过长', 'longer than 255 characters'] : undefined;
}

function notifyUrl(
  values: Values,
  name: SettingName,
  text: string | undefined,
): string | undefined {
  if (text === undefined) return undefined;
  const fault = notifyFault(text);
  if (fault !== undefined) return values.reject(name, ...fault);
  const url = new URL(text);
  if (url.port !== '') values.warn(name, '微信支付只支持默认端口', 'only the default port works');
  if (url.pathname === '/') values.warn(name, '缺少路径', 'has no path');
  return text;
}

function warnMode(values: Values, name: SettingName, signMode: string, text: string): void {
  const integration = INTEGRATION_HOST.test(new URL(text).hostname);
  if (signMode === 'gateway' && !integration) {
    values.warn(
      name,
      'signMode=gateway，但地址不是集成中心的回调域名；直接接收回调请用 signMode=sdk',
      'signMode=gateway, yet not an Integration Center host; use signMode=sdk to receive directly',
    );
  }
  if (signMode === 'sdk' && integration) {
    values.warn(
      name,
      'signMode=sdk，但地址是集成中心的回调域名；请用 signMode=gateway',
      'signMode=sdk, yet an Integration Center host; use signMode=gateway',
    );
  }
}

/** `undefined` when a required one is missing or damaged; the faults are in `values`. */
export function readNotifyUrls(values: Values, signMode: string): NotifyUrls | undefined {
  const pay = notifyUrl(values, 'notifyURLPayURL', values.need('notifyURLPayURL'));
  const refund = notifyUrl(values, 'notifyURLRefundsURL', values.need('notifyURLRefundsURL'));
  const transfer = notifyUrl(values, 'transferNotifyUrl', values.given('transferNotifyUrl'));
  if (pay !== undefined) warnMode(values, 'notifyURLPayURL', signMode, pay);
  if (refund !== undefined) warnMode(values, 'notifyURLRefundsURL', signMode, refund);
  if (transfer !== undefined && INTEGRATION_HOST.test(new URL(transfer).hostname)) {
    values.warn(
      'transferNotifyUrl',
      '集成中心尚不转发转账回调，转账将靠查询得知结果',
      'Integration Center does not forward transfer notifications yet: transfers are polled',
    );
  }
  if (pay === undefined || refund === undefined) return undefined;
  return { notifyURLPayURL: pay, notifyURLRefundsURL: refund, transferNotifyUrl: transfer };
}
