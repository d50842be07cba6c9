/** The commands beside a file of further merchants: each is named, and asked for by its key. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ShownFinding } from '../../cli/doctor/findings';
import type { Simulator } from '../../simulator';
import { beijingDay } from '../../utils/time';
import { entryOf, merchantsFile, startShops } from '../helpers/merchants';
import {
  afterTest,
  number,
  orderBody,
  payer,
  serviceEnv,
  startBare,
  temporaryDatabase,
} from '../helpers/service';
import { cli, type Around } from './cliSupport';

async function setUp(more = {}, moreOfLast = {}): Promise<Around & { sim: Simulator }> {
  const [own, b, c] = await startShops();
  const file = merchantsFile([entryOf(b, more), entryOf(c, moreOfLast)]);
  const settings = { merchantsFile: file, databaseUrl: temporaryDatabase() };
  return { sim: own.sim, env: serviceEnv(own.sim, settings) };
}

async function examine(
  around: Around,
  ...argv: string[]
): Promise<{ code: number; findings: ShownFinding[]; out: string }> {
  const { code, out } = await cli(['doctor', '--json', ...argv], around);
  return { code, out, ...(JSON.parse(out) as { findings: ShownFinding[] }) };
}

const about = (findings: readonly ShownFinding[]): string[] =>
  findings
    .filter(({ id }) => id.startsWith('merchantsFile'))
    .map(({ severity, id }) => `${severity} ${id}`);

describe('doctor', () => {
  it('names each merchant of the file and whether it is complete', async () => {
    const { code, findings } = await examine(await setUp({ signMode: 'gateway' }));
    expect(about(findings)).toEqual([
      'warn merchantsFile[0].notifyURLPayURL.mode_gateway',
      'warn merchantsFile[0].notifyURLRefundsURL.mode_gateway',
      'ok merchantsFile[0].complete',
      'warn merchantsFile[0].forward',
      'ok merchantsFile[1].complete',
    ]);
    expect(findings.find(({ id }) => id.endsWith('forward'))?.en).toContain('/m/shop-b/');
    expect(code).toBe(0);
  });

  it('names every fault of every entry', async () => {
    const around = await setUp({ apiV3Key: 'short' }, { databaseUrl: 'memory:' });
    const { code, findings } = await examine(around);
    expect(about(findings)).toEqual([
      'fault merchantsFile[0].apiV3Key.key_length',
      'fault merchantsFile[1].databaseUrl.of_deployment',
    ]);
    expect(code).toBe(1);
  });

  it('and the service name a merchant that has work and is set up nowhere', async () => {
    const { env } = await setUp();
    const run = await startBare(env ?? {});
    const no = number('CLI');
    await run.call('/m/shop-c/wx-pay/wxpay_order', orderBody(no), payer());
    const entries = JSON.parse(readFileSync(env?.['merchantsFile'] ?? '', 'utf8')) as object[];
    const less = { ...env, merchantsFile: merchantsFile(entries.slice(0, 1)) };
    const { findings } = await examine({ env: less });
    expect(findings.filter(({ id }) => id === 'records.unknown_merchant')).toMatchObject([
      { severity: 'warn', en: expect.stringContaining('1900000003') },
    ]);
    const again = await startBare(less);
    const event = 'records of an unknown merchant are left alone';
    expect(again.logs.filter((line) => line.event === event)).toMatchObject([
      { mchid: '1900000003', due: expect.any(Number) },
    ]);
    expect(run.logs.filter((line) => line.event === event)).toEqual([]);
  });

  it('asks WeChat Pay as the merchant of --merchant, and knows no other', async () => {
    const around = await setUp();
    const asked = await examine(around, '--live', '--merchant', 'shop-b');
    expect(asked.code).toBe(0);
    expect(JSON.parse(asked.out)).toMatchObject({ merchant: 'shop-b', ok: true, live: true });
    expect(around.sim.requests.length).toBeGreaterThan(0);
    for (const { headers, signature } of around.sim.requests) {
      expect([headers['authorization'], signature]).toEqual([
        expect.stringContaining('mchid="1900000002"'),
        'valid',
      ]);
    }
    const words = await cli(['doctor', '--merchant', 'shop-c'], around);
    expect(words.out).toMatch(/^商户 merchant shop-c\n/);
    const unknown = await cli(['doctor', '--merchant', 'shop-x'], around);
    expect(unknown.code).toBe(2);
    expect(unknown.err).toContain('no such merchant: shop-x');
  });
});

describe('the other commands', () => {
  const today = (): string => beijingDay(Date.now());

  /** Each merchant holds one paid order of its own number, of which nobody was told. */
  async function shops() {
    const all = await startShops({ switches: { wireClock: 'real', billReady: 'always' } });
    const [own, b, c] = all;
    const settings = {
      merchantsFile: merchantsFile([entryOf(b), entryOf(c)]),
      databaseUrl: temporaryDatabase(),
    };
    const env = serviceEnv(own.sim, settings);
    const run = await startBare(env);
    const nos: string[] = [];
    for (const { prefix, sim } of all) {
      const no = number('CLI');
      expect((await run.call(`${prefix}/wx-pay/wxpay_order`, orderBody(no), payer())).status).toBe(
        200,
      );
      sim.pay(no);
      nos.push(no);
    }
    return { all, run, env, nos: nos as [string, string, string] };
  }

  it('records are of the environment, or of --merchant', async () => {
    const { env, run, nos } = await shops();
    const [own, b] = nos;
    const mine = await cli(['records'], { env });
    expect([mine.out.includes(own), mine.out.includes(b)]).toEqual([true, false]);
    const theirs = await cli(['records', '--merchant', 'shop-b'], { env });
    expect(theirs.out).toMatch(/^商户 merchant shop-b\n/);
    expect([theirs.out.includes(own), theirs.out.includes(b)]).toEqual([false, true]);
    const one = await cli(['records', 'get', 'order', b, '--merchant', 'shop-b'], { env });
    expect(JSON.parse(one.out)).toMatchObject({ no: b });
    for (const key of ['shop-x', 'Shop B']) {
      const unknown = await cli(['records', '--merchant', key], { env });
      expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining(key)]);
    }
    // A service that runs is asked with that merchant's key.
    const away = { env: { PAY_COMMON_KEY: 'operator-key-of-merchant-shop-b-0123456789' } };
    const asked = ['records', '--url', run.url, '--merchant', 'shop-b'];
    expect((await cli(asked, away)).out).toContain(b);
    const wrong = await cli(['records', '--url', run.url], away);
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('UNAUTHENTICATED')]);
  });

  it('sweeps all, or that of --merchant', async () => {
    const { all, env, run, nos } = await shops();
    const far = { ...env };
    const clock = { now: () => Date.now() + 60_000 };
    const states = () =>
      Promise.all(
        all.map(async ({ mchid }, i) => {
          return (await run.records.find(mchid, 'order', nos[i] ?? ''))?.state;
        }),
      );
    const one = await cli(['sweep', '--until-done', '--merchant', 'shop-c'], { env: far, clock });
    expect(one.out).toMatch(/^商户 merchant shop-c\n已处理 done [1-9]/);
    expect(await states()).toEqual(['PENDING', 'PENDING', 'PAID']);
    expect((await cli(['sweep', '--until-done'], { env: far, clock })).code).toBe(0);
    expect(await states()).toEqual(['PAID', 'PAID', 'PAID']);
  });

  it('reconciles the books of all, one after another; what is wrong with one stops no other', async () => {
    const { env, nos, all } = await shops();
    const cwd = mkdtempSync(join(tmpdir(), 'pay-common-'));
    afterTest(() => {
      rmSync(cwd, { recursive: true });
    });
    const ran = await cli(['reconcile', today(), '--json', '--csv', 'day.csv'], { env, cwd });
    const reports = ran.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(reports).toMatchObject([
      { differences: [{ out_trade_no: nos[0], resolved: true }] },
      { merchant: 'shop-b', differences: [{ out_trade_no: nos[1], resolved: true }] },
      { merchant: 'shop-c', differences: [{ out_trade_no: nos[2], resolved: true }] },
    ]);
    expect(reports[0]).not.toHaveProperty('merchant');
    expect([ran.code, ran.err]).toEqual([0, '']);
    expect(readFileSync(join(cwd, 'day.csv'), 'utf8')).toContain(nos[0]);
    expect(readFileSync(join(cwd, 'day-shop-c.csv'), 'utf8')).toContain(nos[2]);
    const words = await cli(['reconcile', today(), '--merchant', 'shop-b'], { env });
    expect(words.out).toMatch(/^商户 merchant shop-b\n/);

    const [, b, c] = all;
    const entries = [entryOf(b, { apiV3Key: 'short' }), entryOf(c)];
    const broken = { ...env, merchantsFile: merchantsFile(entries) };
    const some = await cli(['reconcile', today(), '--json'], { env: broken });
    expect(some.code).toBe(1);
    expect(some.err).toMatch(/^商户 merchant shop-b\nCONFIG_INVALID: .*merchantsFile\[0\]/);
    expect(some.out.trim().split('\n')).toHaveLength(2);
    const alone = await cli(['sweep', '--merchant', 'shop-b'], { env: broken });
    expect([alone.code, alone.err]).toEqual([1, expect.stringContaining('merchantsFile[0]')]);
  });
});
