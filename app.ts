/** The house's front door: order of checks, routes, and what happens to a request that is nobody's. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { authorize, guardEnabled } from './routes/access';
import { createDesk, type AppDeps, type Desk, type Visit } from './routes/dispatcher';
import { NOTIFY_ROUTES } from './routes/notifyRoutes';
import { PAY_ROUTES } from './routes/payRoutes';
import { AppError, NotFoundError } from './utils/errors';

export type { AppDeps, Ready } from './routes/dispatcher';

interface Locals {
  visit?: Visit;
}

/** Until another instance, or the next process of this one, listens. */
const RETRY_AFTER_SECONDS = 1;
const NOTIFY_PATHS = Object.keys(NOTIFY_ROUTES);

const visitOf = (res: Response): Visit => (res.locals as Required<Locals>).visit;

export function createApp(deps: AppDeps): Express {
  const desk = createDesk(deps);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.locals.desk = desk;
  app.use((req: Request, res: Response, next: NextFunction) => {
    const handler = desk.find(req);
    if (handler !== undefined) return desk.run(handler, req, res);
    const visit = desk.open(req, res);
    if (visit === undefined) return undefined;
    (res.locals as Locals).visit = visit;
    // Whoever answers behind Express need not know of them.
    const { headers } = visit;
    for (let i = 0; i < headers.length; i += 2)
      res.setHeader(headers[i] ?? '', headers[i + 1] ?? '');
    headers.length = 0;
    next();
    return undefined;
  });
  const router = express.Router({ caseSensitive: true, strict: true });
  mount(router, desk, deps);
  // Gateways may or may not pass their prefix through: both are taken.
  if (deps.listen.basePath !== '') app.use(deps.listen.basePath, router);
  app.use(router);
  app.use(async (req: Request, res: Response) => {
    if (req.method !== 'POST') throw new NotFoundError('ROUTE_NOT_FOUND');
    await desk.receiveStray(visitOf(res));
  });
  app.use((thrown: unknown, _req: Request, res: Response, _next: NextFunction) => {
    desk.fail(thrown, visitOf(res));
  });
  return app;
}

/**
 * What a server listens with: the desk first, Express for all that is not its own. While `stopping` whoever
 * still has a connection is sent elsewhere: nothing of his request was done, so he may send it again.
 */
export function listenerOf(app: Express, stopping: () => boolean): RequestListener {
  const desk = app.locals.desk as Desk;
  return (req, res) => {
    if (stopping()) {
      refuse(desk, req, res);
      return;
    }
    const handler = desk.find(req);
    if (handler === undefined) app(req, res);
    else void desk.run(handler, req, res);
  };
}

function refuse(desk: Desk, req: IncomingMessage, res: ServerResponse): void {
  const visit = desk.open(req, res);
  if (visit === undefined) return;
  res.setHeader('connection', 'close');
  const path = (req.url ?? '').split('?', 1)[0] ?? '';
  if (NOTIFY_PATHS.some((end) => path.endsWith(end) || path.endsWith(`${end}/`)))
    visit.voice = 'notify';
  desk.fail(new AppError('SHUTTING_DOWN', { retryAfterSeconds: RETRY_AFTER_SECONDS }), visit);
}

function mount(router: express.Router, desk: Desk, deps: AppDeps): void {
  for (const spec of PAY_ROUTES.filter((r) => r.method === 'GET' || r.name.includes(':'))) {
    const verb = spec.method === 'GET' ? 'get' : 'post';
    router[verb](`/wx-pay/${spec.name}`, async (req: Request, res: Response) => {
      const visit = visitOf(res);
      desk.ready();
      const body = spec.method === 'POST' ? await desk.readJson(visit) : {};
      const input = { body, params: { ...req.params }, query: { ...req.query } };
      await desk.serve(spec, input, visit, false);
    });
  }
  router.get('/healthz', async (req, res) => {
    await deps.status.health(res, { operator: await desk.holdsKey(req) });
  });
  router.get('/readyz', (req, res) => deps.status.ready(req, res));
  router.get('/openapi.json', (req, res) => deps.status.openapi(req, res));
  router.get('/docs', (req, res) => deps.status.docs(req, res));
  router.get('/metrics', async (req, res) => {
    const { identity, operators } = desk.ready();
    guardEnabled('operatorReads', operators);
    authorize('operatorReads', await identity.identify(req.headers, false));
    await deps.status.metrics(req, res);
  });
}
