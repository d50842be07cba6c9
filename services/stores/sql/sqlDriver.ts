/**
 * The seam between the one SQL store and three databases. The store's statements are written once, with `?`; a driver
 * runs them, a dialect names the few words in which the databases differ.
 */
import { StoreError } from '../../../utils/errors';
import type { ErrorCode } from '../../../utils/errors';
import { DamagedError } from '../damage';

/** How a statement names one row. */
export const BY_KEY = 'WHERE mchid = ? AND kind = ? AND no = ?';

export type SqlValue = string | number | null;
export type Row = Readonly<Record<string, unknown>>;

export interface SqlSession {
  /** Committed rows. */
  read(sql: string, values: readonly SqlValue[]): Promise<readonly Row[]>;
  /** One statement, committed and flushed on return. Rows written; 0 where the key existed. */
  write(sql: string, values: readonly SqlValue[]): Promise<number>;
}

export interface SqlDialect {
  /** Column types. Keys are compared byte by byte. */
  readonly key: string;
  readonly text: string;
  readonly bigint: string;
  readonly body: string;
  /** After an INSERT: lets exactly a repeated key pass. '' = the driver reads it from the error. */
  readonly ignoreRepeat: (key: string) => string;
  /** MySQL commits every DDL statement at once: there, a table and its indexes must be one statement. */
  readonly indexesInTable: boolean;
  readonly tableOptions: string;
  /** Added for tables of short rows: SQLite then writes one tree instead of two. */
  readonly shortTable?: string;
  /** One row if the table `?` exists. */
  readonly tableExists: string;
  /** One row if the table `?` has the column `?`. */
  readonly columnExists: string;
  /** One row if the table `?` has the index `?`. */
  readonly indexExists: string;
  readonly dropIndex: (index: string, table: string) => string;
  /** An index may leave out the rows in which its column is NULL. */
  readonly partialIndexes: boolean;
}

export interface SqlDriver extends SqlSession {
  readonly name: 'sqlite' | 'mysql' | 'postgres';
  readonly durable: boolean;
  /** See `RecordStore.inOrder`. */
  readonly inOrder?: boolean;
  readonly dialect: SqlDialect;
  /** What answers, for logs: e.g. `SQLite 3.45.1`. */
  version(): Promise<string>;
  /** Runs `work` while no other process runs its own; all or nothing where the database can. */
  exclusively<T>(work: (session: SqlSession) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** The driver's own words stay in `cause`: they are for the log, not for the caller. */
export function storeError(
  code: Extract<ErrorCode, 'STORE_UNAVAILABLE' | 'STORE_CONTENTION'>,
  detail: string,
  cause?: unknown,
): StoreError {
  return new StoreError(code, cause === undefined ? { detail } : { detail, cause });
}

export function codeOf(error: unknown): string {
  const code: unknown = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code !== '' ? code : 'no code';
}

/** Checked by `checkLimit`; in the text because MySQL takes no parameter of ours there. */
export const withLimit = (sql: string, limit: number): string => `${sql} LIMIT ${String(limit)}`;

/** @throws StoreError where the column holds no whole number. */
export function numberIn(row: Row | undefined, column: string): number {
  const value = row?.[column];
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new DamagedError('unreadable', column);
}

export const timedOut = Object.assign(new Error('no answer from the database in time'), {
  code: 'TIMEOUT',
});

/**
 * Stops waiting, not the work: a late answer is ignored. An answer that came while this process was frozen
 * (as platforms do between requests) is not late: before giving up, what lies in the sockets is read once.
 */
export async function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      setImmediate(reject, timedOut);
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
