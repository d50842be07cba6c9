/**
 * SQLite on a thread of its own. `libsql` is synchronous: on the main thread every flush to disk stops everybody
 * else, some 0.3 ms each time. Here the main thread only sends what is to be read or written, gathered over one turn
 * of its event loop, and goes on with verifying and answering. Measured: docs/performance.md.
 *
 * Run from its source (tests, demo) there is no compiled file to start a thread with: then the driver runs where
 * it is called, and the same suite passes in both places.
 */
import {
  isMainThread,
  parentPort,
  Worker,
  workerData,
  type MessagePort,
} from 'node:worker_threads';
import { AppError } from '../../../utils/errors';
import { silentLogger } from '../../../utils/logger';
import { openSqliteDriver, sqliteDialect, type SqliteOptions } from './sqliteDriver';
import { storeError, type Row, type SqlDriver, type SqlSession, type SqlValue } from './sqlDriver';

type Verb =
  | 'open'
  | 'read'
  | 'write'
  | 'begin'
  | 'sessionRead'
  | 'sessionWrite'
  | 'commit'
  | 'rollback'
  | 'version'
  | 'close';

/** A statement travels once; from then on its place in the list of those that did says it all. */
type Task = readonly [id: number, verb: Verb, statement: number, values: readonly SqlValue[]];

interface Batch {
  /** Statements that the thread does not know yet, in their order. */
  readonly statements: readonly string[];
  readonly tasks: readonly Task[];
}

type Answer = readonly [id: number, value: unknown, code?: StoreCode, detail?: string];

type StoreCode = 'STORE_UNAVAILABLE' | 'STORE_CONTENTION';
interface ThreadData {
  readonly payCommonSqlite: { readonly path: string; readonly ephemeralDisk: boolean };
}

/** The thread holds little: statements, and rows in transfer. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 128 };

// ---- in the thread

interface Session {
  readonly session: SqlSession;
  readonly end: (ok: boolean) => void;
  readonly done: Promise<unknown>;
}

const aborted = new Error('aborted by its caller');

function createThreadServer(driver: SqlDriver) {
  let open: Session | undefined;

  /** Holds the driver's exclusive work open until its caller, on the other thread, ends it. */
  function begin(): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = driver.exclusively(
        (session) =>
          new Promise<void>((finish, abort) => {
            const end = (ok: boolean): void => {
              if (ok) finish();
              else abort(aborted);
            };
            open = { session, end, done };
            resolve();
          }),
      );
      done.then(undefined, reject);
    });
  }

  async function end(ok: boolean): Promise<void> {
    const session = open;
    open = undefined;
    session?.end(ok);
    await session?.done.catch((error: unknown) => {
      if (ok) throw error;
    });
  }

  return (verb: Verb, sql: string, values: readonly SqlValue[]): Promise<unknown> => {
    switch (verb) {
      case 'read':
        return driver.read(sql, values);
      case 'write':
        return driver.write(sql, values);
      case 'begin':
        return begin();
      case 'sessionRead':
        return open?.session.read(sql, values) ?? Promise.reject(aborted);
      case 'sessionWrite':
        return open?.session.write(sql, values) ?? Promise.reject(aborted);
      case 'commit':
        return end(true);
      case 'rollback':
        return end(false);
      case 'version':
        return driver.version();
      case 'close':
        return driver.close();
      case 'open':
        return Promise.resolve();
    }
  };
}

/** Answers that become ready together travel together. */
function createPost(port: MessagePort) {
  let ready: Answer[] = [];
  return (answer: Answer): void => {
    if (ready.push(answer) > 1) return;
    queueMicrotask(() => {
      const batch = ready;
      ready = [];
      port.postMessage(batch);
    });
  };
}

const faultOf = (id: number, error: unknown): Answer =>
  error instanceof AppError &&
  (error.code === 'STORE_UNAVAILABLE' || error.code === 'STORE_CONTENTION')
    ? [id, undefined, error.code, error.detail ?? '']
    : [id, undefined, 'STORE_UNAVAILABLE', 'sqlite: unexpected'];

