/** As a stranger, a plain user, another user and an operator with a wrong key: no money moves, nothing is learned. */
import { PAY_ROUTES } from '../../routes/payRoutes';
import {
  frozen,
  moneyCalls,
  OPERATOR_KEY,
  orderBody,
  OTHER,
  PAYER,
  READ_KEY,
  refundBody,
  startStage,
  SWEEP_KEY,
  transferBody,
  type Stage,
} from './support/stage';

const SCF = { TENCENTCLOUD_RUNENV: 'SCF', SCF_RUNTIME: 'Nodejs18.15' };
const VARIANTS = [
  ['sdk', {}],
  ['gateway', {}],
  ['sdk', SCF],
  ['gateway', SCF],
] as const;
const NO = 'T20260102000001';
const POSTS = PAY_ROUTES.filter((r) => r.method === 'POST').map((r) =>
  r.name.replace(':kind', 'order').replace(':no', NO),
);
const MONEY_OUT = [
  'wxpay_refund',
  'wxpay_refund_abnormal',
  'wxpay_transfer',
  'wxpay_transfer_cancel',
];
const OPERATORS_ONLY = [...MONEY_OUT, 'wxpay_prepare_order', 'wxpay_bill', 'wxpay_sweep'];

const bodyOf = (name: string): object => {
  if (name === 'wxpay_refund') return refundBody(NO, 'R1');
  if (name === 'wxpay_transfer') return transferBody('B1');
  if (name.startsWith('wxpay_transfer_bill_query_by_no')) return { transfer_bill_no: 'X1' };
  if (name.startsWith('wxpay_transfer')) return { out_bill_no: 'B1' };
  if (name === 'wxpay_refund_abnormal') return { out_refund_no: 'R1', type: 'USER_BANK_CARD' };
  if (name === 'wxpay_refund_query') return { out_refund_no: 'R1' };
  if (name === 'wxpay_bill') return { bill_date: '2026-01-01' };
  if (name === 'wxpay_query_order_by_transaction_id') return { transaction_id: '42000000002026' };
  if (name.startsWith('wxpay_order') || name === 'wxpay_prepare_order')
    return orderBody('T20260102000009');
  return name.startsWith('wxpay_sweep') || name.startsWith('records') ? {} : { out_trade_no: NO };
};

