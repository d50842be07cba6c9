/**
 * Limits how many connections are open at once. A stranger who opens many and sends little must not lock others out:
 * shortly before the limit, each new connection closes the one that has kept us waiting the longest.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export const CONNECTIONS_MAX = 1024;
/** This share of the limit is a reserve: when the rest is used up, a new connection replaces another. */
const SPARE = 1 / 16;

/** What is under way on a connection; undefined while we wait for its peer: for headers, a body, the next request. */
type UnderWay = ServerResponse | undefined;

export function boundConnections(server: Server, max = CONNECTIONS_MAX): void {
  // In the order of their last change: the first waiting one has waited the longest.
  const open = new Map<Socket, UnderWay>();
  const change = (socket: Socket, underWay: UnderWay): void => {
    if (open.delete(socket)) open.set(socket, underWay);
  };
  const closeFrom = max - Math.ceil(max * SPARE);
  server.maxConnections = max;
  server.on('connection', (socket) => {
    if (open.size >= closeFrom) closeIdlest(open);
    open.set(socket, undefined);
    socket.once('close', () => open.delete(socket));
  });
  server.on('request', (req, res) => {
    const { socket } = req;
    const received = (): void => {
      change(socket, res);
    };
    if (hasBody(req)) req.once('end', received);
    else received();
    res.once('close', () => {
      change(socket, undefined);
    });
  });
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;

/** First clients that keep us waiting, then those that read their answer slowly. Never a request in progress. */
function closeIdlest(open: Map<Socket, UnderWay>): void {
  const all = [...open];
  const idlest =
    all.find(([, underWay]) => underWay === undefined) ??
    all.find(([, underWay]) => underWay?.headersSent === true);
  if (idlest === undefined) return;
  open.delete(idlest[0]);
  idlest[0].destroy();
}
