/** The rows of docs/front-ends.md: which front end of the old function works as it is, and which does not. */
import type { Simulator } from '../../simulator';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  PAYER,
  placePaid,
  refundBody,
  startService,
  startSim,
  transferBody,
  type Running,
} from '../helpers/service';

/** As inside SCF: the platform's runtime is there and nothing is set by hand. */
const IN_SCF = {
  trustWxHeaders: undefined,
  TENCENTCLOUD_RUNENV: 'SCF',
  SCF_RUNTIME: 'Nodejs18.15',
};
/** A container or a machine of the merchant's. */
const ELSEWHERE = { trustWxHeaders: undefined };

let sim: Simulator;
let run: Running;

async function start(env: Record<string, string | undefined>): Promise<void> {
  sim = await startSim();
  run = await startService({ sim, env });
}

it('a Mini Program or WeDa page that uses callHTTPFunction works as it is', async () => {
  await start(IN_SCF);
  const no = number('F');
  const headers = { ...payer(), 'x-wx-appid': sim.env().appId ?? '', 'x-wx-source': 'wx_client' };
  const placed = await run.call('/wx-pay/wxpay_order', orderBody(no), headers);
  // The old sample reads `res.data.data`, and hands these fields to wx.requestPayment.
  expect(placed).toMatchObject({ status: 200, body: { code: 0, msg: 'success' } });
  for (const field of ['timeStamp', 'nonceStr', 'package', 'signType', 'paySign']) {
    expect(typeof dataOf(placed)[field]).toBe('string');
  }
  const query = { out_trade_no: no };
  const asked = await run.call('/wx-pay/wxpay_query_order_by_out_trade_no', query, headers);
  expect(dataOf(asked)).toMatchObject({ trade_state: 'NOTPAY' });
});

it('callContainer works where the header is trusted by hand, and not before', async () => {
  await start(ELSEWHERE);
  const no = number('F');
  expect((await run.call('/wx-pay/wxpay_order', orderBody(no), payer())).status).toBe(401);
  await run.close();
  run = await startService({ sim, env: { trustWxHeaders: 'true' } });
  expect((await run.call('/wx-pay/wxpay_order', orderBody(no), payer())).status).toBe(200);
});

it('a web page proves nobody’s openid: neither a header nor the body counts', async () => {
  await start(ELSEWHERE);
  const body = { ...orderBody(number('F')), payer: { openid: PAYER } };
  const origin = { origin: 'https://shop.example.com', ...payer() };
  for (const route of ['wxpay_order', 'wxpay_order_h5', 'wxpay_order_native', 'wxpay_order_app']) {
    expect((await run.call(`/wx-pay/${route}`, body, origin)).status).toBe(401);
  }
  expect((await run.call('/', { ...body, _action: 'wxpay_order' }, origin)).status).toBe(401);
});

it('the back end of a web page orders, asks and refunds with its key', async () => {
  await start(ELSEWHERE);
  const no = number('F');
  const placed = await run.call('/wx-pay/wxpay_order_native', orderBody(no), operator());
  expect(dataOf(placed)['code_url']).toMatch(/^weixin:/);
  sim.pay(no, { openid: PAYER });
  await sim.deliver('payment', no);
  const query = { out_trade_no: no, _action: 'wxpay_query_order_by_out_trade_no' };
  expect(dataOf(await run.call('/', query, operator()))).toMatchObject({ trade_state: 'SUCCESS' });
  const refund = await run.call('/wx-pay/wxpay_refund', refundBody(no, `${no}R`, 100), operator());
  expect(refund.status).toBe(200);
});

it('a client that refunds or transfers gets 403, and nothing is sent', async () => {
  await start(IN_SCF);
  const no = number('F');
  await placePaid(run, sim, no);
  const before = sim.requests.length;
  const refund = await run.call('/wx-pay/wxpay_refund', refundBody(no, `${no}R`, 100), payer());
  const transfer = await run.call('/wx-pay/wxpay_transfer', transferBody(number('B')), payer());
  expect([refund.status, transfer.status]).toEqual([403, 403]);
  expect(sim.requests).toHaveLength(before);
});

it('a client that makes up a callback changes nothing', async () => {
  await start(IN_SCF);
  const no = number('F');
  await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
  const told = { rawData: {}, ParsedNotify: { out_trade_no: no, trade_state: 'SUCCESS' } };
  for (const path of ['/', '/wechatpay/order', '/wx-pay/unifiedOrderTrigger']) {
    expect((await run.call(path, told, payer())).status).toBeGreaterThanOrEqual(400);
  }
  expect((await run.order(no)).state).toBe('PENDING');
});
