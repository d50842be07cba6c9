/** What the strategy of API v2 promises about calls out, answers, and the merchant's certificate. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { X509Certificate } from 'node:crypto';
import type { V2Credentials } from '../../config/types';
import { createStrategy } from '../../services/strategies';
import type { PayStrategy, WechatCall } from '../../services/strategies/strategy';
import { createClientCertificate } from '../../services/strategies/v2/clientCertificate';
import { createDialect } from '../../services/wechat';
import { upstreamError } from '../../services/wechat/wechatErrors';
import { createSimulator } from '../../simulator';
import { sign } from '../../simulator/v2/sign';
import { parseXml, xmlText, type Fields } from '../../simulator/v2/xml';
import { createLogBook } from '../helpers/logBook';
import { configOf, createKeyPair, MERCHANT_ID, NOW } from '../helpers/wechatKeys';
import { hangUp, plain, startPeer, type Answer, type Peer } from '../helpers/wechatPeer';

const KEY = 'k'.repeat(32);
const ACCOUNT = { merchantId: MERCHANT_ID, appId: 'wx0000000000000001', serviceAppId: undefined };
const CALL: WechatCall = {
  method: 'POST',
  path: '/pay/orderquery',
  body: JSON.stringify({ appid: ACCOUNT.appId, mch_id: MERCHANT_ID, out_trade_no: 'T1' }),
};

const credentials = (more: Partial<V2Credentials> = {}): V2Credentials => ({
  ...ACCOUNT,
  apiKeyV2: KEY,
  signTypeV2: 'HMAC-SHA256',
  clientCertificate: undefined,
  ...more,
});

function open(baseUrl: string, v2: V2Credentials = credentials()): PayStrategy {
  const base = configOf({ signMode: 'sdk', merchant: PAIR, wechatPublicKey: undefined, baseUrl });
  const config = {
    ...base,
    signMode: 'v2',
    credentials: { ...ACCOUNT, v3: undefined, v2 },
  } as const;
  return createStrategy({
    config,
    dialect: createDialect(config),
    clock: { now: () => NOW },
    logger: createLogBook().logger,
    retryPause: () => Promise.resolve(),
  });
}
const PAIR = createKeyPair();

const answer = (fields: Fields, type: 'MD5' | 'HMAC-SHA256' = 'HMAC-SHA256', key = KEY): Answer => {
  const whole = { return_code: 'SUCCESS', mch_id: MERCHANT_ID, nonce_str: 'n', ...fields };
  return plain(200, xmlText({ ...whole, sign: sign(whole, key, type) }));
};

let peer: Peer;
let strategy: PayStrategy;
beforeAll(async () => {
  peer = await startPeer();
});
afterAll(() => peer.close());
beforeEach(() => {
  peer.received.length = 0;
  strategy = open(peer.url);
});
afterEach(() => strategy.close());

test('is ready without asking anyone, and says what it has', async () => {
  await strategy.start();
  expect(strategy).toMatchObject({
    mode: 'v2',
    can: { encrypt: false, transfer: false, combine: false },
  });
  expect(strategy.keys()).toEqual({ ready: true, serials: [] });
  expect(peer.received).toEqual([]);
});

test.each(['MD5', 'HMAC-SHA256'] as const)(
  'signs exactly what it sends, by %s',
  async (signTypeV2) => {
    const own = open(peer.url, credentials({ signTypeV2 }));
    peer.answer(answer({ result_code: 'SUCCESS', a: 'x' }, signTypeV2));
    const reply = await own.call({
      ...CALL,
      body: JSON.stringify({ mch_id: MERCHANT_ID, body: '测试<&>', total_fee: 1 }),
    });
    expect(reply).toMatchObject({ kind: 'proven', status: 200, body: { a: 'x' }, repeated: false });
    const [request] = peer.received;
    expect(request).toMatchObject({ method: 'POST', path: CALL.path });
    expect(request?.headers['content-type']).toMatch(/^text\/xml/);
    const { sign: made, ...fields } = parseXml(request?.body ?? '') ?? {};
    expect(fields).toMatchObject({ body: '测试<&>', total_fee: '1', sign_type: signTypeV2 });
    expect(fields.nonce_str).toMatch(/^[0-9a-f]{32}$/);
    expect(made).toBe(sign(fields, KEY, signTypeV2));
    await own.close();
  },
);

test('each attempt has a nonce of its own', async () => {
  peer.answer(hangUp, answer({ result_code: 'SUCCESS' }));
  expect(await strategy.call(CALL)).toMatchObject({ kind: 'proven', repeated: true });
  const nonces = peer.received.map(({ body }) => parseXml(body)?.nonce_str);
  expect(new Set(nonces).size).toBe(2);
});

describe('an answer', () => {
  const unsigned = (fields: Fields): Answer => plain(200, xmlText(fields));
  test.each<[string, Answer, object]>([
    [
      'without a signature',
      unsigned({ return_code: 'SUCCESS', result_code: 'SUCCESS' }),
      { kind: 'unknown', reason: 'unproven' },
    ],
    [
      'signed with another key',
      answer({ result_code: 'SUCCESS' }, 'HMAC-SHA256', 'x'.repeat(32)),
      { kind: 'unknown', reason: 'unproven' },
    ],
    [
      'signed by the weaker type',
      answer({ result_code: 'SUCCESS' }, 'MD5'),
      { kind: 'unknown', reason: 'unproven' },
    ],
    ['that is no XML', plain(200, '{"code":0}'), { kind: 'unknown', reason: 'unproven' }],
    [
      'with a document type',
      plain(200, '<!DOCTYPE xml><xml><return_code>SUCCESS</return_code></xml>'),
      { kind: 'unknown', reason: 'unproven' },
    ],
    [
      'that refuses the request as such',
      unsigned({ return_code: 'FAIL', return_msg: 'body参数长度有误' }),
      { kind: 'refused', status: 400, code: 'PARAM_ERROR', message: 'body参数长度有误' },
    ],
    [
      'that refuses the signature',
      unsigned({ return_code: 'FAIL', return_msg: '签名错误，请检查后再试' }),
      { kind: 'refused', code: 'SIGN_ERROR' },
    ],
    [
      'of a system that failed',
      unsigned({ return_code: 'FAIL', return_msg: '系统错误' }),
      { kind: 'unknown', reason: 'status', code: 'SYSTEMERROR' },
    ],
    [
      'that is an error of WeChat’s',
      answer({ result_code: 'FAIL', err_code: 'ORDERNOTEXIST', err_code_des: '订单不存在' }),
      { kind: 'proven', status: 400, body: { code: 'ORDERNOTEXIST', message: '订单不存在' } },
    ],
    [
      'signed, without a result',
      answer({ err_code: 'ORDERNOTEXIST' }),
      { kind: 'unknown', reason: 'unproven', status: 200 },
    ],
    [
      'signed, with a result that is not known',
      answer({ result_code: 'MAYBE', err_code: 'ORDERNOTEXIST' }),
      { kind: 'unknown', reason: 'unproven', status: 200 },
    ],
    [
      'signed, that refuses without a code',
      answer({ result_code: 'FAIL', err_code_des: '失败' }),
      { kind: 'unknown', reason: 'unproven', status: 200 },
    ],
    [
      'SYSTEMERROR',
      answer({ result_code: 'FAIL', err_code: 'SYSTEMERROR' }),
      { kind: 'unknown', reason: 'status', status: 500 },
    ],
    [
      'BIZERR_NEED_RETRY',
      answer({ result_code: 'FAIL', err_code: 'BIZERR_NEED_RETRY' }),
      { kind: 'unknown', status: 500 },
    ],
    [
      'USERPAYING',
      answer({ result_code: 'FAIL', err_code: 'USERPAYING' }),
      { kind: 'unknown', status: 202 },
    ],
    [
      'FREQUENCY_LIMITED',
      answer({ result_code: 'FAIL', err_code: 'FREQUENCY_LIMITED' }),
      { kind: 'unknown', status: 429 },
    ],
    [
      'of a front that misses a certificate',
      plain(400, '<html>400 No required SSL certificate was sent</html>'),
      { kind: 'refused', status: 400, code: 'CLIENT_CERTIFICATE' },
    ],
    [
      'of a front that is down',
      plain(502, '<html>502</html>'),
      { kind: 'unknown', reason: 'status', status: 502 },
    ],
  ])('%s', async (_name, said, expected) => {
    peer.answer(said);
    expect(await strategy.call(CALL)).toMatchObject(expected);
  });

  test.each([
    ['SYSTEMERROR', 3],
    ['USERPAYING', 1],
    ['FREQUENCY_LIMITED', 1],
    ['ORDERNOTEXIST', 1],
  ])('%s is asked for %i times', async (err_code, times) => {
    peer.answer(answer({ result_code: 'FAIL', err_code }));
    await strategy.call(CALL);
    expect(peer.received).toHaveLength(times);
  });
});

test('a call of API v3 is not sent: what is missing is named', async () => {
  expect(await strategy.call({ method: 'GET', path: '/v3/certificates' })).toMatchObject({
    kind: 'unknown',
    reason: 'credentials',
    code: 'apiV3Key',
  });
  await expect(strategy.requireFor({ path: '/v3/x' })).rejects.toMatchObject({
    code: 'MISSING_CREDENTIALS',
  });
  await expect(strategy.requireFor({ path: '/secapi/pay/refund' })).rejects.toMatchObject({
    message: expect.stringContaining('clientCertificate') as string,
  });
  await expect(strategy.requireFor({ path: '/pay/orderquery' })).resolves.toBeUndefined();
  expect(await strategy.call({ ...CALL, path: '/secapi/pay/refund' })).toMatchObject({
    reason: 'credentials',
    code: 'clientCertificate',
  });
  expect(peer.received).toEqual([]);
});

test('a path that was not encoded is a bug, and never sent', async () => {
  await expect(strategy.call({ ...CALL, path: '/pay/a b' })).rejects.toMatchObject({
    code: 'INVARIANT_BROKEN',
  });
});

describe('a bill', () => {
  const BILL: WechatCall = { ...CALL, path: '/pay/downloadbill' };
  const line = '`2026-01-02 03:04:05,`wx0000000000000001,`1900000001,`100.00\r\n';
  const bytesOf = async (): Promise<string> => {
    const offer = await strategy.bill(BILL);
    return offer.kind === 'bill' ? text(await offer.open()) : offer.kind;
  };

  test('longer than one chunk of the socket arrives whole', async () => {
    const bill = line.repeat(10_000);
    peer.answer(plain(200, bill));
    expect(await bytesOf()).toBe(bill);
  });

  test('sent in two writes arrives whole', async () => {
    peer.answer((res) => {
      res.writeHead(200);
      res.write(line, () => setImmediate(() => res.end(line)));
    });
    expect(await bytesOf()).toBe(line + line);
  });

  test('of no bytes is an empty file', async () => {
    peer.answer(plain(200, ''));
    expect(await bytesOf()).toBe('');
  });

  test('that breaks off after its start is an error, never a shorter bill', async () => {
    peer.answer((res, _request, socket) => {
      res.writeHead(200, { 'content-length': 10 * line.length });
      res.write(line, () => socket.end());
    });
    await expect(bytesOf()).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test.each([
    ['its first byte', ''],
    ['the end of an error', '<xml><return_code>'],
  ])('that breaks off before %s is an outage of WeChat Pay', async (_name, start) => {
    peer.answer((res, _request, socket) => {
      res.writeHead(200, { 'content-length': 100 });
      res.flushHeaders();
      res.write(start, () => socket.end());
    });
    const reply = await strategy.bill(BILL);
    expect(reply).toMatchObject({ kind: 'unknown', reason: 'network', code: 'ECONNRESET' });
    expect(reply.kind !== 'bill' && upstreamError(reply).code).toBe('WECHATPAY_UNAVAILABLE');
  });

  test('that is an error, in two writes, is read whole', async () => {
    const said = xmlText({ return_code: 'FAIL', return_msg: 'No Bill Exist' });
    peer.answer((res) => {
      res.writeHead(200);
      res.write(said.slice(0, 9), () => setImmediate(() => res.end(said.slice(9))));
    });
    expect(await strategy.bill(BILL)).toMatchObject({
      kind: 'refused',
      code: 'NO_STATEMENT_EXIST',
    });
  });
});

describe('the merchant’s certificate', () => {
  const clock = { now: () => Date.parse('2027-01-01T00:00:00Z') };
  const old = Buffer.from(
    readFileSync(join(__dirname, '../fixtures/oldEncryption.p12.txt'), 'utf8'),
    'base64',
  );

  test('opens in the old encryption that most such files have', async () => {
    const own = credentials({ clientCertificate: old, merchantId: '1900000001' });
    const { cert, key } = await createClientCertificate(own, clock).open();
    expect(new X509Certificate(cert).subject).toBe('CN=1900000001');
    expect(key).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
  });

  test('opens in the new one', async () => {
    const sim = await createSimulator();
    const bytes = Buffer.from(sim.envV2().clientCertificate ?? '', 'base64');
    await sim.close();
    const own = credentials({ clientCertificate: bytes, merchantId: sim.credentials.merchantId });
    expect((await createClientCertificate(own, { now: () => Date.now() }).open()).cert).toContain(
      'BEGIN CERTIFICATE',
    );
  });

  test.each([
    [
      'of another merchant',
      credentials({ clientCertificate: old, merchantId: '1900009999' }),
      'unreadable',
    ],
    ['that is none', credentials({ clientCertificate: Buffer.from('0\x82no') }), 'unreadable'],
    ['that is not there', credentials(), 'missing'],
  ])('one %s is named', async (_name, own, fault) => {
    expect(await createClientCertificate(own, clock).fault()).toBe(fault);
    await expect(createClientCertificate(own, clock).open()).rejects.toMatchObject({
      message: expect.stringContaining('clientCertificate') as string,
    });
  });

  test('one that ran out is named', async () => {
    const own = credentials({ clientCertificate: old, merchantId: '1900000001' });
    const late = { now: () => Date.parse('2200-01-01T00:00:00Z') };
    expect(await createClientCertificate(own, late).fault()).toBe('expired');
  });
});
