/** SIGTERM: what is under way is finished and answered, what is new is refused, and the end is clean and soon. */
import { connect } from 'node:net';
import { startChild } from '../helpers/child';
import { createGate } from '../helpers/faultyStore';
import { startProxy } from '../helpers/proxy';
import { ERRORS } from '../../utils/errors';
import {
  dataOf,
  number,
  orderBody,
  payer,
  send,
  startService,
  startSim,
  temporaryDatabase,
} from '../helpers/service';

const JSON_TYPE = { 'content-type': 'application/json' };

test('while writing: the request is answered, new ones are refused, exit 0', async () => {
  const sim = await startSim();
  const proxy = await startProxy(sim);
  const databaseUrl = temporaryDatabase();
  const child = await startChild(sim, { databaseUrl, wxPayBaseUrl: proxy.url });
  const gate = createGate();
  proxy.hooks.after = () => gate.pass();
  const no = number('G');
  const headers = { ...JSON_TYPE, ...payer() };
  const body = JSON.stringify(orderBody(no));
  const placing = send('POST', `${child.url}/wx-pay/wxpay_order`, body, headers);
  await gate.reached;
  const askedAt = performance.now();
  child.process.kill('SIGTERM');
  // The door closes a moment after the signal is sent, not at once with it.
  let refused = false;
  for (let i = 0; i < 100 && !refused; i++) {
    refused = await send('GET', `${child.url}/healthz`).then(
      ({ status }) => status === 503,
      () => true,
    );
  }
  expect(refused).toBe(true);
  gate.open();
  const placed = await placing;
  expect(placed.status).toBe(200);
  const { code, signal, atMs } = await child.ended;
  expect({ code, signal }).toEqual({ code: 0, signal: null });
  expect(atMs - askedAt).toBeLessThan(10_000);
  const run = await startService({ sim, env: { databaseUrl } });
  expect((await run.order(no)).prepay?.prepay_id).toBe(dataOf(placed).prepay_id);
});

test('who still has a connection is told SHUTTING_DOWN, and the connection ends', async () => {
  const sim = await startSim();
  const proxy = await startProxy(sim);
  const run = await startService({ sim, env: { wxPayBaseUrl: proxy.url } });
  const gate = createGate();
  proxy.hooks.after = () => gate.pass();
  const order = JSON.stringify(orderBody(number('G')));
  const socket = connect(Number(new URL(run.url).port), '127.0.0.1').setEncoding('utf8');
  const says = async (path: string, body: string): Promise<void> => {
    const identity = Object.entries(payer()).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
    const length = `content-length: ${String(Buffer.byteLength(body))}\r\n\r\n`;
    await new Promise((done) => socket.write(head + identity.join('') + length + body, done));
  };
  let heard = '';
  socket.on('data', (text: string) => (heard += text));
  const ended = new Promise((resolve) => socket.on('close', resolve));
  // The first is under way, so the connection lives on; the second follows it on the same one.
  await says('/wx-pay/wxpay_order', order);
  await gate.reached;
  const closing = run.close();
  await says('/wechatpay/order', '{}');
  gate.open();
  await ended;
  await closing;
  const [placed, refused] = heard.split(/(?=HTTP\/1\.1 503)/);
  expect(placed).toMatch(/^HTTP\/1\.1 200 .*"code":0/s);
  expect(refused).toMatch(/connection: close/i);
  expect(refused).toContain(`{"code":"FAIL","message":"${ERRORS.SHUTTING_DOWN.msg}"}`);
});

test('a kept-alive client cannot hold it open', async () => {
  const sim = await startSim();
  const child = await startChild(sim, { databaseUrl: 'memory:' });
  const { Agent, get } = await import('node:http');
  const agent = new Agent({ keepAlive: true });
  await new Promise<void>((resolve, reject) => {
    get(`${child.url}/healthz`, { agent }, (res) => {
      res.resume();
      res.on('end', resolve);
    }).on('error', reject);
  });
  const askedAt = performance.now();
  child.process.kill('SIGTERM');
  expect(await child.ended).toMatchObject({ code: 0 });
  expect(performance.now() - askedAt).toBeLessThan(2_000);
  agent.destroy();
});

test('with WeChat silent in the middle of a sweep it ends at once, with 0', async () => {
  const now = Date.now();
  const sim = await startSim({ nowMs: now - 11 * 60_000 });
  const proxy = await startProxy(sim);
  const databaseUrl = temporaryDatabase();
  const clock = { now: () => sim.clock.now() };
  const before = await startService({ sim, clock, env: { databaseUrl } });
  const no = number('G');
  await before.call('/wx-pay/wxpay_order', orderBody(no), payer());
  await before.close();
  await sim.clock.advance(Date.now() - sim.clock.now());
  // Its time is over: the sweep asks, closes, and asks again; two calls that nobody answers make 16 s.
  const gate = createGate();
  let silent = false;
  proxy.hooks.before = (call) => {
    silent ||= call.endsWith('/close');
    return silent ? gate.pass() : undefined;
  };
  const env = { databaseUrl, wxPayBaseUrl: proxy.url, sweepSeconds: '1' };
  const child = await startChild(sim, env);
  await gate.reached;
  const askedAt = performance.now();
  child.process.kill('SIGTERM');
  expect(await child.ended).toMatchObject({ code: 0, signal: null });
  expect(performance.now() - askedAt).toBeLessThan(3_000);
  gate.open();
});
