/** The environment → the settings the service works with, or all that is wrong with it at once. */
import { ConfigError } from '../utils/errors';
import { faultSentence, type ConfigFault } from './faultWords';
import { readAccess } from './access';
import { readDatabase, readWxPayHosts } from './connections';
import { readMerchant } from './merchant';
import type { Config, DeploymentSettings, ListenConfig } from './types';
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
 * What is needed to listen and to report faults: never throws, a damaged value counts as absent.
 */
export function loadListen(env: Env): ListenConfig {
  return Object.freeze(readListen(new Values(env)));
}

function readDeployment(values: Values, scf: boolean): DeploymentSettings {
  const access = readAccess(values, scf);
  const database = readDatabase(values, scf, access.cloudbaseEnv);
  return {
    ...access,
    ...database,
    recordKeys: Object.freeze([...database.recordKeys]),
    ...readWxPayHosts(values),
    merchantsFile: values.given('merchantsFile'),
    sweepSeconds: values.integer('sweepSeconds', scf ? 0 : SWEEP_SECONDS),
    console: values.boolean('console'),
  };
}

/** What the environment, or an entry of `merchantsFile`, says, and each fault in it. */
export interface ConfigReading {
  /** undefined when there is a fault. */
  readonly config: Config | undefined;
  /** The missing settings first, then the invalid ones. */
  readonly faults: readonly ConfigFault[];
  readonly warnings: readonly ConfigFault[];
  /** Is a required setting missing? */
  readonly incomplete: boolean;
}

/** Reads all settings and collects all faults, as codes. */
export function readConfig(env: Env): ConfigReading {
  const values = new Values(env);
  const listen = readListen(values);
  const merchant = readMerchant(values);
  const deployment = readDeployment(values, listen.scf);
  values.warnSuspicious();
  values.warnNearMisses();
  const { missing, invalid, warnings } = values;
  const faults = [...missing, ...invalid];
  const whole = merchant !== undefined && faults.length === 0;
  const sentences = Object.freeze(warnings.map(faultSentence));
  const config = whole
    ? Object.freeze({ ...listen, ...deployment, ...merchant, warnings: sentences })
    : undefined;
  return { config, faults, warnings, incomplete: missing.length > 0 };
}

/** MISSING_CREDENTIALS when anything that must be given is absent, else CONFIG_INVALID. */
export function configErrorOf({ faults, warnings, incomplete }: ConfigReading): ConfigError {
  // A misspelt name is the most likely reason for a missing one: the same list names both.
  const sentences = [...faults, ...warnings].map(faultSentence);
  return new ConfigError(incomplete ? 'MISSING_CREDENTIALS' : 'CONFIG_INVALID', sentences);
}

/**
 * All settings, frozen.
 *
 * @throws ConfigError; `faults` lists every fault, one sentence each.
 */
export function loadConfig(env: Env): Config {
  const reading = readConfig(env);
  if (reading.config === undefined) throw configErrorOf(reading);
  return reading.config;
}
