/**
 * Every field of a request is chosen by anyone who may choose it, and by nobody else; every number, text and
 * amount has its form and bound; JSON that could be read in two ways is not read at all.
 */
import { openapiDocument } from '../../routes/documentedRoutes';
import { NOTIFY_ROUTES } from '../../routes/notifyRoutes';
import { PAY_ROUTES } from '../../routes/payRoutes';
import type { RouteSpec } from '../../routes/route';
import { askedName, NO, VALID, validBody, withPayer, type Body } from './support/bodies';
import {
  moneyCalls,
  OPERATOR_KEY,
  orderBody,
  OTHER,
  PAYER,
  refundBody,
  startStage,
  transferBody,
  type Answer,
  type Stage,
} from './support/stage';

const POSTS = PAY_ROUTES.filter((r) => r.method === 'POST');
const FOR_PAYERS = POSTS.filter((r) => r.payerBody !== undefined);
const named = (routes: readonly RouteSpec[]) =>
  routes.map((r) => [askedName(r.name), validBody(r.name)] as const);

/** What nobody may send, on any route. */
const NOBODYS: Body = {
  notify_url: 'https://evil.example/x',
  mchid: '1900000009',
  mch_id: '1900000001',
  appid: 'wxfedcba9876543210',
  sub_mchid: '1900000002',
  sp_appid: 'wx0123456789abcdef',
  openid_x: PAYER,
  prepared: true,
  state: 'PAID',
  payment: { total: 1 },
  trade_state: 'SUCCESS',
  operator: true,
  constructor: { prototype: { operator: true } },
  prototype: {},
  toString: 'x',
  hasOwnProperty: 1,
};

/** What costs or commits the merchant: not for payers. */
const MERCHANTS: Body = {
  goods_tag: 'WXG',
  detail: { cost_price: 1 },
  settle_info: { profit_sharing: true },
  time_expire: '2026-02-02T10:00:00+08:00',
  limit_pay: ['no_credit'],
  support_fapiao: true,
  expire_minutes: 10080,
};

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.close());

async function refusedUnasked(asked: Promise<Answer>, field?: string): Promise<void> {
  const before = stage.simulator.requests.length;
  const answer = await asked;
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 400 });
  expect(answer.json).toMatchObject({ code: -1, data: null });
  if (field !== undefined) expect(answer.json.msg).toContain(field);
  expect(stage.simulator.requests).toHaveLength(before);
  expect(moneyCalls(stage.simulator)).toBe(0);
  expect(await stage.order(NO)).toBeUndefined();
}

test('every POST that is documented has its body here, and no other', () => {
  const { paths } = openapiDocument('0') as { paths: Record<string, Record<string, unknown>> };
  const ours = Object.keys(paths).filter(
    (path) => 'post' in (paths[path] ?? {}) && path !== '/' && !(path in NOTIFY_ROUTES),
  );
  const asked = ours.map((path) =>
    askedName(path.replace('/wx-pay/', '').replace(/\{(\w+)\}/g, ':$1')),
  );
  expect(asked.sort()).toEqual(Object.keys(VALID).sort());
});

describe.each(named(POSTS))('%s', (name, valid) => {
  test('the body is one that passes, but for what is added to it', async () => {
    const answer = await stage.asOperator(name, { ...valid, no_such_field: 1 });
    expect(answer.json).toMatchObject({ error: 'PARAM_INVALID' });
    expect(answer.json.msg).toContain('no_such_field');
  });

  // `state` filters a list of records, and is a field of no other route.
  const fields = Object.keys(NOBODYS).filter((one) => name !== 'wxpay_records' || one !== 'state');
  test.each(fields)('%s is for nobody: 400 that names it', async (field) => {
    // A shop is a field of service providers, and refused after the schema: the order must be whole.
    const payer = name === 'wxpay_order' ? withPayer(name, PAYER) : {};
    const body = { ...valid, ...payer, [field]: NOBODYS[field] };
    await refusedUnasked(stage.asOperator(name, body), field);
    if (name.includes('/')) return;
    const headers = { 'x-api-key': OPERATOR_KEY };
    await refusedUnasked(stage.call('/', { ...body, _action: name }, { headers }), field);
  });
});

describe.each(named(FOR_PAYERS))('%s, asked by a payer', (name, valid) => {
  test.each(Object.keys({ ...NOBODYS, ...MERCHANTS }))('%s: 400 that names it', async (field) => {
    const body = { ...valid, [field]: { ...NOBODYS, ...MERCHANTS }[field] };
    await refusedUnasked(stage.asPayer(name, body), field);
  });

  test("another's openid: 400", async () => {
    const field = Object.keys(withPayer(name))[0];
    await refusedUnasked(stage.asPayer(name, { ...valid, ...withPayer(name, OTHER) }), field);
  });
});

