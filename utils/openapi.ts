/** OpenAPI 3.1 from the route table: a pure function, so that document and surface cannot differ. */

export interface DocumentedRoute {
  readonly method: 'GET' | 'POST';
  /** Whole path, parameters as `:name`. */
  readonly path: string;
  readonly summary: string;
  /** Who may, in words. */
  readonly access: string;
  /** Asks for no identity. */
  readonly open?: boolean;
  /** May be answered 202: taken, outcome unknown. */
  readonly mayBeUnknown?: boolean;
  readonly schema?: object;
  readonly payerSchema?: object;
  readonly paramsSchema?: object;
  readonly notification?: boolean;
}

type Json = Readonly<Record<string, unknown>>;

const SECURITY: Json[] = [{ operatorKey: [] }, { bearer: [] }, { wxOpenid: [] }];

const envelope = (data: Json): Json => ({
  type: 'object',
  required: ['code', 'msg', 'data'],
  properties: {
    code: { const: 0 },
    msg: { const: 'success' },
    data: {
      type: 'object',
      required: ['status', 'data'],
      properties: { status: { type: 'integer', description: "WeChat's HTTP status" }, data },
    },
  },
});

const FAILURE: Json = {
  type: 'object',
  required: ['code', 'msg', 'error', 'requestId', 'data'],
  properties: {
    code: { const: -1 },
    msg: { type: 'string', description: 'Chinese and English: what to do next' },
    error: { type: 'string', description: 'see docs/errors.md' },
    requestId: { type: 'string' },
    data: {
      oneOf: [
        { type: 'null' },
        {
          type: 'object',
          properties: {
            status: { type: 'integer' },
            code: { type: 'string' },
            message: { type: 'string' },
            requestId: { type: ['string', 'null'] },
            retryable: { type: 'boolean' },
            next: { type: 'string', description: 'of a refund: what happens next' },
          },
        },
      ],
    },
  },
};

const json = (schema: Json): Json => ({ content: { 'application/json': { schema } } });

const NOTIFIED: Json = {
  '200': { description: 'Recorded', ...json({ const: { code: 'SUCCESS', message: '成功' } }) },
  '4XX': { description: 'Not genuine' },
  '5XX': { description: 'Not recorded: send it again' },
};

const UNKNOWN: Json = {
  description: 'Taken, outcome unknown: ask, or send the same number again',
  ...json(envelope({})),
};

/** Keywords of ours in the standard's: what they cannot say stands in words. */
function documented(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(documented);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { maxBytes, ...rest } = schema as Json;
  const inner = Object.fromEntries(Object.entries(rest).map(([k, v]) => [k, documented(v)]));
  if (typeof maxBytes !== 'number') return inner;
  const bytes = String(maxBytes);
  return {
    ...inner,
    // No character has less than one byte.
    ...(inner.type === 'string' ? { maxLength: inner.maxLength ?? maxBytes } : {}),
    description: `at most ${bytes} bytes of UTF-8 (a Han character is 3) · 最多 ${bytes} 字节（一个汉字 3 字节）`,
  };
}

function parameters(route: DocumentedRoute): Json[] {
  const list: Json[] = [];
  const add = (where: 'path' | 'query', schema: object | undefined): void => {
    const { properties = {}, required = [] } = (schema ?? {}) as {
      properties?: Record<string, unknown>;
      required?: readonly string[];
    };
    for (const [name, inner] of Object.entries(properties)) {
      const documentedAs = documented(inner);
      list.push({ name, in: where, required: required.includes(name), schema: documentedAs });
    }
  };
  add('path', route.paramsSchema);
  if (route.method === 'GET') add('query', route.schema);
  return list;
}

function operation(route: DocumentedRoute): Json {
  const params = parameters(route);
  const { open = false } = route;
  const body =
    route.payerSchema === undefined
      ? route.schema
      : { anyOf: [route.schema, { ...route.payerSchema, title: 'payer' }] };
  return {
    summary: route.summary,
    description: route.access,
    ...(params.length === 0 ? {} : { parameters: params }),
    ...(route.method === 'POST' && body !== undefined
      ? { requestBody: { required: true, ...json(documented(body) as Json) } }
      : {}),
    responses: route.notification
      ? NOTIFIED
      : {
          '200': { description: 'Success', ...json(envelope({})) },
          ...(route.mayBeUnknown === true ? { '202': UNKNOWN } : {}),
          ...(open
            ? {}
            : {
                default: {
                  description: 'Failure',
                  ...json({ $ref: '#/components/schemas/Failure' }),
                },
              }),
        },
    ...(open ? { security: [] } : {}),
  };
}

export function buildOpenapi(routes: readonly DocumentedRoute[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'pay-common', version, description: 'WeChat Pay API v3 for Mini Programs.' },
    security: SECURITY,
    paths,
    components: {
      schemas: { Failure: FAILURE },
      securitySchemes: {
        operatorKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'CloudBase access token' },
        wxOpenid: { type: 'apiKey', in: 'header', name: 'x-wx-openid' },
      },
    },
  };
}
