/** Notifications under trouble: repeated, racing, contradicting, too early, unproven. One PAID, one effect. */
import type { Refund } from '../../services/ledger/record';
import type { Simulator } from '../../simulator';
import { anOrder } from '../helpers/storeRecords';
import {
  number,
  operator,
  orderBody,
  OTHER,
  payer,
  placeAndPay,
  placePaid,
  refundBody,
  skewedClock,
  startService,
  startSim,
  temporaryDatabase,
  transferBody,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';

const NOTIFY = '/wechatpay/order';

/** The plaintext WeChat would send, with whatever a test changes in it. */
function paidPlain(sim: Simulator, no: string, change: Json = {}): Json {
  return {
    ...sim.order(no),
    trade_state: 'SUCCESS',
    trade_state_desc: '支付成功',
    transaction_id: '4200000000202601010000000001',
    trade_type: 'JSAPI',
    bank_type: 'OTHERS',
    success_time: '2026-01-01T10:00:00+08:00',
    payer: { openid: 'oPayer_0000000000000000001' },
    amount: { total: 100, payer_total: 100, currency: 'CNY', payer_currency: 'CNY' },
    ...change,
  };
}

function tell(run: Running, sim: Simulator, plain: Json): Promise<Answer> {
  const { body, headers } = sim.makeNotification('payment', plain);
  return run.send('POST', NOTIFY, body, headers);
}

const alarmed = (run: Running): unknown[] =>
  run.alarms().map(({ code, reason }) => [code, ...(reason === undefined ? [] : [reason])]);

describe.each([
  ['memory:', 'sdk'],
  ['file:', 'sdk'],
  ['file:', 'gateway'],
] as const)('on %s in mode %s', (kind, mode) => {
  test('20 identical callbacks at once: each SUCCESS, one PAID, one effect', async () => {
    const sim = await startSim();
    const databaseUrl = kind === 'file:' ? temporaryDatabase() : kind;
    const run = await startService({ sim, mode, env: { databaseUrl } });
    const no = number('C');
    await placeAndPay(run, sim, no);
    const all = await Promise.all(
      Array.from({ length: 20 }, async () => (await sim.deliver('payment', no))[0]),
    );
    expect(all.map((sent) => sent?.statusAnswered)).toEqual(Array(20).fill(200));
    const record = await run.order(no);
    expect(record.state).toBe('PAID');
    expect(record.history.filter((entry) => entry.what === 'paid')).toHaveLength(1);
    expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
    expect(run.alarms()).toEqual([]);
  });
});

describe('two instances over one database', () => {
  test('20 callbacks spread over both: one PAID, one effect', async () => {
    const sim = await startSim();
    const env = { databaseUrl: temporaryDatabase() };
    const [a, b] = [await startService({ sim, env }), await startService({ sim, env })];
    const no = number('C');
    await placeAndPay(a, sim, no);
    const { body, headers } = sim.makeNotification('payment', sim.order(no) ?? {});
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? a : b).send('POST', NOTIFY, body, headers)),
    );
    expect(all.map((answer) => answer.status)).toEqual(Array(20).fill(200));
    expect(await b.effects(no)).toEqual(['order.created', 'order.paid']);
  });
});

