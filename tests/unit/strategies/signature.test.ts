import { readJsonObject } from '../../../services/strategies/readJsonObject';
import { claimsSignature, isProbe, readSignature } from '../../../services/strategies/signature';

const NOW = 1_704_074_400_000;
const GOOD = {
  'wechatpay-timestamp': '1704074400',
  'wechatpay-nonce': 'n',
  'wechatpay-serial': 's',
  'wechatpay-signature': 'x',
};

describe('readSignature', () => {
  test('gives the four parts', () => {
    const parts = { timestamp: '1704074400', nonce: 'n', serial: 's', signature: 'x' };
    expect(readSignature(GOOD, NOW)).toEqual(parts);
  });

  test.each(Object.keys(GOOD))('names missing headers as such: %s', (name) => {
    expect(readSignature({ ...GOOD, [name]: undefined }, NOW)).toBe('headers_missing');
    expect(readSignature({ ...GOOD, [name]: ' ' }, NOW)).toBe('headers_missing');
    expect(readSignature({ ...GOOD, [name]: ['a', 'b'] }, NOW)).toBe('headers_missing');
  });

  test('the window is open for less than 300 s to either side', () => {
    expect(readSignature(GOOD, NOW + 299_999)).toEqual(expect.objectContaining({ serial: 's' }));
    expect(readSignature(GOOD, NOW + 300_000)).toBe('timestamp');
    expect(readSignature(GOOD, NOW - 299_999)).toEqual(expect.objectContaining({ serial: 's' }));
    expect(readSignature(GOOD, NOW - 300_000)).toBe('timestamp');
  });

  test.each([
    '',
    '-1',
    '1e9',
    '0x10',
    'NaN',
    '1704074400.0',
    '1704074400000',
    '１７０４０７４４００',
  ])('the timestamp %j is none', (text) => {
    const headers = { ...GOOD, 'wechatpay-timestamp': text };
    expect(typeof readSignature(headers, NOW) === 'string').toBe(true);
  });

  test('another scheme is refused, the named one accepted', () => {
    const with_ = (type: string): unknown =>
      readSignature({ ...GOOD, 'wechatpay-signature-type': type }, NOW);
    expect(with_('WECHATPAY2-SM2-WITH-SM3')).toBe('scheme');
    expect(with_('')).toBe('scheme');
    expect(with_('WECHATPAY2-SHA256-RSA2048')).toEqual(expect.objectContaining({ serial: 's' }));
  });
});

test('any one signature header claims a signature', () => {
  expect(claimsSignature({ 'content-type': 'application/json' })).toBe(false);
  for (const name of [...Object.keys(GOOD), 'wechatpay-signature-type']) {
    expect(claimsSignature({ [name]: '' })).toBe(true);
  }
});

test('a probe is known by how its signature starts', () => {
  expect(isProbe({ 'wechatpay-signature': 'WECHATPAY/SIGNTEST/abc' })).toBe(true);
  expect(isProbe(GOOD)).toBe(false);
});

describe('readJsonObject', () => {
  test.each(['', 'null', '1', '"a"', '[]', '{', '<html>', '{"a":1}x'])('%j is none', (text) => {
    expect(readJsonObject(text)).toBeUndefined();
  });

  test('bytes that are not UTF-8 are none', () => {
    expect(readJsonObject(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBeUndefined();
  });

  test('a prototype cannot be set, however it is spelt', () => {
    for (const key of ['__proto__', '\\u005f_proto__', '_\\u005Fproto\\u005f_']) {
      const parsed = readJsonObject(`{"${key}":{"polluted":1},"a":{"${key}":{"polluted":1}}}`);
      const copy = Object.assign({}, parsed) as Record<string, unknown>;
      expect(Object.keys(copy)).toEqual(['a']);
      expect((copy.a as Record<string, unknown>).polluted).toBeUndefined();
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test('nesting beyond the stack is none, not a crash', () => {
    const deep = `{"\\u0061":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(() => readJsonObject(deep)).not.toThrow();
  });
});
