/**
 * Everything that may come to the callback paths and is not what it should be: what it is answered, and the
 * record it must leave. Both signing modes, every path and `/`, inside SCF's marks and without.
 */
import { createCipheriv } from 'node:crypto';
import {
  frozen,
  moneyCalls,
  OPERATOR_KEY,
  orderBody,
  OTHER,
  PAYER,
  refundBody,
  startStage,
  type Answer,
  type CallOptions,
  type Stage,
} from './support/stage';
import { sample } from '../helpers/large';
import type { Message, Plain } from '../../simulator';

const SCF = { TENCENTCLOUD_RUNENV: 'SCF', SCF_RUNTIME: 'Nodejs18.15' };
const VARIANTS = sample(
  [
    ['sdk', {}],
    ['gateway', SCF],
    ['gateway', {}],
    ['sdk', SCF],
  ] as const,
  2,
);
const ORDER_PATHS = ['/wechatpay/order', '/wx-pay/unifiedOrderTrigger'];
const REFUND_PATHS = ['/wechatpay/refund', '/wx-pay/refundTrigger'];
const TRANSFER_PATHS = ['/wechatpay/transfer', '/wx-pay/transferTrigger'];
const ALL_PATHS = [...ORDER_PATHS, ...REFUND_PATHS, ...TRANSFER_PATHS, '/wechatpay/echo', '/'];
const NO = 'T20260102000001';

/** AES-GCM with any tag length and any nonce: what Node would open if it were not told better. */
function sealed(
  key: string,
  plain: unknown,
  o: { nonce: string; aad: string; tagBytes?: number },
): Plain {
  const authTagLength = o.tagBytes ?? 16;
  const nonce = Buffer.from(o.nonce);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key), nonce, { authTagLength });
  cipher.setAAD(Buffer.from(o.aad));
  const body = Buffer.concat([cipher.update(JSON.stringify(plain)), cipher.final()]);
  const ciphertext = Buffer.concat([body, cipher.getAuthTag()]).toString('base64');
  const { nonce: text, aad: associated_data } = o;
  return { algorithm: 'AEAD_AES_256_GCM', ciphertext, nonce: text, associated_data };
}

