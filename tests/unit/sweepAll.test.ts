/** How several merchants share one sweep: records fairly, time in parallel, and no failure of one for another. */
import { sweepAll } from '../../services/sweep/sweepAll';
import type { SweepLimits, SweepService } from '../../services/sweep/sweepService';
import { silentLogger, type LogFields } from '../../utils/logger';

interface Pretended {
  readonly sweep: SweepService;
  due: number;
  readonly asked: SweepLimits[];
}

/** A merchant with so many records due, each of which is done at once. */
function merchant(due: number, more: Partial<SweepService> = {}): Pretended {
  const asked: SweepLimits[] = [];
  const pretended: Pretended = {
    due,
    asked,
    sweep: {
      runOnce: async (limits = {}) => {
        asked.push(limits);
        const done = Math.min(pretended.due, limits.records ?? 0);
        pretended.due -= done;
        return { done, left: pretended.due };
      },
      hasWork: async () => pretended.due > 0,
      lastEnd: () => 1,
      idle: async () => undefined,
      ...more,
    },
  };
  return pretended;
}

const clock = { now: () => 1000 };
const all = (merchants: readonly Pretended[], warned: LogFields[] = []): SweepService =>
  sweepAll(
    merchants.map(({ sweep }, i) => ({ merchant: i === 0 ? undefined : `m${String(i)}`, sweep })),
    { clock, logger: { ...silentLogger, warn: (fields) => void warned.push(fields) } },
  );
const recordsOf = ({ asked }: Pretended) => asked.map(({ records }) => records);

test('of one merchant it is its own sweep', () => {
  const one = merchant(1);
  expect(all([one])).toBe(one.sweep);
});

test('each that has work gets its share, and then what the others leave over', async () => {
  const [big, small, idle] = [merchant(1000), merchant(10), merchant(0)];
  expect(await all([idle, small, big]).runOnce({ records: 100 })).toEqual({ done: 100, left: 500 });
  expect(recordsOf(small)).toEqual([50]);
  expect(recordsOf(big)).toEqual([50, 40]);
  expect(recordsOf(idle)).toEqual([]);
});

test('a backlog of one takes nothing of the share of another', async () => {
  const [big, other] = [merchant(1000), merchant(250)];
  await all([big, other]).runOnce();
  expect(recordsOf(other)).toEqual([250]);
  expect(big.due).toBe(750);
});

test('all are swept at once, each with all of the time', async () => {
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const slow = merchant(1, {
    runOnce: async () => {
      await gate;
      return { done: 1, left: 0 };
    },
  });
  const other = merchant(1, {
    runOnce: async (limits = {}) => {
      other.asked.push(limits);
      open();
      return { done: 1, left: 0 };
    },
  });
  expect(await all([slow, other]).runOnce({ ms: 8000 })).toEqual({ done: 2, left: 0 });
  expect(other.asked).toMatchObject([{ ms: 8000, startMs: 5600 }]);
});

test('with more merchants than records, others come first the next time', async () => {
  const many = Array.from({ length: 5 }, () => merchant(9));
  const sweep = all(many);
  expect(await sweep.runOnce({ records: 2 })).toEqual({ done: 2, left: 8 + 8 + 3 });
  for (let i = 0; i < 4; i++) await sweep.runOnce({ records: 2 });
  expect(many.map(({ due }) => due)).toEqual([7, 7, 7, 7, 7]);
});

test('one that fails is logged and keeps no other waiting; where all fail, that is said', async () => {
  const failing = () => merchant(1, { runOnce: () => Promise.reject(new Error('down')) });
  const warned: LogFields[] = [];
  expect(await all([merchant(3), failing()], warned).runOnce()).toEqual({ done: 3, left: 1 });
  expect(warned).toMatchObject([{ merchant: 'm1' }]);
  await expect(all([failing(), failing()]).runOnce()).rejects.toThrow('down');
  const blind = () => merchant(1, { hasWork: () => Promise.reject(new Error('no store')) });
  await expect(all([blind(), blind()]).runOnce()).rejects.toThrow('no store');
  expect(await all([merchant(3), blind()]).runOnce()).toEqual({ done: 3, left: 0 });
});

test('it ended when the last of all did, and only where all did', () => {
  const ended = (at: number | undefined) => merchant(0, { lastEnd: () => at });
  expect(all([ended(5), ended(3)]).lastEnd()).toBe(3);
  expect(all([ended(5), ended(undefined)]).lastEnd()).toBeUndefined();
});
