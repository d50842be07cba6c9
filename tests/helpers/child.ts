/** Starts the service as a process, from one bundle made for the whole run. */
import type { ChildProcess } from 'node:child_process';
import { basename, join } from 'node:path';
import { buildSync } from 'esbuild';
import type { Simulator } from '../../simulator';
import { ROOT } from './build';
import { freePort, startProcess, type Ended, type Env } from './core';
import { onceARun } from './onceARun';
import { afterTest, serviceEnv } from './service';

/**
 * A program in one file, made once a run: it starts in a fifth of the time that compiling on the fly takes. It finds its
 * packages through `NODE_PATH`.
 */
export function bundledOnce(entry: string): string {
  const name = basename(entry, '.ts');
  const folder = onceARun(`bundle-${name}`, (made) => {
    buildSync({
      entryPoints: [entry],
      outfile: join(made, `${name}.cjs`),
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node18',
      packages: 'external',
      // `import()` becomes `require()`, which finds packages through NODE_PATH.
      supported: { 'dynamic-import': false },
      logLevel: 'error',
    });
  });
  return join(folder, `${name}.cjs`);
}

export interface Child {
  readonly url: string;
  readonly process: ChildProcess;
  /** Resolves when the process is gone. */
  readonly ended: Promise<Ended>;
  /** All that it has written so far. */
  output(): string;
}

export async function startChild(sim: Simulator, env: Env): Promise<Child> {
  const port = await freePort();
  let output = '';
  let becomeReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => {
    becomeReady = resolve;
  });
  const { child, ended } = startProcess({
    args: [bundledOnce(join(__dirname, 'serviceProcess.ts'))],
    cwd: ROOT,
    env: {
      NODE_PATH: join(ROOT, 'node_modules'),
      ...serviceEnv(sim),
      logLevel: 'error',
      ...env,
      PORT: String(port),
    },
    onText(text) {
      output += text;
      if (/^ready$/m.test(output)) becomeReady();
    },
  });
  afterTest(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const early = ended.then(() => {
    throw new Error(`the service ended before it was ready: ${output}`);
  });
  await Promise.race([ready, early]);
  return { url: `http://127.0.0.1:${String(port)}`, process: child, ended, output: () => output };
}
