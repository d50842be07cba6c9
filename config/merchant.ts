/** Who the merchant is to WeChat Pay, and where WeChat Pay reports back. */
import type { FaultCode } from './faultWords';
import { placeOf, plainUrl } from './hosts';
import { suspicionOf } from './cleanValue';
import { normalizePem, sameKey, type PemKind } from './pem';
import type { SettingName } from './schema';
import { readOperators } from './access';
import { readSink } from './connections';
import { readSubMerchants } from './subMerchants';
import type {
  Credentials,
  MerchantAccount,
  MerchantSettings,
  SignMode,
  V3Credentials,
} from './types';
import { readV2 } from './v2';
import type { Values } from './values';

type NotifyUrls = Pick<
  MerchantSettings,
  'notifyURLPayURL' | 'notifyURLRefundsURL' | 'transferNotifyUrl'
>;

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
  if (!APP_ID_CHARS.test(value)) return values.reject(name, 'not_appid');
  if (!APP_ID.test(value)) values.warn(name, 'unusual_appid');
  return value;
}

function merchantId(values: Values): string | undefined {
  const value = values.need('merchantId');
  if (value === undefined || MERCHANT_ID.test(value)) return value;
  return values.reject('merchantId', 'not_mchid');
}

function apiV3Key(values: Values): string | undefined {
  const value = values.need('apiV3Key');
  if (value === undefined) return undefined;
  const odd = suspicionOf(value);
  if (odd !== undefined) return values.reject('apiV3Key', `key_${odd}`);
  const bytes = Buffer.byteLength(value);
  if (bytes === API_V3_KEY_BYTES) return value;
  return values.reject('apiV3Key', 'key_length', { bytes: String(bytes) });
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
  return values.reject('merchantSerialNumber', 'not_serial');
}

function pem(values: Values, kind: PemKind, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const key = normalizePem(text, kind);
  if (typeof key === 'string') return key;
  values.invalid.push(key);
  return undefined;
}

/** WeChat Pay writes it in upper case, and it is compared exactly. */
const keyId = (text: string | undefined): string | undefined =>
  text !== undefined && /^pub_key_id_/i.test(text) ? text.toUpperCase() : text;

/**
 * Both or neither. If other settings are missing, both are named as well, because the console's form asks for all
 * seven; but as optional, because a merchant with platform certificates leaves them out.
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
    values.reject('wxPayPublicKeyId', 'key_id_is_serial');
  } else if (id !== undefined && !KEY_ID_CHARS.test(id)) {
    values.reject('wxPayPublicKeyId', 'key_id');
  } else if (id !== undefined && !id.startsWith('PUB_KEY_ID_')) {
    values.warn('wxPayPublicKeyId', 'unusual_key_id');
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
  values.lacks(name, 'pair_absent', { other });
}

const V3_NAMES = ['apiV3Key', 'merchantSerialNumber', 'privateKey'] as const;

/** `undefined` when any of them is missing or damaged; the faults are in `values`. */
function readCredentials(values: Values, signMode: SignMode): Credentials | undefined {
  const plain = { appId: appId(values, 'appId'), merchantId: merchantId(values) };
  const serviceAppId = appId(values, 'service_app_id');
  const account = complete(plain);
  const whole = account === undefined ? undefined : { ...account, serviceAppId };
  // In API v2 a merchant may have these besides, for refunds: then all of them.
  const speaksV3 = signMode !== 'v2' || V3_NAMES.some((name) => values.given(name) !== undefined);
  const v3 = speaksV3 ? readV3(values, whole) : undefined;
  const v2 = readV2(values, signMode, whole);
  const lacking = (speaksV3 && v3 === undefined) || (signMode === 'v2' && v2 === undefined);
  return whole === undefined || lacking ? undefined : { ...whole, v3, v2 };
}

