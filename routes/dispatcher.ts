/**
 * The desk: every POST of this surface, found by its exact path. Orders and callbacks are answered here without
 * walking Express's layers, which took a fifth of their time (docs/performance.md); all else is Express's.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { authorize, guardEnabled, type OperatorSettings } from './access';
import { NOTIFY_ROUTES } from './notifyRoutes';
import { isNotification, readDispatch } from './oldDispatch';
import { PAY_ROUTES, type Controllers, type RouteSpec } from './payRoutes';
import type { ListenConfig } from '../config/types';
import type { NotifyController } from '../controllers/notifyController';
import type { StatusController } from '../controllers/statusController';
import type { Reply } from '../controllers/types';
import type { Identity } from '../services/access/identity';
import { notificationBytesMax } from '../services/strategies/notification';
import type { RequestsUnderWay } from '../services/access/requestsUnderWay';
import type { NotificationKind } from '../services/strategies/strategy';
import { isJsonType, parseJsonObject } from '../utils/body';
import { corsHeaders } from '../utils/cors';
import {
  AppError,
  ConfigError,
  InvariantError,
  NotFoundError,
  ValidationError,
} from '../utils/errors';
import type { Logger } from '../utils/logger';
import type { Metrics } from '../utils/metrics';
import { normalizeInput, type Ours } from '../utils/normalizeInput';
import { readBody, type BodyBudget } from '../utils/readBody';
import { createRequestIds } from '../utils/requestId';
import {
  JSON_ACKNOWLEDGEMENT,
  sendError,
  sendNotRecorded,
  sendNotified,
  sendSuccess,
  type Acknowledgement,
} from '../utils/respond';
import { emptySchema } from '../utils/schemas/recordSchemas';
import type { Validate } from '../utils/validate';

type Json = Readonly<Record<string, unknown>>;

/** Everything that works only with whole settings. */
export interface Ready {
  readonly identity: Identity;
  readonly controllers: Controllers;
  readonly notify: NotifyController;
  readonly operators: OperatorSettings;
  readonly underWay: RequestsUnderWay;
  readonly validate: Validate;
  readonly ours: Ours;
}

export interface AppDeps {
  readonly listen: ListenConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly status: StatusController;
  /** A ConfigError instead: the process listens all the same, and says what is missing. */
  readonly ready: Ready | ConfigError;
  /** After an answered request: where no timer runs, the moment to look after what is due. */
  readonly afterRequest?: () => void;
}

/** One request on its way through: what was read of it, and in which voice it is answered. */
export interface Visit {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly requestId: string;
  /** To be written with the answer. */
  readonly headers: string[];
  voice: 'api' | 'notify';
  /** How a notification is answered; as the strategy says, once there is one. */
  acknowledgement: Acknowledgement;
  bytes: Buffer;
}

export type Handler = (visit: Visit) => Promise<void>;

export interface Input {
  readonly body: Json;
  readonly params: Json;
  readonly query: Json;
}

export interface Desk {
  /** The handler of a POST that is ours, by its exact path, with or without `basePath`. */
  find(req: IncomingMessage): Handler | undefined;
  /** Request id, safe headers, CORS and the clock; answers an OPTIONS at once (then undefined). */
  open(req: IncomingMessage, res: ServerResponse): Visit | undefined;
  /** Opens a visit, runs its handler, answers its failure. */
  run(handler: Handler, req: IncomingMessage, res: ServerResponse): Promise<void>;
  /** Checks who, whether and what, and runs a route. */
  serve(spec: RouteSpec, input: Input, visit: Visit, oldDispatch: boolean): Promise<void>;
  /**
   * A POST to a path that is not ours: a notification that reaches us there is read like one on `/`.
   * @throws NotFoundError ROUTE_NOT_FOUND for any other body.
   */
  receiveStray(visit: Visit): Promise<void>;
  /** true for a valid X-API-Key, of any scope. @throws AuthError for another. Nobody else is asked who he is. */
  holdsKey(req: IncomingMessage): Promise<boolean>;
  /** The body of an API call, read and parsed. */
  readJson(visit: Visit): Promise<Json>;
  fail(thrown: unknown, visit: Visit): void;
  readonly ready: () => Ready;
}

