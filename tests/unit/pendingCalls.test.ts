import { createPendingCalls } from '../../services/stores/sql/sqliteThread';

const someone = () => ({ resolve: () => undefined, reject: () => undefined });

describe('the pending calls of SQLite’s thread', () => {
  it('gives each answer to its caller, in any order', () => {
    const pending = createPendingCalls();
    const callers = Array.from({ length: 5 }, someone);
    const ids = callers.map(pending.add);
    expect(pending.size()).toBe(5);
    for (const i of [3, 0, 4, 1, 2]) expect(pending.take(ids[i] ?? -1)).toBe(callers[i]);
    expect(pending.size()).toBe(0);
  });

  it('never gives a second answer to the next caller', () => {
    const pending = createPendingCalls();
    const first = pending.add(someone());
    pending.take(first);
    const next = someone();
    const second = pending.add(next);
    expect(second).not.toBe(first);
    expect(pending.take(first)).toBeUndefined();
    expect(pending.size()).toBe(1);
    expect(pending.take(second)).toBe(next);
  });

  it('uses places again, so that it does not grow with what was asked', () => {
    const pending = createPendingCalls();
    const places = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const ids = [pending.add(someone()), pending.add(someone())];
      for (const id of ids) places.add(id % 2 ** 20);
      ids.forEach(pending.take);
    }
    expect(places.size).toBe(2);
  });

  it('gives back all calls when the thread ends, and keeps none', () => {
    const pending = createPendingCalls();
    const callers = Array.from({ length: 3 }, someone);
    const ids = callers.map(pending.add);
    pending.take(ids[1] ?? -1);
    expect(pending.takeAll()).toEqual([callers[0], callers[2]]);
    expect(pending.size()).toBe(0);
    expect(ids.map(pending.take)).toEqual([undefined, undefined, undefined]);
    expect(pending.size()).toBe(0);
  });
});
