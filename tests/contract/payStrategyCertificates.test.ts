import { createDialect } from '../../services/wechat';
import { createStrategy } from '../../services/strategies';
import type { PayStrategy, WechatCall } from '../../services/strategies/strategy';
import { createLogBook, type LogLine } from '../helpers/logBook';
import {
  API_V3_KEY,
  configOf,
  createKeyPair,
  issueCertificate,
  MERCHANT_ID,
  NOW,
  PUBLIC_KEY_ID,
  seal,
  wechatHeaders,
  type KeyPair,
  type WechatKey,
} from '../helpers/wechatKeys';
import { freeTimers, holdTimers, passTime, until, watched } from '../helpers/waiting';
import { plain, signed, silence, startPeer, type Answer, type Peer } from '../helpers/wechatPeer';

/** Platform certificates: loaded, proven, rotated, kept, expired; beside the public key or without it. */

const DAY = 86_400_000;
const MINUTE = 60_000;

type Certificate = ReturnType<typeof issueCertificate>;

let merchant: KeyPair;
let wechat: KeyPair;
let old: Certificate;
let next: Certificate;
let peer: Peer;
let now: number;
let lines: LogLine[];
let strategy: PayStrategy;
let listed: Answer;
let other: Answer;

beforeAll(async () => {
  merchant = createKeyPair();
  wechat = createKeyPair();
  old = issueCertificate({
    serial: '5157F09EFDC096DE15EBE81A47057A72AAAAAAAA',
    notBefore: NOW - 100 * DAY,
    notAfter: NOW + 10 * DAY,
  });
  // A serial with a leading zero, and one whose first bit is set: both are written differently in X.509.
  next = issueCertificate({
    serial: '0957F09EFDC096DE15EBE81A47057A72BBBBBBBB',
    notBefore: NOW - DAY,
    notAfter: NOW + 1000 * DAY,
  });
  peer = await startPeer();
});
afterAll(() => peer.close());
beforeEach(() => {
  now = NOW;
  peer.received.length = 0;
  listed = list([old], old);
  other = byCertificate(old);
  peer.answer((res, request, socket) => {
    const answer = request.path === '/v3/certificates' ? listed : other;
    answer(res, request, socket);
  });
});
afterEach(() => {
  freeTimers();
  return strategy.close();
});

function open(withPublicKey = false): PayStrategy {
  const book = createLogBook();
  lines = book.lines;
  const config = configOf({
    signMode: 'sdk',
    merchant,
    wechatPublicKey: withPublicKey ? wechat.publicKey : undefined,
    baseUrl: peer.url,
  });
  strategy = createStrategy({
    config,
    dialect: createDialect(config),
    clock: { now: () => now },
    logger: book.logger,
  });
  return strategy;
}

interface Row {
  readonly serial: string;
  readonly pem: string;
  readonly apiV3Key?: string;
}

function list(rows: readonly Row[], signer: WechatKey, headers = {}): Answer {
  const data = rows.map(({ serial, pem, apiV3Key }) => ({
    serial_no: serial,
    effective_time: '2024-01-01T00:00:00+08:00',
    expire_time: '2029-01-01T00:00:00+08:00',
    encrypt_certificate: seal(pem, 'certificate', apiV3Key ?? API_V3_KEY),
  }));
  return (res, request, socket) => {
    const body = JSON.stringify({ data });
    signed({ key: signer, at: now, body, headers })(res, request, socket);
  };
}

const byCertificate =
  (key: WechatKey): Answer =>
  (res, request, socket) => {
    signed({ key, at: now, body: '{"ok":1}' })(res, request, socket);
  };

const CALL: WechatCall = { method: 'GET', path: '/v3/x', retriesMax: 0 };
const PROVEN = { kind: 'proven', body: { ok: 1 } };
const asked = (): number => peer.received.filter(({ path }) => path === '/v3/certificates').length;

/** A genuine notification, signed with a platform certificate. */
function notify(key: WechatKey, deadline = now + 4_000) {
  const plaintext = { mchid: MERCHANT_ID, out_trade_no: 'T1', trade_state: 'SUCCESS' };
  const raw = Buffer.from(
    JSON.stringify({
      id: 'EV-1',
      event_type: 'TRANSACTION.SUCCESS',
      resource: {
        original_type: 'transaction',
        ...seal(JSON.stringify(plaintext), 'transaction'),
      },
    }),
  );
  const headers = wechatHeaders({ key, raw, at: now });
  return strategy.openNotification({ headers, raw, deadline });
}

