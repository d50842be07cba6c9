/**
 * The whole life of an order over real HTTP, in both signing modes and all key schemes: what the wire
 * carries, what is recorded, and that every request to WeChat Pay was rightly signed.
 */
import { createVerify } from 'node:crypto';
import type { Simulator } from '../../simulator';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  placePaid,
  PAYER,
  refundBody,
  startService,
  startSim,
  temporaryDatabase,
  transferBody,
  useDoor,
  type Json,
  type Running,
} from '../helpers/service';

const MODES = ['sdk', 'gateway'] as const;
const DOORS = ['shortcut', 'express'] as const;
const SCHEMES = ['publicKey', 'certificate', 'both'] as const;
const COMBINATIONS = MODES.flatMap((mode, m) =>
  SCHEMES.map((scheme, s) => ({ mode, scheme, door: DOORS[(m + s) % 2] ?? 'express' })),
);

/** Fails unless WeChat's SDK on the phone would accept these parameters. */
function expectPayable(sim: Simulator, params: Json): void {
  const { appId, prepay_id, timeStamp, nonceStr, package: pkg, signType, paySign } = params;
  expect(Object.keys(params).sort()).toEqual(
    ['appId', 'nonceStr', 'package', 'paySign', 'prepay_id', 'signType', 'timeStamp'].sort(),
  );
  expect(Object.values(params).every((value) => typeof value === 'string')).toBe(true);
  expect({ appId, signType, pkg }).toEqual({
    appId: sim.credentials.appId,
    signType: 'RSA',
    pkg: `prepay_id=${String(prepay_id)}`,
  });
  const text = [appId, timeStamp, nonceStr, pkg].map((part) => `${String(part)}\n`).join('');
  const verify = createVerify('RSA-SHA256').update(text);
  expect(verify.verify(sim.credentials.merchantPublicKey, String(paySign), 'base64')).toBe(true);
}

function expectAllSigned(sim: Simulator): void {
  expect(sim.requests.length).toBeGreaterThan(0);
  expect(sim.requests.filter((request) => request.signature !== 'valid')).toEqual([]);
}

const success = (data: unknown, status = 200): Json => ({
  code: 0,
  msg: 'success',
  data: { status, data },
});

