/** The environment → the settings the service works with, or all that is wrong with it at once. */
import { ConfigError } from '../utils/errors';
import { readAccess, type AccessSettings } from './access';
import { readCredentials, readNotifyUrls, type NotifyUrls } from './merchant';
import { readDatabase, readSink, readWxPayHosts } from './connections';
import type { Config, Credentials, ListenConfig } from './types';
import { Values, type Env } from './values';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
const PORT_DEFAULT = 3000;
const SWEEP_SECONDS = 15;
const BASE_PATH = /^(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,99}){1,5}$/;
const ORIGIN = /^https?:\/\/[A-Za-z0-9.-]{1,253}(:\d{1,5})?$/;

function insideScf(values: Values): boolean {
  const marks = [values.platform('TENCENTCLOUD_RUNENV'), values.platform('SCF_RUNTIME')];
  return marks.some((mark) => mark !== undefined);
}

function readBasePath(values: Values): string {
  const path = (values.given('basePath') ?? '').replace(/\/+$/, '');
  if (path === '' || BASE_PATH.test(path)) return path;
  values.reject('basePath', '应以 / 开头，如 /pay', 'must begin with /, as /pay');
  return '';
}

function readCors(values: Values): string | undefined {
  // Browsers send an origin in lower case and without a slash.
  const origins = values
    .list('corsAllowOrigin')
    .map((origin) => origin.replace(/\/+$/, '').toLowerCase());
  if (origins.length === 0) return undefined;
  const fine = (origin: string): boolean => ORIGIN.test(origin);
  if ((origins.length === 1 && origins[0] === '*') || origins.every(fine)) return origins.join(',');
  return values.reject(
    'corsAllowOrigin',
    '应为 * 或以逗号分隔的来源，如 https://shop.example.com',
    'must be * or a comma list of origins, as https://shop.example.com',
  );
}

function readListen(values: Values): ListenConfig {
  return {
    port: values.integer('PORT', PORT_DEFAULT),
    basePath: readBasePath(values),
    corsAllowOrigin: readCors(values),
    logLevel: values.choice('logLevel', LOG_LEVELS, 'info'),
    scf: insideScf(values),
    present: values.present(),
  };
}

/**
 * What is needed to listen and to tell what is wrong: never throws, a damaged value counts as absent.
 */
export function loadListen(env: Env): ListenConfig {
  return Object.freeze(readListen(new Values(env)));
}

/**
 * The whole of the settings, frozen.
 *
 * @throws ConfigError MISSING_CREDENTIALS when anything that must be given is absent, else
 *         CONFIG_INVALID; `faults` lists every fault of both kinds, one sentence each.
 */
export function loadConfig(env: Env): Config {
  const values = new Values(env);
  const listen = readListen(values);
  const signMode = values.choice('signMode', ['gateway', 'sdk'], 'gateway');
  const credentials = readCredentials(values);
  const notify = readNotifyUrls(values, signMode);
  const access = readAccess(values, listen.scf);
  const rest = {
    ...readDatabase(values, listen.scf, access.cloudbaseEnv),
    ...readWxPayHosts(values),
    sink: readSink(values),
    transferMaxFen: values.integer('transferMaxFen'),
    transferDayFen: values.integer('transferDayFen'),
    orderExpireMinutes: values.integer('orderExpireMinutes'),
    ordersPerMinute: values.integer('ordersPerMinute'),
    openOrdersMax: values.integer('openOrdersMax'),
    sweepSeconds: values.integer('sweepSeconds', listen.scf ? 0 : SWEEP_SECONDS),
  };
  values.warnSuspicious();
  values.warnNearMisses();
  if (credentials === undefined || notify === undefined) throw faultsOf(values);
  if (values.missing.length + values.invalid.length > 0) throw faultsOf(values);
  return frozen(listen, { signMode, ...access, ...rest }, credentials, notify, values.warnings);
}

function faultsOf(values: Values): ConfigError {
  const code = values.missing.length > 0 ? 'MISSING_CREDENTIALS' : 'CONFIG_INVALID';
  // A misspelt name is the likeliest reason for a missing one: say it in the same breath.
  return new ConfigError(code, [...values.missing, ...values.invalid, ...values.warnings]);
}

type Rest = Omit<Config, keyof ListenConfig | keyof NotifyUrls | 'credentials' | 'warnings'> &
  AccessSettings;

function frozen(
  listen: ListenConfig,
  rest: Rest,
  credentials: Credentials,
  notify: NotifyUrls,
  warnings: readonly string[],
): Config {
  return Object.freeze({
    ...listen,
    ...rest,
    ...notify,
    credentials: Object.freeze(credentials),
    operatorKeys: Object.freeze(rest.operatorKeys.map((key) => Object.freeze(key))),
    recordKeys: Object.freeze([...rest.recordKeys]),
    operatorOpenids: Object.freeze([...rest.operatorOpenids]),
    sink: Object.freeze(rest.sink),
    warnings: Object.freeze([...warnings]),
  });
}
