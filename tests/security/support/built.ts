/**
 * The service as it is deployed: built once for a run, started as a process of its own on an empty
 * environment, its records in a file that the test reads beside it. Who imports this gets it from `startStage`.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../../services/stores';
import { silentLogger } from '../../../utils/logger';
import { builtOnce } from '../../helpers/build';
import { freePort, startProcess } from '../../helpers/core';
import { HANG_MS } from '../../helpers/waiting';
import { runBuilt, type Started, type StartOptions } from './runner';
import { ownStore, type OwnStore } from '../../helpers/ownStore';

const PRELOAD = join(__dirname, 'preload.cjs');

let files: string | undefined;
let count = 0;

afterAll(() => {
  if (files !== undefined) rmSync(files, { recursive: true, force: true });
  files = undefined;
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
  files ??= mkdtempSync(join(tmpdir(), 'pay-common-built-'));
  const port = await freePort();
  count += 1;
  const file = join(files, `records-${String(count)}.db`);
  const databaseUrl = env.databaseUrl === 'memory:' ? `file:${file}` : (env.databaseUrl ?? '');
  const logs: string[] = [];
  const { child, ended } = startProcess({
    args: ['--require', PRELOAD, 'index.js'],
    cwd: builtOnce(),
    env: {
      ...env,
      databaseUrl,
      PORT: String(port),
      TEST_NOW_MS: String(nowMs),
      ...(issuerPort === undefined ? {} : { TEST_ISSUER_PORT: String(issuerPort) }),
    },
    ipc: true,
    onText: (text) => logs.push(text),
  });
  await listening(child, logs);
  let reader: Promise<OwnStore> | undefined;
  const clock = { now: () => nowMs };
  const store = (): Promise<OwnStore> =>
    (reader ??= openStore({ url: databaseUrl, clock, logger: silentLogger }).then((records) =>
      ownStore(records),
    ));
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
      const { code } = await ended;
      await (await reader)?.close();
      for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
      return code;
    },
  };
}

runBuilt(startBuilt);
