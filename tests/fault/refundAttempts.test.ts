/** One refund, sent by anyone and any number of times: it goes out once, and nothing is freed while it still may. */
import type { Simulator } from '../../simulator';
import { createGate } from '../helpers/faultyStore';
import { startProxy } from '../helpers/proxy';
import {
  dataOf,
  handClock,
  number,
  operator,
  payer,
  placePaid,
  refundBody,
  startService,
  startSim,
  temporaryDatabase,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';

const REFUND = '/wx-pay/wxpay_refund';
const QUERY = '/wx-pay/wxpay_refund_query';
const REFUNDS = 'POST /v3/refund/domestic/refunds';
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const refund = (run: Running, no: string, its: string, fen: number): Promise<Answer> =>
  run.call(REFUND, refundBody(no, its, fen), operator());

const release = (run: Running, its: string, more: Json = {}): Promise<Answer> =>
  run.call(REFUND, { out_refund_no: its, release: true, ...more }, operator());

const query = (run: Running, its: string, headers = operator()): Promise<Answer> =>
  run.call(QUERY, { out_refund_no: its }, headers);

const sentTimes = (sim: Simulator): number =>
  sim.requests.filter((r) => `${r.method} ${r.path}` === REFUNDS).length;

const refuse = (sim: Simulator, code: string, times = 1): void => {
  sim.faults.add({
    route: REFUNDS,
    kind: 'status',
    status: 403,
    body: { code, message: code },
    times,
  });
};

/** A paid order and a clock that the test moves, here and at WeChat. */
async function stage(options: { proxied?: boolean; databaseUrl?: string } = {}) {
  const sim = await startSim();
  const clock = handClock(sim.clock.now());
  const proxy = await startProxy(sim);
  const env = {
    ...(options.proxied === true ? { wxPayBaseUrl: proxy.url } : {}),
    databaseUrl: options.databaseUrl ?? 'memory:',
  };
  const run = await startService({ sim, clock, env });
  const no = number('M');
  await placePaid(run, sim, no);
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await sim.clock.advance(ms);
  };
  const sweep = async (): Promise<void> => {
    await run.call('/wx-pay/wxpay_sweep', {}, operator());
  };
  const pass = async (ms: number, step: number): Promise<void> => {
    for (let done = 0; done < ms; done += step) {
      await advance(step);
      await sweep();
    }
  };
  return { sim, clock, proxy, run, no, advance, sweep, pass, env };
}

