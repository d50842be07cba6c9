/**
 * The tables, and how they grow. Migrations only add tables and columns that may be NULL, so that the build before can go
 * on reading and writing beside this one. A migration that older builds must not work beside says so in
 * `min_reader`: they answer STORE_NEWER from then on.
 */
import { LANES, type Lane } from '../../ledger/agenda';
import type { AgendaVerb } from '../../ledger/record';
import type { SqlDialect } from './sqlDriver';
import { LANE_COLUMN } from '../storeRules';

export interface Migration {
  readonly version: number;
  /** The least SCHEMA_VERSION that may still work on the database. */
  readonly min_reader: number;
  readonly statements: (dialect: SqlDialect) => readonly string[];
  /** A column of `pay_record` that the statements make: where it is there, they ran before and are left out. */
  readonly column?: string;
  /** After the statements, as often as it takes. */
  readonly fill?: readonly string[];
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
  {
    // Builds before it would write records that no lane finds: they answer STORE_NEWER.
    version: 2,
    min_reader: 2,
    statements: addLanes,
    column: 'ask_at',
    fill: fillLanes(),
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

/** In place of the one index over what is due: where the database can, settled records are in none of them. */
function addLanes(dialect: SqlDialect): readonly string[] {
  const columns = Object.values(LANE_COLUMN);
  const adds = columns.map((name) => `ADD COLUMN ${name} ${dialect.bigint}`);
  if (dialect.indexesInTable) {
    const indexes = columns.map((name) => `ADD INDEX pay_record_${name} (${name})`);
    const all = [...adds, ...indexes, 'DROP INDEX pay_record_due'];
    return [`ALTER TABLE pay_record ${all.join(', ')}`];
  }
  const some = (name: string): string =>
    dialect.partialIndexes ? ` WHERE ${name} IS NOT NULL` : '';
  return [
    ...adds.map((add) => `ALTER TABLE pay_record ${add}`),
    ...columns.map(
      (name) => `CREATE INDEX pay_record_${name} ON pay_record (${name})${some(name)}`,
    ),
    'DROP INDEX IF EXISTS pay_record_due',
  ];
}

/**
 * Rows of before get the earliest moment of all their work in each lane that they have work in: never too late, and
 * the sweep that comes too early writes the exact ones.
 */
function fillLanes(): readonly string[] {
  const has = (verb: AgendaVerb): string => `body LIKE '%"do":"${verb}"%'`;
  const verbs: Readonly<Record<Lane, readonly AgendaVerb[]>> = {
    deliver: ['deliver'],
    act: ['refund', 'transfer', 'reverse'],
    ask: ['query', 'expire'],
  };
  return LANES.map(
    (lane) =>
      `UPDATE pay_record SET ${LANE_COLUMN[lane]} = due_at ` +
      `WHERE due_at IS NOT NULL AND (${verbs[lane].map(has).join(' OR ')})`,
  );
}

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