describe('without a public key', () => {
  test('start loads the certificates, and replies are proven by them', async () => {
    await open().start();
    expect(strategy.keys()).toEqual({ ready: true, serials: [old.serial] });
    expect(await strategy.call(CALL)).toMatchObject(PROVEN);
    expect(asked()).toBe(1);
    // No key id is named: WeChat signs with the certificate then.
    const named = peer.received.map(({ headers }) => headers['wechatpay-serial']);
    expect(named).toEqual([undefined, undefined]);
  });

  test('a serial with a leading zero is one and the same', async () => {
    listed = list([next], next);
    other = byCertificate(next);
    await open().start();
    expect(await strategy.call(CALL)).toMatchObject(PROVEN);
  });

  test('encrypts with the newest, and names it', async () => {
    listed = list([next, old], old);
    await open().start();
    expect((await strategy.encrypt('x')).serial).toBe(next.serial);
    listed = list([old, next], old);
    await open().start();
    expect((await strategy.encrypt('x')).serial).toBe(next.serial);
  });

  test('a call before the start waits for the load it causes', async () => {
    open();
    const replies = await Promise.all([strategy.call(CALL), strategy.call(CALL)]);
    expect(replies).toEqual([expect.objectContaining(PROVEN), expect.objectContaining(PROVEN)]);
    expect(asked()).toBe(1);
  });

  const bad: [string, () => Answer, string][] = [
    [
      'sealed with another key',
      () => list([{ ...old, apiV3Key: 'x'.repeat(32) }], old),
      'undecryptable',
    ],
    [
      'listed under another serial',
      () => list([{ ...old, serial: next.serial }], next),
      'undecryptable',
    ],
    ['signed by a certificate not in it', () => list([old], next), 'serial_unknown'],
    [
      'signed by someone else under its serial',
      () => list([old], { ...next, serial: old.serial }),
      'signature',
    ],
    ['unsigned', () => list([old], old, { 'wechatpay-signature': undefined }), 'headers_missing'],
    ['empty', () => list([], old), 'undecryptable'],
    ['no certificate', () => list([{ serial: old.serial, pem: 'hello' }], old), 'undecryptable'],
  ];
  test.each(bad)('a list that is %s is not believed', async (_name, answer, reason) => {
    listed = answer();
    await open().start();
    expect(strategy.keys()).toEqual({ ready: false, serials: [] });
    const errors = lines.filter(({ level }) => level === 'error');
    expect(errors.map(({ fields }) => fields.reason)).toEqual([reason]);
    expect(JSON.stringify(lines)).not.toContain('BEGIN CERTIFICATE');
  });

  test('without keys nothing is asked of WeChat: the reply could not be believed', async () => {
    listed = plain(500, '{}');
    await open().start();
    expect(await strategy.call(CALL)).toMatchObject({ kind: 'unknown', reason: 'keys' });
    expect(peer.received.every(({ path }) => path === '/v3/certificates')).toBe(true);
    await expect(notify(old)).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE', status: 503 });
    await expect(strategy.encrypt('x')).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE' });
  });

  test('recovers by itself when asked again some seconds later', async () => {
    listed = plain(404, '{}');
    await open().start();
    const before = asked();
    listed = list([old], old);
    expect(await strategy.call(CALL)).toMatchObject({ reason: 'keys' });
    expect(asked()).toBe(before);
    now += 5_000;
    expect(await strategy.call(CALL)).toMatchObject(PROVEN);
  });

  test.each([
    [404, 'RESOURCE_NOT_EXISTS'],
    [403, 'NOT_ENOUGH'],
  ])('%i %s is answered with the remedy', async (status, code) => {
    listed = plain(status, JSON.stringify({ code, message: 'x' }));
    await open().start();
    const [error] = lines.filter(({ level }) => level === 'error');
    expect(error?.fields).toMatchObject({ code, status, alarm: true });
    expect(error?.fields.detail).toMatch(/wxPayPublicKey/);
    expect(asked()).toBe(1);
  });
});

