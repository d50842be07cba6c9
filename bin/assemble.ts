/** The only place where the service is put together: settings → logger → store → one wing a merchant → app. */
import type { Express } from 'express';
import { countedLogger } from './counted';
import type { Shared, Wing } from './assembleMerchant';
import { assembleMerchants } from './assembleMerchants';
import { doorOf } from './merchantsDoor';
import { createConsoleFiles } from './consoleFiles';
import { createReference } from './reference';
import { createApp } from '../app';
import { loadConfig, loadListen } from '../config/config';
import type { Config, ListenConfig, OperatorKey } from '../config/types';
import { createStatusController } from '../controllers/statusController';
import type { MerchantRegistry } from '../services/merchants/merchantRegistry';
import { unknownMerchants } from '../services/merchants/unknownMerchants';
import { openStore } from '../services/stores';
import { createDeferredStore } from '../services/stores/deferredStore';
import type { RecordStore } from '../services/stores/orderStore';
import { createHttpClient } from '../services/strategies/http';
import type { SweepService } from '../services/sweep/sweepService';
import { createSweepTimer } from '../services/sweep/sweepTimer';
import { systemClock, type Clock } from '../utils/clock';
import { ConfigError } from '../utils/errors';
import { createLogger } from '../utils/jsonLogger';
import type { Logger } from '../utils/logger';
import { createMetrics } from '../utils/metrics';
import { createValidator, type Validate } from '../utils/validate';

declare const __BUILD_ID__: string | undefined;

type Env = Readonly<Record<string, string | undefined>>;

/** Replaceable parts: a test's clock, a store of its own. */
export interface Overrides {
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly store?: RecordStore;
  /** How to wait for another caller's answer. */
  readonly wait?: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Between two attempts of one call to WeChat Pay. */
  readonly retryPause?: (ms: number) => Promise<void>;
  /** Checks compiled before. */
  readonly validate?: Validate;
  /** A token issuer for tests. Deliberately not a setting: the person who controls it can be anybody. */
  readonly jwksUrl?: string;
  /** An additional key of every merchant, for commands on this machine: not a setting either. */
  readonly operatorKey?: OperatorKey;
}

export interface Service {
  readonly app: Express;
  readonly listen: ListenConfig;
  readonly config: Config | undefined;
  readonly logger: Logger;
  readonly store: RecordStore | undefined;
  /** Of all merchants. */
  readonly sweep: SweepService | undefined;
  readonly merchants: MerchantRegistry<Wing> | undefined;
  /** Opens the store, loads keys, starts the sweep's timer. */
  start(): Promise<void>;
  /** Starts no further sweep. */
  halt(): void;
  close(): Promise<void>;
}

export const buildId = typeof __BUILD_ID__ === 'string' ? __BUILD_ID__ : 'source';

/** Waits; ends early, without an error, when the signal is aborted. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });

/** Builds the whole service from its settings. Damaged settings do not throw: the app answers what is wrong. */
export function assemble(env: Env, overrides: Overrides = {}): Service {
  const listen = loadListen(env);
  const logger = overrides.logger ?? createLogger({ level: listen.logLevel });
  const clock = overrides.clock ?? systemClock;
  try {
    return whole(loadConfig(env), overrides, { clock, logger, env });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return broken(listen, error, logger, clock);
  }
}

const statusBasis = (listen: ListenConfig) => ({
  build: buildId,
  reference: createReference(listen.basePath),
});

function broken(listen: ListenConfig, error: ConfigError, logger: Logger, clock: Clock): Service {
  const metrics = createMetrics();
  const own = { clock, metrics, configError: error, warnings: [] };
  const status = createStatusController({ ...statusBasis(listen), listen, ...own });
  // All stand on the environment's settings.
  const all = { ready: error, status };
  const further = listen.present['merchantsFile'] === true ? { merchant: () => all } : {};
  return {
    app: createApp({ listen, logger, metrics, ...all, ...further }),
    listen,
    config: undefined,
    logger,
    store: undefined,
    sweep: undefined,
    merchants: undefined,
    start: () => {
      logger.error({ error: error.code, faults: error.faults }, 'settings are invalid');
      return Promise.resolve();
    },
    halt: () => undefined,
    close: () => Promise.resolve(),
  };
}

type Store = RecordStore & {
  warm?: () => Promise<boolean>;
  opening?: () => { readonly opened: boolean; readonly error?: string };
};

function storeOf(config: Config, clock: Clock, logger: Logger): Store {
  const scheme = config.databaseUrl.split(/[:+]/, 1)[0] ?? '';
  return createDeferredStore({
    name: scheme === 'file' ? 'sqlite' : scheme,
    durable: scheme !== 'memory' && !(scheme === 'file' && config.scf),
    open: () =>
      openStore({
        url: config.databaseUrl,
        clock,
        logger,
        cloudbaseEnv: config.cloudbaseEnv,
        cloudbaseApiKey: config.cloudbaseApiKey,
        recordKeys: config.recordKeys,
        mchid: config.credentials.merchantId,
        ephemeralDisk: config.scf,
      }),
  });
}

/** Their money may be in transit, and no merchant here can process it. */
async function sayWhoIsUnknown(
  store: RecordStore,
  { all }: MerchantRegistry<Wing>,
  logger: Logger,
): Promise<void> {
  const known = new Set(all.flatMap(({ mchid }) => mchid ?? []));
  try {
    for (const one of await unknownMerchants(store, known)) {
      logger.warn({ ...one }, 'records of an unknown merchant are left alone');
    }
  } catch (error) {
    logger.warn({ err: error }, 'merchants not looked for');
  }
}

function whole(
  config: Config,
  overrides: Overrides,
  base: Pick<Shared, 'clock' | 'logger' | 'env'>,
): Service {
  const metrics = createMetrics();
  const { clock, logger: bareLogger } = base;
  const logger = countedLogger(bareLogger, metrics);
  const store: Store = overrides.store ?? storeOf(config, clock, logger);
  const { wait = pause, retryPause, jwksUrl, operatorKey } = overrides;
  const { validate = createValidator() } = overrides;
  const http = createHttpClient();
  const waits = { wait, retryPause };
  const shared = { ...base, ...waits, logger, metrics, store, http, validate, jwksUrl };
  const merchants = assembleMerchants(config, { shared, bareLogger, operatorKey });
  const { sweep, registry } = merchants;
  // No timer of our own: the companion function must call, and requests may look after what is due.
  const timerless = config.scf && config.sweepSeconds === 0;
  const basis = { ...statusBasis(config), clock, metrics, store, sweepExpected: timerless };
  const door = doorOf(merchants, { clock, logger, basis, timerless });
  const page = config.console ? { consoleFiles: createConsoleFiles() } : {};
  const app = createApp({ listen: config, logger, metrics, ...door, ...page });
  const timer = createSweepTimer(config.sweepSeconds * 1000, sweep, logger);
  return {
    app,
    listen: config,
    config,
    logger,
    store,
    sweep,
    merchants: registry,
    async start() {
      for (const warning of config.warnings) logger.warn({ detail: warning }, 'setting');
      await Promise.all([store.warm?.(), merchants.start()]);
      if (store.opening?.().opened === true) await sayWhoIsUnknown(store, registry, logger);
      timer.start();
    },
    halt: timer.halt,
    async close() {
      timer.halt();
      // First cut off what others may delay: a call that is cut off has an unknown outcome, and every record has a
      // plan for that. A sweep that waits for WeChat would use up the 10 s we have.
      await merchants.close();
      http.close();
      await timer.stop();
      await sweep.idle();
      await store.close();
    },
  };
}
