/** Every product over API v2: the same routes, replies, records and effects as over v3, up to the books. */
import { createHash, createHmac } from 'node:crypto';
import type { Simulator } from '../../simulator';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  PAYER,
  refundBody,
  serviceEnv,
  skewedClock,
  startBare,
  startSim,
  temporaryDatabase,
  transferBody,
  type Json,
  type Running,
} from '../helpers/service';
import { startV2, v2Env } from '../helpers/v2';

const QUERY = '/wx-pay/wxpay_query_order_by_out_trade_no';
const CLOSE = '/wx-pay/wxpay_close_order';
const TYPES = ['MD5', 'HMAC-SHA256'] as const;

/** The signature as the documents describe it, apart from the service and the simulator. */
function signOf(fields: Json, key: string, type: (typeof TYPES)[number]): string {
  const pairs = Object.keys(fields)
    .sort()
    .map((name) => `${name}=${String(fields[name])}`);
  const text = `${pairs.join('&')}&key=${key}`;
  const hash = type === 'MD5' ? createHash('md5') : createHmac('sha256', key);
  return hash.update(text).digest('hex').toUpperCase();
}

function expectAllSigned(sim: Simulator): void {
  expect(sim.requests.length).toBeGreaterThan(0);
  expect(sim.requests.filter(({ signature }) => signature !== 'valid')).toEqual([]);
  expect(sim.requests.filter(({ path }) => path.startsWith('/v3/'))).toEqual([]);
}

async function start(more: Record<string, string> = {}) {
  const sim = await startSim();
  const clock = skewedClock();
  const run = await startV2(sim, more, { clock });
  const advance = async (ms: number): Promise<void> => {
    clock.offsetMs += ms;
    await sim.clock.advance(ms);
  };
  const sweep = () => run.call('/wx-pay/wxpay_sweep', {}, operator());
  return { sim, run, advance, sweep };
}

async function paid(run: Running, sim: Simulator, no: string): Promise<void> {
  await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
  sim.pay(no);
  await sim.deliver('payment', no);
}

