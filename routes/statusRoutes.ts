/** Health, metrics and the API document. */
import { authorize, guardEnabled } from './access';
import { readyOf, type Exchange } from './exchange';
import { get, holdsKey, type Context, type Endpoint } from './pipeline';
import { NotFoundError } from '../utils/errors';

export function statusEndpoints({ status }: Context): Endpoint[] {
  return [
    get('/healthz', async (exchange) => {
      await exchange.status.health(exchange.res, { operator: await holdsKey(exchange) });
    }),
    get('/readyz', (exchange) => exchange.status.ready(exchange.req, exchange.res)),
    ofProcess('/openapi.json', ({ req, res }) => status.openapi(req, res)),
    ofProcess('/docs', ({ req, res }) => status.docs(req, res)),
    ofProcess('/metrics', async (exchange) => {
      const { req, res } = exchange;
      const { identity, operators } = readyOf(exchange);
      guardEnabled('operatorReads', operators);
      authorize(
        { access: 'operatorReads', whole: true },
        await identity.identify(req.headers, false),
      );
      await status.metrics(req, res);
    }),
  ];
}

/** They show the whole process, which is not for the operators of one merchant. */
const ofProcess = (path: string, answer: (exchange: Exchange) => Promise<void> | void): Endpoint =>
  get(path, (exchange) => {
    if (exchange.merchant !== undefined) throw new NotFoundError('ROUTE_NOT_FOUND');
    return answer(exchange);
  });
