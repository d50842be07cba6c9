/** The environment → the settings the service works with, or all that is wrong with it at once. */
import { ConfigError } from '../utils/errors';
import { faultSentence, type ConfigFault } from './faultWords';
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
  values.reject('basePath', 'base_path');
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
  return values.reject('corsAllowOrigin', 'origins');
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

/** What the environment says, and each fault in it. */
export interface ConfigReading {
  /** undefined when there is a fault. */
  readonly config: Config | undefined;
  /** The missing settings first, then the invalid ones. */
  readonly faults: readonly ConfigFault[];
  readonly warnings: readonly ConfigFault[];
  /** Is anything absent that must be given? */
  readonly incomplete: boolean;
}

/** Reads all settings and collects all faults, for whoever wants the codes. */
export function readConfig(env: Env): ConfigReading {
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
  const { missing, invalid, warnings } = values;
  const faults = [...missing, ...invalid];
  const whole = credentials !== undefined && notify !== undefined && faults.length === 0;
  const settings = { signMode, ...access, ...rest };
  const config = whole ? frozen(listen, settings, credentials, notify, warnings) : undefined;
  return { config, faults, warnings, incomplete: missing.length > 0 };
}

/**
 * All settings, frozen.
 *
 * @throws ConfigError MISSING_CREDENTIALS when anything that must be given is absent, else
 *         CONFIG_INVALID; `faults` lists every fault of both kinds, one sentence each.
 */
export function loadConfig(env: Env): Config {
  const { config, faults, warnings, incomplete } = readConfig(env);
  if (config !== undefined) return config;
  // A misspelt name is the likeliest reason for a missing one: the same list names both.
  const sentences = [...faults, ...warnings].map(faultSentence);
  throw new ConfigError(incomplete ? 'MISSING_CREDENTIALS' : 'CONFIG_INVALID', sentences);
}

type Rest = Omit<Config, keyof ListenConfig | keyof NotifyUrls | 'credentials' | 'warnings'> &
  AccessSettings;

function frozen(
  listen: ListenConfig,
  rest: Rest,
  credentials: Credentials,
  notify: NotifyUrls,
  warnings: readonly ConfigFault[],
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
    warnings: Object.freeze(warnings.map(faultSentence)),
  });
}
