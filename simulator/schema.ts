import { NUMERIC, paramError } from './errors';

/** One field of a request, with the Chinese label WeChat's messages call it by. */
export interface Field {
  readonly type: 'string' | 'int' | 'bool' | 'object' | 'array';
  readonly label: string;
  readonly required?: boolean;
  /** Characters of a string, value of an int, length of an array. */
  readonly min?: number;
  /** UTF-8 bytes of a string, value of an int, length of an array. */
  readonly max?: number;
  /** Characters of a string, where WeChat counts those. */
  readonly maxChars?: number;
  /** UTF-8 bytes of an object's JSON. */
  readonly maxBytes?: number;
  readonly pattern?: RegExp;
  readonly oneOf?: readonly string[];
  readonly fields?: Fields;
  readonly items?: Field;
}

export type Fields = Readonly<Record<string, Field>>;

type Rest = Partial<Omit<Field, 'type' | 'label'>>;

export const text = (label: string, max: number, rest: Rest = {}): Field => ({
  type: 'string',
  label,
  max,
  ...rest,
});
export const int = (label: string, rest: Rest = {}): Field => ({ type: 'int', label, ...rest });
export const bool = (label: string): Field => ({ type: 'bool', label });
export const object = (label: string, fields: Fields, rest: Rest = {}): Field => ({
  type: 'object',
  label,
  fields,
  ...rest,
});
export const array = (label: string, items: Field, rest: Rest = {}): Field => ({
  type: 'array',
  label,
  items,
  ...rest,
});
export const R = { required: true } as const;

const TYPE_WORDS = {
  string: '合法的字符串',
  int: '合法的 64 位有符号整数',
  bool: '合法的布尔值',
  object: '合法的 JSON 对象',
  array: '合法的 JSON 数组',
} as const;

function typeFits(value: unknown, type: Field['type']): boolean {
  if (type === 'string') return typeof value === 'string';
  if (type === 'int') return typeof value === 'number' && Number.isSafeInteger(value);
  if (type === 'bool') return typeof value === 'boolean';
  if (type === 'array') return Array.isArray(value);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const shown = (value: unknown): unknown =>
  typeof value === 'string' ? value : JSON.stringify(value);

function checkRange(n: number, unit: string, field: Field, source: string): void {
  const rule = unit === '值' ? '数值' : '字符串';
  const head = `输入源“${source}”映射到值字段“${field.label}”${rule}规则校验失败，${unit} ${n}，`;
  const o = { detail: { location: 'body', value: n }, numeric: NUMERIC.outOfRange };
  if (field.min !== undefined && n < field.min) {
    throw paramError(`${head}小于最小值 ${field.min}`, o);
  }
  if (field.max !== undefined && n > field.max) {
    throw paramError(`${head}大于最大值 ${field.max}`, o);
  }
}

/** WeChat counts bytes here, and says so: 43 Han characters are 129. */
function checkBytes(
  text: string,
  max: number | undefined,
  { label, source }: { readonly label: string; readonly source: string },
): void {
  const bytes = Buffer.byteLength(text, 'utf8');
  if (max === undefined || bytes <= max) return;
  throw paramError(
    `输入源“${source}”映射到字段“${label}”字符串规则校验失败，字节数 ${bytes}，大于最大值 ${max}`,
    { detail: { location: null, value: bytes }, numeric: NUMERIC.outOfRange },
  );
}

function checkString(value: string, field: Field, source: string): void {
  if (value === '' && field.required) throw missing(field, source);
  const { max, maxChars, ...rest } = field;
  const inChars = maxChars === undefined ? rest : { ...rest, max: maxChars };
  checkRange(Array.from(value).length, '字符数', inChars, source);
  checkBytes(value, max, { label: field.label, source });
  const head = `输入源“${source}”映射到值字段“${field.label}”字符串规则校验失败，`;
  if (field.pattern !== undefined && !field.pattern.test(value)) {
    throw paramError(`${head}字符串必须匹配正则表达式“${field.pattern.source}”`, {
      detail: { location: 'body', value },
    });
  }
  if (field.oneOf !== undefined && !field.oneOf.includes(value)) {
    throw paramError(`${head}字符串必须是“${field.oneOf.join('、')}”之一`, {
      detail: { location: 'body', value },
    });
  }
}

function missing(field: Field, source: string): Error {
  const message = `输入源“${source}”映射到字段“${field.label}”必填性规则校验失败，此字段为必填项`;
  const location = source.startsWith('/query') ? 'query' : 'body';
  return paramError(message, { detail: { location, value: '' } });
}

function checkValue(value: unknown, field: Field, source: string): void {
  if (!typeFits(value, field.type)) {
    const want = TYPE_WORDS[field.type];
    throw paramError(
      `无法将 JSON 输入源“${source}”映射到目标字段“${field.label}”中，此字段需要一个${want}`,
      { detail: { location: 'body', value: shown(value) } },
    );
  }
  if (field.type === 'string') checkString(value as string, field, source);
  if (field.type === 'int') checkRange(value as number, '值', field, source);
  if (field.type === 'object') {
    checkFields(value, field.fields ?? {}, source);
    checkBytes(JSON.stringify(value), field.maxBytes, { label: field.label, source });
  }
  if (field.type === 'array') {
    checkRange((value as unknown[]).length, '元素个数', field, source);
    const items = field.items;
    if (items !== undefined) {
      (value as unknown[]).forEach((item, i) => {
        checkValue(item, items, `${source}/${i}`);
      });
    }
  }
}

/**
 * Checks a request body as WeChat does: unknown fields (also a `null` one) are refused, then each
 * field by its rules, in the order of the documents.
 *
 * @throws ApiError 400 PARAM_ERROR with WeChat's own wording.
 */
export function checkFields(value: unknown, fields: Fields, source = '/body'): void {
  const body = value as Record<string, unknown>;
  for (const key of Object.keys(body)) {
    if (!Object.hasOwn(fields, key) || body[key] === null) {
      throw paramError('请求中含有未在API文档中定义的参数', {
        detail: { location: 'body', value: key, field: `${source}/${key}` },
        numeric: NUMERIC.unknownField,
      });
    }
  }
  for (const [key, field] of Object.entries(fields)) {
    const item = body[key];
    if (item === undefined) {
      if (field.required) throw missing(field, `${source}/${key}`);
    } else {
      checkValue(item, field, `${source}/${key}`);
    }
  }
}

/** Checks one query parameter and returns it. */
export function queryText(query: URLSearchParams, name: string, field: Field): string {
  const value = query.get(name) ?? '';
  if (value === '') {
    if (field.required) throw missing(field, `/query/${name}`);
    return '';
  }
  checkString(value, field, `/query/${name}`);
  return value;
}

/** Refuses characters outside of UTF-8's one to three bytes (emoji, rare Han). */
export function refuseEmoji(value: unknown, source = '/body'): void {
  if (typeof value === 'string') {
    if (/[\u{10000}-\u{10ffff}]/u.test(value)) {
      throw paramError(`输入源“${source}”字符串规则校验失败，含有不支持的字符（4 字节 UTF-8）`, {
        detail: { location: 'body', value },
      });
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) refuseEmoji(item, `${source}/${key}`);
  }
}

/** JSON with sorted keys: two requests are the same when this text is. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value as Record<string, unknown>).sort(([a], [b]) =>
      a < b ? -1 : 1,
    );
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}
