/**
 * The merchant's webhook receiver: believes nothing that the published library does not verify, remembers
 * what came in which order, and fails at random, but at most once for each effect.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { CloudEvent } from '../../services/ledger/effectTypes';
import type { Random } from './random';

export interface Arrival {
  readonly id: string;
  readonly event: CloudEvent;
  readonly text: string;
  /** Did the receiver keep it? It may have, and said the opposite. */
  readonly kept: boolean;
}

export interface Receiver {
  /** What tells the service to deliver here. */
  readonly settings: Readonly<Record<string, string>>;
  /** In the order of arrival. */
  readonly arrivals: readonly Arrival[];
  /** Deliveries that prove nothing, or are not as promised. */
  readonly forged: readonly string[];
  /** Share of first deliveries that fail, from 0 to 1. */
  failing: number;
  close(): Promise<void>;
}

/** refuse: nothing kept. deny, cut: kept, and the sender does not learn of it. slow: kept, late. */
const FAILURES = ['refuse', 'deny', 'cut', 'slow'] as const;
const SLOW_MS = 300;

export async function createReceiver(random: Random): Promise<Receiver> {
  const secret = `whsec_${randomBytes(24).toString('base64')}`;
  const webhook = new Webhook(secret);
  const arrivals: Arrival[] = [];
  const forged: string[] = [];
  const failed = new Set<string>();
  const state = { failing: 0 };

  function failureOf(id: string): (typeof FAILURES)[number] | undefined {
    if (failed.has(id) || !random.chance(state.failing)) return undefined;
    failed.add(id);
    return random.pick(FAILURES);
  }

  function take(text: string, request: IncomingMessage, response: ServerResponse): void {
    let event: CloudEvent;
    try {
      event = webhook.verify(text, request.headers as Record<string, string>) as CloudEvent;
    } catch (error) {
      forged.push(String(error));
      response.writeHead(401).end();
      return;
    }
    const id = String(request.headers['webhook-id']);
    const failure = failureOf(id);
    arrivals.push({ id, event, text, kept: failure !== 'refuse' });
    if (failure === 'cut') request.socket.destroy();
    else if (failure === 'slow') setTimeout(() => response.writeHead(200).end(), SLOW_MS);
    else response.writeHead(failure === undefined ? 204 : 503).end();
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    // Cut off by a kill: what has not come whole has not come.
    request.on('error', () => undefined);
    request.on('end', () => {
      take(Buffer.concat(chunks).toString('utf8'), request, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    settings: { webhookUrl: `http://127.0.0.1:${port}/effects`, webhookSecret: secret },
    arrivals,
    forged,
    get failing() {
      return state.failing;
    },
    set failing(share) {
      state.failing = share;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
