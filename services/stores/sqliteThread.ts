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
import { AppError } from '../../utils/errors';
import { silentLogger } from '../../utils/logger';
import { openSqliteDriver, sqliteDialect, type SqliteOptions } from './sqliteDriver';
import { storeError, type Row, type SqlDriver, type SqlSession, type SqlValue } from './sqlDriver';

type Verb =
  | 'open'
  | 'read'
  | 'write'
  | 'begin'
  | 'sessionRead'
  | 'sessionWrite'
  | 'end'
  | 'version'
  | 'close';

interface Task {
  readonly id: number;
  readonly verb: Verb;
  readonly sql?: string;
  readonly values?: readonly SqlValue[];
  /** end: did the work succeed? */
  readonly ok?: boolean;
}

type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly code: StoreCode; readonly detail: string };

type StoreCode = 'STORE_UNAVAILABLE' | 'STORE_CONTENTION';
interface ThreadData {
  readonly payCommonSqlite: { readonly path: string; readonly ephemeralDisk: boolean };
}

/** Little lives there: statements and the rows under way. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 128 };

// ---- in the thread

interface Session {
  readonly session: SqlSession;
  readonly end: (ok: boolean) => void;
  readonly done: Promise<unknown>;
}

const aborted = new Error('aborted by its caller');

function createServant(driver: SqlDriver) {
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

  return async (task: Task): Promise<unknown> => {
    const { sql = '', values = [] } = task;
    switch (task.verb) {
      case 'read':
        return driver.read(sql, values);
      case 'write':
        return driver.write(sql, values);
      case 'begin':
        return begin();
      case 'sessionRead':
        return open?.session.read(sql, values);
      case 'sessionWrite':
        return open?.session.write(sql, values);
      case 'end':
        return end(task.ok === true);
      case 'version':
        return driver.version();
      case 'close':
        return driver.close();
      case 'open':
        return undefined;
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

const faultOf = (error: unknown): { code: StoreCode; detail: string } =>
  error instanceof AppError &&
  (error.code === 'STORE_UNAVAILABLE' || error.code === 'STORE_CONTENTION')
    ? { code: error.code, detail: error.detail ?? '' }
    : { code: 'STORE_UNAVAILABLE', detail: 'sqlite: unexpected' };

function serve(port: MessagePort, { payCommonSqlite: options }: ThreadData): void {
  const post = createPost(port);
  const opened = openSqliteDriver({ ...options, logger: silentLogger }).then(createServant);
  // Told to whoever asks; unheard until then, it would end the thread without a word.
  opened.then(undefined, () => undefined);
  const answer = async (task: Task): Promise<void> => {
    try {
      const servant = await opened;
      post({ id: task.id, value: await servant(task) });
      if (task.verb === 'close') setImmediate(() => port.close());
    } catch (error) {
      post({ id: task.id, ...faultOf(error) });
    }
  };
  port.on('message', (tasks: readonly Task[]) => {
    for (const task of tasks) void answer(task);
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

/** A thread and what it was asked. When it ends, so do all questions: their outcome is unknown. */
function createThread(file: string, data: ThreadData) {
  const worker = new Worker(file, { workerData: data, resourceLimits: THREAD_LIMITS });
  const waiting = new Map<number, Waiting>();
  let tasks: Task[] = [];
  let lastId = 0;
  let ended = false;

  const settle = (answer: Answer): void => {
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('code' in answer) asked?.reject(storeError(answer.code, answer.detail));
    else asked?.resolve(answer.value);
  };
  const end = (cause?: unknown): void => {
    ended = true;
    for (const { reject } of waiting.values()) {
      reject(storeError('STORE_UNAVAILABLE', 'sqlite: its thread ended', cause));
    }
    waiting.clear();
  };
  worker.on('message', (answers: readonly Answer[]) => {
    answers.forEach(settle);
  });
  worker.on('error', end);
  worker.on('exit', () => {
    end();
  });

  return {
    ended: (): boolean => ended,
    terminate: (): Promise<number> => worker.terminate(),
    ask: (task: Omit<Task, 'id'>): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const id = ++lastId;
        waiting.set(id, { resolve, reject });
        if (tasks.push({ id, ...task }) > 1) return;
        setImmediate(() => {
          const batch = tasks;
          tasks = [];
          worker.postMessage(batch);
        });
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

  async function ask<T>(task: Omit<Task, 'id'>): Promise<T> {
    if (closed) throw storeError('STORE_UNAVAILABLE', 'sqlite: the store is closed');
    if (thread.ended()) thread = createThread(file, { payCommonSqlite: { path, ephemeralDisk } });
    return (await thread.ask(task)) as T;
  }

  async function exclusively<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    await ask({ verb: 'begin' });
    const session: SqlSession = {
      read: (sql, values) => ask<readonly Row[]>({ verb: 'sessionRead', sql, values }),
      write: (sql, values) => ask<number>({ verb: 'sessionWrite', sql, values }),
    };
    let result: T;
    try {
      result = await work(session);
    } catch (error) {
      await ask({ verb: 'end', ok: false });
      throw error;
    }
    await ask({ verb: 'end', ok: true });
    return result;
  }

  try {
    await ask({ verb: 'open' });
  } catch (error) {
    await thread.terminate();
    throw error;
  }
  return {
    name: 'sqlite',
    durable: !ephemeralDisk,
    inOrder: true,
    dialect: sqliteDialect,
    read: (sql, values) => ask<readonly Row[]>({ verb: 'read', sql, values }),
    write: (sql, values) => ask<number>({ verb: 'write', sql, values }),
    version: () => ask<string>({ verb: 'version' }),
    exclusively,
    async close() {
      if (closed) return;
      const last = thread.ended() ? undefined : thread.ask({ verb: 'close' });
      closed = true;
      await last;
    },
  };
}
