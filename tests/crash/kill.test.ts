/**
 * `kill -9` between any two steps. The service runs as a process of its own on SQLite and dies at the named
 * moment; another is started on the same file and hears the same request again. The right state, and one of
 * each at WeChat, must come of it.
 */
import { startChild } from '../helpers/child';
import {
  AFTER_LEASE_MS,
  asJson,
  askAndKill,
  createWorld,
  repeat,
  startHere,
  WECHAT,
  type Moment,
} from '../helpers/killing';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  placeAndPay,
  placePaid,
  refundBody,
  send,
  transferBody,
} from '../helpers/service';

describe('an order is being placed', () => {
  const MOMENTS: readonly Moment[] = [
    { name: 'before the insert', write: 'before 1' },
    { name: 'after the insert, before the call', write: 'after 1' },
    ...WECHAT,
    { name: 'answered by WeChat, before PENDING is written', write: 'before 2' },
    { name: 'PENDING is written, before the answer', write: 'after 2' },
  ];

  test.each(MOMENTS)('$name', async (moment) => {
    const world = await createWorld();
    const no = number('K');
    const asked = asJson('/wx-pay/wxpay_order', orderBody(no), payer());
    await askAndKill(world, moment, 'POST /v3/pay/transactions/jsapi', asked);
    const run = await startHere(world, AFTER_LEASE_MS);
    const again = await repeat(run, asked);
    expect(again.status).toBe(200);
    expect(dataOf(again).prepay_id).toBe((await run.order(no)).prepay?.prepay_id);
    expect((await run.order(no)).state).toBe('PENDING');
    expect(await run.effects(no)).toEqual(['order.created']);
    expect(world.sim.orders()).toHaveLength(1);
    const bodies = world.sim.requests.filter((r) => r.method === 'POST').map((r) => r.body);
    expect(new Set(bodies).size).toBe(1);
    world.sim.pay(no);
    const [told] = await world.sim.deliver('payment', no);
    expect(told?.statusAnswered).toBe(200);
    expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
  });

  test('answered: the repeat gets the very same prepay', async () => {
    const world = await createWorld();
    const no = number('K');
    const asked = asJson('/wx-pay/wxpay_order', orderBody(no), payer());
    const { databaseUrl } = world;
    const child = await startChild(world.sim, { databaseUrl, KILL_AT: 'before 0' });
    const first = await send('POST', `${child.url}${asked.path}`, asked.body, asked.headers);
    expect(first.status).toBe(200);
    child.process.kill('SIGKILL');
    await child.ended;
    const run = await startHere(world);
    const again = await repeat(run, asked);
    expect(dataOf(again).prepay_id).toBe(dataOf(first).prepay_id);
    expect(world.sim.requests).toHaveLength(1);
  });
});

describe('a callback is being taken', () => {
  const MOMENTS: readonly Moment[] = [
    { name: 'received, before the record is written', write: 'before 1' },
    { name: 'the record is written, before the answer', write: 'after 1' },
  ];

  test.each(MOMENTS)('of a payment: $name', async (moment) => {
    const world = await createWorld();
    const no = number('K');
    const before = await startHere(world);
    await placeAndPay(before, world.sim, no);
    await before.close();
    const { body, headers } = world.sim.makeNotification('payment', world.sim.order(no) ?? {});
    const asked = { path: '/wechatpay/order', body, headers };
    await askAndKill(world, moment, '', asked);
    const run = await startHere(world);
    for (let i = 0; i < 2; i++) {
      expect(await repeat(run, asked)).toMatchObject({ status: 200, body: { code: 'SUCCESS' } });
    }
    const record = await run.order(no);
    expect(record.state).toBe('PAID');
    expect(record.history.filter((entry) => entry.what === 'paid')).toHaveLength(1);
    expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
  });

  test.each(MOMENTS)('of a refund: $name', async (moment) => {
    const world = await createWorld();
    const [no, refund] = [number('K'), number('R')];
    const before = await startHere(world);
    await placePaid(before, world.sim, no);
    await before.call('/wx-pay/wxpay_refund', refundBody(no, refund, 100), operator());
    await before.close();
    world.sim.settleRefund(refund, 'SUCCESS');
    // What the notification of this refund says, taken from the simulator's own sending of it.
    world.sim.callbackTarget = 'http://127.0.0.1:9';
    const [sent] = await world.sim.deliver('refund', refund);
    const asked = {
      path: '/wechatpay/refund',
      body: sent?.body ?? '',
      headers: sent?.headers ?? {},
    };
    await askAndKill(world, moment, '', asked);
    const run = await startHere(world);
    expect((await repeat(run, asked)).status).toBe(200);
    expect((await run.order(no)).state).toBe('REFUNDED');
    expect((await run.effects(no)).slice(2)).toEqual(['refund.requested', 'refund.succeeded']);
  });
});

