/** What the table says of each kind: the numbers that lead to a record, and what it says in a store's columns. */
import { kindOf, RECORD_KINDS } from '../../services/ledger/recordKinds';
import type { OrderRecord, Payment, Refund } from '../../services/ledger/record';
import { anOrder } from '../helpers/storeRecords';

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
