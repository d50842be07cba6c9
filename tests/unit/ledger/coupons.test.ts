/** What the payer paid himself and got back, and his coupons: as WeChat states them, to the shop. */
import { toCloudEvent } from '../../../services/ledger/cloudEvent';
import { hookCall } from '../../../services/delivery/hooks/hookCall';
import { orderEffectData } from '../../../services/ledger/effectData';
import { readRefund, readTransaction } from '../../../services/wechat/readFacts';
import { decide } from '../../../services/ledger/orderState';
import type { OrderRecord } from '../../../services/ledger/record';
import { aPaidOrder, aPayment, eventOf, T0 } from '../effects/helpers';

const coupon = {
  promotion_id: '109519',
  scope: 'GLOBAL',
  type: 'CASH',
  amount: 200,
  refund_amount: 100,
};
const numbers = {
  out_trade_no: 'ORDER0001',
  transaction_id: '4200001234202601020000000001',
  out_refund_no: 'SAMPLER001',
  refund_id: '50000000000000000000000000001',
};
const reply = {
  ...numbers,
  status: 'PROCESSING',
  amount: {
    total: 1000,
    refund: 500,
    from: [],
    payer_total: 800,
    payer_refund: 400,
    settlement_refund: 400,
    settlement_total: 800,
    discount_refund: 100,
    currency: 'CNY',
    refund_fee: 3,
  },
  promotion_detail: [coupon],
};
const notice = {
  ...numbers,
  refund_status: 'SUCCESS',
  success_time: '2026-01-02T11:00:00+08:00',
  amount: { total: 1000, refund: 500, payer_total: 800, payer_refund: 400 },
};
const STATED = {
  payer_total: 800,
  payer_refund: 400,
  settlement_refund: 400,
  settlement_total: 800,
  discount_refund: 100,
  refund_fee: 3,
};

const asked = (): OrderRecord =>
  aPaidOrder({
    amount: { total: 1000, currency: 'CNY' },
    payment: aPayment({ total: 1000, payer_total: 800 }),
    state: 'REFUNDING',
    refunds: [
      {
        out_refund_no: 'SAMPLER001',
        status: 'REQUESTED',
        refund: 500,
        total: 1000,
        source: 'operator',
        requested_at: T0,
        attempts: 1,
      },
    ],
  });

function seen(record: OrderRecord, body: Readonly<Record<string, unknown>>): OrderRecord {
  const refund = readRefund(body);
  if (refund === undefined) throw new Error('not read');
  const event = { type: 'refund_seen', refund, source: 'callback', proof: 'signature' } as const;
  const decided = decide(record, event, { now: T0, sink: true });
  if (decided.kind !== 'next') throw new Error(decided.kind);
  return decided.record;
}

test('a refund answered with coupons and then notified tells the shop of both', () => {
  const record = seen(seen(asked(), reply), notice);
  const told = record.effects.find((effect) => effect.type === 'refund.succeeded')?.data;
  expect(told).toMatchObject({
    amount: { refund: 500, total: 1000, currency: 'CNY', ...STATED },
    promotion_detail: [coupon],
  });
});

test('a refund that is only notified tells what the notice states', () => {
  const record = seen(asked(), notice);
  const [effect] = record.effects;
  expect(effect?.data.amount).toEqual({
    refund: 500,
    total: 1000,
    currency: 'CNY',
    payer_total: 800,
    payer_refund: 400,
  });
  expect(JSON.stringify(effect?.data)).not.toContain('promotion_detail');
});

test('the hook of a refund gets the amounts and the coupons', () => {
  const record = seen(seen(asked(), reply), notice);
  const effect = record.effects.at(-1);
  if (effect === undefined) throw new Error('no effect');
  const call = hookCall(toCloudEvent(record, effect));
  expect(call.handler).toBe('handlerRefundTrigger');
  expect(call.args[0]).toMatchObject({ amount: STATED, promotion_detail: [coupon] });
});

test('a payment tells what the payer paid himself and his coupons, in effect and hook', () => {
  const paid = { coupon_id: '109519', scope: 'GLOBAL', type: 'CASH', amount: 200, currency: 'CNY' };
  const from = { source: 'callback', proof: 'signature' } as const;
  const facts = readTransaction(
    {
      appid: 'wx0000000000000001',
      mchid: '1900000001',
      transaction_id: numbers.transaction_id,
      trade_state: 'SUCCESS',
      amount: { total: 1000, payer_total: 800, currency: 'CNY' },
      promotion_detail: [paid, 'no coupon'],
    },
    from,
  );
  if (facts?.is !== 'paid') throw new Error('not read');
  const record = aPaidOrder({ payment: facts.payment });
  expect(orderEffectData(record).payment).toMatchObject({
    total: 1000,
    payer_total: 800,
    promotion_detail: [paid],
  });
  const call = hookCall(eventOf(record, 'order.paid'));
  expect(call.args[0]).toMatchObject({ amount: { payer_total: 800 }, promotion_detail: [paid] });
});
