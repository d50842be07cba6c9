/** Every route of this service, as the OpenAPI document lists them. */
import type { Access } from './access';
import { NOTIFY_ROUTES } from './notifyRoutes';
import { PAY_ROUTES } from './payRoutes';
import { buildOpenapi, type DocumentedRoute } from '../utils/openapi';

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

/** Where a timeout of WeChat is answered 202. */
const MAY_BE_UNKNOWN: ReadonlySet<string> = new Set([
  'wxpay_refund',
  'wxpay_refund_abnormal',
  'wxpay_transfer',
  'wxpay_transfer_cancel',
  'wxpay_order_codepay',
  'wxpay_reverse',
]);

const ANYONE = 'anyone · 任何人';

const open = (path: string, summary: string): DocumentedRoute => ({
  method: 'GET',
  path,
  summary,
  access: ANYONE,
  open: true,
});

const ROUTES: readonly DocumentedRoute[] = [
  ...PAY_ROUTES.map((r) => ({
    ...r,
    path: `/wx-pay/${r.name}`,
    access: WHO[r.access],
    mayBeUnknown: MAY_BE_UNKNOWN.has(r.name),
  })),
  ...Object.entries(NOTIFY_ROUTES).map(([path, kind]) => ({
    method: 'POST' as const,
    path,
    summary: `Notification: ${kind}`,
    access: 'WeChat Pay, proven by signature, ciphertext or query · 微信支付，须经证实',
    open: true,
    notification: true,
  })),
  {
    method: 'POST',
    path: '/',
    summary:
      'Old dispatch by _action or path; notifications as Integration Center forwards them, ' +
      'which are also taken on any path that is not ours',
    access: 'as its target · 与目标路由相同',
  },
  open(
    '/healthz',
    'Liveness, settings present, last sweep, whether work is overdue (with a key: for how long)',
  ),
  open('/readyz', 'Store and credentials'),
  { ...open('/metrics', 'Prometheus text'), access: WHO.operatorReads, open: false },
  open('/openapi.json', 'This document'),
  open('/docs', 'This document, rendered'),
];

export const openapiDocument = (version: string): Readonly<Record<string, unknown>> =>
  buildOpenapi(ROUTES, version);