function serve(port: MessagePort, { payCommonSqlite: options }: ThreadData): void {
  const post = createPost(port);
  const known: string[] = [];
  const run = (server: ReturnType<typeof createThreadServer>, tasks: readonly Task[]): void => {
    for (const [id, verb, statement, values] of tasks) {
      server(verb, known[statement] ?? '', values).then(
        (value) => {
          post([id, value]);
          if (verb === 'close') setImmediate(() => port.close());
        },
        (error: unknown) => {
          post(faultOf(id, error));
        },
      );
    }
  };
  const opened = openSqliteDriver({ ...options, logger: silentLogger }).then(createThreadServer);
  let ready: ReturnType<typeof createThreadServer> | undefined;
  opened.then(
    (server) => (ready = server),
    // Reported to the first caller. Until then an unhandled rejection would end the thread silently.
    () => undefined,
  );
  port.on('message', ({ statements, tasks }: Batch) => {
    known.push(...statements);
    if (ready !== undefined) {
      run(ready, tasks);
      return;
    }
    opened.then(
      (server) => {
        run(server, tasks);
      },
      (error: unknown) => {
        for (const [id] of tasks) post(faultOf(id, error));
      },
    );
  });
}

if (!isMainThread && parentPort !== null && isThreadData(workerData)) serve(parentPort, workerData);

function isThreadData(data: unknown): data is ThreadData {
  return typeof data === 'object' && data !== null && 'payCommonSqlite' in data;
}

// ---- on the main thread

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One batch is with the thread at a time; what is asked meanwhile is gathered, for the thread is busy anyway:
 * fewer wakings of it, and fewer flushes. A batch that another process's lock holds up must not hold up the rest:
 * after this they follow it, and reads overtake.
 */
const GATHER_MS = 20;

/** As many do not wait for the batch before: the thread writes them while the event loop reads on. */
const FULL_BATCH = 20;

/** What is to be sent: statements by number, tasks together. */
function createOutbox(send: (batch: Batch) => void, isOut: () => boolean) {
  const numbers = new Map<string, number>();
  let statements: string[] = [];
  let tasks: Task[] = [];
  let immediate = false;
  let late: NodeJS.Timeout | undefined;

  const numberOf = (sql: string): number => {
    const known = numbers.get(sql);
    if (known !== undefined) return known;
    numbers.set(sql, numbers.size);
    statements.push(sql);
    return numbers.size - 1;
  };
  const post = (): void => {
    immediate = false;
    clearTimeout(late);
    late = undefined;
    if (tasks.length === 0) return;
    const batch = { statements, tasks };
    statements = [];
    tasks = [];
    send(batch);
  };
  const plan = (): void => {
    if (immediate || tasks.length === 0) return;
    if (isOut()) {
      late ??= setTimeout(post, GATHER_MS);
      return;
    }
    immediate = true;
    setImmediate(post);
  };
  return {
    plan,
    add: (id: number, verb: Verb, sql: string, values: readonly SqlValue[]): void => {
      tasks.push([id, verb, numberOf(sql), values]);
      if (tasks.length >= FULL_BATCH) post();
      else plan();
    },
    /** Not sent yet. */
    size: (): number => tasks.length,
  };
}

/** More than ever wait at once. The part of an id above it tells apart the calls that used one place. */
const PLACES = 2 ** 20;

/**
 * Calls that wait for an answer. Each has a place, which is used again after the answer. Not a Map: a Map that is
 * filled and emptied all the time is copied again and again. Each old copy points to the next one and to all calls
 * of its time, so the collector of young objects keeps them alive, with their whole requests.
 */
