/** The tables of today, in each database's words. */
import type { SqlDialect } from './sqlDriver';
import { LANES, type Lane } from '../../ledger/agenda';
import { LANE_COLUMN } from '../storeRules';

export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  /** Name → columns. */
  readonly indexes: Readonly<Record<string, string>>;
  /** As `indexes`, without the rows in which the last column is NULL where the database can leave them out. */
  readonly partial?: Readonly<Record<string, string>>;
  /** Rows of a few words: the key itself may be the table. */
  readonly short?: boolean;
}

const laneIndex = (lane: Lane): string => `pay_record_${lane}`;
/** Version 3 had one queue for all merchants. */
export const oldLaneIndexes: readonly string[] = Object.values(LANE_COLUMN).map(
  (column) => `pay_record_${column}`,
);

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
  partial: Object.fromEntries(
    LANES.map((lane) => [laneIndex(lane), `mchid, ${LANE_COLUMN[lane]}`]),
  ),
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
  const { indexesInTable: inTable } = dialect;
  const indexes = Object.entries({ ...table.indexes, ...table.partial });
  const inside = inTable ? indexes.map(([index, columns]) => `INDEX ${index} (${columns})`) : [];
  const create =
    `CREATE TABLE IF NOT EXISTS ${name} (` +
    `${[...table.columns, ...inside].join(', ')})` +
    (table.short === true ? (dialect.shortTable ?? '') : '') +
    dialect.tableOptions;
  if (inTable || name !== table.name) return [create];
  return [create, ...Object.values(createIndexes(dialect, table))];
}

/** The statement that makes each index, by its name. */
export function createIndexes(
  { indexesInTable, partialIndexes }: SqlDialect,
  { name, indexes, partial = {} }: Table,
): Readonly<Record<string, string>> {
  const once = indexesInTable ? '' : 'IF NOT EXISTS ';
  const statements = Object.entries({ ...indexes, ...partial }).map(([index, columns]) => {
    const last = columns.split(', ').at(-1) ?? columns;
    const some = partialIndexes && index in partial ? ` WHERE ${last} IS NOT NULL` : '';
    return [index, `CREATE INDEX ${once}${index} ON ${name} (${columns})${some}`] as const;
  });
  return Object.fromEntries(statements);
}
