/** The timer in the process: sweeps every so often, and soon again while work is left. */
import type { SweepService } from './sweepService';
import type { Logger } from '../../utils/logger';

/** After a sweep that left work. */
const SOON_MS = 1000;
/** Deliveries that hang go on without their sweep, so that the next one looks after refunds and queries. */
const DELIVERY_WAIT_MS = 1000;

export interface SweepTimer {
  readonly start: () => void;
  /** Begins no further sweep. */
  readonly halt: () => void;
  /** `halt`, and waits for the sweep under way. */
  readonly stop: () => Promise<void>;
}

/** Never two sweeps at once in one process. `everyMs` 0 = off. */
export function createSweepTimer(
  everyMs: number,
  sweep: Pick<SweepService, 'runOnce'>,
  logger: Logger,
): SweepTimer {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = everyMs === 0;

  function plan(ms: number): void {
    if (stopped) return;
    timer = setTimeout(() => {
      running = turn();
    }, ms);
    timer.unref();
  }

  async function turn(): Promise<void> {
    let left = 0;
    try {
      ({ left } = await sweep.runOnce({ deliveryWaitMs: DELIVERY_WAIT_MS }));
    } catch (error) {
      logger.warn({ err: error }, 'sweep failed');
    }
    plan(left > 0 ? Math.min(SOON_MS, everyMs) : everyMs);
  }

  const halt = (): void => {
    stopped = true;
    clearTimeout(timer);
  };
  return {
    start: () => {
      plan(everyMs);
    },
    halt,
    async stop() {
      halt();
      await running;
    },
  };
}
