/** What a connection may do to us: headers, CORS, slow and broken bodies, two requests hidden in one. */
import { connect } from 'node:net';
import { listenOn, shutDown } from '../../bin/listen';
import { createReference } from '../../bin/reference';
import type { RecordStore } from '../../services/stores/orderStore';
import { HANG_MS } from '../helpers/waiting';
import { inProcess, OPERATOR_KEY, orderBody, PAYER, startStage, type Stage } from './support/stage';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage({
    env: { corsAllowOrigin: 'https://shop.example.com,https://b.example.com' },
  });
});
afterAll(() => stage.close());

/** Sends these bytes and returns all that comes until the other side closes, or `ms` have passed. */
function talk(
  port: number,
  bytes: string,
  ms = HANG_MS,
): Promise<{ text: string; closed: boolean }> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    const end = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, closed });
    };
    const timer = setTimeout(() => {
      end(false);
    }, ms);
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('close', () => {
      end(true);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.write(bytes, 'latin1');
  });
}

const answersIn = (text: string): number => text.split('HTTP/1.1 ').length - 1;

describe('security headers', () => {
  test.each([
    ['/healthz', undefined, 200],
    ['/openapi.json', undefined, 200],
    ['/docs', undefined, 200],
    ['/nowhere', undefined, 404],
    ['/wx-pay/wxpay_order', orderBody('T20260102000001'), 401],
    ['/wechatpay/order', {}, 401],
    ['/', { _action: 'nothing' }, 400],
  ])('on %s', async (path, body, status) => {
    const answer = await stage.call(path, body);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    });
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    for (const name of ['x-powered-by', 'server', 'etag', 'set-cookie']) {
      expect(answer.headers[name]).toBeUndefined();
    }
  });
});

describe('CORS exactly as corsAllowOrigin says', () => {
  const allowedFor = async (origin: string, path = '/healthz'): Promise<unknown> =>
    (await stage.call(path, undefined, { headers: { origin } })).headers[
      'access-control-allow-origin'
    ];

  test.each(['https://shop.example.com', 'https://b.example.com'])(
    '%s is named',
    async (origin) => {
      const answer = await stage.call('/healthz', undefined, { headers: { origin } });
      expect(answer.headers['access-control-allow-origin']).toBe(origin);
      expect(answer.headers['vary']).toBe('Origin');
      expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
    },
  );

  test.each([
    'https://evil.example',
    'https://shop.example.com.evil.example',
    'https://evilshop.example.com',
    'https://SHOP.example.com',
    'http://shop.example.com',
    'https://shop.example.com:8443',
    'https://shop.example.com/',
    'null',
    '*',
    'https://shop.example.com,https://b.example.com',
  ])('%s is not', async (origin) => {
    expect(await allowedFor(origin)).toBeUndefined();
    expect(await allowedFor(origin, '/wx-pay/records')).toBeUndefined();
  });

  test('a preflight runs nothing and asks nobody', async () => {
    const origin = 'https://shop.example.com';
    const headers = { origin, 'access-control-request-method': 'POST', 'x-api-key': OPERATOR_KEY };
    const answer = await stage.call('/wx-pay/wxpay_sweep', undefined, {
      method: 'OPTIONS',
      headers,
    });
    expect(answer.status).toBe(204);
    expect(answer.headers['access-control-allow-headers']).not.toContain('x-wx-openid');
    expect(answer.headers['access-control-allow-methods']).toBe('GET,POST,OPTIONS');
  });

  test.each([
    [undefined, undefined],
    ['*', '*'],
  ])('corsAllowOrigin %j: %j for everyone', async (setting, expected) => {
    const other = await startStage({
      env: setting === undefined ? {} : { corsAllowOrigin: setting },
    });
    try {
      const headers = { origin: 'https://any.example' };
      const answer = await other.call('/healthz', undefined, { headers });
      expect(answer.headers['access-control-allow-origin']).toBe(expected);
      expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
    } finally {
      await other.close();
    }
  });
});

