/** What the table says of each kind: the numbers that lead to a record, and what it says in a store's columns. */
import { kindOf, RECORD_KINDS } from '../../../services/ledger/recordKinds';
import type {
  CombinationRecord,
  OrderRecord,
  Payment,
  Refund,
  SubOrder,
} from '../../../services/ledger/record';
import { anOrder, aReport, aTransfer } from '../../helpers/storeRecords';

const payment: Payment = {
  transaction_id: 'T1',
  total: 100,
  currency: 'CNY',
  appid: 'a',
  mchid: 'm',
  success_time: '2026-01-02T03:04:05+08:00',
  source: 'reply',
  proof: 'signature',
};
const refund = (out_refund_no: string, status: Refund['status']): Refund => ({
  out_refund_no,
  status,
  refund: 30,
  total: 100,
  source: 'operator',
  requested_at: 0,
  attempts: 1,
});
const paid = (...refunds: Refund[]): OrderRecord =>
  anOrder('K1', { state: 'PAID', payment, refunds });

it('reserves what a change brings in, and nothing twice', () => {
  const { numbers } = RECORD_KINDS.order;
  expect(numbers(paid(), anOrder('K1'))).toEqual([['transaction', 'T1']]);
  expect(numbers(paid(), paid())).toEqual([]);
  expect(numbers(paid(refund('R1', 'REQUESTED')), paid())).toEqual([['refund', 'R1']]);
  const second = { ...paid(), contradictions: [{ ...payment, transaction_id: 'T2' }] };
  expect(numbers(second, paid())).toEqual([['transaction', 'T2']]);
});

it('counts as refunded what came back, and no more', () => {
  const record = paid(refund('R1', 'SUCCESS'), refund('R2', 'PROCESSING'), refund('R3', 'CLOSED'));
  expect(kindOf(record).columns(record)).toMatchObject({
    paid_fen: 100,
    refunded_fen: 30,
    transaction_id: 'T1',
    success_at: Date.parse('2026-01-02T03:04:05+08:00'),
  });
});

it('has a row for each kind', () => {
  expect(Object.keys(RECORD_KINDS).sort()).toEqual(['combination', 'order', 'report', 'transfer']);
});

const part = (no: string, facts: Partial<SubOrder> = {}): SubOrder => ({
  mchid: 'm',
  out_trade_no: no,
  description: 'd',
  amount: { total_amount: 100, currency: 'CNY' },
  refunds: [],
  ...facts,
});
function combination(...sub_orders: readonly SubOrder[]): CombinationRecord {
  const { product: _product, amount: _amount, refunds: _refunds, ...rest } = anOrder('C1');
  return { ...rest, kind: 'combination', product: 'jsapi', sub_orders };
}

describe('the numbers that lead to a record', () => {
  it('are those of an order that comes with a payment and refunds', () => {
    const { numbers } = RECORD_KINDS.order;
    const whole = paid(refund('R1', 'SUCCESS'), refund('R2', 'REQUESTED'));
    expect(numbers(whole, undefined)).toEqual([
      ['transaction', 'T1'],
      ['refund', 'R1'],
      ['refund', 'R2'],
    ]);
    expect(numbers(whole, paid(refund('R1', 'REQUESTED')))).toEqual([['refund', 'R2']]);
    const [first, second] = ['T2', 'T3'].map((transaction_id) => ({ ...payment, transaction_id }));
    const before = { ...paid(), contradictions: [first!] };
    const after = { ...paid(), contradictions: [first!, second!] };
    expect(numbers(after, before)).toEqual([['transaction', 'T3']]);
    expect(numbers(anOrder('K1'), undefined)).toEqual([]);
  });

  it('of a combination lead to its parts', () => {
    const { numbers } = RECORD_KINDS.combination;
    const after = combination(
      part('P1', { payment, refunds: [refund('R1', 'SUCCESS'), refund('R2', 'REQUESTED')] }),
      part('P2'),
    );
    expect(numbers(after, undefined)).toEqual([
      ['refund', 'R1', 'P1'],
      ['refund', 'R2', 'P1'],
      ['transaction', 'T1', 'P1'],
    ]);
    const before = combination(part('P1', { payment, refunds: [refund('R1', 'SUCCESS')] }));
    expect(numbers(after, before)).toEqual([['refund', 'R2', 'P1']]);
    expect(numbers(after, combination(part('P1'), part('P2')))).toEqual(numbers(after, undefined));
    expect(numbers(after, after)).toEqual([]);
    const second = combination(part('P1', { payment }), part('P2', { payment }));
    const first = combination(part('P1', { payment }), part('P2'));
    expect(numbers(second, first)).toEqual([['transaction', 'T1', 'P2']]);
  });

  it('of a transfer are its bill, once', () => {
    const { numbers } = RECORD_KINDS.transfer;
    const billed = aTransfer('B1', { transfer_bill_no: 'W1' });
    expect(numbers(billed, aTransfer('B1'))).toEqual([['transfer_bill', 'W1']]);
    expect(numbers(billed, undefined)).toEqual([['transfer_bill', 'W1']]);
    expect(numbers(billed, billed)).toEqual([]);
    expect(numbers(aTransfer('B1'), undefined)).toEqual([]);
  });

  it('of a report are none', () => {
    expect(RECORD_KINDS.report.numbers(aReport('X'), undefined)).toEqual([]);
  });
});