describe('a genuine payment that is not the one ordered', () => {
  test.each([
    ['amount', { amount: { total: 99, payer_total: 99, currency: 'CNY' } }, 99],
    ['appid', { appid: 'wxfedcba9876543210' }, 100],
    ['payer', { payer: { openid: OTHER } }, 100],
    ['currency', { amount: { total: 100, currency: 'USD' } }, 100],
  ])('%s differs → MISMATCH: alarmed, acknowledged, refundable', async (what, change, paid) => {
    const sim = await startSim();
    const run = await startService({ sim });
    const no = number('C');
    await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
    expect((await tell(run, sim, paidPlain(sim, no, change))).status).toBe(200);
    expect(await run.order(no)).toMatchObject({ state: 'MISMATCH', payment: { total: paid } });
    expect(await run.effects(no)).toEqual(['order.created', 'order.mismatch']);
    expect(alarmed(run)).toEqual([['order.mismatch', what]]);
    expect((await tell(run, sim, paidPlain(sim, no, change))).status).toBe(200);
    expect(run.alarms()).toHaveLength(1);
    const tooMuch = refundBody(no, number('R'), paid + 1, paid);
    expect((await run.call('/wx-pay/wxpay_refund', tooMuch, operator())).status).toBe(409);
    const refund = number('R');
    await run.call('/wx-pay/wxpay_refund', refundBody(no, refund, paid, paid), operator());
    const sent = sim.requests.find((r) => r.path === '/v3/refund/domestic/refunds');
    expect(JSON.parse(sent?.body ?? '{}')).toMatchObject({ amount: { refund: paid, total: paid } });
    expect((await run.order(no)).state).toBe('MISMATCH');
  });

  test('the payer is not compared where the order named none to WeChat', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const no = number('C');
    await run.call('/wx-pay/wxpay_order_native', orderBody(no), payer());
    expect((await tell(run, sim, paidPlain(sim, no, { payer: { openid: OTHER } }))).status).toBe(
      200,
    );
    expect((await run.order(no)).state).toBe('PAID');
  });

  test('a foreign mchid is 4xx, and nothing is written', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const no = number('C');
    await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
    const answer = await tell(run, sim, paidPlain(sim, no, { mchid: '1900000002' }));
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect((await run.order(no)).state).toBe('PENDING');
  });

  test('a second transaction_id on a paid order is kept and alarmed; its state stays', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const no = number('C');
    await placePaid(run, sim, no);
    const second = paidPlain(sim, no);
    expect((await tell(run, sim, second)).status).toBe(200);
    expect((await tell(run, sim, second)).status).toBe(200);
    const record = await run.order(no);
    expect(record).toMatchObject({
      state: 'PAID',
      payment: { transaction_id: sim.order(no)?.transaction_id },
      contradictions: [{ transaction_id: second.transaction_id }],
    });
    expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
    expect(run.alarms()).toHaveLength(1);
  });
});

describe('a payment out of its turn', () => {
  test('after close: PAID, told as order.paid_after_close, alarmed', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const no = number('C');
    await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
    await run.call('/wx-pay/wxpay_close_order', { out_trade_no: no }, payer());
    for (let i = 0; i < 2; i++) {
      expect((await tell(run, sim, paidPlain(sim, no))).status).toBe(200);
    }
    expect((await run.order(no)).state).toBe('PAID');
    expect(await run.effects(no)).toEqual([
      'order.created',
      'order.closed',
      'order.paid_after_close',
    ]);
    expect(alarmed(run)).toEqual([['order.paid_after_close']]);
  });

  test('of an order we never had: adopted, not delivered', async () => {
    const sim = await startSim();
    const elsewhere = await startService({ sim });
    const no = number('C');
    await placeAndPay(elsewhere, sim, no);
    const run = await startService({ sim });
    const sent = await sim.deliver('payment', no, { times: 3 });
    expect(sent.map((s) => s.statusAnswered)).toEqual([200, 200, 200]);
    expect(await run.order(no)).toMatchObject({ state: 'PAID', made_by: 'adopted' });
    expect(await run.effects(no)).toEqual(['order.adopted']);
  });

  test('our refund’s callback before the payment’s: one PAID, both told in order', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const no = number('C');
    const refund = number('R');
    await placeAndPay(run, sim, no);
    // The payment's callback is lost; the refund asks WeChat and learns of the payment first.
    expect(
      (await run.call('/wx-pay/wxpay_refund', refundBody(no, refund, 100), operator())).status,
    ).toBe(200);
    await sim.deliver('refund', refund);
    await sim.deliver('payment', no);
    expect((await run.order(no)).state).toBe('REFUNDED');
    expect(await run.effects(no)).toEqual([
      'order.created',
      'order.paid',
      'refund.requested',
      'refund.succeeded',
    ]);
  });

  test('a refund made elsewhere, told before the payment: taken in, nothing to deliver', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const no = number('C');
    await placeAndPay(run, sim, no);
    const elsewhere = await startService({ sim });
    const refund = number('R');
    await elsewhere.call('/wx-pay/wxpay_refund', refundBody(no, refund, 60), operator());
    sim.callbackTarget = run.url;
    const [early] = await sim.deliver('refund', refund);
    expect(early?.statusAnswered).toBe(200);
    const [late] = await sim.deliver('payment', no);
    expect(late?.statusAnswered).toBe(200);
    expect(await run.order(no)).toMatchObject({
      state: 'PARTIALLY_REFUNDED',
      refunds: [{ out_refund_no: refund, status: 'SUCCESS', refund: 60, source: 'callback' }],
    });
    expect(await run.effects(no)).toEqual([
      'order.created',
      'order.refunded_elsewhere',
      'refund.succeeded',
    ]);
    // It counts in what may still go out.
    const tooMuch = refundBody(no, number('R'), 41);
    expect(await run.call('/wx-pay/wxpay_refund', tooMuch, operator())).toMatchObject({
      status: 409,
      body: { error: 'REFUND_EXCEEDS' },
    });
  });

  test('a transfer we never had is adopted from its callback', async () => {
    const sim = await startSim();
    const elsewhere = await startService({ sim });
    const no = number('T').slice(0, 32);
    await elsewhere.call('/wx-pay/wxpay_transfer', transferBody(no), operator());
    sim.confirmTransfer(no);
    const run = await startService({ sim });
    const [sent] = await sim.deliver('transfer', no);
    expect(sent?.statusAnswered).toBe(200);
    expect((await run.transfer(no)).state).toBe('SUCCESS');
  });
});