const API_LIMIT = 64 * 1024;
const NOTHING = Buffer.alloc(0);
const SAFE_HEADERS = [
  ...['Cache-Control', 'no-store'],
  ...['X-Content-Type-Options', 'nosniff'],
  ...['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ...['Referrer-Policy', 'no-referrer'],
];

const POST_BY_NAME: ReadonlyMap<string, RouteSpec> = new Map(
  PAY_ROUTES.filter((r) => r.method === 'POST' && !r.name.includes(':')).map((r) => [r.name, r]),
);

/** The path of a request, without query and `basePath`. */
function pathOf(url: string | undefined, basePath: string): string {
  const text = url ?? '/';
  const end = text.indexOf('?');
  const path = end < 0 ? text : text.slice(0, end);
  if (basePath === '' || !path.startsWith(basePath)) return path;
  const inner = path.slice(basePath.length);
  return inner === '' ? '/' : inner.startsWith('/') ? inner : path;
}

/** A bounded set of names for metrics: never a caller's own text. */
function routeOf(inner: string): string {
  if (NAMED_PATHS.has(inner)) return inner;
  return inner.startsWith('/wx-pay/records') ? '/wx-pay/records' : 'other';
}

const NAMED_PATHS = new Set([
  ...Object.keys(NOTIFY_ROUTES).flatMap((path) => [path, `${path}/`]),
  ...[...POST_BY_NAME.keys()].map((name) => `/wx-pay/${name}`),
  ...['/', '/healthz', '/readyz', '/metrics', '/openapi.json', '/docs'],
]);

export function createDesk(deps: AppDeps): Desk {
  const { basePath } = deps.listen;
  const handlers = new Map<string, Handler>();
  const open = createOpening(deps);

  const budget: BodyBudget = { held: 0 };

  async function receive(visit: Visit, limitBytes: number): Promise<void> {
    visit.bytes = await readBody(visit.req, limitBytes, budget);
  }

  function ready(): Ready {
    if (deps.ready instanceof ConfigError) throw deps.ready;
    return deps.ready;
  }

  async function serve(
    spec: RouteSpec,
    input: Input,
    visit: Visit,
    oldDispatch: boolean,
  ): Promise<void> {
    const { identity, operators, validate, controllers, underWay, ours } = ready();
    guardEnabled(spec.access, operators);
    const caller = await identity.identify(visit.req.headers, oldDispatch);
    authorize(spec.access, caller);
    const isPayer = caller.role === 'payer';
    const schema = isPayer && spec.payerSchema !== undefined ? spec.payerSchema : spec.schema;
    const body = normalizeInput(input.body, ours, spec.notify);
    validate(schema)(spec.method === 'GET' ? input.query : body);
    validate(spec.paramsSchema ?? emptySchema)(input.params);
    const run = spec.controller(controllers);
    answer(deps, visit, await underWay.run(caller, () => run({ caller, ...input, body })));
  }

  async function holdsKey({ headers }: IncomingMessage): Promise<boolean> {
    if (headers['x-api-key'] === undefined || deps.ready instanceof ConfigError) return false;
    return (await deps.ready.identity.identify(headers, false)).role === 'operator';
  }

  async function readJson(visit: Visit): Promise<Json> {
    await receive(visit, API_LIMIT);
    // Settings before all else about a request: a half-configured service says what is missing to anyone.
    ready();
    return jsonOf(visit);
  }

  async function notified(
    visit: Visit,
    read: { readonly expected: NotificationKind } | { readonly body: Json },
  ): Promise<void> {
    visit.voice = 'notify';
    const { notify } = ready();
    visit.acknowledgement = notify.acknowledgement;
    await notify.receive({ headers: visit.req.headers, raw: visit.bytes, ...read });
    sendNotified(visit.res, visit.acknowledgement, visit.headers);
  }

  /** `POST /`: the old dispatch by `_action` or `path`, or a notification as Integration Center forwards it. */
  async function dispatch(visit: Visit): Promise<void> {
    const parsed = parseJsonObject(visit.bytes);
    const asked = readDispatch(parsed);
    if (asked === undefined) {
      if (!isNotification(parsed)) throw new NotFoundError('ROUTE_NOT_FOUND');
      return notified(visit, { body: parsed });
    }
    const spec = asked.name === undefined ? undefined : POST_BY_NAME.get(asked.name);
    if (spec === undefined)
      throw new ValidationError('PARAM_INVALID', { detail: '_action | path' });
    if (visit.bytes.length > API_LIMIT) throw new ValidationError('BODY_TOO_LARGE');
    requireJson(visit.req);
    ready();
    await serve(spec, { body: asked.body, params: {}, query: {} }, visit, true);
  }

  async function receiveStray(visit: Visit): Promise<void> {
    await receive(visit, notificationBytesMax(visit.req.headers)).catch(notOurs);
    const body = jsonOrNothing(visit.bytes);
    if (!isNotification(body)) throw new NotFoundError('ROUTE_NOT_FOUND');
    await notified(visit, { body });
  }

  for (const [path, expected] of Object.entries(NOTIFY_ROUTES)) {
    const handler: Handler = async (visit) => {
      visit.voice = 'notify';
      await receive(visit, notificationBytesMax(visit.req.headers));
      await notified(visit, { expected });
    };
    handlers.set(path, handler);
    handlers.set(`${path}/`, handler);
  }
  for (const [name, spec] of POST_BY_NAME) {
    handlers.set(`/wx-pay/${name}`, async (visit) => {
      const body = await readJson(visit);
      await serve(spec, { body, params: {}, query: {} }, visit, false);
    });
  }
  handlers.set('/', async (visit) => {
    await receive(visit, notificationBytesMax(visit.req.headers));
    await dispatch(visit);
  });

  const fail = (thrown: unknown, visit: Visit): void => {
    failed(deps.logger, thrown, visit);
  };

  return {
    find: (req) => (req.method === 'POST' ? handlers.get(pathOf(req.url, basePath)) : undefined),
    open,
    async run(handler, req, res) {
      const visit = open(req, res);
      if (visit === undefined) return;
      try {
        await handler(visit);
      } catch (error) {
        fail(error, visit);
      }
    },
    serve,
    receiveStray,
    holdsKey,
    readJson,
    fail,
    ready,
  };
}

function createOpening(deps: AppDeps): Desk['open'] {
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
    const { method, url } = req;
    res.on('finish', () => {
      const ms = performance.now() - started;
      deps.metrics.observe(routeOf(pathOf(url, basePath)), res.statusCode, ms);
      deps.logger.debug({ requestId, method, status: res.statusCode, ms }, 'request');
      deps.afterRequest?.();
    });
    return {
      req,
      res,
      requestId,
      headers,
      voice: 'api',
      acknowledgement: JSON_ACKNOWLEDGEMENT,
      bytes: NOTHING,
    };
  };
}