describe.each(COMBINATIONS)('signMode $mode, scheme $scheme, $door', ({ mode, scheme, door }) => {
  let sim: Simulator;
  let run: Running;

  beforeEach(async () => {
    useDoor(door);
    sim = await startSim({ scheme });
    run = await startService({ sim, mode, env: { databaseUrl: temporaryDatabase() } });
  });

  test('an order is placed, repeated, queried, paid, told three times, and recorded once', async () => {
    const no = number('L');
    const placed = await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
    expect(placed).toMatchObject({ status: 200, body: { code: 0, msg: 'success' } });
    expect(Object.keys(placed.body)).toEqual(['code', 'msg', 'data']);
    expect(Object.keys(placed.body.data as Json)).toEqual(['status', 'data']);
    expectPayable(sim, dataOf(placed));

    const repeated = await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
    expect(dataOf(repeated).prepay_id).toBe(dataOf(placed).prepay_id);
    expectPayable(sim, dataOf(repeated));

    const ask = { out_trade_no: no };
    const unpaid = await run.call('/wx-pay/wxpay_query_order_by_out_trade_no', ask, payer());
    expect(unpaid.body).toEqual(success(sim.order(no)));
    expect((await run.order(no)).state).toBe('PENDING');

    const { transaction_id } = sim.pay(no);
    const sent = await sim.deliver('payment', no, { times: 3 });
    expect(sent.map((s) => [s.statusAnswered, JSON.parse(s.bodyAnswered)])).toEqual(
      Array(3).fill([200, { code: 'SUCCESS', message: '成功' }]),
    );
    const record = await run.order(no);
    expect(record).toMatchObject({ state: 'PAID', payment: { transaction_id, total: 100 } });
    expect(record.history.filter((entry) => entry.what === 'paid')).toHaveLength(1);
    expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);

    const byNo = await run.call('/wx-pay/wxpay_query_order_by_out_trade_no', ask, payer());
    expect(byNo).toMatchObject({ status: 200, body: success(sim.order(no)) });
    const byId = await run.call(
      '/wx-pay/wxpay_query_order_by_transaction_id',
      { transaction_id },
      payer(),
    );
    expect(byId.body).toEqual(byNo.body);
    expectAllSigned(sim);
  });

  test('refunds go out up to what was paid and not a fen further', async () => {
    const no = number('L');
    await placePaid(run, sim, no);
    const first = number('R');
    const refunded = await run.call('/wx-pay/wxpay_refund', refundBody(no, first, 40), operator());
    expect(refunded).toMatchObject({ status: 200, body: { code: 0, msg: 'success' } });
    expect(dataOf(refunded)).toMatchObject({
      out_refund_no: first,
      out_trade_no: no,
      status: 'PROCESSING',
      refund_id: sim.refund(first)?.refund_id,
    });
    expect((await run.order(no)).state).toBe('REFUNDING');
    const sent = await sim.deliver('refund', first, { times: 2 });
    expect(sent.map((s) => s.statusAnswered)).toEqual([200, 200]);
    expect((await run.order(no)).state).toBe('PARTIALLY_REFUNDED');

    const ask = { out_refund_no: first };
    const queried = await run.call('/wx-pay/wxpay_refund_query', ask, payer());
    expect(queried.body).toEqual(success(sim.refund(first)));

    const tooMuch = refundBody(no, number('R'), 61);
    expect(await run.call('/wx-pay/wxpay_refund', tooMuch, operator())).toMatchObject({
      status: 409,
      body: { code: -1, error: 'REFUND_EXCEEDS', data: null },
    });
    const second = number('R');
    await run.call('/wx-pay/wxpay_refund', refundBody(no, second, 60), operator());
    await sim.deliver('refund', second);
    expect((await run.order(no)).state).toBe('REFUNDED');
    const oneMore = refundBody(no, number('R'), 1);
    expect((await run.call('/wx-pay/wxpay_refund', oneMore, operator())).status).toBe(409);
    expect(sim.refunds()).toHaveLength(2);
    expect((await run.effects(no)).slice(2)).toEqual([
      'refund.requested',
      'refund.succeeded',
      'refund.requested',
      'refund.succeeded',
    ]);
    expectAllSigned(sim);
  });

  test('an unpaid order is closed, at WeChat and here', async () => {
    const no = number('L');
    await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
    const closed = await run.call('/wx-pay/wxpay_close_order', { out_trade_no: no }, payer());
    expect(closed).toMatchObject({ status: 200, body: success(null, 204) });
    expect(sim.order(no)?.trade_state).toBe('CLOSED');
    expect((await run.order(no)).state).toBe('CLOSED');
    expect(await run.effects(no)).toEqual(['order.created', 'order.closed']);
    const again = await run.call('/wx-pay/wxpay_close_order', { out_trade_no: no }, payer());
    expect(again.body).toEqual(success(null, 204));
    expectAllSigned(sim);
  });

  test('a transfer is made, asked about under all three names, and ends by its callback', async () => {
    const no = number('T').slice(0, 32);
    const made = await run.call('/wx-pay/wxpay_transfer', transferBody(no), operator());
    expect(made).toMatchObject({ status: 200, body: { code: 0 } });
    const transfer_bill_no = sim.transfer(no)?.transfer_bill_no;
    expect(dataOf(made)).toMatchObject({
      out_bill_no: no,
      transfer_bill_no,
      state: 'WAIT_USER_CONFIRM',
      package_info: sim.transfer(no)?.package_info,
      mchId: sim.credentials.merchantId,
    });
    for (const [path, body] of [
      ['wxpay_transfer_bill_query', { out_bill_no: no }],
      ['wxpay_transfer_batch_query', { out_bill_no: no }],
      ['wxpay_transfer_bill_query_by_no', { transfer_bill_no }],
    ] as const) {
      for (const who of [operator(), payer(PAYER)]) {
        const queried = await run.call(`/wx-pay/${path}`, body, who);
        expect(queried.body).toEqual(success(sim.transfer(no)));
      }
    }
    sim.confirmTransfer(no);
    const sent = await sim.deliver('transfer', no, { times: 2 });
    expect(sent.map((s) => s.statusAnswered)).toEqual([200, 200]);
    expect((await run.transfer(no)).state).toBe('SUCCESS');
    expect(await run.effects(no, 'transfer')).toEqual(['transfer.accepted', 'transfer.succeeded']);
    expectAllSigned(sim);
  });
});