describe('two requests hidden in one', () => {
  const hidden =
    'GET /wx-pay/records HTTP/1.1\r\nHost: x\r\nX-Api-Key: ' + OPERATOR_KEY + '\r\n\r\n';
  const post = 'POST /wx-pay/wxpay_order HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
  const size = `Content-Length: ${String(hidden.length + 5)}\r\n`;
  const cases: readonly [string, string][] = [
    [
      'Content-Length and Transfer-Encoding',
      `${post}${size}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
    ],
    [
      'Transfer-Encoding and Content-Length',
      `${post}Transfer-Encoding: chunked\r\n${size}\r\n0\r\n\r\n${hidden}`,
    ],
    ['two lengths', `${post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}${hidden}`],
    ['a list of lengths', `${post}Content-Length: 2, 2\r\n\r\n{}${hidden}`],
    ['a length with a sign', `${post}Content-Length: +2\r\n\r\n{}${hidden}`],
    ['a length in hex', `${post}Content-Length: 0x2\r\n\r\n{}${hidden}`],
    ['a negative length', `${post}Content-Length: -1\r\n\r\n${hidden}`],
    ['an unknown coding', `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`],
    ['chunked not last', `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`],
    ['a blank before the colon', `${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${hidden}`],
    ['a folded header', `${post}Transfer-Encoding:\r\n chunked\r\n${size}\r\n0\r\n\r\n${hidden}`],
    ['a chunk size with a sign', `${post}Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n${hidden}`],
    [
      'a chunk size beyond all bounds',
      `${post}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n\r\n${hidden}`,
    ],
    ['NUL in a header', `${post}X-A: a\0b\r\n\r\n${hidden}`],
    ['a bare CR', `${post}X-A: a\rX-Api-Key: ${OPERATOR_KEY}\r\n\r\n${hidden}`],
    ['no host', `GET /wx-pay/records HTTP/1.1\r\n\r\n${hidden}`],
    ['HTTP/0.9', `GET /wx-pay/records\r\n\r\n${hidden}`],
    ['too large, told first', `${post}Content-Length: 70000\r\n\r\n${hidden}`],
    [
      'too large, in chunks',
      `${post}Transfer-Encoding: chunked\r\n\r\n11170\r\n${'x'.repeat(70_000)}\r\n${hidden}`,
    ],
    [
      'compressed',
      `${post}Content-Encoding: gzip\r\nContent-Length: ${String(hidden.length + 50)}\r\n\r\n${hidden}`,
    ],
  ];

  test.each(cases)('%s: one refusal, and the connection is over', async (_name, bytes) => {
    const { text, closed } = await talk(stage.port, bytes);
    expect(text).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answersIn(text)).toBe(1);
    expect(text).not.toContain('"records"');
    expect(closed).toBe(true);
  });

  test('two honest ones, one after the other, are both answered', async () => {
    const one = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
    const last = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    expect(answersIn((await talk(stage.port, one + last)).text)).toBe(2);
  });
});

describe('size and time', () => {
  inProcess('headers above 16 kB: 431', async () => {
    const bytes = `GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(17_000)}\r\n\r\n`;
    const server = await listenOn(withPort0(stage));
    try {
      const { text } = await talk(portOf(server), bytes);
      expect(text).toMatch(/^HTTP\/1\.1 431 /);
    } finally {
      await stop(server);
    }
  });

  inProcess('headers and bodies that trickle are cut off', async () => {
    const server = await listenOn(withPort0(stage));
    try {
      expect(server).toMatchObject({ requestTimeout: 15_000, headersTimeout: 10_000 });
      // The same mechanism with less patience.
      server.headersTimeout = 300;
      server.requestTimeout = 400;
      const head = 'POST /wx-pay/wxpay_order HTTP/1.1\r\nHost: x\r\n';
      const body = `${head}Content-Type: application/json\r\nX-Wx-Openid: ${PAYER}\r\nContent-Length: 50\r\n\r\n{"a`;
      const both = await Promise.all([
        talk(portOf(server), head),
        talk(portOf(server), body),
        talk(portOf(server), body.replace('/wx-pay/wxpay_order', '/wechatpay/order')),
      ]);
      for (const { text, closed } of both) {
        expect(closed).toBe(true);
        expect(text).not.toMatch(/^HTTP\/1\.1 (2|5)/);
      }
    } finally {
      await stop(server);
    }
  });

  test('a body that breaks off leaves nothing and stops nothing', async () => {
    const bytes =
      'POST /wx-pay/wxpay_order HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
      `X-Wx-Openid: ${PAYER}\r\nContent-Length: 500\r\n\r\n{"out_trade_no":"T20260102000001"`;
    await Promise.all(Array.from({ length: 20 }, () => talk(stage.port, bytes, 50)));
    expect((await stage.call('/healthz')).status).toBe(200);
    expect(await stage.order('T20260102000001')).toBeUndefined();
    expect(stage.logs.filter((line) => line.includes('INVARIANT_BROKEN'))).toEqual([]);
  });
});

describe('open pages', () => {
  inProcess('a flood of them costs the store one question at a time', async () => {
    const { store } = stage.service;
    if (store === undefined) throw new Error('no store');
    let now = 0;
    let most = 0;
    const slow = async <T>(ask: () => Promise<T>): Promise<T> => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 20));
      now--;
      return ask();
    };
    const counted: RecordStore = Object.assign(Object.create(store) as RecordStore, {
      oldestDue: (mchid: string) => slow(() => store.oldestDue(mchid)),
    });
    const other = await startStage({ overrides: { store: counted } });
    try {
      const answers = await Promise.all(Array.from({ length: 60 }, () => other.call('/healthz')));
      expect(answers.map((a) => a.status)).toEqual(answers.map(() => 200));
      expect(most).toBe(1);
    } finally {
      await other.close();
    }
  });

  test('what is documented is written once, not for everyone who asks', async () => {
    const reference = createReference('');
    const asked = Array.from({ length: 50 }, () => reference.page());
    // It took 10 ms of the event loop that callbacks wait for, each time.
    expect(new Set(await Promise.all([...asked, reference.page()])).size).toBe(1);
  });
});

const withPort0 = (s: Stage) => ({ ...s.service, listen: { ...s.service.listen, port: 0 } });
const portOf = (server: Awaited<ReturnType<typeof listenOn>>): number =>
  (server.address() as { port: number }).port;
/** The service behind it is the stage's, which closes it. */
const stop = (server: Awaited<ReturnType<typeof listenOn>>): Promise<void> =>
  shutDown(server, { ...stage.service, close: () => Promise.resolve() });
