/**
 * A stand-in for one member of a MongoDB replica set: speaks the wire that the official driver speaks, keeps documents in
 * memory, and breaks on demand. Unique keys are unique, and a numbered write is done once however often it comes. It is
 * not MongoDB: an election, a rollback, a write concern that is not met are single faults here.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Long, type Document } from 'mongodb';
import {
  Refusal,
  aggregate,
  candidates,
  fits,
  insertInto,
  sorted,
  unknown,
  updateIn,
  type Collection,
} from './mongodbDocuments';
import { takeMessages, writeReply, type Message } from './mongodbWire';

/**
 * `drop`: not done, the line breaks. `lose`: done, the line breaks. `hang`: done, and silence. `refuse`: not done. A write
 * concern that is not met: done, or not any more (`undone`: a rollback). `late`: done, answered once this resolves.
 */
export type Fault =
  | 'drop'
  | 'lose'
  | 'hang'
  | { readonly refuse: Refusal }
  | { readonly writeConcern: number; readonly undone?: true }
  | { readonly late: Promise<void> };

/** A member that steps down says this to anyone who writes. */
export const notPrimary = (): Fault => ({
  refuse: new Refusal(10_107, 'NotWritablePrimary', ['RetryableWriteError']),
});

export interface MongodbServer {
  /** With a database of this name. */
  url(database?: string): string;
  /** By `database.collection`. */
  readonly collections: Map<string, Collection>;
  /** In the order they came, without greetings. */
  readonly commands: Document[];
  /** The next commands of this name fail so, in this order. */
  breakNext(command: string, ...faults: readonly Fault[]): void;
  /** The write of this number (from 0, from now on) fails so, and so does the driver's repetition of it. */
  breakWrite(number: number, fault: Fault): void;
  /** Runs after the next command of this name was done, before it is answered. */
  afterNext(command: string, run: () => void): void;
  cutConnections(): void;
  close(): Promise<void>;
}

