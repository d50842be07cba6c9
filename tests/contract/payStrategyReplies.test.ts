import { createLogBook, type LogLine } from '../helpers/logBook';
import type { KeyPair } from '../helpers/wechatKeys';
import { configOf, createKeyPair, NOW, PUBLIC_KEY_ID } from '../helpers/wechatKeys';
import { createDialect } from '../../services/wechat';
import { createStrategy } from '../../services/strategies';
import type { PayStrategy, WechatCall } from '../../services/strategies/strategy';
import {
  deadUrl,
  hangUp,
  plain,
  signed,
  silence,
  startPeer,
  type Answer,
  type Peer,
} from '../helpers/wechatPeer';
import { freeTimers, holdTimers, passTime, until, watched } from '../helpers/waiting';
import { authorizationOf } from './describePayStrategy';

/** Every way a reply can be wrong: none may become a verdict, and each repeat must be the same bytes. */

let merchant: KeyPair;
let wechat: KeyPair;
let stranger: KeyPair;
let peer: Peer;
let backup: Peer;
let lines: LogLine[];
let strategy: PayStrategy;
let now = NOW;

const ONCE: WechatCall = { method: 'POST', path: '/v3/x', body: '{"a":1}', retriesMax: 0 };
const BODY = '{"out_trade_no":"T1"}';
const key = () => ({ serial: PUBLIC_KEY_ID, privateKey: wechat.privateKey });
const good = (body = BODY): Answer => signed({ key: key(), at: NOW, body });

function open(baseUrl: string, backupUrl?: string): PayStrategy {
  const book = createLogBook();
  lines = book.lines;
  const config = configOf({
    signMode: 'sdk',
    merchant,
    wechatPublicKey: wechat.publicKey,
    baseUrl,
    ...(backupUrl === undefined ? {} : { backupUrl }),
  });
  return createStrategy({
    config,
    dialect: createDialect(config),
    clock: { now: () => now },
    logger: book.logger,
  });
}

beforeAll(async () => {
  merchant = createKeyPair();
  wechat = createKeyPair();
  stranger = createKeyPair();
  peer = await startPeer();
  backup = await startPeer();
});
afterAll(() => Promise.all([peer.close(), backup.close()]));
beforeEach(() => {
  now = NOW;
  peer.received.length = 0;
  backup.received.length = 0;
  strategy = open(peer.url);
});
afterEach(() => strategy.close());

const reasons = (): unknown[] => lines.map(({ fields }) => fields.reason).filter(Boolean);

describe('a 2xx that is not proven is unknown', () => {
  const headers = (more: Record<string, string | undefined>): Answer =>
    signed({ key: key(), at: NOW, body: BODY, headers: more });
  const cases: [string, () => Answer, string][] = [
    ['unsigned', () => plain(200, BODY), 'headers_missing'],
    ['without its serial', () => headers({ 'wechatpay-serial': undefined }), 'headers_missing'],
    ['without its nonce', () => headers({ 'wechatpay-nonce': undefined }), 'headers_missing'],
    [
      'signed by a stranger',
      () =>
        signed({
          key: { serial: PUBLIC_KEY_ID, privateKey: stranger.privateKey },
          at: NOW,
          body: BODY,
        }),
      'signature',
    ],
    ['of another body', () => headers({ 'wechatpay-nonce': 'other' }), 'signature'],
    ['5 minutes old', () => signed({ key: key(), at: NOW - 300_000, body: BODY }), 'timestamp'],
    ['5 minutes ahead', () => signed({ key: key(), at: NOW + 300_000, body: BODY }), 'timestamp'],
    [
      'of another key id',
      () => headers({ 'wechatpay-serial': `${PUBLIC_KEY_ID}0` }),
      'serial_unknown',
    ],
    ['of another scheme', () => headers({ 'wechatpay-signature-type': 'SM2' }), 'scheme'],
    ['not even Base64', () => headers({ 'wechatpay-signature': '%%%' }), 'signature'],
    ['a probe', () => headers({ 'wechatpay-signature': 'WECHATPAY/SIGNTEST/x' }), 'probe'],
    ['a proxy’s HTML', () => plain(200, '<html>login</html>'), 'headers_missing'],
  ];
  test.each(cases)('%s', async (_name, answer, reason) => {
    peer.answer(answer());
    const reply = await strategy.call(ONCE);
    expect(reply).toMatchObject({ kind: 'unknown', reason: 'unproven', status: 200 });
    expect(reasons()).toEqual([reason]);
  });

  test.each(['[]', '"x"', 'null', '', '{', '<html>'])(
    'signed, but %j is no object',
    async (body) => {
      peer.answer(good(body));
      expect(await strategy.call(ONCE)).toMatchObject({ kind: 'unknown', reason: 'unproven' });
    },
  );

  test('a probe is logged at info, a forgery at warn, and neither shows the signature', async () => {
    peer.answer(headers({ 'wechatpay-signature': 'WECHATPAY/SIGNTEST/secret' }));
    await strategy.call(ONCE);
    expect(lines.filter(({ level }) => level === 'warn')).toEqual([]);
    peer.answer(headers({ 'wechatpay-nonce': 'other' }));
    await strategy.call(ONCE);
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect(JSON.stringify(lines)).not.toMatch(/SIGNTEST|secret|signature":"/);
  });

  test('a probe is asked again, and the outcome before counts as unknown', async () => {
    peer.answer(headers({ 'wechatpay-signature': 'WECHATPAY/SIGNTEST/x' }), good());
    const reply = await strategy.call({ ...ONCE, retriesMax: 2 });
    expect(reply).toMatchObject({ kind: 'proven', status: 200, repeated: true });
  });
});

