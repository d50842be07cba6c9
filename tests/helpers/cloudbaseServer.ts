/**
 * A stand-in for CloudBase's document database: speaks the wire of `@cloudbase/node-sdk` 3.18 as far as the store uses it, keeps
 * documents in memory, and breaks on demand. What it answers follows the notes on the platform, not the store.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export const CLOUDBASE_TEST_KEY = 'test-key';

type Value = string | number | boolean | null | undefined | Value[] | { [field: string]: Value };
type Doc = Record<string, Value>;

/** `lose`: done, but the answer never arrives. `drop`: not done. `hang`: done, and silence. Or a code to answer with. */
export type Fault = 'lose' | 'drop' | 'hang' | 'html' | { readonly code: string };

export interface CloudbaseServer {
  readonly serviceUrl: string;
  readonly collections: Map<string, Map<string, Doc>>;
  /** Actions in the order they came. */
  readonly actions: string[];
  /** The next request of this action fails so; several are used up in their order. */
  breakNext(action: string, fault: Fault): void;
  /** Runs after the next request of this action was done, before it is answered. */
  afterNext(action: string, run: () => void): void;
  cutConnections(): void;
  close(): Promise<void>;
}

class Refusal extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

interface Params {
  readonly action: string;
  readonly collectionName: string;
  readonly query?: string;
  readonly data?: string | string[];
  readonly order?: string;
  readonly limit?: number;
  readonly multi?: boolean;
  readonly upsert?: boolean;
}

/** Canonical EJSON → plain values. */
function plain(value: Value): Value {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const [[key, inner] = ['', undefined], ...rest] = Object.entries(value);
  if (rest.length === 0 && /^\$number(Int|Long|Double)$/.test(key)) return Number(inner);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}
const parse = (text: string): Doc => plain(JSON.parse(text) as Value) as Doc;

/** Numbers go out as canonical EJSON, as the strictest reader would have to take them. */
const print = (doc: Doc): string =>
  JSON.stringify(doc, (_, value: unknown) =>
    typeof value === 'number' ? { $numberLong: String(value) } : value,
  );

type Compare = (have: Value, want: Value) => boolean;
/** As MongoDB: values of different types are neither more nor less. */
const ordered =
  (compare: (have: string | number, want: string | number) => boolean): Compare =>
  (have, want) => {
    const alike = typeof have === typeof want && ['number', 'string'].includes(typeof have);
    return alike && compare(have as string, want as string);
  };
const operators: Readonly<Record<string, Compare>> = {
  $eq: (have, want) => have === want,
  $gt: ordered((have, want) => have > want),
  $gte: ordered((have, want) => have >= want),
  $lt: ordered((have, want) => have < want),
  $lte: ordered((have, want) => have <= want),
  $in: (have, want) => Array.isArray(want) && want.includes(have),
};

function fits(doc: Doc, query: Doc): boolean {
  return Object.entries(query).every(([field, want]) => {
    if (field === '$and') return (want as Doc[]).every((one) => fits(doc, one));
    if (field === '$or') return (want as Doc[]).some((one) => fits(doc, one));
    if (field.startsWith('$')) throw new Error(`the stand-in knows no ${field}`);
    const conditions = typeof want === 'object' && want !== null ? Object.entries(want) : undefined;
    if (conditions === undefined) return doc[field] === want;
    return conditions.every(([operator, value]) => {
      const compare = operators[operator];
      if (compare === undefined) throw new Error(`the stand-in knows no ${operator}`);
      return compare(doc[field], value);
    });
  });
}

function sorted(docs: Doc[], order: Doc): Doc[] {
  const rank = (a: Doc, b: Doc): number => {
    for (const [field, direction] of Object.entries(order)) {
      const [left, right] = [a[field] ?? '', b[field] ?? ''];
      if (left !== right) return (left < right ? -1 : 1) * Number(direction);
    }
    return 0;
  };
  return docs.sort(rank);
}

type Answer = Readonly<Record<string, unknown>>;
type Collections = Map<string, Map<string, Doc>>;

