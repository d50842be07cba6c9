/**
 * Combined orders over real HTTP: all parts paid or none, recorded once whatever is lost, repeated or raced;
 * refunded part by part; nobody's but their payer's.
 */
import type { CombinationRecord } from '../../services/ledger/record';
import type { Simulator } from '../../simulator';
import {
  dataOf,
  number,
  operator,
  orderBody,
  OTHER,
  payer,
  PAYER,
  READ_KEY,
  refundBody,
  skewedClock,
  startService,
  startSim,
  temporaryDatabase,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';

const COMBINE = '/wx-pay/wxpay_order_combine';
const QUERY = '/wx-pay/wxpay_combine_query';
const CLOSE = '/wx-pay/wxpay_combine_close';
const ROUTE = 'POST /v3/combine-transactions/jsapi';

interface Combo {
  readonly no: string;
  readonly parts: readonly [string, string];
}

const combo = (): Combo => ({ no: number('M'), parts: [number('P'), number('P')] });

const part = (out_trade_no: string, total_amount: number, more: Json = {}): Json => ({
  out_trade_no,
  description: `子单 ${String(total_amount)}`,
  amount: { total_amount, currency: 'CNY' },
  ...more,
});

/** Two parts of 60 and 40 fen. */
const body = ({ no, parts }: Combo, more: Json = {}): Json => ({
  type: 'jsapi',
  combine_out_trade_no: no,
  sub_orders: [part(parts[0], 60), part(parts[1], 40, { attach: 'a' })],
  ...more,
});

const place = (run: Running, c: Combo, more: Json = {}, who = PAYER): Promise<Answer> =>
  run.call(COMBINE, body(c, more), payer(who));
const ask = (c: Combo): Json => ({ combine_out_trade_no: c.no });

async function recordOf(run: Running, c: Combo): Promise<CombinationRecord> {
  const record = await run.store.find('combination', c.no);
  if (record === undefined) throw new Error('no such record');
  return record;
}

const effects = async (run: Running, c: Combo): Promise<string[]> =>
  (await recordOf(run, c)).effects.map((effect) => effect.type);

const asked = (sim: Simulator, end: RegExp): number =>
  sim.requests.filter((r) => end.test(`${r.method} ${r.path}`)).length;

async function startMoving(env: Record<string, string> = {}) {
  const sim = await startSim();
  const clock = skewedClock();
  const run = await startService({ sim, clock, env });
  const advance = async (ms: number): Promise<void> => {
    clock.offsetMs += ms;
    await sim.clock.advance(ms);
  };
  const sweep = (): Promise<Answer> => run.call('/wx-pay/wxpay_sweep', {}, operator());
  return { sim, run, advance, sweep };
}

async function placePaid(run: Running, sim: Simulator, c: Combo): Promise<void> {
  expect((await place(run, c)).status).toBe(200);
  sim.pay(c.no);
  const [told] = await sim.deliver('payment', c.no);
  expect(told?.statusAnswered).toBe(200);
}

describe.each(['sdk', 'gateway'] as const)('signMode %s', (mode) => {
  let sim: Simulator;
  let run: Running;
  beforeEach(async () => {
    sim = await startSim();
    run = await startService({ sim, mode, env: { databaseUrl: temporaryDatabase() } });
  });

  test('placed, repeated, paid, told three times, recorded once, refunded part by part', async () => {
    const c = combo();
    const placed = await place(run, c);
    expect(placed).toMatchObject({ status: 200, body: { code: 0, data: { status: 200 } } });
    expect(Object.keys(dataOf(placed)).sort()).toEqual(
      ['appId', 'nonceStr', 'package', 'paySign', 'prepay_id', 'signType', 'timeStamp'].sort(),
    );
    expect(dataOf(await place(run, c)).prepay_id).toBe(dataOf(placed).prepay_id);
    expect(asked(sim, /combine-transactions\/jsapi$/)).toBe(1);
    sim.pay(c.no);
    const told = await sim.deliver('payment', c.no, { times: 3 });
    expect(told.map((one) => one.statusAnswered)).toEqual([200, 200, 200]);
    const record = await recordOf(run, c);
    expect(record).toMatchObject({
      state: 'PAID',
      payer: PAYER,
      agenda: [],
      sub_orders: [{ payment: { total: 60 } }, { payment: { total: 40 } }],
    });
    expect(await effects(run, c)).toEqual(['order.created', 'order.paid']);
    expect(record.effects[1]?.data).toMatchObject({
      kind: 'combination',
      combine_out_trade_no: c.no,
      amount: { total: 100 },
      sub_orders: [{ out_trade_no: c.parts[0], payment: { total: 60 } }, {}],
    });
    const queried = await run.call(QUERY, ask(c), payer());
    expect(dataOf(queried)).toEqual(sim.combination(c.no));
    expect(await place(run, c)).toMatchObject({ status: 409, body: { error: 'ORDER_PAID' } });

    const first = number('R');
    const back = refundBody(c.parts[0], first, 25, 60);
    expect((await run.call('/wx-pay/wxpay_refund', back, operator())).status).toBe(200);
    expect((await recordOf(run, c)).state).toBe('REFUNDING');
    const settled = await sim.deliver('refund', first, { times: 2 });
    expect(settled.map((one) => one.statusAnswered)).toEqual([200, 200]);
    expect((await recordOf(run, c)).state).toBe('PARTIALLY_REFUNDED');
    expect((await effects(run, c)).slice(2)).toEqual(['refund.requested', 'refund.succeeded']);
    expect((await recordOf(run, c)).effects.at(-1)?.data).toMatchObject({
      kind: 'combination',
      combine_out_trade_no: c.no,
      out_trade_no: c.parts[0],
      out_refund_no: first,
      state: 'PARTIALLY_REFUNDED',
    });
    const shown = await run.call('/wx-pay/wxpay_refund_query', { out_refund_no: first }, payer());
    expect(dataOf(shown)).toEqual(sim.refund(first));
    const stranger = payer(OTHER);
    const hidden = await run.call('/wx-pay/wxpay_refund_query', { out_refund_no: first }, stranger);
    expect(hidden.status).toBe(404);
    expect(sim.requests.filter((r) => r.signature !== 'valid')).toEqual([]);
  });

  test('20 identical at once: one call to WeChat, one prepay for all', async () => {
    const c = combo();
    const all = await Promise.all(Array.from({ length: 20 }, () => place(run, c)));
    expect(all.map((answer) => answer.status)).toEqual(Array(20).fill(200));
    expect(new Set(all.map((answer) => dataOf(answer).prepay_id)).size).toBe(1);
    expect(asked(sim, /combine-transactions\/jsapi$/)).toBe(1);
  });
});

test('each type comes back as its own', async () => {
  const run = await startService({ sim: await startSim() });
  const ip = { payer_client_ip: '203.0.113.7' };
  const h5 = { type: 'h5', scene_info: { ...ip, h5_info: { type: 'Wap' } } };
  expect(dataOf(await place(run, combo(), h5))).toHaveProperty('h5_url');
  expect(dataOf(await place(run, combo(), { type: 'native' }))).toHaveProperty('code_url');
  expect(dataOf(await place(run, combo(), { type: 'app' }))).toHaveProperty('prepayid');
  const bare = await place(run, combo(), { type: 'h5', scene_info: ip });
  expect(bare).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
});

describe('refunds of parts', () => {
  test('up to what the part was paid, however many ask at once', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const c = combo();
    await placePaid(run, sim, c);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        run.call('/wx-pay/wxpay_refund', refundBody(c.parts[1], number('R'), 7, 40), operator()),
      ),
    );
    expect(answers.filter((a) => a.status === 200)).toHaveLength(5);
    const refused = answers.filter((a) => a.status !== 200);
    expect(new Set(refused.map((a) => a.body.error))).toEqual(new Set(['REFUND_EXCEEDS']));
    expect(sim.refunds()).toHaveLength(5);
    const other = refundBody(c.parts[0], number('R'), 60, 60);
    expect((await run.call('/wx-pay/wxpay_refund', other, operator())).status).toBe(200);
    const whole = refundBody(c.no, number('R'), 1, 100);
    expect((await run.call('/wx-pay/wxpay_refund', whole, operator())).status).toBe(404);
  });

  test('by transaction_id; a number of another part is taken; same number, other facts differ', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const c = combo();
    await placePaid(run, sim, c);
    const [first, second] = (await recordOf(run, c)).sub_orders;
    const no = number('R');
    const by = (id: unknown, refund: number, total: number): Promise<Answer> =>
      run.call(
        '/wx-pay/wxpay_refund',
        { transaction_id: id, out_refund_no: no, amount: { refund, total } },
        operator(),
      );
    const id = first?.payment?.transaction_id;
    const asked20 = await Promise.all(Array.from({ length: 20 }, () => by(id, 10, 60)));
    expect(new Set(asked20.map((a) => a.status)).size).toBe(1);
    expect((await by(id, 11, 60)).body.error).toBe('REFUND_PARAMS_DIFFER');
    expect((await by(second?.payment?.transaction_id, 10, 40)).body.error).toBe(
      'REFUND_NUMBER_TAKEN',
    );
    expect(sim.refunds()).toHaveLength(1);
  });

  test('its callback lost, the sweep finds the end; its reply lost, the same bytes go again', async () => {
    const { sim, run, advance, sweep } = await startMoving();
    const c = combo();
    await placePaid(run, sim, c);
    sim.faults.add({ route: 'POST /v3/refund/domestic/refunds', kind: 'drop_before', times: 3 });
    const no = number('R');
    const sent = await run.call(
      '/wx-pay/wxpay_refund',
      refundBody(c.parts[0], no, 60, 60),
      operator(),
    );
    expect(sent).toMatchObject({ status: 202, body: { data: { data: { status: 'PROCESSING' } } } });
    for (let n = 0; n < 4; n++) {
      await advance(61_000);
      await sweep();
    }
    expect(await recordOf(run, c)).toMatchObject({ state: 'PARTIALLY_REFUNDED', agenda: [] });
    const bodies = sim.requests.filter((r) => r.path.endsWith('/refunds')).map((r) => r.body);
    expect(new Set(bodies).size).toBe(1);
    expect(sim.refunds()).toHaveLength(1);
    expect((await effects(run, c)).slice(2)).toEqual(['refund.requested', 'refund.succeeded']);
  });

  test('asked before we know of the payment: the combination is asked about first', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const c = combo();
    await place(run, c);
    const early = refundBody(c.parts[0], number('R'), 1, 60);
    expect((await run.call('/wx-pay/wxpay_refund', early, operator())).body.error).toBe(
      'ORDER_NOT_PAID',
    );
    sim.pay(c.no);
    expect((await run.call('/wx-pay/wxpay_refund', early, operator())).status).toBe(200);
    expect((await effects(run, c)).slice(0, 2)).toEqual(['order.created', 'order.paid']);
  });
});

