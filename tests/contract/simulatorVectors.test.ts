/**
 * Shows that the simulator's own cryptography is WeChat's: known answers published with the
 * official Go SDK or computed apart from this code. Without them, simulator and service could
 * agree with each other and both be wrong.
 */
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { parseAuthorization, signMessage } from '../../simulator/authenticate';
import { feeOf, yuan } from '../../simulator/bills';
import {
  aesGcmEncrypt,
  oaepDecrypt,
  oaepEncrypt,
  rsaSign,
  rsaVerify,
} from '../../simulator/crypto';
import { keyPairOf } from '../../simulator/rsaKeys';
import { PAYMENT_SCHEDULE } from '../../simulator/notifier';
import { createCertificate } from '../../simulator/x509';

const SPKI =
  'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA2VCTd91fnUn73Xy9DLvt/V62TVxRTEEstVdeRaZ3B3leO0pl' +
  'dE806mXO4RwdHXagHQ4vGeZN0yqm++rDsGK+U3AH7kejyD2pXshNP9Cq5YwbptiLGtjcquw4HNxJQUOmDeJf2vg6byms' +
  '9RUipiq4SzbJKqJFlUpbuIPDpSpWz10PYmyCNeDGUUK65E5h2B834uxl1zNLYQCrkdBzb8oUxwYeP5a2DNxmjL5lsJML' +
  '7DGr5znsevnoqGRwTm9fxCGfy8wus7hwKz6clt3Whmmda7UAdb1c08hEQFVRbF14AR73xbnd8N0obCWJPCbzMCtkaSef' +
  '4FdEEgEXJiw0VAJT8wIDAQAB';
const EMPTY_204 =
  'FvlS+Ab7shbPZIPgZBeHWZkY6n5jgdU61ZW35+bXAtnB2uC/9RHI9bvSQEcWV6ncZbjrbGhOIQFkGcjmG9KAN25jisOM' +
  'dVJ92CYkuiQE+hgvsHtvRr2BpgKBxEXfFXmHEmivNkc9ShQr6VYiGunG0VqREcSE9tAtZnbwtNe0Ah1ArDHZb8qiQPFr' +
  'azv2MmKfl15Ve68SX9BvEZO3Z2I6yR6MfKal/IWKDgBDGSDlqYzmZV3gb6E76ai08Wmt6ijn2MJbfQ++jjDIpivdilSP' +
  'mcGqPQSR+zfnJt6XGpMDCsip8KDP2Olm3C6LfX0CAJ0D/RLelu2ZAMvW5ZFEoad0Lw==';
const NONCE = '593BEC0C930BF1AFEB40B4A08C8FB242';
const KEY = '0123456789abcdef0123456789abcdef';

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

