/** The table of routes as a document: whole, and true to its types. */
import { openapiDocument } from '../../routes/documentedRoutes';
import { route } from '../../routes/route';
import { withoutRefs } from '../../utils/openapiRefs';
import { codepaySchema } from '../../utils/schemas/codepaySchemas';
import { closed, refund, transaction } from '../../utils/schemas/moneyReplies';
import { bill, record } from '../../utils/schemas/operatorReplies';
import { outTradeNoSchema } from '../../utils/schemas/orderSchemas';
import { billSchema } from '../../utils/schemas/recordSchemas';
import { refundSchema } from '../../utils/schemas/refundSchemas';

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly { readonly name: string; readonly description?: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema: Schema }>> };
  readonly responses: Readonly<Record<string, { content?: Record<string, { schema: Schema }> }>>;
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

const document = withoutRefs<{ paths: Record<string, Record<string, Operation>> }>(
  openapiDocument('1.0.0'),
);
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

const isBilingual = (text: string | undefined): boolean =>
  text !== undefined && /\w/.test(text) && /\p{Script=Han}/u.test(text);

/** Fields that nobody explains, or not in both languages, at any depth. */
function silent(schema: Schema, at = ''): string[] {
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
    ...(isBilingual(field.description) ? [] : [`${at}.${name}`]),
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
  const statuses = Object.keys(operation.responses);
  expect(statuses).toContain('200');
  expect(statuses.filter((status) => /^[45]/.test(status)).length).toBeGreaterThan(1);
});

test('no name is given twice', () => {
  const ids = OPERATIONS.map(([, { operationId }]) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

test('every field of a reply is described in both languages', () => {
  const fields = OPERATIONS.flatMap(([name, operation]) => silent(replyOf(operation) ?? {}, name));
  expect(fields).toEqual([]);
});

test('every field of a request is described in both languages', () => {
  const bodies = OPERATIONS.flatMap(([name, { requestBody, parameters = [] }]) => [
    ...silent(requestBody?.content['application/json']?.schema ?? {}, name),
    ...silent({ properties: Object.fromEntries(parameters.map((one) => [one.name, one])) }, name),
  ]);
  expect(bodies).toEqual([]);
});

/** A number in a body has a unit, or is a count of something. */
test('every number of a request says its unit', () => {
  const numbers = (schema: Schema): string[] => [
    ...(schema.type === 'integer' ? [schema.description ?? ''] : []),
    ...Object.values(schema.properties ?? {}).flatMap(numbers),
    ...[...(schema.anyOf ?? []), ...(schema.items ? [schema.items] : [])].flatMap(numbers),
  ];
  const said = OPERATIONS.flatMap(([, { requestBody }]) =>
    numbers(requestBody?.content['application/json']?.schema ?? {}),
  );
  expect(said.length).toBeGreaterThan(20);
  const unit = /in fen · .*单位：分|in minutes|How many|^$/;
  expect(said.filter((text) => !unit.test(text))).toEqual([]);
});

test('a body that its controller does not take does not compile', () => {
  const about = { name: 'x', tag: 'orders', summary: '', access: 'owner' } as const;
  route({ ...about, body: outTradeNoSchema, reply: closed, handle: (c) => c.pay.close });
  // @ts-expect-error a refund names its order, or not
  route({ ...about, body: refundSchema, reply: closed, handle: (c) => c.pay.close });
  // @ts-expect-error neither kind nor number
  route({ ...about, body: outTradeNoSchema, reply: record, handle: (c) => c.records.get });
});

test('a reply that its controller does not give does not compile', () => {
  const about = { name: 'x', tag: 'orders', summary: '', access: 'owner' } as const;
  const asks = { ...about, body: outTradeNoSchema } as const;
  route({ ...asks, reply: transaction, handle: (c) => c.pay.queryByOutTradeNo });
  // @ts-expect-error the controller tells of an order
  route({ ...asks, reply: refund, handle: (c) => c.pay.queryByOutTradeNo });
  // @ts-expect-error the controller answers with nothing
  route({ ...asks, reply: transaction, handle: (c) => c.pay.close });
  // @ts-expect-error the outcome may be unknown, and `accepted` does not say so
  route({ ...about, body: codepaySchema, reply: transaction, handle: (c) => c.codepay.pay });
  // @ts-expect-error a bill is a stream
  route({ ...about, body: billSchema, reply: transaction, handle: (c) => c.operations.bill });
  // @ts-expect-error a transaction is no stream
  route({ ...asks, reply: bill, handle: (c) => c.pay.queryByOutTradeNo });
  // @ts-expect-error a field of another type
  route({ ...asks, reply: transaction, handle: () => () => Promise.resolve(badTransaction) });
});

const badTransaction = {
  status: 200,
  data: { out_trade_no: 'A', trade_state: 'SUCCESS', amount: { total: '1' } },
};