export function createPendingCalls() {
  const places: ({ readonly id: number; readonly waiting: Waiting } | undefined)[] = [];
  const free: number[] = [];
  let turns = 0;
  return {
    add: (waiting: Waiting): number => {
      const place = free.pop() ?? places.length;
      const id = ++turns * PLACES + place;
      places[place] = { id, waiting };
      return id;
    },
    /** @returns undefined for a call already taken: a second answer never reaches the next call in the place. */
    take: (id: number): Waiting | undefined => {
      const place = id % PLACES;
      const held = places[place];
      if (held?.id !== id) return undefined;
      places[place] = undefined;
      free.push(place);
      return held.waiting;
    },
    /** All calls that still wait. */
    takeAll: (): readonly Waiting[] => {
      free.length = 0;
      return places.splice(0).flatMap((held) => held?.waiting ?? []);
    },
    size: (): number => places.length - free.length,
  };
}

/** A thread and what it was asked. When it ends, so do all questions: their outcome is unknown. */
function createThread(file: string, data: ThreadData) {
  const worker = new Worker(file, { workerData: data, resourceLimits: THREAD_LIMITS });
  const pending = createPendingCalls();
  const outbox = createOutbox(
    (batch) => {
      worker.postMessage(batch);
    },
    () => pending.size() > outbox.size(),
  );
  let ended = false;

  const settle = ([id, value, code, detail]: Answer): void => {
    const asked = pending.take(id);
    if (code === undefined) asked?.resolve(value);
    else asked?.reject(storeError(code, detail ?? ''));
  };
  const end = (cause?: unknown): void => {
    ended = true;
    for (const { reject } of pending.takeAll()) {
      reject(storeError('STORE_UNAVAILABLE', 'sqlite: its thread ended', cause));
    }
  };
  worker.on('message', (answers: readonly Answer[]) => {
    answers.forEach(settle);
    outbox.plan();
  });
  worker.on('error', end);
  worker.on('exit', () => {
    end();
  });

  return {
    ended: (): boolean => ended,
    terminate: (): Promise<number> => worker.terminate(),
    ask: (verb: Verb, sql = '', values: readonly SqlValue[] = []): Promise<unknown> =>
      new Promise((resolve, reject) => {
        outbox.add(pending.add({ resolve, reject }), verb, sql, values);
      }),
  };
}
type Thread = ReturnType<typeof createThread>;

/** As `openSqliteDriver`, on its own thread where the file to start one with exists. */
export async function openSqlite(
  options: SqliteOptions,
  file: string = __filename,
): Promise<SqlDriver> {
  if (!file.endsWith('.js')) return openSqliteDriver(options);
  const { path, ephemeralDisk = false, logger } = options;
  let thread: Thread = createThread(file, { payCommonSqlite: { path, ephemeralDisk } });
  let closed = false;
  if (ephemeralDisk) {
    logger.warn({ path }, 'sqlite on a disk that ends with the instance: records can be lost');
  }

  function ask<T>(verb: Verb, sql?: string, values?: readonly SqlValue[]): Promise<T> {
    if (closed)
      return Promise.reject(storeError('STORE_UNAVAILABLE', 'sqlite: the store is closed'));
    if (thread.ended()) thread = createThread(file, { payCommonSqlite: { path, ephemeralDisk } });
    return thread.ask(verb, sql, values) as Promise<T>;
  }

  async function exclusively<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    await ask('begin');
    const session: SqlSession = {
      read: (sql, values) => ask<readonly Row[]>('sessionRead', sql, values),
      write: (sql, values) => ask<number>('sessionWrite', sql, values),
    };
    let result: T;
    try {
      result = await work(session);
    } catch (error) {
      await ask('rollback');
      throw error;
    }
    await ask('commit');
    return result;
  }

  try {
    await ask('open');
  } catch (error) {
    await thread.terminate();
    throw error;
  }
  return {
    name: 'sqlite',
    durable: !ephemeralDisk,
    inOrder: true,
    dialect: sqliteDialect,
    read: (sql, values) => ask<readonly Row[]>('read', sql, values),
    write: (sql, values) => ask<number>('write', sql, values),
    version: () => ask<string>('version'),
    exclusively,
    async close() {
      if (closed) return;
      const last = thread.ended() ? undefined : thread.ask('close');
      closed = true;
      await last;
    },
  };
}
