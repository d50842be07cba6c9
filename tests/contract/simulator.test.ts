/**
 * Shows that a client this project did not write, `wechatpay-axios-plugin`, works against the
 * simulator unmodified: it signs, is answered, verifies the answers, and opens the notifications.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { Wechatpay, Aes, Rsa, Formatter } from 'wechatpay-axios-plugin';
import { createSimulator, SimulatorError } from '../../simulator/index';
import type { Plain, Simulator, SimulatorOptions } from '../../simulator/index';

const NOTIFY = 'https://pay.example.com/wechatpay/order';
const HOUR = 3_600_000;

interface Reply {
  status: number;
  data: Plain;
  headers: Record<string, string>;
}
interface Client {
  request(path: string, method: string, data?: unknown, config?: unknown): Promise<Reply>;
}
interface Sealed {
  ciphertext: string;
  nonce: string;
  associated_data: string;
}
interface Received {
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

let simulator: Simulator;
let merchant: Server;
let received: Received[];
let answerStatus: number;

beforeAll(async () => {
  merchant = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => {
      received.push({ url: request.url ?? '', headers: request.headers, body });
      response.writeHead(answerStatus).end();
    });
  });
  await new Promise<void>((resolve) => merchant.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  merchant.closeAllConnections();
  await new Promise((resolve) => merchant.close(resolve));
});

afterEach(async () => {
  await simulator.close();
});

async function start(options: SimulatorOptions = {}): Promise<void> {
  received = [];
  answerStatus = 204;
  const { port } = merchant.address() as AddressInfo;
  simulator = await createSimulator({ callbackTarget: `http://127.0.0.1:${port}`, ...options });
}

function client(over: Plain = {}): Client {
  const c = simulator.credentials;
  const certificates = c.platformCertificates.map(({ serial, pem }) => [serial, pem] as const);
  const certs = certificates.length
    ? Object.fromEntries(certificates)
    : { [c.wxPayPublicKeyId]: c.wxPayPublicKey };
  return new Wechatpay({
    mchid: c.merchantId,
    serial: c.merchantSerialNumber,
    privateKey: c.privateKey,
    certs,
    baseURL: simulator.url,
    ...over,
  }).client as unknown as Client;
}

/** The reply, also where the client throws because of its status. */
async function call(
  method: string,
  path: string,
  data?: unknown,
  over: Plain = {},
): Promise<Reply> {
  const { headers, ...config } = over;
  return client(config)
    .request(path, method, data, {
      validateStatus: (status: number) => status < 300,
      ...(headers === undefined ? {} : { headers }),
    })
    .catch((caught: unknown) => {
      const error = caught as { response?: Reply; message: string };
      if (error.response === undefined || error.response.status < 300) throw caught;
      return error.response;
    });
}

function orderBody(no: string, over: Plain = {}): Plain {
  const { appId, merchantId } = simulator.credentials;
  return {
    appid: appId,
    mchid: merchantId,
    description: '一杯茶',
    out_trade_no: no,
    notify_url: NOTIFY,
    amount: { total: 250, currency: 'CNY' },
    payer: { openid: 'oUser0000000000000000000001' },
    ...over,
  };
}

const order = (no: string, over: Plain = {}): Promise<Reply> =>
  call('post', '/v3/pay/transactions/jsapi', orderBody(no, over));
const query = (no: string): Promise<Reply> =>
  call('get', `/v3/pay/transactions/out-trade-no/${no}?mchid=${simulator.credentials.merchantId}`);
const close = (no: string): Promise<Reply> =>
  call('post', `/v3/pay/transactions/out-trade-no/${no}/close`, {
    mchid: simulator.credentials.merchantId,
  });
const refund = (no: string, refundNo: string, fen: number, total = 250): Promise<Reply> =>
  call('post', '/v3/refund/domestic/refunds', {
    out_trade_no: no,
    out_refund_no: refundNo,
    notify_url: 'https://pay.example.com/wechatpay/refund',
    amount: { refund: fen, total, currency: 'CNY' },
  });

