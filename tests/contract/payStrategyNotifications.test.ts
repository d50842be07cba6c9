import fc from 'fast-check';
import { createStrategy } from '../../services/strategies';
import { createDialect } from '../../services/wechat';
import type {
  NotificationHint,
  NotificationKind,
  OpenedNotification,
  PayStrategy,
} from '../../services/strategies/strategy';
import { AppError } from '../../utils/errors';
import { createLogBook, type LogLine } from '../helpers/logBook';
import {
  configOf,
  createKeyPair,
  MERCHANT_ID,
  NOW,
  PUBLIC_KEY_ID,
  seal,
  wechatHeaders,
  type KeyPair,
} from '../helpers/wechatKeys';

/** Who may say that something was paid: WeChat's signature, or its ciphertext; nobody else. */

const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';
const PAID = {
  mchid: MERCHANT_ID,
  out_trade_no: 'T20240101000001',
  trade_state: 'SUCCESS',
  payer: { openid: OPENID },
};
const REFUNDED = {
  mchid: MERCHANT_ID,
  out_trade_no: 'T20240101000001',
  out_refund_no: 'R1',
  refund_status: 'SUCCESS',
};

type V3Mode = 'sdk' | 'gateway';

let merchant: KeyPair;
let wechat: KeyPair;
let lines: LogLine[];
let strategies: Record<V3Mode, PayStrategy>;

beforeAll(() => {
  merchant = createKeyPair();
  wechat = createKeyPair();
});
beforeEach(() => {
  const book = createLogBook();
  lines = book.lines;
  const open = (signMode: V3Mode): PayStrategy => {
    const config = configOf({
      signMode,
      merchant,
      wechatPublicKey: wechat.publicKey,
      baseUrl: 'http://127.0.0.1:1',
    });
    return createStrategy({
      config,
      dialect: createDialect(config),
      clock: { now: () => NOW },
      logger: book.logger,
    });
  };
  strategies = { sdk: open('sdk'), gateway: open('gateway') };
});
afterEach(() => Promise.all([strategies.sdk.close(), strategies.gateway.close()]));

type Headers = Record<string, string | string[] | undefined>;
type Opened = OpenedNotification | NotificationHint;

const key = () => ({ serial: PUBLIC_KEY_ID, privateKey: wechat.privateKey });

function openRaw(
  mode: V3Mode,
  raw: Buffer,
  headers: Headers,
  expected?: NotificationKind,
): Promise<Opened> {
  return strategies[mode].openNotification({
    raw,
    headers,
    deadline: NOW + 4_000,
    ...(expected === undefined ? {} : { expected }),
  });
}

interface Envelope {
  readonly plaintext?: unknown;
  readonly event_type?: unknown;
  readonly original_type?: unknown;
  readonly aad?: string;
  readonly apiV3Key?: string;
}

/** WeChat's own body. */
function envelope(e: Envelope = {}): Record<string, unknown> {
  const { plaintext = PAID, event_type = 'TRANSACTION.SUCCESS' } = e;
  const { original_type = 'transaction', aad = 'transaction' } = e;
  const text = typeof plaintext === 'string' ? plaintext : JSON.stringify(plaintext);
  return {
    id: 'EV-1',
    create_time: '2024-01-01T10:00:00+08:00',
    resource_type: 'encrypt-resource',
    event_type,
    summary: '支付成功',
    resource: { original_type, ...seal(text, aad, e.apiV3Key) },
  };
}

const bytes = (body: unknown): Buffer =>
  Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));

const openSigned = (mode: V3Mode, body: unknown, expected?: NotificationKind): Promise<Opened> =>
  openRaw(mode, bytes(body), wechatHeaders({ key: key(), raw: bytes(body), at: NOW }), expected);

const openBare = (mode: V3Mode, body: unknown, expected?: NotificationKind): Promise<Opened> =>
  openRaw(mode, bytes(body), {}, expected);

const refused = (code: string) =>
  expect.objectContaining({ name: 'SignatureError', code }) as Error;

