/**
 * Records in a SQL database: one store for SQLite, MySQL/MariaDB and PostgreSQL. Every promise of `RecordStore` is one
 * statement, so it holds over all processes without a transaction of ours:
 * insert-once is the primary key, the conditional replace is `UPDATE … WHERE version = ?`.
 */
import { SCHEMA_VERSION } from '../../ledger/record';
import type { StoredRecord } from '../../ledger/record';
import { createDamageAlarm, intact, openOrTell, type TellDamage } from '../damage';
import { createDemandGuard, type DemandGuard } from '../demandGuard';
import type {
  Page,
  RecordFilter,
  RecordStore,
  Reservation,
  ReservationKind,
  ReservationRange,
} from '../orderStore';
import { createSealing, type Sealing } from '../sealing';
import { BY_KEY, numberIn as number, storeError, withLimit } from './sqlDriver';
import type { Row, SqlDriver, SqlValue } from './sqlDriver';
import { createSqlDue, oldestDue } from './sqlDue';
import { migrate, schemaVersion, type SqlOrderStoreDeps } from './sqlMigrating';
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
  identityIn,
  isKey,
  listKey,
  pageOf,
  payerRecords,
  readCursor,
  reservationIn,
} from '../storeRules';
import type { RecordColumns } from '../storeRules';

