/**
 * The attacker, a process of his own, so that his work does not slow down the clock that times genuine callbacks. He
 * sends what he is given, over and over, from so many connections at once, until his time is up.
 */
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';

/** `#` in a path, a header or a body becomes a number that counts up. */
export interface Shot {
  readonly path: string;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Volley {
  readonly port: number;
  /** `ask`: whole requests, one after the other. `stall`: bodies that never end. */
  readonly style: 'ask' | 'stall';
  readonly connections: number;
  readonly shots: readonly Shot[];
  readonly ms: number;
  /** Stops after so many, for a short run. */
  readonly shotsMax: number;
}

/** How often each status was answered; 0 = no answer. */
export type Tally = Readonly<Record<string, number>>;

const ANSWER_MS_MAX = 30_000;
const STALL_BYTES = 32 * 1024;
/** A refused connection is opened again after this. */
const REOPEN_MS = 50;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
let counter = 0;

function filled(shot: Shot): Shot {
  counter += 1;
  const n = String(counter).padStart(7, '0');
  const fill = (text: string): string => text.replaceAll('#', n);
  const headers = Object.entries(shot.headers ?? {}).map(([name, value]) => [name, fill(value)]);
  return {
    ...shot,
    path: fill(shot.path),
    headers: Object.fromEntries(headers) as Record<string, string>,
    ...(shot.body === undefined ? {} : { body: fill(shot.body) }),
  };
}

function ask(port: number, agent: Agent, shot: Shot): Promise<number> {
  const { path, method = 'POST', headers, body } = filled(shot);
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const options = {
    agent,
    port,
    host: '127.0.0.1',
    path,
    method,
    headers: { ...type, ...headers },
  };
  return new Promise((resolve) => {
    const sent = request(options, (reply) => {
      reply.on('error', () => {
        resolve(0);
      });
      reply.on('end', () => {
        resolve(reply.statusCode ?? 0);
      });
      reply.resume();
    });
    sent.setTimeout(ANSWER_MS_MAX, () => sent.destroy());
    sent.on('error', () => {
      resolve(0);
    });
    sent.end(body);
  });
}

/** Says that a body comes, sends a part of it, and falls silent. @returns the status of a refusal, or 0. */
function stall(port: number, shot: Shot, open: Set<Socket>): Promise<number> {
  const { path, headers = {} } = filled(shot);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1');
    open.add(socket);
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      open.delete(socket);
      resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0));
    });
    socket.write(
      `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
        `${lines.join('')}content-length: ${String(2 * STALL_BYTES)}\r\n\r\n{"a":"${'a'.repeat(STALL_BYTES)}`,
    );
  });
}

export async function attack(volley: Volley): Promise<Tally> {
  const { port, shots, style, connections, ms, shotsMax } = volley;
  const tally: Record<string, number> = {};
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const open = new Set<Socket>();
  const end = performance.now() + ms;
  let sent = 0;
  const going = (): boolean => performance.now() < end && sent < shotsMax;
  const worker = async (): Promise<void> => {
    while (going()) {
      const shot = shots[sent % shots.length];
      if (shot === undefined) return;
      sent += 1;
      const status = await (style === 'ask' ? ask(port, agent, shot) : stall(port, shot, open));
      tally[status] = (tally[status] ?? 0) + 1;
      if (status === 0) await pause(REOPEN_MS);
    }
  };
  const over = setTimeout(() => {
    for (const socket of open) socket.destroy();
  }, ms);
  await Promise.all(Array.from({ length: connections }, worker));
  clearTimeout(over);
  agent.destroy();
  return tally;
}

process.on('message', (volley: Volley) => {
  void attack(volley).then((tally) => process.send?.(tally));
});
