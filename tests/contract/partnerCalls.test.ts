/**
 * The same operations of a service provider, once through `wechatpay-axios-plugin`, a client this project did not
 * write, and once through the service: what WeChat sees is equal but for nonce, time and signature. The simulator is
 * judged by that client on the way: it signs, is answered, and verifies each answer.
 */
import { Wechatpay } from 'wechatpay-axios-plugin';
import type { ObservedRequest, Simulator } from '../../simulator';
import { createPartnerDialect } from '../../services/wechat/partnerDialect';
import { APP_A, inApp, PROVIDER, SHOP_A, startPartner, startProvider } from '../helpers/partner';
import { dataOf, number, operator, orderBody, type Json, type Running } from '../helpers/service';

const IN_A = 'oPayerInShopA_0000000000001';
const EXPIRES = '2026-12-31T23:59:59+08:00';

interface Client {
  request(
    path: string,
    method: string,
    data?: unknown,
    config?: unknown,
  ): Promise<{ status: number }>;
}

let sim: Simulator;
let service: Running;
let stranger: Client;

beforeEach(async () => {
  sim = await startProvider();
  service = await startPartner({ sim });
  const { credentials: c } = sim;
  stranger = new Wechatpay({
    mchid: c.merchantId,
    serial: c.merchantSerialNumber,
    privateKey: c.privateKey,
    certs: { [c.wxPayPublicKeyId]: c.wxPayPublicKey },
    baseURL: sim.url,
  }).client as unknown as Client;
});

/** What of a request is not new every time: nonce, time and signature stand in one header. */
const shape = ({ method, path, body, headers, status, signature }: ObservedRequest): Json => ({
  method,
  path,
  body: body === '' ? '' : (JSON.parse(body) as unknown),
  mchid: /mchid="(\d+)"/.exec(headers.authorization ?? '')?.[1],
  serial: /serial_no="(\w+)"/.exec(headers.authorization ?? '')?.[1],
  status,
  signature,
});

/** The last call of this kind that was seen. */
function lastOf(method: string, path: string): Json {
  const seen = sim.requests.filter((one) => one.method === method && one.path.startsWith(path));
  const last = seen.at(-1);
  if (last === undefined) throw new Error(`never seen: ${method} ${path}`);
  return shape(last);
}

const request = (path: string, method: string, data?: unknown): Promise<unknown> =>
  stranger.request(path, method, data, {}).catch((error: unknown) => {
    // A refusal of the simulator is a reply like any other: it is compared.
    if ((error as { response?: unknown }).response === undefined) throw error;
  });

/** Does it through both; each time WeChat must have seen the same. */
async function same(
  [method, path]: readonly [string, string],
  ours: () => Promise<unknown>,
): Promise<Json> {
  await ours();
  const seen = lastOf(method, path);
  const { body } = seen;
  await request(String(seen.path), method, body === '' ? undefined : body);
  const theirs = lastOf(method, path);
  expect({ ...theirs, status: undefined }).toEqual({ ...seen, status: undefined });
  expect(theirs.signature).toBe('valid');
  return seen;
}

const ORDERS = '/v3/pay/partner/transactions';

test('order, query, close: as the documents spell them, and as a stranger sends them', async () => {
  const no = number('DF');
  const body = {
    ...orderBody(no),
    sub_mchid: SHOP_A,
    time_expire: EXPIRES,
    payer: { openid: IN_A },
  };
  const headers = { ...operator(), 'x-wx-appid': APP_A };
  const placed = await same(['POST', `${ORDERS}/jsapi`], () =>
    service.call('/wx-pay/wxpay_order', body, headers),
  );
  expect(placed.body).toEqual({
    sp_appid: sim.credentials.appId,
    sp_mchid: PROVIDER,
    sub_appid: APP_A,
    sub_mchid: SHOP_A,
    description: '测试商品',
    out_trade_no: no,
    time_expire: EXPIRES,
    notify_url: 'https://pay.example.com/wechatpay/order',
    amount: { total: 100, currency: 'CNY' },
    payer: { sub_openid: IN_A },
  });
  const asked = await same(['GET', `${ORDERS}/out-trade-no/${no}`], () =>
    service.call('/wx-pay/wxpay_query_order_by_out_trade_no', { out_trade_no: no }, operator()),
  );
  expect(asked.path).toBe(`${ORDERS}/out-trade-no/${no}?sp_mchid=${PROVIDER}&sub_mchid=${SHOP_A}`);
  const closed = await same(['POST', `${ORDERS}/out-trade-no/${no}/close`], () =>
    service.call('/wx-pay/wxpay_close_order', { out_trade_no: no }, operator()),
  );
  expect(closed.body).toEqual({ sp_mchid: PROVIDER, sub_mchid: SHOP_A });
});

const scene_info = { payer_client_ip: '203.0.113.9', h5_info: { type: 'Wap' } };

test.each([
  ['h5', { scene_info }],
  ['native', {}],
  ['app', {}],
] as const)('%s', async (product, more) => {
  const body = { ...orderBody(number('DF')), sub_mchid: SHOP_A, ...more };
  await same(['POST', `${ORDERS}/${product}`], () =>
    service.call(`/wx-pay/wxpay_order_${product}`, body, inApp(APP_A, IN_A)),
  );
});

