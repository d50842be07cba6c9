/**
 * The only place where the house is put together: settings → logger → store → strategy → services →
 * app → listen. On SIGTERM: no new requests, finish those under way, close, exit 0.
 */
import { createServer, type Server } from 'node:http';
import type { Express } from 'express';
import { boundConnections } from './connections';
import { createApp, listenerOf, type Ready } from '../app';
import { loadConfig, loadListen } from '../config/config';
import type { Config, ListenConfig } from '../config/types';
import { createChoreController } from '../controllers/operationsController';
import { createCodepayController } from '../controllers/codepayController';
import { createCombineController } from '../controllers/combineController';
import { createNotifyController } from '../controllers/notifyController';
import { createPayController } from '../controllers/payController';
import { createRecordController } from '../controllers/recordController';
import { createStatusController } from '../controllers/statusController';
import { openapiDocument } from '../routes/documentedRoutes';
import { createAbnormalRefunding } from '../services/refunds/requestAbnormalRefund';
import { createAskLimit } from '../services/access/foreignQueryLimit';
import { createAskWaiters } from '../services/orders/askWaiters';
import { createBillService } from '../services/reconcile/billService';
import { createCodepay } from '../services/orders/codepayOrder';
import { combinationSteps, createCombining } from '../services/combinations/placeCombination';
import { createDeliverer } from '../services/delivery/deliverer';
import { createSink } from '../services/delivery/index';
import { createFollowing } from '../services/orders/syncOrder';
import { createIdentity } from '../services/access/identity';
import { createBearerVerifier } from '../services/access/bearer';
import { createOrderRate } from '../services/access/orderRateLimit';
import { createOrderService } from '../services/orderService';
import { createPayService } from '../services/payService';
import { createPlacing } from '../services/orders/placeOrder';
import { createPreparing } from '../services/orders/prepareOrder';
import { createRecordService } from '../services/records/recordService';
import { createReconciler, type Reconciler } from '../services/reconcile/reconciler';
import { createRefunding } from '../services/refunds/requestRefund';
import { createRequestsUnderWay } from '../services/access/requestsUnderWay';
import { createRequestGuard } from '../services/wechat/storedRequest';
import { createStrategy } from '../services/strategies';
import type { PayStrategy } from '../services/strategies/strategy';
import { openStore } from '../services/stores';
import { createDeferredStore } from '../services/stores/deferredStore';
import type { OrderStore } from '../services/stores/orderStore';
import {
  createGlance,
  createSweepService,
  type SweepDeps,
  type SweepService,
} from '../services/sweep/sweepService';
import { createSweepTimer } from '../services/sweep/sweepTimer';
import { createTransferring } from '../services/transfers/requestTransfer';
import { createWechatApi, type WechatApi } from '../services/wechat/wechatApi';
import { systemClock, type Clock } from '../utils/clock';
import { ConfigError } from '../utils/errors';
import { createLogger } from '../utils/jsonLogger';
import type { Logger } from '../utils/logger';
import { createMetrics } from '../utils/metrics';
import type { Ours } from '../utils/normalizeInput';
import { createValidator } from '../utils/validate';

declare const __BUILD_ID__: string | undefined;
declare const __VERSION__: string | undefined;

type Env = Readonly<Record<string, string | undefined>>;

/** Replaceable parts: a test's clock, a store of its own. */
export interface Overrides {
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly store?: OrderStore;
  /** Waiting for another caller's answer. */
  readonly wait?: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** A test's own token issuer. Deliberately no setting: who sets it decides who is who. */
  readonly jwksUrl?: string;
}

export interface Service {
  readonly app: Express;
  readonly listen: ListenConfig;
  readonly config: Config | undefined;
  readonly logger: Logger;
  readonly store: OrderStore | undefined;
  readonly sweep: SweepService | undefined;
  readonly reconciler: Reconciler | undefined;
  /** Opens the store, loads keys, starts the sweep's timer. */
  start(): Promise<void>;
  /** Begins no further sweep. */
  halt(): void;
  close(): Promise<void>;
}

const buildId = typeof __BUILD_ID__ === 'string' ? __BUILD_ID__ : 'source';
const version = typeof __VERSION__ === 'string' ? __VERSION__ : '0.0.0';