describe('inside the parts of a combined order', () => {
  const valid = validBody('wxpay_order_combine');
  const [first, second] = valid.sub_orders as readonly [Body, Body];
  const ask = (over: Body): Body => ({ ...valid, sub_orders: [first, { ...second, ...over }] });

  test.each(['notify_url', 'appid', 'sub_mchid', 'payer', 'transaction_id'])(
    '%s is for nobody',
    async (field) => {
      const body = ask({ [field]: NOBODYS[field] ?? 'x' });
      await refusedUnasked(stage.asOperator('wxpay_order_combine', body), field);
    },
  );

  test.each(['goods_tag', 'detail', 'settle_info'])('%s is not for payers', async (field) => {
    const body = ask({ [field]: field === 'detail' ? 'x' : MERCHANTS[field] });
    await refusedUnasked(stage.asPayer('wxpay_order_combine', body), field);
  });

  test.each([
    ['another merchant', { mchid: '1900000002' }],
    ['the number of the part before', { out_trade_no: first.out_trade_no }],
    ['no money', { amount: { total_amount: 0, currency: 'CNY' } }],
    ['too much money', { amount: { total_amount: 1_000_000_001, currency: 'CNY' } }],
    ['other money', { amount: { total_amount: 50, currency: 'USD' } }],
    ['a 4-byte character', { description: '礼物🎁' }],
    ['a number that is a path', { out_trade_no: '../../v3' }],
  ])('%s', async (_name, over) => {
    await refusedUnasked(stage.asOperator('wxpay_order_combine', ask(over)));
    await refusedUnasked(stage.asPayer('wxpay_order_combine', ask(over)));
  });
});

test('a payer sends nothing inside amount, payer and scene_info that is not asked for', async () => {
  const base = orderBody(NO);
  for (const body of [
    { ...base, amount: { total: 1, payer_total: 0 } },
    { ...base, amount: { total: 1, currency: 'USD' } },
    { ...base, payer: { openid: PAYER, sub_openid: OTHER } },
    { ...base, payer: PAYER },
    { ...base, scene_info: { payer_client_ip: '10.0.0.1', x: 1 } },
    { ...base, scene_info: { payer_client_ip: '10.0.0.1\r\nX: y' } },
  ]) {
    await refusedUnasked(stage.asPayer('wxpay_order', body));
  }
});

describe('amounts', () => {
  const bad: readonly [string, string][] = [
    ['0', '0'],
    ['negative', '-1'],
    ['minus zero', '-0'],
    ['a fraction', '1.5'],
    ['a tiny fraction', '1e-7'],
    ['text', '"1"'],
    ['text that is no number', '"NaN"'],
    ['yuan as text', '"1.00"'],
    ['1e21', '1e21'],
    ['one fen above the bound', '1000000001'],
    ['2^53', '9007199254740993'],
    ['infinite', '1e999'],
    ['null', 'null'],
    ['true', 'true'],
    ['a list', '[1]'],
    ['an object', '{"valueOf":1}'],
  ];
  const places: readonly [string, string, (n: string) => string][] = [
    [
      'order',
      'wxpay_order',
      (n) =>
        `{"out_trade_no":"${NO}","description":"x","payer":{"openid":"${PAYER}"},"amount":{"total":${n}}}`,
    ],
    [
      'prepared order',
      'wxpay_prepare_order',
      (n) => `{"out_trade_no":"${NO}","description":"x","amount":{"total":${n}}}`,
    ],
    [
      'refund',
      'wxpay_refund',
      (n) => `{"out_trade_no":"${NO}","out_refund_no":"R1","amount":{"refund":${n},"total":100}}`,
    ],
    [
      'refund of',
      'wxpay_refund',
      (n) => `{"out_trade_no":"${NO}","out_refund_no":"R1","amount":{"refund":1,"total":${n}}}`,
    ],
    [
      'transfer',
      'wxpay_transfer',
      (n) =>
        JSON.stringify(transferBody('B1')).replace(
          '"transfer_amount":100',
          `"transfer_amount":${n}`,
        ),
    ],
  ];

  describe.each(places)('%s', (_place, name, make) => {
    test.each(bad)('%s', async (_name, n) => {
      const headers = { 'x-api-key': OPERATOR_KEY };
      await refusedUnasked(stage.call(`/wx-pay/${name}`, undefined, { raw: make(n), headers }));
      expect(await stage.transfer('B1')).toBeUndefined();
    });
  });
});