describe.each(['sdk', 'gateway'] as const)('a signed notification in %s mode', (mode) => {
  test('is opened', async () => {
    expect(await openSigned(mode, envelope(), 'payment')).toEqual({
      proven: true,
      proof: 'signature',
      kind: 'payment',
      api: 'v3',
      id: 'EV-1',
      plaintext: PAID,
    });
  });

  test('is opened as what its plaintext is', async () => {
    const refund = { plaintext: REFUNDED, event_type: 'REFUND.SUCCESS', original_type: 'refund' };
    const opened = await openSigned(mode, envelope({ ...refund, aad: 'refund' }));
    expect(opened).toMatchObject({ kind: 'refund', plaintext: REFUNDED });
    const combined = { combine_mchid: MERCHANT_ID, combine_out_trade_no: 'C1' };
    const plaintext = { ...combined, sub_orders: [{ trade_state: 'SUCCESS' }] };
    const combination = await openSigned(mode, envelope({ plaintext }), 'payment');
    expect(combination.kind).toBe('combination');
    const bill = { mch_id: MERCHANT_ID, out_bill_no: 'B1', state: 'FAIL' };
    const labels = { event_type: 'MCHTRANSFER.BILL.FINISHED', original_type: 'mch_payment' };
    const transfer = await openSigned(mode, envelope({ plaintext: bill, ...labels, aad: '' }));
    expect(transfer.kind).toBe('transfer');
    const echo = {
      event_type: 'SECURITY_ECHO.SUCCESS',
      original_type: 'security',
      aad: 'security',
    };
    expect((await openSigned(mode, envelope({ plaintext: { a: 1 }, ...echo }))).kind).toBe('echo');
  });

  test.each([
    ['without the nonce', { 'wechatpay-nonce': undefined }, 'SIGNATURE_INVALID'],
    ['without the serial', { 'wechatpay-serial': undefined }, 'SIGNATURE_INVALID'],
    ['with the type header alone', 'type', 'SIGNATURE_INVALID'],
    ['with two signatures', { 'wechatpay-signature': ['a', 'b'] }, 'SIGNATURE_INVALID'],
    ['of another scheme', { 'wechatpay-signature-type': 'SM2' }, 'SIGNATURE_INVALID'],
    ['of another time', { 'wechatpay-timestamp': String(NOW / 1000 - 1) }, 'SIGNATURE_INVALID'],
    ['too old', { 'wechatpay-timestamp': String(NOW / 1000 - 300) }, 'TIMESTAMP_EXPIRED'],
    ['of a key id we do not hold', { 'wechatpay-serial': 'PUB_KEY_ID_1' }, 'SERIAL_UNKNOWN'],
    ['that is a probe', { 'wechatpay-signature': 'WECHATPAY/SIGNTEST/x' }, 'SIGNATURE_INVALID'],
  ])('%s is refused', async (_name, change, code) => {
    const raw = bytes(envelope());
    const type = { 'wechatpay-signature-type': 'WECHATPAY2-SHA256-RSA2048' };
    const whole = { ...wechatHeaders({ key: key(), raw, at: NOW }) };
    const headers = change === 'type' ? type : { ...whole, ...(change as Headers) };
    await expect(openRaw(mode, raw, headers)).rejects.toEqual(refused(code));
  });

  test('has no way back to the unsigned form, even with ciphertext or plaintext along', async () => {
    const body = { rawData: envelope(), ParsedContent: PAID };
    const headers = { 'wechatpay-serial': PUBLIC_KEY_ID };
    await expect(openRaw(mode, bytes(body), headers)).rejects.toEqual(refused('SIGNATURE_INVALID'));
    await expect(openSigned(mode, body)).rejects.toEqual(refused('NOTIFICATION_REFUSED'));
  });

  test.each([
    ['no JSON', 'hello', 'NOTIFICATION_REFUSED'],
    ['no resource', { id: 'x' }, 'NOTIFICATION_REFUSED'],
    ['a resource that is text', { ...envelope(), resource: '{}' }, 'NOTIFICATION_REFUSED'],
    ['no ciphertext', { ...envelope(), resource: {} }, 'SIGNATURE_INVALID'],
  ])('with %s is refused', async (_name, body, code) => {
    await expect(openSigned(mode, body)).rejects.toEqual(refused(code));
  });

  test.each<[string, Envelope, string]>([
    ['another APIv3 key', { apiV3Key: 'x'.repeat(32) }, 'SIGNATURE_INVALID'],
    ['the label of a refund', { event_type: 'REFUND.SUCCESS' }, 'NOTIFICATION_REFUSED'],
    ['the type of a refund', { original_type: 'refund' }, 'NOTIFICATION_REFUSED'],
    ['the type profitsharing', { original_type: 'profitsharing' }, 'NOTIFICATION_REFUSED'],
    ['profitsharing beneath its label', { aad: 'profitsharing' }, 'NOTIFICATION_REFUSED'],
    ['an event unknown to us', { event_type: 'COMPLAINT.CREATE' }, 'NOTIFICATION_REFUSED'],
    ['a refund inside', { plaintext: REFUNDED }, 'NOTIFICATION_REFUSED'],
    [
      'an unpaid order inside',
      { plaintext: { ...PAID, trade_state: 'NOTPAY' } },
      'NOTIFICATION_REFUSED',
    ],
    ['another merchant', { plaintext: { ...PAID, mchid: '1900000002' } }, 'NOTIFICATION_REFUSED'],
    ['no merchant', { plaintext: { ...PAID, mchid: undefined } }, 'NOTIFICATION_REFUSED'],
    ['no object inside', { plaintext: 'hello' }, 'NOTIFICATION_REFUSED'],
    ['no event', { event_type: null }, 'NOTIFICATION_REFUSED'],
  ])('with %s is refused', async (_name, change, code) => {
    await expect(openSigned(mode, envelope(change))).rejects.toEqual(refused(code));
  });

  test('is refused at a route of another kind', async () => {
    const attempt = openSigned(mode, envelope(), 'refund');
    await expect(attempt).rejects.toEqual(refused('NOTIFICATION_REFUSED'));
  });

  test('does not survive a changed byte, in the body or in a header', async () => {
    const raw = bytes(envelope());
    const headers = wechatHeaders({ key: key(), raw, at: NOW });
    for (let at = 0; at < raw.length; at += 7) {
      const spoilt = Buffer.from(raw);
      spoilt.writeUInt8(spoilt.readUInt8(at) ^ 1, at);
      await expect(openRaw(mode, spoilt, headers)).rejects.toEqual(refused('SIGNATURE_INVALID'));
    }
    const signature = headers['wechatpay-signature'] ?? '';
    for (let at = 0; at < signature.length; at += 11) {
      const other = signature[at] === 'A' ? 'B' : 'A';
      const spoilt = signature.slice(0, at) + other + signature.slice(at + 1);
      const attempt = openRaw(mode, raw, { ...headers, 'wechatpay-signature': spoilt });
      await expect(attempt).rejects.toEqual(refused('SIGNATURE_INVALID'));
    }
    await expect(openRaw(mode, raw, { ...headers, 'wechatpay-nonce': 'x' })).rejects.toEqual(
      refused('SIGNATURE_INVALID'),
    );
  });
});

