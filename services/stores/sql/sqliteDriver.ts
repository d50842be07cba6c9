/**
 * SQLite through `libsql`, whose calls are synchronous. A flush to disk costs as much for one write as for sixty, so
 * writes that arrive in one turn of the event loop share a transaction, and each is answered after its commit.
 * Measured, statements of 2 kB: 4,300 a second each in its own transaction, 65,000 with 32 in one.
 */
import type Libsql from 'libsql';
import { StoreError } from '../../../utils/errors';
import type { Logger } from '../../../utils/logger';
import { BY_KEY, codeOf, pause, storeError } from './sqlDriver';
import type { Row, SqlDialect, SqlDriver, SqlSession, SqlValue } from './sqlDriver';
import { makeFiles } from './sqliteFiles';

const BATCH_MAX = 64;
const QUEUE_MAX = 10_000;
/** How long a call may block the event loop for another process's lock; beyond it we wait without blocking. */
const BUSY_TIMEOUT_MS = 100;
/** Another process's lock is asked for this often, which is 4 to 9 seconds. */
const LOCK_TRIES_MAX = 50;
const LOCK_PAUSE_STEP_MS = 5;
const LOCK_PAUSE_MAX_MS = 100;

export const sqliteDialect: SqlDialect = {
  key: 'TEXT',
  text: 'TEXT',
  bigint: 'INTEGER',
  body: 'TEXT',
  ignoreRepeat: (key) => ` ON CONFLICT (${key}) DO NOTHING`,
  indexesInTable: false,
  tableOptions: '',
  shortTable: ' WITHOUT ROWID',
  tableExists: "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = ?",
  columnExists: 'SELECT 1 AS found FROM pragma_table_info(?) WHERE name = ?',
  indexExists:
    "SELECT 1 AS found FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND name = ?",
  dropIndex: (index) => `DROP INDEX ${index}`,
  partialIndexes: true,
};

export interface SqliteOptions {
  readonly path: string;
  readonly logger: Logger;
  /** The disk lives no longer than the process: what is written here is not durable. */
  readonly ephemeralDisk?: boolean;
}

interface Write {
  readonly sql: string;
  readonly values: readonly SqlValue[];
  readonly resolve: (changes: number) => void;
  readonly reject: (error: StoreError) => void;
}

type Outcome = { readonly changes: number } | { readonly error: StoreError };

const isBusy = (error: unknown): boolean => codeOf(error).startsWith('SQLITE_BUSY');

/** Is loaded when the first store opens: a service on another database never pays for it. */
async function loadLibsql(): Promise<typeof Libsql> {
  try {
    return (await import('libsql')).default;
  } catch (error) {
    const { platform, arch } = process;
    throw storeError(
      'STORE_UNAVAILABLE',
      `the native part of libsql for ${platform}-${arch} is missing: run npm install libsql ` +
        `there (it brings @libsql/${platform}-${arch}…), or choose another databaseUrl`,
      error,
    );
  }
}

/** A connection: prepared statements by their text, errors translated once. */
function createConnection(database: Libsql.Database) {
  const statements = new Map<string, Libsql.Statement>();

  const prepare = (sql: string): Libsql.Statement => {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const statement = database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };

  return {
    database,
    read: (sql: string, values: readonly SqlValue[]): readonly Row[] => {
      const statement = prepare(sql);
      // By its key there is one row at the most, and asking for one costs a third less than asking for all.
      // For all else `all`: a statement that is not read to its end would keep its snapshot.
      if (!sql.endsWith(BY_KEY)) return statement.all([...values]) as Row[];
      const row = statement.get([...values]) as Row | undefined;
      return row === undefined ? [] : [row];
    },
    write: (sql: string, values: readonly SqlValue[]): number =>
      prepare(sql).run([...values]).changes,
    close: (): void => {
      statements.clear();
      database.close();
    },
  };
}
type Connection = ReturnType<typeof createConnection>;

const failed = (what: string, error: unknown): StoreError =>
  error instanceof StoreError
    ? error
    : storeError('STORE_UNAVAILABLE', `sqlite: ${what} failed (${codeOf(error)})`, error);

/** Runs what needs another process's lock, again and again until it is free. */
async function whenFree<T>(what: string, run: () => T): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return run();
    } catch (error) {
      if (!isBusy(error)) throw failed(what, error);
      if (tries === LOCK_TRIES_MAX) {
        throw storeError('STORE_CONTENTION', `sqlite: ${what} found the file locked`, error);
      }
    }
    await pause(Math.min(tries * LOCK_PAUSE_STEP_MS, LOCK_PAUSE_MAX_MS));
  }
}