describe('a 4xx', () => {
  const refusal = '{"code":"ORDER_NOT_EXIST","message":"订单不存在"}';

  test('is proven when its signature holds', async () => {
    peer.answer(signed({ key: key(), at: NOW, status: 404, body: refusal }));
    expect(await strategy.call(ONCE)).toEqual({
      kind: 'proven',
      status: 404,
      body: { code: 'ORDER_NOT_EXIST', message: '订单不存在' },
      requestId: '08F2A1B2-0',
      repeated: false,
    });
  });

  test('is only shown when it is unsigned or ill signed, and not asked again', async () => {
    const call = { ...ONCE, retriesMax: 2 };
    peer.answer(plain(404, refusal));
    const shown = { kind: 'refused', status: 404, code: 'ORDER_NOT_EXIST', message: '订单不存在' };
    expect(await strategy.call(call)).toMatchObject(shown);
    peer.answer(signed({ key: key(), at: NOW - 400_000, status: 404, body: refusal }));
    expect(await strategy.call(call)).toMatchObject(shown);
    expect(peer.received).toHaveLength(2);
  });

  test('of a proxy, in HTML, is shown by its status', async () => {
    peer.answer(plain(403, '<html>'));
    expect(await strategy.call(ONCE)).toMatchObject({
      kind: 'refused',
      status: 403,
      code: 'HTTP_403',
      message: '',
    });
  });

  test('after an unknown outcome says so', async () => {
    peer.answer(plain(500, '{"code":"SYSTEM_ERROR"}'), plain(404, refusal));
    const reply = await strategy.call({ ...ONCE, retriesMax: 1 });
    expect(reply).toMatchObject({ kind: 'refused', repeated: true });
  });
});

describe('statuses that leave the outcome open', () => {
  test.each([202, 429, 500, 502, 503])(
    '%i is repeated with the same bytes, signed again',
    async (status) => {
      peer.answer(plain(status, '{"code":"SYSTEM_ERROR","message":"系统错误"}'), good());
      const reply = await strategy.call({ ...ONCE, retriesMax: 2 });
      expect(reply).toMatchObject({ kind: 'proven', repeated: true });
      const [first, second] = peer.received;
      expect(second?.body).toBe(first?.body);
      const [a, b] = [first, second].map((one) => authorizationOf(one?.headers.authorization));
      expect(a?.nonce_str).not.toBe(b?.nonce_str);
      expect(a?.signature).not.toBe(b?.signature);
    },
  );

  test.each([202, 429, 503])('%i stays open even when WeChat signed it', async (status) => {
    peer.answer(signed({ key: key(), at: NOW, status, body: '{"code":"USERPAYING"}' }));
    const reply = await strategy.call({ ...ONCE, retriesMax: 2 });
    // The user is typing the password: the same call at once would help nobody.
    expect(reply).toMatchObject({ kind: 'unknown', reason: 'status', status, code: 'USERPAYING' });
    expect(peer.received).toHaveLength(1);
  });

  test('stays unknown after two repeats, signed or not', async () => {
    peer.answer(signed({ key: key(), at: NOW, status: 500, body: '{"code":"SYSTEM_ERROR"}' }));
    expect(await strategy.call({ ...ONCE, retriesMax: 2 })).toMatchObject({
      kind: 'unknown',
      reason: 'status',
      status: 500,
      code: 'SYSTEM_ERROR',
      requestId: '08F2A1B2-0',
    });
    expect(peer.received).toHaveLength(3);
  });

  test.each(['OPENID_MISMATCH', 'INVALID_TRANSACTIONID', 'INVALIDTRANSACTIONID'])(
    '%s is a 500 that repeating does not help',
    async (code) => {
      peer.answer(plain(500, JSON.stringify({ code })));
      const reply = await strategy.call({ ...ONCE, retriesMax: 2 });
      expect(reply).toMatchObject({ kind: 'unknown', reason: 'status', code });
      expect(peer.received).toHaveLength(1);
    },
  );

  test('a redirect is neither followed nor repeated: a signature goes to no other host', async () => {
    peer.answer((res) => res.writeHead(307, { location: `${backup.url}/v3/x` }).end());
    const reply = await strategy.call({ ...ONCE, retriesMax: 2 });
    expect(reply).toMatchObject({ kind: 'unknown', reason: 'status', status: 307 });
    expect([peer.received.length, backup.received.length]).toEqual([1, 0]);
  });
});

