/** Orders under trouble: lost answers, races, wrong clocks, refusals, expiry. One order at WeChat, one truth here. */
import type { Simulator } from '../../simulator';
import { startProxy } from '../helpers/proxy';
import {
  dataOf,
  number,
  operator,
  orderBody,
  OTHER,
  payer,
  PAYER,
  placeAndPay,
  skewedClock,
  startService,
  startSim,
  temporaryDatabase,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';
import { createGate } from '../helpers/faultyStore';

const ORDER = '/wx-pay/wxpay_order';
const JSAPI = 'POST /v3/pay/transactions/jsapi';
const QUERY = '/wx-pay/wxpay_query_order_by_out_trade_no';

const asked = (sim: Simulator, route = JSAPI): number =>
  sim.requests.filter((r) => `${r.method} ${r.path}`.startsWith(route)).length;

/** Service and simulator on one clock that a test moves. */
async function startMoving(env: Record<string, string> = {}) {
  const sim = await startSim();
  const clock = skewedClock();
  const run = await startService({ sim, clock, env });
  const advance = async (ms: number): Promise<void> => {
    clock.offsetMs += ms;
    await sim.clock.advance(ms);
  };
  const sweep = (): Promise<Answer> => run.call('/wx-pay/wxpay_sweep', {}, operator());
  return { sim, clock, run, advance, sweep };
}

const place = (run: Running, no: string, more: Json = {}, who = PAYER): Promise<Answer> =>
  run.call(ORDER, { ...orderBody(no), ...more }, payer(who));

describe.each(['memory:', 'file:'])('on %s', (kind) => {
  test('20 identical orders at once: one call to WeChat, one prepay for all', async () => {
    const sim = await startSim();
    const databaseUrl = kind === 'file:' ? temporaryDatabase() : kind;
    const run = await startService({ sim, env: { databaseUrl } });
    const no = number('X');
    const all = await Promise.all(Array.from({ length: 20 }, () => place(run, no)));
    expect(all.map((answer) => answer.status)).toEqual(Array(20).fill(200));
    expect(new Set(all.map((answer) => dataOf(answer).prepay_id)).size).toBe(1);
    expect(asked(sim)).toBe(1);
  });
});

describe('the answer to an order is lost after WeChat has taken it', () => {
  test.each(['drop_after', 'hang', 'status_after'] as const)('%s', async (kind) => {
    const sim = await startSim();
    const run = await startService({ sim });
    // A hanging call is given up after 5 s: one is enough to show that silence is not a verdict.
    const times = kind === 'hang' ? 1 : 3;
    sim.faults.add({ route: JSAPI, kind, times });
    const no = number('X');
    const first = await place(run, no);
    if (kind !== 'hang') {
      expect(first).toMatchObject({ status: 502, body: { code: -1 } });
      expect((await run.order(no)).state).toBe('CREATED');
    }
    const again = await place(run, no);
    expect(again.status).toBe(200);
    expect((await run.order(no)).state).toBe('PENDING');
    expect(sim.orders()).toHaveLength(1);
    const bodies = sim.requests.filter((r) => r.path.endsWith('/jsapi')).map((r) => r.body);
    expect(new Set(bodies).size).toBe(1);
    expect(await run.effects(no)).toEqual(['order.created']);
  });
});

describe('while one caller asks', () => {
  test('others wait for his answer, and a callback that overtakes it wins', async () => {
    const sim = await startSim();
    const proxy = await startProxy(sim);
    const run = await startService({ sim, env: { wxPayBaseUrl: proxy.url } });
    const gate = createGate();
    proxy.hooks.after = (call) => (call === JSAPI ? gate.pass() : undefined);
    const no = number('X');
    const placing = place(run, no);
    await gate.reached;
    sim.pay(no);
    const [told] = await sim.deliver('payment', no);
    expect(told?.statusAnswered).toBe(200);
    gate.open();
    expect(await placing).toMatchObject({ status: 409, body: { error: 'ORDER_PAID' } });
    expect((await run.order(no)).state).toBe('PAID');
    expect(await run.effects(no)).toEqual(['order.paid']);
  });

  test('a caller who never comes back is taken over after his lease, with the same bytes', async () => {
    const sim = await startSim();
    const proxy = await startProxy(sim);
    const clock = skewedClock();
    const wait = (ms: number): Promise<void> => {
      clock.offsetMs += ms;
      return Promise.resolve();
    };
    const run = await startService({ sim, clock, wait, env: { wxPayBaseUrl: proxy.url } });
    const gate = createGate();
    proxy.hooks.before = (call) => (call === JSAPI ? gate.pass() : undefined);
    const no = number('X');
    const lost = place(run, no);
    await gate.reached;
    expect(await place(run, no)).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5' },
      body: { error: 'ORDER_BUSY' },
    });
    delete proxy.hooks.before;
    clock.offsetMs += 5_001;
    expect((await place(run, no)).status).toBe(200);
    gate.open();
    // The late answer finds the order pending and adds nothing to it.
    expect((await lost).status).toBe(200);
    expect(sim.orders()).toHaveLength(1);
    expect(await run.effects(no)).toEqual(['order.created']);
  });
});

