/** OpenAPI 3.1 from the route table: a pure function, so that document and surface cannot differ. */
import {
  createParts,
  exampleMap,
  responses,
  type Example,
  type Keep,
  type Replies,
} from './openapiReplies';
import { andBoth, both } from './schemas/words';
import type { Json } from './json';

export { ACKNOWLEDGED, type Example } from './openapiReplies';

export type DocumentedTag = keyof typeof TAGS;

export interface DocumentedRoute extends Replies {
  readonly method: 'GET' | 'POST';
  /** Whole path, parameters as `:name`. */
  readonly path: string;
  readonly tag: DocumentedTag;
  readonly summary: string;
  /** Who may, in words. */
  readonly access: string;
  readonly callers: Callers;
  readonly body?: object;
  readonly payerBody?: object;
  readonly params?: object;
}

/** Who may call: anybody, any identified caller, or the holder of an operator's key. */
export type Callers = 'anyone' | 'identified' | 'key';

/** By `operationId`. */
export type Examples = Readonly<Record<string, readonly Example[]>>;

const SECURITY: Readonly<Record<Callers, readonly Json[]>> = {
  anyone: [],
  identified: [{ operatorKey: [] }, { bearer: [] }, { wxOpenid: [] }],
  key: [{ operatorKey: [] }],
};

const TAGS = {
  orders: both('Single orders, from their placing to their end', '单笔订单：下单、查询、关闭'),
  combinations: both('Several orders paid at once', '合单：多笔订单一次支付'),
  refunds: both('Money back to the payer', '退款'),
  transfers: both('Money from the merchant to a user', '商家转账'),
  records: both('What the service has recorded', '服务的记录'),
  operations: both("The operator's daily work", '日常运营：账单、对账、巡检'),
  notifications: both('What WeChat Pay sends', '微信支付的回调'),
  status: both('How the service is', '服务状态与文档'),
} as const;

const ABOUT = both(
  'WeChat Pay for Mini Programs, safe with money. Success: `{code:0, msg:"success", data:{status, data}}`; failure: ' +
    '`{code:-1, msg, error, requestId, data}` with the HTTP status that fits. Amounts are integers in fen, ' +
    'moments RFC 3339 with +08:00, lengths of text count UTF-8 bytes. The path of a further merchant begins with /m/<key>',
  '小程序微信支付服务。成功：`{code:0, msg:"success", data:{status, data}}`；失败：`{code:-1, msg, error, requestId, data}`，' +
    'HTTP 状态码与之相符。金额为整数，单位分；时间为 RFC 3339 格式，+08:00；文本长度按 UTF-8 字节计。其他商户的路径以 /m/<key> 开头',
);

const IDENTITIES: Json = {
  operatorKey: {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
    description: both(
      "An operator's key (setting operatorKeys)",
      '运营密钥（配置项 operatorKeys）',
    ),
  },
  bearer: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'CloudBase access token',
    description: both('Access token of a Mini Program user', '小程序用户的 CloudBase 访问令牌'),
  },
  wxOpenid: {
    type: 'apiKey',
    in: 'header',
    name: 'x-wx-openid',
    description: both(
      "Set by WeChat's gateway; believed only with the setting trustWxHeaders",
      '由微信网关设置；仅在配置项 trustWxHeaders 启用时采信',
    ),
  },
};

/** Keywords of ours in the standard's: what they cannot say stands in words. */
function documented(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(documented);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { maxBytes, format, ...rest } = schema as Json;
  const inner = Object.fromEntries(Object.entries(rest).map(([k, v]) => [k, documented(v)]));
  if (format !== undefined) return { ...inner, anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] };
  if (typeof maxBytes !== 'number') return inner;
  return {
    ...inner,
    // No character has less than one byte.
    ...(inner.type === 'string' ? { maxLength: inner.maxLength ?? maxBytes } : {}),
    description: andBoth(
      inner.description as string | undefined,
      `At most ${maxBytes} bytes of UTF-8 (a Han character is 3)`,
      `最多 ${maxBytes} 字节（UTF-8，一个汉字 3 字节）`,
    ),
  };
}

function parameters(route: DocumentedRoute): Json[] {
  const list: Json[] = [];
  const add = (where: 'path' | 'query', schema: object | undefined): void => {
    const { properties = {}, required = [] } = (schema ?? {}) as {
      properties?: Readonly<Record<string, Json>>;
      required?: readonly string[];
    };
    for (const [name, inner] of Object.entries(properties)) {
      const { description, ...plain } = documented(inner) as Json;
      list.push({ name, in: where, required: required.includes(name), description, schema: plain });
    }
  };
  add('path', route.params);
  if (route.method === 'GET') add('query', route.body);
  return list;
}

function requestBody(route: DocumentedRoute, keep: Keep, examples: readonly Example[]): Json {
  const { method, operationId, body, payerBody } = route;
  if (method !== 'POST' || body === undefined) return {};
  const named = (name: string, one: object): Json =>
    keep('schemas', `${operationId}_${name}`, documented(one) as Json);
  const schema =
    payerBody === undefined
      ? named('request', body)
      : {
          anyOf: [
            named('request', { ...body, title: both('By an operator', '运营人员调用') }),
            named('user_request', { ...payerBody, title: both('By a user', '用户调用') }),
          ],
        };
  // What is refused shows what the refusal looks like, not what to send.
  const taken = examples.filter(({ status }) => status < 400);
  const shown = exampleMap(taken, ({ body: sent }) => sent);
  const media = shown === undefined ? { schema } : { schema, examples: shown };
  return { requestBody: { required: true, content: { 'application/json': media } } };
}

function operation(route: DocumentedRoute, keep: Keep, examples: readonly Example[]): Json {
  const params = parameters(route);
  const { callers, operationId, tag, summary, access } = route;
  return {
    operationId,
    tags: [tag],
    summary,
    description: access,
    ...(params.length === 0 ? {} : { parameters: params }),
    ...requestBody(route, keep, examples),
    responses: responses(route, keep, examples),
    security: SECURITY[callers],
  };
}

export function buildOpenapi(
  routes: readonly DocumentedRoute[],
  version: string,
  examples: Examples,
): Json {
  const paths: Record<string, Record<string, Json>> = {};
  const { keep, components } = createParts();
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    const own = operation(route, keep, examples[route.operationId] ?? []);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: own };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'pay-common',
      version,
      description: ABOUT,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: { ...components(), securitySchemes: IDENTITIES },
  };
}
