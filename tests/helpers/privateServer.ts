/**
 * A database server of the test's own, which it may kill, freeze and start again without harm to any other test. Needs
 * the server's programs and root, who may become the user that the server runs as.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause, until } from './waiting';
import { useServer, type DatabaseServer, type ServerKind } from './databases';

export const PRIVATE_KINDS = ['postgres', 'mysql'] as const satisfies readonly ServerKind[];

const PG = '/usr/lib/postgresql';
const MARIADBD = '/usr/sbin/mariadbd';
const LOOK_MS = 100;

export interface PrivateServer {
  readonly kind: ServerKind;
  readonly folder: string;
  /** Databases on it, as on any other server. */
  readonly databases: DatabaseServer;
  /** SIGKILL to all of its processes: nothing is flushed, nobody is told. */
  kill(): Promise<void>;
  /** Resolves when it answers. */
  start(): Promise<void>;
  /** SIGSTOP: connections stay, and nothing answers. Resolves when the last thread has stopped. */
  freeze(): Promise<void>;
  thaw(): void;
  /** Ends it and takes its files away. */
  close(): Promise<void>;
}

interface Program {
  /** The first program that is not here. */
  readonly missing: () => string | undefined;
  readonly owner: string;
  readonly prepare: (folder: string) => readonly string[];
  readonly command: (folder: string, port: number) => readonly string[];
  readonly url: (port: number) => string;
}

const pgBin = (): string => {
  const [newest] = existsSync(PG) ? readdirSync(PG).sort((a, b) => Number(b) - Number(a)) : [];
  return join(PG, newest ?? 'none', 'bin');
};

const asUser = (user: string, ...command: readonly string[]): readonly string[] => [
  ...['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'],
  ...command,
];

const notHere = (...paths: readonly string[]): string | undefined =>
  paths.find((path) => !existsSync(path));

const PROGRAMS: Readonly<Record<ServerKind, Program>> = {
  postgres: {
    missing: () => notHere(join(pgBin(), 'initdb'), join(pgBin(), 'postgres')),
    owner: 'postgres',
    prepare: (folder) => [
      ...asUser('postgres', join(pgBin(), 'initdb'), '-A', 'trust', '-U', 'postgres'),
      ...['--no-sync', join(folder, 'data')],
    ],
    command: (folder, port) =>
      asUser(
        'postgres',
        ...[join(pgBin(), 'postgres'), '-D', join(folder, 'data'), '-p', String(port)],
        ...['-c', `unix_socket_directories=${folder}`, '-c', 'listen_addresses=127.0.0.1'],
      ),
    url: (port) => `postgres://postgres@127.0.0.1:${String(port)}`,
  },
  mysql: {
    missing: () => notHere(MARIADBD, '/usr/bin/mariadb-install-db'),
    owner: 'mysql',
    prepare: (folder) => [
      ...['mariadb-install-db', '--no-defaults', `--datadir=${join(folder, 'data')}`],
      ...['--user=mysql', '--auth-root-authentication-method=normal'],
    ],
    command: (folder, port) => [
      ...[MARIADBD, '--no-defaults', '--user=mysql', '--bind-address=127.0.0.1'],
      ...[`--datadir=${join(folder, 'data')}`, `--socket=${join(folder, 's.sock')}`],
      ...[`--pid-file=${join(folder, 'm.pid')}`, `--port=${String(port)}`],
    ],
    url: (port) => `mysql://root@127.0.0.1:${String(port)}`,
  },
};

const run = ([program = '', ...args]: readonly string[]): void => {
  execFileSync(program, args, { stdio: 'ignore' });
};

const PREPARE_TRIES = 3;

/** Several servers that are made at once may ask the system for more than it has at that moment. */
function prepare([program = '', ...args]: readonly string[], data: string): void {
  for (let tries = 1; ; tries += 1) {
    try {
      execFileSync(program, args, { stdio: 'pipe' });
      return;
    } catch (error) {
      const said = String((error as { stderr?: Buffer }).stderr ?? '');
      if (tries === PREPARE_TRIES) throw new Error(`${program}: ${said}`, { cause: error });
      rmSync(data, { recursive: true, force: true });
    }
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

/**
 * Can such a server be had here? Asked before the tests are named; where not, it is said.
 *
 * @throws  where CI is set and something is missing: there, a skipped test would be a lie.
 */
export function hasPrivateServer(kind: ServerKind): boolean {
  const missing = process.getuid?.() === 0 ? PROGRAMS[kind].missing() : 'root';
  if (missing === undefined) return true;
  const why = `${kind} server of the test's own: ${missing} is missing`;
  if (process.env['CI'] === 'true') throw new Error(why);
  process.stdout.write(`SKIPPED ${why}\n`);
  return false;
}

/** A process and all below it: PostgreSQL has one for each connection. */
function family(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8');
    return [pid, ...text.trim().split(' ').filter(Boolean).map(Number).flatMap(family)];
  } catch {
    return [pid]; // gone meanwhile
  }
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  for (const pid of child.pid === undefined ? [] : family(child.pid)) {
    try {
      process.kill(pid, name);
    } catch {
      // It ended between the look and the signal.
    }
  }
}

/** A signal is obeyed a moment after it is sent, on a busy machine a long one. */
function isStopped(pid: number): boolean {
  const tasks = `/proc/${String(pid)}/task`;
  try {
    return readdirSync(tasks).every((task) => {
      const stat = readFileSync(join(tasks, task, 'stat'), 'utf8');
      return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
    });
  } catch {
    return false; // one of them ended meanwhile: looked at again
  }
}

const isOver = (child: ChildProcess): boolean =>
  child.exitCode !== null || child.signalCode !== null;

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (isOver(child)) resolve();
    else child.once('exit', () => resolve());
  });

/**
 * Call only where `hasPrivateServer`. Started and answering.
 *
 * @param options  `setUp`: puts further files into its folder and gives further arguments for its command line.
 */
export async function startPrivateServer(
  kind: ServerKind,
  options: { readonly setUp?: (folder: string) => readonly string[] } = {},
): Promise<PrivateServer> {
  const program = PROGRAMS[kind];
  const folder = mkdtempSync(join(tmpdir(), 'pay-common-server-'));
  chmodSync(folder, 0o700);
  run(['chown', `${program.owner}:${program.owner}`, folder]);
  prepare(program.prepare(folder), join(folder, 'data'));
  const extra = options.setUp?.(folder) ?? [];
  const port = await freePort();
  const databases = useServer(kind, new URL(program.url(port)));
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const [file = '', ...args] = [...program.command(folder, port), ...extra];
    const answers = (): Promise<boolean> => {
      // The dead one's memory may be in use a moment longer; then the new one ends at once.
      if (child === undefined || isOver(child)) child = spawn(file, args, { stdio: 'ignore' });
      return databases.answers();
    };
    await until(`${kind} starts`, answers, LOOK_MS);
  }

  async function kill(): Promise<void> {
    if (child === undefined) return;
    signal(child, 'SIGKILL');
    await ended(child);
  }

  const close = async (): Promise<void> => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    kind,
    folder,
    databases,
    kill,
    start,
    async freeze() {
      const pid = child?.pid;
      if (child === undefined || pid === undefined) return;
      const server = child;
      const stopped = async (): Promise<boolean> => {
        // Sent again: a process may have started another one while it was being stopped.
        signal(server, 'SIGSTOP');
        await pause(LOOK_MS);
        return family(pid).every(isStopped);
      };
      await until(`${kind} stands still`, stopped);
    },
    thaw: () => {
      if (child !== undefined) signal(child, 'SIGCONT');
    },
    close,
  };
}