describe('a clock that is wrong', () => {
  test.each([10, -10])(
    'the service’s, by %d minutes: refused, unproven, put right',
    async (off) => {
      const sim = await startSim();
      const clock = skewedClock();
      const run = await startService({ sim, clock, env: { orderExpireMinutes: '60' } });
      clock.offsetMs = off * 60_000;
      const no = number('X');
      const refused = await place(run, no);
      expect(refused).toMatchObject({ status: 502, body: { error: 'WECHATPAY_REJECTED' } });
      expect((await run.order(no)).state).toBe('CREATED');
      clock.offsetMs = 0;
      await placeAndPay(run, sim, no);
      clock.offsetMs = off * 60_000;
      const [early] = await sim.deliver('payment', no);
      expect(early?.statusAnswered).toBe(401);
      expect((await run.order(no)).state).toBe('PENDING');
      clock.offsetMs = 0;
      const [told] = await sim.deliver('payment', no);
      expect(told?.statusAnswered).toBe(200);
      expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
    },
  );

  test('WeChat’s answers dated ten minutes ago are not believed', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    sim.faults.add({ route: JSAPI, kind: 'stale_timestamp', times: 3 });
    const no = number('X');
    expect(await place(run, no)).toMatchObject({
      status: 502,
      body: { error: 'WECHATPAY_UNPROVEN' },
    });
    expect((await place(run, no)).status).toBe(200);
  });

  test('a callback signed ten minutes ago, or ten minutes ahead, is 401', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const no = number('X');
    await placeAndPay(run, sim, no);
    for (const off of [-600, 600]) {
      const timestamp = Math.floor(Date.now() / 1000) + off;
      const { body, headers } = sim.makeNotification('payment', sim.order(no) ?? {}, { timestamp });
      const answer = await run.send('POST', '/wechatpay/order', body, headers);
      expect(answer).toMatchObject({ status: 401, body: { code: 'FAIL' } });
    }
    expect((await run.order(no)).state).toBe('PENDING');
  });
});

