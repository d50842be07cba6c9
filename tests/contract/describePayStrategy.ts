import { createPublicKey, privateDecrypt, verify, constants } from 'node:crypto';
import { createStrategy } from '../../services/strategies';
import { createDialect } from '../../services/wechat';
import { invocationText, requestText } from '../../services/strategies/signer';
import type { PayStrategy, WechatReply } from '../../services/strategies/strategy';
import { createLogBook } from '../helpers/logBook';
import {
  configOf,
  createKeyPair,
  MERCHANT_ID,
  MERCHANT_SERIAL,
  NOW,
  PUBLIC_KEY_ID,
  type KeyPair,
} from '../helpers/wechatKeys';
import { plain, signed, startPeer, type Peer } from '../helpers/wechatPeer';

/** What every mode promises about calls out. Passing this suite is what makes a strategy one. */
export function describePayStrategy(mode: 'sdk' | 'gateway'): void {
  describe(`the ${mode} strategy`, () => {
    let merchant: KeyPair;
    let wechat: KeyPair;
    let peer: Peer;
    let strategy: PayStrategy;
    const key = () => ({ serial: PUBLIC_KEY_ID, privateKey: wechat.privateKey });

    beforeAll(async () => {
      merchant = createKeyPair();
      wechat = createKeyPair();
      peer = await startPeer();
    });
    afterAll(() => peer.close());
    beforeEach(() => {
      peer.received.length = 0;
      const config = configOf({
        signMode: mode,
        merchant,
        wechatPublicKey: wechat.publicKey,
        baseUrl: peer.url,
      });
      strategy = createStrategy({
        config,
        dialect: createDialect(config),
        clock: { now: () => NOW },
        logger: createLogBook().logger,
      });
    });
    afterEach(() => strategy.close());

    const holds = (text: string, signature: string): boolean =>
      verify(
        'RSA-SHA256',
        Buffer.from(text),
        createPublicKey(merchant.publicKey),
        Buffer.from(signature, 'base64'),
      );

    test('is of its mode, and ready without asking anyone', async () => {
      await strategy.start();
      expect(strategy.mode).toBe(mode);
      expect(strategy.keys()).toEqual({ ready: true, serials: [PUBLIC_KEY_ID] });
      expect(peer.received).toEqual([]);
    });

    test('signs exactly what it sends, and says who it is', async () => {
      peer.answer(signed({ key: key(), at: NOW, body: '{"prepay_id":"wx1"}' }));
      const body = '{"description":"测试","amount":{"total":1}}';
      const path = '/v3/pay/transactions/jsapi?a=%20b';
      const reply = await strategy.call({ method: 'POST', path, body });
      expect(reply).toEqual<WechatReply>({
        kind: 'proven',
        status: 200,
        body: { prepay_id: 'wx1' },
        requestId: '08F2A1B2-0',
        repeated: false,
      });
      const [request] = peer.received;
      if (request === undefined) throw new Error('nothing received');
      expect(request).toMatchObject({ method: 'POST', path, body });
      expect(request.headers).toMatchObject({
        accept: 'application/json',
        'content-type': 'application/json',
        'wechatpay-serial': PUBLIC_KEY_ID,
        'user-agent': expect.stringMatching(/^pay-common\//) as string,
      });
      const parts = authorizationOf(request.headers.authorization);
      expect(parts).toMatchObject({
        mchid: MERCHANT_ID,
        serial_no: MERCHANT_SERIAL,
        timestamp: String(NOW / 1000),
      });
      expect(parts.nonce_str).toMatch(/^[0-9A-Za-z]{32}$/);
      const text = requestText({ method: 'POST', path, body }, parts.timestamp, parts.nonce_str);
      expect(holds(text, parts.signature)).toBe(true);
    });

    test('a GET carries no body, a call’s own serial goes before the usual one', async () => {
      peer.answer(signed({ key: key(), at: NOW }));
      await strategy.call({ method: 'GET', path: '/v3/x', serial: 'OTHER' });
      const [request] = peer.received;
      expect(request?.body).toBe('');
      expect(request?.headers['content-type']).toBeUndefined();
      expect(request?.headers['wechatpay-serial']).toBe('OTHER');
    });

    test('a POST without a body is signed over an empty last line', async () => {
      peer.answer(signed({ key: key(), at: NOW }));
      await strategy.call({ method: 'POST', path: '/v3/x/cancel' });
      const parts = authorizationOf(peer.received[0]?.headers.authorization);
      const request = { method: 'POST', path: '/v3/x/cancel', body: '' };
      const text = requestText(request, parts.timestamp, parts.nonce_str);
      expect(holds(text, parts.signature)).toBe(true);
      expect(peer.received[0]?.headers['content-length']).toBe('0');
    });

    test('a verified 204 is proven, an unverified one is not', async () => {
      const call = { method: 'POST', path: '/v3/close', retriesMax: 0 } as const;
      peer.answer(signed({ key: key(), at: NOW, status: 204, body: '' }));
      expect(await strategy.call(call)).toMatchObject({ kind: 'proven', status: 204, body: {} });
      peer.answer(plain(204, ''));
      expect(await strategy.call(call)).toMatchObject({ kind: 'unknown', reason: 'unproven' });
    });

    test('signs the parameters of wx.requestPayment, all of them strings', async () => {
      const params = await strategy.signJsapi({ appid: 'wx1', prepay_id: 'wxp' });
      expect(params).toEqual({
        appId: 'wx1',
        prepay_id: 'wxp',
        timeStamp: String(NOW / 1000),
        nonceStr: expect.stringMatching(/^[0-9A-Za-z]{32}$/) as string,
        package: 'prepay_id=wxp',
        signType: 'RSA',
        paySign: expect.any(String) as string,
      });
      const text = invocationText('wx1', params.timeStamp, params.nonceStr, params.package);
      expect(holds(text, params.paySign)).toBe(true);
    });

    test('signs the App parameters over the bare prepay id', async () => {
      const params = await strategy.signApp({ appid: 'wx1', prepay_id: 'wxp' });
      expect(params).toMatchObject({
        appid: 'wx1',
        partnerid: MERCHANT_ID,
        prepayid: 'wxp',
        package: 'Sign=WXPay',
        timestamp: String(NOW / 1000),
      });
      const { timestamp, noncestr, sign } = params;
      expect(holds(invocationText('wx1', timestamp, noncestr, 'wxp'), sign)).toBe(true);
    });

    test('encrypts for WeChat’s key and names it', async () => {
      const { serial, ciphertext } = await strategy.encrypt('张三');
      expect(serial).toBe(PUBLIC_KEY_ID);
      const opened = privateDecrypt(
        {
          key: wechat.privateKey,
          padding: constants.RSA_PKCS1_OAEP_PADDING,
          oaepHash: 'sha1',
        },
        Buffer.from(ciphertext, 'base64'),
      );
      expect(opened.toString('utf8')).toBe('张三');
    });

    test('a path that was not encoded is a bug, and never sent', async () => {
      const call = strategy.call({ method: 'GET', path: '/v3/a b\r\nX: y' });
      await expect(call).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' });
      expect(peer.received).toEqual([]);
    });
  });
}

interface Authorization {
  readonly timestamp: string;
  readonly nonce_str: string;
  readonly signature: string;
  readonly mchid: string;
  readonly serial_no: string;
}

/** Read by key, as the gateway must: the order of the pairs is free. */
export function authorizationOf(header: string | undefined): Authorization {
  const [scheme, list] = (header ?? '').split(/ (.*)/s);
  expect(scheme).toBe('WECHATPAY2-SHA256-RSA2048');
  const pairs = (list ?? '').split(',').map((pair) => /^(\w+)="(.*)"$/.exec(pair) ?? []);
  const parts = Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value]));
  return parts as unknown as Authorization;
}
