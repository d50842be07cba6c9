/** The commands beside a file of further merchants: each is named, and asked for by its key. */
import type { Finding } from '../../cli/doctor/findings';
import type { Simulator } from '../../simulator';
import { entryOf, merchantsFile, startShops } from '../helpers/merchants';
import { serviceEnv, temporaryDatabase } from '../helpers/service';
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
): Promise<{ code: number; findings: Finding[]; out: string }> {
  const { code, out } = await cli(['doctor', '--json', ...argv], around);
  return { code, out, ...(JSON.parse(out) as { findings: Finding[] }) };
}

const about = (findings: readonly Finding[]): string[] =>
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
      'fault merchantsFile[0].apiV3Key.length',
      'fault merchantsFile[1].databaseUrl.invalid',
    ]);
    expect(code).toBe(1);
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
