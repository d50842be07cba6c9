/** The tables of a SQL store: bringing them up to date, and noticing that they demand a newer build. */
import { SCHEMA_VERSION } from '../../ledger/record';
import type { Clock } from '../../../utils/clock';
import { StoreError } from '../../../utils/errors';
import type { Logger } from '../../../utils/logger';
import { numberIn as number } from './sqlDriver';
import type { SqlDriver, SqlSession } from './sqlDriver';
import { createSealing } from '../sealing';
import { MIGRATION_TABLE, migrations, migrationTable, type Migration } from './sqlSchema';

export interface SqlOrderStoreDeps {
  readonly driver: SqlDriver;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The first seals, any opens; none = records are not sealed. */
  readonly recordKeys?: readonly string[] | undefined;
  /** The merchant of the environment: records of an earlier version without a merchant belong to it. */
  readonly mchid?: string | undefined;
  /** Only tests pass others: of builds before and after this one. */
  readonly reader?: number;
  readonly migrations?: readonly Migration[];
}

const MIGRATED =
  'SELECT MAX(version) AS version, MAX(min_reader) AS min_reader ' + `FROM ${MIGRATION_TABLE}`;
const MIGRATE = `INSERT INTO ${MIGRATION_TABLE} (version, applied_at, min_reader) VALUES (?, ?, ?)`;

/** The newest migration applied. @throws StoreError STORE_NEWER where one demands a newer build. */
export async function schemaVersion(session: SqlSession, reader = SCHEMA_VERSION): Promise<number> {
  const [row] = await session.read(MIGRATED, []);
  if (row === undefined || row['version'] === null) return 0;
  const demand = number(row, 'min_reader');
  if (demand > reader) {
    throw new StoreError('STORE_NEWER', {
      detail: `the tables need a reader of version ${String(demand)}`,
    });
  }
  return number(row, 'version');
}

export async function migrate(deps: SqlOrderStoreDeps): Promise<void> {
  const { driver, clock, logger, mchid, reader } = deps;
  const { dialect } = driver;
  const carry = { mchid, sealing: createSealing(deps.recordKeys, reader) };
  const wanted = deps.migrations ?? migrations;
  const newest = Math.max(...wanted.map((one) => one.version));
  // Looked at first without the lock: an account without the right to create tables can work on made ones.
  const [table] = await driver.read(dialect.tableExists, [MIGRATION_TABLE]);
  if (table !== undefined && (await schemaVersion(driver, reader)) >= newest) return;
  await driver.exclusively(async (session) => {
    for (const sql of migrationTable(dialect)) await session.write(sql, []);
    const applied = await schemaVersion(session, reader);
    for (const one of wanted.filter((migration) => migration.version > applied)) {
      await one.before?.(session, dialect, carry);
      for (const sql of one.statements(dialect)) await session.write(sql, []);
      await one.after?.(session, dialect);
      await session.write(MIGRATE, [one.version, clock.now(), one.min_reader]);
      logger.info({ store: driver.name, version: one.version }, 'migration applied');
    }
  });
}
