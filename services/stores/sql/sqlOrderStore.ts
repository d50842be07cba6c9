/**
 * Records in a SQL database: one store for SQLite, MySQL/MariaDB and PostgreSQL. Every promise of `OrderStore` is one
 * statement, so it holds over all processes without a transaction of ours:
 * insert-once is the primary key, the conditional replace is `UPDATE … WHERE version = ?`.
 */
import { SCHEMA_VERSION } from '../../ledger/record';
import type { StoredRecord } from '../../ledger/record';
import { believed, createDamageAlarm, DamagedError, nameOf } from '../damage';
import type { OrderStore, Page, RecordFilter, Reservation, ReservationKind } from '../orderStore';
import { createSealing, type Sealing } from '../sealing';
import { numberIn as number, storeError, withLimit } from './sqlDriver';
import type { Row, SqlDriver, SqlValue } from './sqlDriver';
import { createSqlDue, oldestDue } from './sqlDue';
import { createDemandGuard, migrate, schemaVersion, type SqlOrderStoreDeps } from './sqlMigrating';
import { MIGRATION_TABLE } from './sqlSchema';
import {
  ACTIVE_MAX,
  RECORD_KINDS_COUNTED,
  WAITING_STATES,
  checkLimit,
  checkNew,
  checkNext,
  checkReservation,
  columnsOf,
  damaged,
  damagedPage,
  isKey,
  pageOf,
  payerRecords,
  placeAt,
  readCursor,
} from '../storeRules';
import type { RecordColumns } from '../storeRules';

const FACTS = [
  'state',
  'payer',
  'made_by',
  'total_fen',
  'paid_fen',
  'refunded_fen',
  'transaction_id',
  'success_at',
  'created_at',
  'updated_at',
  'due_at',
  'deliver_at',
  'act_at',
  'ask_at',
  'record_schema',
  'min_reader',
] as const satisfies readonly (keyof RecordColumns)[];

const INSERT =
  `INSERT INTO pay_record (kind, no, version, ${FACTS.join(', ')}, body) ` +
  `VALUES (?, ?, ?, ${FACTS.map(() => '?').join(', ')}, ?)`;
/** An index is rewritten where a statement names its columns, changed or not: these never change. */
const CHANGING = FACTS.filter((name) => name !== 'created_at' && name !== 'made_by');
/** In the statement itself: a migration that demands more ends our rewrites with its commit, not a moment later. */
const REPLACE =
  `UPDATE pay_record SET version = ?, ${CHANGING.map((name) => `${name} = ?`).join(', ')}, ` +
  'body = ? WHERE kind = ? AND no = ? AND version = ? ' +
  `AND NOT EXISTS (SELECT 1 FROM ${MIGRATION_TABLE} WHERE min_reader > ?)`;
const ROW = 'SELECT kind, no, version, created_at, body FROM pay_record';
const FIND = `${ROW} WHERE kind = ? AND no = ?`;
const quoted = (words: readonly string[]): string => `'${words.join("', '")}'`;
const COUNT =
  'SELECT COUNT(*) AS made FROM pay_record WHERE payer = ? AND created_at >= ? ' +
  `AND made_by = 'payer' AND kind IN (${quoted(RECORD_KINDS_COUNTED)})`;
/** Bodies are read of what is wanted alone, whatever the database makes of the inner select. */
const ACTIVE =
  'SELECT r.kind, r.no, r.version, r.created_at, r.body FROM (' +
  'SELECT kind, no, state, updated_at FROM pay_record WHERE payer = ? AND created_at >= ? ' +
  `AND kind IN (${quoted(RECORD_KINDS_COUNTED)}) ` +
  `ORDER BY created_at DESC LIMIT ${String(ACTIVE_MAX)}) AS newest ` +
  'JOIN pay_record r ON r.kind = newest.kind AND r.no = newest.no ' +
  `WHERE newest.updated_at >= ? OR newest.state IN (${quoted(WAITING_STATES)})`;
const RESERVE = 'INSERT INTO pay_reservation (kind, no, owner, at) VALUES (?, ?, ?, ?)';
const RESERVED = 'SELECT kind, no, owner, at FROM pay_reservation';
const RESERVATION = `${RESERVED} WHERE kind = ? AND no = ?`;

const factsOf = (
  record: StoredRecord,
  names: readonly (keyof RecordColumns)[],
): readonly SqlValue[] => {
  const columns = columnsOf(record);
  return names.map((name) => columns[name]);
};

