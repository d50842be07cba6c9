/**
 * The service as it is deployed: built once for a test file, started as a process of its own on an empty
 * environment, its records in a file that the test reads beside it. Who imports this gets it from `startStage`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../../services/stores';
import type { OrderStore } from '../../../services/stores/orderStore';
import { silentLogger } from '../../../utils/logger';
import { build, freePort, type Build } from '../../crash/instance';
import { HANG_MS } from '../../helpers/waiting';
import { runBuilt, type Started, type StartOptions } from './runner';

const ROOT = join(__dirname, '../../..');
/** Beside the package, as `npm install libsql` puts it there. */
const NATIVE = ['libsql', '@libsql'];
const PRELOAD = join(__dirname, 'preload.cjs');

let made: { readonly dist: Build; readonly files: string } | undefined;
let count = 0;

function madeOnce(): NonNullable<typeof made> {
  if (made !== undefined) return made;
  const dist = build();
  mkdirSync(join(dist.folder, 'node_modules'));
  for (const name of NATIVE) {
    symlinkSync(join(ROOT, 'node_modules', name), join(dist.folder, 'node_modules', name));
  }
  made = { dist, files: mkdtempSync(join(tmpdir(), 'pay-common-built-')) };
  return made;
}

afterAll(() => {
  made?.dist.remove();
  if (made !== undefined) rmSync(made.files, { recursive: true, force: true });
  made = undefined;
});

/** Resolves at the line that says the store is open and the port is taken. */
function listening(child: ChildProcess, logs: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(`the built service ${why}: ${logs.join('').slice(-2000)}`));
    };
    const timer = setTimeout(() => {
      fail('does not start');
    }, HANG_MS);
    child.once('exit', (code) => {
      fail(`ended with ${String(code)}`);
    });
    child.stdout?.on('data', () => {
      if (!logs.some((line) => line.includes('"listening"'))) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

export async function startBuilt({ env, nowMs, issuerPort }: StartOptions): Promise<Started> {
  const { dist, files } = madeOnce();
  const port = await freePort();
  count += 1;
  const file = join(files, `records-${String(count)}.db`);
  const databaseUrl = env.databaseUrl === 'memory:' ? `file:${file}` : (env.databaseUrl ?? '');
  const logs: string[] = [];
  const child = spawn(process.execPath, ['--require', PRELOAD, 'index.js'], {
    cwd: dist.folder,
    env: {
      ...env,
      databaseUrl,
      PORT: String(port),
      PATH: process.env.PATH,
      TEST_NOW_MS: String(nowMs),
      ...(issuerPort === undefined ? {} : { TEST_ISSUER_PORT: String(issuerPort) }),
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  child.stdout?.on('data', (chunk: Buffer) => logs.push(chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => logs.push(chunk.toString()));
  await listening(child, logs);
  let reader: Promise<OrderStore> | undefined;
  const clock = { now: () => nowMs };
  const store = (): Promise<OrderStore> =>
    (reader ??= openStore({ url: databaseUrl, clock, logger: silentLogger }));
  return {
    port,
    logs,
    store,
    async setTime(ms) {
      const heard = once(child, 'message');
      child.send({ nowMs: ms });
      await heard;
    },
    async stop() {
      if (child.exitCode !== null) throw new Error(`it ended by itself: ${logs.join('')}`);
      child.kill('SIGTERM');
      const [code] = await ended;
      await (await reader)?.close();
      for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
      return code;
    },
  };
}

runBuilt(startBuilt);
