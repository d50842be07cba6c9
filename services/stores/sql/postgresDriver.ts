/** PostgreSQL 12+ through `pg`, with statements prepared by name. */
import type { Client, CustomTypesConfig } from 'pg';
import type { Clock } from '../../../utils/clock';
import type { Logger } from '../../../utils/logger';
import { readDatabaseUrl } from './databaseUrl';
import type { Tls } from './databaseUrl';
import { CONNECT_MS, SESSION_MS, createNetworkDriver } from './networkDriver';
import type { WireResult } from './networkDriver';
import type { Row, SqlDialect, SqlDriver, SqlValue } from './sqlDriver';
import { codeOf, withTimeout } from './sqlDriver';

const INT8_OID = 20;
/** Serialization failure, deadlock, lock not available: the statement was undone. */
const CONTENTION: readonly string[] = ['40001', '40P01', '55P03'];
/** Too many connections, or so many that the rest is kept for administrators. */
const FULL = '53300';
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** Connection lost (08), shutdown (57P), internal (XX), read-only since a failover: connect again. */
const SPENT = /^(08|57P|XX|25006)/;

const dialect: SqlDialect = {
  key: 'VARCHAR(128) COLLATE "C"',
  text: 'VARCHAR(255) COLLATE "C"',
  bigint: 'BIGINT',
  body: 'TEXT',
  ignoreRepeat: (key) => ` ON CONFLICT (${key}) DO NOTHING`,
  indexesInTable: false,
  tableOptions: '',
  tableExists: 'SELECT 1 AS found WHERE to_regclass(?) IS NOT NULL',
  columnExists:
    'SELECT 1 AS found FROM pg_attribute ' +
    'WHERE attrelid = to_regclass(?) AND attname = ? AND NOT attisdropped',
  indexExists:
    'SELECT 1 AS found FROM pg_index WHERE indrelid = to_regclass(?) AND indexrelid = to_regclass(?)',
  dropIndex: (index) => `DROP INDEX ${index}`,
  partialIndexes: true,
};

/**
 * A database or role may be set to answer before the flush; we must not. Stronger settings stay as they are. And a
 * statement that no caller waits for any more must end at the server, too, or each repeat would hold one more connection
 * behind the same lock until there are none left.
 */
const SESSION =
  "SELECT set_config('lock_timeout', '5000', false), set_config('statement_timeout', '9000', false), " +
  "set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN " +
  "('off', 'local', 'remote_write') THEN 'on' ELSE current_setting('synchronous_commit') END, false)";
/** A table may be in use, or another instance migrating, for longer. */
const MIGRATION_SESSION = [
  'SET LOCAL lock_timeout = 50000',
  'SET LOCAL statement_timeout = 55000',
] as const;
const FLUSH = "SELECT current_setting('fsync') AS fsync";
/** Any number that nobody else uses; PostgreSQL's advisory locks belong to one database. */
const LOCK = 'SELECT pg_advisory_xact_lock(7015082046)';

export interface PostgresOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Parser = (text: string) => unknown;

interface Prepared {
  readonly name: string;
  readonly text: string;
}

/** `?` → `$1`, and a name by which each connection prepares it once. Our statements hold no `?` in quotes. */
function createPreparer(): (sql: string) => Prepared {
  const known = new Map<string, Prepared>();
  return (sql) => {
    const found = known.get(sql);
    if (found !== undefined) return found;
    let at = 0;
    const text = sql.replaceAll('?', () => `$${String((at += 1))}`);
    const prepared = { name: `pay${String(known.size + 1)}`, text };
    known.set(sql, prepared);
    return prepared;
  };
}

const isRefusal = (error: unknown): boolean => {
  const code = codeOf(error);
  return SQLSTATE.test(code) && !SPENT.test(code);
};

const sslOf = ({ checksName, ...rest }: Tls) => ({
  ...rest,
  ...(checksName ? {} : { checkServerIdentity: () => undefined }),
});

export async function openPostgresDriver(options: PostgresOptions): Promise<SqlDriver> {
  const { clock, logger } = options;
  const { connectionsMax, tls, ...address } = readDatabaseUrl(options.url, 5432);
  const pg = await import('pg');
  const prepare = createPreparer();
  // Its type wants an enum of the built-in types; there are others.
  const known = pg.types as unknown as { getTypeParser(oid: number, format?: string): Parser };
  const types: CustomTypesConfig = {
    // Money and moments are BIGINT and fit a number; the store checks each for being a safe integer.
    getTypeParser: (oid: number, format?: 'text' | 'binary') =>
      oid === INT8_OID ? Number : known.getTypeParser(oid, format),
  };

  async function connect(onLost: () => void): Promise<Client> {
    const client = new pg.Client({
      ...address,
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      application_name: 'pay-common',
      types,
      ...(tls === undefined ? {} : { ssl: sslOf(tls) }),
    });
    client.on('error', onLost);
    client.on('end', onLost);
    try {
      await client.connect();
      await withTimeout(client.query(SESSION), SESSION_MS);
      return client;
    } catch (error) {
      close(client);
      throw error;
    }
  }

  async function run(
    client: Client,
    sql: string,
    values: readonly SqlValue[],
  ): Promise<WireResult> {
    const result = await client.query<Row>({ ...prepare(sql), values: [...values] });
    return { rows: result.rows, changes: result.rowCount ?? 0 };
  }

  const driver = createNetworkDriver<Client>(
    {
      name: 'postgres',
      dialect,
      connectionsMax,
      connect,
      run,
      close,
      isRefusal,
      isFull: (error) => codeOf(error) === FULL,
      isContention: (error) => CONTENTION.includes(codeOf(error)),
      versionSql: "SELECT 'PostgreSQL ' || current_setting('server_version') AS version",
      begin: ['BEGIN', ...MIGRATION_SESSION, LOCK],
      commit: ['COMMIT'],
    },
    clock,
  );
  try {
    const [row] = await driver.read(FLUSH, []);
    if (row?.['fsync'] !== 'on') {
      logger.warn({ fsync: row?.['fsync'] }, 'postgres does not flush at commit: not durable');
    }
    return driver;
  } catch (error) {
    await driver.close();
    throw error;
  }
}

function close(client: Client): void {
  // The goodbye is a courtesy; on a broken connection it fails, and the connection is gone all the same.
  client.end().then(undefined, () => undefined);
}
