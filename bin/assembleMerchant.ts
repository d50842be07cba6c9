/**
 * One merchant's wing, whole: its strategy, services, controllers, callers, sink and steps of the sweep. Inside it
 * there is one mchid. What all merchants share comes in as `shared`.
 */
import { countedApi, countedDeliverer, countedWriter } from './counted';
import type { Ready } from '../routes/appDeps';
import type { Config } from '../config/types';
import { createOperationsController } from '../controllers/operationsController';
import { createCodepayController } from '../controllers/codepayController';
import { createCombineController } from '../controllers/combineController';
import { createNotifyController } from '../controllers/notifyController';
import { createPayController } from '../controllers/payController';
import { createRecordController } from '../controllers/recordController';
import { createBearerVerifier } from '../services/access/bearer';
import { createForeignQueryLimit } from '../services/access/foreignQueryLimit';
import { createIdentity, type Identity } from '../services/access/identity';
import { createOrderRate } from '../services/access/orderRateLimit';
import { createRequestsUnderWay } from '../services/access/requestsUnderWay';
import { createShops } from '../services/access/shops';
import { combinationSteps } from '../services/combinations/combinationSteps';
import { createCombinations } from '../services/combinations/placeCombination';
import { syncCombination } from '../services/combinations/syncCombination';
import { createDeliverer } from '../services/delivery/deliverer';
import { createSink } from '../services/delivery/index';
import { merchantStore } from '../services/merchants/merchantStore';
import { createAskWaiters } from '../services/orders/askWaiters';
import { createCodepayOrders } from '../services/orders/codepayOrder';
import { orderSteps } from '../services/orders/orderSteps';
import { reverseStep } from '../services/orders/reverseOrder';
import { createPlaceOrder } from '../services/orders/placeOrder';
import { createPreparedOrders } from '../services/orders/prepareOrder';
import { createOrderService } from '../services/orderService';
import { createPayService } from '../services/payService';
import { createBillService } from '../services/reconcile/billService';
import { createReconciler, type Reconciler } from '../services/reconcile/reconciler';
import { createRecordService } from '../services/records/recordService';
import { createRecordWriter } from '../services/records/recordWriter';
import { createRequestAbnormalRefund } from '../services/refunds/requestAbnormalRefund';
import { refundStep } from '../services/refunds/refundSteps';
import { createRefunds } from '../services/refunds/requestRefund';
import type { RecordStore } from '../services/stores/orderStore';
import { createStrategy } from '../services/strategies';
import type { HttpClient } from '../services/strategies/http';
import type { PayStrategy } from '../services/strategies/strategy';
import { createSweepService, type SweepService } from '../services/sweep/sweepService';
import { transferStep } from '../services/transfers/transferSteps';
import { createTransfers } from '../services/transfers/requestTransfer';
import { createDialect } from '../services/wechat';
import { ownRef } from '../services/wechat/dialect';
import { createRequestGuard } from '../services/wechat/storedRequest';
import { createWechatApi, type CallLimits } from '../services/wechat/wechatApi';
import type { Clock } from '../utils/clock';
import type { Logger } from '../utils/logger';
import type { Counting } from '../utils/metrics';
import type { Ours } from '../utils/normalizeInput';
import type { Validate } from '../utils/validate';

/** What all merchants use together. */
export interface Shared {
  /** Holds the records of all merchants; each wing has a view that shows only its own. */
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Those of the wing that uses them. */
  readonly metrics: Counting;
  readonly http: HttpClient;
  readonly validate: Validate;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly retryPause?: ((ms: number) => Promise<void>) | undefined;
  readonly jwksUrl?: string | undefined;
}

export interface Wing {
  readonly config: Config;
  /** What routes use. */
  readonly ready: Ready;
  readonly sweep: SweepService;
  readonly reconciler: Reconciler;
  readonly keys: PayStrategy['keys'];
  readonly faults: PayStrategy['faults'];
  /** Since when work has been due to this merchant, milliseconds. */
  oldestDue(): Promise<number | undefined>;
  /** Loads keys. */
  start(): Promise<void>;
  /** Cuts off calls to WeChat and deliveries under way. */
  close(): Promise<void>;
}

export function assembleMerchant(config: Config, shared: Shared): Wing {
  const base = baseOf(config, shared);
  const { strategy, sink } = base;
  const payouts = payoutsOf(config, base);
  const placements = placementsOf(config, base);
  const operations = operationsOf(config, { ...base, ...payouts, ...placements });
  const payService = createPayService({ ...base, ...payouts, ...placements });
  return {
    ready: {
      identity: identityOf(config, shared),
      controllers: {
        pay: createPayController({ payService }),
        records: createRecordController({ recordService: operations.recordService }),
        codepay: createCodepayController(placements),
        combine: createCombineController(placements),
        operations: createOperationsController(operations),
      },
      notify: createNotifyController({ ...base, payService }),
      operators: {
        keys: config.operatorKeys.length > 0,
        openids: config.operatorOpenids.length > 0,
      },
      underWay: createRequestsUnderWay(),
      validate: shared.validate,
      ours: oursOf(config),
      can: strategy.can,
    },
    config,
    sweep: operations.sweepService,
    reconciler: operations.reconciler,
    keys: () => strategy.keys(),
    faults: () => strategy.faults(),
    oldestDue: () => base.store.oldestDue(),
    start: () => strategy.start(),
    async close() {
      await Promise.all([strategy.close(), sink?.close()]);
    },
  };
}

