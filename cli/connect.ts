/**
 * The operator's routes of a service. Without `--url` the service itself is started in this process, on the same
 * settings and database, and called over loopback with a key made for this one run. So a command can do exactly
 * what an operator can, checked by the same schemas.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { parseUrl, placeOf } from '../config/hosts';
import type { Progress as ReconcileProgress } from '../services/reconcile/reconciler';
import type { Wing } from '../bin/assembleMerchant';
import type { MerchantRegistry } from '../services/merchants/merchantRegistry';
import { silentLogger } from '../utils/logger';
import { ask, isJson } from './http';
import { CommandError, UsageError, type Env, type Io } from './io';
import { readSettings } from './settings';
import type { Json } from '../utils/json';

export interface Connection {
  /** `data.data` of a success. @throws CommandError with what the service says otherwise. */
  call(call: RouteCall): Promise<Json>;
  /** That of `--merchant`, else all; undefined = the environment's own. A service elsewhere does not tell of others. */
  readonly merchants: readonly (string | undefined)[];
  /** How far that merchant's reconciliation in this process has got; a service elsewhere does not tell. */
  reconciling(merchant: string | undefined): ReconcileProgress | undefined;
  close(): Promise<void>;
}

export interface RouteCall {
  /** The route's name below `/wx-pay/`. */
  readonly action: string;
  /** The key of a further merchant, where it is not the one of `--merchant`. */
  readonly merchant?: string | undefined;
  readonly body?: Json;
  readonly timeoutMs?: number;
}

/** Options of every command that speaks with a service. */
export const CONNECT_OPTIONS = {
  env: { type: 'string' },
  url: { type: 'string' },
  merchant: { type: 'string' },
} as const;

const TIMEOUT_MS = 60_000;
const KEY_CHARS_MIN = 32;
const MERCHANT_KEY = /^[a-z0-9-]{1,32}$/;

export async function connect(
  io: Io,
  where: {
    readonly env?: string | undefined;
    readonly url?: string | undefined;
    readonly merchant?: string | undefined;
  },
): Promise<Connection> {
  const env = readSettings(io, where.env);
  const { merchant } = where;
  if (merchant !== undefined && !MERCHANT_KEY.test(merchant)) throw noSuchMerchant(merchant);
  return where.url === undefined ? local(io, env, merchant) : remote(where.url, env, merchant);
}

const noSuchMerchant = (key: string): UsageError =>
  new UsageError(`没有此商户 no such merchant: ${key}`);

function remote(text: string, env: Env, merchant: string | undefined): Connection {
  const base = parseUrl(text);
  const loopback = base !== undefined && placeOf(base.hostname) === 'loopback';
  if (base === undefined || !(base.protocol === 'https:' || loopback)) {
    throw new UsageError(
      '--url 应为 https 地址（本机可用 http） / must be https, or http on loopback',
    );
  }
  const key = keyOf(env);
  if (key === undefined) {
    throw new UsageError(
      '请以环境变量 PAY_COMMON_KEY 提供运营密钥 / give an operator key as PAY_COMMON_KEY',
    );
  }
  return {
    call: (call) => perform(base, key, { merchant, ...call }),
    merchants: [merchant],
    reconciling: () => undefined,
    close: () => Promise.resolve(),
  };
}

/** Not an argument: other users of a machine can read the arguments of a program. */
function keyOf(env: Env): string | undefined {
  const own = env['PAY_COMMON_KEY']?.trim();
  if (own !== undefined && own !== '') return own;
  const keys = (env['operatorKeys'] ?? '').split(',').map((key) => key.trim());
  const whole = keys.map((key) => key.replace(/^[\w-]{1,32}=(?=.{32})/, ''));
  return whole.find((key) => key.length >= KEY_CHARS_MIN && !/^(read|sweep|sub|sha256):/.test(key));
}

async function local(io: Io, env: Env, merchant: string | undefined): Promise<Connection> {
  const key = randomBytes(32).toString('hex');
  const { assemble, listenOn, shutDown } = await io.load.server();
  const own = { operatorKeys: '', PORT: '0', sweepSeconds: '0' };
  const operatorKey = { scope: 'all', digest: createHash('sha256').update(key).digest() } as const;
  const overrides = { logger: silentLogger, clock: io.clock, operatorKey };
  const service = assemble({ ...env, ...own }, overrides);
  const { merchants } = service;
  const wingOf = (one: string | undefined) =>
    (one === undefined ? merchants?.own : merchants?.byKey(one))?.wing;
  // Where all settings are refused, the service says so.
  if (merchants !== undefined && wingOf(merchant) === undefined) {
    await service.close();
    throw noSuchMerchant(merchant ?? '');
  }
  const server = await listenOn(service, '127.0.0.1');
  const base = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    call: (call) => perform(base, key, { merchant, ...call }),
    merchants: merchant === undefined ? keysOf(merchants) : [merchant],
    reconciling: (one) => {
      const wing = wingOf(one);
      // Not by `instanceof`: built, the service is a bundle of its own.
      return wing !== undefined && 'reconciler' in wing ? wing.reconciler.progress() : undefined;
    },
    close: () => shutDown(server, service),
  };
}

/** Those whose settings are refused, too: asked for, they say so. */
const keysOf = (merchants: MerchantRegistry<Wing> | undefined): Connection['merchants'] => [
  // The first is the environment's own, and an entry without a key is reached by nobody.
  ...new Set([undefined, ...(merchants?.all ?? []).map(({ key }) => key)]),
];

/** By the old dispatch: in the usual deployment of a cloud function only `POST /` leads to it. */
async function perform(base: URL, key: string, call: RouteCall): Promise<Json> {
  const { status, body } = await ask({
    method: 'POST',
    url: base,
    headers: { 'x-api-key': key },
    body: { ...call.body, ...addressOf(call) },
    timeoutMs: call.timeoutMs ?? TIMEOUT_MS,
  });
  if (isJson(body) && body['code'] === 0 && isJson(body['data']) && isJson(body['data']['data'])) {
    return body['data']['data'];
  }
  throw new CommandError(refusal(status, body));
}

const addressOf = ({ action, merchant }: RouteCall): Json =>
  merchant === undefined ? { _action: action } : { path: `/m/${merchant}/wx-pay/${action}` };

function refusal(status: number, body: unknown): string {
  if (!isJson(body) || typeof body['msg'] !== 'string') {
    return `HTTP ${status}：不是本服务的应答 / not an answer of this service`;
  }
  const error = typeof body['error'] === 'string' ? body['error'] : `HTTP ${status}`;
  const setUp = error === 'MISSING_CREDENTIALS' || error === 'CONFIG_INVALID';
  return [
    `${error}: ${body['msg']}`,
    ...(isJson(body['data']) ? [dataText(body['data'])] : []),
    ...(typeof body['requestId'] === 'string' ? [`requestId: ${body['requestId']}`] : []),
    ...(setUp ? ['→ node bin/pay-common doctor'] : []),
  ].join('\n');
}

/** What a refusal carries beside its sentence: for one of WeChat Pay its own status, code and words. */
const dataText = (data: Json): string =>
  Object.entries(data)
    .map(
      ([name, value]) => `  ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
    )
    .join('\n');
