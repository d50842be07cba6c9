/**
 * The HTTP surface apart from payments: envelopes, limits, schemas, settings that are missing or damaged,
 * status pages, CORS. What is said, to whom, in which of the two voices.
 */
import { createSimulator, type Simulator } from '../../simulator';
import { createKeyPair } from '../helpers/keyPairs';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  PAYER,
  READ_KEY,
  serviceEnv,
  startBare,
  startService,
  startSim,
  SWEEP_KEY,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';

const ORDER = '/wx-pay/wxpay_order';
const JSON_TYPE = { 'content-type': 'application/json' };

function expectFailure(answer: Answer, status: number, error: string): void {
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: {
      code: -1,
      msg: expect.stringMatching(/\p{Script=Han}.*[a-z]/su),
      error,
      requestId: answer.headers['x-request-id'],
      data: null,
    },
  });
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
}

function expectNotified(answer: Answer, status: number): void {
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: { code: 'FAIL', message: expect.any(String) },
  });
}

describe('requests that are none', () => {
  let run: Running;

  beforeEach(async () => {
    run = await startService({ sim: await startSim() });
  });

  test.each([
    ['GET', '/nothing'],
    ['POST', '/wx-pay/nothing'],
    ['POST', '/wx-pay/wxpay_order/'],
    ['GET', '/wx-pay/wxpay_order'],
    ['PUT', '/wx-pay/wxpay_order'],
    ['DELETE', '/wx-pay/records'],
    ['POST', '/wx-pay/records'],
    ['GET', '/wechatpay/order'],
    ['POST', '/wx-pay/__proto__'],
    ['POST', '/wx-pay/constructor'],
    ['POST', '/WX-PAY/WXPAY_ORDER'],
    ['GET', '/'],
  ])('%s %s is an unknown route', async (method, path) => {
    const answer = await run.send(method, path, method === 'GET' ? undefined : '{}', {
      ...JSON_TYPE,
      ...payer(),
    });
    expectFailure(answer, 404, 'ROUTE_NOT_FOUND');
  });

  test.each([
    ['broken JSON', '{"out_trade_no":'],
    ['an array', '[]'],
    ['a string', '"x"'],
    ['null', 'null'],
    ['nested without end', `${'{"a":'.repeat(100)}1${'}'.repeat(100)}`],
    ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
  ])('%s → 400', async (_name, body) => {
    expectFailure(
      await run.send('POST', ORDER, body, { ...JSON_TYPE, ...payer() }),
      400,
      'BODY_INVALID',
    );
  });

  test.each([undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonp'])(
    'content type %s → 415',
    async (type) => {
      const headers = { ...payer(), ...(type === undefined ? {} : { 'content-type': type }) };
      const answer = await run.send('POST', ORDER, JSON.stringify(orderBody(number('C'))), headers);
      expectFailure(answer, 415, 'CONTENT_TYPE_UNSUPPORTED');
    },
  );

  test('a compressed body is not unpacked → 415', async () => {
    const headers = { ...JSON_TYPE, ...payer(), 'content-encoding': 'gzip' };
    expectFailure(await run.send('POST', ORDER, '{}', headers), 415, 'CONTENT_TYPE_UNSUPPORTED');
  });

  test('64 kB is the limit of the API, 256 kB that of callbacks and forwards', async () => {
    const body = (bytes: number): string => `{"attach":"${'x'.repeat(bytes - 13)}"}`;
    const headers = { ...JSON_TYPE, ...payer() };
    const fits = await run.send('POST', ORDER, body(64 * 1024), headers);
    expectFailure(fits, 400, 'PARAM_INVALID');
    expectFailure(
      await run.send('POST', ORDER, body(64 * 1024 + 1), headers),
      413,
      'BODY_TOO_LARGE',
    );
    expectNotified(await run.send('POST', '/wechatpay/order', body(256 * 1024)), 401);
    expectNotified(await run.send('POST', '/wechatpay/order', body(256 * 1024 + 1)), 413);
    const forward = `{"rawData":"${'x'.repeat(100 * 1024)}"}`;
    expectNotified(await run.send('POST', '/', forward, { 'content-type': 'text/plain' }), 401);
    const dispatched = `{"_action":"wxpay_order","attach":"${'x'.repeat(64 * 1024)}"}`;
    expectFailure(await run.send('POST', '/', dispatched, headers), 413, 'BODY_TOO_LARGE');
  });

  test('every answer carries a request id of its own and forbids sniffing and caching', async () => {
    const [a, b] = [await run.get('/healthz'), await run.get('/nothing')];
    for (const { headers } of [a, b]) {
      expect(headers['x-request-id']).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/);
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['x-powered-by']).toBeUndefined();
    }
    expect(a.headers['x-request-id']).not.toBe(b.headers['x-request-id']);
  });
});

