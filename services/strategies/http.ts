import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Headers } from './signature';

/** Replies are a few kB; the largest, a certificate list, some 20 kB. */
const RESPONSE_BYTES_MAX = 1_048_576;
const CONNECT_MS = 2_000;
const SOCKETS_MAX = 128;
const FREE_SOCKETS_MAX = 32;
/** An idle socket is given up before the usual front ends drop it (60 s and more). */
const FREE_SOCKET_MS = 15_000;

export interface HttpRequest {
  readonly origin: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly timeoutMs: number;
  /** true: on a connection of its own, never a kept one. */
  readonly fresh: boolean;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Headers;
  readonly raw: Buffer;
}

export interface HttpFault {
  readonly reason: 'timeout' | 'network' | 'oversize';
  /** Node's error code or ours: for the log. */
  readonly code: string;
  /** false: the request cannot have reached anyone. */
  readonly sent: boolean;
  /** The host could not be reached or hung up before a reply: the other host may do better. */
  readonly connection: boolean;
  /** A kept connection turned out to be dead: says nothing about the host. */
  readonly stale: boolean;
}

export type Exchange = { readonly reply: HttpReply } | { readonly fault: HttpFault };
export type Opened = { readonly stream: IncomingMessage } | { readonly fault: HttpFault };

/** One attempt each. Neither ever rejects: a fault is a result. Redirects are replies like any other. */
export interface HttpClient {
  exchange(request: HttpRequest): Promise<Exchange>;
  /** Resolves with the head; the caller reads or destroys the stream. `timeoutMs` ends with the head. */
  open(request: HttpRequest): Promise<Opened>;
  close(): void;
}

const AGENT_OPTIONS = {
  keepAlive: true,
  maxSockets: SOCKETS_MAX,
  maxFreeSockets: FREE_SOCKETS_MAX,
  timeout: FREE_SOCKET_MS,
  scheduling: 'lifo',
} as const;

/** A merchant's own certificate, shown to WeChat where money goes out (API v2). */
export interface ClientIdentity {
  readonly key: string;
  readonly cert: string;
}

export function createHttpClient(identity?: ClientIdentity): HttpClient {
  const agents = {
    'http:': new http.Agent(AGENT_OPTIONS),
    // Said, not left to NODE_TLS_REJECT_UNAUTHORIZED: a reply does not say which request it answers.
    'https:': new https.Agent({ ...AGENT_OPTIONS, ...identity, rejectUnauthorized: true }),
  };

  function open(request: HttpRequest): Promise<Opened> {
    return new Promise((resolve) => {
      const url = new URL(request.origin);
      const secure = url.protocol === 'https:';
      const agent = agents[secure ? 'https:' : 'http:'];
      const req = (secure ? https : http).request({
        hostname: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
        method: request.method,
        path: request.path,
        headers: request.headers,
        agent: request.fresh ? false : agent,
      });
      const watch = watchConnection(req, secure, request.timeoutMs);
      req.on('response', (stream) => {
        watch.stop();
        resolve({ stream });
      });
      req.on('error', (error: NodeJS.ErrnoException) => {
        watch.stop();
        resolve({ fault: faultOf(error, watch.connected(), req.reusedSocket) });
      });
      req.end(request.body);
    });
  }

  return {
    open,
    async exchange(request) {
      const startedMs = performance.now();
      const opened = await open(request);
      if ('fault' in opened) return opened;
      return readAll(opened.stream, request.timeoutMs - (performance.now() - startedMs));
    },
    close() {
      agents['http:'].destroy();
      agents['https:'].destroy();
    },
  };
}

class AttemptTimeout extends Error {
  readonly code: string;
  constructor(code: 'ATTEMPT_TIMEOUT' | 'CONNECT_TIMEOUT') {
    super(code);
    this.code = code;
  }
}

/** Knows whether the request can have left, and ends it when connecting or answering takes too long. */
function watchConnection(
  req: ClientRequest,
  secure: boolean,
  timeoutMs: number,
): { connected(): boolean; stop(): void } {
  let connected = false;
  let connectTimer: NodeJS.Timeout | undefined;
  const giveUp = (code: 'ATTEMPT_TIMEOUT' | 'CONNECT_TIMEOUT') => () =>
    req.destroy(new AttemptTimeout(code));
  const attemptTimer = setTimeout(giveUp('ATTEMPT_TIMEOUT'), Math.max(1, timeoutMs));
  req.on('socket', (socket) => {
    if (!socket.connecting) {
      connected = true;
      return;
    }
    connectTimer = setTimeout(giveUp('CONNECT_TIMEOUT'), CONNECT_MS);
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      connected = true;
      clearTimeout(connectTimer);
    });
  });
  return {
    connected: () => connected,
    stop() {
      clearTimeout(attemptTimer);
      clearTimeout(connectTimer);
    },
  };
}

function faultOf(error: NodeJS.ErrnoException, sent: boolean, reused: boolean): HttpFault {
  const code = error.code ?? error.name;
  const late = code === 'ATTEMPT_TIMEOUT';
  const timeout = late || code === 'CONNECT_TIMEOUT';
  return {
    reason: timeout ? 'timeout' : 'network',
    code,
    sent,
    connection: !late || !sent,
    stale: reused && !timeout,
  };
}

/** The whole body, or why it is not whole. A connection that breaks here has been answered, in part. */
function readAll(stream: IncomingMessage, timeoutMs: number): Promise<Exchange> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (result: Exchange): void => {
      clearTimeout(timer);
      resolve(result);
    };
    const fail = (reason: HttpFault['reason'], code: string): void => {
      settle({ fault: { reason, code, sent: true, connection: false, stale: false } });
      stream.destroy();
    };
    const timer = setTimeout(
      () => {
        fail('timeout', 'ATTEMPT_TIMEOUT');
      },
      Math.max(1, timeoutMs),
    );
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > RESPONSE_BYTES_MAX) fail('oversize', 'RESPONSE_TOO_LARGE');
      else chunks.push(chunk);
    });
    stream.on('error', (error: NodeJS.ErrnoException) => {
      fail('network', error.code ?? 'RESPONSE_BROKEN');
    });
    stream.on('close', () => {
      if (!stream.complete) fail('network', 'RESPONSE_TRUNCATED');
    });
    stream.on('end', () => {
      if (!stream.complete) return;
      const { statusCode, headers } = stream;
      settle({ reply: { status: statusCode ?? 0, headers, raw: Buffer.concat(chunks) } });
    });
  });
}
