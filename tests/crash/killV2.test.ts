/**
 * `kill -9` between any two steps over API v2: another process carries on from the record, and WeChat has done each thing
 * once. API v2 dates no signature: what is repeated is the same order and the same refund, by its number.
 */
import {
  AFTER_LEASE_MS,
  asJson,
  askAndKill,
  createWorld,
  repeat,
  startHere,
  WECHAT,
  type Asked,
  type Moment,
} from '../helpers/killing';
import { parseXml } from '../../simulator/v2/xml';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  refundBody,
  skewedClock,
} from '../helpers/service';
import { onlyV2 } from '../helpers/v2';

const world = () => createWorld({}, onlyV2);
type World = Awaited<ReturnType<typeof world>>;

/** What was asked for, without what is new in every attempt. */
const asked = ({ sim }: World, path: string): ReadonlySet<string> =>
  new Set(
    sim.requests
      .filter((one) => one.path === path)
      .map(({ body }) => {
        const { nonce_str: _nonce, sign: _sign, ...rest } = parseXml(body) ?? {};
        return JSON.stringify(rest);
      }),
  );

async function paid(at: World, no: string): Promise<void> {
  const run = await startHere(at);
  await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
  at.sim.pay(no);
  await at.sim.deliver('payment', no);
  await run.close();
}

const AROUND_TWO: readonly Moment[] = [
  { name: 'before the first write', write: 'before 1' },
  { name: 'after it, before the call', write: 'after 1' },
  ...WECHAT,
  { name: 'answered by WeChat, before that is written', write: 'before 2' },
  { name: 'it is written, before the answer', write: 'after 2' },
];

describe('an order is being placed', () => {
  test.each(AROUND_TWO)('$name', async (moment) => {
    const at = await world();
    const no = number('K');
    const order = asJson('/wx-pay/wxpay_order', orderBody(no), payer());
    await askAndKill(at, moment, 'POST /pay/unifiedorder', order);
    const run = await startHere(at, AFTER_LEASE_MS);
    const again = await repeat(run, order);
    expect(again.status).toBe(200);
    expect(dataOf(again).prepay_id).toBe((await run.order(no)).prepay?.prepay_id);
    expect(asked(at, '/pay/unifiedorder').size).toBe(1);
    at.sim.pay(no);
    expect(await at.sim.deliver('payment', no)).toMatchObject([{ statusAnswered: 200, ok: true }]);
    expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
  });
});

describe('a payment notice is being taken', () => {
  test.each([
    { name: 'before the transaction is reserved', write: 'before reserve 1' },
    { name: 'before the record is written', write: 'before 1' },
    { name: 'it is written, before the answer', write: 'after 1' },
  ] satisfies Moment[])('$name', async (moment) => {
    const at = await world();
    const no = number('K');
    const before = await startHere(at);
    await before.call('/wx-pay/wxpay_order', orderBody(no), payer());
    await before.close();
    at.sim.pay(no);
    const { body, headers } = at.sim.makeXmlPayment(no, { type: 'HMAC-SHA256' });
    const notice: Asked = { path: '/wechatpay/order', body, headers };
    await askAndKill(at, moment, '', notice);
    const run = await startHere(at);
    for (let i = 0; i < 2; i++) expect((await repeat(run, notice)).status).toBe(200);
    expect((await run.order(no)).state).toBe('PAID');
    expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
  });
});

describe('a refund is being asked for', () => {
  test.each([
    ...AROUND_TWO,
    { name: 'before the third write', write: 'before 3' },
    { name: 'after the third write', write: 'after 3' },
  ] satisfies Moment[])('$name', async (moment) => {
    const at = await world();
    const [no, refund] = [number('K'), number('R')];
    await paid(at, no);
    const body = asJson('/wx-pay/wxpay_refund', refundBody(no, refund, 40), operator());
    await askAndKill(at, moment, 'POST /secapi/pay/refund', body);
    const run = await startHere(at, AFTER_LEASE_MS);
    expect((await repeat(run, body)).status).toBe(200);
    expect(at.sim.refunds()).toHaveLength(1);
    expect(asked(at, '/secapi/pay/refund').size).toBe(1);
    at.sim.settleRefund(refund, 'SUCCESS');
    expect(await at.sim.deliver('refund', refund)).toMatchObject([{ statusAnswered: 200 }]);
    expect(await run.order(no)).toMatchObject({
      state: 'PARTIALLY_REFUNDED',
      refunds: [{ status: 'SUCCESS', refund: 40 }],
    });
  });
});

describe('a payment code is being charged', () => {
  const charge = (no: string): Asked =>
    asJson(
      '/wx-pay/wxpay_order_codepay',
      {
        out_trade_no: no,
        description: '门店商品',
        amount: { total: 100 },
        payer: { auth_code: `13${String(Date.now()).padEnd(16, '0').slice(0, 16)}` },
        scene_info: { device_ip: '10.0.0.9' },
      },
      operator(),
    );

  test.each(AROUND_TWO)('$name', async (moment) => {
    const at = await world();
    const no = number('K');
    const body = charge(no);
    await askAndKill(at, moment, 'POST /pay/micropay', body);
    const clock = skewedClock();
    const run = await startHere(at, AFTER_LEASE_MS, clock);
    expect([200, 202]).toContain((await repeat(run, body)).status);
    for (let i = 0; i < 40; i++) {
      clock.offsetMs += 60_000;
      await at.sim.clock.advance(60_000);
      await run.call('/wx-pay/wxpay_sweep', {}, operator());
    }
    const { state } = await run.order(no);
    expect(['PAID', 'CLOSED']).toContain(state);
    const there = at.sim.order(no)?.trade_state;
    expect(state === 'PAID' ? there : (there ?? 'REVOKED')).toBe(
      state === 'PAID' ? 'SUCCESS' : 'REVOKED',
    );
    expect(at.sim.requests.filter(({ path }) => path === '/pay/micropay').length).toBeLessThan(2);
  });
});
