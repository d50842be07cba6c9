/**
 * Finds what is due and does it: effects, queries, expiries, refunds, transfers. Any number of instances may
 * sweep at once: a record is leased by a conditional write that counts the try before it is made, and that
 * write's version fences every other one. A process that freezes or dies in between loses nothing: the
 * lease runs out and the item comes at the moment written with it.
 *
 * glossary: *lane* – see `agenda.ts`; how lanes share a run stands in `sweepRun.ts`; *brake* – after a 429 the
 * lane that was refused asks WeChat nothing for a while.
 */
import type { AlarmCode } from '../ledger/reasons';
import { dueAt, laneOf, LANES, type Lane } from '../ledger/agenda';
import type { Deliverer } from '../delivery/deliverer';
import type { AgendaItem, StoredRecord } from '../ledger/record';
import { createPlaces } from './places';
import { startRun, type Outcome, type Run, type Tried } from './sweepRun';
import { isRequestRefused } from '../wechat/storedRequest';
import { leaveRefused, type EscalationDeps, type Step, type Steps } from './steps';
import type { OrderStore } from '../stores/orderStore';
import type { CallLimits } from '../wechat/wechatApi';
import { isLimited } from '../wechat/wechatErrors';
import type { Clock } from '../../utils/clock';
import { AppError } from '../../utils/errors';
import type { Logger } from '../../utils/logger';

export interface SweepService {
  /** Up to 10 s and 500 records. `left`: due ones it did not get to, counted up to 500. */
  runOnce(limits?: SweepLimits): Promise<{ done: number; left: number }>;
  /** Is anything due? Where nothing is, that was a whole sweep. */
  hasWork(): Promise<boolean>;
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
  /** When nothing but deliveries is under way it waits for them so long: a receiver that hangs keeps nobody. */
  readonly deliveryWaitMs?: number;
  /** false: query and mark, deliver nothing (inside ordinary requests). */
  readonly deliver?: boolean;
}

export interface SweepDeps extends EscalationDeps {
  readonly store: Pick<OrderStore, 'find' | 'due' | 'oldestDue'>;
  readonly deliverer: Deliverer | undefined;
  /** What is done with each item, by the wings: `order.query`, `combination.refund`, … */
  readonly steps: Steps;
  /** Told of each record that is tried. */
  readonly onTry?: (lane: Lane) => void;
}

export const LEASE_MS = 30_000;
/** Of each lane, in this process. */
const AT_ONCE = 8;
export const RECORDS_MAX = 500;
export const TIME_MAX_MS = 10_000;
/** Of the time: what is begun later would have too little of it left for a call or two. */
export const START_SHARE = 0.7;
const DAY_MS = 24 * 3600_000;
/** Pause after a 429 of WeChat's, and over how long what waited is spread after it. */
const BRAKE_MS = 30_000;
const BRAKE_SPREAD_MS = 10_000;
/** What this build does not know how to do is left to one that does. */
const UNKNOWN_PAUSE_MS = 10 * 60_000;