describe('a refund is being made', () => {
  const MOMENTS: readonly Moment[] = [
    { name: 'before the intent is written', write: 'before 1' },
    { name: 'the intent is written, before the attempt', write: 'after 1' },
    { name: 'the attempt is written, before the call', write: 'after 2' },
    ...WECHAT,
    { name: 'answered by WeChat, before that is written', write: 'before 3' },
    { name: 'all is written, before the answer', write: 'after 3' },
  ];

  test.each(MOMENTS)('$name', async (moment) => {
    const world = await createWorld();
    const [no, refund] = [number('K'), number('R')];
    const before = await startHere(world);
    await placePaid(before, world.sim, no);
    await before.close();
    const asked = asJson('/wx-pay/wxpay_refund', refundBody(no, refund, 60), operator());
    await askAndKill(world, moment, 'POST /v3/refund/domestic/refunds', asked);
    const run = await startHere(world, AFTER_LEASE_MS);
    expect((await repeat(run, asked)).status).toBe(200);
    expect(world.sim.refunds()).toHaveLength(1);
    const record = await run.order(no);
    expect(record).toMatchObject({ state: 'REFUNDING', refunds: [{ out_refund_no: refund }] });
    const other = await run.call(
      '/wx-pay/wxpay_refund',
      refundBody(no, number('R'), 41),
      operator(),
    );
    expect(other.status).toBe(409);
    world.sim.settleRefund(refund, 'SUCCESS');
    const [told] = await world.sim.deliver('refund', refund);
    expect(told?.statusAnswered).toBe(200);
    expect((await run.order(no)).state).toBe('PARTIALLY_REFUNDED');
    expect((await run.effects(no)).slice(2)).toEqual(['refund.requested', 'refund.succeeded']);
  });

  test('nobody repeats the request: the sweep of another process finishes it', async () => {
    const world = await createWorld();
    const [no, refund] = [number('K'), number('R')];
    const before = await startHere(world);
    await placePaid(before, world.sim, no);
    await before.close();
    const asked = asJson('/wx-pay/wxpay_refund', refundBody(no, refund, 60), operator());
    const moment = { name: 'after the attempt', write: 'after 2' };
    await askAndKill(world, moment, 'POST /v3/refund/domestic/refunds', asked);
    expect(world.sim.refunds()).toHaveLength(0);
    const run = await startHere(world, 61_000);
    await world.sim.clock.advance(61_000);
    expect((await run.call('/wx-pay/wxpay_sweep', {}, operator())).status).toBe(200);
    expect(world.sim.refunds()).toHaveLength(1);
  });
});

describe('a transfer is being made', () => {
  const MOMENTS: readonly Moment[] = [
    { name: 'before the insert', write: 'before 1' },
    { name: 'after the insert, before the attempt', write: 'after 1' },
    { name: 'the attempt is written, before the call', write: 'after 2' },
    ...WECHAT,
    { name: 'answered by WeChat, before that is written', write: 'before 3' },
    { name: 'all is written, before the answer', write: 'after 3' },
  ];

  test.each(MOMENTS)('$name', async (moment) => {
    const world = await createWorld();
    const no = number('T').slice(0, 32);
    const asked = asJson('/wx-pay/wxpay_transfer', transferBody(no), operator());
    await askAndKill(world, moment, 'POST /v3/fund-app/mch-transfer/transfer-bills', asked);
    const run = await startHere(world, AFTER_LEASE_MS);
    const again = await repeat(run, asked);
    expect(again.status).toBe(200);
    expect(dataOf(again)).toMatchObject({ out_bill_no: no, state: 'WAIT_USER_CONFIRM' });
    expect(world.sim.transfers()).toHaveLength(1);
    world.sim.confirmTransfer(no);
    const [told] = await world.sim.deliver('transfer', no);
    expect(told?.statusAnswered).toBe(200);
    expect((await run.transfer(no)).state).toBe('SUCCESS');
    expect(await run.effects(no, 'transfer')).toEqual(['transfer.accepted', 'transfer.succeeded']);
  });
});
