/**
 * Real database servers for tests: `TEST_MYSQL_URL` and `TEST_POSTGRES_URL` (without a database in the path), or what answers
 * at the usual port of this machine. Each caller gets databases of his own, dropped at the end. Where nothing answers
 * the tests are skipped and say why; where CI is set they fail instead.
 */
import { spawnSync } from 'node:child_process';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';

export type ServerKind = 'mysql' | 'postgres';

export interface DatabaseServer {
  readonly kind: ServerKind;
  /** Makes an empty database and gives its URL. */
  create(): Promise<string>;
  /** Ends every connection to the database of this URL, as a restart of the server does. */
  cutConnections(url: string): Promise<void>;
  /** Does it let somebody in and answer him? */
  answers(): Promise<boolean>;
  /** Runs one statement on the database of this URL. */
  run(url: string, sql: string): Promise<readonly Record<string, unknown>[]>;
  /** Drops what `create` made. */
  close(): Promise<void>;
}

const usual: Readonly<Record<ServerKind, string>> = {
  mysql: 'mysql://root@127.0.0.1:3306',
  postgres: 'postgres://postgres@127.0.0.1:5432',
};
const setting: Readonly<Record<ServerKind, string>> = {
  mysql: 'TEST_MYSQL_URL',
  postgres: 'TEST_POSTGRES_URL',
};
/** The database to be in while making others. */
const home: Readonly<Record<ServerKind, string>> = { mysql: '', postgres: 'postgres' };

const CONNECT_MS = 60_000;

type Rows = readonly Record<string, unknown>[];

async function runMysql(uri: string, sql: string): Promise<Rows> {
  const connection = await createConnection({ uri, connectTimeout: CONNECT_MS });
  try {
    const [rows] = await connection.query(sql);
    return Array.isArray(rows) ? (rows as Rows) : [];
  } finally {
    await connection.end();
  }
}

async function runPostgres(connectionString: string, sql: string): Promise<Rows> {
  const client = new Client({ connectionString, connectionTimeoutMillis: CONNECT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

const run: Readonly<Record<ServerKind, (url: string, sql: string) => Promise<Rows>>> = {
  mysql: runMysql,
  postgres: runPostgres,
};

const base = (kind: ServerKind): URL => new URL(process.env[setting[kind]] ?? usual[kind]);

/**
 * Is there a server to test on? Asked before the tests are named, so it cannot wait for a promise.
 *
 * @throws  where CI is set and nothing answers: there, a skipped test would be a lie.
 */
export function hasServer(kind: ServerKind): boolean {
  const { hostname, port } = base(kind);
  const probe =
    `const s = require('net').connect(${port}, ${JSON.stringify(hostname)});` +
    `s.setTimeout(${String(CONNECT_MS)}, () => process.exit(1));` +
    "s.on('error', () => process.exit(1)).on('connect', () => process.exit(0))";
  if (spawnSync(process.execPath, ['-e', probe]).status === 0) return true;
  const why = `${kind}: nothing answers at ${hostname}:${port}; set ${setting[kind]}`;
  if (process.env['CI'] === 'true') throw new Error(why);
  process.stdout.write(`SKIPPED ${why}\n`);
  return false;
}

/** Call only where `hasServer`, or with the address of a server of one's own. */
export function useServer(kind: ServerKind, address = base(kind)): DatabaseServer {
  const at = (database: string): string => {
    const url = new URL(address);
    url.pathname = `/${database}`;
    return url.href;
  };
  const admin = at(home[kind]);
  const made: string[] = [];
  return {
    kind,
    async create() {
      const random = Math.random().toString(36).slice(2, 8);
      const name = `pay_test_${String(process.pid)}_${random}`;
      await run[kind](admin, `CREATE DATABASE ${name}`);
      made.push(name);
      return at(name);
    },
    async cutConnections(url) {
      const name = new URL(url).pathname.slice(1);
      if (kind === 'postgres') {
        await runPostgres(
          admin,
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
        );
        return;
      }
      const sessions = await runMysql(
        admin,
        `SELECT id FROM information_schema.processlist WHERE db = '${name}'`,
      );
      for (const { id, ID } of sessions) {
        // One that ended by itself meanwhile is an "unknown thread": as good as killed.
        await runMysql(admin, `KILL ${String(id ?? ID)}`).catch((error: unknown) => {
          if ((error as { errno?: number }).errno !== 1094) throw error;
        });
      }
    },
    answers: () =>
      run[kind](admin, 'SELECT 1').then(
        () => true,
        () => false,
      ),
    run: (url, sql) => run[kind](url, sql),
    async close() {
      for (const name of made.splice(0)) {
        const force = kind === 'postgres' ? ' WITH (FORCE)' : '';
        await run[kind](admin, `DROP DATABASE ${name}${force}`);
      }
    },
  };
}