test('payment, by transaction_id, refund, refund query, bill', async () => {
  const no = number('DF');
  const body = { ...orderBody(no), sub_mchid: SHOP_A };
  await service.call('/wx-pay/wxpay_order', body, inApp(APP_A, IN_A));
  const { transaction_id } = sim.pay(no, { openid: IN_A });
  const id = String(transaction_id);
  await sim.deliver('payment', no);
  await same(['GET', `${ORDERS}/id/${id}`], () =>
    service.call('/wx-pay/wxpay_query_order_by_transaction_id', { transaction_id }, operator()),
  );
  const out_refund_no = number('DR');
  const refund = { out_trade_no: no, out_refund_no, amount: { refund: 40, total: 100 } };
  const sent = await same(['POST', '/v3/refund/domestic/refunds'], () =>
    service.call('/wx-pay/wxpay_refund', refund, operator()),
  );
  expect(sent.body).toEqual({
    sub_mchid: SHOP_A,
    transaction_id,
    out_refund_no,
    notify_url: 'https://pay.example.com/wechatpay/refund',
    amount: { refund: 40, total: 100, currency: 'CNY' },
  });
  const asked = await same(['GET', `/v3/refund/domestic/refunds/${out_refund_no}`], () =>
    service.call('/wx-pay/wxpay_refund_query', { out_refund_no }, operator()),
  );
  expect(asked.path).toBe(`/v3/refund/domestic/refunds/${out_refund_no}?sub_mchid=${SHOP_A}`);
  await same(['GET', '/v3/bill/tradebill'], () =>
    service.call('/wx-pay/wxpay_bill', { bill_date: '2026-01-02', sub_mchid: SHOP_A }, operator()),
  );
});

test('payment code and reversal', async () => {
  sim.switches.codepayResult = 'USERPAYING';
  const out_trade_no = number('DK');
  const body = {
    out_trade_no,
    sub_mchid: SHOP_A,
    description: '门店商品',
    amount: { total: 100 },
    payer: { auth_code: '130000000000000001' },
    scene_info: { store_info: { id: 'S1', out_id: 'O1' } },
  };
  await same(['POST', `${ORDERS}/codepay`], () =>
    service.call('/wx-pay/wxpay_order_codepay', body, operator()),
  );
});

test('a combination: order, query, close', async () => {
  const no = number('DM');
  const part = (): Json => ({
    out_trade_no: number('DS'),
    sub_mchid: SHOP_A,
    description: '其一',
    amount: { total_amount: 60, currency: 'CNY' },
    attach: 'a',
  });
  const body = { type: 'jsapi', combine_out_trade_no: no, sub_orders: [part(), part()] };
  const placed = await same(['POST', '/v3/combine-transactions/jsapi'], () =>
    service.call('/wx-pay/wxpay_order_combine', body, inApp(APP_A, IN_A)),
  );
  expect(placed.body).toMatchObject({
    combine_appid: sim.credentials.appId,
    combine_mchid: PROVIDER,
    combine_payer_info: { sub_openid: IN_A },
    sub_orders: [{ mchid: PROVIDER, sub_mchid: SHOP_A, sub_appid: APP_A }, {}],
  });
  const query = { combine_out_trade_no: no };
  const asked = await service.call('/wx-pay/wxpay_combine_query', query, operator());
  expect(dataOf(asked)).toMatchObject({ sub_orders: [{ sub_mchid: SHOP_A }, {}] });
  await same(['POST', `/v3/combine-transactions/out-trade-no/${no}/close`], () =>
    service.call('/wx-pay/wxpay_combine_close', query, operator()),
  );
});

test('numbers are told apart by the bytes that documents show', () => {
  const dialect = createPartnerDialect({
    mchid: '1900000001',
    appids: ['wx8888888888888888'],
    payNotifyUrl: 'https://example.com/wechatpay/order',
    refundNotifyUrl: 'https://example.com/wechatpay/refund',
    transferNotifyUrl: undefined,
    ownAddress: '203.0.113.1',
    subMerchants: [{ sub_mchid: '1900000109', sub_appid: 'wx2222222222222222' }],
  });
  const order = { no: 'T20240101000001', mchid: '1900000001', sub_mchid: '1900000109' };
  const id = '4200000000202401010000000001';
  const query = 'sp_mchid=1900000001&sub_mchid=1900000109';
  expect(dialect.queryOrder(order).path).toBe(`${ORDERS}/out-trade-no/${order.no}?${query}`);
  expect(dialect.queryTransaction(order, id).path).toBe(`${ORDERS}/id/${id}?${query}`);
  expect(dialect.closeOrder(order)).toEqual({
    method: 'POST',
    path: `${ORDERS}/out-trade-no/${order.no}/close`,
    body: '{"sp_mchid":"1900000001","sub_mchid":"1900000109"}',
  });
  expect(dialect.queryRefund(order, 'R20240101000001').path).toBe(
    '/v3/refund/domestic/refunds/R20240101000001?sub_mchid=1900000109',
  );
});
