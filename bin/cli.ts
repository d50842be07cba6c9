/** `pay-common`: run by bin/pay-common when it is built, by `npx tsx bin/cli.ts` in the checkout. */
import { join } from 'node:path';
import { run } from '../cli/run';
import type { Io } from '../cli/io';
import { systemClock } from '../utils/clock';

declare const __VERSION__: string | undefined;

const io: Io = {
  env: process.env,
  cwd: process.cwd(),
  folder: __dirname,
  version: typeof __VERSION__ === 'string' ? __VERSION__ : 'source',
  clock: systemClock,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  terminal: process.stderr.isTTY,
  load: {
    // The path is computed here: the file beside this one is bin/server.ts in the checkout and server.js when built,
    // and the build must not put a second copy of the service into this program.
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    server: async () => require(join(__dirname, 'server')) as typeof import('./server'),
    doctor: () => import('../cli/doctor/index.js'),
    dev: () => import('../cli/dev/index.js'),
    migrate: () => import('../cli/migrate.js'),
    simulator: () => import('../simulator/main.js'),
  },
};

run(process.argv.slice(2), io).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? '') : String(error)}\n`);
    process.exitCode = 1;
  },
);