describe('the columns', () => {
  const NONE = {
    made_by: null,
    total_fen: null,
    paid_fen: null,
    refunded_fen: null,
    transaction_id: null,
    success_at: null,
  };
  const AT = Date.parse('2026-01-02T03:04:05+08:00');

  it('of an unpaid order say what is asked for', () => {
    const order = anOrder('K1', { amount: { total: 7, currency: 'CNY' } });
    expect(kindOf(order).columns(order)).toEqual({
      ...NONE,
      made_by: 'payer',
      total_fen: 7,
      refunded_fen: 0,
    });
  });

  it.each([NaN, 1.5, Infinity, 2 ** 53])('never hold an amount of %p', (total) => {
    const order = anOrder('K1', { amount: { total, currency: 'CNY' } });
    expect(kindOf(order).columns(order).total_fen).toBeNull();
  });

  it('never hold a moment that is none', () => {
    const order = anOrder('K1', { payment: { ...payment, success_time: 'yesterday' } });
    expect(kindOf(order).columns(order).success_at).toBeNull();
  });

  it('of a combination are the sums of its parts, and the last payment', () => {
    const later = { ...payment, total: 40, success_time: '2026-01-02T03:04:06+08:00' };
    const { success_time: _time, ...timeless } = payment;
    const one = combination(
      part('P1', { payment, refunds: [refund('R1', 'SUCCESS'), refund('R2', 'CLOSED')] }),
      part('P2', { payment: later, refunds: [refund('R3', 'SUCCESS')] }),
      part('P3', { payment: { ...timeless, total: 2 } }),
      part('P4'),
    );
    expect(kindOf(one).columns(one)).toEqual({
      ...NONE,
      made_by: 'payer',
      total_fen: 400,
      paid_fen: 142,
      refunded_fen: 60,
      success_at: AT + 1000,
    });
    const open = combination(part('P1'));
    expect(kindOf(open).columns(open)).toEqual({
      ...NONE,
      made_by: 'payer',
      total_fen: 100,
      refunded_fen: 0,
    });
  });

  it('of a transfer say paid when it is', () => {
    const success_time = '2026-01-02T03:04:05+08:00';
    const facts = { transfer_amount: 30, transfer_bill_no: 'W1', success_time };
    const done = aTransfer('B1', { ...facts, state: 'SUCCESS' });
    expect(kindOf(done).columns(done)).toEqual({
      ...NONE,
      total_fen: 30,
      paid_fen: 30,
      transaction_id: 'W1',
      success_at: AT,
    });
    const under = aTransfer('B1', { ...facts, state: 'FAIL' });
    expect(kindOf(under).columns(under)).toEqual({ ...NONE, total_fen: 30, transaction_id: 'W1' });
    const { success_time: _none, ...rest } = done;
    const updated: typeof done = { ...rest, update_time: '2026-01-02T03:04:06+08:00' };
    expect(kindOf(updated).columns(updated).success_at).toBe(AT + 1000);
    const bare = aTransfer('B1');
    expect(kindOf(bare).columns(bare)).toEqual({ ...NONE, total_fen: 30 });
  });

  it('of a report are empty', () => {
    expect(kindOf(aReport('X')).columns(aReport('X'))).toEqual(NONE);
  });
});

describe('whether a request was sent', () => {
  const sent = (no: string, attempts: number) => ({ ...refund(no, 'REQUESTED'), attempts });

  it('of a refund, by its own number', () => {
    const order = paid(sent('R1', 1), sent('R2', 0));
    const parts = combination(part('P1'), part('P2', { refunds: order.refunds }));
    for (const record of [order, parts]) {
      const { wasSent } = kindOf(record);
      expect(['R1', 'R2', 'R3', undefined].map((no) => wasSent(record, no))).toEqual([
        true,
        false,
        false,
        false,
      ]);
    }
  });

  it('of a transfer, and never of a report', () => {
    const [never, once] = [aTransfer('B1'), aTransfer('B1', { attempts: 1 })];
    expect(kindOf(never).wasSent(never, undefined)).toBe(false);
    expect(kindOf(once).wasSent(once, undefined)).toBe(true);
    expect(RECORD_KINDS.report.wasSent(aReport('X'), undefined)).toBe(false);
  });
});
