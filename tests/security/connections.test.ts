/** Many connections, stalled bodies, trickled headers: what they may hold, and that others are served beside them. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { boundConnections, CONNECTIONS_MAX } from '../../bin/connections';
import { LARGE_BYTES_MAX, readBody, SMALL_BYTES, type BodyBudget } from '../../utils/readBody';
import {
  afterTest,
  number,
  orderBody,
  payer,
  send,
  startService,
  startSim,
  type Running,
} from '../helpers/service';

const KB = 1024;

const open: Socket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy();
});

/** A connection of its own that says this much and no more. What comes back is kept. */
async function say(port: number, bytes: string | Buffer): Promise<Socket & { heard: string }> {
  const socket = Object.assign(connect(port, '127.0.0.1'), { heard: '' });
  open.push(socket);
  socket.setEncoding('utf8').on('data', (text) => (socket.heard += String(text)));
  // A refused connection is an outcome here, not a failure.
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    socket.once('close', resolve);
    socket.once('connect', () => socket.write(bytes, () => resolve()));
  });
  return socket;
}

/** Asks again, one turn of the event loop later each time, until it holds; the bound is one on hanging. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('it never came to hold');
}

describe('bodies that are being received', () => {
  function request(headers: IncomingMessage['headers']): IncomingMessage & PassThrough {
    return Object.assign(new PassThrough(), { headers }) as unknown as IncomingMessage &
      PassThrough;
  }
  const reading = (
    budget: BodyBudget,
    headers: IncomingMessage['headers'],
  ): { req: PassThrough; body: Promise<Buffer> } => {
    const req = request(headers);
    return { req, body: readBody(req, 256 * KB, budget) };
  };

  test('each counts what it holds beyond 16 kB, and gives it back at its end or when it breaks off', async () => {
    const budget = { held: 0 };
    const whole = reading(budget, {});
    whole.req.write(Buffer.alloc(10 * KB));
    expect(budget.held).toBe(0);
    whole.req.write(Buffer.alloc(30 * KB));
    expect(budget.held).toBe(40 * KB - SMALL_BYTES);
    whole.req.end();
    expect(await whole.body).toHaveLength(40 * KB);
    expect(budget.held).toBe(0);
    const broken = reading(budget, {});
    broken.req.write(Buffer.alloc(50 * KB));
    broken.req.destroy();
    await expect(broken.body).rejects.toMatchObject({ code: 'BODY_INVALID' });
    expect(budget.held).toBe(0);
  });

  test('past the bound a large one is refused before it is read, or as soon as it becomes large', async () => {
    const budget = { held: LARGE_BYTES_MAX };
    const told = reading(budget, { 'content-length': String(100 * KB) });
    await expect(told.body).rejects.toMatchObject({ code: 'OVERLOADED', status: 503 });
    const untold = reading(budget, {});
    untold.req.write(Buffer.alloc(SMALL_BYTES + 1));
    await expect(untold.body).rejects.toMatchObject({ code: 'OVERLOADED', status: 503 });
    expect(budget.held).toBe(LARGE_BYTES_MAX);
  });

  test('a small one is received however much is held', async () => {
    const budget = { held: LARGE_BYTES_MAX };
    const small = reading(budget, { 'content-length': String(SMALL_BYTES) });
    small.req.end(Buffer.alloc(SMALL_BYTES));
    expect(await small.body).toHaveLength(SMALL_BYTES);
  });

  test('one over the limit gives back what it held', async () => {
    const budget = { held: 0 };
    const large = reading(budget, {});
    large.req.write(Buffer.alloc(200 * KB));
    large.req.write(Buffer.alloc(57 * KB));
    await expect(large.body).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
    expect(budget.held).toBe(0);
  });
});

describe('a service beside stalled bodies', () => {
  let run: Running;
  let port: number;
  beforeEach(async () => {
    run = await startService({ sim: await startSim() });
    port = Number(new URL(run.url).port);
  });

  const stalled = (path: string, bytes: number): string =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${String(bytes)}\r\n\r\n${'x'.repeat(bytes - 1)}`;

  test('more than 64 MiB of them are never held; large ones are 503, orders and callbacks go on', async () => {
    const each = 250 * KB;
    const fit = Math.floor(LARGE_BYTES_MAX / (each - SMALL_BYTES));
    const bytes = stalled('/wechatpay/order', each);
    const all: Awaited<ReturnType<typeof say>>[] = [];
    for (let n = 0; n < fit + 10; n++) all.push(await say(port, bytes));
    await until(() => all.some((socket) => socket.heard.includes('503')));
    const refused = all.filter((socket) => socket.heard !== '');
    expect(refused.every((socket) => socket.heard.startsWith('HTTP/1.1 503'))).toBe(true);
    for (const path of ['/wechatpay/refund', '/', '/integration-center']) {
      const answer = await send('POST', `${run.url}${path}`, Buffer.alloc(200 * KB, 'x'));
      expect({ path, status: answer.status }).toEqual({ path, status: 503 });
      expect(answer.headers.connection).toBe('close');
    }
    const placed = await run.call('/wx-pay/wxpay_order', orderBody(number('B')), payer());
    expect(placed.status).toBe(200);
    expect((await run.send('POST', '/wechatpay/order', '{}')).status).toBe(401);
    for (const socket of all) socket.destroy();
    await until(async () => {
      const again = await send('POST', `${run.url}/wechatpay/refund`, Buffer.alloc(200 * KB, 'x'));
      return again.status === 401;
    });
    expect(run.logs.filter((line) => line.level === 'error')).toEqual([]);
  });

  test('a stalled body is cut off by the server’s own timeout, and what it held is free again', async () => {
    run.server.requestTimeout = 100;
    run.server.headersTimeout = 100;
    const socket = await say(port, stalled('/wechatpay/order', 100 * KB));
    await new Promise((resolve) => socket.once('close', resolve));
    expect(socket.heard).not.toMatch(/^HTTP\/1\.1 2/);
  });
});

describe('connections', () => {
  const MAX = 80;
  let server: Server;
  let port: number;
  const working: (() => void)[] = [];

  beforeEach(async () => {
    server = createServer((req, res) => {
      if (req.url === '/work') working.push(() => res.end('done'));
      else req.resume().on('end', () => res.end('here'));
    });
    boundConnections(server, MAX);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
    afterTest(() => {
      server.closeAllConnections();
      server.close();
    });
  });

  const count = (): Promise<number> =>
    new Promise((resolve, reject) => {
      server.getConnections((error, n) => {
        if (error === null) resolve(n);
        else reject(error);
      });
    });

  const SLOW: Readonly<Record<string, string>> = {
    'that say nothing': '',
    'whose headers trickle': 'GET / HTTP/1.1\r\nHost: x\r\nX-A: ',
    'whose bodies trickle': 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1',
    'that are kept alive and idle': 'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  };

  test.each(Object.entries(SLOW))(
    'three times the bound of those %s: others are answered, and what is being worked on goes on',
    async (_name, bytes) => {
      const worker = await say(port, 'GET /work HTTP/1.1\r\nHost: x\r\n\r\n');
      await until(() => working.length > 0);
      for (let n = 0; n < 3 * MAX; n++) {
        await say(port, bytes);
        if (n % 40 !== 0) continue;
        expect((await send('GET', `http://127.0.0.1:${String(port)}/`)).text).toBe('here');
        expect(await count()).toBeLessThanOrEqual(MAX);
      }
      expect((await send('GET', `http://127.0.0.1:${String(port)}/`)).text).toBe('here');
      working.pop()?.();
      await until(() => worker.heard.endsWith('done'));
    },
  );

  test('where all are being worked on, no new one is taken and none is lost', async () => {
    const workers: Awaited<ReturnType<typeof say>>[] = [];
    for (let n = 0; n < MAX + 5; n++) {
      workers.push(await say(port, 'GET /work HTTP/1.1\r\nHost: x\r\n\r\n'));
      await until(() => working.length === Math.min(n + 1, MAX));
    }
    for (const end of working.splice(0)) end();
    await until(() => workers.filter((w) => w.heard.endsWith('done')).length === MAX);
  });

  test('the service listens with 1,024 at the most', async () => {
    const run = await startService({ sim: await startSim() });
    expect(CONNECTIONS_MAX).toBe(1024);
    expect(run.server.maxConnections).toBe(CONNECTIONS_MAX);
  });
});
