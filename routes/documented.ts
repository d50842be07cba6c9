/** Every route of this service, as the OpenAPI document lists them. */
import { NOTIFY_ROUTES } from './notifyRoutes';
import { PAY_ROUTES } from './payRoutes';
import { buildOpenapi, type DocumentedRoute } from '../utils/openapi';

const open = (path: string, summary: string): DocumentedRoute => ({
  method: 'GET',
  path,
  summary,
  access: 'open',
});

const ROUTES: readonly DocumentedRoute[] = [
  ...PAY_ROUTES.map((r) => ({ ...r, path: `/wx-pay/${r.name}` })),
  ...Object.entries(NOTIFY_ROUTES).map(([path, kind]) => ({
    method: 'POST' as const,
    path,
    summary: `Notification: ${kind}`,
    access: 'open',
    notification: true,
  })),
  {
    method: 'POST',
    path: '/',
    summary: 'Old dispatch by _action or path; notifications as Integration Center forwards them',
    access: 'as the target',
  },
  open('/healthz', 'Liveness, settings present, last sweep'),
  open('/readyz', 'Store and credentials'),
  { ...open('/metrics', 'Prometheus text'), access: 'operatorReads' },
  open('/openapi.json', 'This document'),
  open('/docs', 'This document, rendered'),
];

export const openapiDocument = (version: string): Readonly<Record<string, unknown>> =>
  buildOpenapi(ROUTES, version);
