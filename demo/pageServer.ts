/**
 * Serves the page on a free loopback port: three files, one stream of events, one way to act. It holds the
 * operator's key on this side; what goes to the page has no key, no signature and no whole openid.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ActError, openPlayground, type Playground } from './playground';
import { asJson } from './wording';
import type { DemoEvent, Told } from './types';

export interface Page {
  readonly url: string;
  close(): Promise<void>;
}

const BODY_MAX = 4096;
const LIVE_MAX = 600;

const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
};

const SAFE = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

async function bodyOf(req: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const part of req as AsyncIterable<Buffer>) {
    text += part.toString('utf8');
    if (text.length > BODY_MAX) throw new ActError('body too large');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new ActError('JSON expected');
  }
}

function sendJson(res: ServerResponse, status: number, value: unknown): void {
  res.writeHead(status, { ...SAFE, 'content-type': 'application/json; charset=utf-8' });
  res.end(JSON.stringify(value));
}

/** Those who watch: each gets everything so far, then what happens. */
class Watchers {
  private readonly open = new Set<ServerResponse>();

  add(res: ServerResponse, first: unknown): void {
    res.writeHead(200, { ...SAFE, 'content-type': 'text/event-stream' });
    this.open.add(res);
    res.on('close', () => this.open.delete(res));
    this.write(res, first);
  }

  send(value: unknown): void {
    for (const res of this.open) this.write(res, value);
  }

  end(): void {
    for (const res of this.open) res.end();
  }

  private write(res: ServerResponse, value: unknown): void {
    res.write(`data: ${JSON.stringify(value)}\n\n`);
  }
}

/** A page elsewhere must not act here: neither by another name for this address, nor from another origin. */
function ours(req: IncomingMessage, port: number): boolean {
  const hosts = [`127.0.0.1:${String(port)}`, `localhost:${String(port)}`];
  const { host = '', origin } = req.headers;
  if (!hosts.includes(host)) return false;
  return origin === undefined || hosts.some((one) => origin === `http://${one}`);
}

interface PageState {
  readonly playground: Playground;
  readonly watchers: Watchers;
  readonly first: () => Promise<unknown>;
  readonly refresh: () => Promise<void>;
}

async function serve(page: PageState, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const path = new URL(req.url ?? '/', 'http://page').pathname;
  if (req.method === 'GET' && path === '/events') {
    page.watchers.add(res, await page.first());
    return;
  }
  const [file, type] = (req.method === 'GET' ? FILES[path] : undefined) ?? [];
  if (file !== undefined) {
    res.writeHead(200, { ...SAFE, 'content-type': type });
    res.end(await readFile(join(__dirname, file)));
    return;
  }
  if (req.method === 'POST' && path.startsWith('/act/')) {
    if (req.headers['content-type'] !== 'application/json') throw new ActError('JSON expected');
    await page.playground.act(path.slice('/act/'.length), asJson(await bodyOf(req)));
    await page.refresh();
    sendJson(res, 200, {});
    return;
  }
  sendJson(res, 404, { error: 'no such page' });
}

function listen(handler: (port: number, req: IncomingMessage, res: ServerResponse) => void) {
  const server = createServer((req, res) => {
    handler((server.address() as AddressInfo).port, req, res);
  });
  return new Promise<typeof server>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      resolve(server);
    });
  });
}

/** @param o.timeline  what the run told, shown on the page's second tab. */
export async function openPage(o: { readonly timeline: readonly Told[] }): Promise<Page> {
  const watchers = new Watchers();
  const live: Told[] = [];
  let n = 0;
  const tell = (event: DemoEvent, atMs: number): void => {
    const told: Told = { ...event, n, atMs };
    n += 1;
    live.push(told);
    if (live.length > LIVE_MAX) live.shift();
    watchers.send({ told });
  };
  const state = async () => ({ items: await playground.items(), nowMs: playground.now() });
  const refresh = async (): Promise<void> => {
    watchers.send(await state());
  };
  const playground = await openPlayground(tell, () => void refresh().catch(() => undefined));
  const first = async () => ({ ...(await state()), run: o.timeline, live });
  const page: PageState = { playground, watchers, first, refresh };
  const server = await listen((port, req, res) => {
    if (!ours(req, port)) {
      sendJson(res, 403, { error: 'this page is for this machine alone' });
      return;
    }
    serve(page, req, res).then(undefined, (error: unknown) => {
      if (res.headersSent) res.destroy();
      else if (error instanceof ActError) sendJson(res, 400, { error: error.message });
      else sendJson(res, 500, { error: 'unexpected' });
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}/`,
    async close() {
      watchers.end();
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      await playground.close();
    },
  };
}