describe('numbers', () => {
  test('a part’s number is no order’s, and an order’s is no part’s', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const c = combo();
    await place(run, c);
    const calls = sim.requests.length;
    const taken = { status: 409, body: { error: 'ORDER_TAKEN' } };
    const [used] = c.parts;
    expect(await run.call('/wx-pay/wxpay_order', orderBody(used), payer())).toMatchObject(taken);
    const prepare = '/wx-pay/wxpay_prepare_order';
    expect(await run.call(prepare, orderBody(used), operator())).toMatchObject(taken);
    const code = { payer: { auth_code: '131234567890123456' }, scene_info: {} };
    const codepay = { ...orderBody(used), ...code };
    expect(await run.call('/wx-pay/wxpay_order_codepay', codepay, operator())).toMatchObject(taken);
    expect(await place(run, { no: number('M'), parts: [number('P'), used] })).toMatchObject(taken);
    expect(sim.requests.length).toBe(calls);
    const plain = number('P');
    await run.call('/wx-pay/wxpay_order', orderBody(plain), payer());
    const free = number('P');
    expect(await place(run, { no: number('M'), parts: [free, plain] })).toMatchObject(taken);
    // The refusal took no number: the free one is still free.
    expect((await run.call('/wx-pay/wxpay_order', orderBody(free), payer())).status).toBe(200);
  });

  test('the same number with other facts, or of another payer', async () => {
    const run = await startService({ sim: await startSim() });
    const c = combo();
    await place(run, c);
    const [a, b] = c.parts;
    for (const more of [
      { sub_orders: [part(a, 61), part(b, 40, { attach: 'a' })] },
      { sub_orders: [part(a, 60), part(b, 40)] },
      { sub_orders: [part(a, 60), part(number('P'), 40, { attach: 'a' })] },
      { type: 'native' },
    ]) {
      expect((await place(run, c, more)).body.error).toBe('ORDER_PARAMS_DIFFER');
    }
    expect(await place(run, c, {}, OTHER)).toMatchObject({ body: { error: 'ORDER_TAKEN' } });
    const twice = { sub_orders: [part(a, 1), part(a, 1)] };
    expect(await place(run, combo(), twice)).toMatchObject({ status: 400 });
  });

  test('refused by WeChat’s own signature: REJECTED, and repeated, corrected', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    sim.switches.signErrors = true;
    sim.registerOpenid(PAYER, 'wxaaaaaaaaaaaaaaaa');
    const c = combo();
    expect((await place(run, c)).status).toBe(400);
    expect((await recordOf(run, c)).state).toBe('REJECTED');
    sim.registerOpenid(PAYER, sim.credentials.appId);
    const better = { sub_orders: [part(c.parts[0], 5), part(number('P'), 6)] };
    expect((await place(run, c, better)).status).toBe(200);
    sim.pay(c.no);
    await sim.deliver('payment', c.no);
    expect(await recordOf(run, c)).toMatchObject({
      state: 'PAID',
      sub_orders: [{ payment: { total: 5 } }, { payment: { total: 6 } }],
    });
  });
});

