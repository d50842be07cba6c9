import type { Clock } from '../../utils/clock';

/** Runs one piece of work, never twice at a time, never oftener than its callers allow. */
export interface Refresher {
  /** Joins a run under way or starts one. */
  run(): Promise<void>;
  /** Joins a run under way, or starts one where the last began `sinceMs` ago; then waits ≤ `waitMs`. */
  runWithin(limits: { readonly waitMs: number; readonly sinceMs: number }): Promise<void>;
  busy(): boolean;
  /** Runs again after this long, instead of at the time planned before. Holds no process open. */
  plan(afterMs: number): void;
  close(): void;
}

/** @param work  must not reject. */
export function createRefresher(deps: { work: () => Promise<void>; clock: Clock }): Refresher {
  const { work, clock } = deps;
  let running: Promise<void> | undefined;
  let startedAt: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const run = (): Promise<void> => {
    if (closed) return Promise.resolve();
    if (running === undefined) {
      startedAt = clock.now();
      running = work().finally(() => {
        running = undefined;
      });
    }
    return running;
  };

  return {
    run,
    busy: () => running !== undefined,
    async runWithin({ waitMs, sinceMs }) {
      // The absolute distance: a clock set back must not keep the next run away for hours.
      const due = startedAt === undefined || Math.abs(clock.now() - startedAt) >= sinceMs;
      if (running !== undefined || due) await settledWithin(run(), waitMs);
    },
    plan(afterMs) {
      clearTimeout(timer);
      if (closed) return;
      timer = setTimeout(() => void run(), afterMs);
      timer.unref();
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

async function settledWithin(work: Promise<void>, ms: number): Promise<void> {
  if (ms <= 0) return;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, timeout]);
  clearTimeout(timer);
}