test('sdk mode: one platform serial too many is "could not check" when nobody can be asked', async () => {
  const raw = bytes(envelope());
  const stranger = { serial: 'AB'.repeat(20), privateKey: merchant.privateKey };
  const headers = wechatHeaders({ key: stranger, raw, at: NOW });
  await expect(openRaw('sdk', raw, headers)).rejects.toMatchObject({
    name: 'UpstreamError',
    code: 'KEYS_UNAVAILABLE',
    status: 503,
  });
});

describe('a forward with ciphertext', () => {
  const forward = (more: Record<string, unknown> = {}, change: Envelope = {}) => ({
    ParsedContent: PAID,
    ParsedNotify: { event_type: 'TRANSACTION.SUCCESS' },
    Plaintext: JSON.stringify(PAID),
    rawData: envelope(change),
    ...more,
  });

  test('is proven in gateway mode by decryption, and by the ciphertext alone', async () => {
    const lie = { ParsedContent: { ...PAID, out_trade_no: 'STOLEN' }, Plaintext: '{}' };
    expect(await openBare('gateway', forward(lie))).toEqual({
      proven: true,
      proof: 'decryption',
      kind: 'payment',
      api: 'v3',
      id: 'EV-1',
      plaintext: PAID,
    });
  });

  test('may be JSON text, as a whole or its resource', async () => {
    const raw = envelope();
    const texts = [JSON.stringify(raw), { ...raw, resource: JSON.stringify(raw.resource) }];
    for (const rawData of texts) {
      const opened = await openBare('gateway', forward({ rawData }));
      expect(opened).toMatchObject({ proven: true, proof: 'decryption', kind: 'payment' });
    }
  });

  test('is only a hint in sdk mode, and so is WeChat’s body stripped of its headers', async () => {
    const hint = { proven: false, kind: 'payment', plaintext: PAID };
    expect(await openBare('sdk', forward())).toEqual(hint);
    expect(await openBare('sdk', envelope())).toEqual(hint);
    expect(await openBare('gateway', envelope())).toEqual(hint);
  });

  test('may lack labels, but none that is there may contradict', async () => {
    const { event_type: _event, ...rest } = envelope();
    const bare = { ParsedContent: PAID, rawData: rest };
    expect(await openBare('gateway', bare)).toMatchObject({ proven: true, kind: 'payment' });
    const contradictions = [
      { ...bare, ParsedNotify: { event_type: 'REFUND.SUCCESS' } },
      { ...bare, event_type: 'REFUND.SUCCESS' },
      forward({ ParsedNotify: { event_type: 'REFUND.SUCCESS' } }),
      forward({ ParsedNotify: '{"event_type":"REFUND.SUCCESS"}' }),
      forward({ event_type: 'REFUND.SUCCESS' }),
      forward({ event_type: 7 }),
      forward({ resource: { original_type: 'refund' } }),
      forward({}, { event_type: 'REFUND.SUCCESS' }),
      forward({}, { original_type: 'refund' }),
      forward({}, { aad: 'refund' }),
      forward({}, { plaintext: { ...PAID, mchid: '1' } }),
      forward({}, { plaintext: { ...PAID, mchid: undefined } }),
    ];
    for (const body of contradictions) {
      const attempt = openBare('gateway', body);
      await expect(attempt).rejects.toEqual(refused('NOTIFICATION_REFUSED'));
    }
  });

  test.each(['sdk', 'gateway'] as const)('with a bad tag is refused in %s mode', async (mode) => {
    const bad = forward({}, { apiV3Key: 'x'.repeat(32) });
    await expect(openBare(mode, bad)).rejects.toEqual(refused('SIGNATURE_INVALID'));
    const { resource } = envelope();
    const spoil = (change: Record<string, unknown>) =>
      forward({ rawData: { ...envelope(), resource: { ...(resource as object), ...change } } });
    const changes = [
      { ciphertext: '' },
      { ciphertext: null },
      { ciphertext: {} },
      { nonce: 'abcdefghijk' },
      { nonce: undefined },
      { associated_data: 'refund' },
      { associated_data: [] },
      { algorithm: 'AEAD_SM4_GCM' },
    ];
    for (const change of changes) {
      await expect(openBare(mode, spoil(change))).rejects.toEqual(refused('SIGNATURE_INVALID'));
    }
  });
});

