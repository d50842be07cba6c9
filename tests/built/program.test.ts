/** The command line as built and packed: the launcher, the build, and nothing else. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, unpackBuilt } from '../helpers/build';

describe('the program', () => {
  const { folder, remove } = unpackBuilt();
  afterAll(remove);

  const built = (argv: readonly string[], env: Record<string, string | undefined> = {}) =>
    spawnSync(process.execPath, [join(folder, 'bin/pay-common'), ...argv], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...env },
      encoding: 'utf8',
    });

  it('says its version, helps, and ends with the code of its command', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(built(['--version']).stdout).toBe(`${version}\n`);
    expect(built(['help'])).toMatchObject({ status: 0, stderr: '' });
    expect(built(['dance']).status).toBe(2);
  });

  it('examines its own package', () => {
    const ran = built(['doctor', '--json'], {});
    expect(ran).toMatchObject({ status: 1, stderr: '' });
    const { findings } = JSON.parse(ran.stdout) as { findings: { id: string }[] };
    const ids = findings.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(['package.whole', 'appId.missing']));
  });

  it('brings the whole service for what asks for it, and the simulator', async () => {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const child = spawn(process.execPath, [join(folder, 'bin/pay-common'), 'simulator']);
    const ended = once(child, 'exit');
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const { url, env } = JSON.parse(line.toString()) as {
      url: string;
      env: Record<string, string>;
    };
    const settings = { ...env, databaseUrl: `file:${join(folder, 'built.db')}` };
    expect(built(['migrate'], settings)).toMatchObject({ status: 0, stderr: '' });
    const list = built(['records', '--json'], settings);
    expect(list).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(list.stdout)).toEqual({ records: [], next: null });
    const live = built(['doctor', '--live'], { ...settings, wxPayBaseUrl: url });
    expect(live).toMatchObject({ status: 0, stderr: '' });
    expect(live.stdout).toContain('故障 faults 0');
    child.kill('SIGTERM');
    expect((await ended)[0]).toBe(0);
  });

  it('runs from the checkout as well', () => {
    const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs');
    const argv = [tsx, join(ROOT, 'bin/cli.ts'), 'doctor', '--json'];
    const env = { PATH: process.env['PATH'] } as NodeJS.ProcessEnv;
    const ran = spawnSync(process.execPath, argv, { cwd: folder, env, encoding: 'utf8' });
    expect(ran).toMatchObject({ status: 1, stderr: '' });
    expect(ran.stdout).toContain('appId.missing');
  });
});
