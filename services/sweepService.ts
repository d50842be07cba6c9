/**
 * Finds what is due and does it: effects, queries, expiries, refunds, transfers. Any number of instances may
 * sweep at once: a record is leased by a conditional write that counts the try before it is made, and that
 * write's version fences every other one. A process that freezes or dies in between loses nothing: the
 * lease runs out and the item comes at the moment written with it.
 *
 * glossary: *lane* – deliveries and questions to WeChat have workers of their own, so that a receiver that
 * hangs does not keep orders from being asked about; *stuck* – tried in this run without getting anywhere:
 * later due ones are looked for past it; *brake* – after a 429 everything that would ask WeChat waits.
 */
import { findItem, withItem, withoutItem } from './agenda';
import type { Deliverer } from './effects/deliverer';
import type { AgendaItem, StoredRecord } from './records';
import { PAGE_MAX } from './stores/storeRules';
import { createSteps, type Step, type Steps, type StepsDeps } from './sweepSteps';
import type { CallLimits } from './wechatApi';
import { isLimited } from './wechatErrors';
import type { Clock } from '../utils/clock';
import { AppError } from '../utils/errors';
import type { Logger } from '../utils/logger';

export interface SweepService {
  /** Up to 10 s and 500 records. `left`: due ones it did not get to, counted up to 500. */
  runOnce(limits?: SweepLimits): Promise<{ done: number; left: number }>;
  /** When a whole sweep last ended, milliseconds; undefined before the first. */
  lastEnd(): number | undefined;
  /** Resolves when nothing is under way any more: a slow delivery may outlast its run. */
  idle(): Promise<void>;
}

export interface SweepLimits {
  readonly records?: number;
  /** After so long it answers, whatever is still under way. */
  readonly ms?: number;
  /** After so long nothing new is begun. */
  readonly startMs?: number;
  /** false: query and mark, deliver nothing (inside ordinary requests). */
  readonly deliver?: boolean;
}

export interface SweepDeps extends StepsDeps {
  readonly deliverer: Deliverer | undefined;
  /** Work of others: `combination.query`, `order.reverse`, … */
  readonly steps?: Steps;
}

export const LEASE_MS = 30_000;
const RECORDS_MAX = 500;
const TIME_MAX_MS = 10_000;
/** Of the time: what is begun later would have too little of it left for a call or two. */
const START_SHARE = 0.7;
const BATCH = 50;
const AT_ONCE = 8;
const PASSES_MAX = 1000;
const DAY_MS = 24 * 3600_000;
/** Pause after a 429 of WeChat's, and over how long what waited is spread after it. */
const BRAKE_MS = 30_000;
const BRAKE_SPREAD_MS = 10_000;
/** What this build does not know how to do is left to one that does. */
const UNKNOWN_PAUSE_MS = 10 * 60_000;

type Lane = 'ask' | 'deliver';

/** One run's own memory. */
interface Run {
  readonly deliver: boolean;
  readonly startUntil: number;
  readonly limits: CallLimits;
  readonly recordsMax: number;
  taken: number;
  done: number;
  /** Queued, under way or stuck: not to be queued again. */
  readonly known: Set<string>;
  readonly stuck: Set<string>;
  readonly queues: Readonly<Record<Lane, StoredRecord[]>>;
  filling: Promise<void> | undefined;
}

/** moved: put off; lost: another instance was faster. */
type Outcome = 'done' | 'moved' | 'lost' | 'stuck';

const keyOf = (record: StoredRecord): string => `${record.kind} ${record.no}`;

