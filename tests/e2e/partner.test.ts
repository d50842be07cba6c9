/**
 * A service provider (服务商) over real HTTP: every product goes through its life for shops of its list, and what
 * WeChat sees is always said for the right one.
 */
import { createVerify } from 'node:crypto';
import type { Simulator } from '../../simulator';
import {
  APP_A,
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
  skewedClock,
  type Json,
  type Running,
} from '../helpers/service';

const IN_A = 'oPayerInShopA_0000000000001';
const AT_HOME = 'oPayerOfProvider_000000000001';

let sim: Simulator;
let service: Running;

/** Fails unless WeChat's SDK on the phone would accept these parameters in that app. */
function expectPayable(params: Json, appid: string): void {
  const { appId, timeStamp, nonceStr, package: pkg, paySign } = params;
  expect(appId).toBe(appid);
  const text = [appId, timeStamp, nonceStr, pkg].map((part) => `${String(part)}\n`).join('');
  const verify = createVerify('RSA-SHA256').update(text);
  expect(verify.verify(sim.credentials.merchantPublicKey, String(paySign), 'base64')).toBe(true);
}

const sent = (path: string): readonly Json[] =>
  sim.requests
    .filter((request) => request.path.startsWith(path))
    .map(({ path: full, body }) => ({ path: full, ...(body === '' ? {} : JSON.parse(body)) }));

describe.each(['sdk', 'gateway'] as const)('signMode %s', (mode) => {
  beforeEach(async () => {
    sim = await startProvider();
    service = await startPartner({ sim, mode });
  });

  test('an order in the app of a shop: paid, asked about, refunded', async () => {
    const no = number('PA');
    const headers = inApp(APP_A, IN_A);
    const body = { ...orderBody(no), sub_mchid: SHOP_A };
    const placed = await service.call('/wx-pay/wxpay_order', body, headers);
    expect(placed.status).toBe(200);
    expectPayable(dataOf(placed), APP_A);
    expect(sent('/v3/pay/partner/transactions/jsapi')).toMatchObject([
      {
        sp_appid: sim.credentials.appId,
        sp_mchid: PROVIDER,
        sub_appid: APP_A,
        sub_mchid: SHOP_A,
        payer: { sub_openid: IN_A },
      },
    ]);
    sim.pay(no, { openid: IN_A });
    expect(await sim.deliver('payment', no)).toMatchObject([{ statusAnswered: 200 }]);
    expect(await service.order(no)).toMatchObject({
      state: 'PAID',
      mchid: PROVIDER,
      sub_mchid: SHOP_A,
      appid: APP_A,
      payer: IN_A,
      payment: { sub_mchid: SHOP_A, appid: APP_A, openid: IN_A },
    });
    const query = '/wx-pay/wxpay_query_order_by_out_trade_no';
    const asked = await service.call(query, { out_trade_no: no }, headers);
    expect(dataOf(asked)).toMatchObject({ sub_mchid: SHOP_A, payer: { sub_openid: IN_A } });
    const refund = refundBody(no, number('RF'), 100);
    const back = await service.call('/wx-pay/wxpay_refund', refund, operator());
    expect(back.status).toBe(200);
    expect(sent('/v3/refund/domestic/refunds')).toMatchObject([{ sub_mchid: SHOP_A }]);
    await sim.deliver('refund', String(refund.out_refund_no));
    expect((await service.order(no)).state).toBe('REFUNDED');
    expect(await service.effects(no)).toEqual([
      'order.created',
      'order.paid',
      'refund.requested',
      'refund.succeeded',
    ]);
    const { effects } = await service.order(no);
    expect(effects.map(({ data }) => data['sub_mchid'])).toEqual([SHOP_A, SHOP_A, SHOP_A, SHOP_A]);
    expect(service.alarms()).toEqual([]);
  });

  test("an order in the provider's own app names sp_openid", async () => {
    const no = number('PC');
    const body = { ...orderBody(no), sub_mchid: SHOP_C };
    const placed = await service.call('/wx-pay/wxpay_order', body, payer(AT_HOME));
    expectPayable(dataOf(placed), sim.credentials.appId);
    const [request] = sent('/v3/pay/partner/transactions/jsapi');
    expect(request).toMatchObject({ sub_mchid: SHOP_C, payer: { sp_openid: AT_HOME } });
    expect(request).not.toHaveProperty('sub_appid');
    sim.pay(no, { openid: AT_HOME });
    await sim.deliver('payment', no);
    expect((await service.order(no)).state).toBe('PAID');
  });
});

