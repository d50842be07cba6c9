/**
 * The core of every harness: the service started in this process or as one of its own, a free port, one request.
 * Harnesses are thin layers on it. No test framework in here: the demo and the soak use it, too.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer as createHttp, request, type Server } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { assemble, type Overrides, type Service } from '../../bin/assemble';
import { listenOn, shutDown } from '../../bin/listen';
import { createValidator } from '../../utils/validate';

export type Json = Record<string, unknown>;
export type Env = Readonly<Record<string, string | undefined>>;

export interface Here {
  readonly service: Service;
  readonly server: Server;
  readonly port: number;
  readonly url: string;
  /** As SIGTERM does: what is under way ends first. */
  close(): Promise<void>;
  /** At once: connections are cut. */
  drop(): Promise<void>;
}

/** As it is deployed, or the Express app alone, as somebody else's server would mount it. */
export type Door = 'shortcut' | 'express';

/** Compiled once for a test file. */
const validate = createValidator();

export async function startHere(
  env: Env,
  overrides: Overrides = {},
  door: Door = 'shortcut',
): Promise<Here> {
  // What is tried again is tried at once: nobody waits for what only costs time.
  const retryPause = (): Promise<void> => Promise.resolve();
  const service = assemble({ PORT: '0', ...env }, { retryPause, validate, ...overrides });
  const server =
    door === 'shortcut'
      ? await listenOn(service, '127.0.0.1')
      : createHttp(service.app).listen(0, '127.0.0.1');
  if (!server.listening) await once(server, 'listening');
  await service.start();
  const { port } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  return {
    service,
    server,
    port,
    url: `http://127.0.0.1:${String(port)}`,
    close: () => (closing ??= shutDown(server, service)),
    drop: () => (closing ??= cut(server).then(() => service.close())),
  };
}

/** Closes a server without waiting for those who are connected. */
export async function cut(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

const PORT_FROM = 20_000;
/** Below what the system gives to outgoing connections: one of those could sit on the port of a dead service. */
const PORT_TO = 32_000;
const given = new Set<number>();

/** A port that is free, and stays so while its service is dead. */
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

export interface ProcessOptions {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Env;
  /** With a channel for messages. */
  readonly ipc?: boolean;
  readonly onText: (text: string, from: 'stdout' | 'stderr') => void;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface Spawned {
  readonly child: ChildProcess;
  /** Resolves when the process is gone and all that it wrote has been read. */
  readonly ended: Promise<Ended>;
}

/** Node on an environment that holds nothing but what is given, and the PATH. */
export function startProcess({ args, cwd, env, ipc = false, onText }: ProcessOptions): Spawned {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
  });
  for (const from of ['stdout', 'stderr'] as const) {
    child[from]?.setEncoding('utf8').on('data', (text: string) => {
      onText(text, from);
    });
  }
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ code, signal });
    });
  });
  return { child, ended };
}

export interface Question {
  readonly method: string;
  readonly url: string;
  /** Sent as it is, where a URL would be put in order first. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer | undefined;
  /** Without one: a connection of its own, so that nothing is kept open. */
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The parsed body; {} where it is no JSON object. */
  readonly body: Json;
}

/** One request over real HTTP, its headers as given. */
export function ask(question: Question): Promise<Answer> {
  const { method, url, path, headers = {}, body, agent, signal } = question;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const options = {
    method,
    agent: agent ?? new Agent({ keepAlive: false }),
    headers: { ...length, ...headers } as Record<string, string | string[]>,
    ...(path === undefined ? {} : { path }),
    ...(signal === undefined ? {} : { signal }),
  };
  return new Promise((resolve, reject) => {
    const asked = request(url, options, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const { statusCode = 0, headers: said } = answer;
        resolve({ status: statusCode, headers: said, text, body: jsonOf(text) });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

export function jsonOf(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Json) : {};
  } catch {
    return {};
  }
}