/** Opens a notification with the client's own helpers. */
function open(message: { headers: IncomingHttpHeaders; body: string }): Plain {
  const c = simulator.credentials;
  const timestamp = String(message.headers['wechatpay-timestamp']);
  const nonce = String(message.headers['wechatpay-nonce']);
  const signed = Formatter.response(timestamp, nonce, message.body);
  const signature = String(message.headers['wechatpay-signature']);
  const key = Rsa.from(c.wxPayPublicKey, Rsa.KEY_TYPE_PUBLIC);
  expect(message.headers['wechatpay-serial']).toBe(c.wxPayPublicKeyId);
  expect(Rsa.verify(signed, signature, key)).toBe(true);
  const { resource } = JSON.parse(message.body) as { resource: Sealed };
  return JSON.parse(
    Aes.AesGcm.decrypt(resource.ciphertext, c.apiV3Key, resource.nonce, resource.associated_data),
  ) as Plain;
}

describe('an order by a foreign client', () => {
  test.each(['publicKey', 'certificate', 'both'] as const)(
    'is placed, queried, and closed with verified answers in scheme %s',
    async (scheme) => {
      await start({ scheme });
      const placed = await order('T20260101001');
      expect(placed.status).toBe(200);
      expect(placed.data.prepay_id).toMatch(/^wx\d{34}$/);
      expect(placed.headers['request-id']).toMatch(/^[0-9A-F]{32}-0$/);
      expect((await query('T20260101001')).data.trade_state).toBe('NOTPAY');
      const closed = await close('T20260101001');
      expect(closed.status).toBe(204);
      expect((await close('T20260101001')).status).toBe(204);
      expect((await query('T20260101001')).data.trade_state).toBe('CLOSED');
      expect((await order('T20260101001')).data.code).toBe('ORDER_CLOSED');
    },
  );

  test('an answer signed by another key is refused by the client', async () => {
    await start();
    simulator.faults.add({ route: 'POST /v3/pay/transactions/jsapi', kind: 'bad_signature' });
    simulator.faults.add({ route: 'POST /v3/pay/transactions/jsapi', kind: 'probe' });
    simulator.faults.add({ route: 'POST /v3/pay/transactions/jsapi', kind: 'unknown_serial' });
    simulator.faults.add({ route: 'POST /v3/pay/transactions/jsapi', kind: 'stale_timestamp' });
    simulator.faults.add({ route: 'POST /v3/pay/transactions/jsapi', kind: 'no_signature' });
    await expect(order('T20260101002')).rejects.toThrow(/Verify the response/);
    await expect(order('T20260101002')).rejects.toThrow(/Verify the response/);
    await expect(order('T20260101002')).rejects.toThrow(/Cannot found the serial/);
    await expect(order('T20260101002')).rejects.toThrow(/allowed time offset/);
    await expect(order('T20260101002')).rejects.toThrow(/Headers incomplete/);
    expect((await order('T20260101002')).status).toBe(200);
    // All of them were executed: only the first was not a repeat.
    const replays = simulator.requests.map((request) => request.idempotentReplay);
    expect(replays).toEqual([false, true, true, true, true, true]);
  });

  test('a repeat is equal or refused, a paid number is spent', async () => {
    await start();
    const first = await order('T20260101003');
    const again = await order('T20260101003');
    expect(again.status).toBe(200);
    expect(again.data.prepay_id).not.toBe(first.data.prepay_id);
    const changed = await order('T20260101003', { amount: { total: 1 } });
    expect([changed.status, changed.data.code]).toEqual([400, 'INVALID_REQUEST']);
    expect(changed.data.message).toBe('请求重入时，参数与首次请求时不一致');
    simulator.pay('T20260101003', { deliver: 'never' });
    const paid = await order('T20260101003');
    expect([paid.status, paid.data.code]).toEqual([400, 'ORDER_PAID']);
    const closed = await close('T20260101003');
    expect([closed.status, closed.data.code]).toEqual([400, 'ORDERPAID']);
    expect(closed.headers['wechatpay-signature']).toBeUndefined();
    expect((await query('T20260101003')).data.trade_state).toBe('SUCCESS');
  });

  test('time_expire ends paying, not the order', async () => {
    await start({ nowMs: Date.parse('2026-01-02T00:00:00Z'), frozen: true });
    simulator.switches.wireClock = 'real';
    await order('T20260101004', { time_expire: '2026-01-02T08:10:00+08:00' });
    await simulator.clock.advance(11 * 60_000);
    expect(() => simulator.pay('T20260101004')).toThrow(SimulatorError);
    expect((await query('T20260101004')).data.trade_state).toBe('NOTPAY');
    await simulator.clock.advance(7 * 24 * HOUR);
    expect((await query('T20260101004')).data.trade_state).toBe('CLOSED');
  });

  test.each([
    ['a missing field', { description: undefined }, '必填性规则校验失败'],
    ['a text for a number', { amount: { total: '250' } }, '需要一个合法的 64 位有符号整数'],
    ['zero', { amount: { total: 0 } }, '小于最小值 1'],
    ['half a fen', { amount: { total: 1.5 } }, '64 位有符号整数'],
    ['a short number', { out_trade_no: 'T1' }, '字符数 2，小于最小值 6'],
    ['a forbidden character', { out_trade_no: 'T2026/0101' }, '必须匹配正则表达式'],
    ['an unknown field', { extra: 1 }, '未在API文档中定义的参数'],
    ['null', { attach: null }, '未在API文档中定义的参数'],
    ['an emoji', { description: '茶🍵' }, '4 字节'],
    ['a foreign mchid', { mchid: '1900000009' }, 'mchid不匹配'],
    ['a foreign openid', { payer: { openid: 'foreign-1' } }, 'appid与openid不匹配'],
    ['an internal notify_url', { notify_url: 'https://127.0.0.1/a' }, '通知地址'],
    ['a query in notify_url', { notify_url: `${NOTIFY}?a=1` }, '通知地址'],
  ])('%s is refused in WeChat’s words', async (_what, over, message) => {
    await start();
    const refused = await order('T20260101005', over);
    expect([refused.status, refused.data.code]).toEqual([400, 'PARAM_ERROR']);
    expect(refused.data.message).toContain(message);
    expect(simulator.order('T20260101005')).toBeUndefined();
  });

  test('each product answers in its own form', async () => {
    await start();
    const place = (product: string, over: Plain): Promise<Reply> =>
      call('post', `/v3/pay/transactions/${product}`, {
        ...orderBody(`T-${product}-1`),
        payer: undefined,
        ...over,
      });
    expect((await place('app', {})).data.prepay_id).toMatch(/^wx/);
    expect((await place('native', {})).data.code_url).toMatch(/^weixin:\/\/wxpay\/bizpayurl\?pr=/);
    const scene_info = { payer_client_ip: '203.0.113.7', h5_info: { type: 'Wap' } };
    expect((await place('h5', { scene_info })).data.h5_url).toMatch(/^https:\/\/wx\.tenpay\.com/);
    expect((await place('h5', {})).data.code).toBe('PARAM_ERROR');
    const stray = { payer: { openid: 'oUser0000000000000000000001' } };
    expect((await place('native', stray)).data.message).toContain('未在API文档中定义');
  });
});

