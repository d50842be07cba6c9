/**
 * The shop behind the service: receives effects as signed webhooks and decides whether to ship. It knows its
 * own prices, and compares: with prices chosen by the client that comparison is all that protects it.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asJson, dig, numberOf, textOf } from './wording';
import { words, type Words } from './types';

export interface Received {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  /** ship · hold (amount differs from the price) · repeat (id seen before) · noted (all else). */
  readonly decision: 'ship' | 'hold' | 'repeat' | 'noted';
  readonly says: Words;
}

export interface Receiver {
  readonly url: string;
  readonly secret: string;
  readonly received: readonly Received[];
  /** What the goods under this number cost, in fen. */
  price(no: string, fen: number): void;
  close(): Promise<void>;
}

const BODY_MAX = 64 * 1024;

async function read(req: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of req as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > BODY_MAX) throw new Error('body too large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Standard Webhooks: `v1,base64(HMAC-SHA256(id.timestamp.body))`. */
function genuine(req: IncomingMessage, body: string, key: Buffer): boolean {
  const id = textOf(req.headers['webhook-id']);
  const at = textOf(req.headers['webhook-timestamp']);
  const expected = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest();
  return textOf(req.headers['webhook-signature'])
    .split(' ')
    .map((one) => Buffer.from(one.replace(/^v1,/, ''), 'base64'))
    .some((sent) => sent.length === expected.length && timingSafeEqual(sent, expected));
}

export async function openReceiver(tell: (received: Received) => void): Promise<Receiver> {
  const key = randomBytes(32);
  const prices = new Map<string, number>();
  const seen = new Set<string>();
  const received: Received[] = [];

  function judge(type: string, no: string, paidFen: number): [Received['decision'], Words] {
    if (type !== 'order.paid') return ['noted', words('已记下', 'noted')];
    const price = prices.get(no);
    if (price === paidFen) return ['ship', words('金额相符，发货', 'amount agrees: ship')];
    return ['hold', words('金额不符，不发货', 'amount differs: hold the goods')];
  }

  function take(body: string): void {
    const event = asJson(JSON.parse(body));
    const [id, type, subject] = [event['id'], event['type'], event['subject']].map(textOf) as [
      string,
      string,
      string,
    ];
    const repeat = seen.has(id);
    seen.add(id);
    const [decision, says] = repeat
      ? (['repeat', words('同一事件，已处理过', 'same id: done before')] as const)
      : judge(type, subject, numberOf(dig(event, 'data', 'payment', 'total')));
    const one: Received = { id, type, subject, decision, says };
    received.push(one);
    tell(one);
  }

  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    const answer = (status: number): void => void res.writeHead(status).end();
    read(req).then(
      (body) => {
        if (!genuine(req, body, key)) return answer(401);
        take(body);
        answer(204);
      },
      () => answer(400),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}/effects`,
    secret: `whsec_${key.toString('base64')}`,
    received,
    price: (no, fen) => void prices.set(no, fen),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}
