/** One process of the built service, as it is deployed: started, asked, killed with kill -9, started again. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type Agent } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HANG_MS, until } from '../helpers/waiting';

const root = join(__dirname, '../..');
/** Nobody waits longer for one answer: an instance may be killed while it owes one. */
const CALL_MS_MAX = 60_000;
const LOOK_MS = 25;
const LINES_MAX = 2000;

export type Json = Record<string, unknown>;

export interface Build {
  readonly folder: string;
  remove(): void;
}

/** What `npm run build` makes, in a folder of its own. `source`: the checkout to build. */
export function build(source = root): Build {
  const temp = mkdtempSync(join(tmpdir(), 'pay-common-crash-'));
  const folder = join(temp, 'dist');
  const args = [join(source, 'scripts/build.mjs'), '--out', folder];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: source, encoding: 'utf8' });
  const remove = (): void => {
    rmSync(temp, { recursive: true, force: true });
  };
  if (status === 0) return { folder, remove };
  remove();
  throw new Error(`the build failed: ${stderr}`);
}

const PORT_FROM = 20_000;
/** Below what the system gives to outgoing connections: one of those could sit on the port of a dead instance. */
const PORT_TO = 32_000;
const given = new Set<number>();

/** A port that is free and stays so while its instance is dead. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORT_FROM, PORT_TO);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer();
    const listening = once(server, 'listening').then(
      () => true,
      () => false,
    );
    server.listen(port, '0.0.0.0');
    if (!(await listening)) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

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
  readonly folder: string;
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
  const { name, folder, port, agent } = options;
  const url = `http://127.0.0.1:${port}`;
  const troubles: Json[] = [];
  let child: ChildProcess | undefined;

  function launch(extra: Readonly<Record<string, string>>, aheadMs: number): ChildProcess {
    const started = spawn(
      process.execPath,
      ['--require', join(__dirname, 'clockAhead.cjs'), 'index.js'],
      {
        cwd: folder,
        env: {
          PATH: process.env['PATH'] ?? '',
          // Native SQLite is not in a build; it is installed beside it.
          NODE_PATH: join(root, 'node_modules'),
          CLOCK_AHEAD_MS: String(aheadMs),
          PORT: String(port),
          ...options.env,
          ...extra,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    readLines(started, (line) => {
      if (troubles.length < LINES_MAX) troubles.push({ instance: name, ...line });
    });
    return started;
  }

  const call: Instance['call'] = (method, path, body, headers = {}) =>
    callOnce({ method, url: `${url}${path}`, body, headers, agent });

  async function gone(process: ChildProcess): Promise<number | null> {
    if (process.exitCode === null && process.signalCode === null) await once(process, 'exit');
    if (child === process) child = undefined;
    return process.exitCode;
  }

  return {
    name,
    url,
    troubles,
    get isUp() {
      return child?.exitCode === null && child.signalCode === null;
    },
    async start({ aheadMs = 0, ready = true, env = {} } = {}) {
      child = launch(env, aheadMs);
      const starting = child;
      const answers = async (): Promise<boolean> => {
        const { status } = await call('GET', ready ? '/readyz' : '/healthz');
        if (starting.exitCode === null) return status === 200;
        throw new Error(`${name} does not start: ${JSON.stringify(troubles.slice(-5))}`);
      };
      await until(`${name} is ready`, answers, LOOK_MS);
    },
    async kill() {
      if (child === undefined) return;
      child.kill('SIGKILL');
      await gone(child);
    },
    async stop() {
      if (child === undefined) return null;
      const ending = child;
      ending.kill('SIGTERM');
      const late = setTimeout(() => ending.kill('SIGKILL'), HANG_MS);
      const code = await gone(ending);
      clearTimeout(late);
      return code;
    },
    call,
  };
}

function readLines(child: ChildProcess, onTrouble: (line: Json) => void): void {
  let held = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (held + chunk).split('\n');
    held = lines.pop() ?? '';
    for (const line of lines) {
      const fields = parsed(line);
      if (fields['level'] === 'warn' || fields['level'] === 'error') onTrouble(fields);
    }
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    onTrouble({ level: 'error', stderr: text, alarm: true });
  });
}

function callOnce(options: {
  readonly method: string;
  readonly url: string;
  readonly body: Json | undefined;
  readonly headers: Headers;
  readonly agent: Agent;
}): Promise<Reply> {
  const { method, url, body, headers, agent } = options;
  const text = body === undefined ? undefined : JSON.stringify(body);
  const type = text === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve) => {
    const none = (): void => {
      clearTimeout(late);
      resolve({ status: 0, body: {} });
    };
    const request = httpRequest(url, { method, agent, headers: { ...type, ...headers } });
    const late = setTimeout(() => request.destroy(), CALL_MS_MAX);
    request.on('error', none);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', none);
      response.on('end', () => {
        clearTimeout(late);
        const status = response.statusCode ?? 0;
        resolve({ status, body: parsed(Buffer.concat(chunks).toString('utf8')) });
      });
    });
    request.end(text);
  });
}

function parsed(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Json) : {};
  } catch {
    return {};
  }
}