describe.each(VARIANTS)('signMode=%s, marks %j', (signMode, marks) => {
  let stage: Stage;
  beforeAll(async () => {
    // The platform's default inside SCF is to believe its headers; here the front door is an open one.
    stage = await startStage({ env: { signMode, ...marks, trustWxHeaders: 'true' } });
    await stage.paid(NO);
  });
  afterAll(() => stage.close());

  const strangers: readonly [string, Record<string, string>][] = [
    ['nobody', {}],
    ['an operator with a wrong key', { 'x-api-key': 'wrong-key-0123456789-abcdefghij-0123' }],
    ['a wrong key beside a good openid', { 'x-api-key': 'x'.repeat(40), 'x-wx-openid': PAYER }],
    ['a Bearer of three dots', { authorization: 'Bearer a.b.c', 'x-wx-openid': PAYER }],
    [
      'the marks of the platform',
      { 'x-tcb-integration-id': 'i', 'x-wx-source': 'wx_client', 'x-authmethod': 'WX_SERVER_AUTH' },
    ],
    [
      'an openid in other headers',
      { 'x-openid': PAYER, 'x-wx-from-openid': PAYER, cookie: `openid=${PAYER}` },
    ],
    ['an openid that is none', { 'x-wx-openid': '*' }],
  ];

  test.each(strangers)(
    '%s: 401 on every route, nothing learned or changed',
    async (_name, headers) => {
      const before = frozen(await stage.order(NO));
      const asked = stage.simulator.requests.length;
      for (const name of POSTS) {
        const body = { ...bodyOf(name), ...(name.startsWith('wxpay') ? {} : {}) };
        const answer = await stage.call(`/wx-pay/${name}`, body, { headers });
        expect({ name, status: answer.status }).toEqual({ name, status: 401 });
        expect(answer.json.data).toBeNull();
        if (name.includes('/')) continue;
        const old = await stage.call('/', { _action: name, ...body }, { headers });
        expect({ name, status: old.status }).toEqual({ name, status: 401 });
      }
      for (const path of ['/wx-pay/records', `/wx-pay/records/order/${NO}`, '/metrics']) {
        expect((await stage.call(path, undefined, { headers })).status).toBe(401);
      }
      expect(await stage.order(NO)).toEqual(before);
      expect(stage.simulator.requests).toHaveLength(asked);
    },
  );

  test.each([PAYER, OTHER])(
    'a plain user (%s): 403 wherever operators alone may go',
    async (openid) => {
      const before = frozen(await stage.order(NO));
      for (const name of OPERATORS_ONLY) {
        const answer = await stage.asPayer(name, bodyOf(name), openid);
        expect({ name, status: answer.status, error: answer.json.error }).toEqual({
          name,
          status: 403,
          error: 'FORBIDDEN',
        });
      }
      for (const path of ['/wx-pay/records', `/wx-pay/records/order/${NO}`, '/metrics']) {
        const answer = await stage.call(path, undefined, { headers: { 'x-wx-openid': openid } });
        expect(answer.status).toBe(403);
      }
      expect(await stage.order(NO)).toEqual(before);
      expect(moneyCalls(stage.simulator)).toBe(0);
    },
  );

  test('another user: the order does not exist for him, and its number is taken', async () => {
    const transaction_id = (await stage.order(NO))?.payment?.transaction_id;
    const asked: readonly [string, object, number][] = [
      ['wxpay_query_order_by_out_trade_no', { out_trade_no: NO }, 404],
      ['wxpay_query_order_by_transaction_id', { transaction_id }, 404],
      ['wxpay_close_order', { out_trade_no: NO }, 404],
      ['wxpay_refund_query', { out_refund_no: 'R1' }, 404],
      ['wxpay_transfer_bill_query', { out_bill_no: 'B1' }, 404],
      ['wxpay_order', orderBody(NO), 409],
      ['wxpay_order', { out_trade_no: NO }, 409],
    ];
    const before = frozen(await stage.order(NO));
    for (const [name, body, status] of asked) {
      const answer = await stage.asPayer(name, body, OTHER);
      expect({ name, status: answer.status }).toEqual({ name, status });
      expect(answer.text).not.toContain(PAYER);
      expect(answer.json.data).toBeNull();
    }
    expect(await stage.order(NO)).toEqual(before);
  });

  test('a reading key and a sweeping key do what they say and no more', async () => {
    for (const key of [READ_KEY, SWEEP_KEY]) {
      for (const name of [
        ...MONEY_OUT,
        'wxpay_prepare_order',
        'wxpay_close_order',
        'wxpay_order',
      ]) {
        const answer = await stage.asOperator(name, bodyOf(name), key);
        expect({ key, name, status: answer.status }).toEqual({ key, name, status: 403 });
      }
    }
    const get = (key: string) =>
      stage.call('/wx-pay/records', undefined, { headers: { 'x-api-key': key } });
    expect((await get(READ_KEY)).status).toBe(200);
    expect((await get(SWEEP_KEY)).status).toBe(403);
    expect((await stage.asOperator('wxpay_sweep', {}, SWEEP_KEY)).status).toBe(200);
    expect((await stage.asOperator('wxpay_sweep', {}, READ_KEY)).status).toBe(403);
    expect(moneyCalls(stage.simulator)).toBe(0);
  });

  test('the old dispatch believes no header, whatever the platform', async () => {
    const headers = { 'x-wx-openid': PAYER };
    for (const name of ['wxpay_order', 'wxpay_query_order_by_out_trade_no', 'wxpay_refund']) {
      const answer = await stage.call('/', { _action: name, ...bodyOf(name) }, { headers });
      expect(answer.status).toBe(401);
    }
    const good = { _action: 'wxpay_query_order_by_out_trade_no', out_trade_no: NO };
    const answer = await stage.call('/', good, { headers: { 'x-api-key': OPERATOR_KEY } });
    expect(answer.status).toBe(200);
  });

  test('genuine traffic passes', async () => {
    const own = await stage.asPayer('wxpay_query_order_by_out_trade_no', { out_trade_no: NO });
    expect(own.status).toBe(200);
    const refund = await stage.asOperator('wxpay_refund', refundBody(NO, 'R9', 1));
    expect(refund.status).toBe(200);
  });
});

test('without operator keys every operator route is off and says how to enable it', async () => {
  const stage = await startStage({ env: { operatorKeys: '' } });
  try {
    for (const name of OPERATORS_ONLY) {
      for (const headers of [{}, { 'x-api-key': OPERATOR_KEY }, { 'x-wx-openid': PAYER }]) {
        const answer = await stage.call(`/wx-pay/${name}`, bodyOf(name), { headers });
        expect({ name, status: answer.status, error: answer.json.error }).toEqual({
          name,
          status: 403,
          error: 'OPERATOR_DISABLED',
        });
        expect(answer.json.msg).toContain('operatorKeys');
      }
    }
  } finally {
    await stage.close();
  }
});

test('a native order paid by somebody else: its owner is not told who', async () => {
  const stage = await startStage();
  try {
    await stage.asPayer('wxpay_order_native', orderBody(NO));
    stage.simulator.pay(NO, { deliver: 'never', openid: OTHER });
    const told = await stage.asPayer('wxpay_query_order_by_out_trade_no', { out_trade_no: NO });
    expect(told.status).toBe(200);
    expect(told.text).not.toContain(OTHER);
  } finally {
    await stage.close();
  }
});
