/** Who waits for another's ask is told when it ends, shares one read, and is bounded. No real time passes. */
import {
  createAskWaiters,
  READ_APART_MS,
  WAIT_MAX_MS,
  WAITERS_MAX,
  WAITERS_OF_PAYER_MAX,
} from '../../services/orders/askWaiters';
import type { Caller } from '../../services/access/caller';
import { createGate } from '../helpers/faultyStore';
import { handClock } from '../helpers/service';

const payer = (openid: string): Caller => ({
  role: 'payer',
  via: 'token',
  openid,
  operator: false,
});
const KEY = 'order X';

/** Waits end only by a signal, or when the test says that the time has passed. */
function startWaiters() {
  const clock = handClock(1_000_000);
  const pauses: (() => void)[] = [];
  const wait = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      signal?.addEventListener('abort', () => {
        resolve();
      });
      pauses.push(() => {
        clock.advance(ms);
        resolve();
      });
    });
  const waiters = createAskWaiters({ clock, wait });
  const reads = { count: 0 };
  const read = (): Promise<string> => Promise.resolve(`read ${String(++reads.count)}`);
  const until = clock.now() + WAIT_MAX_MS;
  const end = (n: number) => waiters.end({ key: KEY, caller: payer(`p${String(n)}`), until, read });
  return { clock, pauses, waiters, reads, read, until, end };
}

const many = <T>(n: number, make: (i: number) => T): T[] =>
  Array.from({ length: n }, (_, i) => make(i));

describe('an ask of this process', () => {
  test('three hundred who wait are told when it ends, and share one read', async () => {
    const { waiters, reads, end, pauses } = startWaiters();
    const gate = createGate();
    const claim = (): Promise<string> => Promise.resolve('mine');
    const asking = waiters.during(KEY, { claim, ask: () => gate.pass() });
    await gate.reached;
    expect(waiters.asking(KEY)).toBe(true);
    const told = many(300, end);
    expect(reads.count).toBe(0);
    gate.open();
    await asking;
    const ends = await Promise.all(told);
    expect(new Set(ends.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(ends[0]).toEqual({ still: false, record: 'read 1', failure: undefined });
    expect(reads.count).toBe(1);
    // One pause for all of them.
    expect(pauses).toHaveLength(1);
    expect(waiters.asking(KEY)).toBe(false);
  });

  test('its failure is told; a claim that was lost is none', async () => {
    const { waiters, end } = startWaiters();
    const gate = createGate();
    const failure = new Error('refused');
    const ask = async (): Promise<never> => {
      await gate.pass();
      throw failure;
    };
    const asking = waiters.during(KEY, { claim: () => Promise.resolve(1), ask });
    await gate.reached;
    const told = end(1);
    gate.open();
    await expect(asking).rejects.toBe(failure);
    expect(await told).toMatchObject({ still: false, failure });
    const lost = { claim: () => Promise.resolve(undefined), ask: () => Promise.reject(failure) };
    expect(await waiters.during(KEY, lost)).toBeUndefined();
  });

  test('the right to ask is taken by one caller at a time', async () => {
    const { waiters } = startWaiters();
    const gate = createGate();
    let claims = 0;
    const claim = async (): Promise<undefined> => {
      claims++;
      await gate.pass();
    };
    const turns = many(5, () => waiters.during(KEY, { claim, ask: () => Promise.resolve(1) }));
    gate.open();
    expect(await Promise.all(turns)).toEqual(many(5, () => undefined));
    expect(claims).toBe(1);
  });
});

describe('an ask of another instance', () => {
  test('its record is read three times in five seconds, by one for all', async () => {
    const { pauses, reads, end, clock, until } = startWaiters();
    let rounds = 0;
    for (; rounds < 10; rounds++) {
      const told = many(50, end);
      const pause = pauses.shift();
      if (pause === undefined) {
        expect(await Promise.all(told)).toEqual(many(50, () => undefined));
        break;
      }
      pause();
      await Promise.all(told);
    }
    expect(rounds).toBe(3);
    expect(reads.count).toBe(3);
    expect(clock.now()).toBe(until);
    expect(READ_APART_MS * 3).toBeGreaterThanOrEqual(WAIT_MAX_MS);
  });
});

describe('bounds', () => {
  test('past a payer’s own, and past all, the next is refused at once and may repeat', async () => {
    const { clock, waiters, read, pauses } = startWaiters();
    const wait = (key: string, caller: Caller) =>
      waiters.end({ key, caller, until: clock.now() + WAIT_MAX_MS, read });
    const refused = { code: 'ORDER_BUSY', retryable: true, status: 503 };
    const mine = many(WAITERS_OF_PAYER_MAX, (n) => wait(`order ${String(n)}`, payer('greedy')));
    await expect(wait('order more', payer('greedy'))).rejects.toMatchObject(refused);
    const others = many(WAITERS_MAX - WAITERS_OF_PAYER_MAX, (n) =>
      wait(KEY, payer(`p${String(n)}`)),
    );
    await expect(wait(KEY, payer('late'))).rejects.toMatchObject(refused);
    for (const pause of pauses.splice(0)) pause();
    await Promise.all([...mine, ...others]);
    const again = wait(KEY, payer('greedy'));
    pauses.shift()?.();
    await expect(again).resolves.toMatchObject({ still: false });
  });
});
