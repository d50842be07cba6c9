/** Collections of a stand-in for MongoDB: conditions, order and updates as its manual says, as far as the store uses them. */
import type { Document } from 'mongodb';

export class Refusal extends Error {
  constructor(
    readonly code: number,
    readonly codeName: string,
    readonly errorLabels: readonly string[] = [],
  ) {
    super(codeName);
  }
}

export interface Index {
  readonly name: string;
  readonly key: Document;
  readonly unique?: boolean;
}

export interface Collection {
  /** By `_id`, in the order of insertion. */
  readonly docs: Map<unknown, Document>;
  readonly indexes: Map<string, Index>;
}

type Compare = (have: unknown, want: unknown) => boolean;
/** A comparison finds values of its own type alone. */
const ordered =
  (compare: (have: string | number, want: string | number) => boolean): Compare =>
  (have, want) =>
    typeof have === typeof want &&
    (typeof have === 'number' || typeof have === 'string') &&
    compare(have, want as string);

const operators: Readonly<Record<string, Compare>> = {
  $eq: equals,
  $gt: ordered((have, want) => have > want),
  $gte: ordered((have, want) => have >= want),
  $lt: ordered((have, want) => have < want),
  $lte: ordered((have, want) => have <= want),
  $in: (have, want) => Array.isArray(want) && want.some((one) => equals(have, one)),
};

/** A missing field equals null. */
function equals(have: unknown, want: unknown): boolean {
  return (have ?? null) === (want ?? null);
}

export function fits(doc: Document, query: Document): boolean {
  return Object.entries(query).every(([field, want]) => {
    if (field === '$and') return (want as Document[]).every((one) => fits(doc, one));
    if (field === '$or') return (want as Document[]).some((one) => fits(doc, one));
    if (field.startsWith('$')) throw unknown(field);
    if (typeof want !== 'object' || want === null) return equals(doc[field], want);
    return Object.entries(want as Document).every(([operator, value]) => {
      const compare = operators[operator];
      if (compare === undefined) throw unknown(operator);
      return compare(doc[field], value);
    });
  });
}

export const unknown = (what: string): Error => new Error(`the stand-in knows no ${what}`);

/** Null and what is missing first, then numbers, then texts, byte by byte. */
const rankOf = (value: unknown): number =>
  value === undefined || value === null ? 0 : typeof value === 'number' ? 1 : 2;

function compareValues(left: unknown, right: unknown): number {
  const rank = rankOf(left) - rankOf(right);
  if (rank !== 0 || rankOf(left) === 0) return rank;
  if (typeof left === 'number') return left - (right as number);
  return Buffer.compare(Buffer.from(String(left)), Buffer.from(String(right)));
}

export const sorted = (docs: readonly Document[], order: Document): Document[] =>
  [...docs].sort((a, b) => {
    for (const [field, direction] of Object.entries(order)) {
      const compared = compareValues(a[field], b[field]);
      if (compared !== 0) return compared * Number(direction);
    }
    return 0;
  });

const stages: Readonly<Record<string, (docs: Document[], value: never) => Document[]>> = {
  $match: (docs, query: Document) => docs.filter((doc) => fits(doc, query)),
  $sort: (docs, order: Document) => sorted(docs, order),
  $limit: (docs, count: number) => docs.slice(0, count),
  $group(docs, { _id, n }: Document) {
    if ((n as Document | undefined)?.['$sum'] !== 1) throw unknown('such a $group');
    return docs.length === 0 ? [] : [{ _id: _id as unknown, n: docs.length }];
  },
};

export const aggregate = (docs: Iterable<Document>, pipeline: readonly Document[]): Document[] =>
  pipeline.reduce<Document[]>(
    (kept, stage) => {
      const [[name, value] = ['', undefined]] = Object.entries(stage);
      const run = stages[name];
      if (run === undefined) throw unknown(name);
      return run(kept, value as never);
    },
    [...docs],
  );

const DUPLICATE_KEY = 11_000;

/** An upsert or a second document under a key of a unique index is refused, as `_id` always is. */
export function insertInto({ docs, indexes }: Collection, doc: Document): Document | undefined {
  const unique = [{ name: '_id_', key: { _id: 1 } }, ...indexes.values()].filter(
    (index: Index) => index.unique === true || index.name === '_id_',
  );
  for (const { name, key } of unique) {
    const fields = Object.keys(key);
    const taken = [...(name === '_id_' ? held(docs, doc) : docs.values())].some((other) =>
      fields.every((field) => equals(other[field], doc[field])),
    );
    if (taken) return { code: DUPLICATE_KEY, errmsg: `E11000 duplicate key error index: ${name}` };
  }
  docs.set(doc['_id'], doc);
  return undefined;
}

function held(docs: Map<unknown, Document>, { _id }: Document): Document[] {
  const doc = docs.get(_id);
  return doc === undefined ? [] : [doc];
}

export function updateIn({ docs }: Collection, statement: Document): number {
  const { q, u, multi, upsert } = statement as { q: Document; u: Document } & Document;
  if (Object.keys(u).join() !== '$set') throw unknown('update but $set');
  if (multi === true || upsert === true) throw unknown('update of many, or upsert');
  const [doc] = candidates(docs, q).filter((one) => fits(one, q));
  if (doc === undefined) return 0;
  docs.set(doc['_id'], { ...doc, ...(u['$set'] as Document) });
  return 1;
}

/** Found by its `_id` where the condition names one: else every test would read every document. */
export const candidates = (docs: Map<unknown, Document>, query: Document): Document[] =>
  typeof query['_id'] === 'string' ? held(docs, { _id: query['_id'] }) : [...docs.values()];
