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

export function createConnectionPool<C>(options: PoolOptions<C>): ConnectionPool<C> {
  const { name, clock } = options;
  const slots = new Set<Slot<C>>();
  const idle: Slot<C>[] = [];
  const waiters: Waiter[] = [];
  let fullUntil = Number.NEGATIVE_INFINITY;
  let closed = false;
  let onEmpty: (() => void) | undefined;

  const lateError = () =>
    storeError('STORE_UNAVAILABLE', `${name}: no connection became free in time`);
  const closedError = () => storeError('STORE_UNAVAILABLE', `${name}: the store is closed`);

  function discard(slot: Slot<C>): void {
    if (!slots.delete(slot)) return;
    clearTimeout(slot.reaper);
    const at = idle.indexOf(slot);
    if (at >= 0) idle.splice(at, 1);
    if (slot.connection !== undefined) options.close(slot.connection);
    waiters.shift()?.wake();
    if (slots.size === 0) onEmpty?.();
  }

  function giveBack(slot: Slot<C>): void {
    if (closed || slot.lost) {
      discard(slot);
      return;
    }
    slot.idleSince = clock.now();
    slot.reaper = setTimeout(() => {
      discard(slot);
    }, IDLE_MS);
    slot.reaper.unref();
    idle.push(slot);
    waiters.shift()?.wake();
  }

  async function connectSlot(): Promise<Slot<C>> {
    const slot: Slot<C> = { connection: undefined, lost: false, idleSince: 0, reaper: undefined };
    slots.add(slot);
    try {
      slot.connection = await options.connect(() => {
        slot.lost = true;
        if (idle.includes(slot)) discard(slot);
      });
      return slot;
    } catch (error) {
      failWaiters(error);
      discard(slot);
      throw error;
    }
  }

  /** Where not one connection is left, those who wait would only try in turn, each for the full time. */
  function failWaiters(error: unknown): void {
    const usable = [...slots].some((slot) => slot.connection !== undefined && !slot.lost);
    if (usable || options.isFull(error)) return;
    for (const waiter of waiters.splice(0)) waiter.fail(error as Error);
  }

  function turn(waitMs: number): Promise<void> {
    if (waiters.length >= WAITERS_MAX) {
      throw storeError('STORE_CONTENTION', `${name}: too many are waiting for a connection`);
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiters.splice(waiters.indexOf(waiter), 1);
        reject(lateError());
      }, waitMs);
      const settle = (): void => {
        clearTimeout(timer);
      };
      const waiter: Waiter = {
        wake: () => {
          settle();
          resolve();
        },
        fail: (error) => {
          settle();
          reject(error);
        },
      };
      waiters.push(waiter);
    });
  }

  const slept = (slot: Slot<C>): boolean => clock.now() - slot.idleSince >= PROBE_AFTER_MS;

  async function isAlive(slot: Slot<C>): Promise<boolean> {
    if (slot.lost || slot.connection === undefined) return false;
    if (!slept(slot)) return true;
    try {
      await options.probe(slot.connection);
      return true;
    } catch {
      return false; // not hidden: the next connection is tried, and its error is told
    }
  }

  function giveUpSleepers(): void {
    for (const slot of idle.filter(slept)) discard(slot);
  }

  function suspectSleepers(): void {
    for (const slot of idle) slot.idleSince = Number.NEGATIVE_INFINITY;
  }

  /** @returns undefined where the server has no room, and one of those we have may become free in time. */
  async function grow(until: number): Promise<Slot<C> | undefined> {
    try {
      return await connectSlot();
    } catch (error) {
      const now = performance.now();
      if (!options.isFull(error) || now >= until) throw error;
      fullUntil = now + FULL_MS;
      if (slots.size === 0) await pause(FULL_PAUSE_MS);
      return undefined;
    }
  }

  const mayGrow = (): boolean =>
    slots.size === 0 || (slots.size < options.connectionsMax && performance.now() >= fullUntil);

  /** Ends: each round takes away an idle slot, makes a connection, or waits; and waiting has one end for all rounds. */
  async function acquire(): Promise<Slot<C>> {
    const until = performance.now() + WAIT_MS;
    for (;;) {
      if (closed) throw closedError();
      const slot = idle.pop();
      if (slot !== undefined) {
        clearTimeout(slot.reaper);
        if (await isAlive(slot)) return slot;
        giveUpSleepers();
        discard(slot);
      } else if (performance.now() >= until) {
        throw lateError();
      } else if (mayGrow()) {
        const made = await grow(until);
        if (made !== undefined) return made;
      } else {
        await turn(until - performance.now());
      }
    }
  }

  return {
    async use(work) {
      const slot = await acquire();
      try {
        const result = await work(slot.connection as C);
        giveBack(slot);
        return result;
      } catch (error) {
        if (options.isUsableAfter(error)) {
          giveBack(slot);
        } else {
          suspectSleepers();
          discard(slot);
        }
        throw error;
      }
    },

    async close() {
      if (closed) return;
      closed = true;
      for (const waiter of waiters.splice(0)) waiter.fail(closedError());
      const empty = new Promise<void>((resolve) => (onEmpty = resolve));
      for (const slot of [...idle]) discard(slot);
      if (slots.size > 0) await empty;
    },
  };
}
