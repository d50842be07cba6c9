/**
 * Shops of a service provider (服务商) are strangers to each other: no callback, reply, payer or bill of one counts for
 * another's order.
 */
import type { Simulator } from '../../simulator';
import {
  APP_A,
  APP_B,
  inApp,
  PROVIDER,
  SHOP_A,
  SHOP_B,
  SHOP_C,
  startPartner,
  startProvider,
} from '../helpers/partner';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  refundBody,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';

const PERSON = 'oSamePersonInEveryApp_0000001';

let sim: Simulator;
let service: Running;
beforeEach(async () => {
  sim = await startProvider();
  service = await startPartner({ sim });
});

const place = (no: string, sub_mchid: string, headers: Readonly<Record<string, string>>) =>
  service.call('/wx-pay/wxpay_order', { ...orderBody(no), sub_mchid }, headers);

async function placed(sub_mchid: string, appid: string): Promise<string> {
  const no = number('SH');
  expect((await place(no, sub_mchid, inApp(appid, PERSON))).status).toBe(200);
  return no;
}

async function paid(sub_mchid: string, appid: string): Promise<string> {
  const no = await placed(sub_mchid, appid);
  sim.pay(no, { openid: PERSON });
  await sim.deliver('payment', no);
  expect((await service.order(no)).state).toBe('PAID');
  return no;
}

/** A genuine notification, as WeChat would sign it. */
async function notify(kind: 'payment' | 'refund', plain: Json): Promise<Answer> {
  const { body, headers } = sim.makeNotification(kind, plain);
  const path = kind === 'payment' ? '/wechatpay/order' : '/wechatpay/refund';
  return service.send('POST', path, body, headers);
}

const askedOf = (path: string): number =>
  sim.requests.filter((request) => request.path.startsWith(path)).length;

describe('callbacks', () => {
  test("a genuine payment of another shop's is a mismatch", async () => {
    const no = await placed(SHOP_A, APP_A);
    const plain = { ...sim.pay(no, { openid: PERSON }), sub_mchid: SHOP_B };
    expect((await notify('payment', plain)).status).toBe(200);
    expect(await service.order(no)).toMatchObject({ state: 'MISMATCH' });
    expect(await service.effects(no)).toEqual(['order.created', 'order.mismatch']);
    expect(service.alarms()).toMatchObject([{ code: 'order.mismatch', reason: 'sub_mchid' }]);
  });

  test.each([
    ['of a shop that is not on the list', { sub_mchid: '1900000999' }],
    ['of another provider', { sp_mchid: '1900000002' }],
    ['of no shop', { sub_mchid: undefined }],
    ['of a shop that is the provider itself', { sub_mchid: PROVIDER }],
    ['with two shops by the name of a list', { sub_mchid: [SHOP_A] }],
    [
      'in the words of a merchant of its own',
      { sp_mchid: undefined, sub_mchid: undefined, mchid: PROVIDER },
    ],
  ])('a payment %s is refused, and recorded nowhere', async (_what, changed) => {
    const no = await placed(SHOP_A, APP_A);
    const plain = { ...sim.pay(no, { openid: PERSON }), ...changed };
    const answer = await notify('payment', JSON.parse(JSON.stringify(plain)) as Json);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect((await service.order(no)).state).toBe('PENDING');
  });

  test('an unknown payment is adopted with its shop, one of no listed shop is not', async () => {
    const other = await startPartner({ sim });
    const no = number('SA');
    await other.call('/wx-pay/wxpay_order', { ...orderBody(no), sub_mchid: SHOP_C }, payer());
    const plain = sim.pay(no, { openid: payer()['x-wx-openid'] ?? '' });
    expect((await notify('payment', { ...plain, sub_mchid: '1900000999' })).status).toBe(400);
    expect((await notify('payment', plain)).status).toBe(200);
    expect(await service.order(no)).toMatchObject({ made_by: 'adopted', sub_mchid: SHOP_C });
  });

  test.each(['sp_mchid', 'mchid'] as const)('a refund told by %s counts', async (how) => {
    sim.switches.partnerRefundNotice = how;
    const no = await paid(SHOP_A, APP_A);
    const refund = refundBody(no, number('RF'), 100);
    await service.call('/wx-pay/wxpay_refund', refund, operator());
    const told = await sim.deliver('refund', String(refund.out_refund_no));
    expect(told).toMatchObject([{ statusAnswered: 200 }]);
    expect((await service.order(no)).state).toBe('REFUNDED');
  });

  test('a refund of another shop is kept as a contradiction, and counts in no sum', async () => {
    const no = await paid(SHOP_A, APP_A);
    const { transaction_id } = sim.order(no) as Json;
    const plain = {
      sp_mchid: PROVIDER,
      sub_mchid: SHOP_B,
      transaction_id,
      out_trade_no: no,
      refund_id: '50300000000000000000000000001',
      out_refund_no: number('RX'),
      refund_status: 'SUCCESS',
      success_time: '2026-01-02T03:04:05+08:00',
      user_received_account: '支付用户零钱',
      amount: { total: 100, refund: 100, payer_total: 100, payer_refund: 100 },
    };
    expect((await notify('refund', plain)).status).toBe(200);
    expect(await service.order(no)).toMatchObject({
      state: 'PAID',
      refunds: [],
      refund_contradictions: [{ why: 'another_sub_merchant', sub_mchid: SHOP_B }],
    });
    expect((await notify('refund', { ...plain, sub_mchid: '1900000999' })).status).toBe(400);
  });
});