describe.each(MODES)('signMode %s', (mode) => {
  let sim: Simulator;
  let run: Running;

  beforeEach(async () => {
    sim = await startSim();
    run = await startService({ sim, mode });
  });

  test('H5, Native and App orders answer with what their clients open', async () => {
    const scene_info = { payer_client_ip: '203.0.113.7', h5_info: { type: 'Wap' } };
    const h5 = number('H');
    const inBrowser = { ...orderBody(h5), scene_info };
    const placed = await run.call('/wx-pay/wxpay_order_h5', inBrowser, payer());
    expect(placed.body).toEqual(success({ h5_url: expect.stringMatching(/^https:\/\//) }));

    const native = number('N');
    const coded = await run.call('/wx-pay/wxpay_order_native', orderBody(native), operator());
    expect(coded.body).toEqual(success({ code_url: expect.stringMatching(/^weixin:\/\//) }));

    const app = number('A');
    const inApp = dataOf(await run.call('/wx-pay/wxpay_order_app', orderBody(app), payer()));
    const { appid, timestamp, noncestr, prepayid, sign } = inApp as Record<string, string>;
    expect(inApp).toMatchObject({
      appid: sim.credentials.appId,
      partnerid: sim.credentials.merchantId,
      package: 'Sign=WXPay',
    });
    const text = [appid, timestamp, noncestr, prepayid].map((part) => `${part ?? ''}\n`).join('');
    const verify = createVerify('RSA-SHA256').update(text);
    expect(verify.verify(sim.credentials.merchantPublicKey, sign ?? '', 'base64')).toBe(true);
    expectAllSigned(sim);
  });

  test('the records are listed newest first, filtered, paged, and shown one by one', async () => {
    const [a, b, c] = [number('D'), number('D'), number('D')];
    for (const no of [a, b, c]) await placePaid(run, sim, no);
    await run.call('/wx-pay/wxpay_refund', refundBody(b, number('R'), 10), operator());
    const nos = (answer: Json): unknown =>
      (answer.records as Json[]).map((record) => record.no).sort();
    const all = await run.get('/wx-pay/records', operator());
    expect(all).toMatchObject({ status: 200, body: { code: 0, data: { status: 200 } } });
    expect(Object.keys(dataOf(all))).toEqual(['records', 'next']);
    expect(nos(dataOf(all))).toEqual([a, b, c].sort());
    expect(nos(dataOf(await run.get('/wx-pay/records?state=REFUNDING', operator())))).toEqual([b]);
    const first = dataOf(await run.get('/wx-pay/records?limit=2&kind=order', operator()));
    expect(first.records).toHaveLength(2);
    const next = encodeURIComponent(String(first.next));
    const rest = dataOf(await run.get(`/wx-pay/records?limit=2&after=${next}`, operator()));
    expect(rest).toMatchObject({ records: [expect.anything()], next: null });
    expect(nos({ records: [...(first.records as Json[]), ...(rest.records as Json[])] })).toEqual(
      [a, b, c].sort(),
    );

    const one = dataOf(await run.get(`/wx-pay/records/order/${b}`, operator()));
    expect(one).toMatchObject({
      kind: 'order',
      no: b,
      state: 'REFUNDING',
      version: expect.any(Number),
      payer: PAYER,
      refunds: [{ refund: 10, status: 'PROCESSING' }],
      due_at: expect.stringMatching(/\+08:00$/),
    });
    expect((one.effects as Json[]).map((effect) => effect.type)).toEqual([
      'order.created',
      'order.paid',
      'refund.requested',
    ]);
    expect(one.history).toContainEqual(
      expect.objectContaining({ what: 'paid', source: 'callback', proof: expect.anything() }),
    );
    expect(JSON.stringify(one)).not.toMatch(/notify_url|facts_hash|ciphertext/);
    const none = await run.get('/wx-pay/records/order/NOTHERE1', operator());
    expect(none).toMatchObject({ status: 404, body: { code: -1, error: 'RECORD_NOT_FOUND' } });
  });

  test('the old dispatch on / finds its route by _action and by path', async () => {
    const [wxpay_order, wxpay_refund] = [number('O'), number('R')];
    const body = { ...orderBody(wxpay_order), payer: { openid: PAYER } };
    const byAction = await run.call('/', { _action: 'wxpay_order', ...body }, operator());
    expectPayable(sim, dataOf(byAction));
    const byPath = await run.call('/', { path: '/wx-pay/wxpay_order', ...body }, operator());
    expect(dataOf(byPath).prepay_id).toBe(dataOf(byAction).prepay_id);
    sim.pay(wxpay_order);
    await sim.deliver('payment', wxpay_order);
    const refund = { _action: 'wxpay_refund', ...refundBody(wxpay_order, wxpay_refund, 5) };
    expect((await run.call('/', refund, operator())).status).toBe(200);
    // An open route for callbacks may lead to /: a header there proves nobody.
    const byHeader = await run.call('/', { _action: 'wxpay_order', ...body }, payer());
    expect(byHeader).toMatchObject({ status: 401, body: { error: 'UNAUTHENTICATED' } });
    for (const wrong of [
      { _action: 'wxpay_nothing' },
      { _action: '/wechatpay/order' },
      { _action: 'unifiedOrderTrigger' },
      { path: '/wechatpay/order' },
      { path: '/wx-pay/refundTrigger' },
      { path: 'wxpay_order' },
      { _action: 7 },
      { _action: 'records' },
      { _action: 'toString' },
    ]) {
      const answer = await run.call('/', { ...wrong, rawData: {} }, operator());
      expect(answer).toMatchObject({ status: 400, body: { code: -1, error: 'PARAM_INVALID' } });
    }
    const nothing = await run.call('/', { out_trade_no: wxpay_order }, operator());
    expect(nothing).toMatchObject({ status: 404, body: { error: 'ROUTE_NOT_FOUND' } });
  });

  test.each([true, false])(
    'forwards on / are taken (ciphertext in them: %s)',
    async (ciphertext) => {
      sim.mode = 'gateway';
      sim.gateway = { ciphertext, target: '/' };
      const no = number('F');
      await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
      sim.pay(no);
      const before = sim.requests.length;
      const sent = await sim.deliver('payment', no, { times: 3 });
      expect(sent.map((s) => s.statusAnswered)).toEqual([200, 200, 200]);
      const record = await run.order(no);
      expect(record.state).toBe('PAID');
      expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
      // Only the tag made with the merchant's key proves a forward, and in sdk mode not even that.
      const proven = mode === 'gateway' && ciphertext;
      expect(record.payment?.proof).toBe(proven ? 'decryption' : 'signature');
      expect(sim.requests.length - before).toBe(proven ? 0 : 1);

      const refund = number('R');
      await run.call('/wx-pay/wxpay_refund', refundBody(no, refund, 30), operator());
      const [told] = await sim.deliver('refund', refund);
      expect(told?.statusAnswered).toBe(200);
      expect((await run.order(no)).state).toBe('PARTIALLY_REFUNDED');
      expectAllSigned(sim);
    },
  );

  test.each(['unifiedOrderTrigger', 'refundTrigger', 'transferTrigger'])(
    'the old callback name /wx-pay/%s leads to the same place',
    async (name) => {
      const no = number('K');
      const transfer = number('T').slice(0, 32);
      const refund = number('R');
      await placePaid(run, sim, no);
      await run.call('/wx-pay/wxpay_refund', refundBody(no, refund, 30), operator());
      await run.call('/wx-pay/wxpay_transfer', transferBody(transfer), operator());
      await sim.clock.advance(0);
      sim.confirmTransfer(transfer);
      const [kind, its] = (
        {
          unifiedOrderTrigger: ['payment', no],
          refundTrigger: ['refund', refund],
          transferTrigger: ['transfer', transfer],
        } as const
      )[name] as ['payment' | 'refund' | 'transfer', string];
      const [sent] = await sim.deliver(kind, its, { url: `${run.url}/wx-pay/${name}` });
      expect(sent?.statusAnswered).toBe(200);
      expect((await run.order(no)).state).toBe(
        kind === 'refund' ? 'PARTIALLY_REFUNDED' : 'REFUNDING',
      );
      expect((await run.transfer(transfer)).state).toBe(
        kind === 'transfer' ? 'SUCCESS' : 'WAIT_USER_CONFIRM',
      );
    },
  );

  test('the day’s bill is streamed as CSV with its hash', async () => {
    const no = number('B');
    await placePaid(run, sim, no);
    await sim.clock.advance(36 * 3600_000);
    sim.switches.wireClock = 'real';
    const bill_date = new Date(Date.now() + 8 * 3600_000).toISOString().slice(0, 10);
    const bill = await run.call('/wx-pay/wxpay_bill', { bill_date }, operator());
    expect(bill).toMatchObject({ status: 200 });
    expect(bill.headers['content-type']).toMatch(/^text\/csv/);
    expect(bill.text).toContain(no);
    expectAllSigned(sim);
  });
});
