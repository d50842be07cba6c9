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
import { createPlaces, type Places } from './places';
import { startRun, type Run, type Tried } from './sweepRun';
import { isRequestRefused } from '../wechat/storedRequest';
import { leaveRefused, type EscalationDeps, type Step, type Steps } from './steps';
import type { OrderStore } from '../stores/orderStore';
import type { CallLimits } from '../wechat/wechatApi';
import { isLimited } from '../wechat/wechatErrors';
import { AppError } from '../../utils/errors';
import { DAY_MS } from '../../utils/time';

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
  /** After so long it answers, even if work is still in progress. */
  readonly ms?: number;
  /** After so long nothing new is begun. */
  readonly startMs?: number;
  /** When nothing but deliveries is under way it waits for them so long: a receiver that hangs blocks nobody. */
  readonly deliveryWaitMs?: number;
  /** false: query and mark, deliver nothing (inside ordinary requests). */
  readonly deliver?: boolean;
}

export interface SweepDeps extends EscalationDeps {
  readonly store: Pick<OrderStore, 'find' | 'due' | 'oldestDue'>;
  readonly deliverer: Deliverer | undefined;
  /** What is done with each item, by the wings: `order.query`, `combination.refund`, … */
  readonly steps: Steps;
  /** Called for each record that is tried. */
  readonly onTry?: (lane: Lane) => void;
}

export const LEASE_MS = 30_000;
/** Of each lane, in this process. */
const AT_ONCE = 8;
export const RECORDS_MAX = 500;
export const TIME_MAX_MS = 10_000;
/** Of the time: what is begun later would have too little of it left for a call or two. */
export const START_SHARE = 0.7;
/** Pause after a 429 of WeChat's, and over how long what waited is spread after it. */
const BRAKE_MS = 30_000;
const BRAKE_SPREAD_MS = 10_000;
/** What this build does not know how to do is left to one that does. */
const UNKNOWN_PAUSE_MS = 10 * 60_000;

/** One sweep service's own state. */
interface Sweeper {
  readonly deps: SweepDeps;
  readonly underWay: Set<Promise<unknown>>;
  /** Until then a lane asks WeChat nothing, milliseconds. */
  readonly brakes: Record<Lane, number>;
  readonly places: Places;
  ended: number | undefined;
}

export function createSweepService(deps: SweepDeps): SweepService {
  const sweeper: Sweeper = {
    deps,
    underWay: new Set(),
    brakes: { deliver: 0, act: 0, ask: 0 },
    places: createPlaces(AT_ONCE),
    ended: undefined,
  };
  const { underWay } = sweeper;
  return {
    runOnce: (limits = {}) => tracked(sweep(sweeper, limits), underWay),
    async hasWork() {
      const now = deps.clock.now();
      const isDue = ((await deps.store.oldestDue()) ?? Infinity) <= now;
      if (!isDue) sweeper.ended = now;
      return isDue;
    },
    lastEnd: () => sweeper.ended,
    async idle() {
      while (underWay.size > 0) await Promise.allSettled([...underWay]);
    },
  };
}

