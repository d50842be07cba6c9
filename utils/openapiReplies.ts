/** The replies of an operation in the OpenAPI document: envelope, failures by status, other media types. */
import { ERRORS, type ErrorCode } from './errors';
import { both } from './schemas/words';
import type { Json } from './json';

export interface Media {
  readonly mediaType: string;
  readonly description: string;
}

/** A whole body, not in the envelope. */
export interface Page {
  readonly page: object;
  /** Where it is not well: the same body. */
  readonly notReady?: 503;
}

/** The answer to a notification. */
export const ACKNOWLEDGED = { acknowledged: true } as const;

export interface Replies {
  readonly operationId: string;
  /** `data.data` of a success, or a body of another kind. */
  readonly reply: object | Media | Page | typeof ACKNOWLEDGED;
  /** `data.data` of a 202: taken, outcome unknown. */
  readonly accepted?: object | undefined;
  /** Codes of the failures it may answer. */
  readonly errors: readonly ErrorCode[];
}

/** A recorded exchange. `body`: what was sent; undefined: nothing. */
export interface Example {
  readonly title: string;
  readonly body?: unknown;
  readonly status: number;
  readonly reply: unknown;
}

const word = (en: string, zh: string): Json => ({ type: 'string', description: both(en, zh) });

const WECHAT_STATUS: Json = {
  type: 'integer',
  description: both("WeChat Pay's HTTP status", '微信支付的 HTTP 状态码'),
};

const REJECTION: Json = {
  type: 'object',
  description: both('What WeChat Pay said, where it refused', '微信支付拒绝时的原话'),
  properties: {
    status: WECHAT_STATUS,
    code: word("WeChat Pay's error code", '微信支付错误码'),
    message: word("WeChat Pay's words", '微信支付错误描述'),
    requestId: {
      type: ['string', 'null'],
      description: both(
        "WeChat Pay's Request-ID, for its support",
        '微信支付 Request-ID，供其客服查询',
      ),
    },
    retryable: {
      type: 'boolean',
      description: both('The same request may be sent again', '可用相同请求重试'),
    },
    next: word('Of a refund: code of what happens next', '退款的下一步，代码'),
  },
};

const FAILURE: Json = {
  type: 'object',
  required: ['code', 'msg', 'error', 'requestId', 'data'],
  properties: {
    code: { const: -1, description: both('Failure', '失败') },
    msg: word('What to do next, in Chinese and English', '下一步怎么做（中英文）'),
    error: {
      type: 'string',
      enum: Object.keys(ERRORS),
      description: both('What went wrong: see docs/errors.md', '错误码，见 docs/errors.md'),
    },
    requestId: word('Number of this request in the logs', '本次请求在日志中的编号'),
    data: { oneOf: [{ type: 'null' }, REJECTION] },
  },
};

const NOT_RECORDED: Json = {
  type: 'object',
  required: ['code', 'message'],
  properties: {
    code: { const: 'FAIL', description: both('Not recorded', '未记录') },
    message: word('Why', '原因'),
  },
  additionalProperties: false,
};

const json = (schema: Json): Json => ({ content: { 'application/json': { schema } } });

/** Keeps a part under a name of its own, and the same part once. */
export type Keep = (section: 'schemas' | 'responses', name: string, part: Json) => Json;

export function createParts(): { readonly keep: Keep; readonly components: () => Json } {
  const sections = { schemas: new Map<string, Json>(), responses: new Map<string, Json>() };
  const refs = new Map<string, Json>();
  return {
    keep(section, name, part) {
      const text = section + JSON.stringify(part);
      const known = refs.get(text);
      if (known !== undefined) return known;
      const named = sections[section];
      let free = name;
      for (let n = 2; named.has(free); n++) free = `${name}_${n}`;
      named.set(free, part);
      const ref = { $ref: `#/components/${section}/${free}` };
      refs.set(text, ref);
      return ref;
    },
    components: () => ({
      schemas: Object.fromEntries(sections.schemas),
      responses: Object.fromEntries(sections.responses),
    }),
  };
}

const envelope = (data: Json): Json => ({
  type: 'object',
  required: ['code', 'msg', 'data'],
  properties: {
    code: { const: 0, description: both('Success', '成功') },
    msg: { const: 'success', description: both('success, always', '固定为 success') },
    data: {
      type: 'object',
      required: ['status', 'data'],
      properties: { status: WECHAT_STATUS, data },
    },
  },
});

