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
