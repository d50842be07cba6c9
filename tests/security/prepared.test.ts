/** The price comes from the merchant: what a payer may add to a prepared order, and who gets it. */
import { decide } from '../../services/ledger/orderState';
import {
  inProcess,
  orderBody,
  OTHER,
  PAYER,
  startStage,
  type Answer,
  type Stage,
} from './support/stage';

const NO = 'T20260102000001';
const PRODUCTS = ['wxpay_order', 'wxpay_order_native', 'wxpay_order_app', 'wxpay_order_h5'];
const bodyFor = (name: string, body: object): object =>
  name === 'wxpay_order_h5'
    ? { ...body, scene_info: { payer_client_ip: '203.0.113.7', h5_info: { type: 'Wap' } } }
    : body;

let stage: Stage;
afterEach(() => stage.close());

const sentToWechat = (): readonly Record<string, unknown>[] =>
  stage.simulator.requests
    .filter((r) => r.path.startsWith('/v3/pay/transactions/') && r.method === 'POST')
    .map((r) => JSON.parse(r.body) as Record<string, unknown>);

const differs = { status: 409, error: 'ORDER_PARAMS_DIFFER' };
const gist = (a: Answer) => ({ status: a.status, error: a.json.error });

describe('a prepared order', () => {
  beforeEach(async () => {
    stage = await startStage({ env: { requirePreparedOrders: 'true' } });
    const fixed = { ...orderBody(NO, 500), attach: 'A1' };
    expect((await stage.asOperator('wxpay_prepare_order', fixed)).json.data).toMatchObject({
      data: { out_trade_no: NO, state: 'PREPARED' },
    });
  });

  test('is paid at the price of the merchant by its number alone', async () => {
    expect((await stage.asPayer('wxpay_order', { out_trade_no: NO })).status).toBe(200);
    expect(sentToWechat()).toMatchObject([
      { amount: { total: 500 }, description: '测试商品', attach: 'A1', payer: { openid: PAYER } },
    ]);
    expect(await stage.order(NO)).toMatchObject({ prepared: true, payer: PAYER });
  });

  test.each([
    ['less', { amount: { total: 1 } }],
    ['one fen less', { amount: { total: 499 } }],
    ['more', { amount: { total: 501 } }],
    ['another description', { description: '别的' }],
    ['another attach', { attach: 'A2' }],
  ])('%s: 409, WeChat is not asked, nothing is bound', async (_name, over) => {
    const before = await stage.order(NO);
    for (const name of PRODUCTS) {
      const answer = await stage.asPayer(name, bodyFor(name, { out_trade_no: NO, ...over }));
      expect(gist(answer)).toEqual(differs);
    }
    expect(sentToWechat()).toHaveLength(0);
    expect(await stage.order(NO)).toEqual(before);
  });

  test('after it is placed a lower price is still 409', async () => {
    await stage.asPayer('wxpay_order', { out_trade_no: NO });
    expect(gist(await stage.asPayer('wxpay_order', orderBody(NO, 1)))).toEqual(differs);
    expect(gist(await stage.asOperator('wxpay_prepare_order', orderBody(NO, 1)))).toEqual(differs);
    expect(sentToWechat()).toHaveLength(1);
  });

  test('a refusal of WeChat does not open its price', async () => {
    stage.simulator.switches.signErrors = true;
    stage.simulator.faults.add({
      route: 'POST /v3/pay/*',
      kind: 'status',
      status: 400,
      body: { code: 'PARAM_ERROR', message: 'x' },
    });
    expect((await stage.asPayer('wxpay_order', { out_trade_no: NO })).status).toBe(400);
    expect(await stage.order(NO)).toMatchObject({ state: 'REJECTED', payer: PAYER });
    expect(gist(await stage.asPayer('wxpay_order', orderBody(NO, 1)))).toEqual(differs);
    const other = await stage.asPayer('wxpay_order', { out_trade_no: NO }, OTHER);
    expect(gist(other)).toEqual({ status: 409, error: 'ORDER_TAKEN' });
    expect((await stage.asPayer('wxpay_order', { out_trade_no: NO })).status).toBe(200);
    expect(sentToWechat().every((body) => (body.amount as { total: number }).total === 500)).toBe(
      true,
    );
  });

  test('raced by twenty payers: one gets it, and he keeps it', async () => {
    const payers = Array.from({ length: 20 }, (_, n) => `oRacer_${String(n).padStart(21, '0')}`);
    const answers = await Promise.all(
      payers.map((openid) => stage.asPayer('wxpay_order', { out_trade_no: NO }, openid)),
    );
    const won = answers.flatMap((a, n) => (a.status === 200 ? [payers[n]] : []));
    expect(won).toHaveLength(1);
    expect(answers.filter((a) => a.status === 409)).toHaveLength(19);
    expect((await stage.order(NO))?.payer).toBe(won[0]);
    expect(sentToWechat().map((body) => body.payer)).toEqual([{ openid: won[0] }]);
  });

  test('one bound and refused meanwhile is not taken over by who came second in the race', async () => {
    stage.simulator.switches.signErrors = true;
    const fault = { route: 'POST /v3/pay/*', kind: 'status', status: 400 } as const;
    stage.simulator.faults.add({ ...fault, body: { code: 'PARAM_ERROR', message: 'x' } });
    await stage.asPayer('wxpay_order', { out_trade_no: NO });
    const rejected = await stage.order(NO);
    if (rejected === undefined) throw new Error('not held');
    // The second one read the record while it was free, and his write is decided again on this one.
    const late = {
      type: 'ask',
      until: 1,
      facts: { payer: OTHER },
      source: 'payer',
      proof: 'none',
    } as const;
    expect(decide(rejected, late, { now: stage.simulator.clock.now(), sink: false })).toMatchObject(
      {
        kind: 'conflict',
        code: 'ORDER_TAKEN',
      },
    );
  });

  test('prepared for one payer: another gets 409 for asking and 404 for looking', async () => {
    const no = 'T20260102000002';
    await stage.asOperator('wxpay_prepare_order', { ...orderBody(no), payer: { openid: PAYER } });
    const asked = await stage.asPayer('wxpay_order', { out_trade_no: no }, OTHER);
    expect(gist(asked)).toEqual({ status: 409, error: 'ORDER_TAKEN' });
    const looked = await stage.asPayer(
      'wxpay_query_order_by_out_trade_no',
      { out_trade_no: no },
      OTHER,
    );
    expect(looked.status).toBe(404);
    expect((await stage.order(no))?.state).toBe('PREPARED');
  });

  test('a number that nobody prepared: 403 on every product, WeChat is not asked', async () => {
    const no = 'T20260102000003';
    for (const name of PRODUCTS) {
      for (const body of [orderBody(no), { out_trade_no: no }]) {
        const answer = await stage.asPayer(name, bodyFor(name, body));
        expect(gist(answer)).toEqual({ status: 403, error: 'ORDER_NOT_PREPARED' });
      }
    }
    expect(sentToWechat()).toHaveLength(0);
    expect(await stage.order(no)).toBeUndefined();
  });
});

inProcess(
  'a price chosen by its payer before the setting was turned on is not paid after',
  async () => {
    stage = await startStage();
    await stage.asPayer('wxpay_order', orderBody(NO, 1));
    const { store } = stage.service;
    if (store === undefined) throw new Error('no store');
    const strict = await startStage({
      env: { requirePreparedOrders: 'true' },
      overrides: { store },
    });
    try {
      for (const body of [orderBody(NO, 1), { out_trade_no: NO }]) {
        const answer = await strict.asPayer('wxpay_order', body);
        expect(gist(answer)).toEqual({ status: 403, error: 'ORDER_NOT_PREPARED' });
      }
    } finally {
      await strict.close();
    }
  },
);