/** WeChat's own status is passed on where it fits (`services/wechat/wechatErrors.ts`). */
const REJECTED_AS: readonly number[] = [400, 403, 404, 409, 429, 502];
const statusesOf = (code: ErrorCode): readonly number[] =>
  code === 'WECHATPAY_REJECTED' ? REJECTED_AS : [ERRORS[code].status];

/** By status, each with the codes it may carry. */
function failures(codes: readonly ErrorCode[], keep: Keep, examples: readonly Example[]): Json {
  const by = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes))
    for (const status of statusesOf(code)) by.set(status, [...(by.get(status) ?? []), code]);
  const failure = keep('schemas', 'Failure', FAILURE);
  const rows = [...by].map(([status, all]) => {
    const schema = { allOf: [failure, { properties: { error: { enum: all } } }] };
    const response = { description: all.join(', '), ...json(schema) };
    const shown = withExamples(response, String(status), examples);
    const kept = shown === response ? keep('responses', `Failure${status}`, response) : shown;
    return [String(status), kept] as const;
  });
  return Object.fromEntries(rows);
}

const SUCCESS = both('Success', '成功');

const XML: Json = {
  type: 'string',
  description: both(
    'A notification of API v2 is answered in its own form: return_code, return_msg',
    'API v2 的通知以 XML 应答：return_code、return_msg',
  ),
};

/** Each version of the API is answered in its own form. */
const inBothForms = (schema: Json, keep: Keep): Json => ({
  content: {
    'application/json': { schema },
    'text/xml': { schema: keep('schemas', 'XmlAcknowledgement', XML) },
  },
});

function notified(keep: Keep): Json {
  const refused = inBothForms(keep('schemas', 'NotRecorded', NOT_RECORDED), keep);
  return {
    '200': {
      description: both('Recorded', '已记录'),
      ...inBothForms({ const: { code: 'SUCCESS', message: '成功' } }, keep),
    },
    '4XX': {
      description: both('Not genuine, or it contradicts itself', '来源未经证实，或内容矛盾'),
      ...refused,
    },
    '5XX': { description: both('Not recorded: send it again', '未记录，请再次发送'), ...refused },
  };
}

function successes({ operationId, reply, accepted }: Replies, keep: Keep): Json {
  if ('mediaType' in reply) {
    const content = { [reply.mediaType]: { schema: { type: 'string' } } };
    return { '200': { description: reply.description, content } };
  }
  if ('page' in reply) {
    const body = json(keep('schemas', `${operationId}_reply`, reply.page as Json));
    const notReady = {
      description: both('Not ready: the same body', '未就绪，应答体相同'),
      ...body,
    };
    return {
      '200': { description: SUCCESS, ...body },
      ...(reply.notReady === undefined ? {} : { [reply.notReady]: notReady }),
    };
  }
  const enveloped = (data: object, name: string): Json =>
    json(envelope(keep('schemas', `${operationId}_${name}`, data as Json)));
  const taken = both(
    'Taken, outcome unknown: ask, or send the same number again',
    '已受理，结果未知：请查询，或用同一单号重试',
  );
  return {
    '200': { description: SUCCESS, ...enveloped(reply, 'reply') },
    ...(accepted === undefined
      ? {}
      : { '202': { description: taken, ...enveloped(accepted, 'accepted') } }),
  };
}

export function responses(replies: Replies, keep: Keep, examples: readonly Example[]): Json {
  if (replies.reply === ACKNOWLEDGED) return notified(keep);
  const well = Object.entries(successes(replies, keep)) as [string, Json][];
  const shown = well.map(([key, one]) => [key, withExamples(one, key, examples)] as const);
  return { ...failures(replies.errors, keep, examples), ...Object.fromEntries(shown) };
}

function withExamples(response: Json, key: string, all: readonly Example[]): Json {
  const fitting = all.filter(({ status }) => key === String(status));
  const examples = exampleMap(fitting, ({ reply }) => reply);
  const [media] = Object.entries(response.content as Readonly<Record<string, Json>>);
  if (examples === undefined || media === undefined) return response;
  return { ...response, content: { [media[0]]: { ...media[1], examples } } };
}

export function exampleMap(
  examples: readonly Example[],
  value: (example: Example) => unknown,
): Json | undefined {
  const rows = examples
    .filter((one) => value(one) !== undefined)
    .map((one) => [keyOf(one.title), { summary: one.title, value: value(one) }] as const);
  return rows.length === 0 ? undefined : Object.fromEntries(rows);
}

const keyOf = (title: string): string =>
  title
    .toLowerCase()
    .split(' · ', 1)[0]
    ?.replace(/[^a-z0-9]+/g, '_') ?? title;
