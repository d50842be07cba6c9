/**
 * Payment codes over real HTTP: charged once, whatever is lost or repeated; unsettled ones asked about every
 * five seconds and reversed; the code itself is nowhere but in the one request.
 */
import type { Simulator } from '../../simulator';
import { createGate } from '../helpers/faultyStore';
import { startProxy } from '../helpers/proxy';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  refundBody,
  skewedClock,
  startService,
  startSim,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';

const CODEPAY = '/wx-pay/wxpay_order_codepay';
const REVERSE = '/wx-pay/wxpay_reverse';
const CHARGE = 'POST /v3/pay/transactions/codepay';
const REVERSAL = 'POST /v3/pay/transactions/out-trade-no/{no}/reverse';

let codes = 0;
/** A code as a phone shows it: 18 digits, another one every time. */
const code = (): string =>
  `13${String(Date.now()).slice(-8)}${String((codes += 1)).padStart(8, '0')}`;

const body = (no: string, more: Json = {}): Json => ({
  out_trade_no: no,
  description: '门店商品',
  amount: { total: 100, currency: 'CNY' },
  payer: { auth_code: code() },
  scene_info: { device_id: 'POS-1', device_ip: '10.0.0.9', store_info: { id: 'S1', out_id: 'O1' } },
  ...more,
});

async function start(mode: 'sdk' | 'gateway' = 'sdk') {
  const sim = await startSim();
  const clock = skewedClock();
  const run = await startService({ sim, clock, mode });
  const advance = async (ms: number): Promise<void> => {
    clock.offsetMs += ms;
    await sim.clock.advance(ms);
  };
  const sweep = (): Promise<Answer> => run.call('/wx-pay/wxpay_sweep', {}, operator());
  return { sim, run, advance, sweep };
}

const pay = (run: Running, no: string, more: Json = {}): Promise<Answer> =>
  run.call(CODEPAY, body(no, more), operator());
const reverse = (run: Running, no: string): Promise<Answer> =>
  run.call(REVERSE, { out_trade_no: no }, operator());
const asked = (sim: Simulator, end: string): number =>
  sim.requests.filter((r) => r.method === 'POST' && r.path.endsWith(end)).length;

describe.each(['sdk', 'gateway'] as const)('signMode %s', (mode) => {
  test('a code is charged, the number repeated, queried, refunded', async () => {
    const { sim, run } = await start(mode);
    const no = number('C');
    const paid = await pay(run, no, { attach: 'a', goods_tag: 'g' });
    expect(paid).toMatchObject({ status: 200, body: { code: 0, data: { status: 200 } } });
    expect(dataOf(paid)).toEqual(sim.order(no));
    expect(await run.order(no)).toMatchObject({
      state: 'PAID',
      product: 'codepay',
      made_by: 'operator',
      payment: { total: 100, trade_type: 'MICROPAY', proof: 'signature', source: 'reply' },
      agenda: [],
    });
    expect(await run.effects(no)).toEqual(['order.paid']);

    // The same number with the code of the next minute: told from the record, not charged.
    const again = await pay(run, no, { attach: 'a', goods_tag: 'g' });
    expect(again.status).toBe(200);
    const { trade_state, transaction_id, amount } = dataOf(paid);
    expect(dataOf(again)).toMatchObject({ out_trade_no: no, trade_state, transaction_id });
    expect((dataOf(again).amount as Json).total).toBe((amount as Json).total);
    expect(asked(sim, '/codepay')).toBe(1);

    const refund = await run.call(
      '/wx-pay/wxpay_refund',
      refundBody(no, number('R'), 40),
      operator(),
    );
    expect(refund.status).toBe(200);
    expect(dataOf(await pay(run, no, { attach: 'a', goods_tag: 'g' })).trade_state).toBe('REFUND');
  });

  test('20 tills with one number: one charge, one answer', async () => {
    const { sim, run } = await start(mode);
    const no = number('C');
    const all = await Promise.all(Array.from({ length: 20 }, () => pay(run, no)));
    expect(all.map((a) => a.status)).toEqual(Array(20).fill(200));
    expect(new Set(all.map((a) => dataOf(a).transaction_id)).size).toBe(1);
    expect(asked(sim, '/codepay')).toBe(1);
    expect(await run.effects(no)).toEqual(['order.paid']);
  });
});

