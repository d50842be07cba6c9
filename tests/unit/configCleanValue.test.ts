/** What is pasted with its wrapping means what was meant; what cannot be repaired is named; a misspelt name is reported. */
import { loadConfig, loadListen } from '../../config/config';
import { editDistance, isPath, cleanValue, suspicionOf } from '../../config/cleanValue';
import { SETTINGS } from '../../config/schema';
import { checkSettings } from '../../cli/doctor/settings';
import { ConfigError } from '../../utils/errors';
import { createSimulator, type Simulator } from '../../simulator';

let simulator: Simulator;
let base: Record<string, string>;
beforeAll(async () => {
  simulator = await createSimulator();
  base = simulator.env({
    databaseUrl: 'memory:',
    operatorKeys: 'operator-key-for-tests-0123456789abcdef',
    webhookUrl: 'https://shop.example.com/effects',
    webhookSecret: 'a-webhook-secret-of-32-characters',
    corsAllowOrigin: 'https://shop.example.com',
    operatorOpenids: 'oOperator0000000000001',
  });
});
afterAll(() => simulator.close());

const WRAPPINGS: readonly (readonly [string, (value: string) => string])[] = [
  ['straight quotes', (v) => `"${v}"`],
  ['single quotes', (v) => `'${v}'`],
  ['back-ticks', (v) => `\`${v}\``],
  ['curly quotes', (v) => `“${v}”`],
  ['single curly quotes', (v) => `‘${v}’`],
  ['Chinese quotes', (v) => `「${v}」`],
  ['full-width quotes', (v) => `＂${v}＂`],
  ['quotes of a JSON file, and its comma', (v) => `"${v}",`],
  ['quotes of JSON in JSON', (v) => `\\"${v}\\"`],
  ['quotes in quotes', (v) => `'"${v}"'`],
  ['blanks before and behind', (v) => `  ${v}\t\n`],
  ['a wide blank behind', (v) => `${v}\u3000\u00a0`],
  ['a byte order mark', (v) => `\ufeff${v}`],
  ['zero-width characters', (v) => `\u200b${v.slice(0, 3)}\u200d${v.slice(3)}\u2060`],
  ['a mark in front of quotes, and blanks in them', (v) => `\ufeff“ ${v} ”`],
];

test.each(WRAPPINGS)('%s around any setting change nothing', (_what, wrap) => {
  const plain = loadConfig(base);
  const wrapped = Object.fromEntries(
    Object.entries(base).map(([name, value]) => {
      const known = SETTINGS.some((setting) => setting.name === name);
      return [name, known && value !== '' ? wrap(value) : value];
    }),
  );
  expect(loadConfig(wrapped)).toEqual(plain);
});

test('quotes with nothing between them are nothing', () => {
  const present = loadListen({ ...base, appId: '""', apiV3Key: '“”' }).present;
  expect([present['appId'], present['apiV3Key']]).toEqual([false, false]);
});

test('each item of a list may have its own quotes', () => {
  const keys = [
    'operator-key-for-tests-0123456789abcdef',
    'another-key-for-tests-0123456789abcdef',
  ];
  const plain = loadConfig({ ...base, operatorKeys: keys.join(',') });
  const quoted = loadConfig({ ...base, operatorKeys: keys.map((key) => `"${key}"`).join(', ') });
  expect(quoted.operatorKeys).toEqual(plain.operatorKeys);
});

test('a quote that belongs to the value stays', () => {
  for (const value of ['a"b', '"a"b"', 'it’s']) expect(cleanValue(value)).toBe(value);
});

const faultsOf = (more: Record<string, string>): string => {
  try {
    loadConfig({ ...base, ...more });
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.join('\n');
    throw error;
  }
  throw new Error('was accepted');
};

test('what remains suspicious is named, never shown', () => {
  // 32 bytes, and another key than was meant.
  const half = `"${'k'.repeat(31)}`;
  expect(faultsOf({ apiV3Key: half })).toMatch(/apiV3Key: 含有引号.* \/ holds a quotation mark/);
  expect(faultsOf({ apiV3Key: half })).not.toContain('kkk');
  const { warnings } = loadConfig({ ...base, webhookSecret: '“a-webhook-secret-of-32-characters' });
  expect(warnings.join()).toMatch(/webhookSecret: 含有引号/);
  expect(suspicionOf('a b')).toBe('blank');
  expect(suspicionOf('ａｂｃ')).toBe('wide');
  expect(suspicionOf('whsec_+/=:-')).toBeUndefined();
});

