/**
 * `kill -9` between any two steps of combined orders and payment codes, their reversal too: another process carries on
 * from the record, WeChat is charged once, and nothing that nobody paid stays open.
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
import { dataOf, number, operator, payer, skewedClock, type Running } from '../helpers/service';

const combinationOf = (run: Running, no: string) => run.store.find('combination', no);
const effectsOf = async (run: Running, no: string): Promise<string[] | undefined> =>
  (await combinationOf(run, no))?.effects.map(({ type }) => type);

/** Two parts of 60 and 40 fen. */
const combined = (no: string): Asked =>
  asJson(
    '/wx-pay/wxpay_order_combine',
    {
      type: 'jsapi',
      combine_out_trade_no: no,
      sub_orders: [60, 40].map((total_amount, i) => ({
        out_trade_no: `${no}P${String(i)}`,
        description: `子单 ${String(total_amount)}`,
        amount: { total_amount, currency: 'CNY' },
      })),
    },
    payer(),
  );

describe('a combined order is being placed', () => {
  const MOMENTS: readonly Moment[] = [
    { name: 'before a part’s number is reserved', write: 'before reserve 1' },
    { name: 'one part’s number is reserved', write: 'after reserve 1' },
    { name: 'both are reserved, before the insert', write: 'before 1' },
    { name: 'after the insert, before the call', write: 'after 1' },
    ...WECHAT,
    { name: 'answered by WeChat, before PENDING is written', write: 'before 2' },
    { name: 'PENDING is written, before the answer', write: 'after 2' },
  ];

  test.each(MOMENTS)('$name', async (moment) => {
    const world = await createWorld();
    const no = number('M').slice(0, 28);
    const asked = combined(no);
    await askAndKill(world, moment, 'POST /v3/combine-transactions/jsapi', asked);
    const run = await startHere(world, AFTER_LEASE_MS);
    const again = await repeat(run, asked);
    expect(again.status).toBe(200);
    const record = await combinationOf(run, no);
    expect(record?.state).toBe('PENDING');
    expect(dataOf(again).prepay_id).toBe(record?.prepay?.prepay_id);
    const bodies = world.sim.requests.filter((r) => r.method === 'POST').map((r) => r.body);
    expect(new Set(bodies).size).toBe(1);
    world.sim.pay(no);
    const [told] = await world.sim.deliver('payment', no);
    expect(told?.statusAnswered).toBe(200);
    expect((await combinationOf(run, no))?.state).toBe('PAID');
    expect(await effectsOf(run, no)).toEqual(['order.created', 'order.paid']);
  });
});

describe('a callback of a combined order is being taken', () => {
  const MOMENTS: readonly Moment[] = [
    { name: 'before the first transaction is reserved', write: 'before reserve 1' },
    { name: 'between the parts’ transactions', write: 'after reserve 1' },
    { name: 'before the record is written', write: 'before 1' },
    { name: 'the record is written, before the answer', write: 'after 1' },
  ];

  test.each(MOMENTS)('$name', async (moment) => {
    const world = await createWorld();
    const no = number('M').slice(0, 28);
    const before = await startHere(world);
    expect((await repeat(before, combined(no))).status).toBe(200);
    await before.close();
    world.sim.pay(no);
    const { body, headers } = world.sim.makeNotification(
      'payment',
      world.sim.combination(no) ?? {},
    );
    const asked = { path: '/wechatpay/order', body, headers };
    await askAndKill(world, moment, '', asked);
    const run = await startHere(world);
    for (let i = 0; i < 2; i++) {
      expect(await repeat(run, asked)).toMatchObject({ status: 200, body: { code: 'SUCCESS' } });
    }
    const record = await combinationOf(run, no);
    expect(record?.state).toBe('PAID');
    expect(record?.sub_orders.map((sub) => sub.payment?.total)).toEqual([60, 40]);
    expect(await effectsOf(run, no)).toEqual(['order.created', 'order.paid']);
  });
});

const CHARGE = 'POST /v3/pay/transactions/codepay';