describe('a line that breaks', () => {
  const truncated: Answer = (res, _request, socket) => {
    res.writeHead(200, { 'content-length': '100' });
    res.write('{"a":');
    setImmediate(() => socket.destroy());
  };
  const oversize: Answer = (res) => {
    res.writeHead(200);
    res.end(Buffer.alloc(1_100_000, 0x20));
  };

  test.each([
    ['before the reply', hangUp],
    ['in the middle of it', truncated],
  ])('%s is unknown, then repeated', async (_name, broken) => {
    peer.answer(broken);
    expect(await strategy.call(ONCE)).toMatchObject({ kind: 'unknown', reason: 'network' });
    peer.answer(broken, good());
    const reply = await strategy.call({ ...ONCE, retriesMax: 2 });
    expect(reply).toMatchObject({ kind: 'proven', repeated: true });
  });

  test('a reply without end is cut off', async () => {
    peer.answer(oversize);
    const reply = await strategy.call({ ...ONCE, retriesMax: 2 });
    expect(reply).toMatchObject({
      kind: 'unknown',
      reason: 'unproven',
      code: 'RESPONSE_TOO_LARGE',
    });
    expect(peer.received).toHaveLength(1);
  });

  test('a kept connection that died is replaced, even where no repeat is wanted', async () => {
    // The server drops every connection at its second request, as a front end does with idle ones.
    const seen = new WeakSet();
    peer.answer((res, request, socket) => {
      if (seen.has(socket)) socket.destroy();
      else good()(res, request, socket);
      seen.add(socket);
    });
    expect(await strategy.call(ONCE)).toMatchObject({ kind: 'proven', repeated: false });
    expect(await strategy.call(ONCE)).toMatchObject({ kind: 'proven', repeated: true });
    expect(peer.received).toHaveLength(3);
  });
});

describe('time', () => {
  const dripping: Answer = (res) => {
    res.writeHead(200);
    res.write('{');
  };
  afterEach(freeTimers);

  test.each([
    ['a missing reply', silence],
    ['a body that never ends', dripping],
  ])('%s is a timeout when the given time has passed, and not before', async (_name, answer) => {
    peer.answer(answer);
    holdTimers();
    const call = watched(strategy.call({ ...ONCE, totalMs: 150, retriesMax: 2 }));
    await until('the request arrives', () => peer.received.length === 1);
    await passTime(149);
    expect(call.settled()).toBe(false);
    await passTime(1);
    expect(await call.work).toMatchObject({ kind: 'unknown', reason: 'timeout' });
    expect(peer.received).toHaveLength(1);
  });

  test('past its deadline nothing is signed or sent', async () => {
    const reply = await strategy.call({ ...ONCE, deadline: NOW });
    expect(reply).toMatchObject({ kind: 'unknown', reason: 'timeout', code: 'DEADLINE' });
    expect(peer.received).toEqual([]);
  });

  test('a repeat is not signed once the deadline has passed', async () => {
    peer.answer((res, request, socket) => {
      now = NOW + 60_000;
      plain(500, '{}')(res, request, socket);
    });
    const reply = await strategy.call({ ...ONCE, retriesMax: 2, deadline: NOW + 30_000 });
    expect(reply).toMatchObject({ kind: 'unknown', reason: 'status', status: 500 });
    expect(peer.received).toHaveLength(1);
  });
});

