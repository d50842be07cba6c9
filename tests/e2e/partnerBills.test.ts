/** Bills of a service provider (服务商): of all shops, of one, and the books against them. */
import type { Simulator } from '../../simulator';
import {
  APP_A,
  inApp,
  KEY_A,
  KEY_B,
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
  PAYER,
  refundBody,
  type Json,
  type Running,
} from '../helpers/service';
import { beijingDay } from '../../utils/time';

const IN_A = 'oPayerInShopA_0000000000001';

let sim: Simulator;
let service: Running;
beforeEach(async () => {
  sim = await startProvider({ switches: { billReady: 'always' } });
  service = await startPartner({ sim });
});

const today = (): string => beijingDay(Date.now());

async function paid(sub_mchid: string, told = true): Promise<string> {
  const no = number('BL');
  const inside = sub_mchid === SHOP_A;
  const headers = inside ? inApp(APP_A, IN_A) : payer();
  await service.call('/wx-pay/wxpay_order', { ...orderBody(no), sub_mchid }, headers);
  sim.pay(no, { openid: inside ? IN_A : PAYER });
  if (told) await sim.deliver('payment', no);
  return no;
}

const bill = (body: Json, key?: string) =>
  service.call('/wx-pay/wxpay_bill', { bill_date: today(), ...body }, operator(key));

test('a bill is of all shops, or of the one that is named or bound', async () => {
  const [a, b] = [await paid(SHOP_A), await paid(SHOP_B)];
  const all = await bill({});
  expect(all.text).toContain(a);
  expect(all.text).toContain(b);
  for (const one of [await bill({ sub_mchid: SHOP_A }), await bill({}, KEY_A)]) {
    expect(one.status).toBe(200);
    expect(one.text).toContain(a);
    expect(one.text).not.toContain(b);
  }
  expect((await bill({ sub_mchid: SHOP_A }, KEY_B)).status).toBe(403);
  expect((await bill({ sub_mchid: '1900000999' })).status).toBe(400);
});

test("a shop's own fund bill is opened, and is that shop's alone", async () => {
  const [a, b] = [await paid(SHOP_A), await paid(SHOP_B)];
  for (const [body, key] of [
    [{ account_type: 'BASIC', sub_mchid: SHOP_A }, undefined],
    [{ account_type: 'BASIC' }, KEY_A],
  ] as const) {
    const answer = await bill(body, key);
    expect(answer.status).toBe(200);
    expect(answer.text).toContain(a);
    expect(answer.text).not.toContain(b);
  }
  expect((await bill({ account_type: 'BASIC', sub_mchid: SHOP_B }, KEY_A)).status).toBe(403);
});

test("a shop's bill that holds a row of another is broken off", async () => {
  await paid(SHOP_A);
  await paid(SHOP_B);
  const whole = (await fetchReply()).body;
  sim.faults.add({ route: /^GET \/v3\/bill/, kind: 'status', status: 200, times: 1, body: whole });
  await expect(bill({}, KEY_A)).rejects.toThrow();
});

/** What WeChat answers to anyone who may see all shops. */
async function fetchReply(): Promise<{ body: Json }> {
  const seen = sim.requests.length;
  await bill({});
  expect(sim.requests.length).toBeGreaterThan(seen);
  const { createHash } = await import('node:crypto');
  const text = sim.bill(today()).ALL;
  const hash_value = createHash('sha1').update(text).digest('hex');
  const files = sim.requests.filter(({ path }) => path.startsWith('/v3/billdownload'));
  const file = files.at(-1);
  return {
    body: { hash_type: 'SHA1', hash_value, download_url: `${sim.url}${String(file?.path)}` },
  };
}

test('the books agree over all shops, and hear of a payment that nobody told', async () => {
  await paid(SHOP_A);
  const part = await paid(SHOP_C);
  await service.call('/wx-pay/wxpay_refund', refundBody(part, number('RF'), 30), operator());
  const missed = await paid(SHOP_B, false);
  const answer = await service.call('/wx-pay/wxpay_reconcile', { bill_date: today() }, operator());
  expect(dataOf(answer)).toMatchObject({
    compared: 4,
    foreign: 0,
    unresolved: 0,
    fund_bill: 'missing',
    differences: [
      { class: 'refund_state', out_trade_no: part, resolved: true },
      { class: 'state', out_trade_no: missed, resolved: true },
    ],
  });
  expect(await service.order(missed)).toMatchObject({ state: 'PAID', sub_mchid: SHOP_B });
});

test('what another system ordered for a shop is adopted by the books', async () => {
  const other = await startPartner({ sim });
  const no = number('BO');
  await other.call('/wx-pay/wxpay_order', { ...orderBody(no), sub_mchid: SHOP_B }, payer());
  sim.pay(no, { openid: PAYER });
  const answer = await service.call('/wx-pay/wxpay_reconcile', { bill_date: today() }, operator());
  expect(dataOf(answer)).toMatchObject({
    differences: [{ class: 'missing_here', resolved: true }],
  });
  expect(await service.order(no)).toMatchObject({ made_by: 'adopted', sub_mchid: SHOP_B });
});

test('rows of a shop that is not on the list are counted, and imported nowhere', async () => {
  const no = await paid(SHOP_C);
  const fewer = await startPartner({
    sim,
    env: { subMerchants: `${SHOP_A}:${APP_A}`, operatorKeys: operator()['x-api-key'] },
  });
  const answer = await fewer.call('/wx-pay/wxpay_reconcile', { bill_date: today() }, operator());
  expect(dataOf(answer)).toMatchObject({ compared: 0, foreign: 1, differences: [] });
  expect(await fewer.store.find('order', no)).toBeUndefined();
});
