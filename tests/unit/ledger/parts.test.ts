/** The small parts that decisions are made of, one past each limit. */
import { dueAt, findItem, laneOf, withItem, withoutItem } from '../../../services/ledger/agenda';
import {
  combinationTotal,
  isPaidCombination,
  partOfRefund,
  partsTaken,
} from '../../../services/ledger/combinationState';
import { drop, withHistory } from '../../../services/ledger/decision';
import { hintedLately, isFinalForHint, isOpenState } from '../../../services/ledger/orderState';
import { ORDER_STATES, type AgendaItem, type HistoryEntry } from '../../../services/ledger/record';
import { COMBINATION_CASES, NOW, ORDER_CASES } from './cases';

function of<T>(records: Readonly<Record<string, T>>, name: string): T {
  const record = records[name];
  if (record === undefined) throw new Error(`no record ${name}`);
  return record;
}

describe('the agenda', () => {
  const item = (verb: AgendaItem['do'], at: number, key?: string): AgendaItem => ({
    ...{ do: verb, at, tries: 0 },
    ...(key === undefined ? {} : { key }),
  });

  it.each([
    ['deliver', 'deliver'],
    ['query', 'ask'],
    ['expire', 'ask'],
    ['refund', 'act'],
    ['transfer', 'act'],
    ['reverse', 'act'],
  ] as const)('%s goes in the lane %s', (verb, lane) => {
    expect(laneOf(verb)).toBe(lane);
  });

  it('is due at its first item, of a lane or of all, and not before a lease ends', () => {
    const agenda = [item('query', 30), item('deliver', 20), item('refund', 40, 'R1')];
    expect(dueAt({ agenda })).toBe(20);
    expect(dueAt({ agenda }, 'ask')).toBe(30);
    expect(dueAt({ agenda }, 'act')).toBe(40);
    expect(dueAt({ agenda, lease_until: 25 })).toBe(25);
    expect(dueAt({ agenda, lease_until: 19 })).toBe(20);
    expect(dueAt({ agenda: [item('query', 30)] }, 'act')).toBeUndefined();
    expect(dueAt({ agenda: [], lease_until: 25 })).toBeUndefined();
  });

  it('has one item for each verb and key', () => {
    const [one, two] = [item('refund', 1, 'R1'), item('refund', 2, 'R2')];
    const moved = item('refund', 3, 'R1');
    expect(withItem([one, two], moved)).toEqual([two, moved]);
    expect(withoutItem([one, two], 'refund', 'R2')).toEqual([one]);
    expect(withoutItem([one, two], 'refund')).toEqual([one, two]);
    expect(findItem([one, two], 'refund', 'R2')).toBe(two);
    expect(findItem([one, two], 'query', 'R2')).toBeUndefined();
  });
});

describe('the history', () => {
  const line = (what: string): HistoryEntry => ({ at: 0, what, source: 'sweep', proof: 'none' });
  const lines = (count: number) => Array.from({ length: count }, (_, i) => line(String(i)));

  it('keeps a hundred lines: the first fifty, and the latest', () => {
    expect(withHistory(lines(99), line('new'))).toEqual([...lines(99), line('new')]);
    const [...hundred] = lines(100);
    const kept = withHistory(hundred, line('new'));
    expect(kept).toHaveLength(100);
    expect(kept).toEqual([...hundred.slice(0, 50), ...hundred.slice(51), line('new')]);
  });
});

it('drops what it is told, and copies nothing where that is not there', () => {
  const value = { a: 1, b: 2 };
  expect(drop(value, 'a')).toEqual({ b: 2 });
  expect(drop(value)).toEqual(value);
});

describe('an order', () => {
  it('can be paid while it is prepared, created or pending', () => {
    expect(ORDER_STATES.filter(isOpenState)).toEqual(['PREPARED', 'CREATED', 'PENDING']);
  });

  it('can learn nothing from a hint once it is paid', () => {
    expect(isFinalForHint(of(ORDER_CASES.records, 'PENDING'))).toBe(false);
    expect(isFinalForHint(of(ORDER_CASES.records, 'PAID'))).toBe(true);
  });

  it.each([
    [undefined, false],
    [NOW, true],
    [NOW - 4999, true],
    [NOW - 5000, false],
    [NOW + 4999, true],
    [NOW + 5000, false],
  ])('hinted at %s: lately %s', (at, lately) => {
    expect(hintedLately(at === undefined ? {} : { last_hint_at: at }, NOW)).toBe(lately);
  });
});

describe('a combination', () => {
  const { records } = COMBINATION_CASES;
  const open = of(records, 'PENDING');

  it('is the sum of its parts, and paid when one is', () => {
    expect(combinationTotal(open)).toBe(100);
    expect([open, of(records, 'one part paid')].map(isPaidCombination)).toEqual([false, true]);
  });

  it('counts every part number that was ever taken', () => {
    const named = (...nos: string[]) => nos.map((out_trade_no) => ({ out_trade_no }));
    expect(partsTaken(open, named('PART1', 'PART2'))).toBe(2);
    expect(partsTaken(open, named('PART2', 'PART3', 'PART4'))).toBe(4);
    expect(partsTaken({ ...open, parts_taken: 9 }, named('PART3'))).toBe(10);
  });

  it('knows which part a refund is of', () => {
    const held = of(records, 'refund requested');
    const [first, second] = held.sub_orders;
    if (first === undefined || second === undefined) throw new Error('two parts expected');
    expect(partOfRefund(held, 'R1')).toBe(first);
    expect(partOfRefund(held, 'R2')).toBeUndefined();
    const more = {
      ...second,
      refunds: [...first.refunds, { ...first.refunds[0], out_refund_no: 'R2' }],
    };
    const both = { ...held, sub_orders: [first, more] } as typeof held;
    expect(partOfRefund(both, 'R2')).toBe(more);
  });
});
