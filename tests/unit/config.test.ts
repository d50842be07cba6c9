import { createHash } from 'node:crypto';
import { loadConfig, loadListen } from '../../config/config';
import { SETTINGS } from '../../config/schema';
import { ConfigError } from '../../utils/errors';
import { createKeyPair } from '../helpers/keyPairs';

const merchant = createKeyPair();
const wechat = createKeyPair();

type Env = Record<string, string>;
const base: Env = {
  signMode: 'sdk',
  appId: 'wxc1546068399a59fc',
  merchantId: '1900009191',
  apiV3Key: '0123456789abcdef0123456789ABCDEF',
  merchantSerialNumber: '36048761817F82958048330A6301E922AB28A04D',
  privateKey: merchant.privateKey,
  wxPayPublicKey: wechat.publicKey,
  wxPayPublicKeyId: 'PUB_KEY_ID_0119000091912024112600000000000000',
  notifyURLPayURL: 'https://pay.example.com/wechatpay/order',
  notifyURLRefundsURL: 'https://pay.example.com/wechatpay/refund',
};
const load = (more: Env = {}) => loadConfig({ ...base, ...more });
const without = (...names: string[]): Env =>
  Object.fromEntries(Object.entries(base).filter(([name]) => !names.includes(name)));

function refused(env: Env): ConfigError {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('was accepted');
}
const faults = (more: Env): string => {
  const error = refused({ ...base, ...more });
  expect(error.code).toBe('CONFIG_INVALID');
  return error.faults.join('\n');
};

