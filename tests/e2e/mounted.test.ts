/** Our app below a prefix of somebody else's Express app, behind his middleware: docs/operations.md shows how. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type RequestHandler } from 'express';
import { assemble } from '../../bin/assemble';
import type { Simulator } from '../../simulator';
import {
  afterTest,
  captureLogger,
  number,
  operator,
  orderBody,
  payer,
  send,
  serviceEnv,
  startSim,
  type Answer,
  type LogLine,
} from '../helpers/service';

let sim: Simulator;
let url: string;
let logs: LogLine[];
let seen: string[];

async function mount(...before: RequestHandler[]): Promise<void> {
  const service = assemble(serviceEnv(sim), { logger: captureLogger(logs) });
  const shop = express();
  shop.use((req, res, next) => {
    seen.push(req.originalUrl);
    res.setHeader('x-shop', 'theirs');
    next();
  });
  shop.use('/shop/pay', ...before, service.app);
  shop.use(express.json());
  shop.post('/shop/cart', (req, res) => res.json(req.body));
  const server = createServer(shop);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  afterTest(async () => {
    await new Promise((resolve) => server.close(resolve));
    await service.close();
  });
  await service.start();
  url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  sim.callbackTarget = `${url}/shop/pay`;
}

const post = (path: string, body: unknown, headers = {}): Promise<Answer> =>
  send('POST', `${url}${path}`, JSON.stringify(body), {
    'content-type': 'application/json',
    ...headers,
  });

beforeEach(async () => {
  sim = await startSim();
  logs = [];
  seen = [];
});

test('orders, callbacks, records and pages work below the prefix, and the shop keeps its own', async () => {
  await mount();
  const no = number('M');
  const placed = await post('/shop/pay/wx-pay/wxpay_order', orderBody(no), payer());
  expect(placed).toMatchObject({ status: 200, headers: { 'x-shop': 'theirs' } });
  expect(placed.headers['x-request-id']).toEqual(expect.any(String));
  sim.pay(no);
  const [sent] = await sim.deliver('payment', no);
  expect(sent?.statusAnswered).toBe(200);
  const byAction = { _action: 'wxpay_query_order_by_out_trade_no', out_trade_no: no };
  expect((await post('/shop/pay', byAction, operator())).status).toBe(200);
  const record = await send(
    'GET',
    `${url}/shop/pay/wx-pay/records/order/${no}?`,
    undefined,
    operator(),
  );
  expect(record).toMatchObject({ status: 200, body: { data: { data: { state: 'PAID' } } } });
  expect((await send('GET', `${url}/shop/pay/healthz`)).status).toBe(200);
  expect(await post('/shop/pay/nothing', {})).toMatchObject({
    status: 404,
    body: { error: 'ROUTE_NOT_FOUND' },
  });
  expect((await post('/shop/cart', { tea: 1 })).body).toEqual({ tea: 1 });
  expect(seen).toContain('/shop/pay/wechatpay/order');
});

test('behind a body parser nothing is taken: the log says why, and WeChat comes again', async () => {
  await mount(express.json());
  const no = number('M');
  expect(await post('/shop/pay/wx-pay/wxpay_order', orderBody(no), payer())).toMatchObject({
    status: 500,
    body: { error: 'INVARIANT_BROKEN' },
  });
  expect(sim.requests).toHaveLength(0);
  expect(logs.find(({ alarm }) => alarm === true)).toMatchObject({ event: 'failed' });
});

test('middleware in front may turn a caller away', async () => {
  await mount((_req, res) => void res.status(403).end());
  expect((await post('/shop/pay/wx-pay/wxpay_order', {}, payer())).status).toBe(403);
});
