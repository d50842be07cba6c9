/** Checks input against a schema. A check never changes the input: no coercion, no defaults, no removal. */
import type { ErrorObject, ValidateFunction } from 'ajv';
import { createSchemaCompiler } from './compileSchema';
import { ValidationError } from './errors';

export type Validate = <T>(schema: object) => (input: unknown) => T;

/** The error's place as a path in words: `amount.total`. */
function place(error: ErrorObject): string {
  const path = error.instancePath.slice(1).replaceAll('/', '.');
  const extra = error.params as Record<string, unknown>;
  const field = extra.additionalProperty ?? extra.missingProperty ?? extra.propertyName;
  if (typeof field !== 'string') return path;
  return path === '' ? field : `${path}.${field}`;
}

const RULES: Readonly<Record<string, (params: Record<string, unknown>) => string>> = {
  additionalProperties: () => '不允许的字段 / not allowed here',
  required: () => '必填 / is required',
  type: (p) => `类型应为 ${String(p.type)} / must be ${String(p.type)}`,
  minimum: (p) => `最小为 ${String(p.limit)} / at least ${String(p.limit)}`,
  maximum: (p) => `最大为 ${String(p.limit)} / at most ${String(p.limit)}`,
  minLength: (p) => `至少 ${String(p.limit)} 个字符 / at least ${String(p.limit)} characters`,
  maxBytes: (p) =>
    `最多 ${String(p.limit)} 字节（UTF-8，一个汉字 3 字节） / ` +
    `at most ${String(p.limit)} bytes of UTF-8, a Han character is 3`,
  format: (p) =>
    p.format === 'public-ip'
      ? '应为公网 IP 地址 / must be a public IP address'
      : '应为 IP 地址 / must be an IP address',
  maxLength: (p) => `最多 ${String(p.limit)} 个字符 / at most ${String(p.limit)} characters`,
  pattern: () => '格式不正确 / has a wrong form',
  enum: (p) => `应为 ${String(p.allowedValues)} 之一 / one of ${String(p.allowedValues)}`,
  const: (p) => `应为 ${String(p.allowedValue)} / must be ${String(p.allowedValue)}`,
  minItems: (p) => `至少 ${String(p.limit)} 项 / at least ${String(p.limit)} items`,
  maxItems: (p) => `最多 ${String(p.limit)} 项 / at most ${String(p.limit)} items`,
};

export function explain(errors: readonly ErrorObject[] | null | undefined): string {
  const error = errors?.[0];
  if (error === undefined) return '';
  const rule = RULES[error.keyword];
  const words = rule?.(error.params as Record<string, unknown>) ?? error.keyword;
  const where = place(error).slice(0, 100);
  return where === '' ? words : `${where} ${words}`;
}

export function createValidator(): Validate {
  const compiled = new WeakMap<object, ValidateFunction>();
  const compile = createSchemaCompiler();

  return <T>(schema: object) =>
    (input: unknown): T => {
      let check = compiled.get(schema);
      if (check === undefined) {
        check = compile(schema);
        compiled.set(schema, check);
      }
      if (check(input)) return input as T;
      throw new ValidationError('PARAM_INVALID', { detail: explain(check.errors) });
    };
}
