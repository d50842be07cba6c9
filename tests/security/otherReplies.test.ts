/**
 * Genuine, signed answers of WeChat that are about something else than what was asked: the caller hears that
 * the outcome is unknown, and no record learns anything.
 */
import {
  orderBody,
  PAYER,
  refundBody,
  startStage,
  transferBody,
  type Answer,
  type Stage,
} from './support/stage';

type Json = Record<string, unknown>;
const X = 'T20260102000001';
const Y = 'T20260102000002';
const OPEN = 'T20260102000003';

let stage: Stage;
beforeEach(async () => {
  stage = await startStage();
  await stage.paid(X);
  await stage.paid(Y);
});
afterEach(() => stage.close());

const orderAtWechat = (no: string): Json => ({ ...stage.simulator.order(no) });
const transactionOf = (no: string): string => String(orderAtWechat(no).transaction_id);

/** WeChat's next answers to calls of this kind, signed like any other. */
function answer(route: RegExp, body: Json, times = 1): void {
  stage.simulator.faults.add({ route, kind: 'status', status: 200, times, body });
}

const UNPROVEN = { status: 502, json: { code: -1, error: 'WECHATPAY_UNPROVEN' } };

/** The call is answered as unknown, and every record stays as it was. */
async function expectNothingLearned(ask: () => Promise<Answer>): Promise<void> {
  const before = await stage.dump();
  expect(await ask()).toMatchObject(UNPROVEN);
  expect(await stage.dump()).toBe(before);
}

const posts = (path: string): number =>
  stage.simulator.requests.filter((r) => r.method === 'POST' && r.path.startsWith(path)).length;

describe('orders', () => {
  const byNo = (no: string) =>
    stage.asOperator('wxpay_query_order_by_out_trade_no', { out_trade_no: no });
  const byId = (id: string) =>
    stage.asOperator('wxpay_query_order_by_transaction_id', { transaction_id: id });
  const QUERY = /^GET \/v3\/pay\/transactions/;

  test('a query by number answered about another order', async () => {
    answer(QUERY, orderAtWechat(Y));
    await expectNothingLearned(() => byNo(X));
  });

  test('a query by number answered with the transaction of another order', async () => {
    expect((await stage.asPayer('wxpay_order', orderBody(OPEN))).status).toBe(200);
    answer(QUERY, { ...orderAtWechat(Y), out_trade_no: OPEN });
    await expectNothingLearned(() => byNo(OPEN));
  });

  test.each(['known', 'unknown'])(
    'a query by transaction_id answered about another: its order %s here',
    async (held) => {
      const fresh = held === 'known' ? stage : await startStage({ at: stage.simulator });
      try {
        answer(QUERY, orderAtWechat(Y));
        const ask = { transaction_id: transactionOf(X) };
        const asked = await fresh.asOperator('wxpay_query_order_by_transaction_id', ask);
        expect(asked).toMatchObject(UNPROVEN);
        if (fresh !== stage) expect(await fresh.order(Y)).toBeUndefined();
      } finally {
        if (fresh !== stage) await fresh.close();
      }
    },
  );

  test('a query by transaction_id answered about its order, but under another transaction', async () => {
    answer(QUERY, { ...orderAtWechat(X), transaction_id: '4200000000000000000000000009' });
    await expectNothingLearned(() => byId(transactionOf(X)));
  });

  test('a close whose queries are answered about another order closes nothing here', async () => {
    expect((await stage.asPayer('wxpay_order', orderBody(OPEN))).status).toBe(200);
    answer(QUERY, { ...orderAtWechat(Y), trade_state: 'CLOSED' });
    await expectNothingLearned(() => stage.asPayer('wxpay_close_order', { out_trade_no: OPEN }));
  });
});

