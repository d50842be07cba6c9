/**
 * One sweep over several merchants. All that have work are swept at once, each with its share of the records and all of the
 * time: neither the backlog of one nor its receiver that hangs keeps another waiting.
 */
import { RECORDS_MAX, START_SHARE, TIME_MAX_MS } from './sweepService';
import type { SweepLimits, SweepService } from './sweepService';
import type { Clock } from '../../utils/clock';
import type { Logger } from '../../utils/logger';

export interface MerchantSweep {
  /** Its key; undefined = the environment's own. */
  readonly merchant: string | undefined;
  readonly sweep: SweepService;
}

export interface SweepAllDeps {
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Swept {
  readonly done: number;
  readonly left: number;
}

/** Of a call over all merchants. */
interface Round {
  readonly limits: SweepLimits;
  readonly share: number;
  /** Records that nobody needed of his share. */
  spare: number;
  readonly until: number;
  readonly startUntil: number;
}

/** @param merchants  Those that serve; of one alone it is its own sweep. */
export function sweepAll(merchants: readonly MerchantSweep[], deps: SweepAllDeps): SweepService {
  const [only, ...others] = merchants;
  if (only !== undefined && others.length === 0) return only.sweep;
  let turn = 0;

  async function runOnce(limits: SweepLimits = {}): Promise<Swept> {
    const { records = RECORDS_MAX, ms = TIME_MAX_MS, startMs = ms * START_SHARE } = limits;
    const start = deps.clock.now();
    const looks = await settled(deps, merchants, ({ sweep }) => sweep.hasWork());
    const due = merchants.filter((_one, i) => looks[i] ?? false);
    if (due.length === 0) return { done: 0, left: 0 };
    // Where there are more merchants than records, others come first the next time.
    const first = turn++ % due.length;
    const now = [...due.slice(first), ...due.slice(0, first)].slice(0, records);
    const share = Math.floor(records / now.length);
    const spare = records - share * now.length;
    const round = { limits, share, spare, until: start + ms, startUntil: start + startMs };
    const results = await settled(deps, now, ({ sweep }) => sweepOne(sweep, round, deps.clock));
    const all = results.filter((result) => result !== undefined);
    const left = all.reduce((sum, result) => sum + result.left, due.length - all.length);
    return {
      done: all.reduce((sum, { done }) => sum + done, 0),
      left: Math.min(left, RECORDS_MAX),
    };
  }

  return {
    runOnce,
    hasWork: async () => {
      const looks = await settled(deps, merchants, ({ sweep }) => sweep.hasWork());
      return looks.includes(true);
    },
    lastEnd() {
      const ends = merchants.map(({ sweep }) => sweep.lastEnd() ?? Number.NaN);
      const earliest = Math.min(...ends);
      return Number.isNaN(earliest) ? undefined : earliest;
    },
    async idle() {
      await Promise.all(merchants.map(({ sweep }) => sweep.idle()));
    },
  };
}

/** Its share, and then of what others left over, as long as it gets somewhere. */
async function sweepOne(sweep: SweepService, round: Round, clock: Clock): Promise<Swept> {
  let records = round.share;
  let done = 0;
  for (;;) {
    const now = clock.now();
    const swept = await sweep.runOnce({
      ...round.limits,
      records,
      ms: round.until - now,
      startMs: round.startUntil - now,
    });
    done += swept.done;
    round.spare += Math.max(0, records - swept.done);
    records = Math.min(round.share, round.spare);
    const isOver = swept.left === 0 || swept.done === 0 || clock.now() >= round.startUntil;
    if (isOver || records === 0) return { done, left: swept.left };
    round.spare -= records;
  }
}

/**
 * Each merchant by itself; undefined where it failed.
 *
 * @throws what the first met where all failed.
 */
async function settled<T>(
  { logger }: SweepAllDeps,
  merchants: readonly MerchantSweep[],
  work: (one: MerchantSweep) => Promise<T>,
): Promise<readonly (T | undefined)[]> {
  const results = await Promise.allSettled(merchants.map(work));
  const failed = results.filter((result) => result.status === 'rejected');
  if (failed.length === results.length && failed[0] !== undefined) throw failed[0].reason;
  return results.map((result, i) => {
    if (result.status === 'fulfilled') return result.value;
    logger.warn(
      { merchant: merchants[i]?.merchant, err: result.reason as unknown },
      'sweep failed',
    );
    return undefined;
  });
}