export function createSweepService(deps: SweepDeps): SweepService {
  const { store, clock, logger } = deps;
  const steps: Steps = { ...createSteps(deps), ...deps.steps };
  const underWay = new Set<Promise<unknown>>();
  let brakeUntil = 0;
  let ended: number | undefined;

  /** Takes the record for 30 s and moves the item to its next moment, counted before it is tried. */
  async function lease<R extends StoredRecord>(
    record: R,
    item: AgendaItem,
    next: AgendaItem | undefined,
    leaseMs = LEASE_MS,
  ): Promise<R | undefined> {
    const now = clock.now();
    const held = {
      ...record,
      agenda:
        next === undefined
          ? withoutItem(record.agenda, item.do, item.key)
          : withItem(record.agenda, next),
      ...(leaseMs === 0 ? {} : { lease_until: now + leaseMs }),
      version: record.version + 1,
      updated_at: now,
    };
    return (await store.replace(held, record.version)) === 'replaced' ? held : undefined;
  }

  /**
   * Gives our lease back, and only ours, so that what else is due need not wait for it to run out.
   * @param back  The item as it was, where WeChat refused to hear the question: the try does not count.
   */
  async function release(held: StoredRecord, back: AgendaItem | undefined): Promise<void> {
    const record = await store.find(held.kind, held.no);
    if (record?.lease_until === undefined || record.lease_until !== held.lease_until) return;
    const { lease_until: _lease, ...rest } = record;
    // Nobody wrote since: then it is there again even where this was its last try. Else it may be settled.
    const again =
      back !== undefined &&
      (record.version === held.version || findItem(record.agenda, back.do, back.key) !== undefined);
    const agenda = again
      ? withItem(record.agenda, { ...back, at: afterBrake(record.no) })
      : record.agenda;
    const next = { ...rest, agenda, version: record.version + 1 } as StoredRecord;
    await store.replace(next, record.version);
  }

  /** Spread by number, so that not everything that waited asks in the same second. */
  function afterBrake(no: string): number {
    let hash = 0;
    for (let i = 0; i < no.length; i++) hash = (hash * 31 + no.charCodeAt(i)) % BRAKE_SPREAD_MS;
    return Math.max(brakeUntil, clock.now()) + hash;
  }

  function brake(): true {
    const until = clock.now() + BRAKE_MS;
    if (until > brakeUntil) logger.warn({ code: 'FREQUENCY_LIMITED' }, 'sweep braked');
    brakeUntil = until;
    return true;
  }

  async function putOff(record: StoredRecord, item: AgendaItem): Promise<Outcome> {
    return (await lease(record, item, item, 0)) === undefined ? 'lost' : 'moved';
  }

  async function deliver(record: StoredRecord, item: AgendaItem): Promise<Outcome> {
    // Nobody listens any more: looked at once a day, in case a sink comes back.
    if (deps.deliverer === undefined) return putOff(record, { ...item, at: clock.now() + DAY_MS });
    const outcome = await deps.deliverer.deliverDue(record);
    if (outcome === 'none') return 'stuck';
    return outcome === 'lost' ? 'lost' : 'done';
  }

  async function ask(record: StoredRecord, item: AgendaItem, run: Run): Promise<Outcome> {
    const now = clock.now();
    const step = steps[`${record.kind}.${item.do}`];
    if (step === undefined) {
      const at = now + UNKNOWN_PAUSE_MS;
      logger.warn({ kind: record.kind, no: record.no, code: item.do }, 'sweep cannot do this');
      return putOff(record, { ...item, at, tries: item.tries + 1 });
    }
    if (now < brakeUntil) {
      return putOff(record, { ...item, at: afterBrake(record.no) });
    }
    const held = await lease(record, item, step.next(record, item, now));
    if (held === undefined) return 'lost';
    return attempt(step, held, item, run);
  }

  async function attempt(
    step: Step,
    held: StoredRecord,
    item: AgendaItem,
    run: Run,
  ): Promise<Outcome> {
    let limited = false;
    try {
      limited = isLimited(await step.run(held, item, run.limits)) && brake();
    } catch (error) {
      if (!saysLimited(error)) throw error;
      limited = brake();
    } finally {
      // Also after a failure: the item's next moment is written, the lease has nothing left to guard.
      await release(held, limited ? item : undefined);
    }
    return limited ? 'moved' : 'done';
  }

  /** A record that always fails costs its own try, never another's. */
  async function doOne(record: StoredRecord, run: Run): Promise<Outcome> {
    const item = dueItem(record, run.deliver, clock.now());
    if (item === undefined) return 'stuck';
    try {
      return item.do === 'deliver' ? await deliver(record, item) : await ask(record, item, run);
    } catch (error) {
      const { kind, no } = record;
      if (error instanceof AppError && error.code !== 'INVARIANT_BROKEN') {
        logger.warn({ kind, no, error: error.code }, 'sweep failed');
      } else logger.error({ kind, no, err: error, alarm: true }, 'sweep failed');
      return 'stuck';
    }
  }

  /** Reads what is due into the lanes' queues, looking past everything this run knows already. */
  async function fill(run: Run): Promise<void> {
    const now = clock.now();
    const limit = Math.min(PAGE_MAX, BATCH + run.known.size);
    for (const record of await store.due(now, limit)) {
      const key = keyOf(record);
      if (run.known.has(key)) continue;
      run.known.add(key);
      const item = dueItem(record, run.deliver, now);
      if (item !== undefined) run.queues[item.do === 'deliver' ? 'deliver' : 'ask'].push(record);
    }
  }

  const isOpen = (run: Run): boolean => run.taken < run.recordsMax && clock.now() < run.startUntil;

  async function take(run: Run, lane: Lane): Promise<StoredRecord | undefined> {
    const queue = run.queues[lane];
    if (isOpen(run) && queue.length === 0) {
      run.filling ??= fill(run).finally(() => {
        run.filling = undefined;
      });
      await run.filling;
    }
    if (!isOpen(run)) return undefined;
    const record = queue.shift();
    if (record !== undefined) run.taken++;
    return record;
  }

  async function work(run: Run, lane: Lane): Promise<void> {
    for (;;) {
      const record = await take(run, lane);
      if (record === undefined) return;
      const outcome = await doOne(record, run);
      if (outcome === 'done') {
        run.done++;
      }
      if (outcome === 'done' || outcome === 'moved') run.known.delete(keyOf(record));
      if (outcome === 'stuck') run.stuck.add(keyOf(record));
    }
  }

  /** Until nothing is due that has not been tried: what one pass did may have made more due. */
  async function passes(run: Run): Promise<void> {
    for (let pass = 0; pass < PASSES_MAX; pass++) {
      const before = run.taken;
      const lanes: readonly Lane[] = run.deliver ? ['ask', 'deliver'] : ['ask'];
      const workers = lanes.flatMap((lane) => Array.from({ length: AT_ONCE }, () => lane));
      const ends = await Promise.allSettled(workers.map((lane) => work(run, lane)));
      const failed = ends.find((end) => end.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      // Also what only failed or was put off made room to look further.
      if (run.taken === before || !isOpen(run)) return;
    }
  }

  async function leftOf(run: Run): Promise<number> {
    if (run.taken === 0 && run.known.size === 0) return 0;
    const now = clock.now();
    const due = await store.due(now, RECORDS_MAX);
    return due.filter((r) => !run.stuck.has(keyOf(r)) && dueItem(r, run.deliver, now) !== undefined)
      .length;
  }

  async function runOnce(limits: SweepLimits = {}): Promise<{ done: number; left: number }> {
    const ms = limits.ms ?? TIME_MAX_MS;
    const start = clock.now();
    const run: Run = {
      deliver: limits.deliver ?? true,
      startUntil: start + (limits.startMs ?? ms * START_SHARE),
      limits: { deadline: start + ms },
      recordsMax: limits.records ?? RECORDS_MAX,
      taken: 0,
      done: 0,
      known: new Set(),
      stuck: new Set(),
      queues: { ask: [], deliver: [] },
      filling: undefined,
    };
    const working = passes(run);
    await atMost(working, ms, underWay);
    const left = await leftOf(run);
    if (run.deliver) ended = clock.now();
    return { done: run.done, left };
  }

  return {
    runOnce,
    lastEnd: () => ended,
    async idle() {
      await Promise.allSettled([...underWay]);
    },
  };
}

/** The earliest thing due in a record. */
function dueItem(record: StoredRecord, deliver: boolean, now: number): AgendaItem | undefined {
  let first: AgendaItem | undefined;
  for (const item of record.agenda) {
    if (item.at > now || (!deliver && item.do === 'deliver')) continue;
    if (first === undefined || item.at < first.at) first = item;
  }
  return first;
}

const saysLimited = (error: unknown): boolean =>
  error instanceof AppError && error.upstream?.status === 429;

/** Waits for work, but not longer: what is left of it goes on, kept in `underWay` until it ends. */
async function atMost(
  work: Promise<void>,
  ms: number,
  underWay: Set<Promise<unknown>>,
): Promise<void> {
  underWay.add(work);
  const end = (): boolean => underWay.delete(work);
  work.then(end, end);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What an ordinary request inside SCF may trigger: little, rarely, and never a delivery. */
const GLANCE: SweepLimits = { records: 3, ms: 2500, startMs: 300, deliver: false };
const GLANCE_APART_MS = 10_000;

/**
 * Where no timer runs: call it after an answer has gone out. At most one glance at a time, at most one in
 * 10 s, none shortly after a sweep. The platform may freeze the process in the middle of it.
 */
export function createGlance(deps: {
  readonly sweep: SweepService;
  readonly clock: Clock;
  readonly logger: Logger;
}): () => void {
  const { sweep, clock, logger } = deps;
  let last = Number.NEGATIVE_INFINITY;
  let busy = false;
  const glance = async (): Promise<void> => {
    try {
      await sweep.runOnce(GLANCE);
    } catch (error) {
      logger.warn({ err: error }, 'glance failed');
    } finally {
      busy = false;
    }
  };
  return () => {
    const now = clock.now();
    const swept = Math.max(last, sweep.lastEnd() ?? Number.NEGATIVE_INFINITY);
    if (busy || now - swept < GLANCE_APART_MS) return;
    last = now;
    busy = true;
    void glance();
  };
}
