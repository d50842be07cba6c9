/** Runs a command in this process, with words, settings and time of a test's own. */
import { assemble } from '../../bin/assemble';
import { listenOn, shutDown } from '../../bin/listen';
import { dev } from '../../cli/dev';
import { doctor } from '../../cli/doctor';
import type { Env, Io } from '../../cli/io';
import { migrate } from '../../cli/migrate';
import { run } from '../../cli/run';
import { createSimulator, HELP, run as simulator } from '../../simulator/main';
import { systemClock, type Clock } from '../../utils/clock';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Around {
  readonly env?: Env;
  readonly cwd?: string;
  readonly folder?: string;
  readonly clock?: Clock;
  readonly terminal?: boolean;
  readonly stop?: AbortSignal;
}

export function ioOf(around: Around, heard: { out: string; err: string }): Io {
  return {
    env: around.env ?? {},
    cwd: around.cwd ?? __dirname,
    folder: around.folder ?? __dirname,
    version: '1.2.3',
    clock: around.clock ?? systemClock,
    out: (text) => void (heard.out += text),
    err: (text) => void (heard.err += text),
    terminal: around.terminal ?? false,
    ...(around.stop === undefined ? {} : { stop: around.stop }),
    load: {
      server: async () => ({ assemble, listenOn, shutDown }),
      doctor: async () => ({ doctor }),
      migrate: async () => ({ migrate }),
      simulator: async () => ({ HELP, run: simulator, createSimulator }),
      dev: async () => ({ dev }),
    },
  };
}

export async function cli(argv: readonly string[], around: Around = {}): Promise<Ran> {
  const heard = { out: '', err: '' };
  const code = await run(argv, ioOf(around, heard));
  return { code, ...heard };
}