describe('two copies of one refund', () => {
  test('the second waits for the first one’s answer, and nothing is sent twice', async () => {
    const { sim, proxy, run, no } = await stage({ proxied: true });
    const its = number('R');
    const gate = createGate();
    proxy.hooks.before = (call) => (call === REFUNDS ? gate.pass() : undefined);
    const first = refund(run, no, its, 40);
    await gate.reached;
    const second = refund(run, no, its, 40);
    gate.open();
    expect((await first).status).toBe(200);
    expect((await second).status).toBe(200);
    expect(sentTimes(sim)).toBe(1);
  });

  test('another instance does not send while one is asking: it says 202, and what happens next', async () => {
    const databaseUrl = temporaryDatabase();
    const { sim, clock, proxy, run, no } = await stage({ proxied: true, databaseUrl });
    const other = await startService({ sim, clock, env: { databaseUrl } });
    const its = number('R');
    const gate = createGate();
    proxy.hooks.before = (call) => (call === REFUNDS ? gate.pass() : undefined);
    const first = refund(run, no, its, 40);
    await gate.reached;
    const second = await refund(other, no, its, 40);
    expect(second.status).toBe(202);
    expect(dataOf(second)).toMatchObject({ status: 'PROCESSING', next: 'wait' });
    gate.open();
    expect((await first).status).toBe(200);
    expect(sentTimes(sim)).toBe(1);
  });

  test('a proven refusal of the first frees nothing while the second is out: no money twice', async () => {
    const databaseUrl = temporaryDatabase();
    const { sim, clock, proxy, run, no, advance } = await stage({ proxied: true, databaseUrl });
    const other = await startService({ sim, clock, env: { databaseUrl } });
    sim.switches.signErrors = true;
    sim.switches.refundIntervalMs = 0;
    const its = number('R');
    // The first is refused, and its answer is held on the way; its lease runs out meanwhile.
    const gate = createGate();
    proxy.hooks.after = (call) => (call === REFUNDS ? gate.pass() : undefined);
    refuse(sim, 'INVALID_REQUEST');
    const first = refund(run, no, its, 100);
    await gate.reached;
    await advance(11_000);
    // The second takes over and its answer is lost: WeChat may have it.
    sim.faults.add({ route: REFUNDS, kind: 'drop_after', times: 3 });
    expect((await refund(other, no, its, 100)).status).toBe(202);
    gate.open();
    expect((await first).status).toBe(403);
    expect(await run.order(no)).toMatchObject({
      state: 'REFUNDING',
      refunds: [{ status: 'REQUESTED', attempts: 2 }],
    });
    expect(await refund(run, no, number('R'), 100)).toMatchObject({
      status: 409,
      body: { error: 'REFUND_EXCEEDS' },
    });
    expect(sim.refunds()).toHaveLength(1);
  });

  test('a process that was frozen after it had recorded its attempt sends nothing when it wakes', async () => {
    const { sim, clock, run, no } = await stage();
    const its = number('R');
    const { records } = run;
    const replace = records.replace.bind(records);
    jest.spyOn(records, 'replace').mockImplementation(async (next, expected) => {
      const done = await replace(next, expected);
      const frozen = next.kind === 'order' && next.refunds.some((r) => r.attempts === 1);
      if (frozen) clock.advance(20 * MINUTE);
      return done;
    });
    expect((await refund(run, no, its, 40)).status).toBe(202);
    expect(sentTimes(sim)).toBe(0);
  });
});

describe('a number that is closed', () => {
  test('stays closed: 409 REFUND_CLOSED, and a new number goes through', async () => {
    const { sim, run, no } = await stage();
    sim.switches.signErrors = true;
    sim.switches.refundIntervalMs = 0;
    const its = number('R');
    refuse(sim, 'INVALID_REQUEST');
    const refused = await refund(run, no, its, 100);
    expect(refused).toMatchObject({
      status: 403,
      body: { error: 'WECHATPAY_REJECTED', data: { code: 'INVALID_REQUEST', next: 'new_number' } },
    });
    const again = await refund(run, no, its, 100);
    expect(again).toMatchObject({ status: 409, body: { error: 'REFUND_CLOSED' } });
    expect((await refund(run, no, number('R'), 100)).status).toBe(200);
    expect(sentTimes(sim)).toBe(2);
  });
});

describe('the balance is too low', () => {
  test.each([true, false])(
    'signed: %s – the same number is tried by itself until there is money',
    async (signed) => {
      const { sim, run, no, pass } = await stage();
      sim.switches.signErrors = signed;
      sim.switches.refundIntervalMs = 0;
      const its = number('R');
      refuse(sim, 'NOT_ENOUGH', 1000);
      const first = await refund(run, no, its, 100);
      expect(first).toMatchObject({
        status: 403,
        body: { data: { code: 'NOT_ENOUGH', next: 'top_up' } },
      });
      expect(first.body.msg).toMatch(/充值.*top it up/su);
      await pass(2 * DAY, 60 * MINUTE);
      expect(run.alarms()).toEqual([]);
      expect(await refund(run, no, number('R'), 1)).toMatchObject({ status: 409 });
      expect(dataOf(await query(run, its))).toMatchObject({
        status: 'PROCESSING',
        next: 'top_up',
        out_refund_no: its,
        amount: { refund: 100 },
      });
      sim.faults.clear();
      await pass(DAY, 60 * MINUTE);
      expect(sim.refunds()).toHaveLength(1);
      expect((await run.order(no)).state).toBe('REFUNDED');
    },
  );

  test('the payer asks about his refund: he hears that it is under way, not of the merchant’s balance', async () => {
    const { sim, run, no } = await stage();
    const its = number('R');
    refuse(sim, 'NOT_ENOUGH');
    await refund(run, no, its, 100);
    const told = await query(run, its, payer());
    expect(told.status).toBe(202);
    expect(dataOf(told)).toMatchObject({ status: 'PROCESSING', out_refund_no: its });
    expect(dataOf(told)).not.toHaveProperty('next');
    expect(told.text).not.toMatch(/NOT_ENOUGH|余额/u);
  });
});