async function sweep(
  sweeper: Sweeper,
  limits: SweepLimits,
): Promise<{ done: number; left: number }> {
  const { deps, places, underWay } = sweeper;
  const { store, clock } = deps;
  const ms = limits.ms ?? TIME_MAX_MS;
  const start = clock.now();
  const lanes = limits.deliver === false ? LANES.filter((lane) => lane !== 'deliver') : LANES;
  const isDue = ((await store.oldestDue()) ?? Infinity) <= start;
  let result = { done: 0, left: 0 };
  if (isDue) {
    const run = startRun(
      {
        store,
        clock,
        places,
        attempt: (record, lane, callLimits) => attempt(sweeper, record, lane, callLimits),
      },
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
  if (lanes.length === LANES.length) sweeper.ended = clock.now();
  return result;
}

/** A record that always fails costs its own try, never another's. */
async function attempt(
  sweeper: Sweeper,
  record: StoredRecord,
  lane: Lane,
  limits: CallLimits,
): Promise<Tried> {
  const { deps } = sweeper;
  const item = dueItem(record, lane, deps.clock.now());
  deps.onTry?.(lane);
  try {
    if (item === undefined) return await touch(deps, record);
    return await (lane === 'deliver'
      ? deliver(deps, record, item)
      : ask(sweeper, record, item, limits));
  } catch (error) {
    const { kind, no } = record;
    if (error instanceof AppError && error.code !== 'INVARIANT_BROKEN') {
      deps.logger.warn({ kind, no, error: error.code }, 'sweep failed');
    } else {
      const code: AlarmCode = 'sweep.failed';
      deps.logger.error({ kind, no, code, err: error, alarm: true }, 'sweep failed');
    }
    return { outcome: 'stuck' };
  }
}

/** A record whose columns say that it is due in a lane where nothing is: they are written again. */
async function touch({ writer }: SweepDeps, record: StoredRecord): Promise<Tried> {
  const next = await writer.patch(record, {});
  return next === undefined ? { outcome: 'lost' } : { outcome: 'moved', record: next };
}

async function putOff(
  { writer }: SweepDeps,
  record: StoredRecord,
  item: AgendaItem,
): Promise<Tried> {
  const moved = await writer.lease(record, item, { next: item, ms: 0 });
  return { outcome: moved === undefined ? 'lost' : 'moved' };
}

async function deliver(deps: SweepDeps, record: StoredRecord, item: AgendaItem): Promise<Tried> {
  const { deliverer, clock, store } = deps;
  // Nobody listens any more: looked at once a day, in case a sink comes back.
  if (deliverer === undefined) return putOff(deps, record, { ...item, at: clock.now() + DAY_MS });
  const result = await deliverer.deliverDue(record);
  if (result === 'none') return { outcome: 'stuck' };
  if (result === 'lost') return { outcome: 'lost' };
  const now = clock.now();
  const more =
    record.effects.filter((effect) => effect.state === 'pending').length > 1 ||
    record.agenda.some((other) => other.do !== 'deliver' && other.at <= now);
  return { outcome: 'done', record: more ? await store.find(record.kind, record.no) : undefined };
}

async function ask(
  sweeper: Sweeper,
  record: StoredRecord,
  item: AgendaItem,
  limits: CallLimits,
): Promise<Tried> {
  const { deps, brakes } = sweeper;
  const now = deps.clock.now();
  const lane = laneOf(item.do);
  const step = deps.steps[`${record.kind}.${item.do}`];
  if (step === undefined) {
    const at = now + UNKNOWN_PAUSE_MS;
    deps.logger.warn({ kind: record.kind, no: record.no, code: item.do }, 'sweep cannot do this');
    return putOff(deps, record, { ...item, at, tries: item.tries + 1 });
  }
  if (now < brakes[lane]) {
    return putOff(deps, record, { ...item, at: afterBrake(sweeper, record.no, lane) });
  }
  // Moved to its next moment, and so counted, before it is tried.
  const next = step.next(record, item, now);
  const held = await deps.writer.lease(record, item, { next, ms: LEASE_MS });
  if (held === undefined) return { outcome: 'lost' };
  return tryStep(sweeper, step, { held, item, limits });
}

async function tryStep(
  sweeper: Sweeper,
  step: Step,
  { held, item, limits }: { held: StoredRecord; item: AgendaItem; limits: CallLimits },
): Promise<Tried> {
  const { deps } = sweeper;
  const lane = laneOf(item.do);
  let limited = false;
  let record: StoredRecord | undefined;
  try {
    limited = isLimited(await step.run(held, item, limits)) && brake(sweeper, lane);
  } catch (error) {
    if (isRequestRefused(error)) await leaveRefused(deps, held, item, error);
    else if (saysLimited(error)) limited = brake(sweeper, lane);
    else throw error;
  } finally {
    // Also after a failure: the item's next moment is written, the lease has nothing left to guard.
    // Where WeChat refused to hear the question the try does not count.
    const back = limited ? { ...item, at: afterBrake(sweeper, held.no, lane) } : undefined;
    record = await deps.writer.release(held, back);
  }
  return { outcome: limited ? 'moved' : 'done', record };
}

/** Each lane its own: queries that WeChat finds too many must not hold back a refund. */
function brake({ deps, brakes }: Sweeper, lane: Lane): true {
  const until = deps.clock.now() + BRAKE_MS;
  if (until > brakes[lane]) deps.logger.warn({ code: 'FREQUENCY_LIMITED', lane }, 'sweep braked');
  brakes[lane] = until;
  return true;
}

/** Spread by number, so that not everything that waited asks in the same second. */
function afterBrake({ deps, brakes }: Sweeper, no: string, lane: Lane): number {
  let hash = 0;
  for (let i = 0; i < no.length; i++) hash = (hash * 31 + no.charCodeAt(i)) % BRAKE_SPREAD_MS;
  return Math.max(brakes[lane], deps.clock.now()) + hash;
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