describe('rotation', () => {
  test('an unknown serial causes one refresh, and is then known', async () => {
    await open().start();
    listed = list([old, next], old);
    now += MINUTE;
    expect(await notify(next)).toMatchObject({ proven: true, proof: 'signature' });
    expect(strategy.keys().serials).toEqual([old.serial, next.serial]);
    expect(await notify(old)).toMatchObject({ proven: true });
    expect(asked()).toBe(2);
  });

  test('strangers cause at most one refresh a minute', async () => {
    await open().start();
    const stranger = (n: number): WechatKey => ({
      serial: n.toString(16).padStart(40, 'F').toUpperCase(),
      privateKey: wechat.privateKey,
    });
    now += MINUTE;
    for (let n = 0; n < 5; n += 1) {
      await expect(notify(stranger(n))).rejects.toMatchObject({ code: 'SERIAL_UNKNOWN' });
    }
    expect(asked()).toBe(2);
    now += MINUTE;
    await expect(notify(stranger(9))).rejects.toMatchObject({ code: 'SERIAL_UNKNOWN' });
    expect(asked()).toBe(3);
  });

  test('a stale message causes none', async () => {
    await open().start();
    now += 10 * MINUTE;
    const raw = Buffer.from('{}');
    const headers = wechatHeaders({ key: next, raw, at: now - 5 * MINUTE });
    const attempt = strategy.openNotification({ headers, raw, deadline: now + 4_000 });
    await expect(attempt).rejects.toMatchObject({ code: 'TIMESTAMP_EXPIRED' });
    expect(asked()).toBe(1);
  });

  test('a refresh that fails drops nothing, and an unknown serial is then "not checked"', async () => {
    await open().start();
    listed = plain(400, '{}');
    now += MINUTE;
    await expect(notify(next)).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE' });
    expect(await notify(old)).toMatchObject({ proven: true });
    expect(await strategy.call(CALL)).toMatchObject(PROVEN);
  });

  test('an expired certificate proves nothing any more', async () => {
    await open().start();
    listed = plain(400, '{}');
    now = NOW + 11 * DAY;
    expect(strategy.keys()).toEqual({ ready: false, serials: [] });
    await expect(notify(old)).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE' });
  });

  test('a certificate not yet valid proves nothing yet', async () => {
    listed = list([old, next], old);
    now = NOW - 2 * DAY;
    await open().start();
    expect(strategy.keys().serials).toEqual([old.serial]);
    now = NOW;
    expect(strategy.keys().serials).toEqual([old.serial, next.serial]);
  });

  test('a callback waits no longer than its deadline for a load that hangs', async () => {
    await open().start();
    listed = silence;
    now += MINUTE;
    holdTimers();
    const callback = watched(notify(next, now + 100));
    await until('the certificates are asked for', () => asked() === 2);
    await passTime(99);
    expect(callback.settled()).toBe(false);
    await passTime(1);
    await expect(callback.work).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE' });
  });
});

describe('beside the public key', () => {
  test('start asks for nothing', async () => {
    await open(true).start();
    expect(asked()).toBe(0);
  });

  test('a certificate of the switch week is fetched once it is met, and both stay live', async () => {
    const byPublicKey = { serial: PUBLIC_KEY_ID, privateKey: wechat.privateKey };
    listed = list([old], byPublicKey);
    await open(true).start();
    expect(await strategy.call(CALL)).toMatchObject(PROVEN);
    expect(await notify(old)).toMatchObject({ proven: true });
    expect(await notify(byPublicKey)).toMatchObject({ proven: true });
    expect(strategy.keys().serials).toEqual([PUBLIC_KEY_ID, old.serial]);
    expect(asked()).toBe(1);
    expect((await strategy.encrypt('x')).serial).toBe(PUBLIC_KEY_ID);
  });

  test('a merchant without certificates: an unknown serial is refused, without alarm', async () => {
    listed = plain(404, '{"code":"RESOURCE_NOT_EXISTS"}');
    await open(true).start();
    for (let n = 0; n < 3; n += 1) {
      await expect(notify(old)).rejects.toMatchObject({ code: 'SERIAL_UNKNOWN', status: 401 });
    }
    expect(asked()).toBe(1);
    expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('another public key id is refused without asking anyone', async () => {
    open(true);
    const stranger = { serial: `${PUBLIC_KEY_ID.slice(0, -1)}2`, privateKey: wechat.privateKey };
    await expect(notify(stranger)).rejects.toMatchObject({ code: 'SERIAL_UNKNOWN' });
    expect(asked()).toBe(0);
  });
});