test('other facts, or a number of another product: refused without asking WeChat', async () => {
  const { sim, run } = await start();
  const no = number('C');
  await pay(run, no);
  for (const more of [{ amount: { total: 101 } }, { description: '另' }, { scene_info: {} }]) {
    expect(await pay(run, no, more)).toMatchObject({
      status: 409,
      body: { error: 'ORDER_PARAMS_DIFFER' },
    });
  }
  const mine = number('C');
  await run.call('/wx-pay/wxpay_order', orderBody(mine), payer());
  expect((await pay(run, mine)).body.error).toBe('ORDER_PARAMS_DIFFER');
  const taken = await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
  expect(taken).toMatchObject({ status: 409, body: { error: 'ORDER_TAKEN' } });
  expect(asked(sim, '/codepay')).toBe(1);
});

test('who may, and what may not be sent', async () => {
  const { sim, run } = await start();
  for (const path of [CODEPAY, REVERSE]) {
    expect((await run.call(path, body(number('C')), payer())).status).toBe(403);
    expect((await run.call(path, body(number('C')))).status).toBe(401);
  }
  const wrong: [Json, string][] = [
    [{ payer: { auth_code: '161234567890123456' } }, 'payer.auth_code'],
    [{ payer: { auth_code: '13123456789012345' } }, 'payer.auth_code'],
    [{ payer: { auth_code: code(), openid: 'o' } }, 'payer.openid'],
    [{ notify_url: 'https://x.example.com/' }, 'notify_url'],
    [{ appid: 'wx1' }, 'appid'],
    [{ time_expire: '2030-01-01T00:00:00+08:00' }, 'time_expire'],
    [{ amount: { total: 0 } }, 'amount.total'],
  ];
  for (const [more, field] of wrong) {
    const answer = await pay(run, number('C'), more);
    expect(answer).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
    expect(answer.body.msg).toContain(field);
    expect(answer.text).not.toContain('1612345');
  }
  expect(sim.requests.filter((r) => r.method === 'POST')).toEqual([]);
});

test('the code is in the request alone: not in record, reply, log, or an echo of WeChat’s', async () => {
  const { sim, run } = await start();
  const secret = code();
  const [good, refused] = [number('C'), number('C')];
  const paid = await pay(run, good, { payer: { auth_code: secret } });
  sim.faults.add({
    route: CHARGE,
    kind: 'status',
    status: 400,
    body: { code: 'PARAM_ERROR', message: `auth_code ${secret} 无效` },
  });
  const no = await pay(run, refused, { payer: { auth_code: secret } });
  expect(no).toMatchObject({ status: 400, body: { data: { code: 'PARAM_ERROR' } } });
  const shown = await run.get(`/wx-pay/records/order/${good}`, operator());
  const seen = [paid.text, no.text, shown.text, JSON.stringify(run.logs)];
  seen.push(JSON.stringify([await run.order(good), await run.order(refused)]));
  for (const text of seen) expect(text).not.toContain(secret);
  expect(sim.requests.some((r) => r.body.includes(secret))).toBe(true);
});