describe.each(TYPES)('signTypeV2 %s', (signTypeV2) => {
  test('an order is placed, repeated, queried, paid, told three times and recorded once', async () => {
    const { sim, run } = await start({ signTypeV2 });
    const no = number('V');
    const body = { ...orderBody(no), attach: 'a=1<&>测试' };
    const placed = await run.call('/wx-pay/wxpay_order', body, payer());
    const { paySign, prepay_id, ...signed } = dataOf(placed);
    expect(placed).toMatchObject({ status: 200, body: { code: 0, data: { status: 200 } } });
    expect(signed).toMatchObject({
      signType: signTypeV2,
      package: `prepay_id=${String(prepay_id)}`,
    });
    expect(paySign).toBe(signOf(signed, sim.credentials.apiKeyV2, signTypeV2));
    const again = await run.call('/wx-pay/wxpay_order', body, payer());
    expect(dataOf(again).prepay_id).toBe(prepay_id);

    const unpaid = await run.call(QUERY, { out_trade_no: no }, payer());
    expect(dataOf(unpaid)).toMatchObject({ trade_state: 'NOTPAY', out_trade_no: no });
    const { transaction_id } = sim.pay(no, { payer_total: 90 });
    const told = await sim.deliver('payment', no, { times: 3 });
    expect(told.map(({ statusAnswered, ok }) => [statusAnswered, ok])).toEqual(
      Array(3).fill([200, true]),
    );
    const record = await run.order(no);
    expect(record).toMatchObject({
      state: 'PAID',
      api: 'v2',
      payment: { transaction_id, total: 100, payer_total: 90, openid: PAYER, proof: 'signature' },
    });
    expect(record.history.filter(({ what }) => what === 'paid')).toHaveLength(1);
    expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
    const byNo = await run.call(QUERY, { out_trade_no: no }, payer());
    expect(dataOf(byNo)).toMatchObject({
      appid: sim.credentials.appId,
      mchid: sim.credentials.merchantId,
      trade_state: 'SUCCESS',
      attach: body.attach,
      success_time: sim.order(no)?.success_time,
      payer: { openid: PAYER },
      amount: { total: 100, payer_total: 90, currency: 'CNY' },
      promotion_detail: [{ coupon_id: '10000', amount: 10 }],
    });
    const byId = await run.call(
      '/wx-pay/wxpay_query_order_by_transaction_id',
      { transaction_id },
      payer(),
    );
    expect(byId.body).toEqual(byNo.body);
    expectAllSigned(sim);
  });

  test('H5, Native and App orders answer with what their clients open', async () => {
    const { sim, run } = await start({ signTypeV2 });
    const scene_info = {
      payer_client_ip: '203.0.113.7',
      h5_info: { type: 'Wap', app_name: '小店', app_url: 'https://shop.example.com' },
    };
    const h5 = await run.call(
      '/wx-pay/wxpay_order_h5',
      { ...orderBody(number('H')), scene_info },
      payer(),
    );
    expect(dataOf(h5)).toEqual({ h5_url: expect.stringMatching(/^https:\/\//) as string });
    const no = number('N');
    const native = await run.call('/wx-pay/wxpay_order_native', orderBody(no), operator());
    expect(dataOf(native)).toEqual({ code_url: expect.stringMatching(/^weixin:/) as string });
    const sent = sim.requests.map(({ body }) => body);
    expect(sent[0]).toContain('<spbill_create_ip><![CDATA[203.0.113.7]]>');
    expect(sent[1]).toContain(`<product_id><![CDATA[${no}]]>`);
    const app = await run.call('/wx-pay/wxpay_order_app', orderBody(number('A')), payer());
    const { sign, ...signed } = dataOf(app);
    expect(signed).toMatchObject({ package: 'Sign=WXPay', partnerid: sim.credentials.merchantId });
    expect(sign).toBe(signOf(signed, sim.credentials.apiKeyV2, signTypeV2));
    expectAllSigned(sim);
  });

  test('refunds go out over the secured path, up to what was paid and no further', async () => {
    const { sim, run } = await start({ signTypeV2 });
    const no = number('V');
    await paid(run, sim, no);
    const first = number('R');
    const refunded = await run.call('/wx-pay/wxpay_refund', refundBody(no, first, 40), operator());
    expect(refunded).toMatchObject({ status: 200, body: { code: 0 } });
    expect(dataOf(refunded)).toMatchObject({
      out_refund_no: first,
      out_trade_no: no,
      status: 'PROCESSING',
      refund_id: sim.refund(first)?.refund_id,
    });
    const [told] = await sim.deliver('refund', first);
    expect(told).toMatchObject({ statusAnswered: 200, ok: true });
    expect(await run.order(no)).toMatchObject({ state: 'PARTIALLY_REFUNDED' });
    const [held] = (await run.order(no)).refunds;
    expect(held).toMatchObject({ status: 'SUCCESS', user_received_account: '支付用户零钱' });
    const asked = await run.call('/wx-pay/wxpay_refund_query', { out_refund_no: first }, payer());
    expect(dataOf(asked)).toMatchObject({
      status: 'SUCCESS',
      amount: { refund: 40, total: 100 },
      success_time: sim.refund(first)?.success_time,
    });
    const tooMuch = refundBody(no, number('R'), 61);
    expect(await run.call('/wx-pay/wxpay_refund', tooMuch, operator())).toMatchObject({
      status: 409,
      body: { error: 'REFUND_EXCEEDS' },
    });
    expect(sim.requests.at(-1)?.path).toBe('/pay/refundquery');
    expectAllSigned(sim);
  });
});

test('an unpaid order is closed, at WeChat and here; a paid one is not', async () => {
  const { sim, run } = await start();
  const no = number('V');
  await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
  const closed = await run.call(CLOSE, { out_trade_no: no }, payer());
  expect(closed).toMatchObject({ status: 200, body: { data: { status: 204, data: null } } });
  expect(sim.order(no)?.trade_state).toBe('CLOSED');
  expect((await run.order(no)).state).toBe('CLOSED');
  expect((await run.call(CLOSE, { out_trade_no: no }, payer())).status).toBe(200);
  const other = number('V');
  await paid(run, sim, other);
  expect((await run.call(CLOSE, { out_trade_no: other }, payer())).body.error).toBe('ORDER_PAID');
  expect((await run.call(CLOSE, { out_trade_no: 'UNKNOWN1' }, operator())).status).toBe(404);
});

const CODEPAY = '/wx-pay/wxpay_order_codepay';
const charge = (no: string, digits = '00'): Json => ({
  out_trade_no: no,
  description: '门店商品',
  amount: { total: 100, currency: 'CNY' },
  payer: { auth_code: `1300000000000000${digits}` },
  scene_info: { device_id: 'POS-1', device_ip: '10.0.0.9' },
});

describe('payment codes', () => {
  test('one is charged, told apart from a repeat, and reversed', async () => {
    const { sim, run, advance } = await start();
    const no = number('C');
    const done = await run.call('/wx-pay/wxpay_order_codepay', charge(no), operator());
    expect(done).toMatchObject({ status: 200, body: { code: 0 } });
    expect(dataOf(done)).toMatchObject({ trade_state: 'SUCCESS', trade_type: 'MICROPAY' });
    expect(await run.order(no)).toMatchObject({ state: 'PAID', product: 'codepay', api: 'v2' });
    const again = await run.call('/wx-pay/wxpay_order_codepay', charge(no, '11'), operator());
    expect(again.status).toBe(200);
    expect(sim.requests.filter(({ path }) => path === '/pay/micropay')).toHaveLength(1);
    await advance(20_000);
    const back = await run.call('/wx-pay/wxpay_reverse', { out_trade_no: no }, operator());
    expect(back).toMatchObject({ status: 200, body: { data: { data: { out_trade_no: no } } } });
    expect((await run.order(no)).state).toBe('CLOSED');
    expect(sim.order(no)?.trade_state).toBe('REVOKED');
    expectAllSigned(sim);
  });

  test('one that nobody confirms is reversed by the sweep', async () => {
    const { sim, run, advance, sweep } = await start();
    sim.switches.codepayResult = 'USERPAYING';
    const no = number('C');
    const taken = await run.call('/wx-pay/wxpay_order_codepay', charge(no), operator());
    expect(taken).toMatchObject({ status: 202, body: { data: { data: { state: 'PROCESSING' } } } });
    for (let i = 0; i < 8 && (await run.order(no)).state !== 'CLOSED'; i++) {
      await advance(31_000);
      await sweep();
    }
    expect((await run.order(no)).state).toBe('CLOSED');
    expect(sim.order(no)?.trade_state).toBe('REVOKED');
    expect(await run.effects(no)).not.toContain('order.paid');
  });
});

describe('a prepared order that no payer has asked for', () => {
  const prepare = async (run: Running): Promise<string> => {
    const no = number('P');
    const prepared = await run.call('/wx-pay/wxpay_prepare_order', orderBody(no), operator());
    expect(prepared.status).toBe(200);
    return no;
  };

  test('is queried in v2', async () => {
    const { sim, run } = await start();
    const no = await prepare(run);
    expect(await run.call(QUERY, { out_trade_no: no }, operator())).toMatchObject({ status: 404 });
    expect(sim.requests.map(({ path }) => path)).toEqual(['/pay/orderquery']);
  });

  test('takes the genuine notice of its number', async () => {
    const { sim, run } = await start();
    const no = await prepare(run);
    const other = await startV2(sim);
    await other.call('/wx-pay/wxpay_order', orderBody(no), payer());
    sim.callbackTarget = run.url;
    const { transaction_id } = sim.pay(no);
    expect(await sim.deliver('payment', no)).toMatchObject([{ statusAnswered: 200, ok: true }]);
    expect(await run.order(no)).toMatchObject({ state: 'PAID', payment: { transaction_id } });
  });
});

describe('what never arrived', () => {
  test('a payment nobody told of is found, an unpaid order closed, by the sweep', async () => {
    const { sim, run, advance, sweep } = await start();
    const [seen, left] = [number('S'), number('S')];
    for (const no of [seen, left]) await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
    sim.pay(seen, { deliver: 'never' });
    await advance(11 * 60_000);
    for (let i = 0; i < 4; i++) await sweep();
    expect((await run.order(seen)).state).toBe('PAID');
    expect((await run.order(left)).state).toBe('CLOSED');
    expect(sim.order(left)?.trade_state).toBe('CLOSED');
  });

  test('a refund nobody told of is followed to its end', async () => {
    const { sim, run, advance, sweep } = await start();
    const no = number('V');
    await paid(run, sim, no);
    const refund = number('R');
    sim.faults.add({ route: 'POST /secapi/pay/refund', kind: 'drop_after' });
    const sent = await run.call('/wx-pay/wxpay_refund', refundBody(no, refund, 100), operator());
    expect([200, 202]).toContain(sent.status);
    await advance(5 * 60_000);
    for (let i = 0; i < 3; i++) await sweep();
    expect((await run.order(no)).state).toBe('REFUNDED');
    expect(sim.refunds()).toHaveLength(1);
  });

  test('an order made elsewhere is adopted from its genuine notice', async () => {
    const { sim, run } = await start();
    const other = await startV2(sim);
    const no = number('V');
    await other.call('/wx-pay/wxpay_order', orderBody(no), payer());
    sim.callbackTarget = run.url;
    sim.pay(no);
    expect(await sim.deliver('payment', no)).toMatchObject([{ statusAnswered: 200, ok: true }]);
    expect(await run.order(no)).toMatchObject({ state: 'PAID', made_by: 'adopted', api: 'v2' });
    expect(await run.effects(no)).toEqual(['order.adopted']);
  });
});

describe('the books', () => {
  test('a day is handed on as WeChat has it, and compared', async () => {
    const sim = await startSim({ switches: { billReady: 'always' } });
    const run = await startV2(sim);
    const [a, b] = [number('B'), number('B')];
    await paid(run, sim, a);
    await paid(run, sim, b);
    await run.call('/wx-pay/wxpay_refund', refundBody(a, number('R'), 30), operator());
    const lost = number('B');
    await run.call('/wx-pay/wxpay_order', orderBody(lost), payer());
    sim.pay(lost, { deliver: 'never' });
    const bill_date = String(sim.order(a)?.success_time).slice(0, 10);
    const bill = await run.send('POST', '/wx-pay/wxpay_bill', JSON.stringify({ bill_date }), {
      'content-type': 'application/json',
      ...operator(),
    });
    expect(bill.text).toBe(sim.bill(bill_date).ALL);
    const report = await run.call('/wx-pay/wxpay_reconcile', { bill_date }, operator());
    expect(dataOf(report)).toMatchObject({
      bill_date,
      differences: [
        { class: 'refund_state', out_trade_no: a, resolved: true },
        { class: 'state', out_trade_no: lost, resolved: true },
      ],
    });
    expect((await run.order(lost)).state).toBe('PAID');
    expectAllSigned(sim);
  });

  test('a day without business has no bill', async () => {
    const { run } = await start();
    const answer = await run.call('/wx-pay/wxpay_bill', { bill_date: '2026-01-02' }, operator());
    expect(answer).toMatchObject({
      status: 400,
      body: { error: 'WECHATPAY_REJECTED', data: { code: 'NO_STATEMENT_EXIST' } },
    });
  });
});

describe('what API v2 does not have', () => {
  const combined = { type: 'jsapi', combine_out_trade_no: 'C1' };
  test.each([
    ['wxpay_transfer', transferBody('T1')],
    ['wxpay_transfer', { nonsense: true }],
    ['wxpay_transfer_cancel', { out_bill_no: 'T1' }],
    ['wxpay_transfer_bill_query', { out_bill_no: 'T1' }],
    ['wxpay_order_combine', combined],
    ['wxpay_combine_query', { combine_out_trade_no: 'C1' }],
    ['wxpay_combine_close', { combine_out_trade_no: 'C1' }],
    ['wxpay_refund_abnormal', { out_refund_no: 'R1', type: 'MERCHANT_BANK_CARD' }],
  ])('%s is refused before its body is looked at', async (name, body) => {
    const { sim, run } = await start();
    const answer = await run.call(`/wx-pay/${name}`, body, operator());
    expect(answer).toMatchObject({ status: 400, body: { code: -1, error: 'NOT_IN_V2' } });
    expect((await run.call(`/wx-pay/${name}`, body)).status).toBe(401);
    expect(sim.requests).toEqual([]);
  });

  test('a payer learns of a transfer only that it is not his to make', async () => {
    const { run } = await start();
    const answer = await run.call('/wx-pay/wxpay_transfer', transferBody('T1'), payer());
    expect(answer).toMatchObject({ status: 403, body: { error: 'FORBIDDEN' } });
  });
});

describe('the client certificate', () => {
  test.each([
    ['none', { clientCertificate: '' }, 'MISSING_CREDENTIALS'],
    ['one that cannot be opened', { clientCertificate: 'MIIBAAAA' }, 'CONFIG_INVALID'],
  ])(
    '%s: refunds and reversals alone say so, and nothing is recorded',
    async (_name, env, error) => {
      const { sim, run, advance } = await start(env);
      const no = number('V');
      await paid(run, sim, no);
      expect((await run.order(no)).state).toBe('PAID');
      const refund = refundBody(no, number('R'), 40);
      const answer = await run.call('/wx-pay/wxpay_refund', refund, operator());
      expect(answer).toMatchObject({ status: 503, body: { error } });
      expect(String(answer.body.msg)).toContain('clientCertificate');
      expect((await run.order(no)).refunds).toEqual([]);
      await advance(0);
      expect(sim.requests.filter(({ path }) => path.startsWith('/secapi/'))).toEqual([]);
    },
  );
});

describe('payment codes without the client certificate', () => {
  test('nothing is charged that could not be reversed, and nothing is recorded', async () => {
    const { sim, run } = await start({ clientCertificate: '' });
    const no = number('C');
    const answer = await run.call(CODEPAY, charge(no), operator());
    expect(answer).toMatchObject({ status: 503, body: { error: 'MISSING_CREDENTIALS' } });
    expect(String(answer.body.msg)).toContain('clientCertificate');
    expect(sim.requests).toEqual([]);
    expect(await run.store.find('order', no)).toBeUndefined();
  });

  /** Charged with a certificate, and the payer is still to confirm; then the certificate is gone. */
  async function charged(reversing: boolean) {
    const sim = await startSim();
    sim.switches.codepayResult = 'USERPAYING';
    const databaseUrl = temporaryDatabase();
    const clock = skewedClock();
    const advance = async (ms: number): Promise<void> => {
      clock.offsetMs += ms;
      await sim.clock.advance(ms);
    };
    const sweepOf = (run: Running) => run.call('/wx-pay/wxpay_sweep', {}, operator());
    const before = await startBare(v2Env(sim, { databaseUrl }), { clock });
    const no = number('C');
    await before.call(CODEPAY, charge(no), operator());
    if (reversing) {
      await advance(31_000);
      sim.faults.add({ route: 'POST /secapi/pay/reverse', kind: 'drop_before', times: 9 });
      await sweepOf(before);
      expect((await before.order(no)).state).toBe('REVERSING');
    }
    await before.close();
    const run = await startBare(v2Env(sim, { databaseUrl, clientCertificate: '' }), { clock });
    return { sim, run, no, advance, sweep: () => sweepOf(run) };
  }

  test('one under way is asked about and not marked, so a late payment is paid', async () => {
    const { sim, run, no, advance, sweep } = await charged(false);
    await advance(31_000);
    await sweep();
    expect((await run.order(no)).state).toBe('CREATED');
    expect(await run.call(CODEPAY, charge(no), operator())).toMatchObject({ status: 202 });
    await advance(10 * 60_000);
    await sweep();
    await sweep();
    expect((await run.order(no)).agenda).toMatchObject([{ do: 'reverse' }]);
    sim.pay(no);
    await advance(10 * 60_000);
    await sweep();
    expect(await run.order(no)).toMatchObject({ state: 'PAID', agenda: [] });
    expect(await run.effects(no)).toEqual(['order.paid']);
    expect(sim.requests.filter(({ path }) => path === '/pay/micropay')).toHaveLength(1);
  });

  test('one that can never be reversed is left to an operator in the end', async () => {
    const { run, no, advance, sweep } = await charged(false);
    await advance(7 * 86_400_000);
    await sweep();
    await sweep();
    expect(await run.order(no)).toMatchObject({ state: 'CREATED', agenda: [] });
    expect((await run.order(no)).history.at(-1)).toMatchObject({
      what: 'unresolved',
      detail: 'not_reversed_in_time',
    });
  });

  test('one that is being reversed is asked about, so a late payment is recorded', async () => {
    const { sim, run, no, advance, sweep } = await charged(true);
    const { transaction_id } = sim.pay(no);
    await advance(60_000);
    await sweep();
    expect(await run.order(no)).toMatchObject({ state: 'REVERSING', payment: { transaction_id } });
  });
});

describe('a merchant that changes to API v3', () => {
  async function changed(more: Record<string, string | undefined>) {
    const sim = await startSim();
    const databaseUrl = temporaryDatabase();
    const before = await startBare(v2Env(sim, { databaseUrl }));
    sim.callbackTarget = before.url;
    const [open, done, told] = [number('O'), number('O'), number('O')];
    for (const no of [open, done, told]) {
      await before.call('/wx-pay/wxpay_order', orderBody(no), payer());
    }
    sim.pay(done);
    await sim.deliver('payment', done);
    await before.close();
    const run = await startBare({ ...serviceEnv(sim), databaseUrl, ...more });
    sim.callbackTarget = run.url;
    return { sim, run, open, done, told };
  }

  test('keeps the old orders in v2, refunds them by v3, and makes new ones in v3', async () => {
    const sim0 = await startSim();
    const { sim, run, open, done, told } = await changed({
      apiKeyV2: sim0.credentials.apiKeyV2,
    });
    expect(dataOf(await run.call(QUERY, { out_trade_no: open }, payer())).trade_state).toBe(
      'NOTPAY',
    );
    sim.pay(told);
    expect(await sim.deliver('payment', told)).toMatchObject([{ statusAnswered: 200, ok: true }]);
    const again = await run.call('/wx-pay/wxpay_order', orderBody(open), payer());
    expect(dataOf(again).signType).toBe('HMAC-SHA256');
    expect((await run.call(CLOSE, { out_trade_no: open }, payer())).status).toBe(200);
    expect(sim.order(open)?.trade_state).toBe('CLOSED');
    const refund = number('R');
    const back = await run.call('/wx-pay/wxpay_refund', refundBody(done, refund, 100), operator());
    expect(back.status).toBe(200);
    expect(await sim.deliver('refund', refund)).toMatchObject([{ statusAnswered: 200 }]);
    expect((await run.order(done)).state).toBe('REFUNDED');
    expect(sim.requests.some(({ path }) => path.startsWith('/secapi/'))).toBe(false);
    const no = number('N');
    const fresh = await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
    expect(dataOf(fresh).signType).toBe('RSA');
    expect(await run.order(no)).toMatchObject({ api: 'v3' });
    expect(sim.requests.filter(({ signature }) => signature !== 'valid')).toEqual([]);
  });

  test('reconciles the old orders in the version in which they were made', async () => {
    const sim0 = await startSim();
    const { sim, run, done, told } = await changed({ apiKeyV2: sim0.credentials.apiKeyV2 });
    sim.switches.billReady = 'always';
    sim.pay(told, { deliver: 'never' });
    const refund = number('R');
    await run.call('/wx-pay/wxpay_refund', refundBody(done, refund, 30), operator());
    const bill_date = String(sim.order(done)?.success_time).slice(0, 10);
    const seen = sim.requests.length;
    const report = await run.call('/wx-pay/wxpay_reconcile', { bill_date }, operator());
    expect(dataOf(report).differences).toMatchObject([
      { class: 'state', out_trade_no: told, resolved: true },
      { class: 'refund_state', out_trade_no: done, resolved: true },
    ]);
    const asked = sim.requests.slice(seen).map(({ path }) => path.split('?')[0]);
    expect(asked).toEqual(
      expect.arrayContaining(['/pay/orderquery', `/v3/refund/domestic/refunds/${refund}`]),
    );
    expect((await run.order(told)).state).toBe('PAID');
  });

  test('without the key old orders answer 503 naming it, notices too', async () => {
    const { sim, run, open, told } = await changed({});
    const asked = await run.call(QUERY, { out_trade_no: open }, payer());
    expect(asked).toMatchObject({ status: 503, body: { error: 'MISSING_CREDENTIALS' } });
    expect(String(asked.body.msg)).toContain('apiKeyV2');
    const closed = await run.call(CLOSE, { out_trade_no: open }, payer());
    expect(closed).toMatchObject({ status: 503, body: { error: 'MISSING_CREDENTIALS' } });
    sim.pay(told);
    const [sent] = await sim.deliver('payment', told);
    expect(sent).toMatchObject({ statusAnswered: 503, ok: false });
    expect(sent?.bodyAnswered).toContain('FAIL');
    expect((await run.order(told)).state).toBe('PENDING');
  });

  test('without the key a paid order is not queried either, but shown and refunded', async () => {
    const { run, done } = await changed({});
    const asked = await run.call(QUERY, { out_trade_no: done }, payer());
    expect(asked).toMatchObject({ status: 503, body: { error: 'MISSING_CREDENTIALS' } });
    const shown = await run.get(`/wx-pay/records/order/${done}`, operator());
    expect(dataOf(shown)).toMatchObject({ state: 'PAID' });
    const refund = refundBody(done, number('R'), 100);
    expect((await run.call('/wx-pay/wxpay_refund', refund, operator())).status).toBe(200);
  });
});

test('an order of an app that is not listed any more is refunded in the name of the first one', async () => {
  const { sim, run } = await start();
  const no = number('V');
  await paid(run, sim, no);
  const record = await run.order(no);
  const { version } = record;
  await run.store.replace(
    { ...record, appid: 'wx00000000000000ff', version: version + 1 },
    version,
  );
  const refund = number('R');
  const answer = await run.call('/wx-pay/wxpay_refund', refundBody(no, refund, 40), operator());
  expect(answer).toMatchObject({ status: 200, body: { code: 0 } });
  const sent = sim.requests.filter(({ path }) => path === '/secapi/pay/refund');
  expect(sent.map(({ body }) => body)).toEqual([
    expect.stringContaining(`<appid><![CDATA[${sim.credentials.appId}]]>`),
  ]);
});

test('what API v2 would not take is refused before it is recorded, also of a prepared order', async () => {
  const { sim, run } = await start();
  const attach = 'a'.repeat(128);
  for (const name of ['wxpay_order', 'wxpay_prepare_order']) {
    const no = number('V');
    const body = {
      ...orderBody(no),
      attach,
      ...(name === 'wxpay_order' ? { payer: { openid: PAYER } } : {}),
    };
    const answer = await run.call(`/wx-pay/${name}`, body, operator());
    expect(answer).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
    expect(String(answer.body.msg)).toContain('attach');
    expect(await run.store.find('order', no)).toBeUndefined();
  }
  expect(sim.requests).toEqual([]);
});

test('a prepared order is asked for in the version of the day its payer comes', async () => {
  const { sim, run } = await start();
  const no = number('P');
  await run.call('/wx-pay/wxpay_prepare_order', orderBody(no), operator());
  const placed = await run.call('/wx-pay/wxpay_order', { out_trade_no: no }, payer());
  expect(dataOf(placed).signType).toBe('HMAC-SHA256');
  expect(await run.order(no)).toMatchObject({ state: 'PENDING', api: 'v2' });
  sim.pay(no);
  expect(await sim.deliver('payment', no)).toMatchObject([{ statusAnswered: 200, ok: true }]);
  expect((await run.order(no)).state).toBe('PAID');
});