function requireJson(req: IncomingMessage): void {
  if (!isJsonType(req.headers['content-type'])) {
    throw new ValidationError('CONTENT_TYPE_UNSUPPORTED');
  }
}

/** The body as an object; one that was not sent is empty, of whatever type. */
function jsonOf(visit: Visit): Json {
  if (visit.bytes.length > 0) requireJson(visit.req);
  return parseJsonObject(visit.bytes);
}

function answer(deps: AppDeps, visit: Visit, reply: Reply): void {
  const { res, requestId, headers } = visit;
  if ('data' in reply) {
    sendSuccess(res, reply.status, reply.data, headers);
    return;
  }
  res.writeHead(200, [...headers, ...Object.entries(reply.headers).flat()]);
  reply.stream.on('error', (error) => {
    deps.logger.error({ err: error, requestId }, 'stream broken');
    // Half a bill must not look like a whole one: the connection is broken, not ended.
    res.destroy();
  });
  res.on('close', () => (reply.stream as unknown as { destroy?: () => void }).destroy?.());
  reply.stream.pipe(res);
}

/**
 * Whatever is wrong with a body sent to an unknown path: the path is what its sender must hear about. Unless a bound
 * of ours was in the way: then it may be a forward, and must come again.
 */
function notOurs(cause: unknown): never {
  if (cause instanceof AppError && cause.retryable) throw cause;
  throw new NotFoundError('ROUTE_NOT_FOUND', { cause });
}

function jsonOrNothing(bytes: Buffer): Json {
  try {
    return parseJsonObject(bytes);
  } catch (cause) {
    return notOurs(cause);
  }
}

/** Express's own refusals (a path that cannot be decoded) in our words; anything else is a bug. */
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

/** The one place where a failure becomes an answer. */
function failed(logger: Logger, thrown: unknown, visit: Visit): void {
  const { req, res, requestId, headers, voice } = visit;
  const error = asAppError(thrown);
  const fields = { requestId, error: error.code, status: error.status };
  // A bound that is reached is no fault: a flood must not fill the error log as well.
  const fault = error.status >= 500 && error.code !== 'OVERLOADED';
  if (fault && !(error instanceof ConfigError)) {
    const alarm = error.code === 'INVARIANT_BROKEN';
    logger.error({ ...fields, err: error.cause ?? error, alarm }, 'failed');
  } else logger.info(fields, 'refused');
  if (res.headersSent) {
    res.destroy();
    return;
  }
  // What was not read of a refused body must not be taken for the next request.
  if (!req.complete) headers.push('connection', 'close');
  if (voice === 'notify') sendNotRecorded(res, visit.acknowledgement, error, headers);
  else sendError(res, error, requestId, headers);
}