describe('a day of unproven refusals', () => {
  async function unresolved() {
    const there = await stage();
    const { sim, run, no, pass } = there;
    sim.switches.refundIntervalMs = 0;
    const its = number('R');
    refuse(sim, 'NO_AUTH', 1000);
    expect(await refund(run, no, its, 100)).toMatchObject({
      body: { data: { next: 'repeat_or_wait' } },
    });
    await pass(25 * 60 * MINUTE, 60 * MINUTE);
    expect(run.alarms()).toMatchObject([{ code: 'refund.unresolved', no }]);
    expect((await run.effects(no)).slice(2)).toEqual(['refund.requested', 'refund.unresolved']);
    return { ...there, its };
  }

  test('the query says so, and the same number is sent again by hand', async () => {
    const { sim, run, no, its } = await unresolved();
    const asked = await query(run, its);
    expect(asked.status).toBe(202);
    expect(dataOf(asked)).toMatchObject({ status: 'PROCESSING', next: 'repeat_or_release' });
    expect(dataOf(asked).next_msg).toMatch(/release:true.*release:true/su);
    const before = sentTimes(sim);
    sim.faults.clear();
    expect((await refund(run, no, its, 100)).status).toBe(200);
    expect(sentTimes(sim)).toBe(before + 1);
    expect(sim.refunds()).toHaveLength(1);
  });

  test('release: free after two proofs a minute apart, and not on less', async () => {
    const { sim, run, no, its, advance, sweep } = await unresolved();
    const before = sentTimes(sim);
    expect(await release(run, its, { amount: { refund: 99, total: 100 } })).toMatchObject({
      status: 409,
      body: { error: 'REFUND_PARAMS_DIFFER' },
    });
    // Unproven, however often: nothing.
    for (let n = 0; n < 5; n++) {
      const answer = await release(run, its);
      expect(answer.status).toBe(202);
      expect(dataOf(answer)).toMatchObject({ next: 'release_pending' });
      await advance(2 * MINUTE);
      await sweep();
    }
    sim.switches.signErrors = true;
    expect(dataOf(await release(run, its))).toMatchObject({ next: 'release_pending' });
    expect((await refund(run, no, number('R'), 1)).status).toBe(409);
    await advance(MINUTE);
    const free = await release(run, its);
    expect(free.status).toBe(200);
    expect(dataOf(free)).toMatchObject({ status: 'CLOSED', next: 'new_number' });
    expect(sentTimes(sim)).toBe(before);
    sim.faults.clear();
    expect((await refund(run, no, its, 100)).body.error).toBe('REFUND_CLOSED');
    expect((await refund(run, no, number('R'), 100)).status).toBe(200);
    expect(sim.refunds()).toHaveLength(1);
  });

  test('release of a refund that WeChat does have: it is told, and nothing is free', async () => {
    const { sim, run, no } = await stage();
    const its = number('R');
    sim.faults.add({ route: REFUNDS, kind: 'drop_after', times: 3 });
    expect((await refund(run, no, its, 40)).status).toBe(202);
    const answer = await release(run, its);
    expect(answer.status).toBe(200);
    expect(dataOf(answer)).toMatchObject({ out_refund_no: its, amount: { refund: 40 } });
    expect((await run.order(no)).refunds).toMatchObject([{ refund: 40 }]);
    expect(['SUCCESS', 'PROCESSING']).toContain((await run.order(no)).refunds[0]?.status);
    expect((await release(run, its)).status).toBe(409);
    expect((await release(run, 'UNKNOWN1')).status).toBe(404);
  });

  test('a release asked for is finished by the sweep', async () => {
    const { sim, run, no, its, advance, sweep } = await unresolved();
    sim.switches.signErrors = true;
    await release(run, its);
    await advance(MINUTE + 1000);
    await sweep();
    expect(await run.order(no)).toMatchObject({
      state: 'PAID',
      refunds: [{ status: 'CLOSED', verdict: 'released' }],
    });
  });

  test('without release, the amount is required', async () => {
    const { run, no } = await stage();
    const answer = await run.call(REFUND, { out_trade_no: no, out_refund_no: 'R1' }, operator());
    expect(answer).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
    expect(answer.body.msg).toMatch(/amount/u);
  });
});

