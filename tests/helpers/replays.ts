/**
 * Stands between the service and WeChat Pay: passes everything on, and when told to answers one merchant with the very bytes
 * that WeChat gave another.
 */
import { once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cut } from './core';

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: Buffer;
}

export interface Replays {
  readonly url: string;
  /** Who is answered with whose replies, by merchant id; undefined = each with its own. */
  swap: { readonly to: string; readonly from: string } | undefined;
  /** Answers that went to the wrong one. */
  swapped: number;
  close(): Promise<void>;
}

const MCHID = /mchid="(\d+)"/;

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export async function startReplays(upstream: string): Promise<Replays> {
  const known = new Map<string, Reply>();

  async function pass(req: IncomingMessage, body: Buffer): Promise<Reply> {
    const { method, url = '/', headers } = req;
    const sent = request(`${upstream}${url}`, { method, headers, agent: false });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const { statusCode = 0 } = answer;
    return { status: statusCode, headers: answer.headers, bytes: await readAll(answer) };
  }

  async function reply(req: IncomingMessage): Promise<Reply> {
    const mchid = MCHID.exec(req.headers.authorization ?? '')?.[1] ?? '';
    const what = `${req.method ?? ''} ${(req.url ?? '').split('?', 1)[0] ?? ''}`;
    const body = await readAll(req);
    const { swap } = replays;
    const other = swap?.to === mchid ? known.get(`${swap.from} ${what}`) : undefined;
    if (other !== undefined) {
      replays.swapped += 1;
      return other;
    }
    const own = await pass(req, body);
    known.set(`${mchid} ${what}`, own);
    return own;
  }

  const server = createServer((req, res) => {
    reply(req).then(
      ({ status, headers, bytes }) => res.writeHead(status, headers).end(bytes),
      () => res.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const replays: Replays = {
    url: `http://127.0.0.1:${String(port)}`,
    swap: undefined,
    swapped: 0,
    close: () => cut(server),
  };
  return replays;
}