describe('forged callbacks', () => {
  test.each([
    ['another signature', { signature: Buffer.alloc(256, 7).toString('base64') }],
    ['an old time', { timestamp: '1700000000' }],
    ['an unknown key', { serial: 'PUB_KEY_ID_0000000000000000000000000000001' }],
    ['the label of a refund', { event_type: 'REFUND.SUCCESS' }],
  ])('with %s', async (_what, forged) => {
    const no = await placed(SHOP_A, APP_A);
    const { body, headers } = sim.makeNotification('payment', sim.pay(no), forged);
    const answer = await service.send('POST', '/wechatpay/order', body, headers);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect((await service.order(no)).state).toBe('PENDING');
  });

  test('a hint names a shop that is not on the list: nobody is asked', async () => {
    service = await startPartner({ sim, mode: 'gateway' });
    const no = await placed(SHOP_A, APP_A);
    const plain = { ...sim.pay(no, { openid: PERSON }), sub_mchid: '1900000999' };
    const before = sim.requests.length;
    const { body } = sim.makeForward('payment', plain, { ciphertext: false });
    const answer = await service.send('POST', '/', body, { 'content-type': 'application/json' });
    expect(answer.status).toBe(400);
    expect(sim.requests).toHaveLength(before);
    expect((await service.order(no)).state).toBe('PENDING');
  });

  test("a hint of another listed shop makes us ask about the record's own, and only that counts", async () => {
    service = await startPartner({ sim, mode: 'gateway' });
    const no = await placed(SHOP_A, APP_A);
    const plain = { ...sim.pay(no, { openid: PERSON }), sub_mchid: SHOP_B };
    const { body } = sim.makeForward('payment', plain, { ciphertext: false });
    await service.send('POST', '/', body, { 'content-type': 'application/json' });
    expect(sim.requests.at(-1)?.path).toContain(`sub_mchid=${SHOP_A}`);
    expect(await service.order(no)).toMatchObject({
      state: 'PAID',
      payment: { sub_mchid: SHOP_A },
    });
  });
});

describe('replies', () => {
  const answered = (route: RegExp, body: Json): void =>
    sim.faults.add({ route, kind: 'status', status: 200, times: 1, body });

  test("a question answered with another shop's order teaches nothing", async () => {
    const no = await placed(SHOP_A, APP_A);
    answered(/^GET \/v3\/pay\/partner/, { ...sim.pay(no, { openid: PERSON }), sub_mchid: SHOP_B });
    const query = '/wx-pay/wxpay_query_order_by_out_trade_no';
    const answer = await service.call(query, { out_trade_no: no }, operator());
    expect(answer).toMatchObject({ status: 502, body: { error: 'WECHATPAY_UNPROVEN' } });
    expect((await service.order(no)).state).toBe('PENDING');
  });

  test("a refund answered with another shop's stays unknown", async () => {
    const no = await paid(SHOP_A, APP_A);
    const refund = refundBody(no, number('RF'), 100);
    const out_refund_no = String(refund.out_refund_no);
    await service.call('/wx-pay/wxpay_refund', refund, operator());
    answered(/^GET \/v3\/refund/, { ...sim.refund(out_refund_no), sub_mchid: SHOP_B });
    const answer = await service.call('/wx-pay/wxpay_refund_query', { out_refund_no }, operator());
    expect(answer).toMatchObject({ status: 502, body: { error: 'WECHATPAY_UNPROVEN' } });
    expect((await service.order(no)).refunds).toMatchObject([{ status: 'PROCESSING' }]);
  });
});