export const FACTS = [
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
  `INSERT INTO pay_record (mchid, kind, no, version, ${FACTS.join(', ')}, body) ` +
  `VALUES (?, ?, ?, ?, ${FACTS.map(() => '?').join(', ')}, ?)`;
/** An index is rewritten where a statement names its columns, changed or not: these never change. */
const CHANGING = FACTS.filter((name) => name !== 'created_at' && name !== 'made_by');
/** In the statement itself: a migration that demands more ends our rewrites with its commit, not a moment later. */
const REPLACE =
  `UPDATE pay_record SET version = ?, ${CHANGING.map((name) => `${name} = ?`).join(', ')}, ` +
  `body = ? ${BY_KEY} AND version = ? ` +
  `AND NOT EXISTS (SELECT 1 FROM ${MIGRATION_TABLE} WHERE min_reader > ?)`;
const ROW = 'SELECT mchid, kind, no, version, created_at, body FROM pay_record';
const FIND = `${ROW} ${BY_KEY}`;
const quoted = (words: readonly string[]): string => `'${words.join("', '")}'`;
const COUNT =
  'SELECT COUNT(*) AS made FROM pay_record WHERE mchid = ? AND payer = ? AND created_at >= ? ' +
  `AND made_by = 'payer' AND kind IN (${quoted(RECORD_KINDS_COUNTED)})`;
/** Bodies are read of what is wanted alone, whatever the database makes of the inner select. */
const ACTIVE =
  'SELECT r.mchid, r.kind, r.no, r.version, r.created_at, r.body FROM (' +
  'SELECT mchid, kind, no, state, updated_at FROM pay_record ' +
  'WHERE mchid = ? AND payer = ? AND created_at >= ? ' +
  `AND kind IN (${quoted(RECORD_KINDS_COUNTED)}) ` +
  `ORDER BY created_at DESC LIMIT ${String(ACTIVE_MAX)}) AS newest ` +
  'JOIN pay_record r ON r.mchid = newest.mchid AND r.kind = newest.kind AND r.no = newest.no ' +
  `WHERE newest.updated_at >= ? OR newest.state IN (${quoted(WAITING_STATES)})`;
const RESERVE = 'INSERT INTO pay_reservation (mchid, kind, no, owner, at) VALUES (?, ?, ?, ?, ?)';
const RESERVED = 'SELECT mchid, kind, no, owner, at FROM pay_reservation';
const RESERVATION = `${RESERVED} ${BY_KEY}`;

const factsOf = (
  record: StoredRecord,
  names: readonly (keyof RecordColumns)[],
): readonly SqlValue[] => {
  const columns = columnsOf(record);
  return names.map((name) => columns[name]);
};

/** What the functions of one store work with. */
interface StoreParts {
  readonly driver: SqlDriver;
  readonly reader: number;
  readonly insertSql: string;
  readonly reserveSql: string;
  readonly guard: DemandGuard;
  readonly sealing: Sealing;
  readonly tell: TellDamage;
  readonly openRow: OpenRow;
}

export function createSqlOrderStore(deps: SqlOrderStoreDeps): RecordStore {
  const { driver, logger, reader = SCHEMA_VERSION } = deps;
  const repeat = driver.dialect.ignoreRepeat('mchid, kind, no');
  // Reads and inserts wait for it. Reservations do not: they are committed in the order they are handed in, and are
  // harmless. A rewrite is judged by its own statement.
  const guard = createDemandGuard({
    clock: deps.clock,
    look: () => schemaVersion(driver, reader),
  });
  const sealing = createSealing(deps.recordKeys, reader);
  const tell = createDamageAlarm(logger);
  const openRow = openerOf(sealing);
  const due = createSqlDue(driver, openRow, { logger, tell, reader });
  const sql = { insertSql: INSERT + repeat, reserveSql: RESERVE + repeat };
  const parts: StoreParts = { driver, reader, ...sql, guard, sealing, tell, openRow };
  const rows = (filter: RecordFilter) => listRows(driver, filter);
  return {
    name: driver.name,
    durable: driver.durable,
    inOrder: driver.inOrder ?? false,
    insert: (record) => insert(parts, record),
    // One function answers for every kind: a record's `kind` is the kind it was found under.
    find: ((mchid, kind, no) => find(parts, mchid, kind, no)) as RecordStore['find'],
    replace: (next, expectedVersion) => replace(parts, next, expectedVersion),
    async due(mchid, now, limit, lane, after) {
      checkLimit(limit);
      await guard.known();
      return due(mchid, now, limit, lane, after);
    },
    oldestDue: (mchid) => oldestDue(driver, mchid),
    async list(filter) {
      const { items, ...rest } = await rows(filter);
      return { ...rest, items: intact(items, openRow, tell) };
    },
    damaged: (filter) => damagedPage(filter, { rows, open: openRow, key: listKey }),
    async count(mchid, payer, since) {
      const [row] = await driver.read(COUNT, [mchid, payer, since]);
      return number(row, 'made');
    },
    async active(mchid, payer, { from, since }) {
      const found = await driver.read(ACTIVE, [mchid, payer, from, since]);
      return payerRecords(intact(found, openRow, tell));
    },
    reserve: (wanted) => reserve(parts, wanted),
    reservation: (mchid, kind, no) => reservation(driver, mchid, kind, no),
    reservations: (mchid, kind, range) => reservations(driver, mchid, kind, range),
    async migrate() {
      await migrate(deps);
      guard.looked();
    },
    async ping() {
      await schemaVersion(driver, reader);
    },
    close: () => driver.close(),
  };
}

async function insert(parts: StoreParts, record: StoredRecord): Promise<'inserted' | 'exists'> {
  const { driver, reader, insertSql, guard, sealing } = parts;
  checkNew(record, reader);
  // Waits where knowledge is old: an instance that idled would let its next record slip in.
  const asking = guard.known();
  if (asking !== undefined) await asking;
  const { mchid, kind, no, version } = record;
  const values = [mchid, kind, no, version, ...factsOf(record, FACTS), sealing.write(record)];
  return (await driver.write(insertSql, values)) === 1 ? 'inserted' : 'exists';
}

async function find(
  { driver, guard, openRow, tell }: StoreParts,
  mchid: string,
  kind: string,
  no: string,
): Promise<StoredRecord | undefined> {
  if (!isKey(no)) return undefined;
  const asking = guard.known();
  if (asking !== undefined) await asking;
  const [row] = await driver.read(FIND, [mchid, kind, no]);
  return row === undefined ? undefined : openOrTell(tell, row, openRow);
}

async function replace(
  { driver, reader, sealing }: StoreParts,
  next: StoredRecord,
  expectedVersion: number,
): Promise<'replaced' | 'conflict'> {
  checkNext(next, expectedVersion, reader);
  const { mchid, kind, no, version } = next;
  const facts = [version, ...factsOf(next, CHANGING), sealing.write(next)];
  const values = [...facts, mchid, kind, no, expectedVersion, reader];
  if ((await driver.write(REPLACE, values)) === 1) return 'replaced';
  await schemaVersion(driver, reader); // throws where that was the reason
  return 'conflict';
}

async function reserve(
  { driver, guard, reserveSql }: StoreParts,
  wanted: Reservation,
): ReturnType<RecordStore['reserve']> {
  checkReservation(wanted);
  guard.write();
  const { mchid, kind, no, owner, at } = wanted;
  if ((await driver.write(reserveSql, [mchid, kind, no, owner, at])) === 1) return 'reserved';
  const held = await reservation(driver, mchid, kind, no);
  if (held === undefined) throw storeError('STORE_CONTENTION', `${kind} ${no} has no owner`);
  return held.owner === owner ? 'reserved' : { owner: held.owner };
}

async function reservation(
  driver: SqlDriver,
  mchid: string,
  kind: ReservationKind,
  no: string,
): Promise<Reservation | undefined> {
  if (!isKey(no)) return undefined;
  const [row] = await driver.read(RESERVATION, [mchid, kind, no]);
  return row === undefined ? undefined : openReservation(row);
}

async function reservations(
  driver: SqlDriver,
  mchid: string,
  kind: ReservationKind,
  { from, to, limit, after }: ReservationRange,
): Promise<Page<Reservation>> {
  checkLimit(limit);
  const [at, no] = after === undefined ? [] : readCursor(after, 1);
  const beyond = at === undefined ? [] : [at, at, no ?? ''];
  const rows = await driver.read(
    withLimit(
      `${RESERVED} WHERE mchid = ? AND kind = ? AND at >= ? AND at < ?` +
        `${at === undefined ? '' : ' AND at >= ? AND (at, no) > (?, ?)'} ORDER BY at, no`,
      limit + 1,
    ),
    [mchid, kind, from, to, ...beyond],
  );
  const items = rows.map(openReservation);
  return pageOf(items, limit, (item) => [item.at, item.no]);
}

type OpenRow = (row: Row) => StoredRecord;

const openerOf =
  (sealing: Sealing): OpenRow =>
  (row) => {
    const key = { ...identityIn(row), version: number(row, 'version') };
    const record = sealing.read(key, row['body']);
    if (record.created_at !== number(row, 'created_at')) throw damaged(`${key.kind} ${key.no}`);
    return record;
  };

const openReservation = (row: Row): Reservation => reservationIn(row, number(row, 'at'));

async function listRows(driver: SqlDriver, filter: RecordFilter): Promise<Page<Row>> {
  checkLimit(filter.limit);
  const conditions: [sql: string, value: SqlValue | undefined][] = [
    ['mchid = ?', filter.mchid],
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
    const [at, mchid = '', kind = '', no = ''] = readCursor(filter.after, 3);
    // The first part lets any of the databases enter its index at the cursor; the second is the order.
    const [enter, place] =
      filter.mchid === undefined ? ['mchid <= ?', mchid] : ['created_at <= ?', at];
    where.push(enter, '(mchid, created_at, kind, no) < (?, ?, ?, ?)');
    values.push(place, mchid, at, kind, no);
  }
  const rows = await driver.read(
    withLimit(
      `${ROW}${where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`} ` +
        'ORDER BY mchid DESC, created_at DESC, kind DESC, no DESC',
      filter.limit + 1,
    ),
    values,
  );
  return pageOf(rows, filter.limit, listKey);
}
