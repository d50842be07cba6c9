/** The database as it is. Looking at it creates nothing and migrates nothing. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../config/types';
import { SCHEMA_VERSION } from '../../services/ledger/record';
import { unknownMerchants } from '../../services/merchants/unknownMerchants';
import { openStore } from '../../services/stores';
import { openMysqlDriver } from '../../services/stores/sql/mysqlDriver';
import type { RecordStore } from '../../services/stores/orderStore';
import { openPostgresDriver } from '../../services/stores/sql/postgresDriver';
import type { SqlDriver } from '../../services/stores/sql/sqlDriver';
import { openSqliteDriver } from '../../services/stores/sql/sqliteDriver';
import { openToOthers } from '../../services/stores/sql/sqliteFiles';
import { createSqlOrderStore } from '../../services/stores/sql/sqlOrderStore';
import { MIGRATION_TABLE, migrations } from '../../services/stores/sql/sqlSchema';
import type { Clock } from '../../utils/clock';
import { AppError } from '../../utils/errors';
import { silentLogger } from '../../utils/logger';
import { found, type Finding } from './findings';
import { checkRecordSymptoms } from './recordSymptoms';

export interface DatabaseDeps {
  readonly config: Config;
  /** Of all merchants that are set up. */
  readonly mchids: ReadonlySet<string>;
  readonly clock: Clock;
  readonly cwd: string;
}

export async function checkDatabase(deps: DatabaseDeps): Promise<Finding[]> {
  const { databaseUrl } = deps.config;
  if (databaseUrl === 'memory:') return [found('database.memory')];
  try {
    if (databaseUrl.startsWith('file:')) return await checkFile(deps);
    if (/^(cloudbase|mongodb)/.test(databaseUrl)) return await look(await open(deps), deps);
    return await lookSql(await openDriver(deps), deps);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [failure(error)];
  }
}

async function checkFile(deps: DatabaseDeps): Promise<Finding[]> {
  const path = filePath(deps.config.databaseUrl, deps.cwd);
  if (!existsSync(path)) return [newFile(path)];
  if (!isUsableFile(path)) return [unwritable(path)];
  const files = await openToOthers(path);
  const findings = await lookSql(await openDriver(deps), deps);
  if (files.length === 0) return findings;
  return [
    ...findings,
    found('database.readable_by_others', { params: { files: files.join(' ') } }),
  ];
}

/** As the store reads it: `file:data/x.db` starts at the working folder, `file:///data/x.db` does not. */
function filePath(url: string, cwd: string): string {
  const path = url.startsWith('file://')
    ? fileURLToPath(url)
    : decodeURIComponent(url.slice('file:'.length));
  return isAbsolute(path) ? path : join(cwd, path);
}

function newFile(path: string): Finding {
  let folder = dirname(path);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  if (!isUsableFolder(folder)) return unwritable(path);
  return found('database.new');
}

/** SQLite keeps its log beside the file, so both the file and its folder must be writable. */
function isUsableFile(path: string): boolean {
  return statSync(path).isFile() && mayAccess(path, READ_WRITE) && isUsableFolder(dirname(path));
}

const isUsableFolder = (path: string): boolean =>
  statSync(path).isDirectory() && mayAccess(path, READ_WRITE | constants.X_OK);

const READ_WRITE = constants.R_OK | constants.W_OK;

function mayAccess(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

const unwritable = (path: string): Finding => found('database.unwritable', { params: { path } });

function failure({ code, detail }: AppError): Finding {
  if (code === 'STORE_NEWER') {
    return found('database.schema_newer', { params: { version: SCHEMA_VERSION } });
  }
  return found('database.unreachable', { params: { detail: detail ?? code } });
}

const open = ({ config, clock }: DatabaseDeps): Promise<RecordStore> =>
  openStore({
    url: config.databaseUrl,
    clock,
    logger: silentLogger,
    cloudbaseEnv: config.cloudbaseEnv,
    cloudbaseApiKey: config.cloudbaseApiKey,
    recordKeys: config.recordKeys,
    migrate: false,
  });

function openDriver({ config, clock, cwd }: DatabaseDeps): Promise<SqlDriver> {
  const { databaseUrl: url } = config;
  const logger = silentLogger;
  if (url.startsWith('mysql:')) return openMysqlDriver({ url, clock, logger });
  if (url.startsWith('postgres')) return openPostgresDriver({ url, clock, logger });
  return openSqliteDriver({ path: filePath(url, cwd), logger });
}

async function lookSql(driver: SqlDriver, deps: DatabaseDeps): Promise<Finding[]> {
  const { clock, config } = deps;
  const { recordKeys } = config;
  const store = createSqlOrderStore({ driver, clock, logger: silentLogger, recordKeys });
  try {
    if ((await schemaVersion(driver)) < Math.max(...migrations.map((one) => one.version))) {
      return [found('database.schema_old')];
    }
  } catch (error) {
    await store.close();
    throw error;
  }
  return look(store, deps);
}

/** 0: no tables at all. */
async function schemaVersion(driver: SqlDriver): Promise<number> {
  const [table] = await driver.read(driver.dialect.tableExists, [MIGRATION_TABLE]);
  if (table === undefined) return 0;
  const [row] = await driver.read(`SELECT MAX(version) AS version FROM ${MIGRATION_TABLE}`, []);
  return Number(row?.['version'] ?? 0);
}

async function look(
  store: RecordStore,
  { clock, config, mchids }: DatabaseDeps,
): Promise<Finding[]> {
  try {
    await store.ping();
    const { merchantId } = config.credentials;
    const reached = found('database.reached', { params: { store: store.name } });
    // The rules of CloudBase cannot be tested from here: a server key bypasses them.
    const rules = store.name === 'cloudbase' ? [found('database.client_access')] : [];
    const damaged = await damagedRecords(store);
    const symptoms = await checkRecordSymptoms(store, merchantId, clock.now());
    const unknown = (await unknownMerchants(store, mchids)).map(({ mchid }) =>
      found('records.unknown_merchant', { params: { mchid } }),
    );
    return [reached, ...rules, ...damaged, ...unknown, ...symptoms];
  } finally {
    await store.close();
  }
}

/** Among the newest records. The service itself raises an alarm for each it meets. */
async function damagedRecords(store: RecordStore): Promise<Finding[]> {
  const { items } = await store.damaged({ limit: 100 });
  if (items.length === 0) return [];
  const count = items.length === 100 ? '100+' : items.length;
  return [found('records.damaged', { params: { count } })];
}
