/**
 * The payer's address is an address, for H5 a public one, and filled in only from the hop that a trusted proxy
 * wrote: whatever stands before it in the header came from the caller.
 */
import { createIdentity, type IdentityDeps } from '../../services/access/identity';
import type { Simulator } from '../../simulator';
import {
  number,
  operator,
  orderBody,
  payer,
  PAYER,
  startService,
  startSim,
  type Json,
  type Running,
} from '../helpers/service';

const H5 = '/wx-pay/wxpay_order_h5';
const h5 = (scene: Json, no = number('A')): Json => ({
  ...orderBody(no),
  scene_info: { h5_info: { type: 'Wap' }, ...scene },
});
const combined = (scene: Json): Json => ({
  type: 'h5',
  combine_out_trade_no: number('C'),
  scene_info: { h5_info: { type: 'Wap' }, ...scene },
  sub_orders: [1, 2].map(() => ({
    out_trade_no: number('P'),
    description: '测试商品',
    amount: { total_amount: 50, currency: 'CNY' },
  })),
});
const via = (header: string) => ({ ...payer(), 'x-forwarded-for': header });

let sim: Simulator;
let run: Running;
beforeEach(async () => {
  sim = await startSim();
  run = await startService({ sim });
});

const sentScene = (): Json =>
  (JSON.parse(sim.requests.at(-1)?.body ?? '{}') as { scene_info: Json }).scene_info;

const NONE = ['abc', '999.1.1.1', '127.1', '1.2.3', '', 'fe80::1%eth0', '::g', '1.1.1.1\n'];
const NOT_PUBLIC = [
  '127.0.0.1',
  '::1',
  '::ffff:127.0.0.1',
  '10.0.0.1',
  '192.168.1.1',
  'fd00::1',
  '0.0.0.0',
];

test.each(NONE)('%j is no address', async (address) => {
  const scene = { payer_client_ip: address };
  const asked: [string, Json][] = [
    ['/wx-pay/wxpay_order', { ...orderBody(number('A')), scene_info: scene }],
    [H5, h5(scene)],
    ['/wx-pay/wxpay_order_combine', combined(scene)],
  ];
  for (const [path, body] of asked) {
    for (const headers of [payer(), operator()]) {
      const answer = await run.call(path, body, headers);
      expect(answer).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
      expect(answer.body.msg).toContain('payer_client_ip');
    }
  }
  expect(sim.requests).toHaveLength(0);
});

test.each(NOT_PUBLIC)('H5 does not take %s', async (address) => {
  const scene = { payer_client_ip: address };
  for (const headers of [payer(), operator()]) {
    const one = await run.call(H5, h5(scene), headers);
    expect(one).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
    const more = await run.call('/wx-pay/wxpay_order_combine', combined(scene), headers);
    expect(more).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
  }
  expect(sim.requests).toHaveLength(0);
  const jsapi = { ...orderBody(number('A')), scene_info: scene };
  expect((await run.call('/wx-pay/wxpay_order', jsapi, payer())).status).toBe(200);
});

test('left out, it is what the proxy wrote last, and no fact of the order', async () => {
  const no = number('A');
  const first = await run.call(H5, h5({}, no), via('1.2.3.4, 10.0.0.9, 203.0.113.7'));
  expect(first.status).toBe(200);
  expect(sentScene()).toEqual({ payer_client_ip: '203.0.113.7', h5_info: { type: 'Wap' } });
  const asked = sim.requests.length;
  const moved = await run.call(H5, h5({}, no), via('198.51.100.9'));
  expect(moved.status).toBe(200);
  expect(moved.body.data).toEqual(first.body.data);
  expect(sim.requests).toHaveLength(asked);
  const whole = await run.call('/wx-pay/wxpay_order_combine', combined({}), via('203.0.113.7'));
  expect(whole.status).toBe(200);
  expect(sentScene()).toMatchObject({ payer_client_ip: '203.0.113.7' });
});

test('what the payer sends goes before the proxy’s word', async () => {
  await run.call(H5, h5({ payer_client_ip: '198.51.100.9' }), via('203.0.113.7'));
  expect(sentScene()).toMatchObject({ payer_client_ip: '198.51.100.9' });
});

test.each<[string, Record<string, string>]>([
  ['no header', payer()],
  ['the last hop is inside', via('203.0.113.7, 10.0.0.9')],
  ['the last hop is no address', via('203.0.113.7, unknown')],
  ['nothing after the comma', via('203.0.113.7,')],
  ['an operator’s server', { ...operator(), 'x-forwarded-for': '203.0.113.7' }],
])('left out and %s: 400, WeChat is not asked', async (_name, headers) => {
  const answer = await run.call(H5, h5({}), headers);
  expect(answer).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
  expect(answer.body.msg).toContain('payer_client_ip');
  expect(sim.requests).toHaveLength(0);
});

describe('whose header is believed', () => {
  const identity = (trustWxHeaders: boolean) => {
    const deps: IdentityDeps = {
      operatorKeys: [],
      operatorOpenids: [],
      appids: ['wx0123456789abcdef'],
      trustWxHeaders,
      trustWxHeadersByHand: false,
      foreignBearer: 'refuse',
      verifyBearer: () => Promise.resolve({ kind: 'ours', openid: PAYER }),
    };
    return createIdentity(deps);
  };
  const headers = { authorization: 'Bearer x', 'x-forwarded-for': '203.0.113.7' };

  test('only one that comes with headers we trust, and never on POST /', async () => {
    expect(await identity(true).identify(headers, false)).toHaveProperty('address', '203.0.113.7');
    expect(await identity(false).identify(headers, false)).not.toHaveProperty('address');
    expect(await identity(true).identify(headers, true)).not.toHaveProperty('address');
  });
});
