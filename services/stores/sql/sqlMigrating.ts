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
  /** The merchant of the environment: what an earlier version kept without one is his. */
  readonly mchid?: string | undefined;
  /** Only tests hand in others: builds of before and after this one. */
  readonly reader?: number;
  readonly migrations?: readonly Migration[];
}

const MIGRATED =
  'SELECT MAX(version) AS version, MAX(min_reader) AS min_reader ' + `FROM ${MIGRATION_TABLE}`;
const MIGRATE = `INSERT INTO ${MIGRATION_TABLE} (version, applied_at, min_reader) VALUES (?, ?, ?)`;

/** How old our knowledge of what the tables demand may be, for all that rewrites nothing. */
const DEMAND_KNOWN_MS = 1000;

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

/**
 * An instance that was running when the tables began to demand a newer build notices it with what it asks
 * next: one small read a second, shared by all. Reads and inserts wait for it. Reservations do not, for they are
 * committed in the order they are handed in, and are harmless; a rewrite is judged by its own statement.
 */
export function createDemandGuard({ driver, clock, reader }: SqlOrderStoreDeps) {
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;
  let newer: StoreError | undefined;

  const ask = async (): Promise<void> => {
    askedAt = clock.now();
    try {
      await schemaVersion(driver, reader);
      newer = undefined;
    } catch (error) {
      // Any other failure is reported by the statement that follows.
      if (error instanceof StoreError && error.code === 'STORE_NEWER') newer = error;
    } finally {
      asking = undefined;
    }
  };
  const fresh = (): Promise<void> | undefined => {
    const ageMs = clock.now() - askedAt;
    // A clock that was set back must not make us sure for ever.
    if (ageMs < 0 || ageMs >= DEMAND_KNOWN_MS) asking ??= ask();
    return asking;
  };
  const refuse = (): void => {
    if (newer !== undefined) throw newer;
  };
  return {
    /** The tables were just looked at, by a migration. */
    looked(): void {
      askedAt = clock.now();
    },
    /** Nothing to wait for where nothing has to be asked: so a write before `close` is kept. */
    known(): Promise<void> | undefined {
      const asked = fresh();
      if (asked !== undefined) return asked.then(refuse);
      refuse();
      return undefined;
    },
    write(): void {
      void fresh();
      refuse();
    },
  };
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
