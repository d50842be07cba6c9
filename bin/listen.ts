/** The server under the app: its bounds, the shortcut for hot paths, and how it ends on SIGTERM. */
import { createServer, type Server } from 'node:http';
import type { Service } from './assemble';
import { boundConnections } from './connections';
import { listenerOf } from '../app';

const REQUEST_TIMEOUT_MS = 15_000;
const HEADERS_TIMEOUT_MS = 10_000;
const HEADERS_MAX_BYTES = 16 * 1024;
const DRAIN_MAX_MS = 9_000;

/** Listens with bounds on slow and large requests. Keep-alive outlasts the gateways' own. */
export function listenOn(service: Service, host = '0.0.0.0'): Promise<Server> {
  const server: Server = createServer(
    {
      maxHeaderSize: HEADERS_MAX_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 2_000,
    },
    listenerOf(service.app, () => !server.listening),
  );
  boundConnections(server);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(service.listen.port, host, () => {
      resolve(server);
    });
  });
}

/** Ends in order: no new connections, requests under way finish, then everything is closed. */
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