describe('the same number again', () => {
  test('other facts → ORDER_PARAMS_DIFFER, paid → ORDER_PAID, closed → ORDER_CLOSED', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const no = number('X');
    await place(run, no);
    for (const change of [
      { amount: { total: 101 } },
      { description: '另一商品' },
      { attach: 'x' },
      { useServiceAccount: true },
    ]) {
      expect(await place(run, no, change)).toMatchObject({
        status: 409,
        body: { error: 'ORDER_PARAMS_DIFFER' },
      });
    }
    const native = await run.call('/wx-pay/wxpay_order_native', orderBody(no), payer());
    expect(native).toMatchObject({ status: 409, body: { error: 'ORDER_PARAMS_DIFFER' } });
    sim.pay(no);
    await sim.deliver('payment', no);
    expect(await place(run, no)).toMatchObject({ status: 409, body: { error: 'ORDER_PAID' } });
    const close = await run.call('/wx-pay/wxpay_close_order', { out_trade_no: no }, payer());
    expect(close).toMatchObject({ status: 409, body: { error: 'ORDER_PAID' } });
    const other = number('X');
    await place(run, other);
    await run.call('/wx-pay/wxpay_close_order', { out_trade_no: other }, payer());
    expect(await place(run, other)).toMatchObject({ status: 409, body: { error: 'ORDER_CLOSED' } });
    expect(sim.orders()).toHaveLength(2);
  });

  test('paid at WeChat, unknown here: the refusal is looked into and says ORDER_PAID', async () => {
    const { sim, run, advance } = await startMoving({ orderExpireMinutes: '600' });
    const no = number('X');
    await placeAndPay(run, sim, no);
    // Too old to hand out again: WeChat is asked, and says that it is paid.
    await advance(116 * 60_000);
    expect(await place(run, no)).toMatchObject({ status: 409, body: { error: 'ORDER_PAID' } });
    expect((await run.order(no)).state).toBe('PAID');
  });

  test('a prepay with less than five minutes left is asked for again', async () => {
    const { sim, run, advance } = await startMoving({ orderExpireMinutes: '600' });
    const no = number('X');
    const first = dataOf(await place(run, no)).prepay_id;
    await advance(114 * 60_000);
    expect(dataOf(await place(run, no)).prepay_id).toBe(first);
    await advance(2 * 60_000);
    expect(dataOf(await place(run, no)).prepay_id).not.toBe(first);
    expect(await run.effects(no)).toEqual(['order.created']);
    expect(sim.orders()).toHaveLength(1);
  });

  test('refused by WeChat’s own signature: REJECTED, and the number may be repeated, corrected', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    sim.switches.signErrors = true;
    sim.registerOpenid(PAYER, 'wxaaaaaaaaaaaaaaaa');
    const no = number('X');
    const wrong = { attach: 'old', description: '旧' };
    expect((await place(run, no, wrong)).status).toBe(400);
    expect((await run.order(no)).state).toBe('REJECTED');
    sim.registerOpenid(PAYER, sim.credentials.appId);
    const corrected = await place(run, no, { amount: { total: 250 } });
    expect(corrected.status).toBe(200);
    const record = await run.order(no);
    expect(record).toMatchObject({ state: 'PENDING', amount: { total: 250 } });
    expect(record.attach).toBeUndefined();
    expect((await place(run, no, { amount: { total: 250 } })).status).toBe(200);
    sim.pay(no);
    await sim.deliver('payment', no);
    expect((await run.order(no)).state).toBe('PAID');
  });

  test('refused without a signature: nothing is proven, only the same facts may be repeated', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    sim.faults.add({ route: JSAPI, kind: 'status', status: 403 });
    const no = number('X');
    expect(await place(run, no)).toMatchObject({
      status: 403,
      body: { error: 'WECHATPAY_REJECTED', data: { status: 403 } },
    });
    expect((await run.order(no)).state).toBe('CREATED');
    expect(await place(run, no, { amount: { total: 99 } })).toMatchObject({
      status: 409,
      body: { error: 'ORDER_PARAMS_DIFFER' },
    });
    expect((await place(run, no)).status).toBe(200);
  });
});

