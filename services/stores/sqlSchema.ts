/**
 * The tables, and how they grow. Migrations only add: tables, indexes, and columns that may be NULL, so that the build
 * before goes on reading and writing beside this one. A migration that older builds must not work beside says so in
 * `min_reader`: they answer STORE_NEWER from then on.
 */
import type { SqlDialect } from './sqlDriver';

export interface Migration {
  readonly version: number;
  /** The least SCHEMA_VERSION that may still work on the database. */
  readonly min_reader: number;
  readonly statements: (dialect: SqlDialect) => readonly string[];
}

interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  readonly indexes: Readonly<Record<string, string>>;
  /** Rows of a few words: the key itself may be the table. */
  readonly short?: boolean;
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
    version: 1,
    min_reader: 1,
    statements: (dialect) => [
      ...createTable(dialect, recordTable(dialect)),
      ...createTable(dialect, reservationTable(dialect)),
    ],
  },
];

const recordTable = ({ key, text, bigint, body }: SqlDialect): Table => ({
  name: 'pay_record',
  columns: [
    `kind ${key} NOT NULL`,
    `no ${key} NOT NULL`,
    `version ${bigint} NOT NULL`,
    `state ${key} NOT NULL`,
    `payer ${key}`,
    `made_by ${key}`,
    `total_fen ${bigint}`,
    `paid_fen ${bigint}`,
    `refunded_fen ${bigint}`,
    `transaction_id ${text}`,
    `success_at ${bigint}`,
    `created_at ${bigint} NOT NULL`,
    `updated_at ${bigint} NOT NULL`,
    `due_at ${bigint}`,
    'record_schema INTEGER NOT NULL',
    'min_reader INTEGER NOT NULL',
    `body ${body} NOT NULL`,
    'PRIMARY KEY (kind, no)',
  ],
  indexes: {
    pay_record_due: 'due_at',
    pay_record_created: 'created_at, kind, no',
    pay_record_kind: 'kind, created_at',
    pay_record_payer: 'payer, created_at',
    pay_record_success: 'success_at',
    pay_record_state: 'state, created_at',
  },
});

const reservationTable = ({ key, text, bigint }: SqlDialect): Table => ({
  name: 'pay_reservation',
  columns: [
    `kind ${key} NOT NULL`,
    `no ${key} NOT NULL`,
    `owner ${text} NOT NULL`,
    `at ${bigint} NOT NULL`,
    'PRIMARY KEY (kind, no)',
  ],
  indexes: { pay_reservation_at: 'kind, at' },
  short: true,
});

function createTable(dialect: SqlDialect, table: Table): readonly string[] {
  const indexes = Object.entries(table.indexes);
  const inside = dialect.indexesInTable
    ? indexes.map(([name, columns]) => `INDEX ${name} (${columns})`)
    : [];
  const create =
    `CREATE TABLE IF NOT EXISTS ${table.name} (` +
    `${[...table.columns, ...inside].join(', ')})` +
    (table.short === true ? (dialect.shortTable ?? '') : '') +
    dialect.tableOptions;
  const beside = indexes.map(
    ([name, columns]) => `CREATE INDEX IF NOT EXISTS ${name} ON ${table.name} (${columns})`,
  );
  return dialect.indexesInTable ? [create] : [create, ...beside];
}
