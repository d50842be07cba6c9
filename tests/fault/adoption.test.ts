/** Orders made before this service, or by another system: taken in as WeChat says they are, nothing guessed. */
import {
  number,
  operator,
  orderBody,
  OTHER,
  PAYER,
  placeAndPay,
  payer,
  startService,
  startSim,
  type Json,
  type Running,
} from '../helpers/service';
import type { CombinationRecord } from '../../services/ledger/record';
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

describe('an order that was unpaid when this service took over', () => {
  /** Ordered under the old system; this service has never heard of it. */
  async function unpaidElsewhere(): Promise<Elsewhere> {
    const sim = await startSim();
    const no = number('E');
    const old = await startService({ sim });
    expect((await old.call('/wx-pay/wxpay_order', orderBody(no), payer())).status).toBe(200);
    return { sim, run: await startService({ sim }), no };
  }

  const query = (run: Running, no: string, who?: string) =>
    run.call('/wx-pay/wxpay_query_order_by_out_trade_no', { out_trade_no: no }, payer(who));

  test('is taken in when WeChat names the asking payer, and adopted when he pays', async () => {
    const there = await unpaidElsewhere();
    const { sim, run, no } = there;
    answerWith(there, { payer: { openid: PAYER } });
    expect((await query(run, no)).status).toBe(200);
    expect(await run.order(no)).toMatchObject({
      state: 'PENDING',
      made_by: 'adopted',
      payer: PAYER,
      product: 'UNKNOWN',
      amount: { total: 100 },
      agenda: [{ do: 'query' }, { do: 'expire' }],
    });
    expect(await run.effects(no)).toEqual([]);
    expect((await query(run, no)).status).toBe(200);
    expect((await query(run, no, OTHER)).status).toBe(404);
    sim.pay(no);
    expect((await sim.deliver('payment', no))[0]?.statusAnswered).toBe(200);
    expect(await run.order(no)).toMatchObject({ state: 'PAID', product: 'jsapi' });
    expect(await run.effects(no)).toEqual(['order.adopted']);
  });

  test('is taken in for nobody else than whom WeChat names', async () => {
    const there = await unpaidElsewhere();
    answerWith(there, { payer: { openid: PAYER } });
    expect((await query(there.run, there.no, OTHER)).status).toBe(404);
    expect(await there.run.store.find('order', there.no)).toBeUndefined();
  });

  test('is unknown to its payer while WeChat names nobody, and his once he has paid', async () => {
    const { sim, run, no } = await unpaidElsewhere();
    expect((await query(run, no)).status).toBe(404);
    sim.pay(no);
    expect((await query(run, no, OTHER)).status).toBe(404);
    expect((await query(run, no)).status).toBe(200);
    expect(await run.order(no)).toMatchObject({ state: 'PAID', payer: PAYER });
    expect(await run.effects(no)).toEqual(['order.adopted']);
  });
});