describe('nobody tells us', () => {
  test('a lost callback is found by the sweep within seconds', async () => {
    const { sim, run, advance, sweep } = await startMoving();
    const no = number('X');
    await placeAndPay(run, sim, no);
    await advance(5_001);
    expect((await sweep()).body).toMatchObject({ data: { data: { done: 1, left: 0 } } });
    expect((await run.order(no)).state).toBe('PAID');
    const [late] = await sim.deliver('payment', no);
    expect(late?.statusAnswered).toBe(200);
    expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
  });

  test('an unpaid order is queried, closed and queried at its expiry', async () => {
    const { sim, run, advance, sweep } = await startMoving();
    const no = number('X');
    await place(run, no);
    await advance(10 * 60_000 + 2_000);
    await sweep();
    expect(
      sim.requests.slice(-3).map((r) => `${r.method} ${r.path.split('/').pop() ?? ''}`),
    ).toEqual([
      expect.stringMatching(`^GET ${no}`),
      'POST close',
      expect.stringMatching(`^GET ${no}`),
    ]);
    expect((await run.order(no)).state).toBe('CLOSED');
    expect(sim.order(no)?.trade_state).toBe('CLOSED');
    expect(await run.effects(no)).toEqual(['order.created', 'order.closed']);
    expect(await place(run, no)).toMatchObject({ status: 409, body: { error: 'ORDER_CLOSED' } });
  });

  test('an order paid in its last second is PAID at its expiry, not closed', async () => {
    const { sim, run, advance, sweep } = await startMoving();
    const no = number('X');
    await place(run, no);
    await advance(9 * 60_000);
    sim.pay(no);
    await advance(60_000 + 2_000);
    await sweep();
    expect((await run.order(no)).state).toBe('PAID');
    expect(asked(sim, 'POST /v3/pay/transactions/out-trade-no')).toBe(0);
  });

  test('an order WeChat never got is closed at its expiry once WeChat proves it', async () => {
    const { sim, run, advance, sweep } = await startMoving();
    sim.switches.closeUnknown = 204;
    sim.faults.add({ route: JSAPI, kind: 'drop_before', times: 3 });
    const no = number('X');
    expect((await place(run, no)).status).toBe(502);
    await advance(10 * 60_000 + 2_000);
    await sweep();
    expect((await run.order(no)).state).toBe('CLOSED');
    expect(await place(run, no)).toMatchObject({ status: 409, body: { error: 'ORDER_CLOSED' } });
  });

  test('with WeChat out of reach at expiry nothing is decided, and it is tried again', async () => {
    const { sim, run, advance, sweep } = await startMoving();
    const no = number('X');
    await place(run, no);
    await advance(10 * 60_000 + 2_000);
    sim.faults.add({ route: /./, kind: 'status', status: 500, times: 50 });
    await sweep();
    expect((await run.order(no)).state).toBe('PENDING');
    sim.faults.clear();
    await advance(2 * 60_000);
    await sweep();
    expect((await run.order(no)).state).toBe('CLOSED');
  });
});

describe('limits', () => {
  test('a payer’s new orders are counted, operators’ and repeats are not', async () => {
    const sim = await startSim();
    const run = await startService({ sim, env: { ordersPerMinute: '2' } });
    const [a, b, c] = [number('X'), number('X'), number('X')];
    expect((await place(run, a)).status).toBe(200);
    expect((await place(run, b)).status).toBe(200);
    expect(await place(run, c)).toMatchObject({ status: 429, body: { error: 'RATE_LIMITED' } });
    expect((await place(run, a)).status).toBe(200);
    expect((await place(run, c, {}, OTHER)).status).toBe(200);
    const own = { ...orderBody(number('X')), payer: { openid: PAYER } };
    expect((await run.call(ORDER, own, operator())).status).toBe(200);
  });

  test('with requirePreparedOrders a payer pays only what was prepared, at that price', async () => {
    const sim = await startSim();
    const run = await startService({ sim, env: { requirePreparedOrders: 'true' } });
    const no = number('X');
    expect(await place(run, no)).toMatchObject({
      status: 403,
      body: { error: 'ORDER_NOT_PREPARED' },
    });
    await run.call('/wx-pay/wxpay_prepare_order', orderBody(no), operator());
    expect(await place(run, no, { amount: { total: 1 } })).toMatchObject({
      status: 409,
      body: { error: 'ORDER_PARAMS_DIFFER' },
    });
    expect((await run.call(ORDER, { out_trade_no: no }, payer())).status).toBe(200);
    expect((await place(run, no)).status).toBe(200);
    expect(await place(run, no, {}, OTHER)).toMatchObject({ status: 409 });
    expect(JSON.parse(sim.requests[0]?.body ?? '{}')).toMatchObject({
      amount: { total: 100 },
      payer: { openid: PAYER },
    });
    await placePaidPrepared(run, sim, no);
  });
});

async function placePaidPrepared(run: Running, sim: Simulator, no: string): Promise<void> {
  sim.pay(no);
  const [sent] = await sim.deliver('payment', no);
  expect(sent?.statusAnswered).toBe(200);
  expect(await run.order(no)).toMatchObject({ state: 'PAID', prepared: true, payer: PAYER });
  const query = await run.call(QUERY, { out_trade_no: no }, payer());
  expect(query.status).toBe(200);
}

test('an order refused for an unknown number is not found, no matter who asks', async () => {
  const run = await startService({ sim: await startSim() });
  for (const who of [payer(), operator()]) {
    const answer = await run.call(QUERY, { out_trade_no: number('X') }, who);
    expect(answer).toMatchObject({ status: 404, body: { error: 'ORDER_NOT_FOUND', data: null } });
  }
});