function find(docs: Map<string, Doc>, params: Params): Doc[] {
  const query = params.query === undefined || params.query === '' ? {} : parse(params.query);
  return [...docs.values()].filter((doc) => fits(doc, query));
}

function insert(docs: Map<string, Doc>, params: Params): Answer {
  const added = (params.data as string[]).map(parse);
  for (const doc of added) {
    const id = String(doc['_id']);
    if (docs.has(id)) throw new Refusal('DATABASE_DUPLICATE_WRITE');
    docs.set(id, doc);
  }
  return { insertedIds: added.map((doc) => doc['_id']) };
}

function modify(docs: Map<string, Doc>, params: Params): Answer {
  const changes = parse(params.data as string);
  const found = find(docs, params);
  if (Object.keys(changes).join() !== '$set') throw new Error('the stand-in knows $set only');
  const targets = params.multi === false ? found.slice(0, 1) : found;
  for (const doc of targets) Object.assign(doc, changes['$set']);
  return { updated: targets.length, upsert_id: null };
}

function remove(docs: Map<string, Doc>, params: Params): Answer {
  const found = find(docs, params);
  for (const doc of found) docs.delete(String(doc['_id']));
  return { deleted: found.length };
}

function perform(collections: Collections, params: Params): Answer {
  const { action, collectionName } = params;
  if (action === 'database.addCollection') {
    if (collections.has(collectionName)) throw new Refusal('DATABASE_COLLECTION_EXIST');
    collections.set(collectionName, new Map());
    return {};
  }
  const docs = collections.get(collectionName);
  if (docs === undefined) throw new Refusal('DATABASE_COLLECTION_NOT_EXIST');
  switch (action) {
    case 'database.insertDocument':
      return insert(docs, params);
    case 'database.modifyDocument':
      return modify(docs, params);
    case 'database.removeDocument':
      return remove(docs, params);
    case 'database.getDocument': {
      const order = params.order === undefined ? {} : parse(params.order);
      const list = sorted(find(docs, params), order).slice(0, Math.min(params.limit ?? 100, 1000));
      return { list: list.map(print) };
    }
    case 'database.calculateDocument':
      return { total: find(docs, params).length };
    default:
      throw new Error(`the stand-in knows no ${action}`);
  }
}

async function readParams(request: IncomingMessage): Promise<Params> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Params;
}

/** Takes the first of a queue kept by action. */
function takeFrom<T>(queues: Map<string, T[]>, action: string): T | undefined {
  return queues.get(action)?.shift();
}
function addTo<T>(queues: Map<string, T[]>, action: string, item: T): void {
  queues.set(action, [...(queues.get(action) ?? []), item]);
}

export async function startCloudbaseServer(): Promise<CloudbaseServer> {
  const collections: Collections = new Map();
  const faults = new Map<string, Fault[]>();
  const afterwards = new Map<string, (() => void)[]>();
  const actions: string[] = [];
  const sockets = new Set<Socket>();

  function answerTo(params: Params): Answer {
    try {
      return { data: perform(collections, params), requestId: 'r' };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { code: error.code, message: `[${error.code}] refused`, requestId: 'r' };
    }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const params = await readParams(request);
    actions.push(params.action);
    const fault = takeFrom(faults, params.action);
    if (fault === 'drop') {
      request.socket.destroy();
      return;
    }
    let answer: Answer;
    if (request.headers.authorization !== `Bearer ${CLOUDBASE_TEST_KEY}`) {
      answer = { code: 'SIGN_PARAM_INVALID', message: 'no such key' };
    } else if (typeof fault === 'object') {
      answer = { code: fault.code, message: fault.code };
    } else {
      answer = answerTo(params);
    }
    takeFrom(afterwards, params.action)?.();
    if (fault === 'lose') request.socket.destroy();
    else if (fault === 'html') response.end('<html>502</html>');
    else if (fault !== 'hang') response.end(JSON.stringify(answer));
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cutConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    serviceUrl: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/admin`,
    collections,
    actions,
    breakNext: (action, fault) => {
      addTo(faults, action, fault);
    },
    afterNext: (action, run) => {
      addTo(afterwards, action, run);
    },
    cutConnections,
    async close() {
      cutConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
