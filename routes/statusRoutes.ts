/** How the service is, and the document of its surface. */
import { authorize, guardEnabled } from './access';
import { readyOf, setHeaders, type Exchange } from './exchange';
import { NotFoundError } from '../utils/errors';
import { holdsKey, type Context, type Endpoint } from './pipeline';

export function statusEndpoints({ status }: Context): Endpoint[] {
  return [
    get('/healthz', async (exchange) => {
      await status.health(exchange.res, { operator: await holdsKey(exchange) });
    }),
    get('/readyz', ({ req, res }) => status.ready(req, res)),
    get('/openapi.json', ({ req, res }) => status.openapi(req, res)),
    get('/docs', ({ req, res }) => status.docs(req, res)),
    get('/metrics', async (exchange) => {
      const { req, res } = exchange;
      const { identity, operators } = readyOf(exchange);
      guardEnabled('operatorReads', operators);
      authorize('operatorReads', await identity.identify(req.headers, false));
      await status.metrics(req, res);
    }),
  ];
}

const get = (path: string, answer: (exchange: Exchange) => Promise<void> | void): Endpoint => ({
  method: 'GET',
  path,
  async handle(exchange) {
    // They tell about the whole process, which is not for one merchant's people.
    if (exchange.merchant !== undefined) throw new NotFoundError('ROUTE_NOT_FOUND');
    setHeaders(exchange);
    await answer(exchange);
  },
});
