/** The server under the app: its bounds, the shortcut for hot paths, and how it ends on SIGTERM. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Express } from 'express';
import type { Service } from './assemble';
import { boundConnections } from './connections';
import { dispatcherOf } from '../app';
import type { Endpoint } from '../routes/pipeline';

const REQUEST_TIMEOUT_MS = 15_000;
const HEADERS_TIMEOUT_MS = 10_000;
const HEADERS_MAX_BYTES = 16 * 1024;
const DRAIN_MAX_MS = 9_000;

/** Listens, with limits on slow and large requests. Our keep-alive is longer than that of the gateways. */
export function listenOn(service: Service, host = '0.0.0.0'): Promise<Server> {
  const answer = shortcut(service.app, service.listen.basePath);
  const { refuse } = dispatcherOf(service.app);
  const server: Server = createServer(
    {
      maxHeaderSize: HEADERS_MAX_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 2_000,
    },
    (req, res) => {
      // While we stop, requests on open connections are refused.
      if (server.listening) answer(req, res);
      else refuse(req, res);
    },
  );
  boundConnections(server);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(service.listen.port, host, () => {
      resolve(server);
    });
  });
}

/**
 * Handles the POSTs of the table by their exact URL, without Express's layers, which took a fifth of their time
 * (docs/performance.md). It is only faster: Express answers all of them in the same way.
 */
function shortcut(app: Express, basePath: string): RequestListener {
  const { endpoints, prefixes, run } = dispatcherOf(app);
  const posts = new Map<string, Endpoint>();
  for (const endpoint of endpoints) {
    const { method, path } = endpoint;
    if (method !== 'POST' || path.includes(':')) continue;
    for (const prefix of prefixes) {
      posts.set(prefix + path, endpoint).set(basePath + prefix + path, endpoint);
    }
  }
  return (req, res) => {
    const endpoint = req.method === 'POST' ? posts.get(req.url ?? '') : undefined;
    if (endpoint === undefined) app(req, res);
    else void run(endpoint, req, res);
  };
}

/** Orderly end: no new connections, requests in progress finish, then everything is closed. */
export async function shutDown(server: Server, service: Service): Promise<void> {
  service.halt();
  const done = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  server.closeIdleConnections();
  const idle = setInterval(() => {
    server.closeIdleConnections();
  }, 50);
  const late = setTimeout(() => {
    server.closeAllConnections();
  }, DRAIN_MAX_MS);
  await done;
  clearInterval(idle);
  clearTimeout(late);
  await service.close();
}
