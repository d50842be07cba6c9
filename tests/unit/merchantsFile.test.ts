/** The file of further merchants: the same validator, every fault at once, each by its place. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../config/config';
import { faultSentence } from '../../config/faultWords';
import { readMerchantsFile, type MerchantsReading } from '../../config/merchantsFile';
import { SETTINGS, type Setting } from '../../config/schema';
import { createKeyPair } from '../helpers/wechatKeys';

const [own, theirs] = [createKeyPair(), createKeyPair()];
const KEY = 'operator-key-of-the-second-merchant-01';

type Json = Record<string, unknown>;
const environment: Record<string, string> = {
  signMode: 'sdk',
  appId: 'wxc1546068399a59fc',
  merchantId: '1900009191',
  apiV3Key: '0123456789abcdef0123456789ABCDEF',
  merchantSerialNumber: '36048761817F82958048330A6301E922AB28A04D',
  privateKey: own.privateKey,
  notifyURLPayURL: 'https://pay.example.com/wechatpay/order',
  notifyURLRefundsURL: 'https://pay.example.com/wechatpay/refund',
  transferMaxFen: '77',
  operatorKeys: 'operator-key-of-the-environment-000001',
  databaseUrl: 'memory:',
};
const entry: Json = {
  key: 'shop-b',
  signMode: 'sdk',
  appId: 'wxb1546068399a59fc',
  merchantId: 1900009192,
  apiV3Key: 'bbbbbbbbbbbbbbbb0123456789ABCDEF',
  merchantSerialNumber: 'B6048761817F82958048330A6301E922AB28A04D',
  privateKey: theirs.privateKey,
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pay-common-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function put(name: string, content: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}
const readPath = (merchantsFile: string, more: Record<string, string> = {}): MerchantsReading =>
  readMerchantsFile(loadConfig({ ...environment, merchantsFile, ...more }));
const read = (entries: readonly unknown[], more?: Record<string, string>): MerchantsReading =>
  readPath(put('merchants.json', JSON.stringify(entries)), more);
const codes = ({ entries }: MerchantsReading): string[] =>
  entries.flatMap(({ faults }) => faults.map(({ name, code }) => `${name} ${code}`));
const configOf = (entries: readonly unknown[], more?: Record<string, string>) => {
  const config = read(entries, more).entries[0]?.config;
  if (config === undefined) throw new Error('was refused');
  return config;
};

describe('a sound entry', () => {
  it('is the sample of docs/merchants.md, once its blanks are filled in', () => {
    const page = readFileSync(join(__dirname, '../../docs/merchants.md'), 'utf8');
    const sample = /```json\n([^`]+)```/.exec(page)?.[1] ?? '';
    const filled = sample
      .replace('sha256:…', `sha256:${'ab'.repeat(32)}`)
      .replace('PUB_KEY_ID_…', 'PUB_KEY_ID_0116200000001');
    mkdirSync(join(folder, 'shop-b'));
    put('shop-b/apiv3.key', `${'b'.repeat(32)}\n`);
    put('shop-b/apiclient_key.pem', theirs.privateKey);
    put('shop-b/wxp_pub.pem', createKeyPair().publicKey);
    put('shop-b/webhook.key', 'c'.repeat(32));
    const { fault, entries } = readPath(put('merchants.json', filled));
    expect(fault).toBeUndefined();
    expect(entries).toMatchObject([{ key: 'shop-b', faults: [], warnings: [] }]);
    expect(entries[0]?.config?.sink).toMatchObject({ kind: 'webhook' });
  });

  it('has the defaults for what it leaves out, never the values of the environment', () => {
    const config = configOf([entry]);
    expect(config).toMatchObject({
      transferMaxFen: 20000,
      operatorKeys: [],
      sink: { kind: 'none' },
      databaseUrl: 'memory:',
      credentials: { merchantId: '1900009192', appId: 'wxb1546068399a59fc' },
    });
    expect(config.present).toMatchObject({ apiV3Key: true, operatorKeys: false });
    const { signMode: _left, ...withoutMode } = entry;
    expect(configOf([withoutMode]).signMode).toBe('gateway');
    expect(Object.isFrozen(config) && Object.isFrozen(config.credentials)).toBe(true);
  });

  it('takes numbers, booleans and arrays', () => {
    const more = { transferMaxFen: 5, requirePreparedOrders: true, operatorKeys: [KEY] };
    const config = configOf([{ ...entry, ...more }]);
    expect(config).toMatchObject({ transferMaxFen: 5, requirePreparedOrders: true });
    expect(config.operatorKeys).toHaveLength(1);
  });

  it('reads a credential from a file beside it', () => {
    const { privateKey: _left, apiV3Key, ...rest } = entry;
    put('b.pem', theirs.privateKey);
    put('b.key', `${String(apiV3Key)}\n`, 0o644);
    const files = { privateKeyFile: 'b.pem', apiV3KeyFile: join(folder, 'b.key') };
    const { entries } = read([{ ...rest, ...files }]);
    expect(entries[0]?.config?.credentials.v3).toMatchObject({ apiV3Key });
    // A warning alone: what holds every secret is refused, one of them may be mounted as it is.
    expect(entries[0]?.warnings).toMatchObject([
      { name: 'merchantsFile[0].apiV3KeyFile', code: 'file_open_to_others' },
    ]);
  });
});

describe('notify URLs left out', () => {
  it('are those of the environment with /m/<key> in front of the path', () => {
    expect(configOf([entry])).toMatchObject({
      notifyURLPayURL: 'https://pay.example.com/m/shop-b/wechatpay/order',
      notifyURLRefundsURL: 'https://pay.example.com/m/shop-b/wechatpay/refund',
      transferNotifyUrl: undefined,
    });
  });

  it('come after basePath, and a given one is kept', () => {
    const more = {
      basePath: '/pay',
      notifyURLPayURL: 'https://pay.example.com/pay/wechatpay/order',
      transferNotifyUrl: 'https://pay.example.com/pay/wechatpay/transfer',
    };
    const given = { notifyURLRefundsURL: 'https://b.example.com/r' };
    expect(configOf([{ ...entry, ...given }], more)).toMatchObject({
      notifyURLPayURL: 'https://pay.example.com/pay/m/shop-b/wechatpay/order',
      notifyURLRefundsURL: 'https://b.example.com/r',
      transferNotifyUrl: 'https://pay.example.com/pay/m/shop-b/wechatpay/transfer',
    });
  });

  it('warn where the environment names Integration Center, which forwards to its own merchant', () => {
    const host = 'https://integration-callback.tcloudbase.com';
    const more = { notifyURLPayURL: `${host}/p`, notifyURLRefundsURL: `${host}/r` };
    const [first] = read([entry], { ...more, signMode: 'gateway' }).entries;
    expect(first?.warnings.map(({ name, code }) => `${name} ${code}`)).toContain(
      'merchantsFile[0].notifyURLPayURL derived_from_integration',
    );
  });
});

describe('faults', () => {
  it.each<[string, Json, string[]]>([
    ['a bad value', { apiV3Key: 'short' }, ['apiV3Key key_length']],
    ['a missing one', { apiV3Key: '' }, ['apiV3Key missing']],
    ['an unknown field', { colour: 'red' }, ['colour unknown_field']],
    ['a misspelt field', { operatorKey: KEY }, ['operatorKey misspelt']],
    ['null', { appId: null }, ['appId not_plain']],
    ['an object', { operatorKeys: { a: 1 } }, ['operatorKeys not_plain']],
    ['an array in an array', { operatorKeys: [[KEY]] }, ['operatorKeys not_plain']],
    ['an array that is no list', { appId: ['wxb1546068399a59fc'] }, ['appId not_plain']],
    ['no key', { key: '' }, ['key merchant_key']],
    ['a key with capitals', { key: 'Shop' }, ['key merchant_key']],
    ['a long key', { key: 'k'.repeat(33) }, ['key merchant_key']],
    ['a key with a slash', { key: 'a/b' }, ['key merchant_key']],
    [
      'a bad notify URL',
      { notifyURLPayURL: 'http://a.example.com/x' },
      ['notifyURLPayURL not_https'],
    ],
    [
      'two sinks',
      { amqpUrl: 'amqp://a', hooksModule: './h' },
      ['amqpUrl, hooksModule one_receiver'],
    ],
    ['a file and a value', { privateKeyFile: 'b.pem' }, ['privateKeyFile file_and_value']],
    ['a file for no credential', { appIdFile: 'b.pem' }, ['appIdFile unknown_field']],
    [
      'a file that is not there',
      { privateKey: undefined, privateKeyFile: 'none.pem' },
      ['privateKeyFile file_unreadable'],
    ],
    [
      'the merchant of the environment',
      { merchantId: '1900009191' },
      ['merchantId mchid_of_environment'],
    ],
  ])('%s', (_, more, expected) => {
    const reading = read([{ ...entry, ...more }]);
    const told = codes(reading).filter((one) => !/wxPayPublicKey/.test(one));
    expect(told).toEqual(expected.map((one) => `merchantsFile[0].${one}`));
    expect(reading.entries[0]?.config).toBeUndefined();
  });

  it.each((SETTINGS as readonly Setting[]).filter((one) => one.deployment).map(({ name }) => name))(
    '%s belongs to the deployment',
    (name) => {
      expect(codes(read([{ ...entry, [name]: '1' }]))).toEqual([
        `merchantsFile[0].${name} of_deployment`,
      ]);
    },
  );

  it('of all entries are told at once, and the others serve', () => {
    const second = { ...entry, key: 'c', merchantId: '1900009193', appId: 'x', colour: 1 };
    const reading = read([{ ...entry, apiV3Key: 'short' }, 7, second, { ...entry, key: 'd' }]);
    expect(codes(reading)).toEqual([
      'merchantsFile[0].apiV3Key key_length',
      'merchantsFile[1] not_object',
      'merchantsFile[2].colour unknown_field',
      'merchantsFile[2].appId not_appid',
      'merchantsFile[3].merchantId mchid_taken',
    ]);
    const sound = read([7, entry]);
    expect(sound.entries.map(({ key, config }) => [key, config !== undefined])).toEqual([
      [undefined, false],
      ['shop-b', true],
    ]);
  });

  it('of a second entry with the key or the merchant of an earlier one', () => {
    const sameKey = { ...entry, merchantId: '1900009193' };
    const sameMerchant = { ...entry, key: 'shop-c' };
    const reading = read([entry, sameKey, sameMerchant]);
    expect(reading.entries.map(({ config }) => config !== undefined)).toEqual([true, false, false]);
    expect(codes(reading)).toEqual([
      'merchantsFile[1].key merchant_key_taken',
      'merchantsFile[2].merchantId mchid_taken',
    ]);
  });

  it('never quote a value', () => {
    const secret = 'sssssssssssssssssssssssssssssssssssssss';
    const bad = { privateKey: secret, apiV3Key: secret, operatorKeys: `no:${secret}` };
    const sentences = read([{ ...entry, ...bad }]).entries[0]?.faults.map(faultSentence) ?? [];
    expect(sentences.length).toBeGreaterThan(2);
    expect(sentences.join('')).not.toContain(secret);
    for (const sentence of sentences) expect(sentence).toMatch(/^merchantsFile\[0\]\.\w+: .* \/ /);
  });
});

describe('the file', () => {
  it.each<[string, string, string]>([
    ['is no JSON', '[', 'file_not_array'],
    ['is no array', '{}', 'file_not_array'],
    ['holds too many', JSON.stringify(Array(101).fill(1)), 'too_many'],
    ['is too large', `["${'x'.repeat(1024 * 1024)}"]`, 'file_unreadable'],
  ])('%s', (_, content, code) => {
    const { fault, entries } = readPath(put('m.json', content));
    expect(fault).toMatchObject({ name: 'merchantsFile', code });
    expect(entries).toEqual([]);
  });

  it('is not there, or is a folder', () => {
    expect(readPath(join(folder, 'none')).fault?.params).toEqual({ reason: 'ENOENT' });
    expect(readPath(folder).fault?.params).toEqual({ reason: 'no file' });
  });

  it.each([0o604, 0o640, 0o620, 0o644])('with mode %o is open to others', (mode) => {
    const path = put('m.json', JSON.stringify([entry]), mode);
    expect(readPath(path).fault?.code).toBe('file_open_to_others');
    // Inside SCF the package has the modes of the platform.
    expect(readPath(path, { SCF_RUNTIME: 'x' }).fault).toBeUndefined();
  });

  it('may be absent, empty, or begin with a byte order mark', () => {
    expect(readMerchantsFile(loadConfig(environment))).toEqual({ fault: undefined, entries: [] });
    expect(read([])).toEqual({ fault: undefined, entries: [] });
    expect(readPath(put('m.json', `\ufeff${JSON.stringify([entry])}`)).entries).toHaveLength(1);
  });
});
