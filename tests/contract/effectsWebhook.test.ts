/** Judged by the published `standardwebhooks` library, over real sockets. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { createSink } from '../../services/delivery/index';
import { createWebhookSink, type WebhookSinkOptions } from '../../services/delivery/webhookSink';
import type { Sink } from '../../services/delivery/sink';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { freeTimers, holdTimers, passTime, until, watched } from '../helpers/waiting';
import { anEvent } from '../unit/effects/helpers';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const NEXT_SECRET = 'a raw secret, taken as it is, 0123456789';

interface Received {
  readonly headers: Record<string, string>;
  readonly body: string;
}
type Answer = (response: http.ServerResponse, request: http.IncomingMessage) => void;

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  freeTimers();
  for (const one of opened.splice(0)) await one.close();
});

async function receiver(answer: Answer = (response) => response.writeHead(204).end()) {
  const received: Received[] = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      received.push({ headers: request.headers as Record<string, string>, body });
      answer(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${String(port)}/hook?shop=1`, received, server, port };
}

function sinkTo(url: string, more: Partial<WebhookSinkOptions> = {}): Sink {
  const deps = { clock: systemClock, logger: silentLogger };
  const sink = createWebhookSink({ url, secrets: [SECRET], ...deps, ...more });
  opened.unshift(sink);
  return sink;
}

const event = anEvent('order.paid');

it('is verified by the published library', async () => {
  const { url, received } = await receiver();
  expect(await sinkTo(url).deliver(event)).toBe('delivered');
  const [got] = received;
  if (got === undefined) throw new Error('nothing received');
  expect(new Webhook(SECRET).verify(got.body, got.headers)).toEqual(event);
  expect(got.headers).toMatchObject({
    'webhook-id': event.id,
    'content-type': 'application/json',
  });
  expect(() => new Webhook(SECRET).verify(`${got.body} `, got.headers)).toThrow();
  expect(() => new Webhook('whsec_AAAA').verify(got.body, got.headers)).toThrow();
});

it('signs with both secrets while they rotate, base64 or raw', async () => {
  const { url, received } = await receiver();
  await sinkTo(url, { secrets: [SECRET, NEXT_SECRET] }).deliver(event);
  const [got] = received;
  if (got === undefined) throw new Error('nothing received');
  expect(got.headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/);
  expect(new Webhook(SECRET).verify(got.body, got.headers)).toEqual(event);
  expect(new Webhook(NEXT_SECRET, { format: 'raw' }).verify(got.body, got.headers)).toEqual(event);
});

it('keeps the id and takes a new timestamp when it delivers again', async () => {
  const { url, received } = await receiver();
  const clock = { now: () => 1_700_000_000_999 };
  const sink = sinkTo(url, { clock });
  await sink.deliver(event);
  clock.now = () => 1_700_000_300_000;
  await sink.deliver(event);
  expect(received.map((r) => r.headers['webhook-timestamp'])).toEqual(['1700000000', '1700000300']);
  expect(new Set(received.map((r) => r.headers['webhook-id'])).size).toBe(1);
  expect(new Set(received.map((r) => r.headers['webhook-signature'])).size).toBe(2);
});

it.each([
  [200, 'delivered'],
  [202, 'delivered'],
  [299, 'delivered'],
  [410, 'gone'],
])('takes %i for %s', async (status, outcome) => {
  const { url } = await receiver((response) => response.writeHead(status).end('{}'));
  expect(await sinkTo(url).deliver(event)).toBe(outcome);
});

it.each([301, 302, 307, 304, 400, 401, 404, 429, 500, 503])('takes %i for a failure', async (s) => {
  const other = await receiver();
  const { url, received } = await receiver((response) =>
    response.writeHead(s, { location: other.url }).end(),
  );
  await expect(sinkTo(url).deliver(event)).rejects.toThrow(`HTTP ${String(s)}`);
  expect(received).toHaveLength(1);
  expect(other.received).toHaveLength(0);
});

it('ends after its time, be the answer missing or its head dripping', async () => {
  const silent = await receiver(() => undefined);
  const dripping = await receiver((_response, request) => {
    request.socket.write('HTTP/1.1 200 OK\r\nx-dripping: ');
    const timer = setInterval(() => request.socket.write('H'), 20);
    request.socket.once('close', () => {
      clearInterval(timer);
    });
  });
  holdTimers();
  for (const { url, received } of [silent, dripping]) {
    const delivery = watched(sinkTo(url, { timeoutMs: 80 }).deliver(event));
    await until('the event arrives', () => received.length === 1);
    await passTime(79);
    expect(delivery.settled()).toBe(false);
    await passTime(1);
    await expect(delivery.work).rejects.toThrow('80 ms');
  }
});

it('does not send again after its time, though the connection was used before', async () => {
  let answers = 0;
  const { url, received } = await receiver((response) => {
    answers += 1;
    if (answers === 1) response.writeHead(204).end();
  });
  const sink = sinkTo(url, { timeoutMs: 80 });
  holdTimers();
  await sink.deliver(event);
  const second = watched(sink.deliver(event));
  await until('the event arrives again', () => received.length === 2);
  await passTime(80);
  await expect(second.work).rejects.toThrow('80 ms');
  await passTime(1000);
  expect(received).toHaveLength(2);
});

it('does not read an endless answer', async () => {
  let closed: Promise<void> | undefined;
  const { url } = await receiver((response) => {
    closed = new Promise((resolve) => response.once('close', () => resolve()));
    response.writeHead(200);
    const chunk = Buffer.alloc(64 * 1024);
    const pour = (): void => {
      while (!response.destroyed && response.write(chunk));
      if (!response.destroyed) response.once('drain', pour);
    };
    response.on('error', () => undefined);
    pour();
  });
  expect(await sinkTo(url).deliver(event)).toBe('delivered');
  await closed;
});

it('keeps its connection, and is not harmed when the receiver closed it meanwhile', async () => {
  const sockets = new Set<unknown>();
  let cut = false;
  const { url, received } = await receiver((response, request) => {
    sockets.add(request.socket);
    // What a server does whose idle connection ends just as the next request comes in.
    if (cut) {
      cut = false;
      request.socket.destroy();
    } else response.writeHead(204).end();
  });
  const sink = sinkTo(url);
  await sink.deliver(event);
  await sink.deliver(event);
  expect(sockets.size).toBe(1);
  cut = true;
  expect(await sink.deliver(event)).toBe('delivered');
  expect(sockets.size).toBe(2);
  expect(received).toHaveLength(4);
});

it('names the failure and not the address, which may hold a token', async () => {
  const { port, server } = await receiver();
  await new Promise((resolve) => server.close(resolve));
  const failed = sinkTo(`http://user:pw@127.0.0.1:${String(port)}/t0ken`).deliver(event);
  const error = await failed.then(
    () => undefined,
    (e: unknown) => e as Error,
  );
  expect(error?.message).toBe('receiver not reached: ECONNREFUSED');
});

it('stops when it is told to', async () => {
  const { url } = await receiver(() => undefined);
  const stop = new AbortController();
  const delivering = sinkTo(url).deliver(event, stop.signal);
  stop.abort();
  await expect(delivering).rejects.toThrow('stopped');
});

describe('http', () => {
  const resolveTo = (...addresses: string[]): NonNullable<WebhookSinkOptions['resolve']> =>
    ((_host: string, _options: unknown, callback: (...args: unknown[]) => void) => {
      const found = addresses.map((address) => ({
        address,
        family: address.includes(':') ? 6 : 4,
      }));
      setImmediate(callback, null, found);
    }) as never;

  it('goes where a name leads to private addresses alone', async () => {
    const { port, received } = await receiver();
    const url = `http://shop.internal:${String(port)}/`;
    expect(await sinkTo(url, { resolve: resolveTo('127.0.0.1') }).deliver(event)).toBe('delivered');
    expect(received[0]?.headers['host']).toBe(`shop.internal:${String(port)}`);
  });

  it.each([['93.184.216.34'], ['127.0.0.1', '93.184.216.34'], ['2001:db8::1']])(
    'refuses a name that leads to %s',
    async (...addresses) => {
      const { port, received } = await receiver();
      const sink = sinkTo(`http://shop.internal:${String(port)}/`, {
        resolve: resolveTo(...addresses),
      });
      await expect(sink.deliver(event)).rejects.toThrow('public address');
      expect(received).toHaveLength(0);
    },
  );

  it('refuses a public address', async () => {
    await expect(sinkTo('http://93.184.216.34/').deliver(event)).rejects.toThrow('public address');
  });
});

it('is what the settings choose', async () => {
  const { url, received } = await receiver();
  const deps = { clock: systemClock, logger: silentLogger, env: {} };
  expect(createSink({ kind: 'none' }, deps)).toBeUndefined();
  const sink = createSink({ kind: 'webhook', url, secrets: [SECRET] }, deps);
  expect(await sink?.deliver(event)).toBe('delivered');
  await sink?.close();
  expect(received).toHaveLength(1);
});
