/** An abnormal refund sends money to any bank card: by key alone, recorded first, one asker, the same bytes. */
import {
  CLERK,
  handClock,
  number,
  operator,
  payer,
  placePaid,
  refundBody,
  startService,
  startSim,
  type Json,
  type Running,
} from '../helpers/service';
import type { Refund } from '../../services/ledger/record';
import type { Simulator } from '../../simulator';

const ROUTE = /apply-abnormal-refund/;
const PATH = '/wx-pay/wxpay_refund_abnormal';
const MINUTE = 60_000;
const CARD = '6222020200012345678';

interface World {
  readonly sim: Simulator;
  readonly run: Running;
  readonly no: string;
  readonly refundNo: string;
  advance(ms: number): Promise<void>;
  ask(change?: Json, headers?: Record<string, string>): ReturnType<Running['call']>;
  refund(): Promise<Refund>;
  /** Bodies of what was sent to WeChat's route. */
  sent(): string[];
}

/** One refund that WeChat calls ABNORMAL, as this service knows by its notification. */
async function world(abnormal = true): Promise<World> {
  const clock = handClock();
  const sim = await startSim({ nowMs: clock.now(), frozen: true });
  sim.switches.refundOutcome = 'never';
  const run = await startService({ sim, clock, env: { operatorOpenids: CLERK } });
  const no = number('T');
  const refundNo = number('R');
  await placePaid(run, sim, no);
  const asked = await run.call('/wx-pay/wxpay_refund', refundBody(no, refundNo, 60), operator());
  expect(asked.status).toBe(200);
  if (abnormal) {
    sim.settleRefund(refundNo, 'ABNORMAL');
    await sim.deliver('refund', refundNo);
  }
  return {
    sim,
    run,
    no,
    refundNo,
    async advance(ms) {
      clock.advance(ms);
      await sim.clock.advance(ms);
    },
    ask: (change = {}, headers = operator()) =>
      run.call(
        PATH,
        {
          out_refund_no: refundNo,
          type: 'USER_BANK_CARD',
          bank_type: 'ICBC_DEBIT',
          bank_account: CARD,
          real_name: '张三',
          ...change,
        },
        headers,
      ),
    async refund() {
      const found = (await run.order(no)).refunds.find((r) => r.out_refund_no === refundNo);
      if (found === undefined) throw new Error('no such refund');
      return found;
    },
    sent: () => sim.requests.filter((r) => ROUTE.test(r.path)).map((r) => JSON.stringify(r.body)),
  };
}

test('an operator’s openid may not send it, nor a payer, nor a reading key', async () => {
  const w = await world();
  expect((await w.ask({}, payer(CLERK))).status).toBe(403);
  expect((await w.ask({}, payer())).status).toBe(403);
  expect((await w.ask({}, {})).status).toBe(401);
  expect(w.sent()).toEqual([]);
  expect((await w.refund()).abnormal).toBeUndefined();
});

test('who asked for what is recorded before it is sent, and of the card a hash and ciphertext', async () => {
  const w = await world();
  w.sim.faults.add({ route: ROUTE, kind: 'drop_before', times: 9 });
  expect((await w.ask()).status).toBeGreaterThanOrEqual(502);
  const { abnormal, status } = await w.refund();
  expect(status).toBe('ABNORMAL');
  expect(abnormal).toMatchObject({
    type: 'USER_BANK_CARD',
    bank_type: 'ICBC_DEBIT',
    asked_by: 'operator key',
    attempts: 1,
    request: { method: 'POST' },
  });
  expect(abnormal?.account_hash).toMatch(/^[\w-]{43}$/);
  const record = await w.run.order(w.no);
  expect(JSON.stringify(record)).not.toMatch(/6222020200012345678|张三/);
  expect(record.history.at(-1)).toMatchObject({
    what: 'abnormal_refund_sent',
    source: 'operator',
    detail: `${w.refundNo} USER_BANK_CARD operator key`,
  });
  const shown = await w.run.get(`/wx-pay/records/order/${w.no}`, operator());
  expect(shown.text).toContain('USER_BANK_CARD');
  expect(shown.text).not.toContain(abnormal?.account_hash ?? '-');
  expect(shown.text).not.toContain('apply-abnormal-refund');
});

test('a repeat sends the very same bytes, once its asker is done', async () => {
  const w = await world();
  w.sim.faults.add({ route: ROUTE, kind: 'status_after', status: 500, times: 9 });
  expect((await w.ask()).status).toBe(502);
  expect(await w.ask()).toMatchObject({ status: 503, body: { error: 'ORDER_BUSY' } });
  await w.advance(11_000);
  w.sim.faults.clear();
  expect((await w.ask()).status).toBe(200);
  expect(new Set(w.sent()).size).toBe(1);
  expect((await w.refund()).status).toBe('PROCESSING');
  expect((await w.refund()).abnormal?.attempts).toBe(2);
  // Taken: the same again is answered from the record.
  const before = w.sent().length;
  expect(await w.ask()).toMatchObject({
    status: 200,
    body: { data: { data: { status: 'PROCESSING', out_refund_no: w.refundNo } } },
  });
  expect(w.sent()).toHaveLength(before);
});