describe('schemas', () => {
  let sim: Simulator;
  let run: Running;

  beforeEach(async () => {
    sim = await startSim();
    run = await startService({ sim });
  });

  const FORBIDDEN: readonly (readonly [string, unknown])[] = [
    ['notify_url', 'https://evil.example.com/'],
    ['mchid', '1900000009'],
    ['appid', 'wxfedcba9876543210'],
    ['anything', 1],
    ['__proto__x', {}],
  ];
  const MERCHANTS: readonly (readonly [string, unknown])[] = [
    ['goods_tag', 'WXG'],
    ['detail', { cost_price: 1 }],
    ['settle_info', { profit_sharing: true }],
    ['time_expire', '2099-01-01T00:00:00+08:00'],
    ['limit_pay', ['no_credit']],
    ['support_fapiao', true],
  ];

  test.each([...FORBIDDEN, ...MERCHANTS])('a payer may not send %s', async (field, value) => {
    const answer = await run.call(ORDER, { ...orderBody(number('S')), [field]: value }, payer());
    expectFailure(answer, 400, 'PARAM_INVALID');
    expect(answer.body.msg).toContain(field);
    expect(sim.requests).toEqual([]);
  });

  test.each(FORBIDDEN)('nobody may send %s', async (field, value) => {
    for (const path of [ORDER, '/wx-pay/wxpay_refund', '/wx-pay/wxpay_transfer']) {
      const answer = await run.call(path, { [field]: value }, operator());
      expectFailure(answer, 400, 'PARAM_INVALID');
    }
    const answer = await run.call(ORDER, { ...orderBody(number('S')), [field]: value }, operator());
    expect(answer.body.msg).toContain(field);
  });

  test('an operator may send what costs the merchant', async () => {
    const no = number('S');
    const detail = { cost_price: 100, goods_detail: [] };
    const body = {
      ...orderBody(no),
      payer: { openid: PAYER },
      goods_tag: 'WXG',
      settle_info: { profit_sharing: false },
    };
    expect((await run.call(ORDER, body, operator())).status).toBe(200);
    expect(JSON.parse(sim.requests[0]?.body ?? '')).toMatchObject({ goods_tag: 'WXG' });
    expectFailure(await run.call(ORDER, { ...body, detail }, operator()), 400, 'PARAM_INVALID');
  });

  test('a payer may name only himself', async () => {
    const own = { ...orderBody(number('S')), payer: { openid: PAYER } };
    expect((await run.call(ORDER, own, payer())).status).toBe(200);
    const other = { ...orderBody(number('S')), payer: { openid: 'oSomebody_Else_0000000001' } };
    expectFailure(await run.call(ORDER, other, payer()), 400, 'PARAM_INVALID');
  });

  test.each([
    ['amount.total', { amount: { total: 0 } }],
    ['amount.total', { amount: { total: 1_000_000_001 } }],
    ['amount.total', { amount: { total: 1.5 } }],
    ['amount.total', { amount: { total: '100' } }],
    ['amount.currency', { amount: { total: 1, currency: 'USD' } }],
    ['amount.fee', { amount: { total: 1, fee: 1 } }],
    ['out_trade_no', { out_trade_no: 'short' }],
    ['out_trade_no', { out_trade_no: 'x'.repeat(33) }],
    ['out_trade_no', { out_trade_no: '../../etc' }],
    ['out_trade_no', { out_trade_no: undefined }],
    ['description', { description: '' }],
    ['description', { description: '字'.repeat(128) }],
    ['description', { description: undefined }],
    ['amount', { amount: undefined }],
    ['description', { description: 'a😀' }],
  ])('%s: %j → 400 and named', async (field, change) => {
    const answer = await run.call(ORDER, { ...orderBody(number('S')), ...change }, payer());
    expectFailure(answer, 400, 'PARAM_INVALID');
    expect(answer.body.msg).toContain(field);
  });

  test.each([1, 1_000_000_000])('%d fen is an amount', async (total) => {
    expect((await run.call(ORDER, orderBody(number('S'), total), payer())).status).toBe(200);
  });

  test('useServiceAccount picks the other appid', async () => {
    const body = { ...orderBody(number('S')), useServiceAccount: true };
    const placed = await run.call(ORDER, body, payer());
    expect(dataOf(placed).appId).toBe(sim.credentials.service_app_id);
  });

  test('the query string of the records is as strict as a body', async () => {
    for (const query of [
      'limit=0',
      'limit=101',
      'limit=x',
      'kind=user',
      'nothing=1',
      'limit=1&limit=2',
    ]) {
      const answer = await run.get(`/wx-pay/records?${query}`, operator());
      expectFailure(answer, 400, 'PARAM_INVALID');
    }
    const wrong = await run.get('/wx-pay/records/user/ABC', operator());
    expectFailure(wrong, 400, 'PARAM_INVALID');
  });
});

