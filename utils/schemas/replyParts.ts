/** Pieces of the schemas of replies. They describe: only tests check replies against them. */

type Properties = Readonly<Record<string, object>>;

export const word = (description: string) => ({ type: 'string', description });
export const fen = (description: string) => ({
  type: 'integer',
  description: `${description}; in fen (分)`,
});
export const count = (description: string) => ({ type: 'integer', minimum: 0, description });
export const flag = (description: string) => ({ type: 'boolean', description });
export const moment = (description: string) => ({
  type: 'string',
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?(Z|[+-]\\d{2}:\\d{2})$',
  description: `${description}; RFC 3339, +08:00`,
});
export const orNull = (schema: { readonly description: string }) => ({
  anyOf: [schema, { type: 'null' }],
  description: schema.description,
});
export const list = (items: object, description: string) => ({ type: 'array', items, description });

/** Exactly these fields. */
export const closed = (required: readonly string[], properties: Properties) => ({
  type: 'object',
  required,
  properties,
  additionalProperties: false,
});

/** WeChat's body, or ours around it: it may grow. */
export const open = (required: readonly string[], properties: Properties) => ({
  type: 'object',
  required,
  properties,
});