/** Ends early, and without an error, where the signal says so. */
const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });

/** Builds the whole service from its settings. Damaged settings do not throw: the app says what is wrong. */
export function assemble(env: Env, overrides: Overrides = {}): Service {
  const listen = loadListen(env);
  const logger = overrides.logger ?? createLogger({ level: listen.logLevel });
  try {
    return whole(loadConfig(env), overrides, logger, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return broken(listen, error, logger, overrides.clock ?? systemClock);
  }
}

function broken(listen: ListenConfig, error: ConfigError, logger: Logger, clock: Clock): Service {
  const metrics = createMetrics();
  const status = createStatusController({
    listen,
    build: buildId,
    clock,
    metrics,
    document: () => openapiDocument(version),
    configError: error,
    warnings: [],
  });
  return {
    app: createApp({ listen, logger, metrics, status, ready: error }),
    listen,
    config: undefined,
    logger,
    store: undefined,
    sweep: undefined,
    reconciler: undefined,
    start: () => {
      logger.error({ error: error.code, faults: error.faults }, 'settings are invalid');
      return Promise.resolve();
    },
    halt: () => undefined,
    close: () => Promise.resolve(),
  };
}

function storeOf(
  config: Config,
  overrides: Overrides,
  clock: Clock,
  logger: Logger,
): OrderStore & {
  warm?: () => Promise<boolean>;
  opening?: () => { readonly opened: boolean; readonly error?: string };
} {
  if (overrides.store !== undefined) return overrides.store;
  const scheme = config.databaseUrl.split(':', 1)[0] ?? '';
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
        ephemeralDisk: config.scf,
      }),
  });
}

/** The services of a store and a strategy, as routes and sweep use them. */
function servicesOf(
  config: Config,
  base: {
    store: OrderStore;
    clock: Clock;
    logger: Logger;
    wait: (ms: number, signal?: AbortSignal) => Promise<void>;
    env: Env;
  },
) {
  const { store, clock, logger, wait } = base;
  const { merchantId: mchid, apiV3Key } = config.credentials;
  const settings = shopOf(config);
  const strategy = createStrategy({ config, clock, logger });
  const sink = createSink(config.sink, { clock, logger, env: base.env });
  const orders = createOrderService({ store, clock, logger, sink: sink !== undefined });
  const api = createWechatApi({ strategy, mchid });
  const ownerOf = async (
    kind: 'refund' | 'transaction' | 'transfer_bill',
    no: string,
  ): Promise<string | undefined> => (await store.reservation(kind, no))?.owner;
  const requests = createRequestGuard(requestsOf(config), logger);
  const shared = { orders, api, requests, clock, logger, mchid };
  const following = createFollowing({ ...shared, ownerOf });
  const notifyUrl = config.notifyURLRefundsURL;
  const refunding = createRefunding({ ...shared, following, notifyUrl, ownerOf });
  const transferring = createTransferring({
    ...shared,
    store,
    strategy,
    following,
    settings: {
      ...settings,
      apiV3Key,
      notifyUrl: config.transferNotifyUrl,
      maxFen: config.transferMaxFen,
      dayFen: config.transferDayFen,
    },
  });
  // One for all: a payer's questions are counted together, whatever he asks about.
  const asks = createAskLimit({ clock });
  const { ordersPerMinute, openOrdersMax } = config;
  const placement = {
    ...shared,
    rate: createOrderRate({ clock, store, ordersPerMinute, openOrdersMax }),
    asks,
    waiters: createAskWaiters({ clock, wait }),
    settings,
  };
  const sync = (no: string) => following.syncOrder(no);
  const preparing = createPreparing({ ...placement, sync });
  const placing = createPlacing({ ...placement, sync, preparing });
  const combining = createCombining({ ...placement, strategy, following });
  const abnormal = createAbnormalRefunding({ ...shared, strategy, following, apiV3Key, ownerOf });
  const payService = createPayService({
    ...shared,
    abnormal,
    asks,
    strategy,
    placing,
    preparing,
    refunding,
    transferring,
    following,
    ownerOf,
  });
  const acting = { store, orders, following, refunding, transferring, clock, logger };
  const codepay = createCodepay({ ...placement, following });
  const steps = { ...codepay.steps(acting), ...combinationSteps(acting) };
  const outward = { sink, api, strategy, wait, steps };
  const chores = choresOf({ ...acting, ...outward, settings: booksOf(config) });
  return { strategy, sink, payService, codepay, combining, ...chores };
}