export function createSqlOrderStore(deps: SqlOrderStoreDeps): OrderStore {
  const { driver, logger } = deps;
  const repeat = driver.dialect.ignoreRepeat('kind, no');
  const insertSql = INSERT + repeat;
  const reserveSql = RESERVE + repeat;
  const guard = createDemandGuard(deps);
  const sealing = createSealing(deps.recordKeys);
  const tell = createDamageAlarm(logger);
  const openRow = openerOf(sealing);
  const due = createSqlDue(driver, openRow, { logger, tell });

  async function find(kind: string, no: string): Promise<StoredRecord | undefined> {
    if (!isKey(no)) return undefined;
    const asking = guard.known();
    if (asking !== undefined) await asking;
    const [row] = await driver.read(FIND, [kind, no]);
    if (row === undefined) return undefined;
    try {
      return openRow(row);
    } catch (error) {
      if (error instanceof DamagedError) tell({ kind, no }, error);
      throw error;
    }
  }

  async function reservation(kind: ReservationKind, no: string): Promise<Reservation | undefined> {
    if (!isKey(no)) return undefined;
    const [row] = await driver.read(RESERVATION, [kind, no]);
    return row === undefined ? undefined : openReservation(row);
  }

  return {
    name: driver.name,
    durable: driver.durable,
    inOrder: driver.inOrder ?? false,

    async insert(record) {
      checkNew(record);
      // Waits where knowledge is old: an instance that idled would let its next record slip in.
      const asking = guard.known();
      if (asking !== undefined) await asking;
      const { kind, no, version } = record;
      const values = [kind, no, version, ...factsOf(record, FACTS), sealing.write(record)];
      return (await driver.write(insertSql, values)) === 1 ? 'inserted' : 'exists';
    },

    // One function answers for every kind: a record's `kind` is the kind it was found under.
    find: find as OrderStore['find'],

    async replace(next, expectedVersion) {
      checkNext(next, expectedVersion);
      const { kind, no, version } = next;
      const facts = [version, ...factsOf(next, CHANGING), sealing.write(next)];
      const values = [...facts, kind, no, expectedVersion, SCHEMA_VERSION];
      if ((await driver.write(REPLACE, values)) === 1) return 'replaced';
      await schemaVersion(driver); // throws where that was the reason
      return 'conflict';
    },

    async due(now, limit, lane, after) {
      checkLimit(limit);
      await guard.known();
      return due(now, limit, lane, after);
    },

    oldestDue: () => oldestDue(driver),

    async list(filter) {
      const { items, ...rest } = await listRows(driver, filter);
      return { ...rest, items: believed(items, openRow, tell) };
    },

    damaged: (filter) =>
      damagedPage(filter, {
        rows: (wider) => listRows(driver, wider),
        open: openRow,
        key: listKey,
      }),

    async count(payer, since) {
      const [row] = await driver.read(COUNT, [payer, since]);
      return number(row, 'made');
    },

    async active(payer, { from, since }) {
      const rows = await driver.read(ACTIVE, [payer, from, since]);
      return payerRecords(believed(rows, openRow, tell));
    },

    async reserve(kind, no, owner, at) {
      checkReservation(no, owner, at);
      guard.write();
      if ((await driver.write(reserveSql, [kind, no, owner, at])) === 1) return 'reserved';
      const held = await reservation(kind, no);
      if (held === undefined) throw storeError('STORE_CONTENTION', `${kind} ${no} has no owner`);
      return held.owner === owner ? 'reserved' : { owner: held.owner };
    },

    reservation,

    async reservations(kind, { from, to, limit, after }) {
      checkLimit(limit);
      const [at, no] = after === undefined ? [] : readCursor(after, 1);
      const beyond = at === undefined ? [] : [at, at, no ?? ''];
      const rows = await driver.read(
        withLimit(
          `${RESERVED} WHERE kind = ? AND at >= ? AND at < ?` +
            `${at === undefined ? '' : ' AND at >= ? AND (at, no) > (?, ?)'} ORDER BY at, no`,
          limit + 1,
        ),
        [kind, from, to, ...beyond],
      );
      const items = rows.map(openReservation);
      return pageOf(items, limit, (item) => [item.at, item.no]);
    },

    async migrate() {
      await migrate(deps);
      guard.looked();
    },

    async ping() {
      await schemaVersion(driver);
    },

    close: () => driver.close(),
  };
}

type OpenRow = (row: Row) => StoredRecord;

const openerOf =
  (sealing: Sealing): OpenRow =>
  (row) => {
    const { kind, no } = row;
    const key = { kind: String(kind), no: String(no), version: number(row, 'version') };
    const record = sealing.read(key, row['body']);
    if (record.created_at !== number(row, 'created_at')) throw damaged(`${key.kind} ${key.no}`);
    return record;
  };

const listKey = (row: Row): readonly [number, string, string] => [
  placeAt(row['created_at']),
  nameOf(row['kind']),
  nameOf(row['no']),
];

function openReservation(row: Row): Reservation {
  const { kind, no, owner } = row;
  const good = typeof kind === 'string' && typeof no === 'string' && typeof owner === 'string';
  if (!good) throw damaged('a reservation');
  return { kind: kind as ReservationKind, no, owner, at: number(row, 'at') };
}

async function listRows(driver: SqlDriver, filter: RecordFilter): Promise<Page<Row>> {
  checkLimit(filter.limit);
  const conditions: [sql: string, value: SqlValue | undefined][] = [
    ['kind = ?', filter.kind],
    ['state = ?', filter.state],
    ['payer = ?', filter.payer],
    ['created_at >= ?', filter.created_from],
    ['created_at < ?', filter.created_to],
    ['success_at >= ?', filter.success_from],
    ['success_at < ?', filter.success_to],
  ];
  const used = conditions.filter(([, value]) => value !== undefined);
  const where = used.map(([sql]) => sql);
  const values = used.map(([, value]) => value ?? null);
  if (filter.after !== undefined) {
    const [at, kind = '', no = ''] = readCursor(filter.after, 2);
    // The first part lets any of the databases enter its index at the cursor; the second is the order.
    where.push('created_at <= ?', '(created_at, kind, no) < (?, ?, ?)');
    values.push(at, at, kind, no);
  }
  const rows = await driver.read(
    withLimit(
      `${ROW}${where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`} ` +
        'ORDER BY created_at DESC, kind DESC, no DESC',
      filter.limit + 1,
    ),
    values,
  );
  return pageOf(rows, filter.limit, listKey);
}
