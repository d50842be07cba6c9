/**
 * A database server of the test's own is killed under load and started again: what was acknowledged is there, and
 * the store goes on by itself. Needs the servers' programs and root; elsewhere it says what it skipped.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../services/stores';
import type { OrderStore } from '../../services/stores/orderStore';
import { systemClock } from '../../utils/clock';
import { AppError } from '../../utils/errors';
import { silentLogger } from '../../utils/logger';
import { anOrder } from '../helpers/storeRecords';

const WRITERS = 8;
const PG = '/usr/lib/postgresql';
const root = process.getuid?.() === 0;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

interface Kind {
  readonly name: string;
  readonly missing: () => string | undefined;
  readonly prepare: (folder: string) => void;
  readonly command: (folder: string, port: number) => readonly string[];
  readonly url: (port: number) => string;
}

const pgBin = (): string => {
  const [newest] = existsSync(PG) ? readdirSync(PG).sort((a, b) => Number(b) - Number(a)) : [];
  return join(PG, newest ?? 'none', 'bin');
};
const asUser = (user: string, ...command: readonly string[]): readonly string[] => [
  'setpriv',
  `--reuid=${user}`,
  `--regid=${user}`,
  '--clear-groups',
  ...command,
];
const run = ([program = '', ...args]: readonly string[]): void => {
  execFileSync(program, args, { stdio: 'ignore' });
};

const KINDS: readonly Kind[] = [
  {
    name: 'postgres',
    missing: () => (existsSync(join(pgBin(), 'initdb')) ? undefined : 'initdb'),
    prepare: (folder) => {
      run(['chown', 'postgres:postgres', folder]);
      const data = join(folder, 'data');
      run(asUser('postgres', join(pgBin(), 'initdb'), '-A', 'trust', '-U', 'postgres', data));
    },
    command: (folder, port) =>
      asUser(
        'postgres',
        ...[join(pgBin(), 'postgres'), '-D', join(folder, 'data'), '-p', String(port)],
        ...['-c', `unix_socket_directories=${folder}`, '-c', 'listen_addresses=127.0.0.1'],
      ),
    url: (port) => `postgres://postgres@127.0.0.1:${String(port)}/postgres`,
  },
  {
    name: 'mariadb',
    missing: () => (existsSync('/usr/sbin/mariadbd') ? undefined : 'mariadbd'),
    prepare: (folder) => {
      run(['chown', 'mysql:mysql', folder]);
      const data = join(folder, 'data');
      const install = ['mariadb-install-db', '--no-defaults', `--datadir=${data}`, '--user=mysql'];
      run([...install, '--auth-root-authentication-method=normal']);
    },
    command: (folder, port) => [
      ...['/usr/sbin/mariadbd', '--no-defaults', '--user=mysql', '--bind-address=127.0.0.1'],
      ...[`--datadir=${join(folder, 'data')}`, `--socket=${join(folder, 's.sock')}`],
      ...[`--pid-file=${join(folder, 'm.pid')}`, `--port=${String(port)}`],
    ],
    url: (port) => `mysql://root@127.0.0.1:${String(port)}/test`,
  },
];

function start([program = '', ...args]: readonly string[]): ChildProcess {
  return spawn(program, args, { stdio: 'ignore' });
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });

/** The first answer of a server that is just starting. */
async function opened(url: string): Promise<OrderStore> {
  for (let tries = 0; ; tries++) {
    try {
      return await openStore({ url, clock: systemClock, logger: silentLogger });
    } catch (error) {
      if (tries > 100) throw error;
      await pause(200);
    }
  }
}

describe.each(KINDS)('$name killed under load', (kind) => {
  const why = root ? kind.missing() : 'root';
  if (why !== undefined) process.stdout.write(`restart ${kind.name}: skipped, no ${why}\n`);

  (why === undefined ? test : test.skip)(
    'keeps what was acknowledged, and the store goes on',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'pay-common-restart-'));
      chmodSync(folder, 0o700);
      kind.prepare(folder);
      const port = await freePort();
      let server = start(kind.command(folder, port));
      const store = await opened(kind.url(port));
      const kept: string[] = [];
      const failures: string[] = [];
      let late = 0;
      let phase: 'before' | 'down' | 'after' | 'done' = 'before';
      const writer = async (w: number): Promise<void> => {
        for (let i = 0; phase !== 'done'; i++) {
          const no = `W${String(w)}N${String(i).padStart(6, '0')}`;
          try {
            if ((await store.insert(anOrder(no))) === 'inserted') kept.push(no);
            if (phase === 'after') late++;
          } catch (error) {
            failures.push(error instanceof AppError ? error.code : String(error));
            await pause(20);
          }
        }
      };
      try {
        const writers = Array.from({ length: WRITERS }, (_, w) => writer(w));
        await pause(800);
        phase = 'down';
        server.kill('SIGKILL');
        await ended(server);
        await pause(300);
        server = start(kind.command(folder, port));
        for (
          let n = 0;
          n < 150 &&
          !(await store.ping().then(
            () => true,
            () => false,
          ));
          n++
        ) {
          await pause(200);
        }
        phase = 'after';
        await pause(800);
        phase = 'done';
        await Promise.all(writers);
        expect(failures.length).toBeGreaterThan(0);
        expect(new Set(failures)).toEqual(new Set(['STORE_UNAVAILABLE']));
        expect(late).toBeGreaterThan(0);
        expect(kept.length).toBeGreaterThan(50);
        for (const no of kept) expect((await store.find('order', no))?.no).toBe(no);
        process.stdout.write(
          `restart ${kind.name}: ${String(kept.length)} kept, ${String(failures.length)} told to try again\n`,
        );
      } finally {
        phase = 'done';
        await store.close();
        server.kill('SIGKILL');
        await ended(server);
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
