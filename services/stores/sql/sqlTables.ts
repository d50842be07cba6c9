/** The tables of today, in each database's words. */
import type { SqlDialect } from './sqlDriver';
import { LANE_COLUMN } from '../storeRules';

export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  /** Name → columns. */
  readonly indexes: Readonly<Record<string, string>>;
  /** Indexes of one column each, without the rows in which it is NULL where the database can leave them out. */
  readonly partial?: readonly string[];
  /** Rows of a few words: the key itself may be the table. */
  readonly short?: boolean;
}

export const recordTable = ({ key, text, bigint, body }: SqlDialect): Table => ({
  name: 'pay_record',
  columns: [
    `mchid ${key} NOT NULL`,
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
    ...Object.values(LANE_COLUMN).map((lane) => `${lane} ${bigint}`),
    'record_schema INTEGER NOT NULL',
    'min_reader INTEGER NOT NULL',
    `body ${body} NOT NULL`,
    'PRIMARY KEY (mchid, kind, no)',
  ],
  indexes: {
    pay_record_created: 'mchid, created_at, kind, no',
    pay_record_kind: 'mchid, kind, created_at',
    pay_record_payer: 'mchid, payer, created_at',
    pay_record_success: 'mchid, success_at',
    pay_record_state: 'mchid, state, created_at',
  },
  partial: Object.values(LANE_COLUMN),
});

export const reservationTable = ({ key, text, bigint }: SqlDialect): Table => ({
  name: 'pay_reservation',
  columns: [
    `mchid ${key} NOT NULL`,
    `kind ${key} NOT NULL`,
    `no ${key} NOT NULL`,
    `owner ${text} NOT NULL`,
    `at ${bigint} NOT NULL`,
    'PRIMARY KEY (mchid, kind, no)',
  ],
  indexes: { pay_reservation_at: 'mchid, kind, at' },
  short: true,
});

/** @param name  Under another name it has no indexes of its own where those have names in the whole database. */
export function createTable(
  dialect: SqlDialect,
  table: Table,
  name = table.name,
): readonly string[] {
  const { indexesInTable: inTable, partialIndexes } = dialect;
  const some = (column: string): string => (partialIndexes ? ` WHERE ${column} IS NOT NULL` : '');
  const partial = (table.partial ?? []).map(
    (column) => [`${table.name}_${column}`, column] as const,
  );
  const indexes = [...Object.entries(table.indexes), ...partial];
  const inside = inTable ? indexes.map(([index, columns]) => `INDEX ${index} (${columns})`) : [];
  const create =
    `CREATE TABLE IF NOT EXISTS ${name} (` +
    `${[...table.columns, ...inside].join(', ')})` +
    (table.short === true ? (dialect.shortTable ?? '') : '') +
    dialect.tableOptions;
  if (inTable || name !== table.name) return [create];
  const isPartial = (columns: string): boolean => table.partial?.includes(columns) === true;
  return [
    create,
    ...indexes.map(
      ([index, columns]) =>
        `CREATE INDEX IF NOT EXISTS ${index} ON ${name} (${columns})` +
        (isPartial(columns) ? some(columns) : ''),
    ),
  ];
}
