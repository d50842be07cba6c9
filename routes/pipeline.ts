/** The steps of every API request, in this order: identity, access, body, answer. */
import { authorize, guardEnabled } from './access';
import type { AppDeps } from './appDeps';
import { audited } from './audit';
import { readyOf, setHeaders, type Exchange } from './exchange';
import type { RouteSpec } from './route';
import type { Call, Reply } from '../controllers/types';
import { requireAbility } from '../services/strategies/strategy';
import { isJsonType, parseJsonObject } from '../utils/body';
import { ConfigError, ValidationError } from '../utils/errors';
import type { Logger } from '../utils/logger';
import { normalizeInput } from '../utils/normalizeInput';
import { readBody, type BodyBudget } from '../utils/readBody';
import { sendSuccess } from '../utils/respond';
import { emptySchema } from '../utils/schemas/recordSchemas';
import type { Json } from '../utils/json';

/** What handlers work with: the parts of the app, and how many bytes of bodies are held now. */
export type Context = AppDeps & { readonly budget: BodyBudget };

/** What Express found in the URL. */
export interface Match {
  readonly params: Json;
  readonly query: Json;
}

/** One endpoint, as it is mounted on a router. */
export interface Endpoint {
  readonly method: 'GET' | 'POST';
  /** Below `basePath`; a `:name` is a parameter. */
  readonly path: string;
  readonly handle: (exchange: Exchange, match?: Match) => Promise<void>;
}

export interface Input extends Match {
  readonly body: Json;
  /** By `POST /`, where headers of the gateway prove no identity. */
  readonly oldDispatch?: boolean;
}

export const API_BYTES_MAX = 64 * 1024;
const NO_MATCH: Match = { params: {}, query: {} };

export const payEndpoint = (context: Context, spec: RouteSpec): Endpoint => ({
  method: spec.method,
  path: `/wx-pay/${spec.name}`,
  async handle(exchange, { params, query } = NO_MATCH) {
    const body = spec.method === 'POST' ? await readJson(context, exchange) : {};
    await serve(context, spec, { body, params, query }, exchange);
  },
});

/** A page or a status: it writes its own answer. */
export const get = (
  path: string,
  answer: (exchange: Exchange, match: Match) => Promise<void> | void,
): Endpoint => ({
  method: 'GET',
  path,
  async handle(exchange, match = NO_MATCH) {
    setHeaders(exchange);
    await answer(exchange, match);
  },
});

/** Checks identity, access and body, and runs a route. */
export async function serve(
  context: Context,
  spec: RouteSpec,
  input: Input,
  exchange: Exchange,
): Promise<void> {
  const ready = readyOf(exchange);
  const { identity, operators, validate, controllers, underWay, ours } = ready;
  guardEnabled(spec.access, operators);
  const caller = await identity.identify(exchange.req.headers, input.oldDispatch === true);
  authorize(spec, caller);
  if (spec.needs !== undefined) requireAbility(ready, spec.needs);
  const isPayer = caller.role === 'payer';
  const schema = isPayer && spec.payerBody !== undefined ? spec.payerBody : spec.body;
  const checked =
    spec.method === 'GET' ? input.query : normalizeInput(input.body, ours, spec.notify);
  validate(schema)(checked);
  validate(spec.params ?? emptySchema)(input.params);
  const body = spec.params === undefined ? checked : { ...checked, ...input.params };
  const run = spec.handle(controllers);
  // The types of both were joined by `route`, and are checked now.
  const call = { caller, body } as Call;
  const { logger } = context;
  const act = (): Promise<Reply> => underWay.run(caller, () => run(call));
  answer(logger, exchange, await audited({ logger, spec, caller, body }, exchange, act));
}

export async function receive(
  { budget }: Context,
  exchange: Exchange,
  limitBytes: number,
): Promise<void> {
  exchange.bytes = await readBody(exchange.req, limitBytes, budget);
}

/** The body as an object; a body that was not sent is empty, whatever its type. */
async function readJson(context: Context, exchange: Exchange): Promise<Json> {
  await receive(context, exchange, API_BYTES_MAX);
  // Settings come first: a half-configured service tells every caller what is missing.
  readyOf(exchange);
  if (exchange.bytes.length > 0) requireJson(exchange);
  return parseJsonObject(exchange.bytes);
}

export function requireJson({ req }: Exchange): void {
  if (!isJsonType(req.headers['content-type'])) {
    throw new ValidationError('CONTENT_TYPE_UNSUPPORTED');
  }
}

/** true for a valid X-API-Key, of any scope, of the merchant as a whole. @throws AuthError for another key. Nobody else is identified. */
export async function holdsKey({ req: { headers }, ready }: Exchange): Promise<boolean> {
  if (headers['x-api-key'] === undefined || ready instanceof ConfigError) return false;
  const caller = await ready.identity.identify(headers, false);
  return caller.role === 'operator' && caller.sub_mchid === undefined;
}

function answer(logger: Logger, { res, requestId, headers }: Exchange, reply: Reply): void {
  if ('data' in reply) {
    sendSuccess(res, reply.status, reply.data, headers);
    return;
  }
  res.writeHead(200, [...headers, ...Object.entries(reply.headers).flat()]);
  reply.stream.on('error', (error) => {
    logger.error({ err: error, requestId }, 'stream broken');
    // Half a bill must not look complete: the connection is destroyed, not ended.
    res.destroy();
  });
  res.on('close', () => (reply.stream as unknown as { destroy?: () => void }).destroy?.());
  reply.stream.pipe(res);
}