describe('a sound set of settings', () => {
  it('has the documented defaults', () => {
    expect(load()).toMatchObject({
      port: 3000,
      basePath: '',
      corsAllowOrigin: undefined,
      logLevel: 'info',
      scf: false,
      signMode: 'sdk',
      databaseUrl: 'file:.data/pay-common.db',
      operatorKeys: [],
      operatorOpenids: [],
      transferMaxFen: 20000,
      transferDayFen: 0,
      trustWxHeaders: false,
      trustWxHeadersByHand: false,
      foreignBearer: 'refuse',
      recordKeys: [],
      cloudbaseEnv: undefined,
      requirePreparedOrders: false,
      orderExpireMinutes: 10,
      ordersPerMinute: 30,
      openOrdersMax: 20,
      sink: { kind: 'none' },
      sweepSeconds: 15,
      wxPayBaseUrl: 'https://api.mch.weixin.qq.com',
      wxPayBackupUrl: 'https://api2.mch.weixin.qq.com',
      warnings: [],
    });
  });

  it('signs by way of Integration Center unless told otherwise', () => {
    expect(loadConfig(without('signMode')).signMode).toBe('gateway');
  });

  it('is frozen all the way down', () => {
    const config = load({ operatorKeys: 'k'.repeat(32), operatorOpenids: 'o'.repeat(28) });
    for (const part of [config, config.credentials, config.sink, config.operatorKeys]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    expect(Object.isFrozen(config.operatorKeys[0])).toBe(true);
    expect(Object.isFrozen(config.operatorOpenids)).toBe(true);
  });

  it('works without the WeChat Pay public key, by platform certificates', () => {
    const config = loadConfig(without('wxPayPublicKey', 'wxPayPublicKeyId'));
    expect(config.credentials.v3?.wxPayPublicKey).toBeUndefined();
    expect(config.credentials.v3?.wxPayPublicKeyId).toBeUndefined();
  });

  it('ignores NODE_ENV', () => {
    expect(load({ NODE_ENV: 'production' })).toEqual(load({ NODE_ENV: 'test' }));
  });

  it('fits the 4,096 bytes of an environment, every name written', () => {
    const realistic: Env = {
      ...Object.fromEntries(SETTINGS.map(({ name }) => [name, ''])),
      ...base,
      service_app_id: 'wxc1546068399a59fd',
      notifyURLPayURL:
        'https://miniapp-wxpay-rwmx67sc.integration-callback.tcloudbase.com/wechatpay/order',
      notifyURLRefundsURL:
        'https://miniapp-wxpay-rwmx67sc.integration-callback.tcloudbase.com/wechatpay/refund',
      databaseUrl: 'mysql://pay:0123456789abcdef@10.0.0.12:3306/pay_common',
      operatorKeys: `sha256:${'a'.repeat(64)},sweep:${'b'.repeat(32)}`,
      webhookUrl: 'https://shop.example.com/pay-events',
      webhookSecret: `whsec_${Buffer.alloc(32).toString('base64')}`,
      corsAllowOrigin: 'https://shop.example.com',
      recordKey: 'c'.repeat(64),
    };
    delete realistic['PORT'];
    const bytes = Object.entries(realistic)
      .map(([name, value]) => Buffer.byteLength(name) + Buffer.byteLength(value) + 2)
      .reduce((sum, one) => sum + one, 0);
    expect(bytes).toBeLessThan(4096);
    expect(loadConfig(realistic).credentials.merchantId).toBe('1900009191');
  });
});

describe('missing settings', () => {
  it('names each of the credentials and notification addresses at once', () => {
    const error = refused({});
    expect(error.code).toBe('MISSING_CREDENTIALS');
    for (const name of Object.keys(without('signMode'))) {
      expect(error.faults.filter((fault) => fault.startsWith(`${name}: `))).toHaveLength(1);
      expect(error.detail).toContain(name);
    }
  });

  it.each(['', '  ', 'undefined', 'null', '{{env.merchantId}}'])('counts %j as absent', (value) => {
    expect(refused({ ...base, merchantId: value }).code).toBe('MISSING_CREDENTIALS');
    expect(loadListen({ merchantId: value }).present['merchantId']).toBe(false);
  });

  it('says MISSING_CREDENTIALS and lists damaged ones, too, when both occur', () => {
    const error = refused({ ...without('appId'), apiV3Key: 'short', sweepSeconds: 'soon' });
    expect(error.code).toBe('MISSING_CREDENTIALS');
    expect(error.detail).toMatch(/appId: .*apiV3Key: .*sweepSeconds: /s);
  });

  it.each(['wxPayPublicKey', 'wxPayPublicKeyId'])('refuses half of the pair: no %s', (name) => {
    const error = refused(without(name));
    expect(error.faults).toHaveLength(1);
    expect(error.faults[0]).toMatch(new RegExp(`^${name}: `));
  });

  it('asks for databaseUrl inside SCF, and only there', () => {
    expect(refused({ ...base, TENCENTCLOUD_RUNENV: 'SCF' }).detail).toContain('databaseUrl');
    expect(refused({ ...base, SCF_RUNTIME: 'Nodejs18.15' }).code).toBe('MISSING_CREDENTIALS');
  });

  it('asks for CLOUDBASE_APIKEY, recordKey and an environment with databaseUrl=cloudbase:', () => {
    const { detail } = refused({ ...base, databaseUrl: 'cloudbase:' });
    for (const name of ['CLOUDBASE_APIKEY', 'cloudbaseEnv', 'recordKey']) {
      expect(detail).toContain(name);
    }
    const recordKey = 'r'.repeat(32);
    const given = { CLOUDBASE_APIKEY: 'k', TCB_ENV: 'shop-1', recordKey };
    expect(load({ databaseUrl: 'cloudbase:', ...given })).toMatchObject({
      cloudbaseApiKey: 'k',
      cloudbaseEnv: 'shop-1',
      recordKeys: [recordKey],
    });
  });

  it('takes up to eight record keys, each once and of 32 characters, and shows none', () => {
    const keys = Array.from({ length: 9 }, (_, i) => String(i).repeat(32));
    expect(load({ recordKey: keys.slice(0, 8).join(' , ') }).recordKeys).toEqual(keys.slice(0, 8));
    for (const recordKey of [keys.join(','), 'short-secret', `${keys[0]},${keys[0]}`]) {
      const error = refused({ ...base, recordKey });
      expect(error.faults).toEqual([expect.stringMatching(/^recordKey: /)]);
      expect(error.detail).not.toMatch(/short-secret|0{32}/);
    }
  });

  it('points at a name written in the wrong case', () => {
    const error = refused({ ...without('merchantId'), merchantID: '1900009191' });
    expect(error.detail).toMatch(/merchantID: .*merchantId/);
  });
});

describe('damaged settings', () => {
  it('lists all of them at once', () => {
    const list = faults({
      merchantId: 'abc',
      apiV3Key: 'x',
      orderExpireMinutes: '0',
      signMode: 'v1',
    });
    for (const name of ['merchantId', 'apiV3Key', 'orderExpireMinutes', 'signMode']) {
      expect(list).toContain(`${name}: `);
    }
  });

  it('never repeats a value', () => {
    const secret = 'Sup3rSecretValue';
    const list = faults({
      apiV3Key: secret,
      privateKey: secret,
      operatorKeys: secret,
      webhookUrl: 'https://a.example.com',
      webhookSecret: secret,
      databaseUrl: `mysql:/${secret}`,
    });
    expect(list).not.toContain(secret);
    expect(list.split('\n')).toHaveLength(5);
  });

  it.each([
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['transferMaxFen', '0'],
    ['transferMaxFen', '1.5'],
    ['transferDayFen', 'NaN'],
    ['orderExpireMinutes', '10081'],
    ['ordersPerMinute', '1000001'],
    ['openOrdersMax', '0'],
    ['openOrdersMax', '1001'],
    ['sweepSeconds', '3601'],
    ['trustWxHeaders', 'yes'],
    ['requirePreparedOrders', '1'],
    ['foreignBearer', 'allow'],
    ['logLevel', 'trace'],
    ['basePath', 'pay'],
    ['basePath', '/../pay'],
    ['corsAllowOrigin', 'shop.example.com'],
    ['corsAllowOrigin', '*,https://shop.example.com'],
    ['appId', 'wx 123'],
    ['merchantSerialNumber', '36048761817F'],
    ['wxPayPublicKeyId', 'PUB KEY'],
    ['operatorOpenids', 'short'],
    ['cloudbaseEnv', 'evil.example.com/x'],
    ['databaseUrl', 'redis://localhost'],
    ['databaseUrl', 'mysql://'],
    ['databaseUrl', 'mongodb://'],
    ['databaseUrl', 'mongodb://h1,h2'],
    ['databaseUrl', 'mongodb://u:p@h/?replicaSet=rs0'],
    ['databaseUrl', 'mongodb://u:p@ss@h/pay'],
    ['databaseUrl', 'file:'],
    ['wxPayBaseUrl', 'http://api.mch.weixin.qq.com'],
    ['wxPayBaseUrl', 'http://10.0.0.1:80'],
    ['wxPayBaseUrl', 'https://proxy.example.com/v3'],
    ['wxPayBackupUrl', 'ftp://localhost'],
    ['amqpUrl', 'http://localhost'],
  ])('refuses %s=%s', (name, value) => {
    expect(faults({ [name]: value })).toMatch(new RegExp(`^${name}: `));
  });

  it("refuses the merchant's own public key in the place of WeChat Pay's", () => {
    expect(faults({ wxPayPublicKey: merchant.publicKey })).toContain("merchant's own public key");
  });
});

describe('notification addresses', () => {
  it.each([
    'http://pay.example.com/a',
    'https://pay.example.com/a?b=1',
    'https://pay.example.com/a#b',
    'https://localhost/a',
    'https://127.0.0.1/a',
    'https://0x7f.1/a',
    'https://10.1.2.3/a',
    'https://172.31.0.1/a',
    'https://192.168.1.1/a',
    'https://169.254.1.1/a',
    'https://100.64.0.1/a',
    'https://[::1]/a',
    'https://[fd00::1]/a',
    'https://nas.local/a',
    'https://pay/a',
    'https://user:pw@pay.example.com/a',
    'not a url',
  ])('refuses %s', (url) => {
    expect(faults({ notifyURLPayURL: url })).toContain('notifyURLPayURL: ');
    expect(faults({ transferNotifyUrl: url })).toContain('transferNotifyUrl: ');
  });

  it('warns when the mode and the host do not belong together', () => {
    const forwarded = 'https://a-1.integration-callback.tcloudbase.com/wechatpay/order';
    expect(load({ notifyURLPayURL: forwarded }).warnings.join()).toContain('signMode=sdk');
    expect(load({ signMode: 'gateway' }).warnings.join()).toContain('signMode=gateway');
    const refunds = 'https://a-1.integration-callback.tcloudbase.com/wechatpay/refund';
    const both = { notifyURLPayURL: forwarded, notifyURLRefundsURL: refunds };
    expect(load({ signMode: 'gateway', ...both }).warnings).toEqual([]);
  });
});

describe('inside SCF', () => {
  const scf = { TENCENTCLOUD_RUNENV: 'SCF', SCF_NAMESPACE: 'shop-5gy4ugzreef15cfe' };

  it('trusts the platform headers, does not sweep by itself, knows its environment', () => {
    const config = load({ ...scf, databaseUrl: 'mysql://u:p@10.0.0.1/pay' });
    expect(config).toMatchObject({
      scf: true,
      trustWxHeaders: true,
      trustWxHeadersByHand: false,
      sweepSeconds: 0,
      cloudbaseEnv: 'shop-5gy4ugzreef15cfe',
      warnings: [],
    });
  });

  it('keeps what was set by hand apart from what was assumed', () => {
    const database = { databaseUrl: 'mysql://u:p@10.0.0.1/pay' };
    expect(load({ ...scf, ...database, trustWxHeaders: 'true' }).trustWxHeadersByHand).toBe(true);
    expect(load({ ...scf, ...database, trustWxHeaders: 'false' }).trustWxHeaders).toBe(false);
  });

  it.each(['file:/tmp/pay.db', 'memory:'])('warns of %s, which vanishes', (databaseUrl) => {
    expect(load({ ...scf, databaseUrl }).warnings.join()).toContain('databaseUrl');
  });
});

describe('operator keys', () => {
  const key = 'k'.repeat(31) + '=';
  const sha256 = createHash('sha256').update(key);
  const digest = sha256.digest();

  it('reads scope and hash, and keeps only the hash', () => {
    const other = createHash('sha256').update('other').digest('hex');
    const config = load({ operatorKeys: `${key}, read:${'r'.repeat(32)},sweep:sha256:${other}` });
    expect(config.operatorKeys.map(({ scope }) => scope)).toEqual(['all', 'read', 'sweep']);
    expect(config.operatorKeys[0]?.digest).toEqual(digest);
    expect(config.operatorKeys[2]?.digest.toString('hex')).toBe(other);
    expect(JSON.stringify(config)).not.toContain(key);
  });

  it.each([
    'k'.repeat(31),
    `write:${key}`,
    `Read:${key}`,
    'sha256:abc',
    `sha256:read:${'a'.repeat(64)}`,
    `${key},${key}`,
    `${key},sha256:${digest.toString('hex')}`,
    Array.from({ length: 33 }, (_, i) => `${key}${String(i)}`).join(),
  ])('refuses %s', (operatorKeys) => {
    expect(faults({ operatorKeys })).toMatch(/^operatorKeys: /);
  });
});

describe('shops of a service provider', () => {
  const [a, b] = ['1900000109', '1900000209'];
  const key = 'k'.repeat(32);

  it('reads each with its app, where it has one', () => {
    expect(load({ subMerchants: `${a}:wx2222222222222222, ${b}` }).subMerchants).toEqual([
      { sub_mchid: a, sub_appid: 'wx2222222222222222' },
      { sub_mchid: b, sub_appid: undefined },
    ]);
    expect(load().subMerchants).toEqual([]);
  });

  it.each(['shop', `${a}:`, `${a}:wx:2`, `${a},${a}`, base['merchantId'] ?? ''])(
    'refuses %s',
    (subMerchants) => {
      expect(faults({ subMerchants })).toMatch(/^subMerchants: /);
    },
  );

  it("refuses the provider's own app, and too many", () => {
    expect(faults({ subMerchants: `${a}:${base['appId'] ?? ''}` })).toMatch(/^subMerchants: /);
    const many = Array.from({ length: 51 }, (_, i) => String(1_900_001_000 + i)).join();
    expect(faults({ subMerchants: many })).toMatch(/^subMerchants: /);
  });

  it('are not served by API v2', () => {
    const v2 = { signMode: 'v2', apiKeyV2: 'a'.repeat(32), subMerchants: a };
    expect(refused({ ...base, ...v2 }).faults.join('\n')).toContain('subMerchants: ');
  });

  it('binds keys, names them, and takes a key that holds = for a key', () => {
    const whole = `${'w'.repeat(20)}=${'w'.repeat(20)}`;
    const keys = `till=sub:${a}:${key}1,read:sub:${b}:${key}2,owner=${key}3,${whole}`;
    const { operatorKeys } = load({ subMerchants: `${a},${b}`, operatorKeys: keys });
    expect(operatorKeys.map(({ name, scope, sub_mchid }) => [name, scope, sub_mchid])).toEqual([
      ['till', 'all', a],
      [undefined, 'read', b],
      ['owner', 'all', undefined],
      [undefined, 'all', undefined],
    ]);
    const digest = createHash('sha256').update(whole).digest();
    expect(operatorKeys[3]?.digest).toEqual(digest);
  });

  it.each([`sub:${b}:${key}`, `sweep:sub:${a}:${key}`, `sub:${a}:read:${key}`])(
    'refuses the key %s',
    (operatorKeys) => {
      expect(faults({ subMerchants: a, operatorKeys })).toMatch(/^operatorKeys: /);
    },
  );
});

describe('the receiver of effects', () => {
  const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
  const webhookUrl = 'https://shop.example.com/events';

  it('is one only', () => {
    const list = faults({ webhookUrl, webhookSecret: secret, amqpUrl: 'amqp://localhost' });
    expect(list).toContain('webhookUrl, amqpUrl: ');
  });

  it.each([
    'http://127.0.0.1:8080/x',
    'http://[::1]/x',
    'http://localhost:1/x',
    'http://192.168.0.4/x',
    'https://shop.example.com/x?y=1',
  ])('may be %s', (url) => {
    const { sink } = load({ webhookUrl: url, webhookSecret: secret });
    expect(sink).toEqual({ kind: 'webhook', url, secrets: [secret] });
  });

  it.each(['http://shop.example.com/x', 'http://169.254.169.254/x', 'https://u:p@a.example.com/'])(
    'may not be %s',
    (url) => {
      expect(faults({ webhookUrl: url, webhookSecret: secret })).toContain('webhookUrl: ');
    },
  );

  it('takes one secret or two, in any accepted form', () => {
    const raw = 'a raw secret of some length!';
    const base64 = Buffer.alloc(32, 1).toString('base64');
    const { sink } = load({ webhookUrl, webhookSecret: `${raw}, ${base64}` });
    expect(sink).toMatchObject({
      secrets: [`whsec_${Buffer.from(raw).toString('base64')}`, `whsec_${base64}`],
    });
  });

  it.each(['whsec_c2hvcnQ=', 'whsec_?', 'too short', `${secret},${secret},${secret}`])(
    'refuses the secret %s',
    (webhookSecret) => {
      expect(faults({ webhookUrl, webhookSecret })).toContain('webhookSecret: ');
    },
  );

  it('needs secret and address together', () => {
    expect(refused({ ...base, webhookUrl }).faults[0]).toContain('webhookSecret');
    expect(faults({ webhookSecret: secret })).toContain('webhookSecret');
  });

  it('can be a broker or a module', () => {
    const amqpUrl = 'amqps://user:pw@mq.example.com/vhost';
    expect(load({ amqpUrl }).sink).toEqual({ kind: 'amqp', url: amqpUrl });
    expect(load({ hooksModule: './hooks.cjs' }).sink).toEqual({
      kind: 'hooks',
      path: './hooks.cjs',
    });
  });
});

describe('hosts of WeChat Pay', () => {
  it('has no backup when a base is given alone', () => {
    expect(load({ wxPayBaseUrl: 'http://127.0.0.1:9999/' })).toMatchObject({
      wxPayBaseUrl: 'http://127.0.0.1:9999',
      wxPayBackupUrl: undefined,
    });
    const both = { wxPayBaseUrl: 'http://localhost:1', wxPayBackupUrl: 'http://localhost:2' };
    expect(load(both).wxPayBackupUrl).toBe('http://localhost:2');
  });
});

describe('what is needed to listen', () => {
  it('never throws and falls back where a value is damaged', () => {
    const listen = loadListen({
      PORT: 'x',
      basePath: '??',
      logLevel: 'loud',
      corsAllowOrigin: 'x',
    });
    expect(listen).toMatchObject({ port: 3000, basePath: '', logLevel: 'info' });
    expect(listen.corsAllowOrigin).toBeUndefined();
  });

  it('reads what is sound', () => {
    const listen = loadListen({ PORT: '9000', basePath: '/pay/', logLevel: 'warn' });
    expect(listen).toMatchObject({ port: 9000, basePath: '/pay', logLevel: 'warn' });
  });

  it('tells of every setting whether it is present, and no value', () => {
    const { present } = loadListen({ ...base, operatorKeys: ' ' });
    expect(Object.keys(present)).toEqual(SETTINGS.map(({ name }) => name));
    expect(present).toMatchObject({ appId: true, privateKey: true, operatorKeys: false });
    expect(Object.values(present).every((value) => typeof value === 'boolean')).toBe(true);
  });
});
