/**
 * A face scan (刷脸, `FACEPAY`) is ordered by the shop's own device, so this service hears of it afterwards: by a
 * notification, a query or a bill. It takes the payment in as WeChat proves it, and refunds it.
 */
import type { Simulator } from '../../simulator';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  refundBody,
  skewedClock,
  startService,
  startSim,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';

const DAY_MS = 86_400_000;
const QUERY = '/wx-pay/wxpay_query_order_by_out_trade_no';

interface Shop {
  readonly sim: Simulator;
  readonly run: Running;
  readonly no: string;
  readonly tomorrow: () => Promise<void>;
}

/** A face was scanned under a number that the service has never heard of. */
async function scanned(mode: 'sdk' | 'gateway' = 'sdk'): Promise<Shop> {
  const sim = await startSim();
  const clock = skewedClock();
  const no = number('F');
  const device = await startService({ sim });
  expect((await device.call('/wx-pay/wxpay_order', orderBody(no), payer())).status).toBe(200);
  await device.close();
  sim.pay(no, { trade_type: 'FACEPAY' });
  const run = await startService({ sim, clock, mode });
  const tomorrow = async (): Promise<void> => {
    clock.offsetMs += DAY_MS;
    await sim.clock.advance(DAY_MS);
  };
  return { sim, run, no, tomorrow };
}

const recordOf = (run: Running, no: string): Promise<Answer> =>
  run.call('/wx-pay/wxpay_record', { kind: 'order', no }, operator());

async function expectTakenIn({ run, no }: Shop, state = 'PAID'): Promise<void> {
  const record = dataOf(await recordOf(run, no));
  expect(record).toMatchObject({ no, state, made_by: 'adopted', product: 'FACEPAY' });
  expect(record).toMatchObject({ payment: { trade_type: 'FACEPAY', total: 100 } });
  const effects = record['effects'] as Json[];
  expect(effects[0]).toMatchObject({ type: 'order.adopted', data: { product: 'FACEPAY' } });
}

test.each(['sdk', 'gateway'] as const)('its notification is taken in: %s', async (mode) => {
  const shop = await scanned(mode);
  const [sent] = await shop.sim.deliver('payment', shop.no);
  expect(sent?.statusAnswered).toBe(200);
  await expectTakenIn(shop);
  const [again] = await shop.sim.deliver('payment', shop.no);
  expect(again?.statusAnswered).toBe(200);
  expect(await shop.run.effects(shop.no)).toEqual(['order.adopted']);
});

test('its query answers as WeChat does, and it is refunded like any other', async () => {
  const shop = await scanned();
  const { sim, run, no } = shop;
  const asked = await run.call(QUERY, { out_trade_no: no }, operator());
  expect(dataOf(asked)).toMatchObject({ trade_state: 'SUCCESS', trade_type: 'FACEPAY' });
  await expectTakenIn(shop);
  const refund = number('R');
  const back = await run.call('/wx-pay/wxpay_refund', refundBody(no, refund, 40), operator());
  expect(back.status).toBe(200);
  const [sent] = await sim.deliver('refund', refund);
  expect(sent?.statusAnswered).toBe(200);
  await expectTakenIn(shop, 'PARTIALLY_REFUNDED');
});

test('the bill of its day shows it, and what nobody told of is taken in from there', async () => {
  const shop = await scanned();
  const { run, no, sim } = shop;
  const { success_time } = sim.order(no) as { success_time: string };
  await shop.tomorrow();
  const bill_date = success_time.slice(0, 10);
  const bill = await run.call('/wx-pay/wxpay_bill', { bill_date }, operator());
  expect(bill.text).toMatch(new RegExp(`,.${no},[^,]*,.FACEPAY,.SUCCESS,`));
  const report = await run.call('/wx-pay/wxpay_reconcile', { bill_date }, operator());
  expect(dataOf(report)).toMatchObject({
    compared: 1,
    differences: [{ class: 'missing_here', out_trade_no: no, resolved: true }],
  });
  await expectTakenIn(shop);
});

test('a payer finds his own among the records by WeChat’s word alone', async () => {
  const { sim, run, no } = await scanned();
  const { payer: who } = sim.order(no) as { payer: { openid: string } };
  const own = await run.call(QUERY, { out_trade_no: no }, payer(who.openid));
  expect(dataOf(own)).toMatchObject({ trade_type: 'FACEPAY' });
  const list = await run.call('/wx-pay/wxpay_records', { kind: 'order' }, operator());
  expect(dataOf(list)).toMatchObject({ records: [{ no, product: 'FACEPAY' }] });
});
