/** What the app needs of the merchants: who serves a path, their status, and when due records are processed. */
import type { Wing } from './assembleMerchant';
import type { Merchants } from './assembleMerchants';
import type { ListenConfig } from '../config/types';
import { sweepWith } from '../controllers/operationsController';
import {
  createStatusController,
  type MerchantState,
  type StatusDeps,
} from '../controllers/statusController';
import type { AppDeps, Ready, Served } from '../routes/appDeps';
import { createRequestSweep } from '../services/sweep/requestSweep';
import type { SweepService } from '../services/sweep/sweepService';
import { ConfigError } from '../utils/errors';
import type { Clock } from '../utils/clock';
import type { Logger } from '../utils/logger';

export interface DoorDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the status of every merchant stands on. */
  readonly basis: Omit<StatusDeps, 'listen' | 'warnings'>;
  /** No timer of this process sweeps. */
  readonly timerless: boolean;
}

type Door = Pick<AppDeps, 'ready' | 'status' | 'merchant' | 'merchantKeys' | 'afterRequest'>;

export function doorOf(merchants: Merchants, deps: DoorDeps): Door {
  const { registry, entries, refused, sweep } = merchants;
  const { wing } = registry.own;
  const wings = registry.configured.map((merchant) => merchant.wing);
  const states = entries?.map(({ key, reading, wing: own }, i) => {
    const isFirst = key !== undefined && entries.findIndex((one) => one.key === key) === i;
    return stateOf(isFirst ? key : reading.place, own);
  });
  return {
    ready: wings.length > 1 ? sweepingAll(wing.ready, sweep) : wing.ready,
    status: createStatusController({
      ...statusOf(wing, deps),
      warnings: [...wing.config.warnings, ...(refused?.faults ?? [])],
      lastSweep: () => sweep.lastEnd(),
      oldestDue: oldestOf(wings, deps.clock),
      ...(states === undefined ? {} : { merchants: states }),
      merchantsRefused: refused !== undefined,
    }),
    ...(entries === undefined ? {} : furtherOf(merchants, deps)),
    ...(deps.timerless ? { afterRequest: requestSweeps(registry.configured, deps) } : {}),
  };
}

/** The environment's own route sweeps for all; one below `/m/<key>` for that merchant. */
const sweepingAll = (ready: Ready, sweep: SweepService): Ready => ({
  ...ready,
  controllers: {
    ...ready.controllers,
    operations: { ...ready.controllers.operations, sweep: sweepWith(sweep) },
  },
});

/** It is a question for each merchant, and strangers may ask: of several the answer is kept for a while. */
const DUE_KEPT_MS = 1000;

function oldestOf(wings: readonly Wing[], clock: Clock): NonNullable<StatusDeps['oldestDue']> {
  const [own] = wings;
  if (own !== undefined && wings.length === 1) return () => own.oldestDue();
  let askedAt = Number.NEGATIVE_INFINITY;
  let answer: Promise<number | undefined> = Promise.resolve(undefined);
  const ask = async (): Promise<number | undefined> => {
    const moments = await Promise.all(wings.map((wing) => wing.oldestDue()));
    const some = moments.filter((at) => at !== undefined);
    return some.length === 0 ? undefined : Math.min(...some);
  };
  return () => {
    const ageMs = clock.now() - askedAt;
    if (ageMs < 0 || ageMs >= DUE_KEPT_MS) {
      askedAt = clock.now();
      answer = ask();
    }
    return answer;
  };
}

const statusOf = (wing: Wing, { basis }: DoorDeps): StatusDeps => ({
  ...basis,
  listen: wing.config,
  signMode: wing.config.signMode,
  warnings: wing.config.warnings,
  keys: wing.keys,
  faults: wing.faults,
  lastSweep: () => wing.sweep.lastEnd(),
  oldestDue: () => wing.oldestDue(),
});

const stateOf = (merchant: string, wing: Wing | ConfigError): MerchantState =>
  wing instanceof ConfigError
    ? { merchant, error: wing }
    : { merchant, oldestDue: () => wing.oldestDue(), lastSweep: () => wing.sweep.lastEnd() };

/** Who serves the paths below `/m/`. Of two entries with one key it is the first. */
function furtherOf(
  { registry, entries = [], refused }: Merchants,
  deps: DoorDeps,
): Pick<AppDeps, 'merchant' | 'merchantKeys'> {
  const { config } = registry.own.wing;
  if (refused !== undefined) {
    const nobody = refusedBy(refused, { ...config, present: {} }, deps);
    return { merchant: () => nobody };
  }
  const served = new Map<string, Served>();
  for (const { key, wing, reading } of entries) {
    if (key === undefined || served.has(key)) continue;
    const one =
      wing instanceof ConfigError
        ? refusedBy(wing, { ...config, present: reading.present }, deps)
        : { ready: wing.ready, status: createStatusController(statusOf(wing, deps)) };
    served.set(key, one);
  }
  return { merchant: (key) => served.get(key), merchantKeys: [...served.keys()] };
}

const refusedBy = (error: ConfigError, listen: ListenConfig, { basis }: DoorDeps): Served => ({
  ready: error,
  status: createStatusController({ ...basis, listen, configError: error, warnings: [] }),
});

/** One for each merchant, so that requests to a merchant process its due records. */
function requestSweeps(
  configured: Merchants['registry']['configured'],
  { clock, logger }: DoorDeps,
): NonNullable<AppDeps['afterRequest']> {
  const sweeps = new Map(
    configured.map(({ key, wing: { sweep } }) => [
      key,
      createRequestSweep({ sweep, clock, logger }),
    ]),
  );
  return (merchant) => {
    sweeps.get(merchant)?.();
  };
}
