/**
 * A sound set-up, then the same set-up broken in one way at a time: the doctor must name exactly that,
 * and nothing else; of the sound one it must find nothing at all. Everything runs on this machine.
 */
import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SETTINGS } from '../../config/schema';
import { openSqliteDriver } from '../../services/stores/sql/sqliteDriver';
import { FAQ } from '../../cli/doctor/faq';
import type { ShownFinding } from '../../cli/doctor/findings';
import type { Simulator, SimulatorOptions } from '../../simulator';
import { keyPairOf } from '../../simulator/rsaKeys';
import { createCertificate } from '../../simulator/x509';
import { silentLogger } from '../../utils/logger';
import type { OrderRecord, Payment } from '../../services/ledger/record';
import { openStore } from '../../services/stores';
import { systemClock } from '../../utils/clock';
import { startMongodbServer } from '../helpers/mongodbServer';
import { anOrder } from '../helpers/storeRecords';
import { afterTest, OPERATOR_KEY, skewedClock, startSim } from '../helpers/service';
import { cli, type Around } from './cliSupport';

type Settings = Record<string, string | undefined>;

interface SetUp {
  readonly sim: Simulator;
  readonly settings: Settings;
  readonly folder: string;
  readonly echoPort: number;
  readonly closeReceiver: () => Promise<void>;
}

const ECHO_URL = 'https://pay.example.com/wechatpay/echo';

async function listener(): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closed ??= new Promise((resolve) => {
      server.close(() => {
        resolve();
      });
    }));
  return { port: (server.address() as AddressInfo).port, close };
}

async function freePort(): Promise<number> {
  const { port, close } = await listener();
  await close();
  return port;
}

