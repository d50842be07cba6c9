/** Every route of this service, as the OpenAPI document lists them. */
import type { Access } from './access';
import { NOTIFY_ROUTES } from './notifyRoutes';
import { PAY_ROUTES } from './payRoutes';
import type { RouteSpec } from './route';
import { ANY_REQUEST, CALLER, routeErrors } from './routeErrors';
import type { NotificationKind } from '../services/strategies/strategy';
import { ERRORS, type ErrorCode } from '../utils/errors';
import {
  ACKNOWLEDGED,
  buildOpenapi,
  type Callers,
  type DocumentedRoute,
  type Examples,
} from '../utils/openapi';
import { dispatched, health, readiness } from '../utils/schemas/statusReplies';

/** What the words of the access table mean to a reader. */
const WHO: Readonly<Record<Access, string>> = {
  payer: 'A user for himself, an operator for anyone · 用户本人、运营人员',
  owner: 'The owner, an operator (also by a read key) · 所有者、运营人员（含 read 密钥）',
  ownerActs: 'The owner, an operator · 所有者、运营人员',
  operator: 'An operator, by key or openid · 运营人员（密钥或 openid）',
  operatorReads: 'An operator, by key (also read) or openid · 运营人员（密钥含 read，或 openid）',
  operatorKey: 'An operator, by a full key · 运营人员（全权密钥）',
  sweep: 'An operator, by a full or sweep key · 运营人员（全权或 sweep 密钥）',
};

const callersOf = (access: Access): Callers =>
  access === 'operatorKey' || access === 'sweep' ? 'key' : 'identified';

const NOTIFIED: Readonly<Record<NotificationKind, string>> = {
  payment: 'Notification of a payment · 支付结果回调',
  combination: 'Notification of a combined payment · 合单支付结果回调',
  refund: 'Notification of a refund · 退款结果回调',
  transfer: 'Notification of a transfer · 转账结果回调',
  echo: 'Probe of the callback address · 回调地址探测',
};

const page = (
  path: string,
  summary: string,
  reply: DocumentedRoute['reply'],
  errors: readonly ErrorCode[] = [],
): DocumentedRoute => ({
  method: 'GET',
  path,
  operationId: path.slice(1).replace('.json', ''),
  tag: 'status',
  summary,
  access: 'Anyone · 任何人',
  callers: 'anyone',
  errors: [...errors, ...ANY_REQUEST],
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
    callers: callersOf(spec.access),
    errors: routeErrors(spec),
  })),
  ...Object.entries(NOTIFY_ROUTES).map(([path, kind]) => ({
    method: 'POST' as const,
    path,
    operationId: `notify${path.replace(/[/-]/g, '_')}`,
    tag: 'notifications' as const,
    summary: NOTIFIED[kind],
    access: 'WeChat Pay, proven by signature, ciphertext or query · 微信支付，须经证实',
    callers: 'anyone' as const,
    errors: [],
    reply: ACKNOWLEDGED,
  })),
  {
    method: 'POST',
    path: '/',
    operationId: 'dispatch',
    tag: 'operations',
    summary: 'Any route by _action or path; forwarded notifications · 统一入口，也接收转发的回调',
    access: 'As its target · 与目标路由相同',
    callers: 'identified',
    errors: Object.keys(ERRORS) as ErrorCode[],
    reply: { page: dispatched },
  },
  page(
    '/healthz',
    'Is the process alive, and configured · 存活检查与配置情况',
    { page: health },
    CALLER,
  ),
  page('/readyz', 'Are store and keys ready · 就绪检查', { page: readiness, notReady: 503 }),
  {
    ...page(
      '/metrics',
      'Counters for Prometheus · 监控指标',
      { mediaType: 'text/plain', description: 'Prometheus text format · Prometheus 文本格式' },
      [...CALLER, 'OPERATOR_DISABLED'],
    ),
    access: WHO.operatorReads,
    callers: 'identified',
  },
  page('/openapi.json', 'This document, as JSON · 本文档（JSON）', {
    page: {
      type: 'object',
      description: 'An OpenAPI 3.1 document · OpenAPI 3.1 文档',
    },
  }),
  page('/docs', 'This document, to read · 本文档（网页）', {
    mediaType: 'text/html',
    description: 'A page that loads nothing from elsewhere · 不加载外部资源的网页',
  }),
];

export const openapiDocument = (
  version: string,
  examples: Examples = {},
): Readonly<Record<string, unknown>> => buildOpenapi(ROUTES, version, examples);
