import Sdk from 'wechatpay-node-v3';
import { createCipheriv } from 'node:crypto';
import { createDialect } from '../../services/wechat';
import type * as Strategies from '../../services/strategies';
import { createAesKey, openAesGcm } from '../../services/strategies/aesGcm';
import { createSigner, requestText } from '../../services/strategies/signer';
import { silentLogger } from '../../utils/logger';
import {
  API_V3_KEY,
  configOf,
  createKeyPair,
  MERCHANT_ID,
  MERCHANT_SERIAL,
  NOW,
  PUBLIC_KEY_ID,
  seal,
  type KeyPair,
} from '../helpers/wechatKeys';
import { authorizationOf } from './describePayStrategy';

/** What we take from `wechatpay-node-v3`, and why we leave the rest: checked against the real class. */

let merchant: KeyPair;
let sdk: Sdk;

beforeAll(() => {
  merchant = createKeyPair();
  sdk = new Sdk({
    appid: 'wx1',
    mchid: MERCHANT_ID,
    serial_no: MERCHANT_SERIAL,
    publicKey: Buffer.from('unused'),
    privateKey: Buffer.from(merchant.privateKey),
  });
});

test.each(['createHttp', 'publicEncrypt'] as const)('%s exists and is called as typed', (name) => {
  expect(Object.getOwnPropertyDescriptor(Sdk.prototype, name)?.value).toBeInstanceOf(Function);
});

test('both sign alike: the same text gives the same signature, in the same header', async () => {
  const config = configOf({
    signMode: 'sdk',
    merchant,
    wechatPublicKey: undefined,
    baseUrl: 'http://127.0.0.1:1',
  });
  const { v3 } = config.credentials;
  if (v3 === undefined) throw new Error('no credentials');
  const signer = createSigner({ credentials: v3, clock: { now: () => NOW } });
  const body = { out_trade_no: 'T1', amount: { total: 1 } };
  const request = { method: 'POST', path: '/v3/x', body: JSON.stringify(body) };
  const ours = authorizationOf(await signer.authorize(request));
  const { nonce_str, timestamp } = ours;
  const signature = sdk.getSignature('POST', nonce_str, timestamp, '/v3/x', body);
  expect(ours.signature).toBe(signature);
  expect(sdk.sha256WithRsa(requestText(request, timestamp, nonce_str))).toBe(signature);
  const theirs = authorizationOf(sdk.getAuthorization(nonce_str, timestamp, signature));
  expect(ours).toEqual(theirs);
});

test('the SDK’s decipher_gcm takes a forged tag: the reason it is not used, and ours refuses', () => {
  const { ciphertext, nonce } = seal('{"total":1}', 'transaction');
  const forged = Buffer.from(ciphertext, 'base64');
  forged.writeUInt8(forged.readUInt8(forged.length - 1) ^ 1, forged.length - 1);
  // The amount itself, too: without the tag a bit flipped in the ciphertext is a bit flipped in the text.
  forged.writeUInt8(forged.readUInt8(9) ^ ('1'.charCodeAt(0) ^ '9'.charCodeAt(0)), 9);
  const text = forged.toString('base64');
  expect(sdk.decipher_gcm(text, 'transaction', nonce, API_V3_KEY)).toEqual({ total: 9 });
  const resource = { ciphertext: text, nonce, associated_data: 'transaction' };
  expect(openAesGcm(createAesKey(API_V3_KEY), resource)).toBeUndefined();
});

test('a tag of 4 bytes, which Node would take by default, is refused', () => {
  const nonce = 'abcdefghijkl';
  const cipher = createCipheriv('aes-256-gcm', API_V3_KEY, nonce, { authTagLength: 4 });
  const text = Buffer.concat([cipher.update('hello, world'), cipher.final(), cipher.getAuthTag()]);
  const resource = { ciphertext: text.toString('base64'), nonce };
  expect(openAesGcm(createAesKey(API_V3_KEY), resource)).toBeUndefined();
});

describe('in the strategy', () => {
  // Each test loads the modules again, to see when, and with what, the SDK is loaded.
  beforeEach(() => {
    jest.resetModules();
  });
  afterEach(() => {
    jest.dontMock('superagent');
    jest.dontMock('wechatpay-node-v3');
  });

  function open() {
    const { createStrategy } = jest.requireActual<typeof Strategies>('../../services/strategies');
    const config = configOf({
      signMode: 'gateway',
      merchant,
      wechatPublicKey: merchant.publicKey,
      baseUrl: 'http://127.0.0.1:1',
    });
    return createStrategy({
      config,
      dialect: createDialect(config),
      clock: { now: () => NOW },
      logger: silentLogger,
    });
  }

  test('the SDK is loaded on the first field to encrypt, and not before', async () => {
    let loads = 0;
    jest.doMock('wechatpay-node-v3', () => {
      loads += 1;
      return jest.requireActual<object>('wechatpay-node-v3');
    });
    const strategy = open();
    await strategy.start();
    await strategy.signJsapi({ appid: 'wx1', prepay_id: 'p' });
    expect(loads).toBe(0);
    await strategy.encrypt('a');
    await strategy.encrypt('b');
    expect(loads).toBe(1);
    await strategy.close();
  });

  test('works where superagent is an empty module, as in the bundle', async () => {
    jest.doMock('superagent', () => ({}));
    const strategy = open();
    const { serial, ciphertext } = await strategy.encrypt('张三');
    expect(serial).toBe(PUBLIC_KEY_ID);
    expect(ciphertext).toHaveLength(344);
    await strategy.close();
  });
});
