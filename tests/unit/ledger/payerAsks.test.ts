/** What a payer made us ask of WeChat: counted by the minute, a combination by its parts. */
import {
  asksOf,
  unitsOf,
  usageOf,
  withAsk,
  type Askable,
} from '../../../services/ledger/payerAsks';
import { COMBINATION_CASES, NOW, ORDER_CASES } from './cases';

const MINUTE = 60_000;
const orderOf = (name: string): Askable => {
  const record = ORDER_CASES.records[name];
  if (record === undefined) throw new Error(`no record ${name}`);
  return record;
};
const pending = orderOf('PENDING');
const whole = COMBINATION_CASES.records['PENDING'] as Askable;

it('counts a combination once for each of its parts', () => {
  expect([unitsOf(pending), unitsOf(whole)]).toEqual([1, 2]);
});

it('counts the making of what a payer made, and of nothing else', () => {
  const at = pending.created_at;
  expect(asksOf(pending)).toEqual({ since: at, count: 1 });
  expect(asksOf({ ...pending, made_by: 'operator' })).toBeUndefined();
  const payer_asks = { since: 5, count: 9 };
  expect(asksOf({ ...pending, made_by: 'operator', payer_asks })).toBe(payer_asks);
});

it.each([
  [MINUTE - 1, { since: NOW - MINUTE + 1, count: 4 }],
  [MINUTE, { since: NOW, count: 1 }],
  [1 - MINUTE, { since: NOW + MINUTE - 1, count: 4 }],
  [-MINUTE, { since: NOW, count: 1 }],
])('one more ask, %s ms after the minute began', (ago, counted) => {
  const payer_asks = { since: NOW - ago, count: 3 };
  expect(withAsk({ ...pending, payer_asks }, NOW)).toEqual(counted);
});

it('begins to count where nobody did', () => {
  expect(withAsk({ ...pending, made_by: 'operator' }, NOW)).toEqual({ since: NOW, count: 1 });
});

describe('what a payer’s records add up to', () => {
  const asked = (ago: number, count: number) => ({ payer_asks: { since: NOW - ago, count } });

  it('is nothing without records, or by operators alone', () => {
    expect(usageOf([], NOW)).toEqual({ asked: 0, open: 0 });
    expect(usageOf([{ ...pending, made_by: 'operator' }], NOW)).toEqual({ asked: 0, open: 0 });
  });

  it('is the asks of the last minute, in units, and what can still be paid', () => {
    const records = [
      { ...pending, ...asked(MINUTE - 1, 3) },
      { ...pending, ...asked(MINUTE, 100) },
      { ...whole, ...asked(0, 5) },
    ] as Askable[];
    expect(usageOf(records, NOW)).toEqual({ asked: 13, open: 4 });
  });

  it.each([
    ['CREATED', {}, 1],
    ['PENDING', { expires_at: NOW + 1 }, 1],
    ['PENDING', { expires_at: NOW }, 0],
    ['PREPARED', {}, 0],
    ['PAID', {}, 0],
    ['CLOSED', {}, 0],
  ])('%s %j: open %i', (state, more, open) => {
    expect(usageOf([{ ...orderOf(state), ...more }], NOW).open).toBe(open);
  });
});