describe('settings', () => {
  /** Keys only: nothing here ever speaks to WeChat. */
  async function environment(): Promise<Record<string, string | undefined>> {
    const sim = await createSimulator();
    await sim.close();
    return serviceEnv(sim);
  }

  const REQUIRED = [
    'appId',
    'merchantId',
    'apiV3Key',
    'merchantSerialNumber',
    'privateKey',
    'notifyURLPayURL',
    'notifyURLRefundsURL',
  ];

  test.each(REQUIRED)('%s missing: named, to anyone, and the process lives', async (name) => {
    const run = await startBare({ ...(await environment()), [name]: undefined });
    const nobody = await run.call(ORDER, orderBody(number('M')));
    expectFailure(nobody, 503, 'MISSING_CREDENTIALS');
    expect(nobody.body.msg).toContain(name);
    for (const other of REQUIRED.filter((key) => key !== name)) {
      // The names of the public key pair contain none of these; notifyURL… stand apart.
      expect(nobody.body.msg).not.toMatch(new RegExp(`\\b${other}\\b`));
    }
    const healthy = await run.get('/healthz');
    expect(healthy).toMatchObject({ status: 200, body: { error: 'MISSING_CREDENTIALS' } });
    expect((healthy.body.settings as Json)[name]).toBe(false);
    expect((await run.get('/readyz')).status).toBe(503);
  });

  test('nothing set at all: every name in one answer, before anything else is asked', async () => {
    const run = await startBare({});
    for (const answer of [
      await run.send('POST', ORDER),
      await run.send('POST', ORDER, 'not even JSON', { 'content-type': 'text/plain' }),
      await run.call('/', { _action: 'wxpay_order' }),
      await run.get('/wx-pay/records'),
      await run.get('/metrics'),
    ]) {
      expectFailure(answer, 503, 'MISSING_CREDENTIALS');
      for (const name of REQUIRED) expect(answer.body.msg).toContain(name);
    }
    expectNotified(await run.send('POST', '/wechatpay/order', '{}'), 503);
    expectNotified(await run.call('/', { rawData: {} }), 503);
    expectFailure(await run.call('/wx-pay/nothing'), 404, 'ROUTE_NOT_FOUND');
    expect((await run.get('/healthz')).status).toBe(200);
    expect((await run.get('/openapi.json')).status).toBe(200);
  });

  const { publicKey } = createKeyPair();

  test.each([
    ['appId', 'wx'],
    ['merchantId', 'abc'],
    ['apiV3Key', 'too short'],
    ['merchantSerialNumber', 'XYZ'],
    ['privateKey', 'garbage'],
    ['privateKey', publicKey],
    ['wxPayPublicKey', 'garbage'],
    ['notifyURLPayURL', 'http://pay.example.com/x'],
    ['notifyURLRefundsURL', 'https://pay.example.com/x?y=1'],
    ['databaseUrl', 'redis://x'],
    ['operatorKeys', 'short'],
    ['trustWxHeaders', 'yes'],
    ['orderExpireMinutes', '0'],
    ['signMode', 'other'],
    ['wxPayBaseUrl', 'http://evil.example.com'],
  ])('%s damaged: named, its value nowhere, and the process lives', async (name, value) => {
    const run = await startBare({ ...(await environment()), [name]: value });
    const answer = await run.call(ORDER, orderBody(number('M')), payer());
    expectFailure(answer, 503, 'CONFIG_INVALID');
    expect(answer.body.msg).toContain(name);
    const health = await run.get('/healthz');
    expect(health).toMatchObject({ status: 200, body: { error: 'CONFIG_INVALID' } });
    for (const secret of ['garbage', 'too short', 'BEGIN']) {
      expect(answer.text + health.text).not.toContain(secret);
    }
  });
});

