/** One process of the built service, as it is deployed: started, asked, killed with kill -9, started again. */
import type { ChildProcess } from 'node:child_process';
import type { Agent } from 'node:http';
import { join } from 'node:path';
import { builtOnce } from '../helpers/build';
import { ask, jsonOf, startProcess, type Json, type Spawned } from '../helpers/core';
import { HANG_MS, until } from '../helpers/waiting';

export { freePort, type Json } from '../helpers/core';

/** Nobody waits longer for one answer: an instance may be killed while it owes one. */
const CALL_MS_MAX = 60_000;
const LOOK_MS = 25;
const LINES_MAX = 2000;

export interface Reply {
  /** 0: no answer, because nobody was there, or died, or took too long. */
  readonly status: number;
  readonly body: Json;
}

/** `data.data` of a success envelope. */
export const dataOf = (reply: Reply): Json =>
  ((reply.body['data'] as Json | null)?.['data'] as Json | undefined) ?? {};

export interface InstanceOptions {
  readonly name: string;
  /** Another build than the one of this checkout. */
  readonly folder?: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  readonly agent: Agent;
}

export interface Instance {
  readonly name: string;
  readonly url: string;
  /** Lines of the log at warn or error, of all its lives. */
  readonly troubles: readonly Json[];
  readonly isUp: boolean;
  /** Resolves when /readyz answers 200; with `ready: false`, when anything answers. */
  start(options?: StartOptions): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
  call(method: 'GET' | 'POST', path: string, body?: Json, headers?: Headers): Promise<Reply>;
}

export interface StartOptions {
  readonly aheadMs?: number;
  readonly ready?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

type Headers = Readonly<Record<string, string>>;

export function createInstance(options: InstanceOptions): Instance {
  const { name, folder = builtOnce(), port, agent } = options;
  const url = `http://127.0.0.1:${port}`;
  const troubles: Json[] = [];
  let running: Spawned | undefined;

  const call: Instance['call'] = (method, path, body, headers = {}) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const type = text === undefined ? {} : { 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(CALL_MS_MAX);
    const question = { method, url: `${url}${path}`, body: text, agent, signal };
    return ask({ ...question, headers: { ...type, ...headers } }).catch(() => NO_ANSWER);
  };

  async function gone({ child, ended }: Spawned): Promise<number | null> {
    await ended;
    if (running?.child === child) running = undefined;
    return child.exitCode;
  }

  return {
    name,
    url,
    troubles,
    get isUp() {
      return running !== undefined && lives(running.child);
    },
    async start({ aheadMs = 0, ready = true, env = {} } = {}) {
      running = startProcess({
        args: ['--require', join(__dirname, 'clockAhead.cjs'), 'index.js'],
        cwd: folder,
        env: {
          CLOCK_AHEAD_MS: String(aheadMs),
          PORT: String(port),
          ...options.env,
          ...env,
        },
        onText: troublesOf((line) => {
          if (troubles.length < LINES_MAX) troubles.push({ instance: name, ...line });
        }),
      });
      const { child } = running;
      const answers = async (): Promise<boolean> => {
        const { status } = await call('GET', ready ? '/readyz' : '/healthz');
        if (child.exitCode === null) return status === 200;
        throw new Error(`${name} does not start: ${JSON.stringify(troubles.slice(-5))}`);
      };
      await until(`${name} is ready`, answers, LOOK_MS);
    },
    async kill() {
      if (running === undefined) return;
      running.child.kill('SIGKILL');
      await gone(running);
    },
    async stop() {
      if (running === undefined) return null;
      const { child } = running;
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), HANG_MS);
      const code = await gone(running);
      clearTimeout(late);
      return code;
    },
    call,
  };
}

const NO_ANSWER: Reply = { status: 0, body: {} };

const lives = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode === null && signalCode === null;

/** Reads a log in pieces; tells of its lines at warn or error, and of all that is no log. */
function troublesOf(onTrouble: (line: Json) => void) {
  let held = '';
  return (text: string, from: 'stdout' | 'stderr'): void => {
    if (from === 'stderr') {
      onTrouble({ level: 'error', stderr: text, alarm: true });
      return;
    }
    const lines = (held + text).split('\n');
    held = lines.pop() ?? '';
    for (const line of lines) {
      const fields = jsonOf(line);
      if (fields['level'] === 'warn' || fields['level'] === 'error') onTrouble(fields);
    }
  };
}