test('twenty at once: one is sent', async () => {
  const w = await world();
  const answers = await Promise.all(Array.from({ length: 20 }, () => w.ask()));
  expect(w.sent()).toHaveLength(1);
  for (const { status } of answers) expect([200, 503]).toContain(status);
  expect((await w.refund()).abnormal?.attempts).toBe(1);
});

test('another account is refused while the first may still be taken, and taken when it cannot', async () => {
  const w = await world();
  const other = { bank_account: '6222020200087654321' };
  w.sim.faults.add({ route: ROUTE, kind: 'drop_before', times: 9 });
  await w.ask();
  w.sim.faults.clear();
  const before = w.sent().length;
  for (const change of [other, { real_name: '李四' }, { type: 'MERCHANT_BANK_CARD' }]) {
    expect(await w.ask(change)).toMatchObject({
      status: 409,
      body: { error: 'REFUND_PARAMS_DIFFER' },
    });
  }
  await w.advance(9 * MINUTE);
  expect((await w.ask(other)).status).toBe(409);
  expect(w.sent()).toHaveLength(before);
  await w.advance(2 * MINUTE);
  expect((await w.ask(other)).status).toBe(200);
  expect((await w.refund()).abnormal).toMatchObject({ attempts: 1 });
});

test('an account that could not take it may be followed by another', async () => {
  const w = await world();
  expect((await w.ask()).status).toBe(200);
  w.sim.settleRefund(w.refundNo, 'ABNORMAL');
  await w.sim.deliver('refund', w.refundNo);
  expect((await w.refund()).status).toBe('ABNORMAL');
  expect((await w.ask({ bank_account: '6222020200087654321' })).status).toBe(200);
  expect(new Set(w.sent()).size).toBe(2);
});

test('a late repeat of the first notice does not undo what was sent, nor is it told again', async () => {
  const { sim, run, ask, refund, no, refundNo, sent } = await world();
  const [first] = await sim.deliver('refund', refundNo);
  expect((await ask()).status).toBe(200);
  const told = await run.effects(no);
  const repeat = () => run.send('POST', '/wechatpay/refund', first?.body, first?.headers);
  expect((await repeat()).status).toBe(200);
  expect((await refund()).status).toBe('PROCESSING');
  expect(await run.effects(no)).toEqual(told);
  const other = await ask({ bank_account: '6222020200012345679' });
  expect([other.status, other.body.error]).toEqual([409, 'MOVE_FORBIDDEN']);
  expect(sent()).toHaveLength(1);
  // WeChat cannot be asked: its sender comes again.
  sim.faults.add({ route: /^GET .*refunds/, kind: 'status', status: 500, times: 9 });
  expect((await repeat()).status).toBeGreaterThanOrEqual(500);
  expect((await refund()).status).toBe('PROCESSING');
});

test('only what WeChat calls ABNORMAL is sent on', async () => {
  const w = await world(false);
  expect(await w.ask()).toMatchObject({ status: 409, body: { error: 'MOVE_FORBIDDEN' } });
  w.sim.settleRefund(w.refundNo, 'SUCCESS');
  await w.sim.deliver('refund', w.refundNo);
  expect(await w.ask()).toMatchObject({ status: 409, body: { error: 'MOVE_FORBIDDEN' } });
  expect(w.sent()).toEqual([]);
  const { abnormal } = await w.refund();
  expect(abnormal).toBeUndefined();
});

test('a card without bank, number or name is refused before anything is recorded', async () => {
  const w = await world();
  for (const field of ['bank_type', 'bank_account', 'real_name']) {
    const refused = await w.ask({ [field]: undefined });
    expect(refused).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
    expect(refused.text).toContain(field);
  }
  expect((await w.refund()).abnormal).toBeUndefined();
});

test('an answer about another refund leaves it unknown', async () => {
  const w = await world();
  w.sim.faults.add({
    route: ROUTE,
    kind: 'status',
    status: 200,
    times: 1,
    body: {
      ...w.sim.refund(w.refundNo),
      refund_id: '50000000000000000000000000009',
      status: 'SUCCESS',
    },
  });
  expect(await w.ask()).toMatchObject({ status: 502, body: { error: 'WECHATPAY_UNPROVEN' } });
  expect((await w.refund()).status).toBe('ABNORMAL');
});

test('a proven refusal of the only copy lets the operator correct the account at once', async () => {
  const w = await world();
  w.sim.switches.signErrors = true;
  w.sim.faults.add({
    route: ROUTE,
    kind: 'status',
    status: 400,
    times: 1,
    body: { code: 'PARAM_ERROR', message: '银行卡号有误' },
  });
  expect((await w.ask()).status).toBe(400);
  expect((await w.ask({ bank_account: '6222020200087654321' })).status).toBe(200);
});
