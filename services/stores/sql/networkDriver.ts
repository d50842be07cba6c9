/**
 * What the two network databases have in common: a pool, a time limit on every statement, the few errors after which
 * trying again is safe, and the translation of all the others.
 *
 * A write whose connection broke is *not* repeated: it may have been committed. The caller gets STORE_UNAVAILABLE, repeats
 * the whole request, and insert-once and versions sort it out.
 */
import type { Clock } from '../../../utils/clock';
import { StoreError } from '../../../utils/errors';
import { createConnectionPool } from './connectionPool';
import { codeOf, pause, storeError, timedOut, withTimeout } from './sqlDriver';
import type { Row, SqlDialect, SqlDriver, SqlSession, SqlValue } from './sqlDriver';

/** The server itself gives up a little earlier where it can: what it then says leaves the connection usable. */
const STATEMENT_MS = 10_000;
/** A connection that does not answer `SELECT 1` in this time is given up for another one. */
const PROBE_MS = 1000;
/** A migration may wait for another instance's migration. */
const MIGRATION_STATEMENT_MS = 60_000;
const CONTENTION_TRIES_MAX = 6;
const CONTENTION_PAUSE_MS = 10;
/** Below one lock wait (5 s): repeated six times, those would keep a caller for half a minute. */
const CONTENTION_MS = 4000;
export const CONNECT_MS = 5000;
/** Limit for the statements that set up a new session. */
export const SESSION_MS = 2000;

export interface WireResult {
  readonly rows: readonly Row[];
  readonly changes: number;
}

/** How one driver package is spoken to. */
export interface Wire<C> {
  readonly name: 'mysql' | 'postgres';
  readonly dialect: SqlDialect;
  readonly connectionsMax: number;
  /** Connected, and the session set up. */
  connect(onLost: () => void): Promise<C>;
  run(connection: C, sql: string, values: readonly SqlValue[]): Promise<WireResult>;
  /** At once; never throws. */
  close(connection: C): void;
  /** The server refused the statement, and goes on listening. */
  isRefusal(error: unknown): boolean;
  /** The server has too many connections already. */
  isFull(error: unknown): boolean;
  /** Deadlock, lock timeout, serialization: nothing was written, so it may be repeated. */
  isContention(error: unknown): boolean;
  readonly versionSql: string;
  /** Around a migration; closing the connection undoes and unlocks. */
  readonly begin: readonly string[];
  readonly commit: readonly string[];
}

function translate(name: string, what: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return storeError('STORE_UNAVAILABLE', `${name}: ${what} failed (${codeOf(error)})`, error);
}

export function createNetworkDriver<C>(wire: Wire<C>, clock: Clock): SqlDriver {
  const { name } = wire;
  const run = (connection: C, sql: string, values: readonly SqlValue[], limitMs = STATEMENT_MS) =>
    withTimeout(wire.run(connection, sql, values), limitMs);
  const pool = createConnectionPool<C>({
    name,
    connectionsMax: wire.connectionsMax,
    clock,
    connect: async (onLost) => {
      try {
        return await wire.connect(onLost);
      } catch (error) {
        throw translate(name, 'connecting', error);
      }
    },
    probe: (connection) => run(connection, 'SELECT 1', [], PROBE_MS),
    close: (connection) => {
      wire.close(connection);
    },
    isUsableAfter: (error) => wire.isRefusal(error),
    isFull: (error) => wire.isFull((error as { cause?: unknown }).cause),
  });

  async function attempt(
    what: 'a read' | 'a write',
    sql: string,
    values: readonly SqlValue[],
  ): Promise<WireResult> {
    const until = performance.now() + CONTENTION_MS;
    for (let tries = 1; ; tries += 1) {
      try {
        return await pool.use((connection) => run(connection, sql, values));
      } catch (error) {
        const left = performance.now() < until ? CONTENTION_TRIES_MAX - tries : 0;
        if (!mayRepeat(what, error, { tries, left })) throw translate(name, what, error);
        if (wire.isContention(error)) await pause(CONTENTION_PAUSE_MS * 2 ** (tries - 1));
      }
    }
  }

  function mayRepeat(
    what: 'a read' | 'a write',
    error: unknown,
    { tries, left }: { readonly tries: number; readonly left: number },
  ): boolean {
    if (wire.isContention(error)) {
      if (left > 0) return true;
      throw storeError('STORE_CONTENTION', `${name}: ${what} lost every race`, error);
    }
    // A read may be repeated: once, on another connection, if the one it had broke.
    const broke = !(error instanceof StoreError) && !wire.isRefusal(error) && error !== timedOut;
    return what === 'a read' && broke && tries === 1;
  }

  /** On a connection of its own, so that the pool never holds one with a lock or an open transaction. */
  async function exclusively<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    let connection: C | undefined;
    try {
      const own = (connection = await wire.connect(() => undefined));
      const step = (sql: string, values: readonly SqlValue[]) =>
        withTimeout(wire.run(own, sql, values), MIGRATION_STATEMENT_MS);
      for (const sql of wire.begin) await step(sql, []);
      const result = await work({
        read: async (sql, values) => (await step(sql, values)).rows,
        write: async (sql, values) => (await step(sql, values)).changes,
      });
      for (const sql of wire.commit) await step(sql, []);
      return result;
    } catch (error) {
      throw translate(name, 'a migration', error);
    } finally {
      if (connection !== undefined) wire.close(connection);
    }
  }

  return {
    name,
    durable: true,
    dialect: wire.dialect,
    read: async (sql, values) => (await attempt('a read', sql, values)).rows,
    write: async (sql, values) => (await attempt('a write', sql, values)).changes,
    exclusively,
    async version() {
      const { rows } = await attempt('a read', wire.versionSql, []);
      return String(rows[0]?.['version']);
    },
    close: () => pool.close(),
  };
}
