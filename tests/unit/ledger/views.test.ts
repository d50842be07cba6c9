/** A combination seen as the one order that its payer pays, and each part as an order of its own. */
import { asOrder, partAsOrder } from '../../../services/ledger/combinationView';
import { isPaidElsewhere, mismatchOf } from '../../../services/ledger/orderPaying';
import type { CombinationRecord, Payment, SubOrder } from '../../../services/ledger/record';
import { anOrder, aRefund } from '../../helpers/storeRecords';

const MINUTE = 60_000;
const CLOCKS_APART_MS = 5 * MINUTE;
const payment: Payment = {
  ...{ transaction_id: 'T1', total: 60, currency: 'CNY', appid: 'wx0000000000000001' },
  ...{ mchid: '1900000001', source: 'callback', proof: 'signature' },
};
const part = (no: string, total_amount: number, facts: Partial<SubOrder> = {}): SubOrder => ({
  ...{ mchid: '1900000001', out_trade_no: no, description: `d ${no}`, refunds: [] },
  amount: { total_amount, currency: 'CNY' },
  ...facts,
});
function combination(
  sub_orders: readonly SubOrder[],
  facts: Partial<CombinationRecord> = {},
): CombinationRecord {
  const { amount: _amount, refunds: _refunds, description: _text, ...rest } = anOrder('C1');
  return { ...rest, kind: 'combination', sub_orders, ...facts };
}
const whole = combination(
  [
    part('P1', 60, { payment, attach: 'a', refunds: [aRefund({ refund: 20 })] }),
    part('P2', 40, { payment: { ...payment, transaction_id: 'T2', total: 40 } }),
  ],
  {
    state: 'PAID',
    contradictions: [payment],
    agenda: [
      { do: 'deliver', at: 1, tries: 0 },
      { do: 'query', at: 2, tries: 0 },
    ],
    effect_seq: 3,
  },
);

it('the whole is one order of all its parts', () => {
  expect(asOrder(whole)).toMatchObject({
    kind: 'order',
    no: 'C1',
    description: '',
    amount: { total: 100, currency: 'CNY' },
    payment: { transaction_id: 'T1', total: 100 },
    refunds: [{ out_refund_no: 'R1' }],
    prepared: false,
    contradictions: [],
    effects: [],
    effect_seq: 0,
    agenda: [{ do: 'query', at: 2, tries: 0 }],
  });
  expect(asOrder(combination([part('P1', 60)]))).not.toHaveProperty('payment');
  const second = combination([part('P1', 60), part('P2', 40, { payment })]);
  expect(asOrder(second).payment?.total).toBe(60);
});

it('a part is an order of its own, in the state of its own money', () => {
  expect(partAsOrder(whole, 'P1')).toMatchObject({
    no: 'P1',
    part_of: 'C1',
    state: 'PARTIALLY_REFUNDED',
    description: 'd P1',
    attach: 'a',
    amount: { total: 60, currency: 'CNY' },
    payment,
    refunds: [{ out_refund_no: 'R1' }],
  });
  expect(partAsOrder(whole, 'P2')?.state).toBe('PAID');
  const shop = combination([part('P1', 60, { sub_mchid: '1900000011' })]);
  expect(partAsOrder(shop, 'P1')?.sub_mchid).toBe('1900000011');
  expect(partAsOrder(whole, 'P3')).toBeUndefined();
  const bare = partAsOrder(combination([part('P1', 60)], { state: 'PENDING' }), 'P1');
  expect(bare?.state).toBe('PENDING');
  for (const name of ['payment', 'attach', 'refund_contradictions', 'sub_mchid', 'request']) {
    expect(bare).not.toHaveProperty(name);
  }
});

it('a part of a payment that does not fit is no paid one', () => {
  expect(partAsOrder({ ...whole, state: 'MISMATCH' }, 'P1')?.state).toBe('MISMATCH');
});

describe('a payment of another system', () => {
  const made = Date.parse('2026-01-02T03:04:05+08:00');
  const order = anOrder('A', { created_at: made, payer: 'oPayer' });
  const at = (ms: number): Payment => ({
    ...payment,
    total: 100,
    success_time: new Date(made + ms).toISOString(),
  });

  it('was made before the order, by more than clocks differ', () => {
    expect(isPaidElsewhere(order, at(-24 * 60 * MINUTE))).toBe(true);
    expect(isPaidElsewhere(order, at(0))).toBe(false);
    expect(isPaidElsewhere(order, at(-CLOCKS_APART_MS))).toBe(false);
    expect(isPaidElsewhere(order, at(-CLOCKS_APART_MS - 1000))).toBe(true);
    expect(isPaidElsewhere(order, { ...payment, total: 100 })).toBe(false);
    const given = { ...order, prepay: { at: made, prepay_id: 'wx' } };
    expect(isPaidElsewhere(given, at(-24 * 60 * MINUTE))).toBe(false);
  });

  it('of the person who paid is compared only where it says so', () => {
    const paidBy = (openid?: string): Payment => ({
      ...at(MINUTE),
      ...(openid === undefined ? {} : { openid }),
    });
    expect(mismatchOf(order, paidBy())).toBeUndefined();
    expect(mismatchOf(order, paidBy('oPayer'))).toBeUndefined();
    expect(mismatchOf(order, paidBy('oOther'))).toBe('payer');
    expect(mismatchOf({ ...order, payer_named: false }, paidBy('oOther'))).toBeUndefined();
  });
});
