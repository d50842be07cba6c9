import { createHash, createPublicKey, verify } from 'node:crypto';
import { createAesKey, openAesGcm } from '../../../services/strategies/aesGcm';
import { strictBase64 } from '../../../services/strategies/base64';
import { readSignature, signatureHolds } from '../../../services/strategies/signature';
import { invocationText, requestText } from '../../../services/strategies/signer';

/** Known-answer values: made outside this code, so they can prove it wrong. */

const TIME = '1554208460';
const NONCE = '593BEC0C930BF1AFEB40B4A08C8FB242';
const PREPAY_ID = 'wx201410272009395522657a690389285100';
const KEY = createPublicKey({
  key: Buffer.from(
    'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA2VCTd91fnUn73Xy9DLvt/V62TVxRTEEstVde' +
      'RaZ3B3leO0pldE806mXO4RwdHXagHQ4vGeZN0yqm++rDsGK+U3AH7kejyD2pXshNP9Cq5YwbptiLGtjc' +
      'quw4HNxJQUOmDeJf2vg6byms9RUipiq4SzbJKqJFlUpbuIPDpSpWz10PYmyCNeDGUUK65E5h2B834uxl' +
      '1zNLYQCrkdBzb8oUxwYeP5a2DNxmjL5lsJML7DGr5znsevnoqGRwTm9fxCGfy8wus7hwKz6clt3Whmmd' +
      'a7UAdb1c08hEQFVRbF14AR73xbnd8N0obCWJPCbzMCtkaSef4FdEEgEXJiw0VAJT8wIDAQAB',
    'base64',
  ),
  format: 'der',
  type: 'spki',
});
const SOURCE_SIGNATURE =
  'BKyAfU4iMCuvXMXS0Wzam3V/cnxZ+JaqigPM5OhljS2iOT95OO6Fsuml2JkFANJU9K6q9bLlDhPXuoVz' +
  '+pp4hAm6pHU4ld815U4jsKu1RkyaII+1CYBUYC8TK0XtJ8FwUXXz8vZHh58rrAVN1XwNyvD1vfpxrMT4' +
  'SL536GLwvpUHlCqIMzoZUguLli/K8V29QiOhuH6IEqLNJn8e9b3nwNcQ7be3CzYGpDAKBfDGPCqCv8Rw' +
  '5zndhlffk2FEA70G4hvMwe51qMN/RAJbknXG23bSlObuTCN7Ndj1aJGH6/L+hdwfLpUtJm4QYVazzW7D' +
  'FD27EpSQEqA8bX9+8m1rLg==';
const JSAPI_SIGNATURE =
  'JYKXt4mOdSKy03hD6XypE2RhzqxiJ3GDyxWbaIh1v95JFKzKfliSigI5ABR/pRU1EY/+BcWISR9vI1Zf' +
  'WrnAGGoAhcuRhmwgRznyeT06kBy5k1heLQnFTWFYsoxVWyEEP6HRCbhaWREXRGs6lbdCkuK4R9ZcCgY/' +
  'R+m7fGbiYYKXpjI92ByQ1il9MYxkCtLnxB3qeVjwjBsowN1KO9DQ9x6DYepQbuFUkqLj8A+cGMfXsTqq' +
  'n8/PHPfPeocOXIR3jknFzFzRYyZB0az+KBqULEQr0BUwt9tZ0esXvVFbLoE8RvaBIEMB0OvMx2XRtYc0' +
  'LQCL4wKzE2kYFX4dZmDBVg==';
const EMPTY_SIGNATURE =
  'FvlS+Ab7shbPZIPgZBeHWZkY6n5jgdU61ZW35+bXAtnB2uC/9RHI9bvSQEcWV6ncZbjrbGhOIQFkGcjm' +
  'G9KAN25jisOMdVJ92CYkuiQE+hgvsHtvRr2BpgKBxEXfFXmHEmivNkc9ShQr6VYiGunG0VqREcSE9tAt' +
  'ZnbwtNe0Ah1ArDHZb8qiQPFrazv2MmKfl15Ve68SX9BvEZO3Z2I6yR6MfKal/IWKDgBDGSDlqYzmZV3g' +
  'b6E76ai08Wmt6ijn2MJbfQ++jjDIpivdilSPmcGqPQSR+zfnJt6XGpMDCsip8KDP2Olm3C6LfX0CAJ0D' +
  '/RLelu2ZAMvW5ZFEoad0Lw==';