describe('a request with a wrong signature', () => {
  test('is answered with the text that was checked', async () => {
    await start();
    const other = await createSimulator({ seed: 2 });
    const { privateKey } = other.credentials;
    await other.close();
    const refused = await call('post', '/v3/pay/transactions/jsapi', orderBody('T20260101006'), {
      privateKey,
    });
    expect([refused.status, refused.data.code]).toEqual([401, 'SIGN_ERROR']);
    const body = Buffer.byteLength(simulator.requests[0]?.body ?? '');
    const head = 'POST\n/v3/pay/transactions/jsapi\n1700000000\n'.length + 32 + 1;
    expect(refused.data.detail).toMatchObject({
      detail: { issue: 'sign not match' },
      field: 'signature',
      location: 'authorization',
      sign_information: {
        method: 'POST',
        url: '/v3/pay/transactions/jsapi',
        sign_message_length: head + body + 1,
      },
    });
    expect(refused.headers['request-id']).toMatch(/-268443699$/);
    expect(simulator.requests[0]?.signature).toBe('sign not match');
    expect(simulator.orders()).toEqual([]);
  });

  test('another serial, another merchant, or an old date are told apart', async () => {
    await start();
    const issue = async (over: Plain): Promise<unknown> => {
      const reply = await call('post', '/v3/pay/transactions/jsapi', orderBody('T1'), over);
      expect(reply.status).toBe(401);
      return (reply.data.detail as { detail: { issue: string } }).detail.issue;
    };
    expect(await issue({ serial: 'A'.repeat(40) })).toBe('serial_no not match');
    expect(await issue({ mchid: '1900000009' })).toBe('serial_no not match');
    await simulator.clock.advance(301_000);
    expect(await issue({})).toBe('timestamp expired');
    const bare = await fetch(`${simulator.url}/v3/certificates`);
    expect(await bare.json()).toMatchObject({ code: 'SIGN_ERROR', message: 'Authorization不合法' });
  });
});

