/** The table of routes as a document: whole, and true to its types. */
import { openapiDocument } from '../../routes/documentedRoutes';
import { route } from '../../routes/route';
import { outTradeNoSchema } from '../../utils/schemas/orderSchemas';
import { refundSchema } from '../../utils/schemas/refundSchemas';

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly responses: Readonly<Record<string, { content?: Record<string, { schema: Schema }> }>>;
}

interface Schema {
  readonly description?: string;
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

const document = openapiDocument('1.0.0') as {
  paths: Record<string, Record<string, Operation>>;
};
const OPERATIONS = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, operation] as const),
);

const says = (schema: Schema | undefined): boolean =>
  schema !== undefined && Object.keys(schema).length > 0;

/** `data.data` of the envelope, or the whole body. */
function replyOf({ responses }: Operation): Schema | undefined {
  const [body] = Object.values(responses['200']?.content ?? {});
  const data = body?.schema.properties?.data?.properties;
  return data === undefined ? body?.schema : data.data;
}

/** Fields that nobody explains, at any depth. */
function silent(schema: Schema, at = ''): string[] {
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
    ...(field.description === undefined && !('properties' in field) && !('const' in field)
      ? [`${at}.${name}`]
      : []),
    ...silent(field, `${at}.${name}`),
  ]);
  const parts = [...(schema.anyOf ?? []), ...(schema.items === undefined ? [] : [schema.items])];
  return [...inner, ...parts.flatMap((part) => silent(part, at))];
}

test.each(OPERATIONS)('%s has a name, a group, words and a typed reply', (_name, operation) => {
  expect(operation).toMatchObject({
    operationId: expect.stringMatching(/^\w+$/),
    tags: [expect.any(String)],
    summary: expect.stringMatching(/\w/),
    description: expect.stringMatching(/\p{Script=Han}/u),
  });
  expect(says(replyOf(operation))).toBe(true);
  expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['4XX', '5XX']));
});

test('no name is given twice', () => {
  const ids = OPERATIONS.map(([, { operationId }]) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

test('every field of a reply is described', () => {
  const fields = OPERATIONS.flatMap(([name, operation]) => silent(replyOf(operation) ?? {}, name));
  expect(fields).toEqual([]);
});

test('a body that its controller does not take does not compile', () => {
  const about = { name: 'x', tag: 'orders', summary: '', access: 'owner', reply: {} } as const;
  route({ ...about, body: outTradeNoSchema, handle: (c) => c.pay.close });
  // @ts-expect-error a refund names its order, or not
  route({ ...about, body: refundSchema, handle: (c) => c.pay.close });
  // @ts-expect-error neither kind nor number
  route({ ...about, body: outTradeNoSchema, handle: (c) => c.records.get });
});
