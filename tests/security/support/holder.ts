/** Stands between the service and WeChat: passes on, or keeps what was sent and sends it later. */
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Held {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface Holder {
  readonly url: string;
  target: string;
  /** Which requests are kept; their sender sees a broken connection. */
  holds: (method: string, path: string) => boolean;
  readonly held: Held[];
  /** Sends on what was kept, as it was signed then. @returns WeChat's status for each. */
  release(): Promise<number[]>;
  close(): Promise<void>;
}

export async function startHolder(): Promise<Holder> {
  const server = createServer((req, res) => {
    void serve(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const holder: Holder = {
    url: `http://127.0.0.1:${String(port)}`,
    target: '',
    holds: () => false,
    held: [],
    release: () => Promise.all(holder.held.splice(0).map((one) => forward(holder.target, one))),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
    const { method = '', url: path = '', headers } = req;
    const one: Held = { method, path, headers, body: Buffer.concat(chunks) };
    if (holder.holds(method, path)) {
      holder.held.push(one);
      res.destroy();
      return;
    }
    await forward(holder.target, one, res);
  }
  return holder;
}

function forward(target: string, one: Held, res?: ServerResponse): Promise<number> {
  const { method, headers } = one;
  return new Promise((resolve, reject) => {
    const req = request(`${target}${one.path}`, { method, headers, agent: false }, (reply) => {
      res?.writeHead(reply.statusCode ?? 502, reply.headers);
      if (res === undefined) reply.resume();
      else reply.pipe(res);
      reply.on('end', () => {
        resolve(reply.statusCode ?? 0);
      });
    });
    req.on('error', reject);
    req.end(one.body);
  });
}