/** What every request must agree with before it is signed. */
const requestsOf = (config: Config) => ({
  ...booksOf(config),
  transferMaxFen: config.transferMaxFen,
});

/** How orders are placed here, and under which accounts. */
const shopOf = (config: Config) => ({
  appId: config.credentials.appId,
  serviceAppId: config.credentials.serviceAppId,
  mchid: config.credentials.merchantId,
  notifyUrl: config.notifyURLPayURL,
  expireMinutes: config.orderExpireMinutes,
  requirePrepared: config.requirePreparedOrders,
});

/** What is done without anybody asking for it: deliveries, the sweep, the books. */
function choresOf(
  parts: Omit<SweepDeps, 'deliverer'> & {
    readonly sink: ReturnType<typeof createSink>;
    readonly api: WechatApi;
    readonly strategy: PayStrategy;
    readonly wait: (ms: number) => Promise<void>;
    readonly settings: ReturnType<typeof booksOf>;
  },
) {
  const { store, sink, clock, logger, api, strategy } = parts;
  const deliverer =
    sink === undefined ? undefined : createDeliverer({ store, sink, clock, logger });
  return {
    sweep: createSweepService({ ...parts, deliverer }),
    billService: createBillService({ api, strategy, mchid: parts.settings.mchid }),
    reconciler: createReconciler(parts),
  };
}

/** Whose rows of a bill are ours. */
const booksOf = ({ credentials }: Config) => ({
  mchid: credentials.merchantId,
  appids: [credentials.appId, credentials.serviceAppId].filter((id) => id !== undefined),
});

function readyOf(
  config: Config,
  parts: { store: OrderStore; clock: Clock; logger: Logger; jwksUrl: string | undefined },
  s: ReturnType<typeof servicesOf>,
): Ready {
  const { credentials } = config;
  const { store, clock, logger, jwksUrl } = parts;
  const appids = [credentials.appId, credentials.serviceAppId].filter((id) => id !== undefined);
  return {
    identity: createIdentity({
      operatorKeys: config.operatorKeys,
      operatorOpenids: config.operatorOpenids,
      appids,
      trustWxHeaders: config.trustWxHeaders,
      trustWxHeadersByHand: config.trustWxHeadersByHand,
      foreignBearer: config.foreignBearer,
      verifyBearer: createBearerVerifier({
        env: config.cloudbaseEnv,
        clock,
        appids,
        logger,
        ...(jwksUrl === undefined ? {} : { jwksUrl }),
      }),
    }),
    controllers: {
      pay: createPayController({ payService: s.payService }),
      records: createRecordController({
        recordService: createRecordService({ store, clock, sink: s.sink !== undefined }),
      }),
      codepay: createCodepayController({ codepay: s.codepay }),
      combine: createCombineController({ combining: s.combining }),
      chores: createChoreController({
        billService: s.billService,
        sweepService: s.sweep,
        reconciler: s.reconciler,
      }),
    },
    notify: createNotifyController({ payService: s.payService, clock }),
    operators: {
      keys: config.operatorKeys.length > 0,
      openids: config.operatorOpenids.length > 0,
    },
    underWay: createRequestsUnderWay(),
    validate: createValidator(),
    ours: oursOf(config),
  };
}

/** What callers may repeat and not choose. */
const oursOf = (config: Config): Ours => ({
  appId: config.credentials.appId,
  serviceAppId: config.credentials.serviceAppId,
  mchid: config.credentials.merchantId,
  notifyUrls: {
    order: config.notifyURLPayURL,
    refund: config.notifyURLRefundsURL,
    transfer: config.transferNotifyUrl,
  },
});

