/** Every route of this service, as the OpenAPI document lists them. */
import type { Access } from './access';
import { NOTIFY_ROUTES } from './notifyRoutes';
import { PAY_ROUTES } from './payRoutes';
import type { RouteSpec } from './route';
import { ACKNOWLEDGED, buildOpenapi, type DocumentedRoute } from '../utils/openapi';
import { dispatched, health, readiness } from '../utils/schemas/operatorReplies';

/** What the words of the access table mean to a reader. */
const WHO: Readonly<Record<Access, string>> = {
  payer: 'a payer for himself, an operator for anyone · 用户本人、运营方',
  owner: 'the owner, an operator (also by a read key) · 所有者、运营方（含 read 密钥）',
  ownerActs: 'the owner, an operator · 所有者、运营方',
  operator: 'an operator, by key or openid · 运营方（密钥或 openid）',
  operatorReads: 'an operator, by key (also read) or openid · 运营方（密钥含 read，或 openid）',
  operatorKey: 'an operator, by a full key · 运营方（全权密钥）',
  sweep: 'an operator, by a full or sweep key · 运营方（全权或 sweep 密钥）',
};

const ANYONE = 'anyone · 任何人';

const page = (path: string, summary: string, reply: DocumentedRoute['reply']): DocumentedRoute => ({
  method: 'GET',
  path,
  operationId: path.slice(1).replace('.json', ''),
  tag: 'status',
  summary,
  access: ANYONE,
  open: true,
  reply,
});

/** `records/:kind/:no` → `get_records_kind_no`; of a POST its name. */
const operationIdOf = ({ method, name }: RouteSpec): string =>
  method === 'POST' && !name.includes(':')
    ? name
    : `${method.toLowerCase()}_${name.replace(/[/:]+/g, '_')}`;

const ROUTES: readonly DocumentedRoute[] = [
  ...PAY_ROUTES.map((spec) => ({
    ...spec,
    path: `/wx-pay/${spec.name}`,
    operationId: operationIdOf(spec),
    access: WHO[spec.access],
  })),
  ...Object.entries(NOTIFY_ROUTES).map(([path, kind]) => ({
    method: 'POST' as const,
    path,
    operationId: `notify${path.replace(/[/-]/g, '_')}`,
    tag: 'notifications',
    summary: `Notification: ${kind}`,
    access: 'WeChat Pay, proven by signature, ciphertext or query · 微信支付，须经证实',
    open: true,
    reply: ACKNOWLEDGED,
  })),
  {
    method: 'POST',
    path: '/',
    operationId: 'dispatch',
    tag: 'operations',
    summary:
      'Old dispatch by _action or path; notifications as Integration Center forwards them, ' +
      'which are also taken on any path that is not ours',
    access: 'as its target · 与目标路由相同',
    reply: { page: dispatched },
  },
  page(
    '/healthz',
    'Liveness, settings present, last sweep, whether work is overdue (with a key: for how long)',
    { page: health },
  ),
  page('/readyz', 'Store and credentials', { page: readiness, notReady: 503 }),
  {
    ...page('/metrics', 'Prometheus text', {
      mediaType: 'text/plain',
      description: 'Counters and gauges',
    }),
    access: WHO.operatorReads,
    open: false,
  },
  page('/openapi.json', 'This document', { page: { type: 'object' } }),
  page('/docs', 'This document, rendered', {
    mediaType: 'text/html',
    description: 'A page without scripts',
  }),
];

export const openapiDocument = (version: string): Readonly<Record<string, unknown>> =>
  buildOpenapi(ROUTES, version);