async function setUp(options: SimulatorOptions = {}): Promise<SetUp> {
  const echoPort = await freePort();
  const callbackTarget = `http://127.0.0.1:${echoPort}`;
  const sim = await startSim({ autoDeliver: true, callbackTarget, ...options });
  const folder = mkdtempSync(join(tmpdir(), 'pay-common-doctor-'));
  afterTest(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const receiver = await listener();
  afterTest(receiver.close);
  const settings: Settings = {
    ...sim.env(),
    databaseUrl: `file:${join(folder, 'orders.db')}`,
    operatorKeys: OPERATOR_KEY,
    requirePreparedOrders: 'true',
    cloudbaseEnv: 'shop-0a1b2c',
    webhookUrl: `http://127.0.0.1:${receiver.port}/effects`,
    webhookSecret: `whsec_${Buffer.alloc(24, 7).toString('base64')}`,
  };
  expect((await cli(['migrate'], { env: settings })).code).toBe(0);
  return { sim, settings, folder, echoPort, closeReceiver: receiver.close };
}

interface Diagnosis {
  readonly code: number;
  readonly findings: readonly ShownFinding[];
  /** Of everything that is not well. */
  readonly ids: readonly string[];
}

async function examine(
  { settings, echoPort, folder }: SetUp,
  more: { settings?: Settings; argv?: readonly string[]; around?: Around; live?: boolean } = {},
): Promise<Diagnosis> {
  const echo = ['--echo-url', ECHO_URL, '--echo-port', String(echoPort), '--echo-wait', '1'];
  const live = more.live === false ? [] : ['--live', ...echo];
  const env = { ...settings, ...more.settings };
  const argv = ['doctor', '--json', ...live, ...(more.argv ?? [])];
  const { code, out } = await cli(argv, { env, cwd: folder, ...more.around });
  const { findings } = JSON.parse(out) as { findings: ShownFinding[] };
  const ids = findings.filter(({ severity }) => severity !== 'ok').map(({ id }) => id);
  return { code, findings, ids: ids.sort() };
}

const other = keyPairOf('a key that belongs to nobody here');
const made = createCertificate({ label: 'merchant', ...other, notBeforeMs: 0, notAfterMs: 4e12 });
const elliptic = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

describe('a sound set-up', () => {
  it.each(['publicKey', 'both'] as const)('has nothing wrong with it (%s)', async (scheme) => {
    const { code, ids, findings } = await examine(await setUp({ scheme }));
    expect(ids).toEqual([]);
    expect(code).toBe(0);
    const seen = findings.map(({ id }) => id);
    expect(seen).toEqual(
      expect.arrayContaining([
        'database.reached',
        'effects.reached',
        'clock.right',
        'wechat.accepted',
        'wechat.proven',
        'echo.encryption',
        'callback.proven',
      ]),
    );
  });

  it('has nothing wrong with it by platform certificates alone', async () => {
    const { ids, findings } = await examine(await setUp({ scheme: 'certificate' }));
    expect(ids).toEqual([]);
    expect(findings.map(({ id }) => id)).toContain('callback.proven');
  });

  it('has nothing wrong with it where Integration Center forwards', async () => {
    const at = 'https://i1.integration-callback.tcloudbase.com/wechatpay';
    const settings = {
      signMode: 'gateway',
      notifyURLPayURL: `${at}/order`,
      notifyURLRefundsURL: `${at}/refund`,
      transferNotifyUrl: undefined,
    };
    expect((await examine(await setUp(), { settings })).ids).toEqual([]);
  });

  it('is not blamed where the self-test is not offered, and is proven by a bill', async () => {
    const set = await setUp();
    for (const status of [404, 403]) {
      const body = { code: status === 404 ? 'NOT_FOUND' : 'NO_AUTH', message: '无权限' };
      set.sim.faults.add({
        route: 'POST /v3/security/echo',
        kind: 'status',
        status,
        body,
        times: 1,
      });
      const { code, ids, findings } = await examine(set);
      expect([code, ids]).toEqual([0, []]);
      expect(findings.map(({ id }) => id)).toContain('echo.not_offered');
    }
  });

  it('is not blamed for a wrong signature that WeChat sends as a test', async () => {
    const set = await setUp();
    set.sim.faults.add({ route: 'POST /v3/security/echo', kind: 'probe', times: 1 });
    expect((await examine(set)).ids).toEqual([]);
  });

  it('is left as it was: no database is made by looking', async () => {
    const set = await setUp();
    const settings = { databaseUrl: 'file:not-there/yet.db' };
    const { ids, findings } = await examine(set, { settings, live: false });
    expect(ids).toEqual([]);
    expect(findings.map(({ id }) => id)).toContain('database.new');
    expect(readdirSync(set.folder)).not.toContain('not-there');
  });
});

const rsa = (bits: number, cipher?: { cipher: string; passphrase: string }) =>
  generateKeyPairSync('rsa', {
    modulusLength: bits,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', ...cipher },
  });
const short = rsa(1024);
const locked = rsa(2048, { cipher: 'aes-256-cbc', passphrase: 'x' }).privateKey;

const NOTIFY = [
  ['notifyURLPayURL', '/wechatpay/order'],
  ['notifyURLRefundsURL', '/wechatpay/refund'],
  ['transferNotifyUrl', '/wechatpay/transfer'],
] as const;

/** What is changed, and what must be said of it. */
const SETTINGS_BROKEN: readonly [what: string, settings: Settings, ids: readonly string[]][] = [
  ...['appId', 'merchantId', 'apiV3Key', 'merchantSerialNumber', 'privateKey'].map(
    (name): [string, Settings, string[]] => [
      `no ${name}`,
      { [name]: undefined },
      [`${name}.missing`],
    ],
  ),
  ['no wxPayPublicKey', { wxPayPublicKey: '' }, ['wxPayPublicKey.missing']],
  ['no wxPayPublicKeyId', { wxPayPublicKeyId: undefined }, ['wxPayPublicKeyId.missing']],
  ['no payment URL', { notifyURLPayURL: undefined }, ['notifyURLPayURL.missing']],
  ['no refund URL', { notifyURLRefundsURL: undefined }, ['notifyURLRefundsURL.missing']],
  ['an appId that is none', { appId: '小程序' }, ['appId.not_appid']],
  ['an appId of strange shape', { appId: 'ww0123456789abcdef' }, ['appId.unusual_appid']],
  ['a merchantId with letters', { merchantId: 'mch190000' }, ['merchantId.not_mchid']],
  ['a short serial', { merchantSerialNumber: '4ABC' }, ['merchantSerialNumber.not_serial']],
  ['a merchantId of five digits', { merchantId: '19000' }, ['merchantId.not_mchid']],
  [
    'a serial with colons',
    { merchantSerialNumber: '4A:BC'.repeat(8) },
    ['merchantSerialNumber.not_serial'],
  ],
  ['a short APIv3 key', { apiV3Key: 'x'.repeat(31) }, ['apiV3Key.key_length']],
  ['a long APIv3 key', { apiV3Key: 'x'.repeat(33) }, ['apiV3Key.key_length']],
  [
    'a private key that is a certificate',
    { privateKey: made.pem },
    ['privateKey.private_is_certificate'],
  ],
  [
    'a private key that is public',
    { privateKey: other.publicPem },
    ['privateKey.private_is_public'],
  ],
  [
    'a cut private key',
    { privateKey: other.privatePem.slice(0, 900) },
    ['privateKey.pem_incomplete'],
  ],
  [
    'a private key of another kind',
    { privateKey: elliptic.privateKey },
    ['privateKey.pem_not_rsa'],
  ],
  ['a private key under a password', { privateKey: locked }, ['privateKey.pem_encrypted']],
  ['a private key that is short', { privateKey: short.privateKey }, ['privateKey.pem_short']],
  [
    'a public key that is cut',
    { wxPayPublicKey: other.publicPem.slice(0, 200) },
    ['wxPayPublicKey.pem_incomplete'],
  ],
  [
    'WeChat’s public key that is private',
    { wxPayPublicKey: other.privatePem },
    ['wxPayPublicKey.public_is_private'],
  ],
  [
    'WeChat’s public key that is a certificate',
    { wxPayPublicKey: made.pem },
    ['wxPayPublicKey.public_is_certificate'],
  ],
  [
    'WeChat’s public key that is the merchant’s own',
    { wxPayPublicKey: other.publicPem, privateKey: other.privatePem },
    ['wxPayPublicKey.merchants_own_key'],
  ],
  ['a key id that is none', { wxPayPublicKeyId: 'a b' }, ['wxPayPublicKeyId.key_id']],
  [
    'a key id of another sort',
    { wxPayPublicKeyId: '5157F09EFDC096DE15EBE81A47057A72' },
    ['wxPayPublicKeyId.unusual_key_id'],
  ],
  [
    'a key id that is the serial of a certificate',
    { wxPayPublicKeyId: '5157F09EFDC096DE15EBE81A47057A7200000001' },
    ['wxPayPublicKeyId.key_id_is_serial'],
  ],
  ...NOTIFY.flatMap(([name, path]): [string, Settings, string[]][] => [
    [`${name} by plain http`, { [name]: `http://p.example.com${path}` }, [`${name}.not_https`]],
    [`${name} with a query`, { [name]: `https://p.example.com${path}?a=1` }, [`${name}.has_query`]],
    [
      `${name} with a fragment`,
      { [name]: `https://p.example.com${path}#a` },
      [`${name}.has_query`],
    ],
    [`${name} at a private host`, { [name]: `https://192.168.1.9${path}` }, [`${name}.local_host`]],
    [`${name} at this machine`, { [name]: `https://localhost${path}` }, [`${name}.local_host`]],
    [
      `${name} at a name of the house`,
      { [name]: `https://pay.lan${path}` },
      [`${name}.local_host`],
    ],
  ]),
  ['no URL at all', { notifyURLPayURL: 'pay.example.com' }, ['notifyURLPayURL.not_url']],
  [
    'a port',
    { notifyURLPayURL: 'https://p.example.com:8443/wechatpay/order' },
    ['notifyURLPayURL.has_port'],
  ],
  ['no path', { notifyURLPayURL: 'https://p.example.com' }, ['notifyURLPayURL.no_path']],
  ['a foreign path', { notifyURLPayURL: 'https://p.example.com/pay' }, ['notifyURLPayURL.path']],
  [
    'URLs that are swapped',
    {
      notifyURLPayURL: 'https://p.example.com/wechatpay/refund',
      notifyURLRefundsURL: 'https://p.example.com/wechatpay/order',
    },
    ['notifyURLPayURL.swapped', 'notifyURLRefundsURL.swapped'],
  ],
  [
    'signMode=sdk at Integration Center',
    { notifyURLPayURL: 'https://i1.integration-callback.tcloudbase.com/wechatpay/order' },
    ['notifyURLPayURL.mode_sdk'],
  ],
  [
    'signMode=gateway at a host of one’s own',
    { signMode: 'gateway' },
    ['notifyURLPayURL.mode_gateway', 'notifyURLRefundsURL.mode_gateway'],
  ],
  [
    'transfers at Integration Center',
    { transferNotifyUrl: 'https://i1.integration-callback.tcloudbase.com/wechatpay/transfer' },
    ['transferNotifyUrl.transfers_not_forwarded'],
  ],
  [
    'a name spelt otherwise',
    { appId: undefined, APPID: 'wx0123456789abcdef' },
    ['APPID.misspelt', 'appId.missing'],
  ],
  ['a database of no kind', { databaseUrl: 'redis://x' }, ['databaseUrl.database_scheme']],
  ['a database in memory', { databaseUrl: 'memory:' }, ['database.memory']],
  [
    'a database out of reach',
    { databaseUrl: 'postgres://pay:secret-word@127.0.0.1:9/pay' },
    ['database.unreachable'],
  ],
  [
    'another database out of reach',
    { databaseUrl: 'mysql://pay:secret-word@127.0.0.1:9/pay' },
    ['database.unreachable'],
  ],
  ['no operator', { operatorKeys: undefined }, ['operators.none']],
  ['prices of clients', { requirePreparedOrders: undefined }, ['prices.client']],
  ['no sweep', { sweepSeconds: '0' }, ['sweep.off']],
  ['no way to know a payer', { cloudbaseEnv: undefined }, ['payers.none']],
  [
    'headers believed outside SCF',
    { trustWxHeaders: 'true' },
    ['trustWxHeaders.headers_outside_scf'],
  ],
  [
    'no timer inside SCF, a file for a database, and the question of foreign tokens',
    { TENCENTCLOUD_RUNENV: 'SCF' },
    ['bearer.undecided', 'databaseUrl.files_vanish', 'host.unofficial', 'sweep.no_timer'],
  ],
  [
    'an environment too large for SCF',
    { corsAllowOrigin: `https://${'a'.repeat(200)}.example.com,`.repeat(10) },
    ['settings.size'],
  ],
  ['two sinks', { amqpUrl: 'amqp://127.0.0.1' }, ['webhookUrl+amqpUrl.one_receiver']],
  [
    'no hooks module',
    { webhookUrl: undefined, webhookSecret: undefined, hooksModule: 'hooks.js' },
    ['effects.hooks_missing'],
  ],
];

describe('settings broken in one way', () => {
  it.each(SETTINGS_BROKEN)('%s', async (_what, settings, ids) => {
    const set = await setUp();
    const diagnosis = await examine(set, { settings, live: false });
    expect(diagnosis.ids).toEqual(ids);
    const faults = diagnosis.findings.filter(({ severity }) => severity === 'fault');
    expect(diagnosis.code).toBe(faults.length > 0 ? 1 : 0);
    expect(JSON.stringify(diagnosis.findings)).not.toMatch(/secret-word|-----BEGIN|whsec_/);
  });

  it.each<[string, Settings, string]>([
    ['another host', { wxPayBaseUrl: 'https://api.mch.example.com' }, 'host.unofficial'],
    [
      'no hooks module',
      { webhookUrl: undefined, webhookSecret: undefined, hooksModule: 'hooks.js' },
      'effects.hooks_missing',
    ],
  ])('ends with 1: %s', async (_what, settings, id) => {
    const { code, ids } = await examine(await setUp(), { settings, live: false });
    expect([code, ids]).toEqual([1, [id]]);
  });

  it('asks WeChat nothing before they are corrected', async () => {
    const set = await setUp();
    const { ids } = await examine(set, { settings: { apiV3Key: 'short' } });
    expect(ids).toEqual(['apiV3Key.key_length']);
    expect(set.sim.requests).toEqual([]);
  });
});

type Act = (set: SetUp) => void | Promise<void>;

const QUERY = 'GET /v3/pay/transactions/*';
const ECHO = 'POST /v3/security/echo';
const refusedWith =
  (status: number, code: string): Act =>
  ({ sim }) => {
    sim.faults.add({ route: QUERY, kind: 'status', status, body: { code, message: code } });
  };
const answered =
  (kind: 'no_signature' | 'unknown_serial' | 'bad_signature' | 'stale_timestamp'): Act =>
  ({ sim }) => {
    sim.faults.add({ route: ECHO, kind });
  };

const LIVE_BROKEN: readonly [what: string, id: string, Act, Settings?, SimulatorOptions?][] = [
  [
    'a private key of another serial',
    'wechat.sign_mismatch',
    nothing,
    { privateKey: other.privatePem },
  ],
  [
    'a serial of another merchant',
    'wechat.serial',
    nothing,
    { merchantSerialNumber: 'A'.repeat(40) },
  ],
  ['a merchant id that is another’s', 'wechat.serial', nothing, { merchantId: '1900000009' }],
  ['a merchant id that does not exist', 'wechat.mch_unknown', refusedWith(400, 'MCH_NOT_EXISTS')],
  ['an unbound appid', 'wechat.appid_unbound', refusedWith(400, 'APPID_MCHID_NOT_MATCH')],
  ['no right to pay', 'wechat.no_auth', refusedWith(403, 'NO_AUTH')],
  ['another refusal', 'wechat.refused', refusedWith(400, 'PARAM_ERROR')],
  ['WeChat being down', 'wechat.unavailable', refusedWith(503, 'SYSTEM_ERROR')],
  ['an answer without signature', 'wechat.unsigned', answered('no_signature')],
  ['an answer of another key', 'wechat.key_id', answered('unknown_serial')],
  ['an answer that was kept too long', 'wechat.stale', answered('stale_timestamp')],
  ['the wrong public key', 'wechat.public_key', nothing, { wxPayPublicKey: other.publicPem }],
  ['the wrong id of it', 'wechat.key_id', nothing, { wxPayPublicKeyId: 'PUB_KEY_ID_0119' }],
  ['an APIv3 key that is another’s', 'apiV3Key.wrong', nothing, { apiV3Key: 'y'.repeat(32) }],
  [
    'an APIv3 key that is another’s, by certificates',
    'apiV3Key.wrong',
    nothing,
    { apiV3Key: 'y'.repeat(32) },
    { scheme: 'certificate' },
  ],
  ['no certificates (a new merchant)', 'certificates.none', nothing, withoutPublicKey()],
  [
    'certificates that are void (Q10)',
    'certificates.void',
    ({ sim }) => void (sim.switches.certificatesForPublicKey = '403 NOT_ENOUGH'),
    withoutPublicKey(),
  ],
  ['nobody at the address', 'network.unreachable', nothing, { wxPayBaseUrl: 'http://127.0.0.1:9' }],
  [
    'an answer that breaks off',
    'network.unreachable',
    ({ sim }) => sim.faults.add({ route: QUERY, kind: 'drop_before', times: 9 }),
  ],
  ['a callback that never comes', 'callback.missing', ({ sim }) => void (sim.autoDeliver = false)],
  [
    'a callback that was changed on its way',
    'callback.unproven',
    ({ sim }) => sim.callbackFaults.add({ route: 'echo', kind: 'truncate' }),
  ],
  [
    'a callback without its headers',
    'callback.unproven',
    ({ sim }) => sim.callbackFaults.add({ route: 'echo', kind: 'no_headers' }),
  ],
];

function nothing(): void {
  // The settings alone are what is broken.
}

function withoutPublicKey(): Settings {
  return { wxPayPublicKey: undefined, wxPayPublicKeyId: undefined };
}

describe('what only WeChat can tell', () => {
  it.each(LIVE_BROKEN)('%s → %s', async (_what, id, act, settings = {}, options = {}) => {
    const set = await setUp(options);
    await act(set);
    const { ids, findings } = await examine(set, { settings });
    expect(ids).toEqual([id]);
    expect(JSON.stringify(findings)).not.toMatch(/-----BEGIN|whsec_/);
    expect(JSON.stringify(findings)).not.toMatch(/\{\w+\}/);
  });

  it.each([
    [600_000, ['clock.off']],
    [-600_000, ['clock.off']],
    [120_000, ['clock.drift']],
  ])('a clock that is off by %i ms', async (offsetMs, ids) => {
    const set = await setUp();
    const clock = Object.assign(skewedClock(), { offsetMs });
    expect((await examine(set, { around: { clock } })).ids).toEqual(ids);
  });

  it.each(['http://pay.example.com/wechatpay/echo', `${ECHO_URL}?a=1`])(
    'an echo URL that WeChat does not take: %s',
    async (url) => {
      const { code, ids } = await examine(await setUp(), { argv: ['--echo-url', url] });
      expect([code, ids]).toEqual([1, ['echo.url_refused']]);
    },
  );

  it('a port that is taken', async () => {
    const set = await setUp();
    const taken = await listener();
    afterTest(taken.close);
    const argv = ['--echo-port', String(taken.port)];
    const { ids } = await examine(set, { argv });
    expect(ids).toEqual(['echo.port_taken']);
  });

  it('a receiver of effects that does not listen', async () => {
    const set = await setUp();
    await set.closeReceiver();
    expect((await examine(set)).ids).toEqual(['effects.unreachable']);
  });
});

describe('a database that is not as it should be', () => {
  const change = async ({ settings }: SetUp, sql: string): Promise<void> => {
    const path = (settings.databaseUrl ?? '').slice('file:'.length);
    const driver = await openSqliteDriver({ path, logger: silentLogger });
    await driver.write(sql, []);
    await driver.close();
  };

  it.each([
    ['tables of an older build', 'DELETE FROM pay_migration', 'database.schema_old'],
    ['no tables', 'DROP TABLE pay_migration', 'database.schema_old'],
    [
      'tables that demand a newer build',
      'INSERT INTO pay_migration (version, applied_at, min_reader) VALUES (99, 1, 99)',
      'database.schema_newer',
    ],
  ])('%s', async (_what, sql, id) => {
    const set = await setUp();
    await change(set, sql);
    expect((await examine(set, { live: false })).ids).toEqual([id]);
  });

  it('goes on with tables of a newer build that this one may read', async () => {
    const set = await setUp();
    await change(
      set,
      'INSERT INTO pay_migration (version, applied_at, min_reader) VALUES (98, 1, 1)',
    );
    expect((await examine(set, { live: false })).ids).toEqual([]);
  });

  it.each([
    ['a folder', 'file:.'],
    ['below a file', 'file:text.db/orders.db'],
  ])('a path that cannot be opened: %s', async (_what, databaseUrl) => {
    const set = await setUp();
    writeFileSync(join(set.folder, 'text.db'), 'text');
    const at = await examine(set, { settings: { databaseUrl }, live: false });
    expect([at.code, at.ids]).toEqual([1, ['database.unwritable']]);
  });

  it('a database file that others on the machine may open', async () => {
    const set = await setUp();
    const path = join(set.folder, 'others.db');
    const driver = await openSqliteDriver({ path, logger: silentLogger });
    await driver.close();
    const settings = { databaseUrl: `file:${path}` };
    const narrow = await examine(set, { settings, live: false });
    expect(narrow.ids).not.toContain('database.readable_by_others');
    chmodSync(path, 0o644);
    const wide = await examine(set, { settings, live: false });
    expect(wide.ids).toContain('database.readable_by_others');
  });

  it('a MongoDB: sound, written by a newer version, in no replica set', async () => {
    const set = await setUp();
    const server = await startMongodbServer();
    afterTest(() => server.close());
    const settings = { databaseUrl: server.url() };
    const env = { ...set.settings, ...settings };
    expect((await cli(['migrate'], { env })).code).toBe(0);
    const sound = await examine(set, { settings, live: false });
    const usual = await examine(set, { live: false });
    expect(sound.ids).toEqual(usual.ids);
    expect(sound.findings.map(({ id }) => id)).toContain('database.reached');
    const { docs } = server.collections.get('pay.pay_migration') ?? {};
    docs?.set('migration:9', { _id: 'migration:9', min_reader: 9 });
    const newer = await examine(set, { settings, live: false });
    expect(newer.ids).toContain('database.schema_newer');
    const alone = await startMongodbServer({ standalone: true });
    afterTest(() => alone.close());
    const refused = await examine(set, { settings: { databaseUrl: alone.url() }, live: false });
    expect(refused.ids).toContain('database.unreachable');
    expect(JSON.stringify(refused.findings)).toContain('replica set');
  });

  it('a file that is no database', async () => {
    const set = await setUp();
    writeFileSync(join(set.folder, 'text.db'), 'not a database, '.repeat(500));
    const settings = { databaseUrl: 'file:text.db' };
    const at = await examine(set, { settings, live: false });
    expect(at.ids).toEqual(['database.unreachable']);
  });
});

const OLD = Date.parse('2026-01-02T03:04:05Z');
const payment = (appid: string): Payment => ({
  transaction_id: '4200000000000000000000000001',
  total: 100,
  currency: 'CNY',
  appid,
  mchid: '1900000001',
  proof: 'signature',
  source: 'query',
});

/** What no setting shows and nobody reports: the records tell of it. */
const TRACES: readonly [what: string, id: string, count: number, facts: Partial<OrderRecord>][] = [
  ['no callback ever came', 'callbacks.never', 5, { state: 'PAID', payment: payment('wx1') }],
  ['nobody ever got to pay', 'payments.never', 5, { state: 'CLOSED' }],
  [
    'all were tests of one fen',
    'payments.tiny',
    5,
    { state: 'CLOSED', amount: { total: 1, currency: 'CNY' } },
  ],
  [
    'WeChat calls the openid invalid',
    'orders.appid_refused',
    1,
    {
      state: 'REJECTED',
      refusal: { code: 'PARAM_ERROR', message: 'openid is invalid', proven: false },
    },
  ],
  ['nothing sweeps', 'sweep.behind', 1, { agenda: [{ do: 'query', at: OLD, tries: 0 }] }],
  [
    'an effect was given up',
    'effects.dead',
    1,
    { effects: [{ id: 'ef_1', type: 'order.paid', at: OLD, data: {}, tries: 10, state: 'dead' }] },
  ],
];

async function leaveTrace(set: SetUp, count: number, facts: Partial<OrderRecord>): Promise<void> {
  const url = set.settings.databaseUrl ?? '';
  const store = await openStore({ url, clock: systemClock, logger: silentLogger });
  for (let i = 0; i < count; i += 1) await store.insert(anOrder(`TRACE${String(i)}`, facts));
  await store.close();
}

describe('what the records show', () => {
  it.each(TRACES)('%s → %s', async (_what, id, count, facts) => {
    const set = await setUp();
    await leaveTrace(set, count, facts);
    const { code, ids } = await examine(set, { live: false });
    expect([code, ids]).toEqual([0, [id]]);
  });
});

const writeProject = (set: SetUp, project: object): string[] => {
  writeFileSync(join(set.folder, 'project.config.json'), JSON.stringify(project));
  return ['--project', 'project.config.json'];
};

describe('--project', () => {
  it.each<[string, object, string[]]>([
    ['fits', {}, []],
    ['is newer', { libVersion: '3.16.0' }, []],
    ['is the newest', { libVersion: 'latest' }, []],
    ['has a base library of before', { libVersion: '3.15.1' }, ['project.library_old']],
    ['has one that only looks newer', { libVersion: '3.9.0' }, ['project.library_old']],
    ['has one of another age', { libVersion: '2.32.3' }, ['project.library_old']],
    ['names none', { libVersion: 'widelyUsed' }, ['project.library_unset']],
    ['is of another AppID', { appid: 'wxffffffffffffffff' }, ['project.appid_differs']],
    ['is a guest’s', { appid: 'touristappid' }, ['project.guest']],
  ])('%s', async (_what, change, ids) => {
    const set = await setUp();
    const argv = writeProject(set, {
      appid: set.settings.appId,
      libVersion: '3.15.2',
      ...change,
    });
    const at = await examine(set, { argv, live: false });
    expect(at.ids).toEqual(ids);
    expect(at.findings.some(({ id }) => id === 'project.fits')).toBe(ids.length === 0);
  });

  it('is no such file', async () => {
    const set = await setUp();
    const argv = ['--project', 'gone.json'];
    expect((await examine(set, { argv, live: false })).ids).toEqual(['project.unreadable']);
  });
});

describe('--cert', () => {
  const DAY_MS = 24 * 3600_000;
  const write = ({ folder }: SetUp, pem: string): string[] => {
    writeFileSync(join(folder, 'apiclient_cert.pem'), pem);
    return ['--cert', 'apiclient_cert.pem'];
  };
  const certificate = (daysLeft: number) => {
    const notAfterMs = Date.now() + daysLeft * DAY_MS;
    return createCertificate({ label: 'merchant', ...other, notBeforeMs: 0, notAfterMs });
  };
  const fitting = { privateKey: other.privatePem, merchantSerialNumber: made.serial };

  it.each<[string, number, Settings, string[]]>([
    ['fits', 1000, {}, []],
    [
      'is of another serial',
      1000,
      { merchantSerialNumber: 'B'.repeat(40) },
      ['cert.serial_differs'],
    ],
    [
      'is of another key',
      1000,
      { privateKey: keyPairOf('third').privatePem },
      ['cert.key_differs'],
    ],
    ['has expired', -2, {}, ['cert.expired']],
    ['expires soon', 9, {}, ['cert.expires']],
  ])('%s', async (_what, days, settings, ids) => {
    const set = await setUp();
    const argv = write(set, certificate(days).pem);
    const all = { ...fitting, ...settings };
    expect((await examine(set, { settings: all, argv, live: false })).ids).toEqual(ids);
  });

  it('is no certificate', async () => {
    const set = await setUp();
    const argv = write(set, other.publicPem);
    expect((await examine(set, { argv, live: false })).ids).toEqual(['cert.unreadable']);
  });
});

describe('the package that is deployed', () => {
  const root = join(__dirname, '../..');

  function built(set: SetUp, change: (file: string) => void): Around {
    const folder = join(set.folder, 'dist');
    mkdirSync(folder);
    for (const name of ['index.js', 'server.js']) writeFileSync(join(folder, name), '');
    cpSync(join(root, 'scf_bootstrap'), join(folder, 'scf_bootstrap'));
    change(join(folder, 'scf_bootstrap'));
    return { folder };
  }

  it.each<[string, (file: string) => void, string[]]>([
    ['is whole', () => undefined, []],
    [
      'may not be executed',
      (file) => {
        chmodSync(file, 0o644);
      },
      ['package.bootstrap_mode'],
    ],
    [
      'has CRLF',
      (file) => {
        writeFileSync(file, '#!/bin/bash\r\nexit 1\r\n');
      },
      ['package.bootstrap_crlf'],
    ],
    [
      'has no shebang',
      (file) => {
        writeFileSync(file, 'exit 1\n');
      },
      ['package.bootstrap_shape'],
    ],
    [
      'lacks its start file',
      (file) => {
        rmSync(file);
      },
      ['package.bootstrap_missing'],
    ],
  ])('%s', async (_what, change, ids) => {
    const set = await setUp();
    const around = built(set, change);
    expect((await examine(set, { around, live: false })).ids).toEqual(ids);
  });
});

describe('the FAQ', () => {
  it('answers Q1 to Q10 in both languages', async () => {
    const { code, out } = await cli(['doctor', '--faq']);
    expect(code).toBe(0);
    FAQ.forEach(({ id, answer }, index) => {
      expect(id).toBe(`Q${index + 1}`);
      expect(out).toContain(answer[0]);
      expect(out).toContain(answer[1]);
    });
    expect(FAQ).toHaveLength(10);
  });

  type Broken = Parameters<typeof examine>[1];
  const trace =
    (id: string) =>
    async (set: SetUp): Promise<Broken> => {
      const [, , count, facts] = TRACES.find((one) => one[1] === id) ?? ['', '', 0, {}];
      await leaveTrace(set, count, facts);
      return { live: false };
    };
  const wrong =
    (settings: Settings, live = false) =>
    async (): Promise<Broken> => ({ settings, live });

  it.each<[string, string, (set: SetUp) => Promise<Broken>]>([
    [
      'Q1',
      'project.library_old',
      async (set) => {
        const project = { appid: set.settings.appId, libVersion: '3.14.9' };
        return { live: false, argv: writeProject(set, project) };
      },
    ],
    ['Q2', 'apiV3Key.missing', wrong({ apiV3Key: undefined })],
    ['Q3', 'privateKey.pem_incomplete', wrong({ privateKey: 'MIIE' })],
    ['Q4', 'appId.not_appid', wrong({ appId: '-' })],
    ['Q4', 'orders.appid_refused', trace('orders.appid_refused')],
    ['Q5', 'notifyURLPayURL.not_https', wrong({ notifyURLPayURL: 'http://x' })],
    ['Q5', 'callbacks.never', trace('callbacks.never')],
    [
      'Q6',
      'wechat.appid_unbound',
      async (set) => {
        await refusedWith(400, 'APPID_MCHID_NOT_MATCH')(set);
        return {};
      },
    ],
    ['Q6', 'payments.never', trace('payments.never')],
    ['Q8', 'payments.tiny', trace('payments.tiny')],
    ['Q9', 'payers.none', wrong({ cloudbaseEnv: undefined })],
    ['Q10', 'wxPayPublicKey.pem_incomplete', wrong({ wxPayPublicKey: 'x' })],
    [
      'Q10',
      'certificates.void',
      async ({ sim }) => {
        sim.switches.certificatesForPublicKey = '403 NOT_ENOUGH';
        return { settings: withoutPublicKey() };
      },
    ],
  ])('%s is what %s refers to', async (faq, id, breakIt) => {
    const set = await setUp();
    const { ids, findings } = await examine(set, await breakIt(set));
    expect(ids).toEqual([id]);
    expect(findings.find((one) => one.id === id)?.faq).toBe(faq);
    const { seen } = FAQ.find((one) => one.id === faq) ?? { seen: [] };
    const patterns = seen.map((one) => new RegExp(`^${one.replaceAll('*', '.*')}$`));
    expect(patterns.some((pattern) => pattern.test(id))).toBe(true);
  });

  // Q7 leaves the same trace as Q6, orders that nobody pays: it is named in the advice.
  it('Q7 is named where nobody gets to pay', async () => {
    const set = await setUp();
    const { findings } = await examine(set, await trace('payments.never')(set));
    expect(findings.find(({ id }) => id === 'payments.never')?.fix_en).toContain('Q7');
  });
});

it('knows every setting by the name it has', () => {
  const names: readonly string[] = SETTINGS.map(({ name }) => name);
  const named = SETTINGS_BROKEN.flatMap(([, settings]) => Object.keys(settings));
  const strange = named.filter((name) => !names.includes(name));
  expect(strange.sort()).toEqual(['APPID', 'TENCENTCLOUD_RUNENV']);
});