function whole(config: Config, overrides: Overrides, logger: Logger, env: Env): Service {
  const clock = overrides.clock ?? systemClock;
  const store = storeOf(config, overrides, clock, logger);
  const wait = overrides.wait ?? pause;
  const services = servicesOf(config, { store, clock, logger, wait, env });
  const metrics = createMetrics();
  // No timer of our own: the companion function must call, and requests may look after what is due.
  const timerless = config.scf && config.sweepSeconds === 0;
  const status = createStatusController({
    listen: config,
    build: buildId,
    clock,
    metrics,
    document: () => openapiDocument(version),
    signMode: config.signMode,
    warnings: config.warnings,
    store,
    keys: () => services.strategy.keys(),
    lastSweep: () => services.sweep.lastEnd(),
    sweepExpected: timerless,
  });
  const timer = createSweepTimer(config.sweepSeconds * 1000, services.sweep, logger);
  const { jwksUrl } = overrides;
  const ready = readyOf(config, { store, clock, logger, jwksUrl }, services);
  return {
    app: createApp({
      listen: config,
      logger,
      metrics,
      status,
      ready,
      ...(timerless
        ? { afterRequest: createGlance({ sweep: services.sweep, clock, logger }) }
        : {}),
    }),
    listen: config,
    config,
    logger,
    store,
    sweep: services.sweep,
    reconciler: services.reconciler,
    async start() {
      for (const warning of config.warnings) logger.warn({ detail: warning }, 'setting');
      await Promise.all([store.warm?.(), services.strategy.start()]);
      timer.start();
    },
    halt: timer.halt,
    async close() {
      timer.halt();
      // First what others may keep us waiting for: a call cut short is an unknown outcome, which every
      // record knows how to find out about; a sweep that waits for WeChat would cost the 10 s we have.
      await Promise.all([services.strategy.close(), services.sink?.close()]);
      await timer.stop();
      await services.sweep.idle();
      await store.close();
    },
  };
}

const REQUEST_TIMEOUT_MS = 15_000;
const HEADERS_TIMEOUT_MS = 10_000;
const HEADERS_MAX_BYTES = 16 * 1024;
const DRAIN_MAX_MS = 9_000;
/** The platform kills at 10 s: whoever is not done by now has it in the record and goes on after the restart. */
const EXIT_MAX_MS = 9_600;
const OPEN_AFTER_MS = 25;

/** Listens with bounds on slow and large requests. Keep-alive outlasts the gateways' own. */
export function listenOn(service: Service, host = '0.0.0.0'): Promise<Server> {
  const server: Server = createServer(
    {
      maxHeaderSize: HEADERS_MAX_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 2_000,
    },
    listenerOf(service.app, () => !server.listening),
  );
  boundConnections(server);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(service.listen.port, host, () => {
      resolve(server);
    });
  });
}

/** Ends in order: no new connections, requests under way finish, then everything is closed. */
export async function shutDown(server: Server, service: Service): Promise<void> {
  service.halt();
  const done = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  server.closeIdleConnections();
  const idle = setInterval(() => {
    server.closeIdleConnections();
  }, 50);
  const late = setTimeout(() => {
    server.closeAllConnections();
  }, DRAIN_MAX_MS);
  await done;
  clearInterval(idle);
  clearTimeout(late);
  await service.close();
}

export async function main(): Promise<void> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const dotenv = require('dotenv') as typeof import('dotenv');
  dotenv.config({ quiet: true });
  const service = assemble(process.env);
  const server = await listenOn(service);
  const stop = (signal: string): void => {
    service.logger.info({ signal }, 'stopping');
    setTimeout(() => {
      service.logger.warn({ signal }, 'stopped in the middle');
      process.exit(0);
    }, EXIT_MAX_MS).unref();
    shutDown(server, service).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGTERM', () => {
    stop('SIGTERM');
  });
  process.once('SIGINT', () => {
    stop('SIGINT');
  });
  // A bug must not leave money half moved in silence: it is logged, and the process goes on or ends whole.
  process.on('unhandledRejection', (error) => {
    service.logger.error({ err: error, alarm: true }, 'unhandled rejection');
  });
  // Node's own last words quote the error, and an error may quote anything: the logger's do not.
  process.on('uncaughtException', (error) => {
    service.logger.error({ err: error, alarm: true }, 'uncaught exception');
    process.exit(1);
  });
  // Opening SQLite blocks the event loop for some 20 ms: whoever asks first is answered first.
  await pause(OPEN_AFTER_MS);
  await service.start();
  service.logger.info({ port: service.listen.port, build: buildId }, 'listening');
}