const NOTIFICATION_SIGNATURE =
  'tJHIiIS9eB2hAYstmAmbbD3ZE5LiIm/Ug5tuL4fC0YOFRWIHV39UFIZXC0e9Wl6lBu6sKvkqDkzpqzBs' +
  'VHyXFlbYZTOQrVdG4b6LfTnK4mikv9++ixJMd3vTf2yCqvBkh98zs3Ds5zsYQakzbcwhmw4fMJs4nPLw' +
  's28H0UW9FjDR//rxELLwXvV1VEA1IBLX70xptjL8hrfUjEE8kkry6yNJTHZRU8CAc7qHli2Ng1V1qb9A' +
  'RbK8A3ThmFmPQvRGrapI/jS2laKKgYUmfdEdkNO6B2Cke5e8VTxY406ArAmQ90GAihDwIcb16TQMnzCM' +
  'BoutnwZKNiKRACrFmtxw2Q==';
const NOTIFICATION =
  '{"id":"3119dfba-e649-5eec-ab1e-3412bc4d2e17","create_time":"2021-06-24T16:37:26+' +
  '08:00","resource_type":"encrypt-resource","event_type":"PAYSCORE.USER_OPEN_SERVI' +
  'CE","summary":"签约成功","resource":{"original_type":"payscore","algorithm":"AEAD_AE' +
  'S_256_GCM","ciphertext":"YDS3lKPaC4Y52Gf3uhft5qUBlIa8b428AWTtTauHQfQrRw+X1WpiuHI' +
  'Dy0vo1Vd6VEq67aVyqPdDYMkRVSDaZL3iZttevRMOoPKMifozg6XPWjIZumks/GpT48lI4NizyeaqLBo' +
  'kNebthah3o1H76qSlO9NkDjp9bzmKLEYYH9TEklFUpsvPqOTOcgSLgh21YJXYR7dEBXFgRLiNIKRgO5J' +
  'dXh1hccRUAlyVWxE54PXpnQ==","associated_data":"payscore","nonce":"Kj7QIyUiYx1q"}}';
const PLAINTEXT =
  '{"mchid":"1900000001","out_trade_no":"T20240101000001","trade_state":"SUCCESS","amount":{"total":1}}';
const CIPHERTEXT =
  'Eu6k3KOMCfFZPsMoOqloD2wBiy6brE00a8ph6KA9qo8zps/eFHamkXpIpJA/o7btrmWMhIp8WtmqjS4p' +
  'yfL7Ma2H7O/A0jUYRhpGO3pKyB+bmIQBxusFM6pzBL1V3hYXi76Ox5AJA6eRNpv1tWmMwbsafj4=';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('strings to sign', () => {
  test.each([
    [
      'GET',
      '/v3/certificates',
      '',
      'fab5c8a222049f386cb01453c7dc712c7997e756271557b0ef6e2e5060575373',
    ],
    [
      'GET',
      '/v3/pay/transactions/out-trade-no/T20240101000001?mchid=1900000001',
      '',
      '2d9b00debdfb98d920b5835da2429102e2f84095e14181622947583f686fc968',
    ],
    [
      'POST',
      '/v3/pay/transactions/out-trade-no/T20240101000001/close',
      '{"mchid":"1900000001"}',
      'abd1ab73e9ea109d32de7988b7e30295c33c4d09a6b5e7ac840554632502c323',
    ],
  ])('of %s %s is the published one', (method, path, body, hash) => {
    expect(sha256(requestText({ method, path, body }, TIME, NONCE))).toBe(hash);
  });

  test('a body that ends in LF still gets one more', () => {
    const text = requestText({ method: 'POST', path: '/', body: 'Hello World!\n' }, TIME, NONCE);
    expect(text.endsWith('Hello World!\n\n')).toBe(true);
  });

  test.each([
    [`prepay_id=${PREPAY_ID}`, 'bf5c0eab11b7710ea376aaa5038ad079fb8175af60d6cbf676fa3bcc4d218bcb'],
    [PREPAY_ID, '24bea8d9042023a0a50bdf8580f0e52570033d68244bd66ec63df7cc25a9073c'],
  ])('of a payment with %s is the published one', (last, hash) => {
    expect(sha256(invocationText('wx2421b1c4370ec43b', TIME, NONCE, last))).toBe(hash);
  });
});

