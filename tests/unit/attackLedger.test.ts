/** The judge of `npm run attack` must see what it is there to see: money that moved unasked, and effects gone wrong. */
import { effectsOf, stolenFen } from '../../scripts/attack/ledger';
import type { Books } from '../../scripts/attack/genuine';
import type { Simulator } from '../../simulator';
import type { Arrival } from '../crash/receiver';

const books: Books = {
  paid: new Map([['O1', 100]]),
  refunds: new Map([['R1', { no: 'O1', fen: 30 }]]),
  transfers: new Map([['B1', { openid: 'oHonest', fen: 50 }]]),
};
const ORDER = { out_trade_no: 'O1', trade_state: 'REFUND', amount: { total: 100 } };
const REFUND = { out_refund_no: 'R1', out_trade_no: 'O1', amount: { refund: 30 } };
const TRANSFER = { out_bill_no: 'B1', openid: 'oHonest', transfer_amount: 50 };
const OPEN = { out_trade_no: 'O2', trade_state: 'NOTPAY', amount: { total: 900 } };

const wechat = (more: { orders?: object[]; refunds?: object[]; transfers?: object[] }): Simulator =>
  ({
    orders: () => [ORDER, OPEN, ...(more.orders ?? [])],
    refunds: () => [REFUND, ...(more.refunds ?? [])],
    transfers: () => [TRANSFER, ...(more.transfers ?? [])],
  }) as unknown as Simulator;

test('what was ordered, and what nobody paid, is no stolen money', () => {
  expect(stolenFen(wechat({}), books)).toBe(0);
});

test.each([
  ['a refund that nobody asked for', { refunds: [{ ...REFUND, out_refund_no: 'R2' }] }, 30],
  ['a refund of another order', { refunds: [{ ...REFUND, out_trade_no: 'O2' }] }, 30],
  ['a refund of more than was asked', { refunds: [{ ...REFUND, amount: { refund: 31 } }] }, 31],
  ['a transfer that nobody asked for', { transfers: [{ ...TRANSFER, out_bill_no: 'B2' }] }, 50],
  ['a transfer to somebody else', { transfers: [{ ...TRANSFER, openid: 'oAttack' }] }, 50],
  ['a larger transfer', { transfers: [{ ...TRANSFER, transfer_amount: 51 }] }, 51],
  ['a payment for another price', { orders: [{ ...ORDER, amount: { total: 1 } }] }, 1],
])('%s is', (_name, more, fen) => {
  expect(stolenFen(wechat(more), books)).toBe(fen);
});

const told = (type: string, subject: string, id: string, data = {}): Arrival =>
  ({ id, event: { type, subject, data } }) as unknown as Arrival;
const ALL = [
  told('order.paid', 'O1', 'e1'),
  told('refund.succeeded', 'O1', 'e2', { out_refund_no: 'R1' }),
  told('transfer.succeeded', 'B1', 'e3'),
];

test('each fact told once, however often it was delivered, is right', () => {
  const right = { lost: [], doubled: [], untrue: [] };
  expect(effectsOf([...ALL, ...ALL], books)).toEqual(right);
});

test('a fact that is missing, told under two ids, or not true is named', () => {
  const [paid, refund] = ALL as [Arrival, Arrival];
  const wrong = [paid, refund, told('order.paid', 'O1', 'e9'), told('order.paid', 'O2', 'e8')];
  expect(effectsOf(wrong, books)).toEqual({
    lost: ['transfer.succeeded B1'],
    doubled: ['order.paid O1'],
    untrue: ['order.paid O2'],
  });
});
