/**
 * SIGTERM: what is under way is finished and answered, what is new is refused, and the end is clean. A process that does
 * not end in order within 9.6 s ends all the same, and says so: the log tells one from the other, not a stop-watch.
 */
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { startChild, type Child } from '../helpers/child';
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

/** One request, answered; its connection stays open. */
async function keptAlive(url: string): Promise<{ readonly closed: Promise<unknown> }> {
  const agent = new Agent({ keepAlive: true });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { agent }, resolve).on('error', reject);
  });
  const closed = once(response.socket, 'close');
  await once(response.resume(), 'end');
  return { closed };
}

/** In order: not because its time was up, which it would say. */
async function endsInOrder(child: Child): Promise<void> {
  expect(await child.ended).toEqual({ code: 0, signal: null });
  expect(child.output()).not.toContain('stopped in the middle');
}

const start: typeof startChild = (sim, env) => startChild(sim, { logLevel: 'warn', ...env });

const JSON_TYPE = { 'content-type': 'application/json' };

test('while writing: the request is answered, new ones are refused, exit 0', async () => {
  const sim = await startSim();
  const proxy = await startProxy(sim);
  const databaseUrl = temporaryDatabase();
  const child = await start(sim, { databaseUrl, wxPayBaseUrl: proxy.url });
  const gate = createGate();
  proxy.hooks.after = () => gate.pass();
  const no = number('G');
  const headers = { ...JSON_TYPE, ...payer() };
  const body = JSON.stringify(orderBody(no));
  const placing = send('POST', `${child.url}/wx-pay/wxpay_order`, body, headers);
  await gate.reached;
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
  await endsInOrder(child);
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

test('a kept-alive client is let go at once, and what is under way is still answered', async () => {
  const sim = await startSim();
  const proxy = await startProxy(sim);
  const child = await start(sim, { databaseUrl: 'memory:', wxPayBaseUrl: proxy.url });
  const idle = await keptAlive(`${child.url}/healthz`);
  const gate = createGate();
  proxy.hooks.after = () => gate.pass();
  const headers = { ...JSON_TYPE, ...payer() };
  const body = JSON.stringify(orderBody(number('G')));
  const placing = send('POST', `${child.url}/wx-pay/wxpay_order`, body, headers);
  await gate.reached;
  child.process.kill('SIGTERM');
  await idle.closed;
  // Had it been kept until the end of the drain, this one would have been cut together with it.
  gate.open();
  expect((await placing).status).toBe(200);
  await endsInOrder(child);
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
  const child = await start(sim, env);
  await gate.reached;
  child.process.kill('SIGTERM');
  await endsInOrder(child);
  gate.open();
});