export interface ServerOptions {
  /** In no replica set. */
  readonly standalone?: boolean;
  /** By which it knows itself: 127.0.0.1, if not given. */
  readonly host?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** Few, so that pages are fetched in several batches. */
const BATCH_MAX = 50;
const SET = 'rs0';
const LOOPBACK = '127.0.0.1';

interface State {
  readonly port: () => number;
  readonly options: ServerOptions;
  readonly collections: Map<string, Collection>;
  readonly cursors: Map<number, { readonly ns: string; readonly rest: Document[] }>;
}

type Handler = (state: State, command: Document, name: string) => Document;

function collectionOf({ collections }: State, ns: string): Collection {
  const known = collections.get(ns);
  if (known !== undefined) return known;
  const made: Collection = { docs: new Map(), indexes: new Map() };
  collections.set(ns, made);
  return made;
}

const nsOf = (command: Document, name: string): string =>
  `${String(command['$db'])}.${String(command[name])}`;

const hello: Handler = ({ port, options }) => {
  const me = `${options.host ?? LOOPBACK}:${String(port())}`;
  const set = { setName: SET, setVersion: 1, hosts: [me], me, primary: me, secondary: false };
  return {
    helloOk: true,
    ismaster: true,
    isWritablePrimary: true,
    ...(options.standalone === true ? {} : set),
    maxBsonObjectSize: 16_777_216,
    maxMessageSizeBytes: 48_000_000,
    maxWriteBatchSize: 100_000,
    logicalSessionTimeoutMinutes: 30,
    minWireVersion: 0,
    maxWireVersion: 21,
    readOnly: false,
  };
};

/** The first documents, and a cursor where there are more. */
function firstBatch({ cursors }: State, ns: string, found: Document[], command: Document) {
  const asked = Number(
    command['batchSize'] ?? (command['cursor'] as Document | undefined)?.['batchSize'],
  );
  const size = Math.min(BATCH_MAX, asked > 0 ? asked : BATCH_MAX);
  const rest = command['singleBatch'] === true ? [] : found.slice(size);
  const id = rest.length === 0 ? 0 : cursors.size + 1;
  if (id !== 0) cursors.set(id, { ns, rest });
  return { cursor: { id: Long.fromNumber(id), ns, firstBatch: found.slice(0, size) } };
}

function getMore({ cursors }: State, command: Document): Document {
  const id = Number(command['getMore']);
  const cursor = cursors.get(id);
  if (cursor === undefined) throw new Refusal(43, 'CursorNotFound');
  const nextBatch = cursor.rest.splice(0, BATCH_MAX);
  const next = Long.fromNumber(cursor.rest.length === 0 ? 0 : id);
  return { cursor: { id: next, ns: cursor.ns, nextBatch } };
}

function find(state: State, command: Document, name: string): Document {
  const ns = nsOf(command, name);
  const query = (command['filter'] ?? {}) as Document;
  const { docs } = collectionOf(state, ns);
  const found = candidates(docs, query).filter((doc) => fits(doc, query));
  const limit = Math.abs(Number(command['limit'] ?? 0));
  const order = (command['sort'] ?? {}) as Document;
  const shown = sorted(found, order).slice(0, limit === 0 ? undefined : limit);
  return firstBatch(state, ns, shown, command);
}

function insert(state: State, command: Document, name: string): Document {
  const collection = collectionOf(state, nsOf(command, name));
  const documents = command['documents'] as Document[];
  const writeErrors = documents.flatMap((doc, index) => {
    const error = insertInto(collection, doc);
    return error === undefined ? [] : [{ index, ...error }];
  });
  const n = documents.length - writeErrors.length;
  return writeErrors.length === 0 ? { n } : { n, writeErrors };
}

function update(state: State, command: Document, name: string): Document {
  const collection = collectionOf(state, nsOf(command, name));
  const n = (command['updates'] as Document[]).reduce(
    (sum, statement) => sum + updateIn(collection, statement),
    0,
  );
  return { n, nModified: n };
}

function createIndexes(state: State, command: Document, name: string): Document {
  const { indexes } = collectionOf(state, nsOf(command, name));
  const numIndexesBefore = indexes.size + 1;
  for (const index of command['indexes'] as { name: string; key: Document }[]) {
    const known = indexes.get(index.name);
    if (known !== undefined && JSON.stringify(known.key) !== JSON.stringify(index.key)) {
      throw new Refusal(86, 'IndexKeySpecsConflict');
    }
    indexes.set(index.name, index);
  }
  return { numIndexesBefore, numIndexesAfter: indexes.size + 1 };
}

const HANDLERS: Readonly<Record<string, Handler>> = {
  hello,
  ismaster: hello,
  ping: () => ({}),
  endSessions: () => ({}),
  killCursors: () => ({}),
  saslStart: () => {
    throw new Refusal(18, 'AuthenticationFailed');
  },
  find,
  getMore,
  insert,
  update,
  createIndexes,
  aggregate: (state, command, name) => {
    const ns = nsOf(command, name);
    const { docs } = collectionOf(state, ns);
    return firstBatch(
      state,
      ns,
      aggregate(docs.values(), command['pipeline'] as Document[]),
      command,
    );
  },
};

const isWrite = (name: string): boolean => name === 'insert' || name === 'update';
const nameOf = (command: Document): string => Object.keys(command)[0] ?? '';
const isGreeting = (name: string): boolean => ['hello', 'ismaster', 'endSessions'].includes(name);

/** A write that carries a number is done once; its repetition is answered as the first was. */
function createPerformer(state: State): (command: Document) => Document {
  const answered = new Map<string, Document>();
  return (command) => {
    const name = nameOf(command);
    const handler = HANDLERS[name];
    if (handler === undefined) throw unknown(`command ${name}`);
    const { txnNumber, lsid } = command as { txnNumber?: unknown; lsid?: Document };
    if (txnNumber === undefined) return handler(state, command, name);
    const key = `${JSON.stringify(lsid)} ${String(txnNumber)}`;
    const answer = answered.get(key) ?? handler(state, command, name);
    answered.set(key, answer);
    return answer;
  };
}

function answerOf(perform: () => Document): Document {
  try {
    return { ...perform(), ok: 1 };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, codeName, errorLabels } = error;
    const labels = errorLabels.length === 0 ? {} : { errorLabels };
    return { ok: 0, code, codeName, errmsg: codeName, ...labels };
  }
}