test('a refund’s callback that the record has no room for is not acknowledged', async () => {
  const sim = await startSim();
  const run = await startService({ sim });
  const no = number('C');
  const refund = (i: number): Refund => ({
    out_refund_no: `FULL${String(i)}`,
    status: 'SUCCESS',
    refund: 1,
    total: 1000,
    source: 'callback',
    requested_at: 0,
    attempts: 0,
  });
  const { appId: appid, merchantId: mchid } = sim.credentials;
  const proven = { proof: 'signature', source: 'callback' } as const;
  const payment = { transaction_id: '42', total: 1000, currency: 'CNY', appid, mchid, ...proven };
  const refunds = Array.from({ length: 200 }, (_, i) => refund(i));
  const refund_contradictions = Array.from({ length: 20 }, (_, i) => ({
    ...refund(300 + i),
    why: 'too_many' as const,
    seen_at: 0,
    ...proven,
  }));
  const full = { refunds, refund_contradictions };
  await run.store.insert(
    anOrder(no, { state: 'PARTIALLY_REFUNDED', payment, ...full, mchid, appid }),
  );
  const { body, headers } = sim.makeNotification('refund', {
    mchid,
    out_trade_no: no,
    transaction_id: '42',
    out_refund_no: 'ONEMORE',
    refund_id: '50',
    refund_status: 'SUCCESS',
    amount: { total: 1000, refund: 1, payer_total: 1000, payer_refund: 1 },
  });
  const answer = await run.send('POST', '/wechatpay/refund', body, headers);
  expect(answer).toMatchObject({ status: 409, body: { code: 'FAIL' } });
});

