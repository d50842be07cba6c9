/** Bodies as front ends of the old function send them: beside the point is passed over, all else is refused. */
import type { Simulator } from '../../simulator';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  PAYER,
  refundBody,
  startService,
  startSim,
  transferBody,
  placePaid,
  type Json,
  type Running,
} from '../helpers/service';

const ORDER = '/wx-pay/wxpay_order';
let sim: Simulator;
let run: Running;
let ours: Json;

beforeEach(async () => {
  sim = await startSim();
  run = await startService({ sim });
  ours = {
    appid: sim.credentials.appId,
    mchid: sim.credentials.merchantId,
    notify_url: sim.env().notifyURLPayURL,
  };
});

const sent = (): Json => JSON.parse(sim.requests.at(-1)?.body ?? '{}') as Json;

test.each<[string, Json]>([
  ['an empty payer', { payer: {} }],
  ['no payer', { payer: null }],
  ['an empty openid', { payer: { openid: '' } }],
  ['an empty attach', { attach: '' }],
  ['a flag as text', { useServiceAccount: 'false' }],
])('%s is as if it were left out, and is no fact of the order', async (_name, more) => {
  const no = number('L');
  const first = await run.call(ORDER, { ...orderBody(no), ...more }, payer());
  expect(first.status).toBe(200);
  expect(sent()).toMatchObject({ payer: { openid: PAYER }, appid: sim.credentials.appId });
  expect(sent()).not.toHaveProperty('attach');
  const plain = await run.call(ORDER, orderBody(no), payer());
  expect(dataOf(plain).prepay_id).toBe(dataOf(first).prepay_id);
});

test('an operator’s empty payer is none either', async () => {
  const body = { ...orderBody(number('L')), payer: { openid: '' } };
  const answer = await run.call(ORDER, body, operator());
  expect(answer).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
  expect(answer.body.msg).toContain('payer.openid');
});

test('our own appid, mchid and notify_url may be repeated on every product', async () => {
  const prepared = { ...orderBody(number('L')), ...ours };
  expect((await run.call('/wx-pay/wxpay_prepare_order', prepared, operator())).status).toBe(200);
  for (const path of [ORDER, '/wx-pay/wxpay_order_native', '/wx-pay/wxpay_order_app']) {
    const answer = await run.call(path, { ...orderBody(number('L')), ...ours }, payer());
    expect(answer.status).toBe(200);
    expect(sent()).toMatchObject(ours);
  }
  const no = number('L');
  await placePaid(run, sim, no);
  const refund = {
    ...refundBody(no, number('R'), 10),
    notify_url: sim.env().notifyURLRefundsURL,
  };
  expect((await run.call('/wx-pay/wxpay_refund', refund, operator())).status).toBe(200);
  const transfer = { ...transferBody(number('T')), appid: ours.appid };
  expect((await run.call('/wx-pay/wxpay_transfer', transfer, operator())).status).toBe(200);
});

test.each<[string, Json]>([
  ['notify_url', { notify_url: 'https://evil.example.com/' }],
  ['appid', { appid: 'wxfedcba9876543210' }],
  ['mchid', { mchid: '1900009999' }],
  ['payer', { payer: { openid: '', name: 'x' } }],
  ['useServiceAccount', { useServiceAccount: 'yes' }],
])('%s of another kind stays 400 and is named', async (field, more) => {
  for (const headers of [payer(), operator()]) {
    const answer = await run.call(ORDER, { ...orderBody(number('L')), ...more }, headers);
    expect(answer).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
    expect(answer.body.msg).toContain(field);
  }
  expect(sim.requests).toHaveLength(0);
});

test('useServiceAccount as text picks the other appid, which may be repeated then', async () => {
  const appid = sim.credentials.service_app_id;
  const body = { ...orderBody(number('L')), useServiceAccount: 'true', appid };
  expect(dataOf(await run.call(ORDER, body, payer())).appId).toBe(appid);
  const without = { ...orderBody(number('L')), appid };
  expect((await run.call(ORDER, without, payer())).status).toBe(400);
});

test.each(['Wap', 'iOS', 'Android', 'PC', 'IOS', 'HarmonyOS'])('H5 type %s', async (type) => {
  const scene_info = { payer_client_ip: '203.0.113.7', h5_info: { type } };
  const body = { ...orderBody(number('L')), scene_info };
  expect((await run.call('/wx-pay/wxpay_order_h5', body, payer())).status).toBe(200);
});

test('a combination is read as leniently', async () => {
  const part = (): Json => ({
    out_trade_no: number('P'),
    description: '测试商品',
    amount: { total_amount: 50, currency: 'CNY' },
    mchid: ours.mchid,
    attach: '',
  });
  const body = {
    type: 'jsapi',
    combine_out_trade_no: number('C'),
    combine_appid: ours.appid,
    combine_mchid: ours.mchid,
    combine_payer_info: { openid: '' },
    notify_url: ours.notify_url,
    sub_orders: [part(), part()],
  };
  expect((await run.call('/wx-pay/wxpay_order_combine', body, payer())).status).toBe(200);
  const other = { ...body, combine_mchid: '1900009999', combine_out_trade_no: number('C') };
  expect((await run.call('/wx-pay/wxpay_order_combine', other, payer())).status).toBe(400);
});
