/** The service as an Express app: every route works through it, also mounted below a prefix of another app. */
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { AppDeps } from './routes/appDeps';
import { createDispatcher, type Dispatcher } from './routes/dispatcher';
import type { Exchange } from './routes/exchange';
import type { Endpoint } from './routes/pipeline';
import { NotFoundError } from './utils/errors';

export type { AppDeps, Ready } from './routes/appDeps';

/** In `res.locals`, which an app around ours shares with us. */
const EXCHANGE = Symbol('exchange');

const exchangeOf = (res: Response): Exchange =>
  (res.locals as Record<typeof EXCHANGE, Exchange>)[EXCHANGE];

export function createApp(deps: AppDeps): Express {
  const dispatcher = createDispatcher(deps);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.locals['dispatcher'] = dispatcher;
  app.use((req: Request, res: Response, next: NextFunction) => {
    const exchange = dispatcher.open(req, res);
    if (exchange === undefined) return;
    (res.locals as Record<typeof EXCHANGE, Exchange>)[EXCHANGE] = exchange;
    req.url = exchange.url;
    next();
  });
  const router = routerOf(dispatcher.endpoints);
  // Gateways may or may not pass on their prefix: both forms are accepted.
  if (deps.listen.basePath !== '') app.use(deps.listen.basePath, router);
  app.use(router);
  app.use(async (req: Request, res: Response) => {
    if (req.method !== 'POST') throw new NotFoundError('ROUTE_NOT_FOUND');
    await dispatcher.receiveOnUnknownPath(exchangeOf(res));
  });
  app.use((thrown: unknown, _req: Request, res: Response, _next: NextFunction) => {
    dispatcher.fail(thrown, exchangeOf(res));
  });
  return app;
}

/** For the server under the app. */
export const dispatcherOf = (app: Express): Dispatcher => app.locals['dispatcher'] as Dispatcher;

function routerOf(endpoints: readonly Endpoint[]): express.Router {
  const router = express.Router({ caseSensitive: true, strict: true });
  for (const { method, path, handle } of endpoints) {
    const verb = method === 'GET' ? 'get' : 'post';
    router[verb](path, (req: Request, res: Response) =>
      handle(exchangeOf(res), { params: { ...req.params }, query: { ...req.query } }),
    );
  }
  return router;
}