describe('what is not genuine', () => {
  const SPOILT = [
    'bad_signature',
    'probe',
    'unknown_serial',
    'stale_timestamp',
    'truncate',
  ] as const;

  test.each(SPOILT)(
    '%s: 4xx in WeChat’s voice, nothing written, no question asked',
    async (kind) => {
      const sim = await startSim();
      const run = await startService({ sim });
      const no = number('C');
      await placeAndPay(run, sim, no);
      const before = sim.requests.length;
      sim.callbackFaults.add({ route: 'payment', kind });
      const [spoilt] = await sim.deliver('payment', no);
      expect(spoilt?.statusAnswered).toBeGreaterThanOrEqual(400);
      expect(spoilt?.statusAnswered).toBeLessThan(500);
      expect(JSON.parse(spoilt?.bodyAnswered ?? '')).toEqual({
        code: 'FAIL',
        message: expect.any(String),
      });
      const [good] = await sim.deliver('payment', no);
      expect(good?.statusAnswered).toBe(200);
      expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
      // An unknown serial may be a new certificate: that is looked up, once a minute at most.
      const asked = sim.requests.slice(before).map((request) => request.path);
      expect(asked).toEqual(kind === 'unknown_serial' ? ['/v3/certificates'] : []);
      if (kind === 'probe') {
        const told = run.logs.filter((line) => line.level === 'warn' || line.level === 'error');
        expect(told.filter((line) => line.event !== 'setting')).toEqual([]);
      }
    },
  );

  test('labels that contradict the plaintext are refused, whatever the signature', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const no = number('C');
    await placePaid(run, sim, no);
    const plain = sim.order(no) ?? {};
    for (const labels of [
      { event_type: 'REFUND.SUCCESS' },
      { original_type: 'refund' },
      { associated_data: 'refund' },
    ]) {
      const { body, headers } = sim.makeNotification('payment', plain, labels);
      const answer = await run.send('POST', NOTIFY, body, headers);
      expect(answer).toMatchObject({ status: 400, body: { code: 'FAIL' } });
    }
    const { body, headers } = sim.makeNotification('payment', plain);
    const wrongRoute = await run.send('POST', '/wechatpay/refund', body, headers);
    expect(wrongRoute).toMatchObject({ status: 400, body: { code: 'FAIL' } });
  });

  test.each(['sdk', 'gateway'] as const)(
    'a plaintext forward in mode %s is a hint: asked about once in 5 s, and never believed',
    async (mode) => {
      const sim = await startSim();
      const clock = skewedClock();
      const run = await startService({ sim, mode, clock });
      const no = number('C');
      await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
      const { body } = sim.makeForward('payment', paidPlain(sim, no), { ciphertext: false });
      const before = sim.requests.length;
      const json = { 'content-type': 'application/json' };
      const forged = await Promise.all(
        Array.from({ length: 20 }, () => run.send('POST', NOTIFY, body, json)),
      );
      // One is asked about and not borne out; the others may be genuine, so they must come again.
      const told = forged.map((answer) => answer.status).sort((a, b) => a - b);
      expect(told).toEqual([401, ...Array.from({ length: 19 }, () => 503)]);
      expect(sim.requests.length - before).toBe(1);
      expect((await run.order(no)).state).toBe('PENDING');
      // A number we do not hold is not even asked about.
      const { body: unknown } = sim.makeForward(
        'payment',
        paidPlain(sim, no, { out_trade_no: number('U') }),
        { ciphertext: false },
      );
      expect((await run.send('POST', '/', unknown, json)).status).toBe(401);
      expect(sim.requests.length - before).toBe(1);
      clock.offsetMs += 5_000;
      sim.pay(no);
      const [real] = await sim.deliver('payment', no, { mode: 'gateway', ciphertext: false });
      expect(real?.statusAnswered).toBe(200);
      expect((await run.order(no)).payment?.proof).toBe('signature');
    },
  );

  test('a refund hint that WeChat does not bear out is not acknowledged', async () => {
    const sim = await startSim({ switches: { refundOutcome: 'never' } });
    const run = await startService({ sim, mode: 'gateway' });
    const no = number('C');
    const refund = number('R');
    await placePaid(run, sim, no);
    await run.call('/wx-pay/wxpay_refund', refundBody(no, refund, 30), operator());
    const plain = {
      mchid: sim.credentials.merchantId,
      out_trade_no: no,
      out_refund_no: refund,
      refund_status: 'SUCCESS',
      amount: { refund: 30, total: 100 },
    };
    const { body } = sim.makeForward('refund', plain, { ciphertext: false });
    const answer = await run.send('POST', '/wechatpay/refund', body);
    expect(answer.status).toBe(401);
    expect((await run.order(no)).state).toBe('REFUNDING');
  });

  test('in gateway mode a ciphertext of another key is refused, not taken for a hint', async () => {
    const sim = await startSim();
    const stranger = await startSim({ seed: 99 });
    const run = await startService({ sim, mode: 'gateway' });
    const no = number('C');
    await placeAndPay(run, sim, no);
    const before = sim.requests.length;
    const { body } = stranger.makeForward('payment', paidPlain(sim, no), { ciphertext: true });
    const answer = await run.send('POST', NOTIFY, body);
    expect(answer.status).toBe(401);
    expect(sim.requests.length).toBe(before);
    expect((await run.order(no)).state).toBe('PENDING');
  });
});