describe.each(['sdk', 'gateway'] as const)('plaintext in %s mode', (mode) => {
  const hint = { proven: false, kind: 'payment', plaintext: PAID };

  test('is a hint, from ParsedContent or else Plaintext', async () => {
    expect(await openBare(mode, { ParsedContent: PAID })).toEqual(hint);
    expect(await openBare(mode, { Plaintext: JSON.stringify(PAID) })).toEqual(hint);
    expect(await openBare(mode, { ParsedContent: PAID, rawData: 'broken' })).toEqual(hint);
    expect(await openBare(mode, { ParsedContent: PAID, rawData: { resource: {} } })).toEqual(hint);
  });

  test('need not name the merchant, but not another one', async () => {
    const { mchid: _mchid, ...bare } = PAID;
    expect(await openBare(mode, { ParsedContent: bare })).toMatchObject({ proven: false });
    const foreign = openBare(mode, { ParsedContent: { ...PAID, mchid: '1' } });
    await expect(foreign).rejects.toEqual(refused('NOTIFICATION_REFUSED'));
  });

  test('must agree with its labels and its route', async () => {
    const labelled = { event_type: 'REFUND.SUCCESS', ParsedContent: PAID };
    await expect(openBare(mode, labelled)).rejects.toEqual(refused('NOTIFICATION_REFUSED'));
    const elsewhere = openBare(mode, { ParsedContent: PAID }, 'transfer');
    await expect(elsewhere).rejects.toEqual(refused('NOTIFICATION_REFUSED'));
  });

  test.each(['', '[]', 'x', '{}', '{"ParsedContent":[]}', '{"Plaintext":"x"}'])(
    '%j proves nothing and hints at nothing',
    async (body) => {
      await expect(openBare(mode, body)).rejects.toEqual(refused('NOTIFICATION_UNPROVEN'));
    },
  );
});