describe('who and what', () => {
  test('a payer sends only what costs the merchant nothing, and only for himself', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const c = combo();
    const [a, b] = c.parts;
    const wrong: [Json, string][] = [
      [{ time_expire: '2030-01-01T00:00:00+08:00' }, 'time_expire'],
      [{ notify_url: 'https://x.example.com/' }, 'notify_url'],
      [{ combine_appid: 'wx1' }, 'combine_appid'],
      [{ combine_mchid: '1900000009' }, 'combine_mchid'],
      [{ combine_payer_info: { openid: OTHER } }, 'openid'],
      [{ sub_orders: [part(a, 1)] }, 'sub_orders'],
      [{ sub_orders: [part(a, 1), part(b, 0)] }, 'total_amount'],
      [{ sub_orders: [part(a, 1), part(b, 1, { mchid: '1999999999' })] }, 'mchid'],
      ...['goods_tag', 'detail', 'settle_info', 'sub_mchid', 'sub_appid'].map(
        (field): [Json, string] => [
          { sub_orders: [part(a, 1), part(b, 1, { [field]: 'x' })] },
          field,
        ],
      ),
    ];
    for (const [more, field] of wrong) {
      const answer = await place(run, c, more);
      expect(answer).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
      expect(answer.body.msg).toContain(field);
    }
    expect(sim.requests).toEqual([]);
    const own = { mchid: sim.credentials.merchantId };
    const more = { goods_tag: 'g', detail: '{}', settle_info: { profit_sharing: false } };
    const full = {
      combine_payer_info: { openid: PAYER },
      sub_orders: [part(a, 1, own), part(b, 1, more)],
    };
    expect((await run.call(COMBINE, body(c, full), operator())).status).toBe(200);
    expect((await run.call(COMBINE, body(combo()), operator())).status).toBe(400);
  });

  test('it belongs to its payer: to anybody else it is not there', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const c = combo();
    await place(run, c);
    for (const path of [QUERY, CLOSE]) {
      expect(await run.call(path, ask(c), payer(OTHER))).toMatchObject({
        status: 404,
        body: { error: 'ORDER_NOT_FOUND' },
      });
      expect((await run.call(path, ask(c))).status).toBe(401);
      expect((await run.call(path, ask(combo()), payer())).status).toBe(404);
    }
    expect((await run.call(QUERY, ask(c), operator(READ_KEY))).status).toBe(200);
    expect((await run.call(CLOSE, ask(c), operator(READ_KEY))).status).toBe(403);
    expect((await run.call(QUERY, ask(combo()), operator())).body.error).toBe('ORDER_NOT_FOUND');
    const closed = await run.call(CLOSE, ask(c), payer());
    expect(closed).toMatchObject({ status: 200, body: { data: { status: 204, data: null } } });
    expect((await recordOf(run, c)).state).toBe('CLOSED');
    expect(await place(run, c)).toMatchObject({ body: { error: 'ORDER_CLOSED' } });
    const shown = await run.get(`/wx-pay/records/combination/${c.no}`, operator());
    expect(dataOf(shown)).toMatchObject({ kind: 'combination', no: c.no, state: 'CLOSED' });
    expect(shown.text).not.toContain('notify_url');
  });

  test('counted with a payer’s orders; where prices are the merchant’s, his own are refused', async () => {
    const sim = await startSim();
    const few = await startService({ sim, env: { ordersPerMinute: '2' } });
    const first = combo();
    expect((await place(few, first)).status).toBe(200);
    await few.call('/wx-pay/wxpay_order', orderBody(number('P')), payer());
    const over = combo();
    expect((await place(few, over)).body.error).toBe('RATE_LIMITED');
    // Refused before it took a number.
    const [free] = over.parts;
    expect((await few.call('/wx-pay/wxpay_order', orderBody(free), payer(OTHER))).status).toBe(200);
    expect((await place(few, first)).status).toBe(200);
    const burst = await Promise.all(
      Array.from({ length: 10 }, () => place(few, combo(), {}, 'oBurst_0000000000000000004')),
    );
    // Two parts each: the first has used up the minute.
    expect(burst.filter((a) => a.status === 200)).toHaveLength(1);

    const strict = await startService({ sim, env: { requirePreparedOrders: 'true' } });
    const c = combo();
    expect(await place(strict, c)).toMatchObject({
      status: 403,
      body: { error: 'ORDER_NOT_PREPARED' },
    });
    const named = { combine_payer_info: { openid: PAYER } };
    expect((await strict.call(COMBINE, body(c, named), operator())).status).toBe(200);
    expect((await place(strict, c)).status).toBe(200);
    expect((await place(strict, c, {}, OTHER)).body.error).toBe('ORDER_TAKEN');
  });
});

