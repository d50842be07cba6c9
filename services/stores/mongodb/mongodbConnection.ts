/** The official driver as far as the store uses it: how it connects, what it waits for, and its errors in our words. */
import type { Db, DbOptions, Document, MongoClient, MongoClientOptions } from 'mongodb';
import { ConfigError, StoreError } from '../../../utils/errors';
import { storeError, withTimeout } from '../sql/sqlDriver';

/** Milliseconds for one statement, with the driver's own second try of it. */
const STATEMENT_MS = 10_000;
/** The server gives up earlier: what it then says leaves the connection usable. */
const SERVER_SHARE = 0.8;
const CONNECT_MS = 5000;
/** Proxies cut idle connections without a word; below their usual limits. */
const IDLE_MS = 60_000;
const CONNECTIONS_DEFAULT = 10;

type Driver = typeof import('mongodb');

export interface Connection {
  readonly db: Db;
  /** For each command: the server ends it by itself. */
  readonly maxTimeMS: number;
  /** Bounded, and what goes wrong is a StoreError. */
  readonly run: <T>(what: string, work: () => Promise<T>) => Promise<T>;
  /** As `run`, with the driver's own error: a write whose outcome is unknown is looked at again. */
  readonly attempt: <T>(work: () => Promise<T>) => Promise<T>;
  readonly close: () => Promise<void>;
}

const urlFault = (text: string): ConfigError =>
  new ConfigError('CONFIG_INVALID', [`databaseUrl: ${text}`]);

/** Numbers and names of the server, never its sentences. */
function codeOf(error: unknown): string {
  const { codeName, code, name } = error as { codeName?: unknown; code?: unknown; name?: unknown };
  for (const said of [codeName, code, name]) {
    if (typeof said === 'number' || (typeof said === 'string' && said !== '')) return String(said);
  }
  return 'no code';
}

/** The driver's own words stay in `cause`. */
export function failed(what: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return storeError('STORE_UNAVAILABLE', `mongodb: ${what} failed (${codeOf(error)})`, error);
}

const NAME = /^[\w-]{1,63}$/;

/**
 * `mongodb://user:password@h1:27017,h2:27017/database?replicaSet=rs0&authSource=admin&tls=true`. The driver would use a
 * database named `test` where the URL names none.
 */
function nameIn(url: string): string {
  const name = /^mongodb(?:\+srv)?:\/\/[^/?]+\/([^/?]+)/.exec(url)?.[1];
  if (name === undefined) throw urlFault('names no database after the host');
  if (!NAME.test(name)) throw urlFault('a database is named by letters, digits, _ and -');
  return name;
}

/** Of the database, so that they hold whatever the URL says: a promise of the store must not hang on a parameter. */
const promisesOf = ({ ReadConcern, WriteConcern }: Driver, serverMs: number): DbOptions => ({
  writeConcern: new WriteConcern('majority', serverMs, true),
  readConcern: new ReadConcern('majority'),
  readPreference: 'primary',
});

function optionsFor(timeoutMs: number): MongoClientOptions {
  return {
    // The server knows a repeated write by its number, and does it once.
    retryWrites: true,
    retryReads: true,
    connectTimeoutMS: Math.min(CONNECT_MS, timeoutMs),
    serverSelectionTimeoutMS: Math.min(CONNECT_MS, timeoutMs),
    waitQueueTimeoutMS: Math.min(CONNECT_MS, timeoutMs),
    socketTimeoutMS: timeoutMs,
    maxIdleTimeMS: IDLE_MS,
    // Bytes that a stranger wrote must not hide the documents beside them.
    enableUtf8Validation: false,
    appName: 'pay-common',
  };
}

function clientFor({ MongoClient: Client }: Driver, url: string, timeoutMs: number): MongoClient {
  const says = (parameter: RegExp): boolean => parameter.test(url);
  const own = {
    ...(says(/[?&]maxPoolSize=/i) ? {} : { maxPoolSize: CONNECTIONS_DEFAULT }),
    // Only the URL may do without certificates, not a variable that silences Node.js as a whole.
    ...(says(/[?&]tls(Insecure|AllowInvalidCertificates)=/i) ? {} : { rejectUnauthorized: true }),
  };
  try {
    return new Client(url, { ...optionsFor(timeoutMs), ...own });
  } catch (error) {
    // Its message repeats the URL, which holds a password; the name of an unknown parameter may be said.
    const option = /^options? ([\w, ]+) (?:is|are) not supported$/.exec((error as Error).message);
    if (option !== null) throw urlFault(`unknown parameter ${String(option[1])}`);
    throw urlFault('cannot be read; letters like @ : / % in the password must be percent-encoded');
  }
}

/** Only members of a replica set (one is enough) and mongos say what is committed for good. */
function refuseStandalone({ setName, msg }: Document): void {
  if (typeof setName === 'string' || msg === 'isdbgrid') return;
  throw urlFault('the server is in no replica set; one member is enough: mongod --replSet');
}

/** @throws ConfigError CONFIG_INVALID · StoreError: out of reach. */
export async function connect(url: string, timeoutMs = STATEMENT_MS): Promise<Connection> {
  const name = nameIn(url);
  const driver = await import('mongodb');
  const client = clientFor(driver, url, timeoutMs);
  const maxTimeMS = Math.floor(timeoutMs * SERVER_SHARE);
  const db = client.db(name, promisesOf(driver, maxTimeMS));
  let closed = false;

  async function attempt<T>(work: () => Promise<T>): Promise<T> {
    // The driver would connect again.
    if (closed) throw storeError('STORE_UNAVAILABLE', 'mongodb: the store is closed');
    return withTimeout(work(), timeoutMs);
  }

  async function run<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await attempt(work);
    } catch (error) {
      throw failed(what, error);
    }
  }

  async function close(): Promise<void> {
    closed = true;
    await client.close();
  }

  try {
    refuseStandalone(await run('connecting', () => db.command({ hello: 1 })));
  } catch (error) {
    await close();
    throw error;
  }
  return { db, maxTimeMS, run, attempt, close };
}
