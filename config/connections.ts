/** What the service connects to: its database, WeChat Pay, and the one receiver of effects. */
import { parseUrl, placeOf, plainUrl } from './hosts';
import type { Config, EffectSink } from './types';
import type { SettingName } from './schema';
import { say, type Values } from './values';

const SECRET_BYTES_MIN = 24;
const SECRETS_MAX = 2;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const SQL = new Set(['mysql:', 'postgres:', 'postgresql:']);

function databaseFault(url: string): readonly [zh: string, en: string] | undefined {
  if (url === 'memory:' || /^file:[^?#\0]+$/.test(url) || /^cloudbase:/.test(url)) return undefined;
  const scheme = /^[a-z+]+:/.exec(url)?.[0] ?? '';
  if (scheme.startsWith('mongodb')) {
    return [
      '暂不支持 MongoDB，请使用 mysql:// postgres:// 或 cloudbase:',
      'MongoDB is not offered: use mysql://, postgres:// or cloudbase:',
    ];
  }
  if (!SQL.has(scheme)) {
    return [
      '应以 file: mysql:// postgres:// cloudbase: memory: 之一开头',
      'must begin with file: mysql:// postgres:// cloudbase: or memory:',
    ];
  }
  if ((parseUrl(url)?.hostname ?? '') === '') {
    return [
      '无法解析，密码中的特殊字符须做 URL 编码',
      'cannot be read: percent-encode special characters of the password',
    ];
  }
  return undefined;
}

const RECORD_KEYS_MAX = 8;
const RECORD_KEY = /^[\x21-\x2b\x2d-\x7e]{32,256}$/;

/** Every read tries each key, so there are few of them. */
function readRecordKeys(values: Values): readonly string[] {
  const keys = values.list('recordKey');
  if (keys.length > RECORD_KEYS_MAX) values.reject('recordKey', '最多 8 个', 'at most 8');
  keys.forEach((key, index) => {
    const no = String(index + 1);
    if (!RECORD_KEY.test(key)) {
      values.reject(
        'recordKey',
        `第 ${no} 个：应为 32–256 个可见字符，如 openssl rand -hex 32`,
        `no. ${no}: a key has 32 to 256 visible ASCII characters, as from openssl rand -hex 32`,
      );
    } else if (keys.indexOf(key) !== index) {
      values.reject('recordKey', `第 ${no} 个：重复`, `no. ${no}: given twice`);
    }
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
  if (fault !== undefined) values.reject('databaseUrl', ...fault);
  if (databaseUrl.startsWith('cloudbase:')) {
    values.need('CLOUDBASE_APIKEY');
    // Whether users of the Mini Program may write to the collections is set elsewhere, and cannot be asked.
    values.need('recordKey');
    if (cloudbaseEnv === undefined) {
      values.missing.push(say('cloudbaseEnv', '缺少，云开发环境 ID', 'missing, environment id'));
    }
  }
  if (scf && /^(file|memory):/.test(databaseUrl)) {
    values.warn(
      'databaseUrl',
      '云函数实例回收后本地文件会丢失，且各实例互不可见，请使用 mysql:// postgres:// 或 cloudbase:',
      'files vanish with a function instance and are not shared: use mysql://, postgres:// or cloudbase:',
    );
  }
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
  return values.reject(
    name,
    '应为 https 域名（本机可用 http），不带路径',
    'must be https, or http on loopback, without a path',
  );
}

/** A base given alone is a stand-in or a proxy: falling over to the official host would surprise. */
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
  if (items.length > SECRETS_MAX) values.reject('webhookSecret', '最多两个', 'at most two');
  const secrets = items.map(webhookSecret);
  if (secrets.includes(undefined)) {
    values.reject(
      'webhookSecret',
      '应为 whsec_ 加 base64，且不少于 24 字节',
      'must be whsec_ and base64 of 24 bytes or more',
    );
  }
  return secrets.filter((secret) => secret !== undefined);
}

function readWebhook(values: Values, text: string): EffectSink {
  const url = plainUrl(text);
  const place = url === undefined ? 'local' : placeOf(url.hostname);
  const near = place === 'loopback' || place === 'private';
  if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && near)) {
    values.reject(
      'webhookUrl',
      '应为 https 地址（本机或内网 IP 可用 http），不含用户名密码',
      'must be https, or http on a loopback or private address, without a user name',
    );
  }
  return { kind: 'webhook', url: text, secrets: readSecrets(values) };
}

function readAmqp(values: Values, text: string): EffectSink {
  const parsed = parseUrl(text);
  if ((parsed?.hostname ?? '') === '' || !/^amqps?:$/.test(parsed?.protocol ?? '')) {
    values.reject('amqpUrl', '应为 amqp:// 或 amqps:// 地址', 'must be amqp:// or amqps://');
  }
  return { kind: 'amqp', url: text };
}

/** One receiver, or none: two would have to agree on what is delivered. */
export function readSink(values: Values): EffectSink {
  const names = ['webhookUrl', 'amqpUrl', 'hooksModule'] as const;
  const given = names.filter((name) => values.given(name) !== undefined);
  if (given.length > 1) {
    values.reject(given.join(', '), '只能设置其中一个', 'only one of them may be set');
  }
  const webhook = values.given('webhookUrl');
  if (webhook === undefined && values.given('webhookSecret') !== undefined) {
    values.reject('webhookSecret', '缺少 webhookUrl', 'is given without webhookUrl');
  }
  if (webhook !== undefined) return readWebhook(values, webhook);
  const amqp = values.given('amqpUrl');
  if (amqp !== undefined) return readAmqp(values, amqp);
  const path = values.given('hooksModule');
  return path === undefined ? { kind: 'none' } : { kind: 'hooks', path };
}
