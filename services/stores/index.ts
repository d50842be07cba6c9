/** Opens the store that `databaseUrl` names. The only place that knows which stores there are. */
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../utils/clock';
import { ConfigError } from '../../utils/errors';
import type { Logger } from '../../utils/logger';
import { createMemoryOrderStore } from './memoryOrderStore';
import { openMysqlDriver } from './sql/mysqlDriver';
import { openCloudbaseOrderStore } from './cloudbase/cloudbaseOrderStore';
import { openMongodbOrderStore } from './mongodb/mongodbOrderStore';
import type { RecordStore } from './orderStore';
import { openPostgresDriver } from './sql/postgresDriver';
import type { SqlDriver } from './sql/sqlDriver';
import { openToOthers } from './sql/sqliteFiles';
import { createSqlOrderStore } from './sql/sqlOrderStore';

export interface OpenStoreOptions {
  /** `databaseUrl`. */
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly cloudbaseEnv?: string | undefined;
  readonly cloudbaseApiKey?: string | undefined;
  /** `recordKey`: the first seals records, any opens them; none = they are not sealed. */
  readonly recordKeys?: readonly string[] | undefined;
  /** The merchant of the environment: records of an earlier version without a merchant belong to it. */
  readonly mchid?: string | undefined;
  /** Where the document database answers, if not at CloudBase: for tests. */
  readonly serviceUrl?: string | undefined;
  /** false: the tables are there already, and this account may not create any. */
  readonly migrate?: boolean | undefined;
  /** true inside SCF: a `file:` lives no longer than the instance, so it is not durable. */
  readonly ephemeralDisk?: boolean | undefined;
}

export type StoreKind = 'memory' | 'file' | 'mysql' | 'postgres' | 'mongodb' | 'cloudbase';

type Factory = (options: OpenStoreOptions) => Promise<RecordStore>;

const factories: Readonly<Record<StoreKind, Factory>> = {
  memory: async ({ recordKeys, logger }) => createMemoryOrderStore({ recordKeys, logger }),
  // A file of its own in the build: its thread is started from that file.
  file: sql(async ({ url, logger, ephemeralDisk = false }) => {
    const { openSqlite } = await import('./sql/sqliteThread');
    const path = filePath(url);
    const driver = await openSqlite({ path, logger, ephemeralDisk });
    const files = await openToOthers(path);
    if (files.length > 0) logger.warn({ files }, 'sqlite files are open to others: chmod 600');
    return driver;
  }),
  mysql: sql(openMysqlDriver),
  postgres: sql(openPostgresDriver),
  mongodb: openMongodbOrderStore,
  cloudbase: ({ cloudbaseEnv, cloudbaseApiKey, ...options }) =>
    openCloudbaseOrderStore({
      ...options,
      env: cloudbaseEnv,
      apiKey: cloudbaseApiKey,
    }),
};

function sql(open: (options: OpenStoreOptions) => Promise<SqlDriver>): Factory {
  return async (options) => {
    const { clock, logger, recordKeys, mchid } = options;
    return createSqlOrderStore({ driver: await open(options), clock, logger, recordKeys, mchid });
  };
}

const kinds: Readonly<Record<string, StoreKind>> = {
  'memory:': 'memory',
  'file:': 'file',
  'mysql:': 'mysql',
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'mongodb:': 'mongodb',
  'mongodb+srv:': 'mongodb',
  'cloudbase:': 'cloudbase',
};

/**
 * Opens the store, brings its schema up to date and asks it once.
 *
 * @throws  ConfigError (no such kind of URL) · StoreError (database out of reach: may be called again).
 */
export async function openStore(options: OpenStoreOptions): Promise<RecordStore> {
  const scheme = /^[a-z+]+:/.exec(options.url)?.[0] ?? '';
  const kind = kinds[scheme];
  if (kind === undefined) {
    throw new ConfigError('CONFIG_INVALID', [
      `databaseUrl must begin with one of ${Object.keys(kinds).join(' ')}`,
    ]);
  }
  const store = await factories[kind](options);
  try {
    if (options.migrate !== false) await store.migrate();
    await store.ping();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** `file:.data/x.db` is relative to the working folder, `file:///data/x.db` is not. */
function filePath(url: string): string {
  if (url.startsWith('file://')) return fileURLToPath(url);
  const path = decodeURIComponent(url.slice('file:'.length));
  if (path === '' || path.startsWith(':')) {
    throw new ConfigError('CONFIG_INVALID', ['databaseUrl: file: must be followed by a path']);
  }
  return path;
}
