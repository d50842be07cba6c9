/**
 * The payer's phone and the shop's receiver of effects, on one loopback port: a page that pays, loses callbacks and moves
 * the clock. It reads the simulator alone, never the service's records.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Plain, Simulator } from '../../simulator';

export interface Effect {
  readonly type: string;
  readonly subject: string;
  /** The amount it is about, in fen. */
  readonly fen: number | undefined;
  readonly atMs: number;
}

export interface PhoneDeps {
  readonly simulator: Simulator;
  readonly port: number;
  readonly host: string;
  readonly onEffect: (effect: Effect) => void;
}

export interface Phone {
  readonly url: string;
  readonly close: () => Promise<void>;
}

type Reply = readonly [status: number, value?: unknown];

const BODY_MAX = 64 * 1024;
const SHOWN_MAX = 50;
const ADVANCE_MAX_MS = 30 * 24 * 3_600_000;
const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
};

class ActError extends Error {}

export async function openPhone(deps: PhoneDeps): Promise<Phone> {
  const effects: Effect[] = [];
  const server = createServer((req, res) => {
    serve({ ...deps, effects }, req, res).then(undefined, (error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      send(res, [400, { error: message }]);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(deps.port, deps.host, resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : deps.port;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

type State = PhoneDeps & { readonly effects: Effect[] };

async function serve(state: State, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const path = new URL(req.url ?? '/', 'http://phone').pathname;
  switch (`${req.method ?? ''} ${path}`) {
    case 'GET /':
      res.writeHead(200, PAGE_HEADERS);
      res.end(await readFile(join(__dirname, 'phone.html')));
      return;
    case 'GET /state':
      return send(res, [200, stateOf(state)]);
    case 'POST /act':
      return send(res, await act(state, req));
    case 'POST /effects':
      return send(res, await take(state, req));
    default:
      return send(res, [404, { error: 'no such page' }]);
  }
}

function send(res: ServerResponse, [status, value]: Reply): void {
  res.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  res.end(value === undefined ? undefined : JSON.stringify(value));
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of req as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > BODY_MAX) throw new ActError('the body is too large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

const stateOf = ({ simulator, effects }: State) => ({
  now: simulator.clock.now(),
  orders: simulator.orders().slice(-SHOWN_MAX).reverse(),
  refunds: simulator.refunds().slice(-SHOWN_MAX).reverse(),
  transfers: simulator.transfers().slice(-SHOWN_MAX).reverse(),
  callbacks: simulator.callbacks.slice(-SHOWN_MAX).reverse().map(callbackLine),
  effects: [...effects].reverse(),
});

const callbackLine = ({ atMs, kind, no, attempt, statusAnswered, error }: CallbackSeen) => ({
  atMs,
  kind,
  no,
  attempt,
  status: statusAnswered,
  error,
});

type CallbackSeen = Simulator['callbacks'][number];

type Act = (simulator: Simulator, body: Plain) => unknown;

const ACTS: Readonly<Record<string, Act>> = {
  pay: (simulator, body) => simulator.pay(textOf(body, 'no'), payer(body)),
  'pay-lost': (simulator, body) =>
    simulator.pay(textOf(body, 'no'), { ...payer(body), deliver: 'never' }),
  callback: (simulator, body) => simulator.deliver(kindOf(body), textOf(body, 'no')),
  confirm: (simulator, body) => simulator.confirmTransfer(textOf(body, 'no')),
  fail: (simulator, body) => simulator.failTransfer(textOf(body, 'no'), 'PAYEE_ACCOUNT_ABNORMAL'),
  clock: (simulator, body) => simulator.clock.advance(msOf(body)),
};

/** JSON alone: a page elsewhere cannot send it here without asking first, and nobody answers that. */
async function act({ simulator }: State, req: IncomingMessage): Promise<Reply> {
  if (req.headers['content-type'] !== 'application/json') return [415, { error: 'JSON expected' }];
  const body = JSON.parse(await bodyOf(req)) as Plain;
  const name = textOf(body, 'act');
  const does = Object.hasOwn(ACTS, name) ? ACTS[name] : undefined;
  if (does === undefined) return [404, { error: `no such act: ${name}` }];
  await does(simulator, body);
  return [200, {}];
}

function textOf(body: Plain, name: string): string {
  const value = body[name];
  if (typeof value === 'string') return value;
  throw new ActError(`${name}: text expected`);
}

const payer = (body: Plain) =>
  typeof body['openid'] === 'string' ? { openid: body['openid'] } : {};

function kindOf(body: Plain): 'payment' | 'refund' | 'transfer' {
  const kind = textOf(body, 'kind');
  if (kind === 'payment' || kind === 'refund' || kind === 'transfer') return kind;
  throw new ActError('kind: payment, refund or transfer');
}

function msOf(body: Plain): number {
  const ms = body['ms'];
  if (typeof ms === 'number' && ms > 0 && ms <= ADVANCE_MAX_MS) return ms;
  throw new ActError('ms: more than 0, at most 30 days');
}

/** Shown and nothing else, so it is not verified here: examples/webhook-receiver shows how that is done. */
async function take(state: State, req: IncomingMessage): Promise<Reply> {
  const event = JSON.parse(await bodyOf(req)) as Plain;
  const effect: Effect = {
    type: String(event['type']),
    subject: String(event['subject']),
    fen: fenOf(event['data'] as Plain),
    atMs: state.simulator.clock.now(),
  };
  state.effects.push(effect);
  if (state.effects.length > SHOWN_MAX) state.effects.shift();
  state.onEffect(effect);
  return [204];
}

/** What was refunded, paid, ordered or transferred: the most particular of them. */
function fenOf({ amount, payment, transfer_amount }: Plain): number | undefined {
  const [asked = {}, paid = {}] = [amount, payment] as (Plain | undefined)[];
  const fen = asked['refund'] ?? paid['total'] ?? asked['total'] ?? transfer_amount;
  return typeof fen === 'number' ? fen : undefined;
}
