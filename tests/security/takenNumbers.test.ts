/**
 * Numbers that another system of the same merchant has used: anyone who places an order under one of them gets nothing
 * of it. It is no payment of his, it is not his to read, and it is not closed for him.
 */
import {
  number,
  operator,
  orderBody,
  OTHER,
  payer,
  PAYER,
  placeAndPay,
  refundBody,
  skewedClock,
  startService,
  startSim,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';
import type { CombinationRecord } from '../../services/ledger/record';
import type { Simulator } from '../../simulator';

const CLOSE = '/wx-pay/wxpay_close_order';
const QUERY = '/wx-pay/wxpay_query_order_by_out_trade_no';
const COMBINE = '/wx-pay/wxpay_order_combine';
const HOUR = 3600_000;
const SCENE = { payer_client_ip: '203.0.113.7', h5_info: { type: 'Wap' } };

let sim: Simulator;
let elsewhere: Running;
let run: Running;
let advance: (ms: number) => Promise<void>;

beforeEach(async () => {
  sim = await startSim();
  const clock = skewedClock();
  elsewhere = await startService({ sim, clock });
  run = await startService({ sim, clock });
  advance = async (ms) => {
    clock.offsetMs += ms;
    await sim.clock.advance(ms);
  };
});

const gist = (answer: Answer): unknown[] => [answer.status, answer.body.error];

function place(product: string, no: string, openid: string): Promise<Answer> {
  const path = product === 'jsapi' ? '/wx-pay/wxpay_order' : `/wx-pay/wxpay_order_${product}`;
  const body = { ...orderBody(no), ...(product === 'h5' ? { scene_info: SCENE } : {}) };
  return run.call(path, body, payer(openid));
}

describe.each([
  ['jsapi', PAYER],
  ['native', PAYER],
  ['native', OTHER],
  ['h5', OTHER],
])('an order that was paid elsewhere, placed again as %s by %s', (product, openid) => {
  test('is told as paid, and never as the payment of the new order', async () => {
    const no = number('E');
    await placeAndPay(elsewhere, sim, no);
    await advance(HOUR);
    expect(gist(await place(product, no, openid))).toEqual([409, 'ORDER_PAID']);
    expect((await run.order(no)).state).toBe('MISMATCH');
    expect(await run.effects(no)).toEqual(['order.mismatch']);
    expect(run.alarms()).toMatchObject([{ no, reason: expect.stringContaining('time') as string }]);
  });

  test('is read by whom WeChat names and by operators alone', async () => {
    const no = number('E');
    await placeAndPay(elsewhere, sim, no);
    await advance(HOUR);
    await place(product, no, openid);
    const asked = await run.call(QUERY, { out_trade_no: no }, payer(openid));
    expect(asked.status).toBe(openid === PAYER ? 200 : 404);
    expect((await run.call(QUERY, { out_trade_no: no }, operator())).status).toBe(200);
  });
});

test('an order paid within the moments by which clocks differ is a payment like any other', async () => {
  const no = number('E');
  await placeAndPay(elsewhere, sim, no);
  await advance(60_000);
  await place('jsapi', no, PAYER);
  expect(await run.effects(no)).toEqual(['order.paid']);
});

test.each(['INVALID_REQUEST', 'OUT_TRADE_NO_USED'] as const)(
  'an unpaid order of another system, refused with %s, is neither closed by hand nor by the sweep',
  async (code) => {
    sim.switches.changedRepeat = code;
    const byHand = number('E');
    const bySweep = number('E');
    for (const no of [byHand, bySweep]) {
      await elsewhere.call('/wx-pay/wxpay_order', orderBody(no), payer());
      expect(gist(await place('native', no, OTHER))[1]).toBe('WECHATPAY_REJECTED');
    }
    const closed = await run.call(CLOSE, { out_trade_no: byHand }, payer(OTHER));
    expect(closed.status).toBe(200);
    await advance(10 * 60_000 + 2000);
    await run.call('/wx-pay/wxpay_sweep', {}, operator());
    for (const no of [byHand, bySweep]) {
      expect((await run.order(no)).state).toBe('CLOSED');
      expect(sim.order(no)).toMatchObject({ trade_state: 'NOTPAY' });
    }
    expect(sim.requests.filter((r) => r.path.endsWith('/close'))).toEqual([]);
  },
);

test('a number is not closed while an order is asked for under it', async () => {
  const no = number('E');
  await elsewhere.call('/wx-pay/wxpay_order', orderBody(no), payer());
  await place('native', no, OTHER);
  const record = await run.order(no);
  const asking = { asking_until: Date.now() + HOUR, version: record.version + 1 };
  await run.store.replace({ ...record, ...asking }, record.version);
  const closed = await run.call(CLOSE, { out_trade_no: no }, payer(OTHER));
  expect(gist(closed)).toEqual([503, 'ORDER_BUSY']);
  expect(sim.order(no)).toMatchObject({ trade_state: 'NOTPAY' });
});

test('a combination that was paid elsewhere is no payment of the new one', async () => {
  const no = number('E');
  const body: Json = {
    type: 'native',
    combine_out_trade_no: no,
    sub_orders: ['A', 'B'].map((name) => ({
      out_trade_no: number(name),
      description: '测试商品',
      amount: { total_amount: 50, currency: 'CNY' },
    })),
  };
  await elsewhere.call(COMBINE, { ...body, type: 'jsapi' }, payer());
  sim.pay(no);
  await advance(HOUR);
  expect((await run.call(COMBINE, body, payer(OTHER))).status).not.toBe(200);
  await run.call('/wx-pay/wxpay_combine_query', { combine_out_trade_no: no }, payer(OTHER));
  const record = (await run.store.find('combination', no)) as CombinationRecord;
  expect(record.state).toBe('MISMATCH');
  expect(record.effects).toMatchObject([{ type: 'order.mismatch' }]);
});

test('an order of another system is taken in though a payer named its number as a part', async () => {
  const no = number('E');
  await elsewhere.call('/wx-pay/wxpay_order', orderBody(no), payer());
  const parts = [no, number('P')].map((part) => ({
    out_trade_no: part,
    description: '测试商品',
    amount: { total_amount: 1, currency: 'CNY' },
  }));
  const named = { type: 'jsapi', combine_out_trade_no: number('C'), sub_orders: parts };
  expect((await run.call(COMBINE, named, payer(OTHER))).status).toBe(409);
  sim.pay(no);
  expect(await sim.deliver('payment', no)).toMatchObject([{ statusAnswered: 200 }]);
  expect(await run.order(no)).toMatchObject({ state: 'PAID', made_by: 'adopted' });
  const back = await run.call('/wx-pay/wxpay_refund', refundBody(no, number('R'), 100), operator());
  expect(back.status).toBe(200);
});