describe('payers', () => {
  test.each([
    ['another shop', SHOP_B, 403, 'FORBIDDEN'],
    ['a shop without an app', SHOP_C, 403, 'FORBIDDEN'],
    ['a shop that is not on the list', '1900000999', 400, 'PARAM_INVALID'],
    ['the provider', PROVIDER, 400, 'PARAM_INVALID'],
  ])("in a shop's app, ordering for %s: nothing is sent", async (_what, shop, status, error) => {
    const no = number('SB');
    const answer = await place(no, shop, inApp(APP_A, PERSON));
    expect(answer).toMatchObject({ status, body: { error } });
    expect(sim.requests).toEqual([]);
    expect(await service.store.find('order', no)).toBeUndefined();
  });

  test('a shop must be named where there are several', async () => {
    const answer = await service.call('/wx-pay/wxpay_order', orderBody(number('SN')), payer());
    expect(answer).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
    expect(sim.requests).toEqual([]);
  });

  test('an app that is nobody’s is no app', async () => {
    const answer = await place(number('SD'), SHOP_A, inApp('wx9999999999999999', PERSON));
    expect(answer.status).toBe(401);
  });

  const elsewhere = [
    ["another shop's app", inApp(APP_B, PERSON)],
    ["the provider's app", payer(PERSON)],
  ] as const;

  test.each(elsewhere)('an openid of %s is somebody else', async (_where, headers) => {
    const no = await paid(SHOP_A, APP_A);
    const refund = refundBody(no, number('RF'), 10);
    await service.call('/wx-pay/wxpay_refund', refund, operator());
    const { transaction_id } = sim.order(no) as Json;
    const questions = [
      ['wxpay_query_order_by_out_trade_no', { out_trade_no: no }],
      ['wxpay_query_order_by_transaction_id', { transaction_id }],
      ['wxpay_close_order', { out_trade_no: no }],
      ['wxpay_refund_query', { out_refund_no: refund.out_refund_no }],
    ] as const;
    for (const [route, body] of questions) {
      const own = await service.call(`/wx-pay/${route}`, body, inApp(APP_A, PERSON));
      expect([200, 409]).toContain(own.status);
      const answer = await service.call(`/wx-pay/${route}`, body, headers);
      const nobody = await service.call(`/wx-pay/${route}`, strange(body), headers);
      expect({ route, status: answer.status }).toEqual({ route, status: 404 });
      expect(answer.body.error).toBe(nobody.body.error);
    }
  });

  const strange = (body: Json): Json =>
    Object.fromEntries(Object.keys(body).map((key) => [key, '4200009999990000000000000009']));

  test.each(elsewhere)('a number taken in one app is taken in %s', async (_where, headers) => {
    const no = await placed(SHOP_A, APP_A);
    const before = askedOf('/v3/pay/partner/transactions/jsapi');
    const shop = headers['x-wx-appid'] === APP_B ? SHOP_B : SHOP_A;
    const answer = await place(no, shop, headers);
    expect(answer).toMatchObject({ status: 409, body: { error: 'ORDER_TAKEN' } });
    expect(askedOf('/v3/pay/partner/transactions/jsapi')).toBe(before);
  });

  test("a prepared order of one shop does not open in another's app", async () => {
    const no = number('SQ');
    const prepared = { ...orderBody(no), sub_mchid: SHOP_A };
    await service.call('/wx-pay/wxpay_prepare_order', prepared, operator());
    const alone = { out_trade_no: no };
    const stranger = await service.call('/wx-pay/wxpay_order', alone, inApp(APP_B, PERSON));
    const nobody = { out_trade_no: number('SQ') };
    const absent = await service.call('/wx-pay/wxpay_order', nobody, inApp(APP_B, PERSON));
    expect(stranger.status).toBe(409);
    expect(stranger.body.error).toBe(absent.body.error);
    expect((await service.order(no)).payer).toBeUndefined();
    const own = await service.call('/wx-pay/wxpay_order', alone, inApp(APP_A, PERSON));
    expect(dataOf(own)).toMatchObject({ appId: APP_A });
  });

  test('a combination of another shop’s part is refused as a whole', async () => {
    const part = (out_trade_no: string, sub_mchid: string): Json => ({
      out_trade_no,
      sub_mchid,
      description: '其一',
      amount: { total_amount: 60, currency: 'CNY' },
    });
    const sub_orders = [part(number('S1'), SHOP_A), part(number('S2'), SHOP_B)];
    const body = { type: 'jsapi', combine_out_trade_no: number('SM'), sub_orders };
    const answer = await service.call('/wx-pay/wxpay_order_combine', body, inApp(APP_A, PERSON));
    expect(answer).toMatchObject({ status: 403, body: { error: 'FORBIDDEN' } });
    expect(sim.requests).toEqual([]);
  });
});

test('a merchant of its own has no shops to name', async () => {
  const direct = await startProvider({ subMerchants: [] });
  const alone = await startPartner({ sim: direct, env: { operatorKeys: '' } });
  const body = { ...orderBody(number('SO')), sub_mchid: SHOP_A };
  const answer = await alone.call('/wx-pay/wxpay_order', body, payer());
  expect(answer).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
  expect(direct.requests).toEqual([]);
});