describe('text', () => {
  const bad: readonly [string, string][] = [
    ['a 4-byte character', '礼物🎁'],
    ['a rare Han character of 4 bytes', '𠮷野家'],
    ['NUL', 'a\u0000b'],
    ['a line break', 'a\nb'],
    ['an escape', 'a\u001b[2Jb'],
    ['DEL', 'a\u007fb'],
    ['a C1 control', 'a\u0085b'],
    ['half a surrogate pair', 'a\ud83d'],
    ['a noncharacter', 'a\uffff'],
    ['nothing', ''],
    ['too much', 'x'.repeat(1000)],
  ];
  const places: readonly [string, (text: string) => Body][] = [
    ['wxpay_order', (text) => ({ ...orderBody(NO), payer: { openid: PAYER }, description: text })],
    ['wxpay_order', (text) => ({ ...orderBody(NO), payer: { openid: PAYER }, attach: text })],
    ['wxpay_order', (text) => ({ ...orderBody(NO), payer: { openid: PAYER }, goods_tag: text })],
    ['wxpay_refund', (text) => ({ ...refundBody(NO, 'R1'), reason: text })],
    ['wxpay_transfer', (text) => ({ ...transferBody('B1'), transfer_remark: text })],
    ['wxpay_transfer', (text) => ({ ...transferBody('B1'), user_name: text })],
  ];
  // An empty attach is none at all.
  const isNone = (make: (text: string) => Body, text: string): boolean => make(text).attach === '';
  describe.each(bad)('%s', (_name, text) => {
    test.each(places.filter(([, make]) => !isNone(make, text)))('in %s', async (name, make) => {
      await refusedUnasked(stage.asOperator(name, make(text)));
    });
  });
});

describe('numbers and ids', () => {
  const bad = [
    '../../v3/certificates',
    '..%2f..%2fv3',
    'T20260102?mchid=1',
    'T20260102#a',
    'T20260102&x',
    'T20260102/close',
    'T20260102\\..',
    'T20260102 1',
    'T20260102\n',
    'T20260102\u0000',
    'Ｔ２０２６０１０２',
    "T1' OR '1'='1",
    '{"$gt":""}',
    'x'.repeat(65),
    '',
  ];
  const fields: readonly [string, string][] = [
    ['wxpay_query_order_by_out_trade_no', 'out_trade_no'],
    ['wxpay_query_order_by_transaction_id', 'transaction_id'],
    ['wxpay_close_order', 'out_trade_no'],
    ['wxpay_order', 'out_trade_no'],
    ['wxpay_refund', 'out_refund_no'],
    ['wxpay_refund', 'transaction_id'],
    ['wxpay_refund_query', 'out_refund_no'],
    ['wxpay_transfer', 'out_bill_no'],
    ['wxpay_transfer', 'transfer_scene_id'],
    ['wxpay_transfer', 'openid'],
    ['wxpay_transfer_cancel', 'out_bill_no'],
    ['wxpay_transfer_bill_query', 'out_bill_no'],
    ['wxpay_transfer_bill_query_by_no', 'transfer_bill_no'],
    ['wxpay_bill', 'bill_date'],
    ['wxpay_reconcile', 'bill_date'],
    ['wxpay_reverse', 'out_trade_no'],
    ['wxpay_order_codepay', 'out_trade_no'],
    ['wxpay_order_combine', 'combine_out_trade_no'],
    ['wxpay_combine_query', 'combine_out_trade_no'],
    ['wxpay_combine_close', 'combine_out_trade_no'],
    ['wxpay_refund_abnormal', 'out_refund_no'],
    ['wxpay_transfer_batch_query', 'out_bill_no'],
    ['wxpay_prepare_order', 'out_trade_no'],
  ];

  describe.each(fields)('%s %s', (name, field) => {
    test.each(bad)('%j: 400', async (value) => {
      await refusedUnasked(stage.asOperator(name, { ...VALID[name], [field]: value }), field);
    });

    test.each([[7], [null], [['T20260102000001']], [{ $ne: null }], [true]])(
      '%j: 400',
      async (value) => {
        await refusedUnasked(stage.asOperator(name, { ...VALID[name], [field]: value }), field);
      },
    );
  });

  test('the odd characters WeChat allows are encoded where they enter a path', async () => {
    const before = stage.simulator.requests.length;
    await stage.asOperator('wxpay_query_order_by_out_trade_no', { out_trade_no: 'T|*-_12' });
    const asked = stage.simulator.requests.slice(before).map((r) => r.path.split('?')[0]);
    expect(asked).toEqual(['/v3/pay/transactions/out-trade-no/T%7C*-_12']);
  });

  test.each([
    '/wx-pay/records/order/..%2F..%2Fetc',
    '/wx-pay/records/order/%00',
    '/wx-pay/records/order/a%20b',
    '/wx-pay/records/__proto__/x',
    '/wx-pay/records/order/%ff',
    '/wx-pay/records?kind[$ne]=order',
    '/wx-pay/records?__proto__=x',
    '/wx-pay/records?kind=order&kind=order',
    '/wx-pay/records?limit=1e9',
    '/wx-pay/records?state=PAID%27--',
    '/wx-pay/records?unknown=1',
  ])('%s: 400', async (path) => {
    const answer = await stage.call(path, undefined, { headers: { 'x-api-key': OPERATOR_KEY } });
    expect(answer.status).toBe(400);
  });
});