test.each([
  ['in lower case', (serial: string) => serial.toLowerCase()],
  ['with colons', (serial: string) => (serial.match(/../g) ?? []).join(':')],
  ['as OpenSSL prints it', (serial: string) => `serial=${serial}`],
])('a serial %s is sent in upper case', (_what, write) => {
  const serial = '36048761817F82958048330A6301E922AB28A04D';
  const { credentials } = loadConfig({ ...base, merchantSerialNumber: write(serial) });
  expect(credentials.v3?.merchantSerialNumber).toBe(serial);
});

test('the id of a public key is compared in upper case, too', () => {
  const id = 'PUB_KEY_ID_0119000091912024112600000000000000';
  const { credentials } = loadConfig({ ...base, wxPayPublicKeyId: id.toLowerCase() });
  expect(credentials.v3?.wxPayPublicKeyId).toBe(id);
});

test.each([
  'apiclient_key.pem',
  '/etc/keys/apiclient_key.pem',
  './cert/key',
  'C:\\wx\\key.pem',
  '~/a.key',
])('a path where a key belongs is named as that: %s', (path) => {
  expect(isPath(path)).toBe(true);
  expect(faultsOf({ privateKey: `"${path}"` })).toMatch(/privateKey: .*文件路径.*path of a file/);
  expect(faultsOf({ wxPayPublicKey: path })).toMatch(/wxPayPublicKey: .*path of a file/);
});

test('an origin loses its slash and its capitals, an address of WeChat Pay its slash', () => {
  const config = loadConfig({
    ...base,
    corsAllowOrigin: 'HTTPS://Shop.Example.com/, https://b.example.com//',
    wxPayBaseUrl: 'https://api.mch.weixin.qq.com/',
  });
  expect(config.corsAllowOrigin).toBe('https://shop.example.com,https://b.example.com');
  expect(config.wxPayBaseUrl).toBe('https://api.mch.weixin.qq.com');
});

describe('names', () => {
  test.each([
    ['requirePrepareOrders', 'requirePreparedOrders'],
    ['requirepreparedorders', 'requirePreparedOrders'],
    ['REQUIRE_PREPARED_ORDERS', 'requirePreparedOrders'],
    ['trustWxHeader', 'trustWxHeaders'],
    ['transferDayFn', 'transferDayFen'],
    ['operator_keys', 'operatorKeys'],
    ['orderPerMinute', 'ordersPerMinute'],
  ])('%s is told to be %s', (written, meant) => {
    const { [meant]: _given, ...others } = base;
    const told = loadConfig({ ...others, [written]: 'true' }).warnings.join();
    expect(told).toContain(`${written}: 未被使用，应写作 ${meant} / is not read, write ${meant}`);
  });

  test('names of other programs, and ones far from ours, are nobody’s', () => {
    const others = {
      PATH: '/bin',
      HOSTNAME: 'h',
      LANG: 'C',
      NODE_ENV: 'x',
      POST: '1',
      APPDATA: 'x',
    };
    expect(loadConfig({ ...base, ...others }).warnings).toEqual(loadConfig(base).warnings);
  });

  test('the doctor takes a misspelt setting of ours for a fault, another’s capitals for a hint', () => {
    const severity = (name: string) =>
      checkSettings({ ...base, [name]: 'true' }).findings.find(
        ({ code, setting }) => code === 'misspelt' && setting === name,
      )?.severity;
    expect(severity('requirePreparedOrder')).toBe('fault');
    expect(severity('REQUIRE_PREPARED_ORDERS')).toBe('warn');
  });

  test('the distance of two words', () => {
    const distances = [
      ['abc', 'abc'],
      ['abc', 'abd'],
      ['abc', 'ab'],
      ['abc', 'xabc'],
      ['abcd', 'badc'],
    ];
    expect(distances.map(([a = '', b = '']) => editDistance(a, b, 3))).toEqual([0, 1, 1, 1, 3]);
    expect(editDistance('a', 'abcdef', 2)).toBe(3);
  });
});
