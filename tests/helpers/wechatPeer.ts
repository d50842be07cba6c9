import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { wechatHeaders, type WechatKey } from './wechatKeys';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers one request. The last one given answers all that follow. */
export type Answer = (res: ServerResponse, request: Received, socket: Socket) => void;

/** A bare HTTP server at the other end of the line: says exactly what a test wants said, bytes and all. */
export interface Peer {
  readonly url: string;
  readonly received: Received[];
  answer(...answers: Answer[]): void;
  close(): Promise<void>;
}

export async function startPeer(): Promise<Peer> {
  const received: Received[] = [];
  let answers: Answer[] = [(res) => res.writeHead(500).end()];
  const server = http.createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const { method = '', url: path = '', headers } = req;
      const request = { method, path, headers, body: Buffer.concat(chunks).toString('utf8') };
      received.push(request);
      const next = answers.length > 1 ? answers.shift() : answers[0];
      next?.(res, request, req.socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}`,
    received,
    answer: (...list) => {
      answers = list;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** A local address where nobody listens. */
export async function deadUrl(): Promise<string> {
  const peer = await startPeer();
  await peer.close();
  return peer.url;
}

export interface SignedReply {
  readonly key: WechatKey;
  readonly at: number;
  readonly status?: number;
  readonly body?: string;
  /** Changes the headers after signing: `undefined` takes one away. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** A reply that is WeChat Pay's in every respect, unless `headers` spoil it. */
export function signed({ key, at, status = 200, body = '{}', headers = {} }: SignedReply): Answer {
  return (res) => {
    const all = { ...wechatHeaders({ key, raw: body, at }), ...headers };
    const kept = Object.entries(all).filter((entry): entry is [string, string] => !!entry[1]);
    res.writeHead(status, Object.fromEntries(kept));
    res.end(status === 204 ? undefined : body);
  };
}

/** A reply without any signature. */
export function plain(status: number, body: string): Answer {
  return (res) => {
    res.writeHead(status);
    res.end(body);
  };
}

/** Hangs up without a word. */
export const hangUp: Answer = (_res, _request, socket) => {
  socket.destroy();
};

/** Never answers. */
export const silence: Answer = () => undefined;
