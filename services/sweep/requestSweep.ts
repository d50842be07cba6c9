/** A small sweep behind an ordinary request, where no timer runs. */
import type { SweepLimits, SweepService } from './sweepService';
import type { Clock } from '../../utils/clock';
import type { Logger } from '../../utils/logger';

/** What an ordinary request inside SCF may trigger: little, rarely, and never a delivery. */
const REQUEST_SWEEP: SweepLimits = { records: 3, ms: 2500, startMs: 300, deliver: false };
const REQUEST_SWEEP_APART_MS = 10_000;

/**
 * Where no timer runs: call it after an answer has gone out. At most one such sweep at a time, at most one in
 * 10 s, none shortly after a sweep. The platform may freeze the process in the middle of it.
 */
export function createRequestSweep(deps: {
  readonly sweep: SweepService;
  readonly clock: Clock;
  readonly logger: Logger;
}): () => void {
  const { sweep, clock, logger } = deps;
  let last = Number.NEGATIVE_INFINITY;
  let busy = false;
  const run = async (): Promise<void> => {
    try {
      await sweep.runOnce(REQUEST_SWEEP);
    } catch (error) {
      logger.warn({ err: error }, 'request sweep failed');
    } finally {
      busy = false;
    }
  };
  return () => {
    const now = clock.now();
    const swept = Math.max(last, sweep.lastEnd() ?? Number.NEGATIVE_INFINITY);
    if (busy || now - swept < REQUEST_SWEEP_APART_MS) return;
    last = now;
    busy = true;
    void run();
  };
}
