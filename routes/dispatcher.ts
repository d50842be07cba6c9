/** Every path of the service and its handler: Express mounts them, and the shortcut of `bin/listen.ts` may call them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AppDeps } from './appDeps';
import { consoleEndpoints } from './consoleRoutes';
import { createExchangeOpener, fail, type Exchange, type Open } from './exchange';
import { NOTIFY_ROUTES, notifyEndpoints, receiveOnUnknownPath } from './notifyRoutes';
import { oldDispatchEndpoint } from './oldDispatch';
import { payEndpoint, type Context, type Endpoint } from './pipeline';
import { PAY_ROUTES } from './payRoutes';
import { statusEndpoints } from './statusRoutes';
import { AppError } from '../utils/errors';

export interface Dispatcher {
  readonly endpoints: readonly Endpoint[];
  /** In front of their paths: none, and one for each further merchant. */
  readonly prefixes: readonly string[];
  readonly open: Open;
  /** Opens an exchange, runs an endpoint without parameters, answers its failure. */
  readonly run: (endpoint: Endpoint, req: IncomingMessage, res: ServerResponse) => Promise<void>;
  receiveOnUnknownPath(exchange: Exchange): Promise<void>;
  fail(thrown: unknown, exchange: Exchange): void;
  /** Refuses while we shut down: nothing of the request was done, so the caller may send it again. */
  readonly refuse: (req: IncomingMessage, res: ServerResponse) => void;
}

/** Until another instance, or the next process of this one, listens. */
const RETRY_AFTER_SECONDS = 1;

export function createDispatcher(deps: AppDeps): Dispatcher {
  const context: Context = { ...deps, budget: { held: 0 } };
  const endpoints = [
    ...PAY_ROUTES.map((spec) => payEndpoint(context, spec)),
    ...notifyEndpoints(context),
    oldDispatchEndpoint(context),
    ...statusEndpoints(context),
    ...consoleEndpoints(deps.consoleFiles),
  ];
  const named = endpoints.map(({ path }) => path).filter((path) => !path.includes(':'));
  const open = createExchangeOpener(deps, new Set(named));
  const failed = (thrown: unknown, exchange: Exchange): void => {
    fail(deps.logger, thrown, exchange);
  };
  return {
    endpoints,
    prefixes: ['', ...(deps.merchantKeys ?? []).map((key) => `/m/${key}`)],
    open,
    async run(endpoint, req, res) {
      const exchange = open(req, res);
      if (exchange === undefined) return;
      try {
        await endpoint.handle(exchange);
      } catch (error) {
        failed(error, exchange);
      }
    },
    receiveOnUnknownPath: (exchange) => receiveOnUnknownPath(context, exchange),
    fail: failed,
    refuse(req, res) {
      const exchange = open(req, res);
      if (exchange === undefined) return;
      res.setHeader('connection', 'close');
      if (isNotifyPath(req.url)) exchange.voice = 'notify';
      failed(new AppError('SHUTTING_DOWN', { retryAfterSeconds: RETRY_AFTER_SECONDS }), exchange);
    },
  };
}

const NOTIFY_PATHS = Object.keys(NOTIFY_ROUTES).flatMap((path) => [path, `${path}/`]);

function isNotifyPath(url = ''): boolean {
  const path = url.split('?', 1)[0] ?? '';
  return NOTIFY_PATHS.some((end) => path.endsWith(end));
}