let codes = 0;
/** A code as a phone shows it: 18 digits, another one every time. */
const code = (): string =>
  `13${String(Date.now()).slice(-8)}${String((codes += 1)).padStart(8, '0')}`;

const charged = (no: string): Asked =>
  asJson(
    '/wx-pay/wxpay_order_codepay',
    {
      out_trade_no: no,
      description: '门店商品',
      amount: { total: 100, currency: 'CNY' },
      payer: { auth_code: code() },
      scene_info: {
        device_id: 'POS-1',
        device_ip: '10.0.0.9',
        store_info: { id: 'S1', out_id: 'O1' },
      },
    },
    operator(),
  );

const charges = (world: World): number =>
  world.sim.requests.filter((r) => r.path.endsWith('/codepay')).length;

describe('a payment code is being charged', () => {
  const MOMENTS: readonly Moment[] = [
    { name: 'before the insert', write: 'before 1' },
    ...WECHAT,
    { name: 'charged, before PAID is written', write: 'before 2' },
    { name: 'PAID is written, before the answer', write: 'after 2' },
  ];

  test.each(MOMENTS)('$name: charged once, and the repeat says so', async (moment) => {
    const world = await createWorld();
    const no = number('C').slice(0, 32);
    const asked = charged(no);
    await askAndKill(world, moment, CHARGE, asked);
    const run = await startHere(world, AFTER_LEASE_MS);
    expect((await repeat(run, asked)).status).toBe(200);
    expect((await run.order(no)).state).toBe('PAID');
    expect(charges(world)).toBe(1);
    expect(await run.effects(no)).toEqual(['order.paid']);
  });

  test('after the insert, before the call: never charged, and closed when nothing can come', async () => {
    const world = await createWorld();
    world.sim.switches.signErrors = true;
    const no = number('C').slice(0, 32);
    const asked = charged(no);
    await askAndKill(world, { name: 'inserted', write: 'after 1' }, CHARGE, asked);
    const clock = skewedClock();
    const run = await startHere(world, AFTER_LEASE_MS, clock);
    expect((await repeat(run, asked)).status).not.toBe(200);
    for (let i = 0; i < 5; i++) {
      clock.offsetMs += 4 * 60_000;
      await world.sim.clock.advance(4 * 60_000);
      await run.call('/wx-pay/wxpay_sweep', {}, operator());
    }
    expect(await run.order(no)).toMatchObject({ state: 'CLOSED', agenda: [] });
    expect(charges(world)).toBe(0);
  });
});

describe('a payment code is being reversed', () => {
  const REVERSAL_AGE_MS = 20_000;
  const MOMENTS: readonly Moment[] = [
    { name: 'before REVERSING is written', write: 'before 1' },
    { name: 'REVERSING is written, before the call', write: 'after 1' },
    ...WECHAT,
    { name: 'reversed, before CLOSED is written', write: 'before 2' },
    { name: 'CLOSED is written, before the answer', write: 'after 2' },
  ];

  test.each(MOMENTS)('$name: reversed, and never paid', async (moment) => {
    const world = await createWorld();
    world.sim.switches.codepayResult = 'USERPAYING';
    const no = number('C').slice(0, 32);
    const before = await startHere(world, -REVERSAL_AGE_MS);
    expect((await repeat(before, charged(no))).status).toBe(202);
    await before.close();
    await world.sim.clock.advance(REVERSAL_AGE_MS);
    const asked = asJson('/wx-pay/wxpay_reverse', { out_trade_no: no }, operator());
    const route = `POST /v3/pay/transactions/out-trade-no/${no}/reverse`;
    await askAndKill(world, moment, route, asked);
    const run = await startHere(world);
    expect((await repeat(run, asked)).status).toBe(200);
    expect(await run.order(no)).toMatchObject({ state: 'CLOSED', agenda: [] });
    expect(world.sim.order(no)?.trade_state).toBe('REVOKED');
    expect(await run.effects(no)).toEqual(['order.closed']);
  });
});
