/** What the service connects to: its database, WeChat Pay, and the one receiver of effects. */
import type { FaultCode } from './faultWords';
import { parseUrl, placeOf, plainUrl } from './hosts';
import type { Config, EffectSink } from './types';
import type { SettingName } from './schema';
import type { Values } from './values';

const SECRET_BYTES_MIN = 24;
const SECRETS_MAX = 2;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const SQL = new Set(['mysql:', 'postgres:', 'postgresql:']);
/** Node.js cannot parse a URL with several hosts; what is not checked here, the driver refuses. */
const MONGODB = /^mongodb(\+srv)?:\/\/([^/?@]*@)?[^/?@]+\/[^/?]+(\?.*)?$/;

function databaseFault(url: string): FaultCode | undefined {
  if (url === 'memory:' || /^file:[^?#\0]+$/.test(url) || /^cloudbase:/.test(url)) return undefined;
  const scheme = /^[a-z+]+:/.exec(url)?.[0] ?? '';
  if (scheme.startsWith('mongodb')) return MONGODB.test(url) ? undefined : 'database_unreadable';
  if (!SQL.has(scheme)) return 'database_scheme';
  return (parseUrl(url)?.hostname ?? '') === '' ? 'database_unreadable' : undefined;
}

const RECORD_KEYS_MAX = 8;
const RECORD_KEY = /^[\x21-\x2b\x2d-\x7e]{32,256}$/;

/** Every read tries each key, so there are few of them. */
function readRecordKeys(values: Values): readonly string[] {
  const keys = values.list('recordKey');
  if (keys.length > RECORD_KEYS_MAX) {
    values.reject('recordKey', 'too_many', { max: String(RECORD_KEYS_MAX) });
  }
  keys.forEach((key, index) => {
    const at = String(index + 1);
    if (!RECORD_KEY.test(key)) values.reject('recordKey', 'record_key', { at });
    else if (keys.indexOf(key) !== index) values.reject('recordKey', 'repeated', { at });
  });
  return keys;
}

export function readDatabase(
  values: Values,
  scf: boolean,
  cloudbaseEnv: string | undefined,
): Pick<Config, 'databaseUrl' | 'cloudbaseApiKey' | 'recordKeys'> {
  const databaseUrl = (scf ? values.need('databaseUrl') : values.text('databaseUrl')) ?? '';
  const cloudbaseApiKey = values.given('CLOUDBASE_APIKEY');
  const recordKeys = readRecordKeys(values);
  const fault = databaseUrl === '' ? undefined : databaseFault(databaseUrl);
  if (fault !== undefined) values.reject('databaseUrl', fault);
  if (databaseUrl.startsWith('cloudbase:')) {
    values.need('CLOUDBASE_APIKEY');
    // Whether users of the Mini Program may write to the collections is set elsewhere, and cannot be asked.
    values.need('recordKey');
    if (cloudbaseEnv === undefined) values.lacks('cloudbaseEnv', 'environment_missing');
  }
  if (scf && /^(file|memory):/.test(databaseUrl)) values.warn('databaseUrl', 'files_vanish');
  return { databaseUrl, cloudbaseApiKey, recordKeys };
}

function wxPayHost(values: Values, name: SettingName): string | undefined {
  const text = values.text(name) ?? '';
  const url = plainUrl(text);
  const loopback = url !== undefined && placeOf(url.hostname) === 'loopback';
  const scheme = url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback);
  if (url !== undefined && scheme && url.pathname === '/' && url.search === '' && url.hash === '') {
    return url.origin;
  }
  return values.reject(name, 'wechat_host');
}

/** A base URL without a backup is a simulator or a proxy: switching to the official host would be a surprise. */
export function readWxPayHosts(values: Values): Pick<Config, 'wxPayBaseUrl' | 'wxPayBackupUrl'> {
  const alone = values.given('wxPayBaseUrl') !== undefined;
  const backup = values.given('wxPayBackupUrl') !== undefined || !alone;
  return {
    wxPayBaseUrl: wxPayHost(values, 'wxPayBaseUrl') ?? '',
    wxPayBackupUrl: backup ? wxPayHost(values, 'wxPayBackupUrl') : undefined,
  };
}

/**
 * Any accepted form → `whsec_` + base64, the one form of Standard Webhooks. Text that is base64 is
 * read as base64, because that is what the receivers' libraries do with it.
 */
function webhookSecret(item: string): string | undefined {
  const marked = item.startsWith('whsec_');
  const body = marked ? item.slice('whsec_'.length) : item;
  if (marked && !BASE64.test(body)) return undefined;
  const bytes = Buffer.from(body, BASE64.test(body) ? 'base64' : 'utf8');
  const size = marked ? bytes.length : Math.max(bytes.length, Buffer.byteLength(body));
  return size < SECRET_BYTES_MIN ? undefined : `whsec_${bytes.toString('base64')}`;
}

function readSecrets(values: Values): readonly string[] {
  values.need('webhookSecret');
  const items = values.list('webhookSecret');
  if (items.length > SECRETS_MAX) values.reject('webhookSecret', 'two_secrets');
  const secrets = items.map(webhookSecret);
  if (secrets.includes(undefined)) values.reject('webhookSecret', 'webhook_secret');
  return secrets.filter((secret) => secret !== undefined);
}

function readWebhook(values: Values, text: string): EffectSink {
  const url = plainUrl(text);
  const place = url === undefined ? 'local' : placeOf(url.hostname);
  const near = place === 'loopback' || place === 'private';
  if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && near)) {
    values.reject('webhookUrl', 'webhook_url');
  }
  return { kind: 'webhook', url: text, secrets: readSecrets(values) };
}

function readAmqp(values: Values, text: string): EffectSink {
  const parsed = parseUrl(text);
  if ((parsed?.hostname ?? '') === '' || !/^amqps?:$/.test(parsed?.protocol ?? '')) {
    values.reject('amqpUrl', 'amqp_url');
  }
  return { kind: 'amqp', url: text };
}

/** One receiver or none: two would have to agree on what is delivered. */
export function readSink(values: Values): EffectSink {
  const names = ['webhookUrl', 'amqpUrl', 'hooksModule'] as const;
  const given = names.filter((name) => values.given(name) !== undefined);
  if (given.length > 1) values.reject(given.join(', '), 'one_receiver');
  const webhook = values.given('webhookUrl');
  if (webhook === undefined && values.given('webhookSecret') !== undefined) {
    values.reject('webhookSecret', 'secret_alone');
  }
  if (webhook !== undefined) return readWebhook(values, webhook);
  const amqp = values.given('amqpUrl');
  if (amqp !== undefined) return readAmqp(values, amqp);
  const path = values.given('hooksModule');
  return path === undefined ? { kind: 'none' } : { kind: 'hooks', path };
}
