/**
 * Records in a SQL database: one store for SQLite, MySQL/MariaDB and PostgreSQL. Every promise of `OrderStore` is one
 * statement, so it holds over all processes without a transaction of ours:
 * insert-once is the primary key, the conditional replace is `UPDATE … WHERE version = ?`.
 */
import { SCHEMA_VERSION } from '../records';
import type { StoredRecord } from '../records';
import type { Clock } from '../../utils/clock';
import { StoreError } from '../../utils/errors';
import type { Logger } from '../../utils/logger';
import type { OrderStore, RecordFilter, Reservation, ReservationKind } from './orderStore';
import { numberIn as number, storeError, withLimit } from './sqlDriver';
import type { Row, SqlDialect, SqlDriver, SqlSession, SqlValue } from './sqlDriver';
import { createSqlDue, oldestDue } from './sqlDue';
import { MIGRATION_TABLE, migrations, migrationTable } from './sqlSchema';
import type { Migration } from './sqlSchema';
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
  isKey,
  pageOf,
  payerRecords,
  readCursor,
  readRecord,
} from './storeRules';
import type { RecordColumns } from './storeRules';

export interface SqlOrderStoreDeps {
  readonly driver: SqlDriver;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Only tests hand in others. */
  readonly migrations?: readonly Migration[];
}

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

const TABLE = 'pay_record';
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
const MIGRATED =
  'SELECT MAX(version) AS version, MAX(min_reader) AS min_reader ' + `FROM ${MIGRATION_TABLE}`;
const MIGRATE = `INSERT INTO ${MIGRATION_TABLE} (version, applied_at, min_reader) VALUES (?, ?, ?)`;

/** How old our knowledge of what the tables demand may be, for all that rewrites nothing. */
const DEMAND_KNOWN_MS = 1000;

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
  const due = createSqlDue(driver, openRow, logger);

  async function find(kind: string, no: string): Promise<StoredRecord | undefined> {
    if (!isKey(no)) return undefined;
    const asking = guard.known();
    if (asking !== undefined) await asking;
    const [row] = await driver.read(FIND, [kind, no]);
    return row === undefined ? undefined : openRow(row);
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
      const values = [kind, no, version, ...factsOf(record, FACTS), JSON.stringify(record)];
      return (await driver.write(insertSql, values)) === 1 ? 'inserted' : 'exists';
    },

    // One function answers for every kind: a record's `kind` is the kind it was found under.
    find: find as OrderStore['find'],

    async replace(next, expectedVersion) {
      checkNext(next, expectedVersion);
      const { kind, no, version } = next;
      const facts = [version, ...factsOf(next, CHANGING), JSON.stringify(next)];
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

    list: (filter) => list(driver, filter),

    async count(payer, since) {
      const [row] = await driver.read(COUNT, [payer, since]);
      return number(row, 'made');
    },

    async active(payer, { from, since }) {
      const rows = await driver.read(ACTIVE, [payer, from, since]);
      return payerRecords(rows.map(openRow));
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

function openRow(row: Row): StoredRecord {
  const key = { kind: String(row['kind']), no: String(row['no']), version: number(row, 'version') };
  const record = readRecord(key, row['body']);
  if (record.created_at !== number(row, 'created_at')) throw damaged(`${key.kind} ${key.no}`);
  return record;
}

function openReservation(row: Row): Reservation {
  const { kind, no, owner } = row;
  const good = typeof kind === 'string' && typeof no === 'string' && typeof owner === 'string';
  if (!good) throw damaged('a reservation');
  return { kind: kind as ReservationKind, no, owner, at: number(row, 'at') };
}

async function list(
  driver: SqlDriver,
  filter: RecordFilter,
): Promise<{ items: readonly StoredRecord[]; next?: string }> {
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
  const shown = pageOf(rows, filter.limit, (row) => [
    number(row, 'created_at'),
    String(row['kind']),
    String(row['no']),
  ]);
  return { ...shown, items: shown.items.map(openRow) };
}

/** The newest migration applied. @throws StoreError STORE_NEWER where one demands a newer build. */
async function schemaVersion(session: SqlSession): Promise<number> {
  const [row] = await session.read(MIGRATED, []);
  if (row === undefined || row['version'] === null) return 0;
  const demand = number(row, 'min_reader');
  if (demand > SCHEMA_VERSION) {
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
function createDemandGuard({ driver, clock }: SqlOrderStoreDeps) {
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;
  let newer: StoreError | undefined;

  const ask = async (): Promise<void> => {
    askedAt = clock.now();
    try {
      await schemaVersion(driver);
      newer = undefined;
    } catch (error) {
      // Any other failure is told by the statement that was to follow.
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

async function migrate(deps: SqlOrderStoreDeps): Promise<void> {
  const { driver, clock, logger } = deps;
  const wanted = deps.migrations ?? migrations;
  const newest = Math.max(...wanted.map((one) => one.version));
  // Looked at first without the lock: an account without the right to create tables can work on made ones.
  const [table] = await driver.read(driver.dialect.tableExists, [MIGRATION_TABLE]);
  if (table !== undefined && (await schemaVersion(driver)) >= newest) return;
  await driver.exclusively(async (session) => {
    for (const sql of migrationTable(driver.dialect)) await session.write(sql, []);
    const applied = await schemaVersion(session);
    for (const one of wanted.filter((migration) => migration.version > applied)) {
      await apply(session, one, driver.dialect);
      await session.write(MIGRATE, [one.version, clock.now(), one.min_reader]);
      logger.info({ store: driver.name, version: one.version }, 'migration applied');
    }
  });
}

async function apply(session: SqlSession, one: Migration, dialect: SqlDialect): Promise<void> {
  const { column } = one;
  const made =
    column === undefined ? [] : await session.read(dialect.columnExists, [TABLE, column]);
  if (made.length === 0) {
    for (const sql of one.statements(dialect)) await session.write(sql, []);
  }
  for (const sql of one.fill ?? []) await session.write(sql, []);
}