describe.each(VARIANTS)('signMode=%s, marks of the platform %j', (signMode, marks) => {
  let stage: Stage;
  let plain: Plain;

  beforeEach(async () => {
    stage = await startStage({ env: { signMode, ...marks } });
    const placed = await stage.asPayer('wxpay_order', orderBody(NO));
    expect(placed.status).toBe(200);
    plain = {
      appid: stage.simulator.credentials.appId,
      mchid: stage.simulator.credentials.merchantId,
      out_trade_no: NO,
      transaction_id: '4200000000202601021234567890',
      trade_type: 'JSAPI',
      trade_state: 'SUCCESS',
      trade_state_desc: '支付成功',
      bank_type: 'OTHERS',
      attach: '',
      success_time: '2026-01-02T10:00:00+08:00',
      payer: { openid: PAYER },
      amount: { total: 100, payer_total: 100, currency: 'CNY', payer_currency: 'CNY' },
    };
  });

  afterEach(() => stage.close());

  const post = (path: string, m: { body: string; headers?: Message['headers'] }): Promise<Answer> =>
    stage.call(path, undefined, { raw: m.body, headers: m.headers ?? {} } satisfies CallOptions);
  const signed = (over: Plain = {}, o = {}): Message =>
    stage.simulator.makeNotification('payment', { ...plain, ...over }, o);

  const queries = (): number =>
    stage.simulator.requests.filter((r) => r.method === 'GET' && r.path.startsWith('/v3/pay/'))
      .length;

  /** Inside SCF ordinary requests also look after what is due: at most one question more. */
  function expectQueries(n: number): void {
    expect(queries()).toBeGreaterThanOrEqual(n);
    expect(queries()).toBeLessThanOrEqual('SCF_RUNTIME' in marks ? n + 1 : n);
  }

  /** Refused with 4xx in WeChat's voice, and nothing at all has changed. */
  async function refused(path: string, m: Parameters<typeof post>[1]): Promise<void> {
    const before = frozen(await stage.order(NO));
    const answer = await post(path, m);
    expect({ path, status: answer.status >= 400 && answer.status < 500 }).toEqual({
      path,
      status: true,
    });
    if (path !== '/') expect(answer.json.code).toBe('FAIL');
    expect(answer.json.code).not.toBe('SUCCESS');
    expect(await stage.order(NO)).toEqual(before);
    expect(moneyCalls(stage.simulator)).toBe(0);
  }

  test('genuine traffic passes, and a repeat changes nothing', async () => {
    const real = stage.simulator.pay(NO, { deliver: 'never' });
    const m = stage.simulator.makeNotification('payment', real);
    expect((await post('/wechatpay/order', m)).json).toEqual({ code: 'SUCCESS', message: '成功' });
    const paid = frozen(await stage.order(NO));
    expect(paid).toMatchObject({ state: 'PAID', payment: { proof: 'signature' } });
    for (const path of [...ORDER_PATHS, '/']) {
      if (path === '/') continue;
      expect((await post(path, m)).status).toBe(200);
    }
    expect(await stage.order(NO)).toEqual(paid);
  });

  describe('never gets past its proof, at any path', () => {
    const forged: readonly [
      string,
      () => Promise<Parameters<typeof post>[1]> | Parameters<typeof post>[1],
    ][] = [
      [
        'forged: signature of nobody',
        () => signed({}, { signature: Buffer.alloc(256, 7).toString('base64') }),
      ],
      ['probe signature', () => signed({}, { signature: `WECHATPAY/SIGNTEST/${'A'.repeat(300)}` })],
      [
        'probe signature that is no base64',
        () => signed({}, { signature: 'WECHATPAY/SIGNTEST/***' }),
      ],
      ['empty signature', () => signed({}, { signature: '' })],
      [
        'stale: five minutes old',
        () => signed({}, { timestamp: Math.floor(stage.simulator.clock.now() / 1000) - 300 }),
      ],
      [
        'from the future',
        () => signed({}, { timestamp: Math.floor(stage.simulator.clock.now() / 1000) + 300 }),
      ],
      ['timestamp in milliseconds', () => signed({}, { timestamp: stage.simulator.clock.now() })],
      ['unknown serial', () => signed({}, { serial: 'PUB_KEY_ID_0000000000000000000000000000' })],
      ['serial __proto__', () => signed({}, { serial: '__proto__' })],
      [
        'tampered: one byte of the body',
        () => ({ ...signed(), body: signed().body.replace('"id":"', '"id":"0') }),
      ],
      [
        'truncated',
        () => {
          const m = signed();
          return { ...m, body: m.body.slice(0, -20) };
        },
      ],
      [
        'with a space more',
        () => {
          const m = signed();
          return { ...m, body: `${m.body} ` };
        },
      ],
      [
        'rewritten JSON of the same meaning',
        () => {
          const m = signed();
          return { ...m, body: JSON.stringify(JSON.parse(m.body), null, 1) };
        },
      ],
      [
        'body of another notification under these headers',
        () => ({ ...signed(), body: signed({ out_trade_no: 'T20260102000002' }).body }),
      ],
      ['signature of an empty body', () => ({ ...signed(), body: '' })],
      [
        'one signature header alone',
        () => ({
          body: signed().body,
          headers: { 'Wechatpay-Serial': stage.simulator.credentials.wxPayPublicKeyId },
        }),
      ],
      [
        'the signature type alone',
        () => ({ body: signed().body, headers: { 'Wechatpay-Signature-Type': 'NONE' } }),
      ],
      [
        'another signature type',
        () => {
          const m = signed();
          return {
            ...m,
            headers: { ...m.headers, 'Wechatpay-Signature-Type': 'WECHATPAY2-SM2-WITH-SM3' },
          };
        },
      ],
      [
        'signed by the merchant himself',
        async () => {
          const { createSign } = await import('node:crypto');
          const m = signed();
          const text = `${String(m.headers['Wechatpay-Timestamp'])}\n${String(m.headers['Wechatpay-Nonce'])}\n${m.body}\n`;
          const signature = createSign('RSA-SHA256')
            .update(text)
            .sign(stage.simulator.credentials.privateKey, 'base64');
          return { ...m, headers: { ...m.headers, 'Wechatpay-Signature': signature } };
        },
      ],
    ];

    test.each(forged)('%s', async (_name, make) => {
      const m = await make();
      for (const path of ALL_PATHS) await refused(path, m);
      expect(queries()).toBe(0);
    });

    const empty: readonly [string, string][] = [
      ['empty', ''],
      ['an empty object', '{}'],
      ['an array', '[]'],
      ['null', 'null'],
      ['a word', 'SUCCESS'],
      [
        'XML of v2',
        '<xml><return_code>SUCCESS</return_code><out_trade_no>T20260102000001</out_trade_no></xml>',
      ],
      ['not UTF-8', '\xff\xfe'],
      ['nested without end', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`],
      [
        "the reference's test body",
        JSON.stringify({
          event_type: 'TRANSACTION.SUCCESS',
          ParsedContent: { out_trade_no: NO, trade_state: 'SUCCESS' },
        }),
      ],
      [
        'prototype keys',
        `{"__proto__":{"trade_state":"SUCCESS"},"ParsedContent":{"__proto__":{"out_trade_no":"${NO}","trade_state":"SUCCESS"}}}`,
      ],
    ];

    test.each(empty)('unsigned and %s', async (name, body) => {
      for (const path of ALL_PATHS) {
        if (name.startsWith('the reference')) continue;
        await refused(path, { body });
      }
      if (name.startsWith('the reference')) {
        // An unproven word of a payment: WeChat is asked once, says NOTPAY, and nothing is paid.
        const answer = await post('/wechatpay/order', { body });
        expect(answer.status).toBe(401);
        expect(await stage.order(NO)).toMatchObject({ state: 'PENDING' });
      }
    });

    test('giant: 413 before it is read, at every path', async () => {
      const body = `{"a":"${'x'.repeat(300 * 1024)}"}`;
      for (const path of ALL_PATHS) {
        const answer = await post(path, { body });
        expect(answer.status).toBe(413);
      }
      expect(await stage.order(NO)).toMatchObject({ state: 'PENDING' });
    });
  });

  describe('genuine, but not what it is taken for', () => {
    test('mis-routed: a payment at the paths of others', async () => {
      for (const path of [...REFUND_PATHS, ...TRANSFER_PATHS, '/wechatpay/echo']) {
        await refused(path, signed());
      }
    });

    const relabelled: readonly [string, object, Plain][] = [
      ['wrong original_type', { original_type: 'refund', associated_data: 'transaction' }, {}],
      ['original_type of profit sharing', { original_type: 'profitsharing' }, {}],
      ['wrong event_type', { event_type: 'REFUND.SUCCESS' }, {}],
      ['event of another product', { event_type: 'TRANSACTION.FAIL' }, {}],
      ['wrong merchant', {}, { mchid: '1900000002' }],
      ['no merchant', {}, { mchid: undefined }],
      ['merchant as a number', {}, { mchid: 1900000001 }],
      ['mch_id of another beside ours', {}, { mch_id: '1900000002' }],
      ['state NOTPAY under the label of a payment', {}, { trade_state: 'NOTPAY' }],
      ['no state at all', {}, { trade_state: undefined }],
      ['state in an object', {}, { trade_state: { toString: 'SUCCESS' } }],
      ['no number', {}, { out_trade_no: undefined }],
      ['amount as text', {}, { amount: { total: '100', currency: 'CNY' } }],
      ['amount of zero', {}, { amount: { total: 0, currency: 'CNY' } }],
      ['amount with a fraction', {}, { amount: { total: 99.5, currency: 'CNY' } }],
      ['no amount', {}, { amount: undefined }],
      ['no transaction_id', {}, { transaction_id: undefined }],
    ];

    test.each(relabelled)('%s: 4xx, nothing changes', async (_name, over, facts) => {
      for (const path of ORDER_PATHS) await refused(path, signed(facts, over));
    });

    test('a payment relabelled as a refund, everywhere', async () => {
      const over = { event_type: 'REFUND.SUCCESS', original_type: 'refund' };
      for (const path of ALL_PATHS) await refused(path, signed({}, over));
    });

    test.each([
      ['amount', { amount: { total: 1, payer_total: 1, currency: 'CNY' } }],
      ['more than ordered', { amount: { total: 101, payer_total: 101, currency: 'CNY' } }],
      ['currency', { amount: { total: 100, currency: 'USD' } }],
      ['appid', { appid: 'wxffffffffffffffff' }],
      ['payer', { payer: { openid: OTHER } }],
    ])('wrong %s: recorded as MISMATCH, alarmed, never paid', async (_name, facts) => {
      const answer = await post('/wechatpay/order', signed(facts));
      expect(answer.json.code).toBe('SUCCESS');
      const record = await stage.order(NO);
      expect(record?.state).toBe('MISMATCH');
      const types = record?.effects.map((e) => e.type);
      expect(types).toContain('order.mismatch');
      expect(types).not.toContain('order.paid');
      await stage.logged('"alarm":true');
      // A second, fitting one does not make it good again.
      await post('/wechatpay/order', signed({ transaction_id: '4200000000202601021234567891' }));
      expect(await stage.order(NO)).toMatchObject({ state: 'MISMATCH' });
    });

    test('a second transaction_id on a paid record: stored, alarmed, still PAID', async () => {
      await post('/wechatpay/order', signed());
      const before = await stage.order(NO);
      const second = { transaction_id: '4200000000202601021234567899' };
      expect((await post('/wechatpay/order', signed(second))).status).toBe(200);
      const after = await stage.order(NO);
      expect(after).toMatchObject({ state: 'PAID', payment: before?.payment });
      expect(after?.contradictions).toMatchObject([second]);
      expect(after?.effects).toEqual(before?.effects);
    });

    test('a short tag, a 16-byte nonce, another key, another algorithm: nothing opens', async () => {
      const key = stage.simulator.credentials.apiV3Key;
      const aad = 'transaction';
      const labels = {
        id: 'x',
        event_type: 'TRANSACTION.SUCCESS',
        resource_type: 'encrypt-resource',
      };
      const nonce = 'abcdefghijkl';
      const bad = [
        sealed(key, plain, { nonce, aad, tagBytes: 4 }),
        sealed(key, plain, { nonce, aad, tagBytes: 12 }),
        sealed(key, plain, { nonce: 'abcdefghijklmnop', aad }),
        sealed('0'.repeat(32), plain, { nonce, aad }),
        { ...sealed(key, plain, { nonce, aad }), algorithm: 'AES-256-GCM' },
        { ...sealed(key, plain, { nonce, aad }), associated_data: 'refund' },
        { ...sealed(key, plain, { nonce, aad }), ciphertext: '' },
        { ...sealed(key, plain, { nonce, aad }), ciphertext: 'AAAA' },
        { ...sealed(key, plain, { nonce, aad }), ciphertext: 7 },
      ];
      for (const resource of bad) {
        const outer = { ...labels, resource: { ...resource, original_type: 'transaction' } };
        for (const body of [outer, { rawData: outer, ParsedContent: plain }]) {
          for (const path of [...ORDER_PATHS, '/']) {
            await refused(path, { body: JSON.stringify(body) });
          }
        }
      }
      expect(queries()).toBe(0);
    });
  });

  describe('a forward as Integration Center sends it', () => {
    const forward = (over: Plain = {}, o = {}): { body: string } =>
      stage.simulator.makeForward('payment', { ...plain, ...over }, o);

    test('with ciphertext: its tag proves it in gateway mode; in sdk mode it is a hint', async () => {
      const answer = await post('/', forward());
      const record = await stage.order(NO);
      if (signMode === 'gateway') {
        expect(answer.json).toMatchObject({ code: 'SUCCESS' });
        expect(record).toMatchObject({ state: 'PAID', payment: { proof: 'decryption' } });
        expect(queries()).toBe(0);
      } else {
        // WeChat, asked, knows of no payment.
        expect(answer.status).toBe(401);
        expect(record).toMatchObject({ state: 'PENDING' });
        expect(queries()).toBe(1);
      }
    });

    test('plaintext beside a ciphertext counts for nothing', async () => {
      const { body } = forward({ amount: { total: 1, currency: 'CNY' } });
      const outer = JSON.parse(body) as Plain;
      const lie = { ...outer, ParsedContent: plain, Plaintext: JSON.stringify(plain) };
      await post('/', { body: JSON.stringify(lie) });
      expect((await stage.order(NO))?.state).toBe(signMode === 'gateway' ? 'MISMATCH' : 'PENDING');
    });

    test('without ciphertext it is a hint: unpaid at WeChat stays unpaid', async () => {
      const answer = await post('/', forward({}, { ciphertext: false }));
      expect(answer.status).toBe(401);
      expect(await stage.order(NO)).toMatchObject({ state: 'PENDING', refunds: [] });
      expect(queries()).toBe(1);
    });

    test('without ciphertext and truly paid: learned from the proven query alone', async () => {
      stage.simulator.pay(NO, { deliver: 'never' });
      const lie = { amount: { total: 1, currency: 'CNY' }, transaction_id: 'lie' };
      const answer = await post('/', forward(lie, { ciphertext: false }));
      expect(answer.status).toBe(200);
      const record = await stage.order(NO);
      expect(record).toMatchObject({ state: 'PAID', payment: { proof: 'signature', total: 100 } });
      expect(record?.payment?.transaction_id).not.toBe('lie');
    });

    test('hints in flood: one query in five seconds per record, none for numbers not held', async () => {
      const hint = forward({}, { ciphertext: false });
      const unknown = forward({ out_trade_no: 'T29990102000001' }, { ciphertext: false });
      await Promise.all(
        Array.from({ length: 200 }, (_, n) =>
          post(n % 2 === 0 ? '/' : '/wechatpay/order', n % 3 === 0 ? unknown : hint),
        ),
      );
      expectQueries(1);
      await stage.simulator.clock.advance(4999);
      await post('/', hint);
      expectQueries(1);
      await stage.simulator.clock.advance(1);
      await post('/', hint);
      expectQueries(2);
      expect(await stage.order(NO)).toMatchObject({ state: 'PENDING' });
      expect(await stage.order('T29990102000001')).toBeUndefined();
    });

    test('hints do not push out of the history what happened', async () => {
      const before = (await stage.order(NO))?.history;
      const hint = forward({}, { ciphertext: false });
      for (let n = 0; n < 5; n++) {
        await post('/', hint);
        await stage.simulator.clock.advance(5000);
      }
      expectQueries(5);
      const after = (await stage.order(NO))?.history;
      expect(after?.map((entry) => entry.what)).toEqual(before?.map((entry) => entry.what));
    });

    test('hints for many records at once: never more than eight are being followed', async () => {
      const nos = Array.from({ length: 24 }, (_, n) => `T2026010210${String(n).padStart(4, '0')}`);
      for (const no of nos) await stage.asPayer('wxpay_order', orderBody(no));
      const { faults, requests } = stage.simulator;
      faults.add({ route: 'GET /v3/pay/*', kind: 'latency', ms: 50, times: 99 });
      // Each that arrives sees how many were not answered yet.
      const atOnce: number[] = [];
      const push = requests.push.bind(requests);
      requests.push = (...arrived) => {
        const length = push(...arrived);
        atOnce.push(
          requests.filter(({ method, status }) => method === 'GET' && status === 0).length,
        );
        return length;
      };
      const hints = nos.map((no) => forward({ out_trade_no: no }, { ciphertext: false }));
      await Promise.all(hints.map((m) => post('/', m)));
      expect(atOnce).toContain(1);
      expect(Math.max(...atOnce)).toBeLessThanOrEqual(8);
    });

    test('a dead WeChat behind a hint: 5xx, so that it comes again; nothing changes but the mark', async () => {
      stage.simulator.faults.add({ route: 'GET /v3/pay/*', kind: 'status', status: 500, times: 9 });
      const answer = await post('/', forward({}, { ciphertext: false }));
      expect(answer.status).toBeGreaterThanOrEqual(500);
      expect(await stage.order(NO)).toMatchObject({ state: 'PENDING' });
    });
  });

  describe('replayed', () => {
    test('after months: the signature is stale; as a forward it repeats what is known', async () => {
      stage.simulator.switches.refundOutcome = 'never';
      const real = stage.simulator.pay(NO, { deliver: 'never' });
      const m = stage.simulator.makeNotification('payment', real);
      await post('/wechatpay/order', m);
      const refund = await stage.asOperator('wxpay_refund', refundBody(NO, 'R1'));
      expect(refund.status).toBe(200);
      stage.simulator.settleRefund('R1', 'SUCCESS', { deliver: 'never' });
      const told = stage.simulator.makeNotification('refund', {
        ...stage.simulator.refund('R1'),
        status: undefined,
        refund_status: 'SUCCESS',
        mchid: stage.simulator.credentials.merchantId,
      });
      expect((await post('/wechatpay/refund', told)).status).toBe(200);
      const before = frozen(await stage.order(NO));
      expect(before).toMatchObject({ state: 'REFUNDED' });
      await stage.simulator.clock.advance(120 * 24 * 3600_000);
      for (const path of ALL_PATHS) {
        expect((await post(path, m)).status).toBeGreaterThanOrEqual(400);
        expect((await post(path, told)).status).toBeGreaterThanOrEqual(400);
      }
      await post('/', { body: JSON.stringify({ rawData: JSON.parse(m.body) as Plain }) });
      await post('/', { body: JSON.stringify({ rawData: JSON.parse(told.body) as Plain }) });
      expect(await stage.order(NO)).toEqual(before);
    });

    test('a refund that failed, told again after it went through, does not go back', async () => {
      stage.simulator.switches.refundOutcome = 'never';
      const real = stage.simulator.pay(NO, { deliver: 'never' });
      await post('/wechatpay/order', stage.simulator.makeNotification('payment', real));
      await stage.asOperator('wxpay_refund', refundBody(NO, 'R1', 40));
      const facts = (status: string): Message => {
        const base = { ...stage.simulator.refund('R1'), mchid: plain.mchid, status: undefined };
        return stage.simulator.makeNotification('refund', { ...base, refund_status: status });
      };
      const abnormal = facts('ABNORMAL');
      expect((await post('/wechatpay/refund', abnormal)).status).toBe(200);
      expect((await post('/wechatpay/refund', facts('SUCCESS'))).status).toBe(200);
      const before = frozen(await stage.order(NO));
      expect(before).toMatchObject({ state: 'PARTIALLY_REFUNDED' });
      for (const late of [abnormal, facts('CLOSED'), facts('PROCESSING')]) {
        await post('/wechatpay/refund', late);
        expect(await stage.order(NO)).toEqual(before);
      }
    });
  });

  test('no callback through the old dispatch, no matter who asks', async () => {
    for (const name of ['unifiedOrderTrigger', 'refundTrigger', 'transferTrigger', 'order']) {
      for (const call of [
        { _action: name },
        { path: `/wx-pay/${name}` },
        { path: '/wechatpay/order' },
      ]) {
        const body = {
          ...call,
          ParsedContent: plain,
          rawData: { event_type: 'TRANSACTION.SUCCESS' },
        };
        for (const headers of [{}, { 'x-api-key': OPERATOR_KEY }, { 'x-wx-openid': PAYER }]) {
          const answer = await stage.call('/', body, { headers });
          expect(answer.status).toBe(400);
        }
      }
    }
    expect(await stage.order(NO)).toMatchObject({ state: 'PENDING' });
    expect(queries()).toBe(0);
  });

  test('headers of the platform are no proof of a callback', async () => {
    const body = JSON.stringify({
      ParsedContent: plain,
      rawData: { event_type: 'TRANSACTION.SUCCESS' },
    });
    const headers = {
      'x-tcb-integration-id': 'itg-1',
      'x-tcb-wechatpay-decrypted': 'true',
      'x-wx-source': 'wx_paycallback',
      'x-authmethod': 'WX_SERVER_AUTH',
      'x-api-key': OPERATOR_KEY,
    };
    for (const path of [...ORDER_PATHS, '/']) {
      expect((await post(path, { body, headers })).status).toBe(401);
      // Sooner it would be 503: no more than one question in 5 s for one record.
      await stage.simulator.clock.advance(5000);
    }
    expect(await stage.order(NO)).toMatchObject({ state: 'PENDING' });
  });
});
