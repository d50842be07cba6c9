/** `/console`: the operator's page. Static files and a policy of its own; what it shows comes from the API, by key. */
import { guardEnabled } from './access';
import type { ConsoleFiles } from './appDeps';
import { readyOf, type Exchange } from './exchange';
import { get, type Endpoint } from './pipeline';
import { NotFoundError } from '../utils/errors';

/** Nothing from other origins, nothing inline, and no form that a browser could send by itself. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
};
/** A name without a path: it can only mean a file of this folder. */
const ASSET = /^[\w-]+(\.[\w-]+)*\.(js|css)$/;

export function consoleEndpoints(files: ConsoleFiles | undefined): Endpoint[] {
  if (files === undefined) return [];
  return [
    // Relative, so that a base path and `/m/<key>` stay in front.
    get('/console', (exchange) => {
      readyForConsole(exchange);
      exchange.res.writeHead(308, { location: 'console/' });
      exchange.res.end();
    }),
    get('/console/', (exchange) => send(files, exchange, 'index.html')),
    get('/console/assets/:file', (exchange, { params }) => {
      const name = String(params['file']);
      if (!ASSET.test(name)) throw new NotFoundError('ROUTE_NOT_FOUND');
      return send(files, exchange, `assets/${name}`);
    }),
  ];
}

/** Without a key nobody could sign in: the answer says how to set one. */
const readyForConsole = (exchange: Exchange): void => {
  guardEnabled('operatorKey', readyOf(exchange).operators);
};

async function send(files: ConsoleFiles, exchange: Exchange, name: string): Promise<void> {
  readyForConsole(exchange);
  const bytes = await files(name);
  if (bytes === undefined) throw new NotFoundError('ROUTE_NOT_FOUND');
  const isPage = name === 'index.html';
  exchange.res.writeHead(200, {
    'content-type': TYPES[name.slice(name.lastIndexOf('.') + 1)],
    'content-length': bytes.length,
    'content-security-policy': POLICY,
    // A file's name changes with its content; the page that names it does not.
    'cache-control': isPage ? 'no-store' : 'public, max-age=31536000, immutable',
  });
  exchange.res.end(bytes);
}