const WRITE_CONCERN_ERROR = {
  codeName: 'WriteConcernFailed',
  errmsg: 'waiting for replication timed out',
};

/** What is answered, or that nothing is. */
async function answerWith(
  fault: Fault | undefined,
  perform: () => Document,
  collections: Map<string, Collection>,
): Promise<Document | 'break' | 'silence'> {
  if (fault === 'drop') return 'break';
  if (typeof fault === 'object' && 'refuse' in fault) {
    return answerOf(() => {
      throw fault.refuse;
    });
  }
  const undo = typeof fault === 'object' && 'undone' in fault ? remember(collections) : undefined;
  const answer = answerOf(perform);
  if (fault === undefined) return answer;
  if (fault === 'lose') return 'break';
  if (fault === 'hang') return 'silence';
  if ('late' in fault) {
    await fault.late;
    return answer;
  }
  undo?.();
  return { ...answer, writeConcernError: { code: fault.writeConcern, ...WRITE_CONCERN_ERROR } };
}

/** What puts all documents back as they are now. */
function remember(collections: Map<string, Collection>): () => void {
  const before = [...collections.values()].map(({ docs }) => ({ docs, was: new Map(docs) }));
  return () => {
    for (const { docs, was } of before) {
      docs.clear();
      for (const [id, doc] of was) docs.set(id, doc);
    }
  };
}

export async function startMongodbServer(options: ServerOptions = {}): Promise<MongodbServer> {
  const collections = new Map<string, Collection>();
  const commands: Document[] = [];
  const faults = new Map<string, Fault[]>();
  const afterwards = new Map<string, (() => void)[]>();
  const planned = new Map<number, Fault>();
  let writes = 0;
  const sockets = new Set<Socket>();
  const port = (): number => (server.address() as AddressInfo).port;
  const perform = createPerformer({ port, options, collections, cursors: new Map() });

  async function serve(message: Message, socket: Socket): Promise<void> {
    const { command } = message;
    const name = nameOf(command);
    if (!isGreeting(name)) commands.push(command);
    const fault = planned.get(isWrite(name) ? writes++ : -1) ?? faults.get(name)?.shift();
    const answer = await answerWith(fault, () => perform(command), collections);
    afterwards.get(name)?.shift()?.();
    if (answer === 'break') socket.destroy();
    else if (answer !== 'silence' && !socket.destroyed) socket.write(writeReply(message, answer));
  }

  const welcome = (socket: Socket): void => {
    sockets.add(socket);
    let received = Buffer.alloc(0);
    socket.on('data', (data: Buffer) => {
      const { messages, rest } = takeMessages(Buffer.concat([received, data]));
      received = Buffer.from(rest);
      for (const message of messages) {
        // What the stand-in does not know is its own fault: said aloud, and the line breaks.
        serve(message, socket).catch((error: unknown) => {
          process.stderr.write(`${String(error)}\n`);
          socket.destroy();
        });
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  };
  const { tls, host = LOOPBACK } = options;
  const server = tls === undefined ? createServer(welcome) : createTlsServer(tls, welcome);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const cutConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };

  return {
    url: (database = 'pay') => `mongodb://${host}:${String(port())}/${database}`,
    collections,
    commands,
    breakNext(command, ...list) {
      faults.set(command, [...(faults.get(command) ?? []), ...list]);
    },
    breakWrite(number, fault) {
      planned.set(writes + number, fault).set(writes + number + 1, fault);
    },
    afterNext(command, run) {
      afterwards.set(command, [...(afterwards.get(command) ?? []), run]);
    },
    cutConnections,
    async close() {
      cutConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
