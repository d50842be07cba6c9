/** OpenAPI 3.1 from the route table: a pure function, so that document and surface cannot differ. */

export interface DocumentedRoute {
  readonly method: 'GET' | 'POST';
  /** Whole path, parameters as `:name`. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  /** Who may, in words. */
  readonly access: string;
  /** Asks for no identity. */
  readonly open?: boolean;
  readonly body?: object;
  readonly payerBody?: object;
  readonly params?: object;
  /** `data.data` of a success, or a body of another kind. */
  readonly reply: object | Media | Page | typeof ACKNOWLEDGED;
  /** `data.data` of a 202: taken, outcome unknown. */
  readonly accepted?: object;
}

export interface Media {
  readonly mediaType: string;
  readonly description: string;
}

/** A whole body, not in the envelope, by status. */
export interface Page {
  readonly page: object;
  /** Where it is not well: the same body. */
  readonly notReady?: 503;
}

/** The answer to a notification. */
export const ACKNOWLEDGED = { acknowledged: true } as const;

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

const failure = (description: string): Json => ({
  description,
  ...json({ $ref: '#/components/schemas/Failure' }),
});

/** Refused, and broken or not ready: in the envelope of failures. */
const FAILURES: Json = {
  '4XX': failure('Refused: `error` says why, see docs/errors.md'),
  '5XX': failure('Ours or WeChat Pay’s fault: the same request may be sent again'),
};

const NOT_RECORDED = json({
  type: 'object',
  required: ['code', 'message'],
  properties: { code: { const: 'FAIL' }, message: { type: 'string' } },
  additionalProperties: false,
});

const NOTIFIED: Json = {
  '200': { description: 'Recorded', ...json({ const: { code: 'SUCCESS', message: '成功' } }) },
  '4XX': { description: 'Not genuine', ...NOT_RECORDED },
  '5XX': { description: 'Not recorded: send it again', ...NOT_RECORDED },
};

function responses({ reply, accepted }: DocumentedRoute): Json {
  if (reply === ACKNOWLEDGED) return NOTIFIED;
  if ('mediaType' in reply) {
    const content = { [reply.mediaType]: { schema: { type: 'string' } } };
    return { '200': { description: reply.description, content }, ...FAILURES };
  }
  if ('page' in reply) {
    const body = json(reply.page as Json);
    const notReady =
      reply.notReady === undefined ? {} : { '503': { description: 'Not ready', ...body } };
    return { '200': { description: 'Success', ...body }, ...notReady, ...FAILURES };
  }
  const taken = 'Taken, outcome unknown: ask, or send the same number again';
  return {
    '200': { description: 'Success', ...json(envelope(reply as Json)) },
    ...(accepted === undefined
      ? {}
      : { '202': { description: taken, ...json(envelope(accepted as Json)) } }),
    ...FAILURES,
  };
}

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
  add('path', route.params);
  if (route.method === 'GET') add('query', route.body);
  return list;
}

function operation(route: DocumentedRoute): Json {
  const params = parameters(route);
  const { open = false, operationId, tag, summary } = route;
  const body =
    route.payerBody === undefined
      ? route.body
      : { anyOf: [route.body, { ...route.payerBody, title: 'payer' }] };
  return {
    operationId,
    tags: [tag],
    summary,
    description: route.access,
    ...(params.length === 0 ? {} : { parameters: params }),
    ...(route.method === 'POST' && body !== undefined
      ? { requestBody: { required: true, ...json(documented(body) as Json) } }
      : {}),
    responses: responses(route),
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
