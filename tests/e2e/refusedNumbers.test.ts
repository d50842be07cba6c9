/**
 * A number is not lost by a mistake in what was asked for: what WeChat refused as wrong input is corrected under
 * the same number, signed or not, while WeChat cannot have taken the first request.
 */
import type { Simulator } from '../../simulator';
import {
  dataOf,
  number,
  operator,
  orderBody,
  OTHER,
  payer,
  PAYER,
  skewedClock,
  startService,
  startSim,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';

const ORDER = '/wx-pay/wxpay_order';
const COMBINE = '/wx-pay/wxpay_order_combine';
const PREPARE = '/wx-pay/wxpay_prepare_order';
const REFUSAL = { code: 'PARAM_ERROR', message: 'x' };
const MINUTE = 60_000;

let sim: Simulator;
let run: Running;
let advance: (ms: number) => Promise<void>;

beforeEach(async () => {
  sim = await startSim();
  const clock = skewedClock();
  run = await startService({ sim, clock });
  advance = async (ms) => {
    clock.offsetMs += ms;
    await sim.clock.advance(ms);
  };
});

/** WeChat refuses the next order, or answers it so. */
function refuse(body: Json = REFUSAL): void {
  sim.faults.add({ route: 'POST /v3/*', kind: 'status', status: 400, body, times: 1 });
}

const calls = (): string[] => sim.requests.map((r) => `${r.method} ${r.path.split('?')[0] ?? ''}`);
const gist = (answer: Answer): unknown[] => [answer.status, answer.body.error];
const described = (no: string, description: string): Json => ({ ...orderBody(no), description });

describe.each([true, false])('an order whose refusal is signed: %s', (signed) => {
  beforeEach(() => {
    sim.switches.signErrors = signed;
  });

  test('is asked for corrected, and WeChat is queried first where it is not', async () => {
    const no = number('N');
    refuse();
    expect(gist(await run.call(ORDER, orderBody(no), payer()))).toEqual([
      400,
      'WECHATPAY_REJECTED',
    ]);
    const first = await run.order(no);
    expect(first.state).toBe(signed ? 'REJECTED' : 'CREATED');
    expect(first.nothing_accepted).toBe(signed ? undefined : true);
    const asked = sim.requests.length;
    const corrected = await run.call(ORDER, described(no, '改正'), payer());
    expect(corrected.status).toBe(200);
    const query = `GET /v3/pay/transactions/out-trade-no/${no}`;
    const create = 'POST /v3/pay/transactions/jsapi';
    expect(calls().slice(asked)).toEqual(signed ? [create] : [query, create]);
    const record = await run.order(no);
    expect(record).toMatchObject({ state: 'PENDING', description: '改正' });
    expect(record).not.toHaveProperty('nothing_accepted');
    expect(sim.orders()).toMatchObject([{ out_trade_no: no }]);
  });

  test('is corrected even after its time is over', async () => {
    const no = number('N');
    refuse();
    await run.call(ORDER, orderBody(no), payer());
    await advance(11 * MINUTE);
    expect((await run.call(ORDER, orderBody(no), payer())).status).toBe(200);
    expect((await run.order(no)).expires_at).toBeGreaterThan(sim.clock.now());
  });

  test('is nobody else’s to correct', async () => {
    const no = number('N');
    refuse();
    await run.call(ORDER, orderBody(no), payer());
    const other = await run.call(ORDER, described(no, '改正'), payer(OTHER));
    expect(gist(other)).toEqual([409, 'ORDER_TAKEN']);
  });

  test('prepared: the operator prepares it again, and the payer pays that', async () => {
    const no = number('N');
    await run.call(PREPARE, described(no, '太长'), operator());
    refuse();
    expect((await run.call(ORDER, { out_trade_no: no }, payer())).status).toBe(400);
    const again = await run.call(PREPARE, { ...described(no, '改正'), attach: 'a' }, operator());
    expect(dataOf(again)).toEqual({ out_trade_no: no, state: 'PREPARED' });
    expect(gist(await run.call(ORDER, { out_trade_no: no }, payer(OTHER)))).toEqual([
      409,
      'ORDER_TAKEN',
    ]);
    expect((await run.call(ORDER, { out_trade_no: no }, payer())).status).toBe(200);
    expect(JSON.parse(sim.requests.at(-1)?.body ?? '')).toMatchObject({ description: '改正' });
    const late = await run.call(PREPARE, described(no, '再改'), operator());
    expect(gist(late)).toEqual([409, 'ORDER_PARAMS_DIFFER']);
  });

  test('prepared for a wrong openid: prepared again without one, it is free', async () => {
    const no = number('N');
    const named = { ...orderBody(no), payer: { openid: OTHER } };
    await run.call(PREPARE, named, operator());
    refuse();
    expect(gist(await run.call(ORDER, named, operator()))).toEqual([400, 'WECHATPAY_REJECTED']);
    expect((await run.call(PREPARE, orderBody(no), operator())).status).toBe(200);
    expect(await run.order(no)).not.toHaveProperty('payer');
    expect((await run.call(ORDER, { out_trade_no: no }, payer())).status).toBe(200);
    expect((await run.order(no)).payer).toBe(PAYER);
  });

  test('prepared: the payer corrects what was his part of it', async () => {
    const no = number('N');
    await run.call(PREPARE, orderBody(no), operator());
    const h5 = (type: string): Json => ({
      out_trade_no: no,
      scene_info: { payer_client_ip: '203.0.113.7', h5_info: { type } },
    });
    refuse();
    expect((await run.call('/wx-pay/wxpay_order_h5', h5('x'), payer())).status).toBe(400);
    expect((await run.call('/wx-pay/wxpay_order_h5', h5('Wap'), payer())).status).toBe(200);
  });

  test('a combination is corrected likewise', async () => {
    const [whole, ...parts] = [number('C'), number('P'), number('P')];
    const body = (description: string): Json => ({
      type: 'native',
      combine_out_trade_no: whole,
      sub_orders: parts.map((out_trade_no) => ({
        out_trade_no,
        description,
        amount: { total_amount: 50, currency: 'CNY' },
      })),
    });
    refuse();
    expect((await run.call(COMBINE, body('太长'), payer())).status).toBe(400);
    const asked = sim.requests.length;
    expect((await run.call(COMBINE, body('改正'), payer())).status).toBe(200);
    expect(sim.requests.length - asked).toBe(signed ? 1 : 2);
    const held = await run.store.find('combination', whole);
    expect(held).toMatchObject({ state: 'PENDING', sub_orders: [{ description: '改正' }, {}] });
  });
});

test('WeChat holds it after all: the refusal was forged, nothing is corrected', async () => {
  const no = number('N');
  sim.faults.add({
    route: 'POST /v3/pay/*',
    kind: 'drop_after',
    times: 3,
  });
  await run.call(ORDER, orderBody(no), payer());
  await advance(6 * MINUTE);
  refuse();
  await run.call(ORDER, orderBody(no), payer());
  expect(await run.order(no)).toMatchObject({ state: 'CREATED', nothing_accepted: true });
  const answer = await run.call(ORDER, described(no, '改正'), payer());
  expect(gist(answer)).toEqual([409, 'ORDER_PARAMS_DIFFER']);
  expect((await run.order(no)).description).toBe('测试商品');
  expect((await run.call(ORDER, orderBody(no), payer())).status).toBe(200);
});

test('while a copy may still arrive, it is busy and says for how long', async () => {
  const no = number('N');
  sim.faults.add({ route: 'POST /v3/pay/*', kind: 'drop_before', times: 1 });
  refuse();
  await run.call(ORDER, orderBody(no), payer());
  expect(await run.order(no)).toMatchObject({ nothing_accepted: true });
  const early = await run.call(ORDER, described(no, '改正'), payer());
  expect(gist(early)).toEqual([503, 'ORDER_BUSY']);
  expect(Number(early.headers['retry-after'])).toBeGreaterThan(240);
  await advance(5 * MINUTE);
  expect((await run.call(ORDER, described(no, '改正'), payer())).status).toBe(200);
});

test('WeChat cannot be asked: the number is kept, nothing is sent', async () => {
  const no = number('N');
  refuse();
  await run.call(ORDER, orderBody(no), payer());
  sim.faults.add({ route: 'GET /v3/pay/*', kind: 'status', status: 500, times: 3 });
  const posts = calls().filter((call) => call.startsWith('POST')).length;
  expect((await run.call(ORDER, described(no, '改正'), payer())).status).toBe(502);
  expect(calls().filter((call) => call.startsWith('POST'))).toHaveLength(posts);
  expect((await run.call(ORDER, described(no, '改正'), payer())).status).toBe(200);
});

test('refused for another reason, its facts stay as they were', async () => {
  const no = number('N');
  refuse({ code: 'NO_AUTH', message: 'x' });
  await run.call(ORDER, orderBody(no), payer());
  const answer = await run.call(ORDER, described(no, '改正'), payer());
  expect(gist(answer)).toEqual([409, 'ORDER_PARAMS_DIFFER']);
  expect((await run.call(ORDER, orderBody(no), payer())).status).toBe(200);
});

test('twenty corrections at once: WeChat gets one of them', async () => {
  const no = number('N');
  refuse();
  await run.call(ORDER, orderBody(no), payer());
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      run.call(ORDER, described(no, `改正 ${String(n)}`), payer()),
    ),
  );
  expect(answers.filter((a) => a.status === 200)).toHaveLength(1);
  expect(calls().filter((call) => call.startsWith('POST'))).toHaveLength(2);
});
