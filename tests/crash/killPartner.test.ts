/**
 * `kill -9` between any two steps of what a service provider (服务商) does for its shops: another process carries on
 * from the record, for the same shop, and WeChat does everything once.
 */
import {
  AFTER_LEASE_MS,
  asJson,
  askAndKill,
  createWorld,
  repeat,
  startHere,
  WECHAT,
  type Asked,
  type Moment,
  type World,
} from '../helpers/killing';
import { APP_A, inApp, SHOP_A, SHOP_B, WITH_SHOPS } from '../helpers/partner';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  refundBody,
  type Json,
  type Running,
} from '../helpers/service';

const IN_A = 'oPayerInShopA_0000000000001';
const FROM_A = inApp(APP_A, IN_A);

const ordered = (no: string): Asked =>
  asJson('/wx-pay/wxpay_order', { ...orderBody(no), sub_mchid: SHOP_A }, FROM_A);

/** All requests of one kind carried the same bytes: nothing was made again. */
const bodiesOf = ({ sim }: World, path: string): ReadonlySet<string> =>
  new Set(sim.requests.filter((r) => r.path === path).map((r) => r.body));

const ASKED: readonly Moment[] = [
  { name: 'before the insert', write: 'before 1' },
  { name: 'after the insert, before the call', write: 'after 1' },
  ...WECHAT,
  { name: 'answered by WeChat, before that is written', write: 'before 2' },
  { name: 'all is written, before the answer', write: 'after 2' },
];

describe('an order of a shop is being placed', () => {
  test.each(ASKED)('$name', async (moment) => {
    const world = await createWorld(WITH_SHOPS);
    const no = number('K');
    const asked = ordered(no);
    await askAndKill(world, moment, 'POST /v3/pay/partner/transactions/jsapi', asked);
    const run = await startHere(world, AFTER_LEASE_MS);
    const again = await repeat(run, asked);
    expect(again.status).toBe(200);
    expect(dataOf(again)).toMatchObject({ appId: APP_A });
    expect(bodiesOf(world, '/v3/pay/partner/transactions/jsapi').size).toBe(1);
    world.sim.pay(no, { openid: IN_A });
    await world.sim.deliver('payment', no);
    expect(await run.order(no)).toMatchObject({ state: 'PAID', sub_mchid: SHOP_A, appid: APP_A });
    expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
  });
});

async function paid(run: Running, world: World, no: string): Promise<void> {
  expect((await repeat(run, ordered(no))).status).toBe(200);
  world.sim.pay(no, { openid: IN_A });
  await world.sim.deliver('payment', no);
}

describe('a refund of a shop is being made', () => {
  const MOMENTS: readonly Moment[] = [
    { name: 'before the intent is written', write: 'before 1' },
    { name: 'the intent is written, before the attempt', write: 'after 1' },
    { name: 'the attempt is written, before the call', write: 'after 2' },
    ...WECHAT,
    { name: 'answered by WeChat, before that is written', write: 'before 3' },
    { name: 'all is written, before the answer', write: 'after 3' },
  ];

  test.each(MOMENTS)('$name', async (moment) => {
    const world = await createWorld(WITH_SHOPS);
    const [no, refund] = [number('K'), number('R')];
    const before = await startHere(world);
    await paid(before, world, no);
    await before.close();
    const asked = asJson('/wx-pay/wxpay_refund', refundBody(no, refund, 60), operator());
    await askAndKill(world, moment, 'POST /v3/refund/domestic/refunds', asked);
    const run = await startHere(world, AFTER_LEASE_MS);
    expect((await repeat(run, asked)).status).toBe(200);
    expect(world.sim.refunds()).toHaveLength(1);
    const [body] = [...bodiesOf(world, '/v3/refund/domestic/refunds')];
    expect(JSON.parse(body ?? '{}')).toMatchObject({ sub_mchid: SHOP_A });
    world.sim.settleRefund(refund, 'SUCCESS');
    await world.sim.deliver('refund', refund);
    expect((await run.order(no)).state).toBe('PARTIALLY_REFUNDED');
  });
});

describe('a combination of two shops is being placed', () => {
  const part = (out_trade_no: string, sub_mchid: string): Json => ({
    out_trade_no,
    sub_mchid,
    description: '子单',
    amount: { total_amount: 50, currency: 'CNY' },
  });

  test.each([
    { name: 'before a part’s number is reserved', write: 'before reserve 1' },
    { name: 'one part’s number is reserved', write: 'after reserve 1' },
    ...ASKED,
  ] as readonly Moment[])('$name', async (moment) => {
    const world = await createWorld(WITH_SHOPS);
    const no = number('M').slice(0, 28);
    const sub_orders = [part(`${no}P0`, SHOP_A), part(`${no}P1`, SHOP_B)];
    const body = { type: 'jsapi', combine_out_trade_no: no, sub_orders };
    const asked = asJson('/wx-pay/wxpay_order_combine', body, payer());
    await askAndKill(world, moment, 'POST /v3/combine-transactions/jsapi', asked);
    const run = await startHere(world, AFTER_LEASE_MS);
    expect((await repeat(run, asked)).status).toBe(200);
    expect(bodiesOf(world, '/v3/combine-transactions/jsapi').size).toBe(1);
    world.sim.pay(no);
    await world.sim.deliver('payment', no);
    expect(await run.store.find('combination', no)).toMatchObject({
      state: 'PAID',
      sub_orders: [{ sub_mchid: SHOP_A }, { sub_mchid: SHOP_B }],
    });
  });
});

describe('a payment code is being charged for a shop', () => {
  const MOMENTS: readonly Moment[] = [
    { name: 'before the insert', write: 'before 1' },
    ...WECHAT,
    { name: 'charged, before PAID is written', write: 'before 2' },
    { name: 'PAID is written, before the answer', write: 'after 2' },
  ];

  test.each(MOMENTS)('$name', async (moment) => {
    const world = await createWorld(WITH_SHOPS);
    const no = number('C').slice(0, 32);
    const body = {
      out_trade_no: no,
      sub_mchid: SHOP_B,
      description: '门店商品',
      amount: { total: 100 },
      payer: { auth_code: `13${String(Date.now()).padStart(16, '0')}` },
      scene_info: { store_info: { id: 'S1' } },
    };
    const asked = asJson('/wx-pay/wxpay_order_codepay', body, operator());
    await askAndKill(world, moment, 'POST /v3/pay/partner/transactions/codepay', asked);
    const run = await startHere(world, AFTER_LEASE_MS);
    expect((await repeat(run, asked)).status).toBe(200);
    expect(await run.order(no)).toMatchObject({ state: 'PAID', sub_mchid: SHOP_B });
    expect(world.sim.requests.filter((r) => r.path.endsWith('/codepay'))).toHaveLength(1);
  });
});