describe('signatures of the published key', () => {
  test('verify over our JSAPI text, and over nothing else', () => {
    const text = invocationText('wx2421b1c4370ec43b', TIME, NONCE, `prepay_id=${PREPAY_ID}`);
    const holds = (bytes: string, signature: string): boolean =>
      verify('RSA-SHA256', Buffer.from(bytes), KEY, Buffer.from(signature, 'base64'));
    expect(holds('source', SOURCE_SIGNATURE)).toBe(true);
    expect(holds(text, JSAPI_SIGNATURE)).toBe(true);
    expect(holds(`${text} `, JSAPI_SIGNATURE)).toBe(false);
  });

  test('an empty 204 verifies over an empty third line', () => {
    const parts = { timestamp: TIME, nonce: NONCE, serial: 's', signature: EMPTY_SIGNATURE };
    expect(signatureHolds(parts, Buffer.alloc(0), KEY)).toBe(true);
    expect(signatureHolds(parts, Buffer.from('{}'), KEY)).toBe(false);
  });

  test('the notification of the official SDK verifies byte for byte', () => {
    const raw = Buffer.from(NOTIFICATION);
    expect(raw.length).toBe(568);
    const parts = readSignature(
      {
        'wechatpay-timestamp': '1624523846',
        'wechatpay-nonce': 'EcZ9Cmy4Xyx1i6RlJQzLcCyEqDa26NBz',
        'wechatpay-serial': 'D7CE59D1F522D701',
        'wechatpay-signature': NOTIFICATION_SIGNATURE,
      },
      1_624_523_846_000,
    );
    if (typeof parts === 'string') throw new Error(parts);
    expect(signatureHolds(parts, raw, KEY)).toBe(true);
    raw.writeUInt8(raw.readUInt8(300) ^ 1, 300);
    expect(signatureHolds(parts, raw, KEY)).toBe(false);
  });
});

describe('AEAD_AES_256_GCM', () => {
  const key = createAesKey('0123456789abcdef0123456789abcdef');
  const open = (ciphertext: string, more: Record<string, unknown>): string | undefined =>
    openAesGcm(key, { ciphertext, nonce: 'abcdefghijkl', ...more })?.toString('utf8');

  test('opens the known values, with associated data, without, and empty', () => {
    expect(open(CIPHERTEXT, { associated_data: 'transaction' })).toBe(PLAINTEXT);
    expect(open('Aaml06RRGOG9Gl945vRp0EoTToNf', { associated_data: 'certificate' })).toBe('hello');
    expect(open('J4eyg9F9Psu7v1i0ehGUog==', {})).toBe('');
    expect(open('J4eyg9F9Psu7v1i0ehGUog==', { associated_data: '' })).toBe('');
  });

  test('refuses other associated data, another nonce length, a short tag and no text', () => {
    expect(open(CIPHERTEXT, { associated_data: 'refund' })).toBeUndefined();
    expect(open(CIPHERTEXT, {})).toBeUndefined();
    expect(open(CIPHERTEXT, { associated_data: 7 })).toBeUndefined();
    expect(open('GvpmmdtYwexXIPhySs9Tlg==', { nonce: '0123456789abcdef' })).toBeUndefined();
    expect(open('J4eyg9F9Psu7v1i0ehE=', {})).toBeUndefined();
    expect(open('', {})).toBeUndefined();
  });

  test('refuses every single changed bit, in the text as in the tag', () => {
    const bytes = Buffer.from(CIPHERTEXT, 'base64');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const spoilt = Buffer.from(bytes);
      spoilt.writeUInt8(spoilt.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(open(spoilt.toString('base64'), { associated_data: 'transaction' })).toBeUndefined();
    }
  });

  test('a key that is not 32 bytes is a fault of the settings', () => {
    expect(() => createAesKey('testMchAPIv3Key0')).toThrow(/apiV3Key/);
  });
});

describe('strict Base64', () => {
  test.each([
    undefined,
    '',
    'a',
    'ab=',
    'a b=',
    'YQ',
    'YR==',
    'YQ==\n',
    '-_==',
    'WECHATPAY/SIGNTEST/x=',
  ])('refuses %j', (text) => {
    expect(strictBase64(text)).toBeUndefined();
  });

  test('accepts the canonical form', () => {
    expect(strictBase64('YQ==')?.toString()).toBe('a');
  });
});