test('what is logged and thrown holds neither ciphertext, signature nor openid', async () => {
  const body = envelope({ event_type: 'REFUND.SUCCESS' });
  const headers = wechatHeaders({ key: key(), raw: bytes(body), at: NOW });
  const errors = await Promise.allSettled([
    openRaw('sdk', bytes(body), headers),
    openRaw('sdk', bytes(`${JSON.stringify(body)} `), headers),
    openBare('gateway', { rawData: body, ParsedContent: PAID }),
    openBare('gateway', { event_type: 'x', ParsedContent: PAID }),
  ]);
  const said = errors.map((result) => {
    if (result.status === 'fulfilled') throw new Error('opened');
    const { message, detail } = result.reason as AppError;
    return { message, detail };
  });
  const text = JSON.stringify([said, lines]);
  const { ciphertext } = body.resource as { ciphertext: string };
  for (const secret of [OPENID, ciphertext, headers['wechatpay-signature']]) {
    expect(text).not.toContain(secret);
  }
});

describe('whatever is sent', () => {
  const word = fc.constantFrom(
    'TRANSACTION.SUCCESS',
    'REFUND.SUCCESS',
    'transaction',
    'refund',
    'SUCCESS',
    'AEAD_AES_256_GCM',
    'abcdefghijkl',
    'J4eyg9F9Psu7v1i0ehGUog==',
    MERCHANT_ID,
    PUBLIC_KEY_ID,
    '{}',
    '{"resource":{"ciphertext":"eA=="}}',
  );
  const names = [
    ...['id', 'event_type', 'resource', 'rawData', 'ParsedContent', 'ParsedNotify', 'Plaintext'],
    ...[
      'original_type',
      'ciphertext',
      'nonce',
      'associated_data',
      'algorithm',
      'mchid',
      '__proto__',
    ],
    ...['out_trade_no', 'trade_state', 'out_refund_no', 'refund_status', 'constructor'],
  ];
  const { value: json } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      word,
      fc.string(),
      fc.integer(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 8 }),
    ),
  }));
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
    json.map((value) => bytes(JSON.stringify(value))),
  );
  const header = fc.option(fc.oneof(word, fc.string(), fc.constant(String(NOW / 1000))), {
    nil: undefined,
  });
  const headers = fc.record({
    'wechatpay-timestamp': header,
    'wechatpay-nonce': header,
    'wechatpay-serial': fc.constantFrom(undefined, PUBLIC_KEY_ID, 'PUB_KEY_ID_2', ''),
    'wechatpay-signature': header,
  });

  test('nothing random is ever proven, and every refusal is ours', async () => {
    const mode = fc.constantFrom('sdk' as const, 'gateway' as const);
    const kinds = ['payment', 'refund', 'transfer', 'combination', 'echo', undefined] as const;
    await fc.assert(
      fc.asyncProperty(mode, body, headers, fc.constantFrom(...kinds), async (m, raw, h, kind) => {
        const bare = Object.values(h).every((value) => value === undefined) ? {} : h;
        const result = await openRaw(m, raw, bare, kind).catch((error: unknown) => error);
        if (result instanceof AppError) {
          expect(result.status).toBeGreaterThanOrEqual(400);
          expect(result.code).not.toBe('INVARIANT_BROKEN');
        } else {
          expect(result).toMatchObject({ proven: false });
        }
      }),
      { numRuns: 1_500 },
    );
  });

  test('a random change to a genuine forward opens nothing but the same plaintext', async () => {
    const genuine = bytes({ rawData: envelope() });
    const change = fc.record({
      at: fc.nat(genuine.length - 1),
      to: fc.integer({ min: 0, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ at, to }) => {
        const raw = Buffer.from(genuine);
        raw.writeUInt8(to, at);
        const result = await openRaw('gateway', raw, {}).catch((error: unknown) => error);
        if (result instanceof AppError) return;
        if ((result as Opened).proven) expect((result as Opened).plaintext).toEqual(PAID);
        else throw new Error('neither refused nor opened');
      }),
      { numRuns: 500 },
    );
  });
});
