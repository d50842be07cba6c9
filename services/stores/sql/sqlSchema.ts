/**
 * The tables, and how they grow. Migrations only add tables and columns that may be NULL, so that the build before can go
 * on reading and writing beside this one. A migration that older builds must not work beside says so in
 * `min_reader`: they answer STORE_NEWER from then on.
 */
import type { SqlDialect, SqlSession } from './sqlDriver';
import { carryOver } from './sqlCarryOver';
import { reindex } from './sqlReindex';
import { createTable, recordTable, reservationTable } from './sqlTables';
import type { CarryDeps } from '../carriedRecord';

export interface Migration {
  readonly version: number;
  /** The least SCHEMA_VERSION that may still work on the database. */
  readonly min_reader: number;
  /** Runs first; may be interrupted at any place and run again. */
  readonly before?: (session: SqlSession, dialect: SqlDialect, deps: CarryDeps) => Promise<void>;
  readonly statements: (dialect: SqlDialect) => readonly string[];
  /** Runs last; as `before`. */
  readonly after?: (session: SqlSession, dialect: SqlDialect) => Promise<void>;
}

export const MIGRATION_TABLE = 'pay_migration';

export const migrationTable = (dialect: SqlDialect): readonly string[] =>
  createTable(dialect, {
    name: MIGRATION_TABLE,
    columns: [
      'version INTEGER NOT NULL PRIMARY KEY',
      `applied_at ${dialect.bigint} NOT NULL`,
      'min_reader INTEGER NOT NULL',
    ],
    indexes: {},
  });

export const migrations: readonly Migration[] = [
  {
    // Versions 1 and 2 knew one merchant only: their builds would find and write without an mchid. Those of version 3
    // go on beside this one, which only sorts what is due by merchant.
    version: 4,
    min_reader: 3,
    before: carryOver,
    statements: (dialect) => [
      ...createTable(dialect, recordTable(dialect)),
      ...createTable(dialect, reservationTable(dialect)),
    ],
    after: reindex,
  },
];
