/** Three merchants in one service: each runs the whole loop, and whatever is wrong with one stops that one alone. */
import { chmodSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Overrides } from '../../bin/assemble';
import type { Simulator } from '../../simulator';
import { beijingDay } from '../../utils/time';
import { cut } from '../helpers/core';
import { entryOf, merchantsFile, startShops, type Shop } from '../helpers/merchants';
import { until } from '../helpers/waiting';
import {
  afterTest,
  dataOf,
  handClock,
  number,
  operator,
  orderBody,
  payer,
  refundBody,
  serviceEnv,
  skewedClock,
  startBare,
  SWEEP_KEY,
  temporaryDatabase,
  transferBody,
  useDoor,
  type Json,
  type Running,
} from '../helpers/service';

type Shops = [Shop, Shop, Shop];
type Env = Record<string, string | undefined>;

interface Receiver {
  readonly url: string;
  readonly events: { readonly type: string; readonly subject: string }[];
}

/** One for all, who tells by the path. */
async function startReceiver(): Promise<Receiver> {
  const events: Receiver['events'] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      events.push(JSON.parse(Buffer.concat(chunks).toString()) as Receiver['events'][number]);
      res.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterTest(() => cut(server));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${String(port)}/effects`, events };
}

const sinkOf = (receiver: Receiver): Json => ({
  webhookUrl: receiver.url,
  webhookSecret: 'a-webhook-secret-of-32-characters',
});

interface Start {
  readonly entries?: readonly unknown[];
  readonly env?: Env;
  readonly overrides?: Overrides;
}

async function start(
  shops: Shops,
  { entries, env = {}, overrides = {} }: Start = {},
): Promise<Running> {
  const [own, b, c] = shops;
  const file = merchantsFile(entries ?? [entryOf(b), entryOf(c)]);
  const settings = serviceEnv(own.sim, { merchantsFile: file, ...env });
  const run = await startBare(settings, overrides);
  for (const { sim } of shops) sim.callbackTarget = run.url;
  return run;
}

const ask = (run: Running, shop: Shop, name: string, body: Json = {}) =>
  run.call(`${shop.prefix}/wx-pay/${name}`, body, operator(shop.operatorKey));

async function told(sim: Simulator, kind: 'payment' | 'refund' | 'transfer', no: string) {
  const [sent] = await sim.deliver(kind, no);
  expect(sent).toMatchObject({ statusAnswered: 200 });
}

describe.each(['shortcut', 'express'] as const)('by the door %s', (door) => {
  beforeEach(() => {
    useDoor(door);
  });

  test('each merchant runs the whole loop with the same numbers, to its own receiver', async () => {
    const shops = await startShops({ switches: { wireClock: 'real', billReady: 'always' } });
    const receivers = [await startReceiver(), await startReceiver(), await startReceiver()];
    const [own, b, c] = shops;
    const sinks = receivers.map(sinkOf);
    const run = await start(shops, {
      entries: [entryOf(b, sinks[1]), entryOf(c, sinks[2])],
      env: { ...(sinks[0] as Env), databaseUrl: temporaryDatabase() },
    });
    const [no, refund, bill] = [number('M'), number('R'), number('B').slice(0, 32)];
    const transactions = new Set<unknown>();
    for (const shop of [own, b, c]) {
      const placed = await run.call(`${shop.prefix}/wx-pay/wxpay_order`, orderBody(no), payer());
      expect(dataOf(placed)).toMatchObject({ appId: shop.sim.credentials.appId });
      transactions.add(shop.sim.pay(no).transaction_id);
      await told(shop.sim, 'payment', no);
      const query = await ask(run, shop, 'wxpay_query_order_by_out_trade_no', { out_trade_no: no });
      expect(dataOf(query)).toMatchObject({ mchid: shop.mchid, trade_state: 'SUCCESS' });
      const back = await ask(run, shop, 'wxpay_refund', refundBody(no, refund, 40));
      expect(dataOf(back)).toMatchObject({ out_refund_no: refund });
      await told(shop.sim, 'refund', refund);
      const out = await ask(run, shop, 'wxpay_transfer', transferBody(bill));
      expect(dataOf(out)).toMatchObject({ mchId: shop.mchid, state: 'WAIT_USER_CONFIRM' });
      shop.sim.confirmTransfer(bill);
      await told(shop.sim, 'transfer', bill);
    }
    expect(transactions.size).toBe(3);
    // One sweep, by the environment's key, delivers for all.
    const swept = await run.call('/wx-pay/wxpay_sweep', {}, operator(SWEEP_KEY));
    expect(dataOf(swept)).toMatchObject({ left: 0 });
    const types = ['order.created', 'order.paid', 'refund.requested', 'refund.succeeded'];
    for (const { events } of receivers) {
      const of = (subject: string) =>
        events.filter((e) => e.subject === subject).map((e) => e.type);
      expect(of(no)).toEqual(types);
      expect(of(bill)).toEqual(['transfer.accepted', 'transfer.succeeded']);
    }
    for (const shop of shops) {
      expect(await run.records.find(shop.mchid, 'order', no)).toMatchObject({
        state: 'PARTIALLY_REFUNDED',
        payment: { source: 'callback' },
      });
      const bill_date = beijingDay(shop.sim.clock.now());
      const books = await ask(run, shop, 'wxpay_reconcile', { bill_date });
      expect(dataOf(books)).toMatchObject({ bill_date, compared: 2, differences: [] });
    }
    expect(shops[0].sim.requests.filter(({ signature }) => signature !== 'valid')).toEqual([]);
    expect(run.alarms()).toEqual([]);
  });

  test('in gateway mode what Integration Center forwards to /m/<key>/ is of that merchant', async () => {
    const shops = await startShops();
    const [, b, c] = shops;
    const run = await start(shops, { entries: [entryOf(b, { signMode: 'gateway' }), entryOf(c)] });
    for (const ciphertext of [true, false]) {
      const no = number('G');
      await run.call(`${b.prefix}/wx-pay/wxpay_order`, orderBody(no), payer());
      b.sim.pay(no);
      const forward = { mode: 'gateway', ciphertext } as const;
      const [astray] = await b.sim.deliver('payment', no, { ...forward, url: `${run.url}/` });
      expect(astray?.statusAnswered).toBeGreaterThanOrEqual(400);
      const url = `${run.url}${b.prefix}/`;
      const [sent] = await b.sim.deliver('payment', no, { ...forward, url });
      expect(sent?.statusAnswered).toBe(200);
      expect((await run.records.find(b.mchid, 'order', no))?.state).toBe('PAID');
    }
  });

  test('the old dispatch reaches a merchant by its path, judged by its keys', async () => {
    const shops = await startShops();
    const run = await start(shops);
    const [own, b] = shops;
    const body = { ...orderBody(number('D')), path: '/m/shop-b/wx-pay/wxpay_order_native' };
    expect((await run.call('/', body, operator(own.operatorKey))).status).toBe(401);
    const placed = await run.call('/', body, operator(b.operatorKey));
    expect(dataOf(placed)).toMatchObject({ code_url: expect.any(String) });
    const nobody = { ...body, path: '/m/shop-x/wx-pay/wxpay_order_native' };
    expect((await run.call('/', nobody, operator(b.operatorKey))).status).toBe(404);
    const { text } = await run.get('/metrics', operator(own.operatorKey));
    for (const [status, name] of [
      ['200', ',merchant="shop-b"'],
      ['401', ',merchant="shop-b"'],
      ['404', ''],
    ] as const) {
      expect(text).toContain(`http_requests_total{route="/",status="${status}"${name}} 1\n`);
    }
    const refused = run.logs.filter(({ event }) => event === 'refused');
    expect(refused.map(({ merchant }) => merchant)).toEqual(['shop-b', undefined]);
    expect((await run.call('/m/shop-x/wx-pay/wxpay_order', body, operator())).status).toBe(404);
  });

  test('basePath stands before /m/<key>, also in the URLs that are made for WeChat', async () => {
    const shops = await startShops();
    const at = 'https://pay.example.com/pay/wechatpay';
    const run = await start(shops, {
      env: {
        basePath: '/pay',
        notifyURLPayURL: `${at}/order`,
        notifyURLRefundsURL: `${at}/refund`,
        transferNotifyUrl: `${at}/transfer`,
      },
    });
    const [, b] = shops;
    for (const prefix of ['/pay/m/shop-b', '/m/shop-b']) {
      const no = number('P');
      const placed = await run.call(`${prefix}/wx-pay/wxpay_order`, orderBody(no), payer());
      expect(placed.status).toBe(200);
      const sent = shops[0].sim.requests.at(-1);
      expect(JSON.parse(sent?.body ?? '')).toMatchObject({
        notify_url: 'https://pay.example.com/pay/m/shop-b/wechatpay/order',
      });
      b.sim.pay(no);
      await told(b.sim, 'payment', no);
      expect((await run.records.find(b.mchid, 'order', no))?.state).toBe('PAID');
    }
  });
});

describe('what is wrong with one', () => {
  beforeEach(() => {
    useDoor('shortcut');
  });
  const ORDER = 'wx-pay/wxpay_order';
  const place = (run: Running, prefix: string) =>
    run.call(`${prefix}/${ORDER}`, orderBody(number('F')), payer());

  test('an entry with a fault answers 503 naming it; the others serve', async () => {
    const shops = await startShops();
    const [own, b, c] = shops;
    const twin = entryOf(c, { key: 'shop-d' });
    const run = await start(shops, {
      entries: [
        entryOf(b, { apiV3Key: 'short' }),
        entryOf(c),
        twin,
        entryOf(c, { merchantId: own.mchid, key: 'shop-e' }),
        entryOf(c, { key: 'shop-c', merchantId: '1900000009' }),
        entryOf(c, { key: 'No Key', merchantId: '1900000008' }),
      ],
    });
    const refused = await place(run, '/m/shop-b');
    expect(refused).toMatchObject({ status: 503, body: { error: 'CONFIG_INVALID' } });
    expect(refused.text).toContain('merchantsFile[0].apiV3Key');
    expect((await place(run, '/m/shop-d')).text).toContain('merchantsFile[2].merchantId');
    expect((await place(run, '/m/shop-e')).text).toContain('merchantsFile[3].merchantId');
    for (const prefix of ['', '/m/shop-c']) expect((await place(run, prefix)).status).toBe(200);
    const callback = await run.call('/m/shop-b/wechatpay/order', {});
    expect(callback).toMatchObject({ status: 503, body: { code: 'FAIL' } });

    const health = await run.get('/healthz');
    expect(health.body).toMatchObject({ status: 'ok', merchants_configured: false });
    expect(health.body).not.toHaveProperty('merchants');
    for (const key of ['shop-b', 'shop-c', 'merchantsFile[']) {
      expect(health.text).not.toContain(key);
    }
    const more = await run.get('/healthz', operator());
    const merchants = more.body['merchants'] as Json[];
    expect(merchants).toMatchObject([
      { merchant: 'shop-b', status: 'not configured' },
      { merchant: 'shop-c', status: 'ok' },
      { merchant: 'shop-d', status: 'not configured' },
      { merchant: 'shop-e', status: 'not configured' },
      { merchant: 'merchantsFile[4]', status: 'not configured' },
      { merchant: 'merchantsFile[5]', status: 'not configured' },
    ]);
    expect(merchants[0]).toEqual({
      merchant: 'shop-b',
      status: 'not configured',
      error: 'CONFIG_INVALID',
      faults: [expect.stringContaining('merchantsFile[0].apiV3Key')],
    });
    expect((await run.get('/m/shop-b/healthz')).body).toMatchObject({ status: 'not configured' });
    expect((await run.get('/m/shop-b/readyz')).status).toBe(503);
    expect((await run.get('/m/shop-c/readyz')).status).toBe(200);
    const lines = run.logs.filter(({ event }) => event === 'settings are invalid');
    expect(lines.map(({ merchant }) => merchant)).toEqual([
      'shop-b',
      'shop-d',
      'shop-e',
      'shop-c',
      'merchantsFile[5]',
    ]);
    for (const secret of [b, c].map(({ sim }) => sim.credentials.apiV3Key)) {
      expect(health.text + more.text + refused.text).not.toContain(secret);
    }
  });

  test('a file that others may read answers 503 below /m/, and the environment serves', async () => {
    const shops = await startShops();
    const file = merchantsFile([entryOf(shops[1])]);
    chmodSync(file, 0o644);
    const run = await start(shops, { env: { merchantsFile: file } });
    for (const key of ['shop-b', 'anybody']) {
      const refused = await place(run, `/m/${key}`);
      expect(refused).toMatchObject({ status: 503, body: { error: 'CONFIG_INVALID' } });
      expect(refused.text).toContain('merchantsFile');
      expect(refused.text).not.toContain(file);
      const path = `/m/${key}/wx-pay/wxpay_order`;
      expect((await run.call('/', { path }, operator())).status).toBe(503);
    }
    expect((await place(run, '')).status).toBe(200);
    const health = await run.get('/healthz');
    expect(health.body).toMatchObject({ status: 'ok', merchants_configured: false });
    expect(JSON.stringify(health.body['warnings'])).toContain('merchantsFile');
  });

  test('without whole settings in the environment nobody is served', async () => {
    const shops = await startShops();
    const run = await start(shops, { env: { apiV3Key: 'short' } });
    for (const prefix of ['', '/m/shop-b']) {
      expect(await place(run, prefix)).toMatchObject({ status: 503 });
      expect((await run.get(`${prefix}/healthz`)).body).toMatchObject({ status: 'not configured' });
    }
  });
});

/** A query of this order is due since long ago, and nothing else. */
async function backdate(run: Running, mchid: string, no: string): Promise<void> {
  const record = await run.records.find(mchid, 'order', no);
  if (record === undefined) throw new Error('no record');
  const { version } = record;
  const agenda = [{ do: 'query', at: 1, tries: 0 } as const];
  await run.records.replace({ ...record, agenda, version: version + 1 }, version);
}

describe('running it', () => {
  beforeEach(() => {
    useDoor('shortcut');
  });

  test('a sweep without /m is of all, one below /m/<key> of that merchant', async () => {
    const shops = await startShops();
    const clock = handClock();
    const run = await start(shops, { overrides: { clock } });
    for (const shop of shops) {
      const no = number('S');
      await run.call(`${shop.prefix}/wx-pay/wxpay_order`, orderBody(no), payer());
      await backdate(run, shop.mchid, no);
    }
    const due = () => Promise.all(shops.map(({ mchid }) => run.records.oldestDue(mchid)));
    expect(await due()).toEqual([1, 1, 1]);
    const asked = jest.spyOn(run.records, 'oldestDue');
    for (let i = 0; i < 5; i++) {
      expect((await run.get('/healthz')).body).toMatchObject({ due: 'behind' });
    }
    // Strangers may ask as often as they like.
    expect(asked).toHaveBeenCalledTimes(shops.length);
    expect(dataOf(await ask(run, shops[1], 'wxpay_sweep'))).toEqual({ done: 1, left: 0 });
    expect((await due()).map((at) => at === 1)).toEqual([true, false, true]);
    expect((await run.get('/m/shop-b/healthz')).body).toMatchObject({ due: 'ok' });
    expect((await run.get('/m/shop-c/healthz')).body).toMatchObject({ due: 'behind' });
    expect(dataOf(await ask(run, shops[0], 'wxpay_sweep'))).toEqual({ done: 2, left: 0 });
    expect(await due()).not.toContain(1);
    clock.advance(1000);
    expect((await run.get('/healthz')).body).toMatchObject({ due: 'ok' });
  });

  test.each([
    ['path', (run: Running) => run.get('/m/shop-b/readyz')],
    ['body', (run: Running) => run.call('/', { path: '/m/shop-b/wx-pay/wxpay_order' })],
  ])('inside SCF a request looks after what is due to the merchant of its %s', async (_of, ask) => {
    const shops = await startShops();
    const [, b, c] = shops;
    const clock = skewedClock();
    const scf = { TENCENTCLOUD_RUNENV: 'SCF', sweepSeconds: undefined };
    const run = await start(shops, { env: scf, overrides: { clock } });
    const no = number('Q');
    for (const { sim, prefix } of [b, c]) {
      await run.call(`${prefix}/wx-pay/wxpay_order`, orderBody(no), payer());
      sim.pay(no);
      await backdate(run, sim.credentials.merchantId, no);
    }
    // Such looks are some time apart, and each order was followed by one.
    clock.offsetMs = 20_000;
    await ask(run);
    const stateOf = async ({ mchid }: Shop) => (await run.records.find(mchid, 'order', no))?.state;
    await until('it is known to be paid', async () => (await stateOf(b)) === 'PAID');
    expect(await stateOf(c)).toBe('PENDING');
    await run.service.sweep?.idle();
  });

  test('metrics and logs name the merchant, and no number; pages of the process are not below /m/', async () => {
    const shops = await startShops();
    const run = await start(shops);
    const no = number('N');
    for (const shop of shops.slice(0, 2)) {
      await run.call(`${shop.prefix}/wx-pay/wxpay_order`, orderBody(no), payer());
      await run.call(`${shop.prefix}/wechatpay/order`, {});
    }
    const { text } = await run.get('/metrics', operator());
    expect(text).toContain('http_requests_total{route="/wx-pay/wxpay_order",status="200"} 1\n');
    const labels = 'route="/wx-pay/wxpay_order",status="200",merchant="shop-b"';
    expect(text).toContain(`http_requests_total{${labels}} 1\n`);
    expect(text).toContain('effects_total{type="order.created",merchant="shop-b"} 1\n');
    expect(text).toContain('last_sweep_age_seconds{merchant="shop-c"}');
    expect(text).not.toContain(no);
    for (const path of ['/metrics', '/docs', '/openapi.json']) {
      const answer = await run.get(`/m/shop-b${path}`, operator(shops[1].operatorKey));
      expect(answer).toMatchObject({ status: 404, body: { error: 'ROUTE_NOT_FOUND' } });
    }
    const refused = run.logs.filter(({ event }) => event === 'refused');
    expect(refused.slice(0, 2).map(({ merchant }) => merchant)).toEqual([undefined, 'shop-b']);
    const theirs = run.logs.filter((line) => JSON.stringify(line).includes(no));
    expect(theirs.map(({ merchant }) => merchant ?? 'own').sort()).toEqual(
      theirs.map((_line, i) => (i < theirs.length / 2 ? 'own' : 'shop-b')),
    );
  });

  test('the environment alone has no trace of it', async () => {
    const [own] = await startShops();
    const run = await startBare(serviceEnv(own.sim));
    expect((await run.call('/m/shop-b/wx-pay/wxpay_order', orderBody('X'), payer())).status).toBe(
      404,
    );
    const health = await run.get('/healthz');
    expect(health.body).not.toHaveProperty('merchants');
    expect((await run.get('/metrics', operator())).text).not.toContain('merchant=');
  });
});