describe('the outcome is not known', () => {
  test.each(['USERPAYING', 'USERPAYING_202'] as const)(
    '%s: asked again, then paid',
    async (how) => {
      const { sim, run, advance, sweep } = await start();
      sim.switches.codepayResult = how;
      const no = number('C');
      const first = await pay(run, no);
      expect(first).toMatchObject({ status: 202, body: { code: 0, data: { status: 202 } } });
      expect(dataOf(first)).toMatchObject({ out_trade_no: no, state: 'PROCESSING' });
      expect(await pay(run, no)).toMatchObject({ status: 202 });
      await advance(5_001);
      await sweep();
      expect((await run.order(no)).state).toBe('CREATED');
      sim.pay(no);
      await advance(5_001);
      await sweep();
      expect(await run.order(no)).toMatchObject({ state: 'PAID', agenda: [] });
      expect((await pay(run, no)).status).toBe(200);
      expect(asked(sim, '/codepay')).toBe(1);
      expect(await run.effects(no)).toEqual(['order.paid']);
    },
  );

  test('paid, but the answer was lost: the next repeat of the number says so', async () => {
    const { sim, run } = await start();
    sim.faults.add({ route: CHARGE, kind: 'drop_after' });
    const no = number('C');
    expect(await pay(run, no)).toMatchObject({ status: 202 });
    const again = await pay(run, no);
    expect(again.status).toBe(200);
    expect(dataOf(again)).toEqual(sim.order(no));
    // The answer was lost; the till charged one code, once.
    expect(sim.orders()).toHaveLength(1);
    expect(await run.effects(no)).toEqual(['order.paid']);
  });

  test.each([false, true])('charged behind a 4xx, signed %s: nothing lost', async (signErrors) => {
    const { sim, run, advance, sweep } = await start();
    sim.switches.signErrors = signErrors;
    sim.faults.add({ route: CHARGE, kind: 'status_after', status: 400 });
    const no = number('C');
    const refused = await pay(run, no);
    expect(refused).toMatchObject({ status: 400, body: { error: 'WECHATPAY_REJECTED' } });
    expect((await run.order(no)).state).toBe('CREATED');
    await advance(5_001);
    await sweep();
    expect((await run.order(no)).state).toBe('PAID');
  });

  test('a signed refusal is no verdict either: asked, then reversed', async () => {
    const { sim, run, advance, sweep } = await start();
    sim.switches.signErrors = true;
    const used = code();
    await pay(run, number('C'), { payer: { auth_code: used } });
    const no = number('C');
    expect((await pay(run, no, { payer: { auth_code: used } })).status).toBe(400);
    await advance(30_001);
    await sweep();
    expect((await run.order(no)).state).toBe('REVERSING');
    // WeChat signs that it holds no such number, but a late copy might still arrive for some minutes.
    await advance(5 * 60_000);
    await sweep();
    expect((await run.order(no)).state).toBe('REVERSING');
    await advance(6 * 60_000);
    await sweep();
    expect(await run.order(no)).toMatchObject({ state: 'CLOSED', agenda: [] });
    expect(await run.effects(no)).toEqual(['order.closed']);
  });

  test('PAYERROR closes it: the till hears no success', async () => {
    const { sim, run } = await start();
    sim.switches.codepayResult = 'PAYERROR';
    const no = number('C');
    for (let n = 0; n < 2; n++) {
      expect(await pay(run, no)).toMatchObject({ status: 409, body: { error: 'ORDER_CLOSED' } });
    }
    expect(await run.effects(no)).toEqual(['order.closed']);
  });

  test('nobody pays: five queries, REVERSING before the first reversal, repeated until proven', async () => {
    const { sim, run, advance, sweep } = await start();
    sim.switches.codepayResult = 'USERPAYING';
    const no = number('C');
    await pay(run, no);
    for (let n = 0; n < 5; n++) {
      await advance(5_001);
      await sweep();
    }
    expect(sim.requests.filter((r) => r.method === 'GET')).toHaveLength(5);
    expect((await run.order(no)).state).toBe('CREATED');
    sim.faults.add({ route: REVERSAL, kind: 'drop_before', times: 3 });
    await advance(5_001);
    await sweep();
    expect(await run.order(no)).toMatchObject({ state: 'REVERSING' });
    expect(sim.order(no)?.trade_state).toBe('USERPAYING');
    await advance(15_001);
    await sweep();
    expect(await run.order(no)).toMatchObject({ state: 'CLOSED', agenda: [] });
    expect(sim.order(no)?.trade_state).toBe('REVOKED');
    expect(await run.effects(no)).toEqual(['order.closed']);
    expect(await pay(run, no)).toMatchObject({ status: 409, body: { error: 'ORDER_CLOSED' } });
  });

  test('paid in the last moment, found by the query before the reversal: it stays paid', async () => {
    const { sim, run, advance, sweep } = await start();
    sim.switches.codepayResult = 'USERPAYING';
    const no = number('C');
    await pay(run, no);
    await advance(29_000);
    sim.pay(no);
    await advance(1_001);
    await sweep();
    expect((await run.order(no)).state).toBe('PAID');
    expect(asked(sim, '/reverse')).toBe(0);
  });

  test('paid after the sweep asked and before it reverses: proven meanwhile, left alone', async () => {
    const sim = await startSim();
    const proxy = await startProxy(sim);
    const clock = skewedClock();
    const run = await startService({ sim, clock, env: { wxPayBaseUrl: proxy.url } });
    sim.switches.codepayResult = 'USERPAYING';
    const no = number('C');
    await pay(run, no);
    const record = await run.order(no);
    const agenda = record.agenda.filter((item) => item.do === 'reverse');
    await run.store.replace({ ...record, agenda, version: record.version + 1 }, record.version);
    clock.offsetMs += 30_001;
    await sim.clock.advance(30_001);
    const gate = createGate();
    proxy.hooks.after = (call) => (call.startsWith('GET') ? gate.pass() : undefined);
    const sweeping = run.call('/wx-pay/wxpay_sweep', {}, operator());
    await gate.reached;
    delete proxy.hooks.after;
    sim.pay(no);
    expect((await pay(run, no)).status).toBe(200);
    gate.open();
    await sweeping;
    expect(await run.order(no)).toMatchObject({ state: 'PAID', agenda: [] });
    expect(proxy.calls.filter((call) => call.endsWith('/reverse'))).toEqual([]);
    expect(await run.effects(no)).toEqual(['order.paid']);
  });

  test('an hour without a sweep: both are in the record since before the charge', async () => {
    const { sim, run, advance, sweep } = await start();
    sim.switches.codepayResult = 'USERPAYING';
    const no = number('C');
    await pay(run, no);
    const record = await run.order(no);
    expect(record.agenda.map((item) => item.do).sort()).toEqual(['query', 'reverse']);
    await advance(3600_000);
    await sweep();
    expect((await run.order(no)).state).toBe('CLOSED');
    expect(sim.order(no)?.trade_state).toBe('REVOKED');
  });
});