describe('status pages', () => {
  test('healthz shows presence, never values; readyz the store and the keys', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    const health = await run.get('/healthz');
    expect(health.body).toMatchObject({
      build: expect.any(String),
      durable: false,
      settings: { appId: true, privateKey: true, webhookUrl: false },
      last_sweep: null,
    });
    for (const value of [sim.credentials.apiV3Key, sim.credentials.merchantId, READ_KEY]) {
      expect(health.text).not.toContain(value);
    }
    expect(await run.get('/readyz')).toMatchObject({ status: 200, body: { ready: true } });
    await run.call('/wx-pay/wxpay_sweep', {}, operator(SWEEP_KEY));
    expect((await run.get('/healthz')).body.last_sweep).toMatch(/\+08:00$/);
  });

  test('metrics are for operators, and name no one', async () => {
    const run = await startService({ sim: await startSim() });
    await run.call(ORDER, orderBody(number('M')), payer());
    expect((await run.get('/metrics')).status).toBe(401);
    expect((await run.get('/metrics', payer())).status).toBe(403);
    expect((await run.get('/metrics', operator(SWEEP_KEY))).status).toBe(403);
    const metrics = await run.get('/metrics', operator(READ_KEY));
    expect(metrics.headers['content-type']).toMatch(/^text\/plain/);
    expect(metrics.text).toMatch(/requests_total\{route="\/wx-pay\/wxpay_order",status="200"\} 1/);
    expect(metrics.text).toContain('wechat_requests_total{operation="order",outcome="proven"} 1');
    expect(metrics.text).not.toContain(PAYER);
  });

  test('the document of the surface is served and rendered', async () => {
    const run = await startService({ sim: await startSim() });
    const document = await run.get('/openapi.json');
    expect(document.body.openapi).toMatch(/^3\./);
    expect(Object.keys(document.body.paths as Json)).toEqual(
      expect.arrayContaining([ORDER, '/wechatpay/order', '/healthz', '/']),
    );
    const docs = await run.get('/docs');
    expect(docs.headers['content-type']).toMatch(/^text\/html/);
    expect(docs.text).toContain('wxpay_order');
  });
});

