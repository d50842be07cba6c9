/** Which lane a thing belongs to, whose turn it is, and when the timer comes again. */
import { dueAt, laneOf, LANES } from '../../services/ledger/agenda';
import type { AgendaVerb } from '../../services/ledger/record';
import { fairOrder } from '../../services/sweep/sweepRun';
import { createSweepTimer } from '../../services/sweep/sweepTimer';
import { silentLogger } from '../../utils/logger';
import { anOrder } from '../helpers/storeRecords';

test('only queries and expiries of unpaid orders can be put behind others', () => {
  const lanes = (verb: AgendaVerb) => laneOf(verb);
  expect(['query', 'expire'].map((verb) => lanes(verb as AgendaVerb))).toEqual(['ask', 'ask']);
  expect(lanes('deliver')).toBe('deliver');
  for (const verb of ['refund', 'transfer', 'reverse', 'of a later build']) {
    expect(lanes(verb as AgendaVerb)).toBe('act');
  }
});

test('each lane is due with its own earliest item, and no earlier than the lease ends', () => {
  const agenda = [
    { do: 'query', at: 5, tries: 0 },
    { do: 'expire', at: 9, tries: 0 },
    { do: 'deliver', at: 7, tries: 0 },
  ] as const;
  const moments = (lease_until?: number) =>
    LANES.map((lane) =>
      dueAt({ agenda, ...(lease_until === undefined ? {} : { lease_until }) }, lane),
    );
  expect(moments()).toEqual([7, undefined, 5]);
  expect(moments(6)).toEqual([7, undefined, 6]);
  expect(moments(8)).toEqual([8, undefined, 8]);
});

test('payers take turns, no matter who has more; orders without a payer wait for nobody', () => {
  const of = (no: string, payer?: string) => anOrder(no, payer === undefined ? {} : { payer });
  const due = [
    of('A1', 'a'),
    of('A2', 'a'),
    of('N1'),
    of('A3', 'a'),
    of('B1', 'b'),
    of('N2'),
    of('B2', 'b'),
  ];
  expect(fairOrder(due).map(({ no }) => no)).toEqual(['A1', 'N1', 'B1', 'N2', 'A2', 'B2', 'A3']);
});

describe('the timer', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const counting = (lefts: (number | Error)[]) => {
    const runs: number[] = [];
    const runOnce = async () => {
      runs.push(Date.now());
      const left = lefts.shift() ?? 0;
      if (left instanceof Error) throw left;
      return { done: 0, left };
    };
    return { runs, runOnce };
  };

  test('comes again within a second while work is left, and at its pace when none is', async () => {
    const { runs, runOnce } = counting([5, 3, 0, new Error('down'), 0]);
    const start = Date.now();
    const timer = createSweepTimer(15_000, { runOnce }, silentLogger);
    timer.start();
    await jest.advanceTimersByTimeAsync(50_000);
    expect(runs.map((at) => at - start)).toEqual([15_000, 16_000, 17_000, 32_000, 47_000]);
    await timer.stop();
    await jest.advanceTimersByTimeAsync(50_000);
    expect(runs).toHaveLength(5);
  });

  test('never runs with 0', async () => {
    const { runs, runOnce } = counting([]);
    createSweepTimer(0, { runOnce }, silentLogger).start();
    await jest.advanceTimersByTimeAsync(100_000);
    expect(runs).toEqual([]);
  });
});
