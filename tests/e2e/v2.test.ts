/** The whole life of an order over API v2: the same routes, replies, records and effects as over v3. */
import type { Simulator } from '../../simulator';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  startBare,
  startSim,
  serviceEnv,
  type Json,
  type Running,
} from '../helpers/service';

let sim: Simulator;
let run: Running;

beforeEach(async () => {
  sim = await startSim();
  const v3 = {
    apiV3Key: undefined,
    merchantSerialNumber: undefined,
    privateKey: undefined,
    wxPayPublicKey: undefined,
    wxPayPublicKeyId: undefined,
  };
  run = await startBare({ ...serviceEnv(sim), ...v3, ...sim.envV2() });
  sim.callbackTarget = run.url;
});

test('an order is placed, queried, paid, told and recorded once', async () => {
  const no = number('V');
  const placed = await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
  expect(placed).toMatchObject({ status: 200, body: { code: 0 } });
  const ask = { out_trade_no: no };
  const unpaid = await run.call('/wx-pay/wxpay_query_order_by_out_trade_no', ask, payer());
  expect(dataOf(unpaid)).toMatchObject({ trade_state: 'NOTPAY', out_trade_no: no });
  sim.pay(no);
  const [told] = await sim.deliver('payment', no);
  expect(told).toMatchObject({ statusAnswered: 200, ok: true });
  expect(await run.order(no)).toMatchObject({ state: 'PAID', api: 'v2' });
  expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
  const paid = await run.call('/wx-pay/wxpay_query_order_by_out_trade_no', ask, payer());
  expect(dataOf(paid)).toMatchObject({ trade_state: 'SUCCESS', amount: { total: 100 } });
  expect(sim.requests.every((one) => one.signature === 'valid')).toBe(true);
});

test('an unpaid order is closed', async () => {
  const no = number('V');
  await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
  const closed = await run.call('/wx-pay/wxpay_close_order', { out_trade_no: no }, payer());
  expect(closed).toMatchObject({ status: 200, body: { data: { status: 204 } } });
  expect((await run.order(no)).state).toBe('CLOSED');
});

test('a refund goes out over the secured path, and its notice is only a hint', async () => {
  const no = number('V');
  await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
  sim.pay(no);
  await sim.deliver('payment', no);
  const out_refund_no = number('R');
  const body: Json = {
    out_trade_no: no,
    out_refund_no,
    amount: { refund: 40, total: 100, currency: 'CNY' },
  };
  const refunded = await run.call('/wx-pay/wxpay_refund', body, operator());
  expect(refunded).toMatchObject({ status: 200, body: { code: 0 } });
  const [told] = await sim.deliver('refund', out_refund_no);
  expect(told).toMatchObject({ statusAnswered: 200, ok: true });
  expect((await run.order(no)).state).toBe('PARTIALLY_REFUNDED');
});