describe('where it is mounted', () => {
  test('with basePath both prefixes lead in', async () => {
    const sim = await startSim();
    const run = await startService({ sim, env: { basePath: '/pay' } });
    const no = number('B');
    for (const path of ['/pay/wx-pay/wxpay_order', ORDER]) {
      expect((await run.call(path, orderBody(no), payer())).status).toBe(200);
    }
    sim.pay(no);
    const [sent] = await sim.deliver('payment', no, { url: `${run.url}/pay/wechatpay/order` });
    expect(sent?.statusAnswered).toBe(200);
    const byAction = { _action: 'wxpay_query_order_by_out_trade_no', out_trade_no: no };
    expect((await run.call('/pay/', byAction, operator())).status).toBe(200);
    expect((await run.call('/pay', byAction, operator())).status).toBe(200);
    expect((await run.get('/pay/healthz')).status).toBe(200);
    const document = await run.get('/pay/openapi.json');
    expect(document.body.servers).toEqual([{ url: '/pay' }]);
    expect((await run.get('/pay/docs')).text).toContain('href="openapi.json"');
    expectFailure(await run.get('/paywx-pay/records', operator()), 404, 'ROUTE_NOT_FOUND');
  });

  test('CORS is exactly what corsAllowOrigin says', async () => {
    const sim = await startSim();
    const shop = { origin: 'https://shop.example.com' };
    const none = await startService({ sim });
    expect((await none.get('/healthz', shop)).headers).not.toHaveProperty(
      'access-control-allow-origin',
    );
    const listed = await startService({ sim, env: { corsAllowOrigin: shop.origin } });
    const asked = await listed.send('OPTIONS', ORDER, undefined, shop);
    expect(asked.status).toBe(204);
    expect(asked.headers['access-control-allow-origin']).toBe(shop.origin);
    expect(asked.headers['access-control-allow-headers']).toContain('x-api-key');
    expect(asked.headers.vary).toBe('Origin');
    const evil = await listed.get('/healthz', { origin: 'https://evil.example.com' });
    expect(evil.headers).not.toHaveProperty('access-control-allow-origin');
    expect(evil.headers.vary).toBe('Origin');
    const any = await startService({ sim, env: { corsAllowOrigin: '*' } });
    expect((await any.get('/healthz', shop)).headers['access-control-allow-origin']).toBe('*');
  });
});

describe('what WeChat refuses', () => {
  test('is never code 0, and carries what WeChat said', async () => {
    const sim = await startSim();
    const run = await startService({ sim });
    sim.registerOpenid(PAYER, 'wxaaaaaaaaaaaaaaaa');
    const answer = await run.call(ORDER, orderBody(number('W')), payer());
    expect(answer).toMatchObject({
      status: 400,
      body: {
        code: -1,
        error: 'WECHATPAY_REJECTED',
        data: {
          status: 400,
          code: 'PARAM_ERROR',
          message: expect.any(String),
          requestId: expect.any(String),
          retryable: false,
        },
      },
    });
    expect(Object.keys(answer.body.data as Json)).toHaveLength(5);
  });

  test.each([
    [500, 502],
    [429, 429],
    [401, 502],
    [403, 403],
    [404, 404],
  ])('WeChat’s %d becomes %d', async (theirs, ours) => {
    const sim = await startSim();
    const run = await startService({ sim });
    sim.faults.add({ route: 'POST /v3/pay/*', kind: 'status', status: theirs, times: 9 });
    const answer = await run.call(ORDER, orderBody(number('W')), payer());
    expect(answer).toMatchObject({ status: ours, body: { code: -1 } });
  });

  test.each(['bad_signature', 'no_signature', 'unknown_serial', 'truncate', 'html'] as const)(
    'an answer with %s is not believed → 502',
    async (kind) => {
      const sim = await startSim();
      const run = await startService({ sim });
      sim.faults.add({ route: 'POST /v3/pay/*', kind, times: 9 });
      const no = number('W');
      const answer = await run.call(ORDER, orderBody(no), payer());
      expect(answer).toMatchObject({ status: 502, body: { code: -1 } });
      expect((await run.order(no)).state).toBe('CREATED');
      sim.faults.clear();
      expect((await run.call(ORDER, orderBody(no), payer())).status).toBe(200);
      expect(sim.orders()).toHaveLength(1);
    },
  );
});
