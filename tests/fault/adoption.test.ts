/** Orders made before this service, or by another system: taken in as WeChat says they are, nothing guessed. */
import {
  number,
  operator,
  placeAndPay,
  payer,
  startService,
  startSim,
  type Json,
  type Running,
} from '../helpers/service';
import type { CombinationRecord } from '../../services/records';
import type { Simulator } from '../../simulator';

interface Elsewhere {
  readonly sim: Simulator;
  readonly run: Running;
  readonly no: string;
}

/** An order paid under another system, and a service that has never heard of it. */
async function paidElsewhere(): Promise<Elsewhere> {
  const sim = await startSim();
  const no = number('E');
  await placeAndPay(await startService({ sim }), sim, no);
  return { sim, run: await startService({ sim }), no };
}

/** WeChat's genuine answer, with what the test changes in it. */
function answerWith({ sim, no }: Elsewhere, change: Json): void {
  sim.faults.add({
    route: /^GET \/v3\/pay\/transactions/,
    kind: 'status',
    status: 200,
    times: 1,
    body: { ...sim.order(no), ...change },
  });
}

const ask = (run: Running, no: string) =>
  run.call('/wx-pay/wxpay_query_order_by_out_trade_no', { out_trade_no: no }, operator());

describe('how an adopted payment was made', () => {
  test.each([
    ['JSAPI', 'jsapi'],
    ['MWEB', 'h5'],
    ['MICROPAY', 'codepay'],
    ['FACEPAY', 'FACEPAY'],
    ['toString', 'toString'],
    [undefined, 'UNKNOWN'],
  ])('a payment by %s is recorded as %s', async (trade_type, product) => {
    const there = await paidElsewhere();
    answerWith(there, { trade_type });
    expect((await ask(there.run, there.no)).status).toBe(200);
    const record = await there.run.order(there.no);
    expect(record).toMatchObject({ state: 'PAID', made_by: 'adopted', product });
    expect(record.payment?.trade_type).toBe(trade_type);
    expect(record.effects).toMatchObject([{ type: 'order.adopted', data: { product } }]);
  });

  test('a combination paid by FACEPAY does not become jsapi either', async () => {
    const sim = await startSim();
    const no = number('E');
    const body = {
      type: 'jsapi',
      combine_out_trade_no: no,
      sub_orders: ['A', 'B'].map((name) => ({
        out_trade_no: number(name),
        description: '测试商品',
        amount: { total_amount: 50, currency: 'CNY' },
      })),
    };
    const first = await startService({ sim });
    expect((await first.call('/wx-pay/wxpay_order_combine', body, payer())).status).toBe(200);
    sim.pay(no);
    const told = sim.combination(no) as { sub_orders: Json[] } & Json;
    sim.faults.add({
      route: /^GET \/v3\/combine-transactions/,
      kind: 'status',
      status: 200,
      times: 1,
      body: {
        ...told,
        sub_orders: told.sub_orders.map((part) => ({ ...part, trade_type: 'FACEPAY' })),
      },
    });
    const run = await startService({ sim });
    const asked = await run.call(
      '/wx-pay/wxpay_combine_query',
      { combine_out_trade_no: no },
      operator(),
    );
    expect(asked.status).toBe(200);
    const record = (await run.store.find('combination', no)) as CombinationRecord;
    expect(record).toMatchObject({ made_by: 'adopted', product: 'FACEPAY' });
  });

  test('a transfer whose amount the answer does not tell is not taken in as one of nothing', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const out_bill_no = number('B');
    sim.faults.add({
      route: /^GET \/v3\/fund-app/,
      kind: 'status',
      status: 200,
      times: 1,
      body: { out_bill_no, transfer_bill_no: '1330000', state: 'SUCCESS' },
    });
    const asked = await run.call('/wx-pay/wxpay_transfer_bill_query', { out_bill_no }, operator());
    expect(asked.status).toBe(200);
    expect(await run.store.find('transfer', out_bill_no)).toBeUndefined();
  });
});
