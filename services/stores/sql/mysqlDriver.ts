/** MySQL 5.7+, MariaDB 10.4+ and TDSQL-C through `mysql2`, with server-side prepared statements. */
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import type { Connection, ResultSetHeader, RowDataPacket, SslOptions } from 'mysql2/promise';
import type { Clock } from '../../../utils/clock';
import type { Logger } from '../../../utils/logger';
import { readDatabaseUrl, urlFault } from './databaseUrl';
import type { DatabaseAddress } from './databaseUrl';
import { CONNECT_MS, SESSION_MS, createNetworkDriver } from './networkDriver';
import type { WireResult } from './networkDriver';
import { storeError, withTimeout } from './sqlDriver';
import type { SqlDialect, SqlDriver, SqlValue } from './sqlDriver';

const ER_DUP_ENTRY = 1062;
/** Record changed (1020), lock wait timeout (1205), deadlock (1213): the statement was undone. */
const CONTENTION: readonly number[] = [1020, 1205, 1213];
/** Too many connections: of all (1040), of this account in all (1203) or here (1226). */
const FULL: readonly number[] = [1040, 1203, 1226];
/** Shutdown, killed, gone, idle too long, read-only since a failover: another connection is needed. */
const SPENT: readonly number[] = [1053, 1290, 1317, 1836, 1927, 2006, 2013, 3169, 4031];

const dialect: SqlDialect = {
  key: 'VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
  text: 'VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
  bigint: 'BIGINT',
  body: 'LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
  // INSERT IGNORE would hide other faults, too; the repeated key is read from the error instead.
  ignoreRepeat: () => '',
  indexesInTable: true,
  tableOptions: ' ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin',
  tableExists:
    'SELECT 1 AS found FROM information_schema.tables ' +
    'WHERE table_schema = DATABASE() AND table_name = ?',
  columnExists:
    'SELECT 1 AS found FROM information_schema.columns ' +
    'WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?',
  indexExists:
    'SELECT DISTINCT 1 AS found FROM information_schema.statistics ' +
    'WHERE table_schema = DATABASE() AND table_name = ? AND index_name = ?',
  dropIndex: (index, table) => `DROP INDEX ${index} ON ${table}`,
  partialIndexes: false,
};

/** Strict, independent of the server's default: a text must never be cut silently. */
const SESSION =
  "SET SESSION autocommit = 1, sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', " +
  'innodb_lock_wait_timeout = 5, lock_wait_timeout = 5';
/** A table may be in use for longer; the migration's own time limit is beyond it. */
const MIGRATION_SESSION = 'SET SESSION lock_wait_timeout = 50';
/** Time for a goodbye. Without one the server counts and logs each connection as aborted. */
const GOODBYE_MS = 1000;
/** Named after the database: MySQL's locks are the whole server's. Raises an error if not had in time. */
const LOCK =
  "SELECT GET_LOCK(LEFT(CONCAT('pay_migration:', SHA1(DATABASE())), 60), 50) AS pay_migration_lock";
const FLUSH = 'SELECT @@innodb_flush_log_at_trx_commit AS at_commit';

export interface MysqlOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const errnoOf = (error: unknown): number | undefined => {
  const errno: unknown = (error as { errno?: unknown } | null)?.errno;
  return typeof errno === 'number' ? errno : undefined;
};

const isRefusal = (error: unknown): boolean => {
  const { sqlState, fatal } = error as { sqlState?: unknown; fatal?: unknown };
  const errno = errnoOf(error);
  const answered = typeof sqlState === 'string' && sqlState !== '' && fatal !== true;
  return answered && errno !== undefined && !SPENT.includes(errno);
};

/**
 * mysql2 asks for the name only when told to, and compares an address with the name `localhost`: that would take any
 * certificate for localhost, so it is refused beforehand.
 */
function sslOf({ host, tls }: DatabaseAddress): SslOptions | undefined {
  if (tls === undefined) return undefined;
  const { checksName, ...rest } = tls;
  if (checksName && isIP(host) !== 0) {
    throw urlFault(
      'MySQL over TLS proves names, not addresses: give a host name, or sslmode=verify-ca',
    );
  }
  return { ...rest, verifyIdentity: checksName };
}

export async function openMysqlDriver({ url, clock, logger }: MysqlOptions): Promise<SqlDriver> {
  const address = readDatabaseUrl(url, 3306);
  const { host, port, user, password, database, connectionsMax } = address;
  const ssl = sslOf(address);
  // By `default`: some of its names are lazy getters, which a plain Node.js import does not see.
  const { createConnection, TypedParameter } = (await import('mysql2/promise')).default;

  async function connect(onLost: () => void): Promise<Connection> {
    const connection = await createConnection({
      host,
      port,
      user,
      password,
      database,
      connectTimeout: CONNECT_MS,
      charset: 'utf8mb4_bin',
      enableKeepAlive: true,
      ...(ssl === undefined ? {} : { ssl }),
    });
    connection.on('error', onLost);
    connection.on('end', onLost);
    try {
      await withTimeout(connection.query(SESSION), SESSION_MS);
      return connection;
    } catch (error) {
      close(connection);
      throw error;
    }
  }

  async function run(
    connection: Connection,
    sql: string,
    values: readonly SqlValue[],
  ): Promise<WireResult> {
    // mysql2 sends a number as DOUBLE where it is told nothing; an index on BIGINT wants an integer.
    const typed = values.map((value) =>
      typeof value === 'number' ? TypedParameter.BIGINT(value) : value,
    );
    try {
      const [result] = await connection.execute<ResultSetHeader | RowDataPacket[]>(sql, typed);
      if (!Array.isArray(result)) return { rows: [], changes: result.affectedRows };
      const got: unknown = result[0]?.['pay_migration_lock'];
      if (got !== undefined && got !== 1) {
        throw storeError('STORE_CONTENTION', 'mysql: another instance is migrating');
      }
      return { rows: result, changes: 0 };
    } catch (error) {
      // Each table has one key only, so this can be nothing but the number itself.
      if (errnoOf(error) === ER_DUP_ENTRY) return { rows: [], changes: 0 };
      throw error;
    }
  }

  const driver = createNetworkDriver<Connection>(
    {
      name: 'mysql',
      dialect,
      connectionsMax,
      connect,
      run,
      close,
      isRefusal,
      isFull: (error) => FULL.includes(errnoOf(error) ?? 0),
      isContention: (error) => CONTENTION.includes(errnoOf(error) ?? 0),
      versionSql:
        "SELECT CONCAT(IF(VERSION() LIKE '%MariaDB%', 'MariaDB ', 'MySQL '), VERSION()) AS version",
      begin: [MIGRATION_SESSION, LOCK],
      commit: [], // closing the connection gives the lock back
    },
    clock,
  );
  try {
    const [row] = await driver.read(FLUSH, []);
    if (row?.['at_commit'] !== 1) {
      logger.warn({ at_commit: row?.['at_commit'] }, 'mysql does not flush at commit: not durable');
    }
    return driver;
  } catch (error) {
    await driver.close();
    throw error;
  }
}

function close(connection: Connection): void {
  // The goodbye waits behind a statement that hangs; then the connection is broken off.
  const { stream } = (connection as unknown as { connection: { stream: Socket } }).connection;
  const force = setTimeout(() => stream.destroy(), GOODBYE_MS);
  force.unref();
  connection.end().then(
    () => {
      clearTimeout(force);
    },
    () => stream.destroy(),
  );
}
