/** The tables as earlier versions made them (1 and 2 for one merchant), and rows as their builds wrote them. */
import { createHmac } from 'node:crypto';
import type { StoredRecord } from '../../services/ledger/record';
import type { SqlDialect, SqlValue } from '../../services/stores/sql/sqlDriver';
import { createTable, recordTable, reservationTable } from '../../services/stores/sql/sqlTables';
import { columnsOf } from '../../services/stores/storeRules';

const RECORD_INDEXES = {
  pay_record_due: 'due_at',
  pay_record_created: 'created_at, kind, no',
  pay_record_kind: 'kind, created_at',
  pay_record_payer: 'payer, created_at',
  pay_record_success: 'success_at',
  pay_record_state: 'state, created_at',
};

export function versionOne(dialect: SqlDialect): readonly string[] {
  const { key, text, bigint, body, indexesInTable: inTable } = dialect;
  const make = (name: string, columns: string, indexes: Record<string, string>): string[] => {
    const all = Object.entries(indexes);
    const inside = inTable ? all.map(([index, on]) => `, INDEX ${index} (${on})`).join('') : '';
    const short = name === 'pay_reservation' ? (dialect.shortTable ?? '') : '';
    return [
      `CREATE TABLE ${name} (${columns}${inside})${short}${dialect.tableOptions}`,
      ...(inTable ? [] : all.map(([index, on]) => `CREATE INDEX ${index} ON ${name} (${on})`)),
    ];
  };
  return [
    ...make(
      'pay_migration',
      `version INTEGER NOT NULL PRIMARY KEY, applied_at ${bigint} NOT NULL, ` +
        'min_reader INTEGER NOT NULL',
      {},
    ),
    ...make(
      'pay_record',
      `kind ${key} NOT NULL, no ${key} NOT NULL, version ${bigint} NOT NULL, ` +
        `state ${key} NOT NULL, payer ${key}, made_by ${key}, total_fen ${bigint}, ` +
        `paid_fen ${bigint}, refunded_fen ${bigint}, transaction_id ${text}, ` +
        `success_at ${bigint}, created_at ${bigint} NOT NULL, updated_at ${bigint} NOT NULL, ` +
        `due_at ${bigint}, record_schema INTEGER NOT NULL, min_reader INTEGER NOT NULL, ` +
        `body ${body} NOT NULL, PRIMARY KEY (kind, no)`,
      RECORD_INDEXES,
    ),
    ...make(
      'pay_reservation',
      `kind ${key} NOT NULL, no ${key} NOT NULL, owner ${text} NOT NULL, ` +
        `at ${bigint} NOT NULL, PRIMARY KEY (kind, no)`,
      { pay_reservation_at: 'kind, at' },
    ),
    'INSERT INTO pay_migration (version, applied_at, min_reader) VALUES (1, 1, 1)',
  ];
}

const LANES = ['deliver_at', 'act_at', 'ask_at'] as const;

/** What version 2 added. */
export const versionTwo = ({ bigint }: SqlDialect): readonly string[] => [
  ...LANES.map((lane) => `ALTER TABLE pay_record ADD COLUMN ${lane} ${bigint}`),
  ...LANES.map((lane) => `CREATE INDEX pay_record_${lane} ON pay_record (${lane})`),
  'INSERT INTO pay_migration (version, applied_at, min_reader) VALUES (2, 1, 2)',
];

/** Version 3 kept what is due of all merchants in one queue a lane. */
export const versionThree = (dialect: SqlDialect): readonly string[] => [
  ...createTable(dialect, {
    ...recordTable(dialect),
    partial: Object.fromEntries(LANES.map((lane) => [`pay_record_${lane}`, lane])),
  }),
  ...createTable(dialect, reservationTable(dialect)),
];

type Statement = readonly [sql: string, values: readonly SqlValue[]];

/** `body`: what stands there in place of the record. */
export function oldRow(
  record: StoredRecord,
  version: 1 | 2,
  body = JSON.stringify(record),
): Statement {
  const all = columnsOf(record);
  const { deliver_at: _d, act_at: _a, ask_at: _q, ...first } = all;
  const { kind, no, version: written } = record;
  const row = { kind, no, version: written, ...(version === 1 ? first : all), body };
  const marks = Object.keys(row).map(() => '?');
  return [
    `INSERT INTO pay_record (${Object.keys(row).join(', ')}) VALUES (${marks.join(', ')})`,
    Object.values(row),
  ];
}

/** The body as versions 1 and 2 sealed it: without the merchant. */
export function oldSeal(record: StoredRecord, key: string): string {
  const text = JSON.stringify(record);
  const { kind, no, version } = record;
  const seal = createHmac('sha256', key)
    .update(`pay-common record 1\n${kind}\n${no}\n${String(version)}\n`)
    .update(text)
    .digest('base64url');
  return `{"seal":"${seal}",${text.slice(1)}`;
}

/** A report named no merchant. */
export function withoutMchid<R extends StoredRecord>(record: R): R {
  const { mchid: _mchid, ...rest } = record;
  return rest as R;
}

export const oldReservation = (no: string, owner: string, at: number): Statement => [
  'INSERT INTO pay_reservation (kind, no, owner, at) VALUES (?, ?, ?, ?)',
  ['refund', no, owner, at],
];