describe('an operator reverses', () => {
  test('sooner than 15 s is refused with when to come again; then a paid one goes back', async () => {
    const { sim, run, advance, sweep } = await start();
    const no = number('C');
    await pay(run, no);
    const early = await reverse(run, no);
    expect(early).toMatchObject({ status: 409, body: { error: 'MOVE_FORBIDDEN' } });
    expect(Number(early.headers['retry-after'])).toBeGreaterThan(0);
    expect((await run.order(no)).state).toBe('PAID');
    expect(asked(sim, '/reverse')).toBe(0);
    await advance(15_001);
    const all = await Promise.all(Array.from({ length: 20 }, () => reverse(run, no)));
    expect(all.map((a) => a.status)).toEqual(Array(20).fill(200));
    expect(dataOf(all[0] as Answer)).toMatchObject({ out_trade_no: no });
    expect(await run.order(no)).toMatchObject({ state: 'CLOSED', payment: { total: 100 } });
    expect(await run.effects(no)).toEqual(['order.paid', 'order.closed']);
    expect((await reverse(run, no)).status).toBe(200);
    await advance(3600_000);
    await sweep();
    expect((await run.order(no)).state).toBe('CLOSED');
  });

  test('its answer is lost: not said to be done until it is proven, no refund beside it', async () => {
    const { sim, run, advance } = await start();
    sim.switches.codepayResult = 'USERPAYING';
    const no = number('C');
    await pay(run, no);
    await advance(15_001);
    sim.pay(no);
    // The reversal is carried out and its answer lost: nothing proven, so nothing said but "not yet".
    sim.faults.add({ route: REVERSAL, kind: 'drop_after', times: 3 });
    expect(await reverse(run, no)).toMatchObject({ status: 202 });
    expect((await run.order(no)).state).toBe('REVERSING');
    const refund = refundBody(no, number('R'), 10);
    expect((await run.call('/wx-pay/wxpay_refund', refund, operator())).status).toBe(409);
    expect((await reverse(run, no)).status).toBe(200);
    expect((await run.order(no)).state).toBe('CLOSED');
    expect(await run.effects(no)).toEqual(['order.closed']);
  });

  test('a query that saw it paid before, and is heard after, delivers nothing', async () => {
    const sim = await startSim();
    const proxy = await startProxy(sim);
    const clock = skewedClock();
    const run = await startService({ sim, clock, env: { wxPayBaseUrl: proxy.url } });
    sim.switches.codepayResult = 'USERPAYING';
    const no = number('C');
    await pay(run, no);
    clock.offsetMs += 15_001;
    await sim.clock.advance(15_001);
    sim.pay(no);
    const gate = createGate();
    proxy.hooks.after = (call) => (call.startsWith('GET') ? gate.pass() : undefined);
    const query = '/wx-pay/wxpay_query_order_by_out_trade_no';
    const asking = run.call(query, { out_trade_no: no }, operator());
    await gate.reached;
    expect((await reverse(run, no)).status).toBe(200);
    gate.open();
    expect(dataOf(await asking).trade_state).toBe('SUCCESS');
    const record = await run.order(no);
    expect(record).toMatchObject({ state: 'CLOSED', payment: { total: 100 }, agenda: [] });
    expect(await run.effects(no)).toEqual(['order.closed']);
  });

  test('what is no payment-code order, unknown, refunded or a week old is not reversed', async () => {
    const { sim, run, advance } = await start();
    const [other, refunded, old] = [number('C'), number('C'), number('C')];
    await run.call('/wx-pay/wxpay_order', orderBody(other), payer());
    await pay(run, refunded);
    await pay(run, old);
    await run.call('/wx-pay/wxpay_refund', refundBody(refunded, number('R'), 1), operator());
    await advance(15_001);
    expect(await reverse(run, number('C'))).toMatchObject({ status: 404 });
    for (const no of [other, refunded]) {
      expect((await reverse(run, no)).body.error).toBe('MOVE_FORBIDDEN');
    }
    await advance(7 * 24 * 3600_000);
    expect((await reverse(run, old)).body.error).toBe('MOVE_FORBIDDEN');
    expect(asked(sim, '/reverse')).toBe(0);
    const close = await run.call('/wx-pay/wxpay_close_order', { out_trade_no: old }, operator());
    expect(close).toMatchObject({ status: 409, body: { error: 'MOVE_FORBIDDEN' } });
    expect(asked(sim, '/close')).toBe(0);
  });
});

