/**
 * `POST /`: the old dispatch by `_action` or `path`, or a notification as Integration Center forwards it. Access is
 * decided in the same place as for every other request.
 */
import type { Exchange } from './exchange';
import { isNotification, notified } from './notifyRoutes';
import { API_BYTES_MAX, receive, requireJson, serve } from './pipeline';
import type { Context, Endpoint } from './pipeline';
import { PAY_ROUTES } from './payRoutes';
import type { RouteSpec } from './route';
import { notificationBytesMax } from '../services/strategies/notification';
import { parseJsonObject } from '../utils/body';
import { NotFoundError, ValidationError } from '../utils/errors';
import type { Json } from '../utils/json';

/** The route a body asks for, and the body that this route gets. */
interface Dispatch {
  /** undefined: not a text, or not a route of `/wx-pay/`. Whether the route exists is not checked here. */
  readonly name: string | undefined;
  /** `/m/<key>` stands before it. */
  readonly merchant?: string | undefined;
  readonly body: Json;
}

const PREFIX = '/wx-pay/';
/** Before the last `/wx-pay/`, as `afterPrefix` looks for it. */
const MERCHANT = /(?:^|\/)m\/([^/]*)\/wx-pay\/[^/]*$/;

const POST_BY_NAME: ReadonlyMap<string, RouteSpec> = new Map(
  PAY_ROUTES.filter((r) => r.method === 'POST' && !r.name.includes(':')).map((r) => [r.name, r]),
);

export const oldDispatchEndpoint = (context: Context): Endpoint => ({
  method: 'POST',
  path: '/',
  async handle(exchange) {
    await receive(context, exchange, notificationBytesMax(exchange.req.headers));
    await dispatch(context, exchange);
  },
});

async function dispatch(context: Context, exchange: Exchange): Promise<void> {
  const parsed = parseJsonObject(exchange.bytes);
  const asked = readDispatch(parsed);
  if (asked === undefined) {
    if (!isNotification(parsed)) throw new NotFoundError('ROUTE_NOT_FOUND');
    return notified(exchange, { body: parsed });
  }
  const spec = asked.name === undefined ? undefined : POST_BY_NAME.get(asked.name);
  if (spec === undefined) throw new ValidationError('PARAM_INVALID', { detail: '_action | path' });
  if (exchange.bytes.length > API_BYTES_MAX) throw new ValidationError('BODY_TOO_LARGE');
  requireJson(exchange);
  const input = { body: asked.body, params: {}, query: {}, oldDispatch: true };
  address(context, exchange, asked.merchant);
  await serve(context, spec, input, exchange);
}

/** A body may name a merchant if the path does not; then that merchant's keys decide, and the request counts as his. */
function address(context: Context, exchange: Exchange, merchant: string | undefined): void {
  if (merchant === undefined || merchant === exchange.merchant) return;
  const served = exchange.merchant === undefined ? context.merchant?.(merchant) : undefined;
  if (served === undefined) throw new NotFoundError('ROUTE_NOT_FOUND');
  Object.assign(exchange, { merchant, ...served });
}

/** @returns undefined for a body that names no route at all. */
function readDispatch(parsed: Json): Dispatch | undefined {
  const { _action: action, path } = parsed;
  if (action !== undefined) {
    const { _action: _used, ...body } = parsed;
    // A `path` beside it stays in the body: the schema refuses it, for it might name another route.
    return { name: afterPrefix(action, 'start'), body };
  }
  if (path === undefined) return undefined;
  const { path: _used, method: _method, ...body } = parsed;
  const merchant = typeof path === 'string' ? MERCHANT.exec(path)?.[1] : undefined;
  return { name: afterPrefix(path, 'anywhere'), merchant, body };
}

/** The name behind `/wx-pay/`. An `_action` may also be the bare name; a `path` may have a prefix before. */
function afterPrefix(value: unknown, where: 'start' | 'anywhere'): string | undefined {
  if (typeof value !== 'string') return undefined;
  if (where === 'start') return value.startsWith(PREFIX) ? value.slice(PREFIX.length) : value;
  const at = value.lastIndexOf(PREFIX);
  return at < 0 ? undefined : value.slice(at + PREFIX.length);
}
