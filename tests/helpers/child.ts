/** Starts the service as a process, from one bundle made for the whole test file. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import type { Simulator } from '../../simulator';
import { afterTest, serviceEnv } from './service';

const ROOT = join(__dirname, '../..');

let folder: string | undefined;

/** Bundled once: a process starts in a fifth of the time that compiling on the fly takes. */
function bundle(): string {
  if (folder !== undefined) return join(folder, 'service.cjs');
  folder = mkdtempSync(join(tmpdir(), 'pay-common-process-'));
  buildSync({
    entryPoints: [join(__dirname, 'serviceProcess.ts')],
    outfile: join(folder, 'service.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    packages: 'external',
    // `import()` becomes `require()`, which finds packages through NODE_PATH.
    supported: { 'dynamic-import': false },
    logLevel: 'error',
  });
  return join(folder, 'service.cjs');
}

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
});

export interface Child {
  readonly url: string;
  readonly process: ChildProcess;
  /** Resolves when the process is gone. */
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  /** All that it has written so far. */
  output(): string;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  return port;
}

export async function startChild(
  sim: Simulator,
  env: Record<string, string | undefined>,
): Promise<Child> {
  const port = await freePort();
  const child = spawn(process.execPath, [bundle()], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      NODE_PATH: join(ROOT, 'node_modules'),
      ...serviceEnv(sim),
      logLevel: 'error',
      ...env,
      PORT: String(port),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  // 'close', not 'exit': what it wrote last has been read by then.
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ code, signal });
    });
  });
  afterTest(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (/^ready$/m.test(output)) resolve();
      });
    }
    child.once('exit', () => {
      reject(new Error(`the service ended before it was ready: ${output}`));
    });
  });
  return { url: `http://127.0.0.1:${String(port)}`, process: child, ended, output: () => output };
}