describe('refunds', () => {
  const POST = /^POST \/v3\/refund/;
  const GET = /^GET \/v3\/refund/;
  const refundAtWechat = (no: string): Json => ({ ...stage.simulator.refund(no) });

  async function refundedY(): Promise<Json> {
    stage.simulator.switches.refundOutcome = 'never';
    expect((await stage.asOperator('wxpay_refund', refundBody(Y, 'RY', 40))).status).toBe(200);
    return refundAtWechat('RY');
  }

  test.each<[string, (other: Json) => Json]>([
    ['another refund', (other) => other],
    ['this number of another order', (other) => ({ ...other, out_refund_no: 'RX' })],
    ['another transaction', (other) => ({ ...other, out_refund_no: 'RX', out_trade_no: X })],
  ])('a refund answered about %s stays unknown and reserved', async (_what, change) => {
    const told = change({ ...(await refundedY()), status: 'SUCCESS' });
    answer(POST, told);
    expect(await stage.asOperator('wxpay_refund', refundBody(X, 'RX', 100))).toMatchObject(
      UNPROVEN,
    );
    expect((await stage.order(X))?.refunds).toMatchObject([
      { out_refund_no: 'RX', status: 'REQUESTED', refund: 100 },
    ]);
    expect((await stage.order(Y))?.refunds).toMatchObject([{ status: 'PROCESSING' }]);
    const more = await stage.asOperator('wxpay_refund', refundBody(X, 'RX2', 1));
    expect(more.json.error).toBe('REFUND_EXCEEDS');
  });

  test.each<[string, Json]>([
    ['another refund_id', { refund_id: '50000000000000000000000000009' }],
    ['another transaction', { transaction_id: '4200000000000000000000000009' }],
    ['another order', { out_trade_no: X }],
    ['another number', { out_refund_no: 'RZ' }],
  ])('a refund query answered about %s', async (_what, change) => {
    answer(GET, { ...(await refundedY()), status: 'SUCCESS', ...change });
    await expectNothingLearned(() =>
      stage.asOperator('wxpay_refund_query', { out_refund_no: 'RY' }),
    );
  });

  test('a refund made elsewhere is not taken in from an answer about another', async () => {
    answer(GET, await refundedY());
    await expectNothingLearned(() =>
      stage.asOperator('wxpay_refund_query', { out_refund_no: 'RZ' }),
    );
  });
});

describe('an order named both ways', () => {
  const both = (no: string, transaction_id: string): object => ({
    ...refundBody(no, 'R1'),
    transaction_id,
  });

  test.each(['held here', 'known to WeChat alone'])(
    'X by number and Y by transaction_id, %s: refused before anything is recorded or sent',
    async (where) => {
      const at = where === 'held here' ? stage : await startStage({ at: stage.simulator });
      try {
        const before = await at.dump();
        const refused = await at.asOperator('wxpay_refund', both(X, transactionOf(Y)));
        expect(refused).toMatchObject({ status: 409, json: { error: 'REFUND_PARAMS_DIFFER' } });
        expect(await at.dump()).toBe(before);
        expect(posts('/v3/refund')).toBe(0);
        expect((await at.asOperator('wxpay_refund', both(X, transactionOf(X)))).status).toBe(200);
      } finally {
        if (at !== stage) await at.close();
      }
    },
  );

  test('an order asked for by transaction_id alone is not the one WeChat answers about', async () => {
    const fresh = await startStage({ at: stage.simulator });
    try {
      answer(/^GET \/v3\/pay/, orderAtWechat(Y));
      const body = {
        out_refund_no: 'R1',
        transaction_id: transactionOf(X),
        amount: { refund: 100, total: 100 },
      };
      expect(await fresh.asOperator('wxpay_refund', body)).toMatchObject(UNPROVEN);
      expect(await fresh.order(Y)).toBeUndefined();
      expect(posts('/v3/refund')).toBe(0);
    } finally {
      await fresh.close();
    }
  });
});