export function createSweepService(deps: SweepDeps): SweepService {
  const { store, writer, clock, logger, steps } = deps;
  const underWay = new Set<Promise<unknown>>();
  const brakes: Record<Lane, number> = { deliver: 0, act: 0, ask: 0 };
  const places = createPlaces(AT_ONCE);
  let ended: number | undefined;

  /** Spread by number, so that not everything that waited asks in the same second. */
  function afterBrake(no: string, lane: Lane): number {
    let hash = 0;
    for (let i = 0; i < no.length; i++) hash = (hash * 31 + no.charCodeAt(i)) % BRAKE_SPREAD_MS;
    return Math.max(brakes[lane], clock.now()) + hash;
  }

  /** Each lane its own: queries that WeChat finds too many must not hold back a refund. */
  function brake(lane: Lane): true {
    const until = clock.now() + BRAKE_MS;
    if (until > brakes[lane]) logger.warn({ code: 'FREQUENCY_LIMITED', lane }, 'sweep braked');
    brakes[lane] = until;
    return true;
  }

  async function putOff(record: StoredRecord, item: AgendaItem): Promise<Outcome> {
    const moved = await writer.lease(record, item, { next: item, ms: 0 });
    return moved === undefined ? 'lost' : 'moved';
  }

  async function deliver(record: StoredRecord, item: AgendaItem): Promise<Tried> {
    // Nobody listens any more: looked at once a day, in case a sink comes back.
    if (deps.deliverer === undefined) {
      return { outcome: await putOff(record, { ...item, at: clock.now() + DAY_MS }) };
    }
    const result = await deps.deliverer.deliverDue(record);
    if (result === 'none') return { outcome: 'stuck' };
    if (result === 'lost') return { outcome: 'lost' };
    const now = clock.now();
    const more =
      record.effects.filter((effect) => effect.state === 'pending').length > 1 ||
      record.agenda.some((other) => other.do !== 'deliver' && other.at <= now);
    return {
      outcome: 'done',
      record: more ? await store.find(record.kind, record.no) : undefined,
    };
  }

  async function ask(record: StoredRecord, item: AgendaItem, limits: CallLimits): Promise<Tried> {
    const now = clock.now();
    const lane = laneOf(item.do);
    const step = steps[`${record.kind}.${item.do}`];
    if (step === undefined) {
      const at = now + UNKNOWN_PAUSE_MS;
      logger.warn({ kind: record.kind, no: record.no, code: item.do }, 'sweep cannot do this');
      return { outcome: await putOff(record, { ...item, at, tries: item.tries + 1 }) };
    }
    if (now < brakes[lane]) {
      return { outcome: await putOff(record, { ...item, at: afterBrake(record.no, lane) }) };
    }
    // Moved to its next moment, and so counted, before it is tried.
    const next = step.next(record, item, now);
    const held = await writer.lease(record, item, { next, ms: LEASE_MS });
    if (held === undefined) return { outcome: 'lost' };
    return tryStep(step, held, item, limits);
  }

  async function tryStep(
    step: Step,
    held: StoredRecord,
    item: AgendaItem,
    limits: CallLimits,
  ): Promise<Tried> {
    const lane = laneOf(item.do);
    let limited = false;
    let record: StoredRecord | undefined;
    try {
      limited = isLimited(await step.run(held, item, limits)) && brake(lane);
    } catch (error) {
      if (isRequestRefused(error)) await leaveRefused(deps, held, item, error);
      else if (saysLimited(error)) limited = brake(lane);
      else throw error;
    } finally {
      // Also after a failure: the item's next moment is written, the lease has nothing left to guard.
      // Where WeChat refused to hear the question the try does not count.
      const back = limited ? { ...item, at: afterBrake(held.no, lane) } : undefined;
      record = await writer.release(held, back);
    }
    return { outcome: limited ? 'moved' : 'done', record };
  }

  /** A record whose columns say that it is due in a lane where nothing is: they are written anew. */
  async function touch(record: StoredRecord): Promise<Tried> {
    const next = await writer.patch(record, {});
    return next === undefined ? { outcome: 'lost' } : { outcome: 'moved', record: next };
  }

  /** A record that always fails costs its own try, never another's. */
  async function attempt(record: StoredRecord, lane: Lane, limits: CallLimits): Promise<Tried> {
    const item = dueItem(record, lane, clock.now());
    deps.onTry?.(lane);
    try {
      if (item === undefined) return await touch(record);
      return lane === 'deliver' ? await deliver(record, item) : await ask(record, item, limits);
    } catch (error) {
      const { kind, no } = record;
      if (error instanceof AppError && error.code !== 'INVARIANT_BROKEN') {
        logger.warn({ kind, no, error: error.code }, 'sweep failed');
      } else {
        const code: AlarmCode = 'sweep.failed';
        logger.error({ kind, no, code, err: error, alarm: true }, 'sweep failed');
      }
      return { outcome: 'stuck' };
    }
  }

  async function sweep(limits: SweepLimits): Promise<{ done: number; left: number }> {
    const ms = limits.ms ?? TIME_MAX_MS;
    const start = clock.now();
    const lanes = limits.deliver === false ? LANES.filter((lane) => lane !== 'deliver') : LANES;
    const isDue = ((await store.oldestDue()) ?? Infinity) <= start;
    let result = { done: 0, left: 0 };
    if (isDue) {
      const run = startRun(
        { store, clock, attempt, places },
        {
          lanes,
          recordsMax: limits.records ?? RECORDS_MAX,
          startUntil: start + (limits.startMs ?? ms * START_SHARE),
          limits: { deadline: start + ms },
        },
      );
      await atMost(run, { ms, deliveryWaitMs: limits.deliveryWaitMs ?? ms }, underWay);
      run.close();
      result = { done: run.done(), left: await run.left(RECORDS_MAX) };
    }
    if (lanes.length === LANES.length) ended = clock.now();
    return result;
  }

  return {
    runOnce: (limits = {}) => tracked(sweep(limits), underWay),
    async hasWork() {
      const now = clock.now();
      const isDue = ((await store.oldestDue()) ?? Infinity) <= now;
      if (!isDue) ended = now;
      return isDue;
    },
    lastEnd: () => ended,
    async idle() {
      while (underWay.size > 0) await Promise.allSettled([...underWay]);
    },
  };
}

/** The earliest thing due in a lane of a record. */
function dueItem(record: StoredRecord, lane: Lane, now: number): AgendaItem | undefined {
  if ((dueAt(record, lane) ?? Infinity) > now) return undefined;
  let first: AgendaItem | undefined;
  for (const item of record.agenda) {
    if (item.at > now || laneOf(item.do) !== lane) continue;
    if (first === undefined || item.at < first.at) first = item;
  }
  return first;
}

const saysLimited = (error: unknown): boolean =>
  error instanceof AppError && error.upstream?.status === 429;

/** Keeps work in `underWay` until it ends. */
function tracked<T>(work: Promise<T>, underWay: Set<Promise<unknown>>): Promise<T> {
  underWay.add(work);
  const end = (): boolean => underWay.delete(work);
  work.then(end, end);
  return work;
}

/** Waits for a run, but not longer: what is left of it goes on, kept in `underWay` until it ends. */
async function atMost(
  run: Run,
  limits: { readonly ms: number; readonly deliveryWaitMs: number },
  underWay: Set<Promise<unknown>>,
): Promise<void> {
  const finished = tracked(run.finished, underWay);
  const timers: NodeJS.Timeout[] = [];
  let over = false;
  const after = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      if (!over) timers.push(setTimeout(resolve, ms));
    });
  const deliveriesLate = run.onlyDeliveries.then(() => after(limits.deliveryWaitMs));
  try {
    await Promise.race([finished, after(limits.ms), deliveriesLate]);
  } finally {
    over = true;
    timers.forEach(clearTimeout);
  }
}

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
