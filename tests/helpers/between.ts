/** Stands on the way between the service and the simulated WeChat Pay: passes on, answers itself, or breaks off. */
import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { cut } from './core';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Said {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** undefined: the connection breaks. `pass` lets WeChat do what was asked, and returns what it said. */
export type Trick = (asked: Asked, pass: () => Promise<Said>) => Promise<Said | undefined>;

export interface Between {
  readonly url: string;
  target: string;
  /** Which trick a request falls for, by what is in it. Default: none, all is passed on. */
  choose: (asked: Asked) => Trick | undefined;
  close(): Promise<void>;
}

/** PEM of a certificate and its key. */
export interface Identity {
  readonly certPem: string;
  readonly keyPem: string;
}

/** @param identity  over TLS, with this certificate. */
export async function startBetween(identity?: Identity): Promise<Between> {
  const onRequest = (req: IncomingMessage, res: ServerResponse): void => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const { method = '', url: path = '', headers } = req;
      const asked = { method, path, headers, body: Buffer.concat(chunks) };
      const pass = (): Promise<Said> => forward(between.target, asked);
      const trick = between.choose(asked);
      (trick === undefined ? pass() : trick(asked, pass)).then(
        (said) => {
          if (said === undefined) res.destroy();
          else res.writeHead(said.status, said.headers).end(said.body);
        },
        () => res.destroy(),
      );
    });
  };
  const server =
    identity === undefined
      ? createServer(onRequest)
      : createHttps({ cert: identity.certPem, key: identity.keyPem }, onRequest);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const between: Between = {
    url: `${identity === undefined ? 'http://127.0.0.1' : 'https://localhost'}:${String(port)}`,
    target: '',
    choose: () => undefined,
    close: () => cut(server),
  };
  return between;
}

export function forward(target: string, { method, path, headers, body }: Asked): Promise<Said> {
  return new Promise((resolve, reject) => {
    const req = request(`${target}${path}`, { method, headers, agent: false }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('error', reject);
      reply.on('end', () => {
        const { connection: _gone, 'transfer-encoding': _coding, ...rest } = reply.headers;
        resolve({ status: reply.statusCode ?? 0, headers: rest, body: Buffer.concat(chunks) });
      });
    });
    req.on('error', reject);
    req.end(body);
  });
}