async function connect(Database: typeof Libsql, options: SqliteOptions): Promise<Connection> {
  const { path, logger } = options;
  let database: Libsql.Database;
  try {
    makeFiles(path);
    database = new Database(path);
  } catch (error) {
    throw failed('opening the file', error);
  }
  const connection = createConnection(database);
  try {
    connection.read(`PRAGMA busy_timeout = ${String(BUSY_TIMEOUT_MS)}`, []);
    const mode = await whenFree('choosing the journal', () => {
      const [row] = connection.read('PRAGMA journal_mode', []);
      if (row?.['journal_mode'] === 'wal') return 'wal';
      return connection.read('PRAGMA journal_mode = WAL', [])[0]?.['journal_mode'];
    });
    // Without WAL (a network disk) commits are as durable, only slower, and readers wait.
    if (mode !== 'wal') logger.warn({ journal_mode: mode }, 'sqlite works without its log');
    database.exec('PRAGMA synchronous = FULL');
    // Every checkpoint copies and flushes the file itself: a fourth as many, for a log of 16 MB.
    database.exec('PRAGMA wal_autocheckpoint = 4000');
    return connection;
  } catch (error) {
    connection.close();
    throw failed('opening the file', error);
  }
}

/** Runs one batch in one transaction. @throws where nothing of it was committed. */
function runBatch(connection: Connection, batch: readonly Write[]): readonly Outcome[] {
  const { database } = connection;
  database.exec('BEGIN IMMEDIATE');
  try {
    const outcomes = batch.map(({ sql, values }): Outcome => {
      try {
        return { changes: connection.write(sql, values) };
      } catch (error) {
        // A full disk ends the whole transaction; anything else undoes this statement alone.
        if (!database.inTransaction) throw error;
        return { error: failed('a write', error) };
      }
    });
    database.exec('COMMIT');
    return outcomes;
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Gathers the writes of one turn of the event loop and commits them together, in their order. */
function createGroupCommit(connection: Connection) {
  let queue: Write[] = [];
  let flushing: Promise<void> | undefined;

  const nextTurn = (): Promise<void> =>
    new Promise((resolve) => {
      setImmediate(resolve);
    });

  async function flushAll(): Promise<void> {
    while (queue.length > 0) {
      await nextTurn();
      const batch = queue.slice(0, BATCH_MAX);
      queue = queue.slice(BATCH_MAX);
      try {
        const outcomes = await whenFree('a write', () => runBatch(connection, batch));
        outcomes.forEach((outcome, i) => {
          if ('error' in outcome) batch[i]?.reject(outcome.error);
          else batch[i]?.resolve(outcome.changes);
        });
      } catch (error) {
        const reason = failed('the commit', error);
        for (const write of batch) write.reject(reason);
      }
    }
    flushing = undefined;
  }

  return {
    add: (sql: string, values: readonly SqlValue[]): Promise<number> =>
      new Promise((resolve, reject) => {
        if (queue.length >= QUEUE_MAX) {
          reject(storeError('STORE_CONTENTION', 'sqlite: too many writes are waiting'));
          return;
        }
        queue.push({ sql, values, resolve, reject });
        flushing ??= flushAll();
      }),
    drained: async (): Promise<void> => {
      while (flushing !== undefined) await flushing;
    },
  };
}

export async function openSqliteDriver(options: SqliteOptions): Promise<SqlDriver> {
  const { logger, path } = options;
  const Database = await loadLibsql();
  const connection = await connect(Database, options);
  const writes = createGroupCommit(connection);
  let closed = false;
  if (options.ephemeralDisk === true) {
    logger.warn({ path }, 'sqlite on a disk that ends with the instance: records can be lost');
  }

  const mustBeOpen = (): void => {
    if (closed) throw storeError('STORE_UNAVAILABLE', 'sqlite: the store is closed');
  };

  async function read(sql: string, values: readonly SqlValue[]): Promise<readonly Row[]> {
    mustBeOpen();
    return whenFree('a read', () => connection.read(sql, values));
  }

  /** On a connection of its own: the other one must not see what is not committed. */
  async function exclusively<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    mustBeOpen();
    const own = await connect(Database, options);
    try {
      await whenFree('locking', () => own.database.exec('BEGIN IMMEDIATE'));
      const result = await work({
        read: async (sql, values) => own.read(sql, values),
        write: async (sql, values) => own.write(sql, values),
      });
      own.database.exec('COMMIT');
      return result;
    } catch (error) {
      if (own.database.inTransaction) own.database.exec('ROLLBACK');
      throw failed('a migration', error);
    } finally {
      own.close();
    }
  }

  return {
    name: 'sqlite',
    durable: options.ephemeralDisk !== true,
    dialect: sqliteDialect,
    // One queue, one connection: what is handed in first is committed first, or together.
    inOrder: true,
    read,
    async write(sql, values) {
      mustBeOpen();
      return writes.add(sql, values);
    },
    exclusively,
    async version() {
      const [row] = await read('SELECT sqlite_version() AS version', []);
      return `SQLite ${String(row?.['version'])}`;
    },
    async close() {
      if (closed) return;
      closed = true;
      await writes.drained();
      // So that the file alone is a backup after an orderly end; what another process hinders waits in the log.
      try {
        connection.read('PRAGMA wal_checkpoint(TRUNCATE)', []);
      } catch (error) {
        throw failed('closing', error);
      } finally {
        connection.close();
      }
    },
  };
}