describe('every product, for a shop', () => {
  beforeEach(async () => {
    sim = await startProvider();
    service = await startPartner({ sim });
  });

  const scene_info = { payer_client_ip: '203.0.113.9', h5_info: { type: 'Wap' } };

  test.each([
    ['h5', 'wxpay_order_h5', { scene_info }, 'h5_url'],
    ['native', 'wxpay_order_native', {}, 'code_url'],
    ['app', 'wxpay_order_app', {}, 'prepayid'],
  ] as const)(
    '%s: ordered, paid, closed too late, refunded',
    async (product, path, more, field) => {
      const no = number('PP');
      const body = { ...orderBody(no), ...more, sub_mchid: SHOP_C };
      const placed = await service.call(`/wx-pay/${path}`, body, payer(AT_HOME));
      expect(typeof dataOf(placed)[field]).toBe('string');
      expect(sent(`/v3/pay/partner/transactions/${product}`)).toMatchObject([
        { sub_mchid: SHOP_C },
      ]);
      sim.pay(no, { openid: AT_HOME });
      await sim.deliver('payment', no);
      const close = await service.call(
        '/wx-pay/wxpay_close_order',
        { out_trade_no: no },
        operator(),
      );
      expect(close.body.error).toBe('ORDER_PAID');
      const refund = refundBody(no, number('RF'), 40);
      expect((await service.call('/wx-pay/wxpay_refund', refund, operator())).status).toBe(200);
      await sim.deliver('refund', String(refund.out_refund_no));
      expect((await service.order(no)).state).toBe('PARTIALLY_REFUNDED');
      const query = { out_refund_no: refund.out_refund_no };
      const asked = await service.call('/wx-pay/wxpay_refund_query', query, payer(AT_HOME));
      expect(dataOf(asked)).toMatchObject({ status: 'SUCCESS' });
      expect(sim.requests.filter(({ signature }) => signature !== 'valid')).toEqual([]);
      expect(service.alarms()).toEqual([]);
    },
  );

  test("the app's cashier is the shop's", async () => {
    const body = { ...orderBody(number('PX')), sub_mchid: SHOP_A };
    const placed = await service.call('/wx-pay/wxpay_order_app', body, inApp(APP_A, IN_A));
    expect(dataOf(placed)).toMatchObject({ appid: APP_A, partnerid: SHOP_A });
  });

  test('an unpaid order is closed under its shop', async () => {
    const no = number('PZ');
    const body = { ...orderBody(no), sub_mchid: SHOP_A };
    await service.call('/wx-pay/wxpay_order', body, inApp(APP_A, IN_A));
    const close = '/wx-pay/wxpay_close_order';
    const closed = await service.call(close, { out_trade_no: no }, inApp(APP_A, IN_A));
    expect(closed.body.code).toBe(0);
    expect((await service.order(no)).state).toBe('CLOSED');
    const path = `/v3/pay/partner/transactions/out-trade-no/${no}/close`;
    expect(sent(path)).toEqual([{ path, sp_mchid: PROVIDER, sub_mchid: SHOP_A }]);
  });

  test('a payment code is charged for a shop, and refunded', async () => {
    const no = number('PK');
    const body = {
      out_trade_no: no,
      sub_mchid: SHOP_B,
      description: '门店商品',
      amount: { total: 100 },
      payer: { auth_code: '130000000000000001' },
      scene_info: { device_id: 'POS-1', store_info: { id: 'S1' } },
    };
    const paid = await service.call('/wx-pay/wxpay_order_codepay', body, operator());
    expect(dataOf(paid)).toMatchObject({ sub_mchid: SHOP_B, trade_state: 'SUCCESS' });
    expect(await service.order(no)).toMatchObject({ state: 'PAID', sub_mchid: SHOP_B });
    const refund = refundBody(no, number('RF'), 100);
    expect((await service.call('/wx-pay/wxpay_refund', refund, operator())).status).toBe(200);
  });

  test('a payment code that nobody confirmed is reversed under its shop', async () => {
    sim.switches.codepayResult = 'USERPAYING';
    sim.switches.reverseMinMs = 0;
    const clock = skewedClock();
    service = await startPartner({ sim, clock });
    const no = number('PV');
    const body = {
      out_trade_no: no,
      sub_mchid: SHOP_B,
      description: '门店商品',
      amount: { total: 100 },
      payer: { auth_code: '130000000000000002' },
      scene_info: { store_info: { id: 'S1' } },
    };
    expect((await service.call('/wx-pay/wxpay_order_codepay', body, operator())).status).toBe(202);
    clock.offsetMs = 20_000;
    const answer = await service.call('/wx-pay/wxpay_reverse', { out_trade_no: no }, operator());
    expect(answer.status).toBe(200);
    expect(dataOf(answer)).toMatchObject({ sub_mchid: SHOP_B, out_trade_no: no });
    const path = `/v3/pay/partner/transactions/out-trade-no/${no}/reverse`;
    expect(sent(path)).toMatchObject([{ sp_mchid: PROVIDER, sub_mchid: SHOP_B }]);
  });

  const parts = (first: string, second: string): Json[] => [
    {
      out_trade_no: number('S1'),
      sub_mchid: first,
      description: '其一',
      amount: { total_amount: 60, currency: 'CNY' },
      attach: 'a',
    },
    {
      out_trade_no: number('S2'),
      sub_mchid: second,
      description: '其二',
      amount: { total_amount: 40, currency: 'CNY' },
    },
  ];

  test('a combination of two shops: paid at once, refunded part by part', async () => {
    const no = number('PM');
    const subs = parts(SHOP_A, SHOP_B);
    const body = { type: 'jsapi', combine_out_trade_no: no, sub_orders: subs };
    const placed = await service.call('/wx-pay/wxpay_order_combine', body, payer(AT_HOME));
    expect(placed.status).toBe(200);
    expectPayable(dataOf(placed), sim.credentials.appId);
    sim.pay(no, { openid: AT_HOME });
    expect(await sim.deliver('payment', no)).toMatchObject([{ statusAnswered: 200 }]);
    const record = await service.store.find('combination', no);
    expect(record).toMatchObject({
      state: 'PAID',
      sub_orders: [
        { sub_mchid: SHOP_A, payment: { sub_mchid: SHOP_A } },
        { sub_mchid: SHOP_B, payment: { sub_mchid: SHOP_B } },
      ],
    });
    const part = String(subs[1]?.out_trade_no);
    const refund = refundBody(part, number('RF'), 40, 40);
    expect((await service.call('/wx-pay/wxpay_refund', refund, operator())).status).toBe(200);
    expect(sent('/v3/refund/domestic/refunds')).toMatchObject([{ sub_mchid: SHOP_B }]);
    const query = { combine_out_trade_no: no };
    const asked = await service.call('/wx-pay/wxpay_combine_query', query, payer(AT_HOME));
    expect(dataOf(asked)).toMatchObject({ sub_orders: [{ sub_mchid: SHOP_A }, {}] });
  });

  test("a combination in a shop's own app is paid there, or closed", async () => {
    const headers = inApp(APP_A, IN_A);
    const [paid, unpaid] = [number('PN'), number('PO')];
    for (const no of [paid, unpaid]) {
      const body = { type: 'jsapi', combine_out_trade_no: no, sub_orders: parts(SHOP_A, SHOP_A) };
      const placed = await service.call('/wx-pay/wxpay_order_combine', body, headers);
      expectPayable(dataOf(placed), APP_A);
    }
    sim.pay(paid, { openid: IN_A });
    await sim.deliver('payment', paid);
    expect(await service.store.find('combination', paid)).toMatchObject({
      state: 'PAID',
      appid: APP_A,
      payer: IN_A,
    });
    const closing = { combine_out_trade_no: unpaid };
    const closed = await service.call('/wx-pay/wxpay_combine_close', closing, headers);
    expect(closed.body.code).toBe(0);
    expect(await service.store.find('combination', unpaid)).toMatchObject({ state: 'CLOSED' });
  });

  test('an abnormal refund is sent on under its shop', async () => {
    const no = number('PB');
    const body = { ...orderBody(no), sub_mchid: SHOP_A };
    await service.call('/wx-pay/wxpay_order', body, inApp(APP_A, IN_A));
    sim.pay(no, { openid: IN_A });
    await sim.deliver('payment', no);
    sim.switches.refundOutcome = 'ABNORMAL';
    const refund = refundBody(no, number('RF'), 100);
    await service.call('/wx-pay/wxpay_refund', refund, operator());
    await sim.deliver('refund', String(refund.out_refund_no));
    const account = { out_refund_no: refund.out_refund_no, type: 'MERCHANT_BANK_CARD' };
    sim.switches.refundOutcome = 'SUCCESS';
    const sentOn = await service.call('/wx-pay/wxpay_refund_abnormal', account, operator());
    expect(sentOn.status).toBe(200);
    const forwarded = sent('/v3/refund/domestic/refunds/').filter(({ type }) => type !== undefined);
    expect(forwarded).toMatchObject([{ sub_mchid: SHOP_A }]);
  });

  test('a prepared order is paid by anyone who comes, in the app he is in', async () => {
    const no = number('PQ');
    const body = { ...orderBody(no), sub_mchid: SHOP_A };
    const prepared = await service.call('/wx-pay/wxpay_prepare_order', body, operator());
    expect(prepared.status).toBe(200);
    const order = { out_trade_no: no };
    const placed = await service.call('/wx-pay/wxpay_order', order, inApp(APP_A, IN_A));
    expectPayable(dataOf(placed), APP_A);
    sim.pay(no, { openid: IN_A });
    await sim.deliver('payment', no);
    expect(await service.order(no)).toMatchObject({ state: 'PAID', appid: APP_A, payer: IN_A });
  });

  test('an order made elsewhere is found among the shops, and adopted', async () => {
    const other = await startPartner({ sim });
    const no = number('PF');
    const body = { ...orderBody(no), sub_mchid: SHOP_B };
    await other.call('/wx-pay/wxpay_order', body, payer(AT_HOME));
    sim.pay(no, { openid: AT_HOME });
    const query = '/wx-pay/wxpay_query_order_by_out_trade_no';
    const asked = await service.call(query, { out_trade_no: no }, operator());
    expect(dataOf(asked)).toMatchObject({ sub_mchid: SHOP_B });
    expect(await service.order(no)).toMatchObject({ made_by: 'adopted', sub_mchid: SHOP_B });
    const refund = refundBody(no, number('RF'), 100);
    expect((await service.call('/wx-pay/wxpay_refund', refund, operator())).status).toBe(200);
  });

  test('a combination made elsewhere keeps the shop of each part, and is refunded under it', async () => {
    const no = number('PG');
    const subs = parts(SHOP_A, SHOP_A);
    const body = { type: 'jsapi', combine_out_trade_no: no, sub_orders: subs };
    await service.call('/wx-pay/wxpay_order_combine', body, inApp(APP_A, IN_A));
    service = await startPartner({ sim });
    sim.pay(no, { openid: IN_A });
    expect(await sim.deliver('payment', no)).toMatchObject([{ statusAnswered: 200 }]);
    expect(await service.store.find('combination', no)).toMatchObject({
      made_by: 'adopted',
      appid: APP_A,
      payer: IN_A,
      sub_orders: [{ sub_mchid: SHOP_A }, { sub_mchid: SHOP_A }],
    });
    const refund = refundBody(String(subs[1]?.out_trade_no), number('RF'), 40, 40);
    expect((await service.call('/wx-pay/wxpay_refund', refund, operator())).status).toBe(200);
    expect(sent('/v3/refund/domestic/refunds')).toMatchObject([{ sub_mchid: SHOP_A }]);
    const { out_refund_no } = refund;
    const query = '/wx-pay/wxpay_refund_query';
    expect((await service.call(query, { out_refund_no }, operator())).status).toBe(200);
    expect(await sim.deliver('refund', String(out_refund_no))).toMatchObject([
      { statusAnswered: 200 },
    ]);
    expect(await service.store.find('combination', no)).toMatchObject({
      state: 'PARTIALLY_REFUNDED',
      sub_orders: [{ refunds: [] }, { refunds: [{ status: 'SUCCESS' }] }],
    });
    expect(service.alarms()).toEqual([]);
  });

  test('where there is one shop it need not be named', async () => {
    sim = await startProvider({ subMerchants: [{ sub_mchid: SHOP_A }] });
    service = await startPartner({ sim, env: { operatorKeys: '' } });
    const no = number('PY');
    await service.call('/wx-pay/wxpay_order', orderBody(no), payer(AT_HOME));
    expect(await service.order(no)).toMatchObject({ state: 'PENDING', sub_mchid: SHOP_A });
  });

  test('the sweep hears of a payment that nobody told', async () => {
    const clock = skewedClock();
    service = await startPartner({ sim, clock });
    const no = number('PW');
    const body = { ...orderBody(no), sub_mchid: SHOP_A };
    await service.call('/wx-pay/wxpay_order', body, inApp(APP_A, IN_A));
    sim.pay(no, { openid: IN_A });
    clock.offsetMs = 6000;
    await service.call('/wx-pay/wxpay_sweep', {}, operator());
    expect((await service.order(no)).state).toBe('PAID');
  });
});