describe('JSON that could be read in two ways, or not at all', () => {
  const good = `"out_trade_no":"${NO}","description":"x"`;
  const bad: readonly [string, string | Buffer][] = [
    ['a key twice, the cheap one first', `{${good},"amount":{"total":1},"amount":{"total":100}}`],
    [
      'a key twice, written with an escape',
      `{${good},"amount":{"total":1},"\\u0061mount":{"total":100}}`,
    ],
    ['a key twice, deeper', `{${good},"amount":{"total":1,"total":100}}`],
    ['a byte order mark', `\ufeff{${good},"amount":{"total":1}}`],
    [
      'bytes that are not UTF-8',
      Buffer.concat([
        Buffer.from(`{${good.replace('"x"', '"x')}`),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('","amount":{"total":1}}'),
      ]),
    ],
    [
      'an overlong encoding',
      Buffer.concat([
        Buffer.from(`{${good.replace('"x"', '"x')}`),
        Buffer.from([0xc0, 0xaf]),
        Buffer.from('","amount":{"total":1}}'),
      ]),
    ],
    ['UTF-16', Buffer.from(`{${good},"amount":{"total":1}}`, 'utf16le')],
    ['__proto__', `{${good},"amount":{"total":1},"__proto__":{"operator":true}}`],
    ['__proto__ in amount', `{${good},"amount":{"__proto__":{"total":1}}}`],
    ['__proto__ by an escape', `{${good},"amount":{"total":1},"__\\u0070roto__":{}}`],
    ['deep nesting', `{${good},"amount":${'['.repeat(5000)}${']'.repeat(5000)}}`],
    ['a list', `[{${good},"amount":{"total":1}}]`],
    ['a number', '1'],
    ['null', 'null'],
    ['text', '"x"'],
    ['two values', `{${good}}{${good}}`],
    ['a comment', `{/* */${good},"amount":{"total":1}}`],
    ['NaN', `{${good},"amount":{"total":NaN}}`],
    ['hex', `{${good},"amount":{"total":0x1}}`],
    ['single quotes', `{'out_trade_no':'${NO}'}`],
    ['a trailing comma', `{${good},"amount":{"total":1},}`],
    ['half', `{${good},"amount":{"tot`],
  ];

  test.each(bad)('%s', async (_name, raw) => {
    const headers = { 'x-wx-openid': PAYER };
    await refusedUnasked(stage.call('/wx-pay/wxpay_order', undefined, { raw, headers }));
    expect(({} as Body).operator).toBeUndefined();
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/jsonx',
    'text/json',
    '',
  ])('content type %j: 415', async (type) => {
    const answer = await stage.call('/wx-pay/wxpay_order', orderBody(NO), {
      headers: { 'x-wx-openid': PAYER, 'content-type': type },
    });
    expect(answer.status).toBe(415);
  });

  test('a compressed body is not opened', async () => {
    const headers = { 'x-wx-openid': PAYER, 'content-encoding': 'gzip' };
    const answer = await stage.call('/wx-pay/wxpay_order', orderBody(NO), { headers });
    expect(answer.status).toBe(415);
  });

  test('one byte above 64 kB: 413; on `/` as well', async () => {
    const big = { ...orderBody(NO), description: 'x'.repeat(64 * 1024) };
    expect((await stage.asPayer('wxpay_order', big)).status).toBe(413);
    const old = await stage.call('/', { ...big, _action: 'wxpay_order' });
    expect(old.status).toBe(413);
  });
});
