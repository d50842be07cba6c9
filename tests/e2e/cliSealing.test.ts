/** A key comes to a database that holds records: what the commands say before, at and after that. */
import type { Simulator } from '../../simulator';
import {
  number,
  placePaid,
  serviceEnv,
  startService,
  startSim,
  temporaryDatabase,
} from '../helpers/service';
import { cli, type Ran } from './cliSupport';

const KEY = 'record-key-of-the-shop-0123456789abcdef';
const CWD = __dirname;

async function shop(): Promise<{ sim: Simulator; databaseUrl: string; no: string }> {
  const sim = await startSim();
  const databaseUrl = temporaryDatabase();
  const run = await startService({ sim, env: { databaseUrl } });
  const no = number('SEAL');
  await placePaid(run, sim, no);
  await run.close();
  return { sim, databaseUrl, no };
}

const parsed = (ran: Ran): unknown => JSON.parse(ran.out) as unknown;

it('migrate --seal is refused without a key, counts first, then seals, and shows no key', async () => {
  const { sim, databaseUrl, no } = await shop();
  const seal = (...more: string[]) =>
    cli(['migrate', '--seal', '--json', ...more], {
      env: { databaseUrl, recordKey: KEY },
      cwd: CWD,
    });
  const bare = await cli(['migrate', '--seal'], { env: { databaseUrl }, cwd: CWD });
  expect([bare.code, bare.err]).toEqual([1, expect.stringContaining('recordKey')]);
  expect((await cli(['migrate', '--dry-run'], { env: { databaseUrl }, cwd: CWD })).code).toBe(2);

  const env = { ...serviceEnv(sim, { databaseUrl, recordKey: KEY }) };
  const before = await cli(['records', 'damaged', '--json'], { env, cwd: CWD });
  expect(parsed(before)).toMatchObject({ damaged: [{ kind: 'order', no, damage: 'unsealed' }] });
  expect((await cli(['doctor'], { env, cwd: CWD })).out).toContain('records.damaged');

  expect(parsed(await seal('--dry-run'))).toMatchObject({ sealed: 1, resealed: 0, damaged: 0 });
  const done = await seal();
  expect(done.code).toBe(0);
  expect(parsed(done)).toMatchObject({ store: 'sqlite', sealed: 1, resealed: 0, damaged: 0 });
  expect(parsed(await seal())).toMatchObject({ sealed: 0, damaged: 0 });

  const after = await cli(['records', 'damaged'], { env, cwd: CWD });
  expect(after.out).toContain('no damaged records');
  const shown = await cli(['records', 'get', 'order', no], { env, cwd: CWD });
  expect(JSON.parse(shown.out)).toMatchObject({ no, state: 'PAID' });
  for (const ran of [before, done, after, shown]) expect(ran.out + ran.err).not.toContain(KEY);
  expect(shown.out).not.toContain('"seal"');
});