type Base = ReturnType<typeof baseOf>;
type Payouts = ReturnType<typeof payoutsOf>;
type Placements = ReturnType<typeof placementsOf>;

/** What every service of the wing uses. */
function baseOf(config: Config, shared: Shared) {
  const { clock, logger } = shared;
  const { transferMaxFen } = config;
  const { merchantId } = config.credentials;
  const store = merchantStore(shared.store, merchantId);
  const dialect = createDialect(config);
  const strategy = createStrategy({ ...shared, config, dialect });
  const sink = createSink(config.sink, shared);
  const writer = countedWriter(createRecordWriter({ store, clock, logger }), shared.metrics);
  const orders = createOrderService({ store, writer, clock, sink: sink !== undefined });
  const api = countedApi(createWechatApi({ strategy, dialect }), shared.metrics);
  const requests = createRequestGuard({ dialect, logger, transferMaxFen });
  const ownerOf = async (
    kind: 'refund' | 'transaction' | 'transfer_bill',
    no: string,
  ): Promise<string | undefined> => (await store.reservation(kind, no))?.owner;
  const sync = { orders, api, dialect, clock, logger, ownerOf };
  // Passed in, because refunds must not import combinations.
  const syncWhole = async (no: string, limits: CallLimits) =>
    (await syncCombination(sync, ownRef(dialect, no), { limits })).reply;
  return { ...shared, ...sync, store, syncWhole, strategy, sink, writer, requests };
}

/** Money that goes out. */
function payoutsOf(config: Config, base: Base) {
  // Hashes what must not stand in a record; a merchant without it has no such products.
  const apiV3Key = config.credentials.v3?.apiV3Key ?? '';
  return {
    refunds: createRefunds(base),
    requestAbnormalRefund: createRequestAbnormalRefund({ ...base, apiV3Key }),
    transfers: createTransfers({
      ...base,
      settings: {
        ...placementSettingsOf(config),
        apiV3Key,
        maxFen: config.transferMaxFen,
        dayFen: config.transferDayFen,
      },
    }),
  };
}

/** Money that comes in. */
function placementsOf(config: Config, base: Base) {
  const { ordersPerMinute, openOrdersMax } = config;
  const placement = {
    ...base,
    rate: createOrderRate({ ...base, ordersPerMinute, openOrdersMax }),
    // One for all: a payer's queries are counted together, whatever they are about.
    foreignQueries: createForeignQueryLimit(base),
    waiters: createAskWaiters(base),
    shops: createShops(config),
    settings: placementSettingsOf(config),
  };
  const preparedOrders = createPreparedOrders(placement);
  return {
    foreignQueries: placement.foreignQueries,
    shops: placement.shops,
    preparedOrders,
    placeOrder: createPlaceOrder({ ...placement, preparedOrders }),
    combinations: createCombinations(placement),
    codepayOrders: createCodepayOrders(placement),
  };
}

/** Background work: deliveries, the sweep, reconciliation. */
function operationsOf(config: Config, parts: Base & Payouts & Placements) {
  const { sink, metrics } = parts;
  const deliverer =
    sink === undefined ? undefined : countedDeliverer(createDeliverer({ ...parts, sink }), metrics);
  const steps = {
    ...orderSteps(parts),
    'order.reverse': reverseStep(parts),
    ...combinationSteps(parts),
    'order.refund': refundStep(parts),
    'transfer.transfer': transferStep(parts),
  };
  return {
    sweepService: createSweepService({
      ...parts,
      deliverer,
      steps,
      onTry: (lane) => {
        metrics.count('sweep_records_total', lane);
      },
    }),
    billService: createBillService({ ...parts, mchid: parts.dialect.account.mchid }),
    reconciler: createReconciler({ ...parts, settings: booksOf(config) }),
    recordService: createRecordService({ ...parts, sink: sink !== undefined }),
  };
}

function identityOf(config: Config, shared: Shared): Identity {
  const { clock, logger, jwksUrl } = shared;
  const shops = createShops(config);
  const { appids } = shops;
  return createIdentity({
    operatorKeys: config.operatorKeys,
    operatorOpenids: config.operatorOpenids,
    appids,
    appsOf: (appid) => shops.appsOf(appid),
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
  });
}

/** How orders are placed, and under which accounts. */
const placementSettingsOf = (config: Config) => ({
  appId: config.credentials.appId,
  serviceAppId: config.credentials.serviceAppId,
  mchid: config.credentials.merchantId,
  expireMinutes: config.orderExpireMinutes,
  requirePrepared: config.requirePreparedOrders,
});

/** Whose rows of a bill are ours. */
const booksOf = (config: Config) => ({
  mchid: config.credentials.merchantId,
  appids: createShops(config).appids,
  shops: config.subMerchants.map(({ sub_mchid }) => sub_mchid),
});

/** Values that callers may repeat but not choose. */
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
