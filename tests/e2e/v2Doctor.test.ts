/** What `doctor` and /healthz say of API v2: its key, and the client certificate. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ShownFinding } from '../../cli/doctor/findings';
import type { Simulator } from '../../simulator';
import { cli } from './cliSupport';
import {
  afterTest,
  dataOf,
  number,
  operator,
  OPERATOR_KEY,
  orderBody,
  payer,
  refundBody,
  serviceEnv,
  startBare,
  startSim,
} from '../helpers/service';
import { startV2, v2Env } from '../helpers/v2';

type Env = Record<string, string | undefined>;

async function idsOf(sim: Simulator, more: Env = {}, now = Date.now()): Promise<readonly string[]> {
  const env = v2Env(sim, { requirePreparedOrders: 'true', ...more });
  const around = { env, clock: { now: () => now } };
  const { out } = await cli(['doctor', '--json', '--live'], around);
  const { findings } = JSON.parse(out) as { findings: ShownFinding[] };
  return findings.map(({ id }) => id).filter((id) => id.startsWith('v2.'));
}

const old = readFileSync(join(__dirname, '../fixtures/oldEncryption.p12.txt'), 'utf8');
const DAY = 24 * 3600_000;

test('all is well: the key is taken, the certificate fits', async () => {
  expect(await idsOf(await startSim())).toEqual(['v2.old_issuer', 'v2.accepted']);
  const sim = await startSim();
  expect(await idsOf(sim, { clientCertificate: old })).toEqual([
    'v2.certificate_fits',
    'v2.accepted',
  ]);
});

test.each<[string, Env, readonly string[]]>([
  [
    'a wrong key',
    { apiKeyV2: 'x'.repeat(32), clientCertificate: old },
    ['v2.certificate_fits', 'v2.key_wrong'],
  ],
  ['no certificate', { clientCertificate: '' }, ['v2.no_certificate', 'v2.accepted']],
  [
    'a certificate that cannot be opened',
    { clientCertificate: 'MIIBAAAA' },
    ['v2.unreadable', 'v2.accepted'],
  ],
])('%s', async (_name, env, expected) => {
  expect(await idsOf(await startSim(), env)).toEqual(expected);
});

test('a certificate that ends', async () => {
  const start = Date.now();
  const sim = await startSim({ nowMs: start, frozen: true });
  const end = start - DAY + 5 * 365 * DAY;
  expect(await idsOf(sim, {}, end - 10 * DAY)).toEqual([
    'v2.expires',
    'v2.old_issuer',
    'v2.accepted',
  ]);
  expect(await idsOf(sim, {}, end + DAY)).toEqual(['v2.expired', 'v2.accepted']);
});

test('an answer that is not signed as it should be', async () => {
  const sim = await startSim();
  sim.faults.add({ route: 'POST /pay/orderquery', kind: 'bad_signature', times: 9 });
  expect(await idsOf(sim)).toEqual(['v2.old_issuer', 'v2.unproven']);
});

describe('/healthz', () => {
  test('names a certificate that cannot be used, and goes on', async () => {
    const run = await startV2(await startSim(), { clientCertificate: 'MIIBAAAA' });
    const { body } = await run.get('/healthz');
    expect(body).toMatchObject({ status: 'ok', sign_mode: 'v2' });
    expect(body.faults).toEqual([expect.stringMatching(/^clientCertificate: /)]);
    expect((await run.get('/readyz')).status).toBe(200);
  });

  test('says nothing of one that works', async () => {
    const run = await startV2(await startSim());
    expect((await run.get('/healthz')).body).not.toHaveProperty('faults');
  });
});

describe('settings', () => {
  test('all that is missing is named at once', async () => {
    const sim = await startSim();
    const run = await startV2(sim, { apiKeyV2: '', merchantId: '' });
    const answer = await run.get('/healthz');
    expect(answer.body).toMatchObject({ error: 'MISSING_CREDENTIALS' });
    const faults = String(answer.body.faults);
    for (const name of ['apiKeyV2', 'merchantId']) expect(faults).toContain(`${name}: `);
    for (const name of ['apiV3Key', 'privateKey']) expect(faults).not.toContain(`${name}: `);
  });

  test('of the credentials of API v3 all or none are given', async () => {
    const sim = await startSim();
    const { apiV3Key } = sim.credentials;
    const faults = String((await (await startV2(sim, { apiV3Key })).get('/healthz')).body.faults);
    for (const name of ['merchantSerialNumber', 'privateKey'])
      expect(faults).toContain(`${name}: `);
  });

  test.each([
    [{ apiKeyV2: 'short' }, 'apiKeyV2'],
    [{ signTypeV2: 'SHA1' }, 'signTypeV2'],
  ])('%j is a fault', async (env, name) => {
    const answer = await (await startV2(await startSim(), env)).get('/healthz');
    expect(answer.body).toMatchObject({ error: 'CONFIG_INVALID' });
    expect(String(answer.body.faults)).toContain(`${name}: `);
  });
});

test('an entry of merchantsFile speaks API v2, with its certificate as the file that it is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pay-common-v2-'));
  afterTest(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const sim = await startSim({ merchants: [{ mchid: '1900000002', appid: 'wx00000000000000b2' }] });
  const shop = sim.merchant('1900000002');
  const { clientCertificate = '', wxPayBaseUrl: _base, ...rest } = shop.envV2();
  const p12 = join(folder, 'apiclient_cert.p12');
  writeFileSync(p12, Buffer.from(clientCertificate, 'base64'), { mode: 0o600 });
  const entry = {
    key: 'shop-b',
    ...rest,
    operatorKeys: [OPERATOR_KEY],
    clientCertificateFile: p12,
  };
  const file = join(folder, 'merchants.json');
  writeFileSync(file, JSON.stringify([entry]), { mode: 0o600 });
  const run = await startBare({ ...serviceEnv(sim), merchantsFile: file });
  shop.callbackTarget = run.url;
  const no = number('M');
  const at = '/m/shop-b/wx-pay';
  const placed = await run.call(`${at}/wxpay_order`, orderBody(no), payer());
  expect(placed).toMatchObject({ status: 200 });
  expect(dataOf(placed).signType).toBe('HMAC-SHA256');
  shop.pay(no);
  const { body, headers } = shop.makeXmlPayment(no, { type: 'HMAC-SHA256' });
  // Of another merchant: its key does not open it, and its number is not ours.
  expect((await run.send('POST', '/wechatpay/order', body, headers)).status).toBe(401);
  expect((await run.send('POST', '/m/shop-b/wechatpay/order', body, headers)).status).toBe(200);
  const back = await run.call(`${at}/wxpay_refund`, refundBody(no, number('R'), 40), operator());
  expect(back.status).toBe(200);
  expect(shop.refunds()).toHaveLength(1);
});