function readV3(values: Values, account: MerchantAccount | undefined): V3Credentials | undefined {
  const plain = {
    apiV3Key: apiV3Key(values),
    merchantSerialNumber: merchantSerial(values),
    privateKey: pem(values, 'privateKey', values.need('privateKey')),
  };
  const theirs = publicKey(values, values.missing.length > 0);
  const { privateKey } = plain;
  if (privateKey !== undefined && theirs.wxPayPublicKey !== undefined) {
    if (sameKey(privateKey, theirs.wxPayPublicKey)) {
      values.reject('wxPayPublicKey', 'merchants_own_key');
    }
  }
  const whole = complete(plain);
  if (whole === undefined || account === undefined) return undefined;
  return Object.freeze({ ...account, ...whole, ...theirs });
}

type Complete<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };

function complete<T extends object>(parts: T): Complete<T> | undefined {
  return Object.values(parts).includes(undefined) ? undefined : (parts as Complete<T>);
}

function notifyFault(text: string): FaultCode | undefined {
  const url = plainUrl(text);
  if (url === undefined || /\s/.test(text)) return 'not_url';
  if (url.protocol !== 'https:') return 'not_https';
  if (text.includes('?') || text.includes('#')) return 'has_query';
  if (placeOf(url.hostname) !== 'public') return 'local_host';
  return text.length > NOTIFY_URL_CHARS_MAX ? 'url_too_long' : undefined;
}

function notifyUrl(
  values: Values,
  name: SettingName,
  text: string | undefined,
): string | undefined {
  if (text === undefined) return undefined;
  const fault = notifyFault(text);
  if (fault !== undefined) return values.reject(name, fault);
  const url = new URL(text);
  if (url.port !== '') values.warn(name, 'has_port');
  if (url.pathname === '/') values.warn(name, 'no_path');
  return text;
}

/** Integration Center receives there, and forwards. */
export const isIntegrationUrl = (url: string): boolean =>
  INTEGRATION_HOST.test(new URL(url).hostname);

function warnMode(values: Values, name: SettingName, signMode: string, text: string): void {
  const integration = isIntegrationUrl(text);
  if (signMode === 'gateway' && !integration) values.warn(name, 'mode_gateway');
  if (signMode !== 'gateway' && integration) values.warn(name, 'mode_sdk');
}

/** `undefined` when a required one is missing or damaged; the faults are in `values`. */
function readNotifyUrls(values: Values, signMode: string): NotifyUrls | undefined {
  const pay = notifyUrl(values, 'notifyURLPayURL', values.need('notifyURLPayURL'));
  const refund = notifyUrl(values, 'notifyURLRefundsURL', values.need('notifyURLRefundsURL'));
  const transfer = notifyUrl(values, 'transferNotifyUrl', values.given('transferNotifyUrl'));
  if (pay !== undefined) warnMode(values, 'notifyURLPayURL', signMode, pay);
  if (refund !== undefined) warnMode(values, 'notifyURLRefundsURL', signMode, refund);
  if (transfer !== undefined && isIntegrationUrl(transfer)) {
    values.warn('transferNotifyUrl', 'transfers_not_forwarded');
  }
  if (pay === undefined || refund === undefined) return undefined;
  return { notifyURLPayURL: pay, notifyURLRefundsURL: refund, transferNotifyUrl: transfer };
}

/**
 * What belongs to one merchant, frozen. `undefined` when something required is missing or damaged; all faults are
 * in `values`.
 */
export function readMerchant(values: Values): MerchantSettings | undefined {
  const signMode = values.choice('signMode', ['gateway', 'sdk', 'v2'], 'gateway');
  const credentials = readCredentials(values, signMode);
  const notifyUrls = readNotifyUrls(values, signMode);
  const subMerchants = Object.freeze(readSubMerchants(values, credentials));
  const rest = {
    signMode,
    subMerchants,
    ...readOperators(values, subMerchants),
    requirePreparedOrders: values.boolean('requirePreparedOrders'),
    sink: Object.freeze(readSink(values)),
    transferMaxFen: values.integer('transferMaxFen'),
    transferDayFen: values.integer('transferDayFen'),
    orderExpireMinutes: values.integer('orderExpireMinutes'),
    ordersPerMinute: values.integer('ordersPerMinute'),
    openOrdersMax: values.integer('openOrdersMax'),
  };
  if (credentials === undefined || notifyUrls === undefined) return undefined;
  return Object.freeze({ ...rest, ...notifyUrls, credentials: Object.freeze(credentials) });
}
