/** Pieces of the schemas of replies. They describe and type: only tests check replies against them. */
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import { both } from './words';

type Properties = Readonly<Record<string, object>>;

type Fixed<T> = T extends readonly (infer I)[]
  ? readonly Fixed<I>[]
  : T extends object
    ? { readonly [K in keyof T]: Fixed<T[K]> }
    : T;

/** What a reply of this schema is. */
export type ReplyOf<S extends JSONSchema> = Fixed<FromSchema<S>>;

export const word = (en: string, zh: string) =>
  ({ type: 'string', description: both(en, zh) }) as const;
export const fen = (en: string, zh: string) =>
  ({ type: 'integer', description: both(`${en}, in fen`, `${zh}，单位：分`) }) as const;
export const count = (en: string, zh: string) =>
  ({ type: 'integer', minimum: 0, description: both(en, zh) }) as const;
export const flag = (en: string, zh: string) =>
  ({ type: 'boolean', description: both(en, zh) }) as const;
export const only = <const V>(value: V, en: string, zh: string) =>
  ({ const: value, description: both(en, zh) }) as const;
export const moment = (en: string, zh: string) =>
  ({
    type: 'string',
    pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?(Z|[+-]\\d{2}:\\d{2})$',
    description: both(`${en}; RFC 3339, +08:00`, `${zh}，RFC 3339 格式，+08:00`),
  }) as const;
export const orNull = <const S extends { readonly description: string }>(schema: S) =>
  ({ anyOf: [schema, { type: 'null' }], description: schema.description }) as const;
export const list = <const I extends object>(items: I, en: string, zh: string) =>
  ({ type: 'array', items, description: both(en, zh) }) as const;
export const about = <const S extends object>(en: string, zh: string, schema: S) =>
  ({ ...schema, description: both(en, zh) }) as const;

/** Exactly these fields. */
export const closed = <const R extends readonly string[], const P extends Properties>(
  required: R,
  properties: P,
) => ({ type: 'object', required, properties, additionalProperties: false }) as const;

/** WeChat's body, or ours around it: it may grow. */
export const open = <const R extends readonly string[], const P extends Properties>(
  required: R,
  properties: P,
) => ({ type: 'object', required, properties }) as const;