describe('a payment', () => {
  test('is notified, verified, and decrypted by the client’s helpers', async () => {
    await start();
    await order('T20260101007', { attach: 'table 4' });
    const transaction = simulator.pay('T20260101007');
    await simulator.clock.advance(0);
    expect(received.map(({ url }) => url)).toEqual(['/wechatpay/order']);
    const plain = open(received[0] as Received);
    expect(plain).toEqual(transaction);
    expect(plain).toMatchObject({
      trade_state: 'SUCCESS',
      attach: 'table 4',
      amount: { total: 250, payer_total: 250, currency: 'CNY', payer_currency: 'CNY' },
    });
    const { merchantId } = simulator.credentials;
    const path = `/v3/pay/transactions/id/${String(plain.transaction_id)}`;
    const byId = await call('get', `${path}?mchid=${merchantId}`);
    expect(byId.data).toEqual(transaction);
    expect(() => simulator.pay('T20260101007')).toThrow('cannot be paid: SUCCESS');
  });

  test('is notified 1 + 15 times over 24 h 4 min, one id, each freshly signed', async () => {
    await start();
    await order('T20260101008');
    answerStatus = 500;
    const paidAt = simulator.clock.now();
    simulator.pay('T20260101008');
    await simulator.clock.advance(48 * HOUR);
    expect(received).toHaveLength(16);
    expect(new Set(simulator.callbacks.map(({ id }) => id)).size).toBe(1);
    const seconds = simulator.callbacks.map(({ atMs }) => Math.round((atMs - paidAt) / 1000));
    expect(seconds.slice(0, 6)).toEqual([0, 15, 30, 60, 240, 840]);
    expect(seconds.at(-1)).toBe(86_640);
    for (const [i, message] of received.entries()) {
      open(message);
      const stamp = Number(message.headers['wechatpay-timestamp']);
      expect(stamp).toBe(Math.floor((simulator.callbacks[i]?.atMs ?? 0) / 1000));
    }
    expect(new Set(received.map(({ body }) => body)).size).toBe(16);
  });

  test('is not notified again once acknowledged; 302 is no acknowledgement', async () => {
    await start();
    await order('T20260101009');
    answerStatus = 302;
    simulator.pay('T20260101009');
    await simulator.clock.advance(0);
    expect(simulator.callbacks.map(({ ok }) => ok)).toEqual([false]);
    answerStatus = 200;
    await simulator.clock.advance(48 * HOUR);
    expect(simulator.callbacks.map(({ ok }) => ok)).toEqual([false, true]);
    const again = await simulator.deliver('payment', 'T20260101009', { times: 2 });
    expect(again.map(({ ok }) => ok)).toEqual([true, true]);
  });

  test('can be lost, doubled, spoiled, and overtaken on its way', async () => {
    await start();
    for (const no of ['T20260101010', 'T20260101011']) await order(no);
    const { callbackFaults: faults } = simulator;
    faults.add({ route: 'payment', kind: 'reorder' });
    simulator.pay('T20260101010');
    simulator.pay('T20260101011');
    await simulator.clock.advance(0);
    expect(simulator.callbacks.map(({ no }) => no)).toEqual(['T20260101011', 'T20260101010']);
    faults.add({ route: 'POST /wechatpay/order', kind: 'duplicate' });
    expect(await simulator.deliver('payment', 'T20260101010')).toHaveLength(2);
    faults.add({ route: 'TRANSACTION.SUCCESS', kind: 'drop' });
    const count = received.length;
    await simulator.deliver('payment', 'T20260101010');
    expect(received).toHaveLength(count);
    for (const kind of ['bad_signature', 'probe', 'truncate'] as const) {
      faults.add({ route: /wechatpay/, kind });
      await simulator.deliver('payment', 'T20260101010');
      expect(() => open(received.at(-1) as Received)).toThrow();
    }
    const probe = received.at(-2)?.headers['wechatpay-signature'];
    expect(probe).toMatch(/^WECHATPAY\/SIGNTEST\//);
    faults.add({ route: 'payment', kind: 'no_headers' });
    await simulator.deliver('payment', 'T20260101010');
    expect(Object.keys(received.at(-1)?.headers ?? {}).join()).not.toContain('wechatpay');
  });

  test('is forwarded by Integration Center with or without ciphertext', async () => {
    await start({ mode: 'gateway' });
    await order('T20260101012');
    const plain = simulator.pay('T20260101012');
    await simulator.clock.advance(0);
    const first = received[0] as Received;
    const forward = JSON.parse(first.body) as Record<string, Plain>;
    expect(first.url).toBe('/');
    expect(first.headers['wechatpay-signature']).toBeUndefined();
    expect(forward.ParsedContent).toEqual(plain);
    expect(forward.rawData).toMatchObject({ resource: { algorithm: 'AEAD_AES_256_GCM' } });
    simulator.gateway = { ciphertext: false, target: 'callback' };
    await simulator.deliver('payment', 'T20260101012');
    const second = received[1] as Received;
    expect(second.url).toBe('/wechatpay/order');
    expect(second.body).not.toContain('ciphertext');
  });
});

describe('a refund', () => {
  beforeEach(async () => {
    await start();
    await order('T20260101020');
    simulator.pay('T20260101020', { deliver: 'never' });
  });

  test('is accepted, settles, is notified, and turns the order to REFUND', async () => {
    simulator.switches.refundSettleMs = 60_000;
    const made = await refund('T20260101020', 'R1', 100);
    expect([made.status, made.data.status]).toEqual([200, 'PROCESSING']);
    expect((await query('T20260101020')).data.trade_state).toBe('REFUND');
    await simulator.clock.advance(60_000);
    const plain = open(received[0] as Received);
    expect(plain).toMatchObject({
      out_refund_no: 'R1',
      refund_status: 'SUCCESS',
      amount: { total: 250, refund: 100, payer_total: 250, payer_refund: 100 },
    });
    const asked = await call('get', '/v3/refund/domestic/refunds/R1');
    expect([asked.data.status, asked.data.success_time]).toEqual(['SUCCESS', plain.success_time]);
  });

  test('keeps to what was paid, one number for one refund', async () => {
    expect((await refund('T20260101020', 'R1', 200)).status).toBe(200);
    expect((await refund('T20260101020', 'R1', 200)).status).toBe(200);
    expect(simulator.requests.at(-1)?.idempotentReplay).toBe(true);
    const other = await refund('T20260101020', 'R1', 100);
    expect(other.data.message).toContain('与之前请求不一致');
    const over = await refund('T20260101020', 'R2', 51);
    expect([over.status, over.data.message]).toEqual([400, '申请退款金额超过订单可退金额']);
    expect((await refund('T20260101020', 'R3', 50, 249)).data.code).toBe('INVALID_REQUEST');
    expect((await refund('T20260101020', 'R4', 50)).status).toBe(200);
    const unknown = await refund('T00000000', 'R5', 1);
    expect([unknown.status, unknown.data.code]).toEqual([404, 'RESOURCE_NOT_EXISTS']);
    expect((await call('get', '/v3/refund/domestic/refunds/R9')).status).toBe(404);
  });

  test('is possible fifty times; a closed one gives its money free again', async () => {
    simulator.switches.refundOutcome = 'never';
    await refund('T20260101020', 'R0', 250);
    simulator.settleRefund('R0', 'CLOSED', { deliver: 'never' });
    for (let i = 1; i < 50; i += 1) await refund('T20260101020', `R${i}`, 1);
    expect((await refund('T20260101020', 'R50', 1)).data.message).toContain('次数');
    expect(() => simulator.settleRefund('R0', 'SUCCESS')).toThrow('final');
  });

  test('that is abnormal goes on to the user’s card, named in cipher', async () => {
    simulator.switches.refundOutcome = 'ABNORMAL';
    const { data } = await refund('T20260101020', 'R1', 100);
    await simulator.clock.advance(0);
    const { wxPayPublicKey, wxPayPublicKeyId } = simulator.credentials;
    const path = `/v3/refund/domestic/refunds/${String(data.refund_id)}/apply-abnormal-refund`;
    const body = (value: string): Plain => ({
      out_refund_no: 'R1',
      type: 'USER_BANK_CARD',
      bank_type: 'ICBC_DEBIT',
      bank_account: value,
      real_name: value,
    });
    const plainText = await call('post', path, body('6222'), {
      headers: { 'Wechatpay-Serial': wxPayPublicKeyId },
    });
    expect(plainText.data.message).toContain('密文');
    const secret = Rsa.encrypt('6222', Rsa.from(wxPayPublicKey, Rsa.KEY_TYPE_PUBLIC));
    expect((await call('post', path, body(secret))).data.message).toContain('Wechatpay-Serial');
    const done = await call('post', path, body(secret), {
      headers: { 'Wechatpay-Serial': wxPayPublicKeyId },
    });
    expect([done.status, done.data.status]).toEqual([200, 'PROCESSING']);
    await simulator.clock.advance(0);
    expect(simulator.refund('R1')?.status).toBe('SUCCESS');
    expect(received.map(({ body: b }) => (JSON.parse(b) as Plain).event_type)).toEqual([
      'REFUND.ABNORMAL',
      'REFUND.SUCCESS',
    ]);
  });
});

describe('platform certificates', () => {
  const get = (): Promise<Reply> => call('get', '/v3/certificates');

  test('are handed out encrypted, and rotate with an overlap', async () => {
    await start({ scheme: 'certificate' });
    const rotated = simulator.rotateCertificate();
    const { data } = await get();
    const list = data.data as { serial_no: string; encrypt_certificate: Sealed }[];
    expect(list).toHaveLength(2);
    for (const { serial_no, encrypt_certificate: e } of list) {
      const key = simulator.credentials.apiV3Key;
      const pem = Aes.AesGcm.decrypt(e.ciphertext, key, e.nonce, e.associated_data);
      expect(new X509Certificate(pem).serialNumber).toBe(serial_no);
    }
    expect((await order('T20260101030')).headers['wechatpay-serial']).toBe(rotated.serial);
  });

  test('do not exist for a merchant with a public key, in either of two ways', async () => {
    await start();
    const missing = await get();
    expect([missing.status, missing.data.code]).toEqual([404, 'RESOURCE_NOT_EXISTS']);
    simulator.switches.certificatesForPublicKey = '403 NOT_ENOUGH';
    const gone = await get();
    expect([gone.status, gone.data.code]).toEqual([403, 'NOT_ENOUGH']);
  });

  test('in the switch week the request chooses the key of the answer', async () => {
    await start({ scheme: 'both' });
    const { wxPayPublicKeyId: id, wxPayPublicKey: pem } = simulator.credentials;
    const certs = { [id]: pem };
    const headers = { 'Wechatpay-Serial': id };
    const body = orderBody('T20260101031');
    const reply = await call('post', '/v3/pay/transactions/jsapi', body, { certs, headers });
    expect(reply.headers['wechatpay-serial']).toBe(id);
    expect((await order('T20260101031')).headers['wechatpay-serial']).toMatch(/^[0-9A-F]{40}$/);
  });
});

describe('the bill of a day', () => {
  const NOW = Date.parse('2026-03-01T12:00:00+08:00');
  const bill = (kind: string, more = ''): Promise<Reply> =>
    call('get', `/v3/bill/${kind}?bill_date=2026-03-01${more}`);

  beforeEach(async () => {
    await start({ nowMs: NOW, frozen: true, switches: { wireClock: 'real' } });
    await order('T20260301001', { description: 'tea, `black`' });
    simulator.pay('T20260301001', { deliver: 'never' });
    await order('T20260301002', { amount: { total: 1000 } });
    simulator.pay('T20260301002', { deliver: 'never' });
    await refund('T20260301001', 'R1', 100);
  });

  test('is being made until nine o’clock, and does not exist without business', async () => {
    expect((await bill('tradebill')).data.code).toBe('PARAM_ERROR');
    await simulator.clock.set(Date.parse('2026-03-02T08:59:00+08:00'));
    expect((await bill('tradebill')).data.code).toBe('STATEMENT_CREATING');
    await simulator.clock.set(Date.parse('2026-03-03T09:00:00+08:00'));
    const none = await call('get', '/v3/bill/tradebill?bill_date=2026-03-02');
    expect([none.status, none.data.code]).toEqual([400, 'NO_STATEMENT_EXIST']);
  });

  test('lists what happened; its hash is that of the plain file', async () => {
    await simulator.clock.set(Date.parse('2026-03-02T10:00:00+08:00'));
    const { data } = await bill('tradebill', '&tar_type=GZIP');
    const url = new URL(String(data.download_url));
    const download = (): Promise<Reply> =>
      client().request(url.pathname, 'get', undefined, {
        params: Object.fromEntries(url.searchParams),
        responseType: 'arraybuffer',
      });
    const file = await download();
    expect(file.headers['wechatpay-signature']).toBeUndefined();
    const plain = gunzipSync(file.data as unknown as Buffer);
    expect(createHash('sha1').update(plain).digest('hex')).toBe(data.hash_value);
    expect([...plain.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    const lines = plain.toString('utf8').trimEnd().split('\r\n');
    expect(lines).toHaveLength(6);
    expect(lines[0]?.split(',')).toHaveLength(27);
    const rows = lines.slice(1, 4).map((text) => text.slice(1).split(',`'));
    expect(rows.map((row) => row.length)).toEqual([27, 27, 27]);
    expect(rows[0]?.slice(9, 17)).toEqual('SUCCESS|OTHERS|CNY|2.50|0.00|0|0|0.00'.split('|'));
    expect(rows[0]?.slice(22, 26)).toEqual(['0.02000', '0.60%', '2.50', '0.00']);
    expect(rows[2]?.slice(14, 20)).toEqual([
      simulator.refund('R1')?.refund_id,
      'R1',
      '1.00',
      '0.00',
      'ORIGINAL',
      'SUCCESS',
    ]);
    expect(lines[5]).toBe('`3,`12.50,`1.00,`0.00,`0.08000,`12.50,`1.00');
    await simulator.clock.advance(300_001);
    await expect(download()).rejects.toMatchObject({ response: { status: 400 } });
  });

  test('of funds adds up to the balance', async () => {
    const { fundflow, SUCCESS, REFUND } = simulator.bill('2026-03-01');
    const lines = fundflow.trimEnd().split('\r\n');
    expect(lines.at(-1)).toBe('`5,`2,`12.50,`3,`1.08');
    expect(lines.at(-3)?.split(',`')[7]).toBe('11.42');
    // A fee has the number and 业务名称 of its payment; 业务类型 tells the two apart.
    const [payment, fee] = lines.slice(1, 3).map((row) => row.slice(1).split(',`'));
    expect(fee?.slice(1, 4)).toEqual(payment?.slice(1, 4));
    expect([payment, fee].map((row) => row?.slice(3, 6).join(' '))).toEqual([
      '交易 交易 收入',
      '交易 扣除交易手续费 支出',
    ]);
    expect(SUCCESS.split('\r\n')[0]?.split(',')).toHaveLength(20);
    expect(REFUND.split('\r\n')[0]?.split(',')).toHaveLength(29);
    expect(REFUND.split('\r\n')[1]?.slice(1).split(',`')).toHaveLength(29);
  });
});