describe('a payment code that was reversed', () => {
  test('is not refundable: nothing is sent, recorded or told', async () => {
    const { sim, run, advance } = await start();
    const no = number('C');
    expect((await pay(run, no)).status).toBe(200);
    await advance(16_000);
    expect((await reverse(run, no)).status).toBe(200);
    const before = await run.order(no);
    expect(before).toMatchObject({ state: 'CLOSED', payment: { total: 100 } });
    const asked = await run.call(
      '/wx-pay/wxpay_refund',
      refundBody(no, number('R'), 40),
      operator(),
    );
    expect(asked).toMatchObject({ status: 409, body: { error: 'MOVE_FORBIDDEN' } });
    expect(await run.order(no)).toEqual(before);
    expect(sim.refunds()).toEqual([]);
  });
});

test('what WeChat never reversed, and proves to be paid after its seven days, can be refunded', async () => {
  const { sim, run, advance, sweep } = await start();
  const no = number('C');
  await pay(run, no);
  await advance(20_000);
  const refusal = { code: 'INVALID_REQUEST', message: 'x' };
  sim.faults.add({ route: REVERSAL, kind: 'status', status: 400, body: refusal, times: 99 });
  expect((await reverse(run, no)).status).toBe(400);
  const early = await run.call(
    '/wx-pay/wxpay_refund',
    refundBody(no, number('R'), 100),
    operator(),
  );
  expect([early.status, early.body.error]).toEqual([409, 'MOVE_FORBIDDEN']);
  await advance(7 * 24 * 3600_000);
  await sweep();
  expect(await run.order(no)).toMatchObject({ state: 'PAID', agenda: [] });
  expect(await run.effects(no)).toEqual(['order.paid']);
  expect(run.alarms()).toMatchObject([{ no, code: 'order.not_reversed' }]);
  const back = await run.call('/wx-pay/wxpay_refund', refundBody(no, number('R'), 100), operator());
  expect(back.status).toBe(200);
});