describe('nobody tells us, or not the truth', () => {
  test('the answer to the order is lost: the same bytes again, one combination', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    sim.faults.add({ route: ROUTE, kind: 'drop_after', times: 3 });
    const c = combo();
    expect((await place(run, c)).status).toBe(502);
    expect((await recordOf(run, c)).state).toBe('CREATED');
    expect((await place(run, c)).status).toBe(200);
    const bodies = sim.requests.filter((r) => r.path.endsWith('/jsapi')).map((r) => r.body);
    expect(new Set(bodies).size).toBe(1);
    expect(await effects(run, c)).toEqual(['order.created']);
  });

  test('a lost callback is found by the sweep', async () => {
    const { sim, run, advance, sweep } = await startMoving();
    const c = combo();
    await place(run, c);
    sim.pay(c.no);
    await advance(5_001);
    await sweep();
    expect(await recordOf(run, c)).toMatchObject({ state: 'PAID', agenda: [] });
    const [late] = await sim.deliver('payment', c.no);
    expect(late?.statusAnswered).toBe(200);
    expect(await effects(run, c)).toEqual(['order.created', 'order.paid']);
  });

  test('unpaid at its expiry: queried, closed with exactly its parts, queried', async () => {
    const { sim, run, advance, sweep } = await startMoving();
    const c = combo();
    await place(run, c);
    await advance(10 * 60_000 + 2_000);
    await sweep();
    expect((await recordOf(run, c)).state).toBe('CLOSED');
    expect(sim.combination(c.no)).toMatchObject({
      sub_orders: [{ trade_state: 'CLOSED' }, { trade_state: 'CLOSED' }],
    });
    expect(await effects(run, c)).toEqual(['order.created', 'order.closed']);
    expect((await place(run, c)).body.error).toBe('ORDER_CLOSED');
  });

  test('paid in the last second: PAID at its expiry; closing it says so', async () => {
    const { sim, run, advance, sweep } = await startMoving();
    const [c, d] = [combo(), combo()];
    await place(run, c);
    await place(run, d);
    sim.pay(d.no);
    expect((await run.call(CLOSE, ask(d), payer())).body.error).toBe('ORDER_PAID');
    await advance(9 * 60_000);
    sim.pay(c.no);
    await advance(60_000 + 2_000);
    await sweep();
    expect((await recordOf(run, c)).state).toBe('PAID');
    expect(asked(sim, /\/close$/)).toBe(0);
  });

  test('unproven hints, in gateway mode without ciphertext: asked about, then recorded', async () => {
    const sim = await startSim();
    const run = await startService({ sim, mode: 'gateway' });
    const c = combo();
    await place(run, c);
    const forged = {
      ParsedContent: {
        combine_out_trade_no: c.no,
        combine_mchid: sim.credentials.merchantId,
        sub_orders: c.parts.map((no) => ({ out_trade_no: no, trade_state: 'SUCCESS' })),
      },
      ParsedNotify: { event_type: 'TRANSACTION.SUCCESS' },
    };
    expect((await run.call('/', forged)).status).toBe(401);
    expect((await recordOf(run, c)).state).toBe('PENDING');
    // Asked a moment ago: not again for five seconds, no matter who says so. It may be genuine, so it must come again.
    const queries = asked(sim, /^GET/);
    expect((await run.call('/', forged)).status).toBe(503);
    expect(asked(sim, /^GET/)).toBe(queries);
    const d = combo();
    await place(run, d);
    sim.pay(d.no);
    const hint = { ...forged, ParsedContent: { ...forged.ParsedContent, ...ask(d) } };
    expect((await run.call('/', hint)).status).toBe(200);
    expect((await recordOf(run, d)).state).toBe('PAID');
  });

  test('another person pays a combination that named its payer: MISMATCH, refundable', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const c = combo();
    await place(run, c);
    await run.store.replace(
      { ...(await recordOf(run, c)), payer: OTHER, version: 3 },
      (await recordOf(run, c)).version,
    );
    sim.pay(c.no);
    const [told] = await sim.deliver('payment', c.no);
    expect(told?.statusAnswered).toBe(200);
    expect((await recordOf(run, c)).state).toBe('MISMATCH');
    expect(await effects(run, c)).toEqual(['order.created', 'order.mismatch']);
    expect(run.alarms()).toHaveLength(1);
    const back = refundBody(c.parts[0], number('R'), 60, 60);
    expect((await run.call('/wx-pay/wxpay_refund', back, operator())).status).toBe(200);
    expect((await recordOf(run, c)).state).toBe('MISMATCH');
  });

  test('a combination of another system: adopted by its genuine callback, refundable', async () => {
    const sim = await startSim();
    const before = await startService({ sim });
    const c = combo();
    await place(before, c);
    const run = await startService({ sim });
    sim.pay(c.no);
    const told = await sim.deliver('payment', c.no, { times: 2 });
    expect(told.map((one) => one.statusAnswered)).toEqual([200, 200]);
    expect(await recordOf(run, c)).toMatchObject({ state: 'PAID', made_by: 'adopted' });
    expect(await effects(run, c)).toEqual(['order.adopted']);
    const back = refundBody(c.parts[1], number('R'), 40, 40);
    expect((await run.call('/wx-pay/wxpay_refund', back, operator())).status).toBe(200);
    const taken = await run.call('/wx-pay/wxpay_order', orderBody(c.parts[0]), payer());
    expect(taken.body.error).toBe('ORDER_TAKEN');
  });

  test('a combination of another system: its payer may ask, and nobody else learns of it', async () => {
    const sim = await startSim();
    const before = await startService({ sim });
    const c = combo();
    await place(before, c);
    sim.pay(c.no);
    const run = await startService({ sim });
    const ask = { combine_out_trade_no: c.no };
    const other = await run.call(QUERY, ask, payer(OTHER));
    expect(other).toMatchObject({ status: 404, body: { error: 'ORDER_NOT_FOUND', data: null } });
    expect(await run.store.find('combination', c.no)).toBeUndefined();
    expect((await run.call(QUERY, ask, payer())).status).toBe(200);
    expect(await recordOf(run, c)).toMatchObject({ made_by: 'adopted', payer: PAYER });
    expect(await effects(run, c)).toEqual(['order.adopted']);
  });
});