describe('a genuine refund notice', () => {
  const notice = (sim: Simulator, no: string, its: string, fen: number, id: unknown) =>
    sim.makeNotification('refund', {
      mchid: sim.credentials.merchantId,
      out_trade_no: no,
      transaction_id: id,
      out_refund_no: its,
      refund_id: '50300000000001',
      refund_status: 'SUCCESS',
      amount: { total: 100, refund: fen, payer_total: 100, payer_refund: fen },
    });

  test('above what is left is kept and alarmed, not added', async () => {
    const { sim, run, no } = await stage();
    await refund(run, no, number('R'), 60);
    const its = number('E');
    const id = (await run.order(no)).payment?.transaction_id;
    const { body, headers } = notice(sim, no, its, 50, id);
    expect((await run.send('POST', '/wechatpay/refund', body, headers)).status).toBe(200);
    expect((await run.send('POST', '/wechatpay/refund', body, headers)).status).toBe(200);
    const record = await run.order(no);
    expect(record.refunds).toHaveLength(1);
    expect(record.refund_contradictions).toMatchObject([
      { out_refund_no: its, refund: 50, why: 'more_than_is_left' },
    ]);
    expect(run.alarms()).toMatchObject([{ code: 'refund.contradiction' }]);
    expect((await refund(run, no, number('R'), 40)).status).not.toBe(409);
  });

  test('under a number of another order is kept and alarmed, not added', async () => {
    const { sim, run, no } = await stage();
    const other = number('M');
    await placePaid(run, sim, other);
    const its = number('R');
    await refund(run, other, its, 30);
    const id = (await run.order(no)).payment?.transaction_id;
    const { body, headers } = notice(sim, no, its, 30, id);
    expect((await run.send('POST', '/wechatpay/refund', body, headers)).status).toBe(200);
    expect(await run.order(no)).toMatchObject({
      state: 'PAID',
      refunds: [],
      refund_contradictions: [{ why: 'number_of_another_order' }],
    });
    expect(run.alarms()).toHaveLength(1);
  });

  test('of a refund made elsewhere: its repeat with the same amounts is no conflict', async () => {
    const { sim, run, no } = await stage();
    const its = number('E');
    const id = (await run.order(no)).payment?.transaction_id;
    const { body, headers } = notice(sim, no, its, 50, id);
    expect((await run.send('POST', '/wechatpay/refund', body, headers)).status).toBe(200);
    const same = await refund(run, no, its, 50);
    expect(same.status).toBe(200);
    expect(dataOf(same)).toMatchObject({ out_refund_no: its, status: 'SUCCESS' });
    expect((await refund(run, no, its, 49)).body.error).toBe('REFUND_PARAMS_DIFFER');
    expect(sentTimes(sim)).toBe(0);
  });
});