describe('transfers', () => {
  const POST = /^POST \/v3\/fund-app/;
  const GET = /^GET \/v3\/fund-app/;
  const transferAtWechat = (no: string): Json => ({ ...stage.simulator.transfer(no) });
  const query = () => stage.asOperator('wxpay_transfer_bill_query', { out_bill_no: 'B1' });

  beforeEach(async () => {
    for (const no of ['B1', 'B2']) {
      expect((await stage.asOperator('wxpay_transfer', transferBody(no))).status).toBe(200);
    }
  });

  test('a create answered about another transfer stays unknown', async () => {
    answer(POST, { ...transferAtWechat('B2'), state: 'SUCCESS' });
    expect(await stage.asOperator('wxpay_transfer', transferBody('B3'))).toMatchObject(UNPROVEN);
    expect((await stage.transfer('B3'))?.state).toBe('CREATED');
    expect((await stage.transfer('B2'))?.state).toBe('WAIT_USER_CONFIRM');
  });

  test.each<[string, Json]>([
    ['another number', { out_bill_no: 'B2' }],
    ['another transfer_bill_no', { transfer_bill_no: '1330000000000000000009' }],
    ['another receiver', { openid: 'oUpF8uN95-Ptaags6E_roPHg7AG0' }],
    ['another merchant', { mch_id: '1900000199' }],
  ])('a query answered about %s', async (_what, change) => {
    answer(GET, { ...transferAtWechat('B1'), openid: PAYER, state: 'SUCCESS', ...change });
    await expectNothingLearned(query);
  });

  test('a query by transfer_bill_no answered about another', async () => {
    const { transfer_bill_no } = transferAtWechat('B1');
    answer(GET, { ...transferAtWechat('B2'), state: 'SUCCESS' });
    await expectNothingLearned(() =>
      stage.asOperator('wxpay_transfer_bill_query_by_no', { transfer_bill_no }),
    );
  });

  test('a cancel answered about another transfer cancels neither', async () => {
    answer(POST, { ...transferAtWechat('B2'), state: 'CANCELLED' });
    await expectNothingLearned(() =>
      stage.asOperator('wxpay_transfer_cancel', { out_bill_no: 'B1' }),
    );
  });
});

describe('combinations', () => {
  const C = 'C20260102000001';
  const parts = ['P20260102000001', 'P20260102000002'];
  const QUERY = /^GET \/v3\/combine-transactions/;
  const query = () => stage.asOperator('wxpay_combine_query', { combine_out_trade_no: C });

  beforeEach(async () => {
    const placed = await stage.asPayer('wxpay_order_combine', {
      type: 'jsapi',
      combine_out_trade_no: C,
      sub_orders: parts.map((out_trade_no) => ({
        out_trade_no,
        description: '测试商品',
        amount: { total_amount: 50, currency: 'CNY' },
      })),
    });
    expect(placed.status).toBe(200);
    stage.simulator.pay(C, { deliver: 'never' });
  });

  const told = (change: (part: Json, index: number) => Json): Json => {
    const body = stage.simulator.combination(C) as { sub_orders: Json[] } & Json;
    return {
      ...body,
      sub_orders: body.sub_orders.map((part, i) => ({ ...part, ...change(part, i) })),
    };
  };

  test.each<[string, (part: Json, index: number) => Json]>([
    ['other parts, paid', (_part, i) => (i === 0 ? { out_trade_no: 'P9' } : {})],
    [
      'other parts, closed',
      (_part, i) => ({ out_trade_no: `P${String(i)}`, trade_state: 'CLOSED' }),
    ],
    ['the transaction of another order', () => ({ transaction_id: transactionOf(X) })],
  ])('a query answered about %s', async (_what, change) => {
    answer(QUERY, told(change));
    await expectNothingLearned(query);
    expect((await query()).status).toBe(200);
  });
});

describe('payment codes', () => {
  const K = 'K20260102000001';
  const POST = /^POST \/v3\/pay\/transactions/;
  const body = (out_trade_no: string): object => ({
    out_trade_no,
    description: '测试商品',
    amount: { total: 100 },
    payer: { auth_code: '130000000000000001' },
    scene_info: { device_id: 'POS-1', device_ip: '10.0.0.9', store_info: { id: 'S1' } },
  });

  test('a charge answered about another order stays unknown', async () => {
    answer(POST, orderAtWechat(Y));
    expect(await stage.asOperator('wxpay_order_codepay', body(K))).toMatchObject(UNPROVEN);
    expect(await stage.order(K)).toMatchObject({ state: 'CREATED' });
    expect((await stage.order(K))?.payment).toBeUndefined();
  });

  test('a reversal answered about another order reverses nothing here', async () => {
    expect((await stage.asOperator('wxpay_order_codepay', body(K))).status).toBe(200);
    await stage.simulator.clock.advance(20_000);
    const { appid, mchid } = orderAtWechat(K);
    answer(/reverse/, { appid, mchid, out_trade_no: Y });
    const reversed = await stage.asOperator('wxpay_reverse', { out_trade_no: K });
    expect(reversed).toMatchObject(UNPROVEN);
    expect((await stage.order(K))?.state).toBe('REVERSING');
  });
});
