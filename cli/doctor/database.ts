/** The database as it is: nothing is created and nothing migrated by looking. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../config/types';
import { SCHEMA_VERSION } from '../../services/ledger/record';
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
import { fault, ok, warn, type Finding } from './findings';
import { checkRecordSymptoms } from './recordSymptoms';

export interface DatabaseDeps {
  readonly config: Config;
  readonly clock: Clock;
  readonly cwd: string;
}

export async function checkDatabase(deps: DatabaseDeps): Promise<Finding[]> {
  const { databaseUrl } = deps.config;
  if (databaseUrl === 'memory:') return [memory()];
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
  return files.length === 0 ? findings : [...findings, readableByOthers(files.join(' '))];
}

const readableByOthers = (files: string): Finding =>
  warn(
    'database.readable_by_others',
    [`本机其他用户可以打开数据库文件：${files}`, `others on this machine may open: ${files}`],
    { fix: [`chmod 600 ${files}`, `chmod 600 ${files}`] },
  );

const memory = (): Finding =>
  warn(
    'database.memory',
    ['databaseUrl=memory:，进程结束后记录全部丢失', 'databaseUrl=memory: loses all on exit'],
    {
      fix: [
        '使用 file: mysql:// postgres:// mongodb:// 或 cloudbase:',
        'use a database that lasts',
      ],
    },
  );

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
  return ok('database.new', ['首次启动时创建数据库', 'the database is made at the first start']);
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

const unwritable = (path: string): Finding =>
  fault(
    'database.unwritable',
    [`无法打开或创建数据库文件：${path}`, `the database file cannot be opened or created: ${path}`],
    {
      fix: [
        '应是可读写目录中的普通文件：检查权限，或更换 databaseUrl',
        'it must be a plain file in a folder that may be written: check it, or change databaseUrl',
      ],
    },
  );

function failure(error: AppError): Finding {
  if (error.code === 'STORE_NEWER') {
    return fault(
      'database.schema_newer',
      [
        `数据库由更新的版本写入，本版本（${SCHEMA_VERSION}）拒绝使用`,
        `the database demands a newer version than this (${SCHEMA_VERSION})`,
      ],
      { fix: ['升级 pay-common', 'upgrade pay-common'] },
    );
  }
  const detail = error.detail ?? error.code;
  return fault('database.unreachable', [`数据库不可用：${detail}`, `no database: ${detail}`], {
    fix: [
      '核对地址、账号、网络；云函数加入 VPC 后须保留公网出口',
      'check address, account and network; a function in a VPC must keep its way out',
    ],
  });
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
      return [schemaOld()];
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

const schemaOld = (): Finding =>
  warn(
    'database.schema_old',
    ['数据库表结构尚未升级', 'the tables of the database are not up to date'],
    {
      fix: [
        '运行 node bin/pay-common migrate；有建表权限的服务启动时会自动升级',
        'run node bin/pay-common migrate; a service that may make tables does it at its start',
      ],
    },
  );

async function look(store: RecordStore, { clock, config }: DatabaseDeps): Promise<Finding[]> {
  try {
    await store.ping();
    const { merchantId } = config.credentials;
    const reached = ok('database.reached', [
      `数据库可用（${store.name}）`,
      `the database answers (${store.name})`,
    ]);
    const rules = store.name === 'cloudbase' ? [adminOnly()] : [];
    const damaged = await damagedRecords(store);
    const symptoms = await checkRecordSymptoms(store, merchantId, clock.now());
    return [reached, ...rules, ...damaged, ...symptoms];
  } finally {
    await store.close();
  }
}

/** These rules cannot be tested from here: a server key bypasses them. */
const adminOnly = (): Finding =>
  warn(
    'database.client_access',
    [
      '请确认三个集合的权限都是“仅管理端可读写”（ADMINONLY），此项无法自动检查',
      'make sure that clients can neither read nor write the three collections: not checkable here',
    ],
    {
      fix: [
        '云开发控制台 → 文档型数据库 → pay_record、pay_reservation、pay_migration → 权限设置：' +
          '“所有用户不可读写”，或安全规则 {"read": false, "write": false}',
        'CloudBase console → document database → pay_record, pay_reservation, pay_migration → ' +
          'permissions: ADMINONLY, or the rule {"read": false, "write": false}',
      ],
    },
  );

/** Of the newest records; the service itself alarms whatever it meets. */
async function damagedRecords(store: RecordStore): Promise<Finding[]> {
  const { items } = await store.damaged({ limit: 100 });
  if (items.length === 0) return [];
  const count = items.length === 100 ? '100+' : String(items.length);
  return [
    fault(
      'records.damaged',
      [`${count} 条记录不可信，不会被处理`, `${count} records are not believed and not acted upon`],
      {
        fix: [
          'node bin/pay-common records damaged 列出；首次设置 recordKey 后须运行 migrate --seal',
          'node bin/pay-common records damaged lists them; after recordKey was first set: migrate --seal',
        ],
      },
    ),
  ];
}