describe('known answers', () => {
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
  ])('the text to sign of %s %s has the known hash', (method, url, body, hash) => {
    const call = { method, url, timestamp: '1554208460', nonce: NONCE };
    expect(sha256(signMessage(call, Buffer.from(body)))).toBe(hash);
  });

  test('an Authorization header of the official SDK is read by key, in any order', () => {
    const parts = [
      'mchid="1234567890"',
      'nonce_str="A1B2C3D4E5F6G7"',
      'timestamp="1624523846"',
      'serial_no="0123456789ABC"',
      'signature="c2ln=="',
    ];
    const expected = {
      mchid: '1234567890',
      nonce_str: 'A1B2C3D4E5F6G7',
      timestamp: '1624523846',
      serial_no: '0123456789ABC',
      signature: 'c2ln==',
    };
    const scheme = 'WECHATPAY2-SHA256-RSA2048';
    expect(parseAuthorization(`${scheme} ${parts.join(',')}`)).toEqual(expected);
    expect(parseAuthorization(`${scheme} ${[...parts].reverse().join(',')}`)).toEqual(expected);
    for (const bad of [
      '',
      parts.join(','),
      `${scheme} ${parts.slice(1).join(',')}`,
      `${scheme}  ${parts.join(',')}`,
      `${scheme} ${parts.join(', ')}`,
      `${scheme} ${[...parts, parts[0]].join(',')}`,
    ]) {
      expect(parseAuthorization(bad)).toBeUndefined();
    }
  });

  test('a signature of the published test key is recognised, and one changed bit is not', () => {
    const key = createPublicKey({
      key: Buffer.from(SPKI, 'base64'),
      format: 'der',
      type: 'spki',
    });
    const message = Buffer.from(`1554208460\n${NONCE}\n\n`);
    expect(rsaVerify(message, EMPTY_204, key)).toBe(true);
    expect(rsaVerify(Buffer.from(`1554208460\n${NONCE}\n`), EMPTY_204, key)).toBe(false);
    expect(rsaVerify(message, EMPTY_204.replace('Fvl', 'Fvm'), key)).toBe(false);
    expect(rsaVerify(message, 'WECHATPAY/SIGNTEST/abc', key)).toBe(false);
  });

  test('AES-256-GCM gives the computed ciphertexts', () => {
    const o = (associatedData: string): Parameters<typeof aesGcmEncrypt>[1] => ({
      key: KEY,
      nonce: 'abcdefghijkl',
      associatedData,
    });
    const plain =
      '{"mchid":"1900000001","out_trade_no":"T20240101000001",' +
      '"trade_state":"SUCCESS","amount":{"total":1}}';
    expect(aesGcmEncrypt(plain, o('transaction'))).toBe(
      'Eu6k3KOMCfFZPsMoOqloD2wBiy6brE00a8ph6KA9qo8zps/eFHamkXpIpJA/o7btrmWMhIp8WtmqjS4pyfL7Ma2H7O/' +
        'A0jUYRhpGO3pKyB+bmIQBxusFM6pzBL1V3hYXi76Ox5AJA6eRNpv1tWmMwbsafj4=',
    );
    expect(aesGcmEncrypt('hello', o('certificate'))).toBe('Aaml06RRGOG9Gl945vRp0EoTToNf');
    expect(aesGcmEncrypt('', o(''))).toBe('J4eyg9F9Psu7v1i0ehGUog==');
  });
});

describe('keys made from a seed', () => {
  const pair = keyPairOf('vectors');

  test('sign, verify, encrypt, and decrypt as RSA-2048 keys do', () => {
    expect(pair.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048);
    const signature = rsaSign('source', pair.privateKey);
    expect(rsaVerify(Buffer.from('source'), signature, pair.publicKey)).toBe(true);
    expect(rsaVerify(Buffer.from('sourcf'), signature, pair.publicKey)).toBe(false);
    const secret = oaepEncrypt('张三', pair.publicKey);
    expect(secret).toHaveLength(344);
    expect(oaepDecrypt(secret, pair.privateKey)).toBe('张三');
    expect(oaepDecrypt('plain text', pair.privateKey)).toBeUndefined();
  });

  test('are the same for the same label and differ for another', () => {
    expect(keyPairOf('vectors').privatePem).toBe(pair.privatePem);
    expect(keyPairOf('vectors 2').publicPem).not.toBe(pair.publicPem);
  });

  test('carry a certificate that Node reads and verifies', () => {
    const made = createCertificate({
      label: 'vectors',
      ...pair,
      notBeforeMs: Date.UTC(2026, 0, 1),
      notAfterMs: Date.UTC(2051, 0, 1),
    });
    const certificate = new X509Certificate(made.pem);
    expect(certificate.serialNumber).toBe(made.serial);
    expect(made.serial).toMatch(/^[0-9A-F]{40}$/);
    expect(certificate.verify(pair.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(new Date(certificate.validTo).getTime()).toBe(Date.UTC(2051, 0, 1));
  });
});

describe('money and schedule', () => {
  test('the 15 repeats take 24 hours and 4 minutes', () => {
    expect(PAYMENT_SCHEDULE).toHaveLength(15);
    expect(PAYMENT_SCHEDULE.reduce((a, b) => a + b, 0)).toBe((24 * 60 + 4) * 60_000);
  });

  test('fen become yuan by text, fees are whole fen, half up', () => {
    expect([0, 1, 10, 100, 123456, -5].map(yuan)).toEqual([
      '0.00',
      '0.01',
      '0.10',
      '1.00',
      '1234.56',
      '-0.05',
    ]);
    expect([1, 83, 84, 100, 250, 1000].map((fen) => feeOf('0.60', fen))).toEqual([
      0, 0, 1, 1, 2, 6,
    ]);
  });
});
