/**
 * All merchants of this deployment: a wing for the environment's own, and one for each entry of `merchantsFile`. Whatever
 * is wrong with an entry stops that merchant alone.
 */
import { assembleMerchant, type Shared, type Wing } from './assembleMerchant';
import { countedLogger } from './counted';
import { configErrorOf } from '../config/config';
import { faultSentence } from '../config/faultWords';
import { readMerchantsFile, type MerchantReading } from '../config/merchantsFile';
import type { Config, OperatorKey } from '../config/types';
import type { Merchant } from '../services/merchants/merchant';
import {
  createMerchantRegistry,
  type MerchantRegistry,
} from '../services/merchants/merchantRegistry';
import { sweepAll } from '../services/sweep/sweepAll';
import type { SweepService } from '../services/sweep/sweepService';
import { ConfigError } from '../utils/errors';
import { withFields, type Logger } from '../utils/logger';
import type { Metrics } from '../utils/metrics';

export interface MerchantsDeps {
  /** As the environment's own merchant uses it. */
  readonly shared: Shared & { readonly metrics: Metrics };
  /** Not counted yet: each wing counts its own alarms. */
  readonly bareLogger: Logger;
  /** A key of every merchant besides its own: for commands on this machine. */
  readonly operatorKey?: OperatorKey | undefined;
}

/** An entry of the file, and what became of it. */
export interface Entry extends Merchant<Wing> {
  readonly reading: MerchantReading;
}

export interface Merchants {
  readonly registry: MerchantRegistry<Wing>;
  /** undefined: there is no file. */
  readonly entries: readonly Entry[] | undefined;
  /** Why the whole file is refused. */
  readonly refused: ConfigError | undefined;
  /** Of all that serve. */
  readonly sweep: SweepService;
  start(): Promise<void>;
  /** Cuts off calls to WeChat and deliveries under way. */
  close(): Promise<void>;
}

export function assembleMerchants(config: Config, deps: MerchantsDeps): Merchants {
  const { fault, entries: readings } = readMerchantsFile(config);
  const refused = fault && new ConfigError('CONFIG_INVALID', [faultSentence(fault)]);
  const wing = assembleMerchant(withKey(config, deps.operatorKey), deps.shared);
  const own = { key: undefined, mchid: config.credentials.merchantId, wing };
  const entries = readings.map((reading) => entryOf(reading, deps));
  const registry = createMerchantRegistry<Wing>(own, entries, refused);
  const { configured } = registry;
  return {
    registry,
    entries: config.merchantsFile === undefined ? undefined : entries,
    refused,
    sweep: sweepAll(
      configured.map(({ key, wing: { sweep } }) => ({ merchant: key, sweep })),
      deps.shared,
    ),
    async start() {
      sayWhatIsWrong(deps.shared.logger, entries, refused);
      const others = configured.filter((merchant) => merchant !== own);
      const apart = others.map((merchant) =>
        merchant.wing.start().catch((error: unknown) => {
          deps.shared.logger.warn({ merchant: merchant.key, err: error }, 'merchant not started');
        }),
      );
      await Promise.all([wing.start(), ...apart]);
    },
    async close() {
      await Promise.all(configured.map((merchant) => merchant.wing.close()));
    },
  };
}

function entryOf(reading: MerchantReading, deps: MerchantsDeps): Entry {
  const { key, mchid } = reading;
  return { key, mchid, reading, wing: wingOf(reading, deps) };
}

function wingOf(reading: MerchantReading, deps: MerchantsDeps): Wing | ConfigError {
  const { key, place, config } = reading;
  if (config === undefined) return configErrorOf(reading);
  const metrics = deps.shared.metrics.of(key);
  const logger = countedLogger(withFields(deps.bareLogger, { merchant: key }), metrics);
  try {
    return assembleMerchant(withKey(config, deps.operatorKey), { ...deps.shared, metrics, logger });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return new ConfigError(
      'CONFIG_INVALID',
      error.faults.map((fault) => `${place}: ${fault}`),
    );
  }
}

const withKey = (config: Config, key: OperatorKey | undefined): Config =>
  key === undefined ? config : { ...config, operatorKeys: [...config.operatorKeys, key] };

function sayWhatIsWrong(
  logger: Logger,
  entries: readonly Entry[],
  refused: ConfigError | undefined,
): void {
  if (refused !== undefined) {
    logger.error({ error: refused.code, faults: refused.faults }, 'merchants file is refused');
  }
  for (const { key, wing, reading } of entries) {
    const fields = { merchant: key ?? reading.place };
    if (wing instanceof ConfigError) {
      logger.error({ ...fields, error: wing.code, faults: wing.faults }, 'settings are invalid');
    } else {
      for (const detail of wing.config.warnings) logger.warn({ ...fields, detail }, 'setting');
    }
  }
}