describe('the second host', () => {
  const twice = (): WechatCall => ({ ...ONCE, retriesMax: 1 });

  test('is asked when the first cannot be reached, which is no unknown outcome', async () => {
    await strategy.close();
    strategy = open(await deadUrl(), backup.url);
    backup.answer(good());
    expect(await strategy.call(twice())).toMatchObject({ kind: 'proven', repeated: false });
    expect(backup.received).toHaveLength(1);
    // It stays first for a while: the next call does not stumble again.
    expect(await strategy.call(ONCE)).toMatchObject({ kind: 'proven', repeated: false });
  });

  test('is asked when the first hangs up before a reply', async () => {
    await strategy.close();
    strategy = open(peer.url, backup.url);
    peer.answer(hangUp);
    backup.answer(good());
    expect(await strategy.call(twice())).toMatchObject({ kind: 'proven', repeated: true });
    expect([peer.received.length, backup.received.length]).toEqual([1, 1]);
  });

  test('is left alone when the first answers, however badly', async () => {
    await strategy.close();
    strategy = open(peer.url, backup.url);
    peer.answer(plain(500, '{}'));
    expect(await strategy.call(twice())).toMatchObject({ kind: 'unknown', status: 500 });
    expect([peer.received.length, backup.received.length]).toEqual([2, 0]);
  });

  test('without one, a host that cannot be reached is unknown', async () => {
    await strategy.close();
    strategy = open(await deadUrl());
    const unreachable = { kind: 'unknown', reason: 'network', code: 'ECONNREFUSED' };
    expect(await strategy.call(twice())).toMatchObject(unreachable);
  });
});

describe('download', () => {
  const read = async (url: string, deadline?: number): Promise<string> => {
    let text = '';
    for await (const chunk of await strategy.download(url, deadline)) text += chunk.toString();
    return text;
  };

  test('streams a bill, signed for, from the configured host', async () => {
    peer.answer(plain(200, '交易时间,x\r\n'));
    const url = `${peer.url}/v3/billdownload/file?token=abc`;
    expect(await read(url)).toBe('交易时间,x\r\n');
    const [request] = peer.received;
    expect(request?.path).toBe('/v3/billdownload/file?token=abc');
    expect(authorizationOf(request?.headers.authorization).nonce_str).toHaveLength(32);
    expect(JSON.stringify(lines)).not.toContain('token');
  });

  test.each([
    'https://evil.example/v3/billdownload/file?token=a',
    'https://api.mch.weixin.qq.com.evil.example/v3/billdownload/file',
    'http://api.mch.weixin.qq.com/v3/billdownload/file',
    'https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi',
    'https://u:p@api.mch.weixin.qq.com/v3/billdownload/file',
    'https://api.mch.weixin.qq.com/v3/billdownload/file/../../x',
    'file:///etc/passwd',
    'nonsense',
  ])('never signs for %s', async (url) => {
    await expect(strategy.download(url)).rejects.toMatchObject({ code: 'WECHATPAY_UNPROVEN' });
  });

  test('an error reply is an error, not a bill', async () => {
    const url = `${peer.url}/v3/billdownload/file?token=abc`;
    peer.answer(plain(400, '{"code":"PARAM_ERROR","message":"x"}'));
    await expect(strategy.download(url)).rejects.toMatchObject({
      code: 'WECHATPAY_REJECTED',
      upstream: { status: 400, code: 'PARAM_ERROR' },
    });
    peer.answer(plain(503, ''));
    await expect(strategy.download(url)).rejects.toMatchObject({ code: 'WECHATPAY_UNAVAILABLE' });
    const late = strategy.download(url, NOW);
    await expect(late).rejects.toMatchObject({ code: 'WECHATPAY_TIMEOUT' });
  });

  test('a bill that breaks off breaks the stream', async () => {
    peer.answer((res, _request, socket) => {
      res.writeHead(200, { 'content-length': '100' });
      res.write('half');
      setImmediate(() => socket.destroy());
    });
    await expect(read(`${peer.url}/v3/billdownload/file`)).rejects.toThrow();
  });
});
