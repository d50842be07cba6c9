/**
 * A bounded pool of connections. Ours rather than each driver's own, so that both network databases behave alike where
 * it matters: bounded waiting, no use of a connection that slept while the server (or this instance) was
 * away, and a broken connection never goes back.
 *
 * A fault of one connection is probably a fault of all: after one fails, each idle one is probed before it is used, and
 * when a probe is not answered, all connections that were idle with it are closed. Probing them one after the other, a
 * pool of ten on a frozen server kept its callers waiting for 75 s.
 */
import type { Clock } from '../../../utils/clock';
import { pause, storeError } from './sqlDriver';

const WAIT_MS = 5000;
const WAITERS_MAX = 1000;
/** A connection idle for longer is asked first: a frozen instance wakes up with dead ones. */
const PROBE_AFTER_MS = 5000;
const IDLE_MS = 60_000;
/** A server that had no room for one more connection is not asked for one, while there are others to wait for. */
const FULL_MS = 250;
const FULL_PAUSE_MS = 100;

export interface PoolOptions<C> {
  readonly name: string;
  readonly connectionsMax: number;
  readonly clock: Clock;
  /** `onLost`: the connection ended by itself. */
  readonly connect: (onLost: () => void) => Promise<C>;
  readonly probe: (connection: C) => Promise<unknown>;
  /** Never throws. */
  readonly close: (connection: C) => void;
  /** Can the connection be used after this error? */
  readonly isUsableAfter: (error: unknown) => boolean;
  /** Did the server refuse a connection because it has too many, of ours or of others? */
  readonly isFull: (error: unknown) => boolean;
}

export interface ConnectionPool<C> {
  use<T>(work: (connection: C) => Promise<T>): Promise<T>;
  /** Waits for the work under way. */
  close(): Promise<void>;
}

interface Slot<C> {
  connection: C | undefined;
  lost: boolean;
  idleSince: number;
  reaper: NodeJS.Timeout | undefined;
}

interface Waiter {
  readonly wake: () => void;
  readonly fail: (error: Error) => void;
}

/** The connections and those who wait for one. */
interface Pool<C> {
  readonly options: PoolOptions<C>;
  readonly slots: Set<Slot<C>>;
  readonly idle: Slot<C>[];
  readonly waiters: Waiter[];
  /** On the monotonic clock: until then the server is not asked for one more. */
  fullUntil: number;
  closed: boolean;
  onEmpty: (() => void) | undefined;
}

export function createConnectionPool<C>(options: PoolOptions<C>): ConnectionPool<C> {
  const pool: Pool<C> = {
    options,
    slots: new Set(),
    idle: [],
    waiters: [],
    fullUntil: Number.NEGATIVE_INFINITY,
    closed: false,
    onEmpty: undefined,
  };
  return {
    use: (work) => use(pool, work),
    close: () => close(pool),
  };
}

async function use<C, T>(pool: Pool<C>, work: (connection: C) => Promise<T>): Promise<T> {
  const slot = await acquire(pool);
  try {
    const result = await work(slot.connection as C);
    giveBack(pool, slot);
    return result;
  } catch (error) {
    if (pool.options.isUsableAfter(error)) {
      giveBack(pool, slot);
    } else {
      suspectSleepers(pool);
      discard(pool, slot);
    }
    throw error;
  }
}

async function close<C>(pool: Pool<C>): Promise<void> {
  if (pool.closed) return;
  pool.closed = true;
  for (const waiter of pool.waiters.splice(0)) waiter.fail(closedError(pool));
  const empty = new Promise<void>((resolve) => (pool.onEmpty = resolve));
  for (const slot of [...pool.idle]) discard(pool, slot);
  if (pool.slots.size > 0) await empty;
}

const lateError = <C>({ options }: Pool<C>) =>
  storeError('STORE_UNAVAILABLE', `${options.name}: no connection became free in time`);
const closedError = <C>({ options }: Pool<C>) =>
  storeError('STORE_UNAVAILABLE', `${options.name}: the store is closed`);

