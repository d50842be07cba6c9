/** Stands between the service and the simulated WeChat Pay, to stop a call before it arrives or its answer. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Simulator } from '../../simulator';
import { afterTest, send } from './service';

export interface ProxyHooks {
  /** The call is here, WeChat has not seen it. */
  before?(call: string): Promise<void> | void;
  /** WeChat has carried it out, the answer is not passed on yet. */
  after?(call: string): Promise<void> | void;
}

export interface Proxy {
  readonly url: string;
  readonly hooks: ProxyHooks;
  /** `POST /v3/…` of all that came by. */
  readonly calls: string[];
}

export async function startProxy(sim: Simulator): Promise<Proxy> {
  const hooks: ProxyHooks = {};
  const calls: string[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const call = `${req.method ?? ''} ${(req.url ?? '').split('?', 1)[0] ?? ''}`;
      calls.push(call);
      const { 'content-length': _length, connection: _connection, ...headers } = req.headers;
      const forward = async (): Promise<void> => {
        await hooks.before?.(call);
        const url = `${sim.url}${req.url ?? ''}`;
        const body = Buffer.concat(chunks);
        const answer = await send(
          req.method ?? '',
          url,
          body.length === 0 ? undefined : body,
          headers as Record<string, string>,
        );
        await hooks.after?.(call);
        const { 'transfer-encoding': _chunked, ...out } = answer.headers;
        res.writeHead(answer.status, { ...out, connection: 'close' });
        res.end(answer.text);
      };
      forward().catch(() => res.destroy());
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  afterTest(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  );
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    hooks,
    calls,
  };
}
