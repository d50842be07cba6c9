/** A genuine forward without ciphertext beside a flood of made-up ones: it is taken, or its sender must come again. */
import {
  number,
  orderBody,
  payer,
  skewedClock,
  startService,
  startSim,
  type Answer,
  type Running,
} from '../helpers/service';
import type { Simulator } from '../../simulator';

const JSON_TYPE = { 'content-type': 'application/json' };
const VICTIM = 'oVictim_000000000000000001';

function forwardOf(sim: Simulator, no: string): string {
  const plain = {
    appid: sim.credentials.appId,
    mchid: sim.credentials.merchantId,
    out_trade_no: no,
    transaction_id: '4200000000202601010000000001',
    trade_type: 'JSAPI',
    trade_state: 'SUCCESS',
    success_time: '2026-01-01T10:00:00+08:00',
    amount: { total: 100, payer_total: 100, currency: 'CNY', payer_currency: 'CNY' },
  };
  return sim.makeForward('payment', plain, { ciphertext: false }).body;
}

const tell = (run: Running, body: string): Promise<Answer> =>
  run.send('POST', '/', body, JSON_TYPE);

async function place(run: Running, openid: string): Promise<string> {
  const no = number('H');
  const placed = await run.call('/wx-pay/wxpay_order', orderBody(no), payer(openid));
  expect(placed.status).toBe(200);
  return no;
}

const asked = (sim: Simulator, no: string): number =>
  sim.requests.filter((r) => r.method === 'GET' && r.path.includes(no)).length;

describe.each(['sdk', 'gateway'] as const)('in mode %s', (mode) => {
  test('a repeat within 5 s is 503 in WeChat’s voice, costs no question, and is taken afterwards', async () => {
    const sim = await startSim();
    const clock = skewedClock();
    const run = await startService({ sim, mode, clock });
    const no = await place(run, VICTIM);
    const made_up = await tell(run, forwardOf(sim, no));
    expect(made_up).toMatchObject({ status: 401, body: { code: 'FAIL' } });
    sim.pay(no, { deliver: 'never' });
    const soon = await tell(run, forwardOf(sim, no));
    expect(soon).toMatchObject({ status: 503, body: { code: 'FAIL' } });
    expect(asked(sim, no)).toBe(1);
    clock.offsetMs += 5_000;
    expect((await tell(run, forwardOf(sim, no))).status).toBe(200);
    expect((await run.order(no)).state).toBe('PAID');
    expect(run.logs.filter((line) => line.level === 'error')).toEqual([]);
  });

  test('the sender of a genuine forward is done within 25 s while every place is wanted', async () => {
    const sim = await startSim();
    const clock = skewedClock();
    const run = await startService({ sim, mode, clock });
    const strangers = Array.from({ length: 9 }, (_, n) => `oStranger_0000000000000${String(n)}`);
    const theirs: string[] = [];
    for (const openid of strangers) {
      for (let n = 0; n < 3; n++) theirs.push(await place(run, openid));
    }
    const no = await place(run, VICTIM);
    sim.pay(no, { deliver: 'never' });
    sim.faults.add({ route: 'GET /v3/pay/*', kind: 'latency', ms: 20, times: 9999 });
    const answers: number[] = [];
    for (let seconds = 0; seconds <= 25 && answers.at(-1) !== 200; seconds += 5) {
      const flood = theirs.flatMap((own) => [
        tell(run, forwardOf(sim, own)),
        tell(run, forwardOf(sim, `${own}X`)),
      ]);
      answers.push((await tell(run, forwardOf(sim, no))).status);
      const others = await Promise.all(flood);
      expect(others.every((answer) => answer.status >= 400)).toBe(true);
      clock.offsetMs += 5_000;
    }
    expect(answers.at(-1)).toBe(200);
    // Never 4xx on the way: that would tell the sender to stop.
    expect(answers.slice(0, -1).every((status) => status === 503)).toBe(true);
    expect((await run.order(no)).state).toBe('PAID');
  });

  test('numbers not held and final ones take no place: WeChat is not asked, and 4xx ends it', async () => {
    const sim = await startSim();
    const run = await startService({ sim, mode });
    const paid = await place(run, VICTIM);
    sim.pay(paid);
    await sim.deliver('payment', paid);
    const before = sim.requests.length;
    const held = [paid, ...Array.from({ length: 40 }, (_, n) => `UNKNOWN${String(n)}`)];
    const answers = await Promise.all(held.map((no) => tell(run, forwardOf(sim, no))));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([401]));
    expect(sim.requests.length).toBe(before);
  });

  test('a clock that was set back does not keep hints out', async () => {
    const sim = await startSim();
    const clock = skewedClock();
    const run = await startService({ sim, mode, clock });
    const no = await place(run, VICTIM);
    clock.offsetMs = 240_000;
    expect((await tell(run, forwardOf(sim, no))).status).toBe(401);
    clock.offsetMs = 0;
    sim.pay(no, { deliver: 'never' });
    expect((await tell(run, forwardOf(sim, no))).status).toBe(200);
  });

  test('WeChat’s refusal of our question is no verdict about the hint: 5xx', async () => {
    const sim = await startSim();
    const run = await startService({ sim, mode });
    for (const status of [429, 404, 403]) {
      const no = await place(run, VICTIM);
      sim.faults.add({ route: 'GET /v3/pay/*', kind: 'status', status, times: 9 });
      const answer = await tell(run, forwardOf(sim, no));
      expect({ status, answered: answer.status >= 500 }).toEqual({ status, answered: true });
      sim.faults.clear();
    }
  });
});