/** Ends: each round takes away an idle slot, makes a connection, or waits; and waiting has one end for all rounds. */
async function acquire<C>(pool: Pool<C>): Promise<Slot<C>> {
  const until = performance.now() + WAIT_MS;
  for (;;) {
    if (pool.closed) throw closedError(pool);
    const slot = pool.idle.pop();
    if (slot !== undefined) {
      clearTimeout(slot.reaper);
      if (await isAlive(pool, slot)) return slot;
      giveUpSleepers(pool);
      discard(pool, slot);
    } else if (performance.now() >= until) {
      throw lateError(pool);
    } else if (mayGrow(pool)) {
      const made = await grow(pool, until);
      if (made !== undefined) return made;
    } else {
      await turn(pool, until - performance.now());
    }
  }
}

const mayGrow = <C>({ slots, options, fullUntil }: Pool<C>): boolean =>
  slots.size === 0 || (slots.size < options.connectionsMax && performance.now() >= fullUntil);

/** @returns undefined where the server has no room, and one of those we have may become free in time. */
async function grow<C>(pool: Pool<C>, until: number): Promise<Slot<C> | undefined> {
  try {
    return await connectSlot(pool);
  } catch (error) {
    const now = performance.now();
    if (!pool.options.isFull(error) || now >= until) throw error;
    pool.fullUntil = now + FULL_MS;
    if (pool.slots.size === 0) await pause(FULL_PAUSE_MS);
    return undefined;
  }
}

async function connectSlot<C>(pool: Pool<C>): Promise<Slot<C>> {
  const slot: Slot<C> = { connection: undefined, lost: false, idleSince: 0, reaper: undefined };
  pool.slots.add(slot);
  try {
    slot.connection = await pool.options.connect(() => {
      slot.lost = true;
      if (pool.idle.includes(slot)) discard(pool, slot);
    });
    return slot;
  } catch (error) {
    failWaiters(pool, error);
    discard(pool, slot);
    throw error;
  }
}

/** Where not one connection is left, those who wait would only try in turn, each for the full time. */
function failWaiters<C>({ options, slots, waiters }: Pool<C>, error: unknown): void {
  const usable = [...slots].some((slot) => slot.connection !== undefined && !slot.lost);
  if (usable || options.isFull(error)) return;
  for (const waiter of waiters.splice(0)) waiter.fail(error as Error);
}

function turn<C>(pool: Pool<C>, waitMs: number): Promise<void> {
  const { waiters, options } = pool;
  if (waiters.length >= WAITERS_MAX) {
    throw storeError('STORE_CONTENTION', `${options.name}: too many are waiting for a connection`);
  }
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      waiters.splice(waiters.indexOf(waiter), 1);
      reject(lateError(pool));
    }, waitMs);
    const waiter: Waiter = {
      wake: () => {
        clearTimeout(timer);
        resolve();
      },
      fail: (error) => {
        clearTimeout(timer);
        reject(error);
      },
    };
    waiters.push(waiter);
  });
}

function discard<C>(pool: Pool<C>, slot: Slot<C>): void {
  const { slots, idle, waiters, options } = pool;
  if (!slots.delete(slot)) return;
  clearTimeout(slot.reaper);
  const at = idle.indexOf(slot);
  if (at >= 0) idle.splice(at, 1);
  if (slot.connection !== undefined) options.close(slot.connection);
  waiters.shift()?.wake();
  if (slots.size === 0) pool.onEmpty?.();
}

function giveBack<C>(pool: Pool<C>, slot: Slot<C>): void {
  if (pool.closed || slot.lost) {
    discard(pool, slot);
    return;
  }
  slot.idleSince = pool.options.clock.now();
  slot.reaper = setTimeout(() => {
    discard(pool, slot);
  }, IDLE_MS);
  slot.reaper.unref();
  pool.idle.push(slot);
  pool.waiters.shift()?.wake();
}

const slept = <C>({ options }: Pool<C>, slot: Slot<C>): boolean =>
  options.clock.now() - slot.idleSince >= PROBE_AFTER_MS;

async function isAlive<C>(pool: Pool<C>, slot: Slot<C>): Promise<boolean> {
  if (slot.lost || slot.connection === undefined) return false;
  if (!slept(pool, slot)) return true;
  try {
    await pool.options.probe(slot.connection);
    return true;
  } catch {
    return false; // not hidden: the next connection is tried, and its error is told
  }
}

function giveUpSleepers<C>(pool: Pool<C>): void {
  for (const slot of pool.idle.filter((one) => slept(pool, one))) discard(pool, slot);
}

function suspectSleepers<C>({ idle }: Pool<C>): void {
  for (const slot of idle) slot.idleSince = Number.NEGATIVE_INFINITY;
}
