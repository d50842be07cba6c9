/** One request while it is handled: its id, its headers, the form of its answer, and how it fails. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { AppDeps, Ready } from './appDeps';
import type { MerchantStatus } from '../controllers/statusController';
import { merchantPath } from './merchantPath';
import { corsHeaders } from '../utils/cors';
import { AppError, ConfigError, InvariantError, ValidationError } from '../utils/errors';
import type { Logger } from '../utils/logger';
import { createRequestIds } from '../utils/requestId';
import {
  JSON_ACKNOWLEDGEMENT,
  sendError,
  sendNotRecorded,
  type Acknowledgement,
} from '../utils/respond';

export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly requestId: string;
  /** Written with the answer. */
  readonly headers: string[];
  /** What follows `/m/<key>`, or all of it. */
  readonly url: string;
  /** The merchant that the path names, or the body of an old dispatch; undefined = the environment's own. */
  merchant: string | undefined;
  /** Who serves it. */
  ready: Ready | ConfigError;
  status: MerchantStatus;
  voice: 'api' | 'notify';
  bytes: Buffer;
}

/** Request id, safe headers, CORS and metrics; answers an OPTIONS at once (then undefined). */
export type Open = (req: IncomingMessage, res: ServerResponse) => Exchange | undefined;

const NOTHING = Buffer.alloc(0);
const SAFE_HEADERS = [
  ...['Cache-Control', 'no-store'],
  ...['X-Content-Type-Options', 'nosniff'],
  ...['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ...['Referrer-Policy', 'no-referrer'],
];

/** @param names  paths that metrics may name. */
export function createExchangeOpener(deps: AppDeps, names: ReadonlySet<string>): Open {
  const nextId = createRequestIds();
  const { corsAllowOrigin, basePath } = deps.listen;
  return (req, res) => {
    const requestId = nextId();
    const headers = ['X-Request-Id', requestId, ...SAFE_HEADERS];
    const cors = corsHeaders(corsAllowOrigin, req.headers.origin);
    for (const [name, value] of cors) headers.push(name, value);
    if (req.method === 'OPTIONS') {
      res.writeHead(204, headers);
      res.end();
      return undefined;
    }
    const started = performance.now();
    const { method } = req;
    const addressee = addresseeOf(deps, req.url ?? '/');
    const { url } = addressee;
    const exchange: Exchange = {
      req,
      res,
      requestId,
      headers,
      ...addressee,
      voice: 'api',
      bytes: NOTHING,
    };
    res.on('finish', () => {
      const ms = performance.now() - started;
      // An old dispatch names its merchant only in its body.
      const { merchant } = exchange;
      deps.metrics
        .of(merchant)
        .observe(routeName(pathOf(url, basePath), names), res.statusCode, ms);
      const fields = { requestId, method, status: res.statusCode, ms, ...namedOf(merchant) };
      deps.logger.debug(fields, 'request');
      deps.afterRequest?.(merchant);
    });
    return exchange;
  };
}

/** A path below an unknown merchant is an unknown path of the environment's own. */
function addresseeOf(
  deps: AppDeps,
  url: string,
): Pick<Exchange, 'merchant' | 'url' | 'ready' | 'status'> {
  const path = merchantPath(url, deps.listen.basePath);
  const served = path === undefined ? undefined : deps.merchant?.(path.key);
  if (path === undefined || served === undefined) {
    return { merchant: undefined, url, ready: deps.ready, status: deps.status };
  }
  return { merchant: path.key, url: path.rest, ...served };
}

/** For logs: of a further merchant alone. */
export const namedOf = (merchant: string | undefined): { readonly merchant?: string } =>
  merchant === undefined ? {} : { merchant };

/** The path of a request, without query and `basePath`. */
function pathOf(url: string, basePath: string): string {
  const end = url.indexOf('?');
  const path = end < 0 ? url : url.slice(0, end);
  if (basePath === '' || !path.startsWith(basePath)) return path;
  const inner = path.slice(basePath.length);
  return inner === '' ? '/' : inner.startsWith('/') ? inner : path;
}

/** A bounded set of names for metrics: never a caller's own text. */
function routeName(path: string, names: ReadonlySet<string>): string {
  if (names.has(path)) return path;
  return path.startsWith('/wx-pay/records') ? '/wx-pay/records' : 'other';
}

/** @throws ConfigError: settings are missing or damaged. */
export function readyOf({ ready }: Exchange): Ready {
  if (ready instanceof ConfigError) throw ready;
  return ready;
}

/** For callers that have only `res`. */
export function setHeaders({ res, headers }: Exchange): void {
  for (let i = 0; i < headers.length; i += 2) res.setHeader(headers[i] ?? '', headers[i + 1] ?? '');
  headers.length = 0;
}

/** Translates Express's own refusals (a path that cannot be decoded); anything else is a bug. */
function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const status = (error as { status?: unknown } | null)?.status;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new ValidationError('BODY_INVALID', { cause: error });
  }
  const broken = new InvariantError('unexpected');
  broken.cause = error;
  return broken;
}

const acknowledgementOf = ({ ready, bytes }: Exchange): Acknowledgement =>
  ready instanceof ConfigError ? JSON_ACKNOWLEDGEMENT : ready.notify.acknowledgement(bytes);

/** The one place where a failure becomes an answer. */
export function fail(logger: Logger, thrown: unknown, exchange: Exchange): void {
  const { req, res, requestId, headers, merchant } = exchange;
  const error = asAppError(thrown);
  const fields = { requestId, error: error.code, status: error.status, ...namedOf(merchant) };
  // A limit that is reached is not a fault: a flood must not fill the error log as well.
  const fault = error.status >= 500 && error.code !== 'OVERLOADED';
  if (fault && !(error instanceof ConfigError)) {
    const alarm = error.code === 'INVARIANT_BROKEN';
    logger.error({ ...fields, err: error.cause ?? error, alarm }, 'failed');
  } else logger.info(fields, 'refused');
  if (res.headersSent) {
    res.destroy();
    return;
  }
  // The unread rest of a refused body must not be read as the next request.
  if (!req.complete) headers.push('connection', 'close');
  if (exchange.voice === 'notify') {
    sendNotRecorded(res, acknowledgementOf(exchange), error, headers);
  } else sendError(res, error, requestId, headers);
}
