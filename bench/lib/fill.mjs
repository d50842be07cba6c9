/**
 * A SQLite file with as many records as wanted, made from two that the service itself wrote (one
 * paid, one not): the text of each is copied with its own number, payer and time put in. Numbers
 * are scattered over their range, so that every index is entered at random, as in life.
 */
import { createRequire } from 'node:module';
import { closedLoop } from './load.mjs';
import { withClient } from './world.mjs';

/** Prime, just below the eight digits that a number ends in: i × FACTOR mod PRIME never repeats. */
const PRIME = 99_999_989;
const FACTOR = 61_803_399;
const ROWS_A_STATEMENT = 100_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

const tailOf = (i) => String((i * FACTOR) % PRIME).padStart(8, '0');

/** The order that `fill` wrote as the i-th: unpaid where `i % unpaidEvery === 0`. */
export const filledOrder = (filled, i) => ({
  no: `G${tailOf(i)}`,
  payer: filled.payerPrefix + tailOf(i),
});

export function openSqlite(file) {
  const Libsql = createRequire(import.meta.url)('libsql');
  return new Libsql(file);
}

async function samples(world, file) {
  const service = await world.service({ databaseUrl: `file:${file}` });
  const orders = world.orders(2);
  await withClient([service], (client) => closedLoop(2, world.placing(client, orders)));
  const notes = world.notifications(orders.slice(0, 1));
  await withClient([service], (client) => closedLoop(1, world.notifying(client, notes)));
  await service.stop('SIGTERM');
  const database = openSqlite(file);
  const rows = database.prepare('SELECT * FROM pay_record').all();
  database.close();
  const [paid, unpaid] = ['PAID', 'PENDING'].map((state) => rows.find((r) => r.state === state));
  if (paid === undefined || unpaid === undefined) throw new Error('no samples to fill from');
  return { paid, unpaid };
}

/**
 * The record's text as an SQL expression over `tail` (its number) and `made` (when it was
 * created).
 */
function bodyExpression(row, agenda) {
  const record = { ...JSON.parse(row.body), agenda };
  const marked = JSON.stringify(record)
    .replaceAll(row.payer, `${row.payer.slice(0, -8)}@TAIL@`)
    .replaceAll(row.no, 'G@TAIL@')
    .replaceAll(String(row.created_at), '@MADE@')
    .replaceAll(row.transaction_id ?? '@none@', '420000000000000000@TAIL@');
  const quoted = `'${marked.replaceAll("'", "''")}'`;
  return `replace(replace(${quoted}, '@TAIL@', tail), '@MADE@', made)`;
}

function insertSql(row, { agenda, dueAt, where }) {
  const own = {
    no: "'G' || tail",
    payer: `'${row.payer.slice(0, -8)}' || tail`,
    created_at: 'made',
    updated_at: 'made',
    due_at: dueAt,
    transaction_id: row.transaction_id === null ? 'NULL' : "'420000000000000000' || tail",
    body: bodyExpression(row, agenda),
  };
  const literal = (value) => {
    if (value === null) return 'NULL';
    return typeof value === 'number' ? String(value) : `'${value}'`;
  };
  const columns = Object.keys(row);
  const values = columns.map((name) => own[name] ?? literal(row[name]));
  const numbers =
    'WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?), ' +
    `g AS (SELECT i, printf('%08d', (i * ${String(FACTOR)}) % ${String(PRIME)}) AS tail, ` +
    `${String(row.created_at)} - i * 20 AS made FROM n WHERE ${where}) `;
  const into = `INSERT INTO pay_record (${columns.join(', ')})`;
  return `${into} ${numbers} SELECT ${values.join(', ')} FROM g`;
}

const expiring = (at) => [
  { do: 'expire', at: at + HOUR_MS, tries: 0 },
  { do: 'query', at, tries: 0 },
];

/**
 * Opens a file to be filled. `unpaidEvery`: of so many orders one is not paid, and not due for a
 * day.
 */
export async function createFilled(world, { unpaidEvery }) {
  const file = world.freshFile('filled.db');
  const { paid, unpaid } = await samples(world, file);
  const later = Date.now() + 24 * HOUR_MS;
  const every = String(unpaidEvery);
  const paidSql = insertSql(paid, { agenda: [], dueAt: 'NULL', where: `i % ${every} <> 0` });
  const restSql = insertSql(unpaid, {
    agenda: expiring(later),
    dueAt: String(later),
    where: `i % ${every} = 0`,
  });
  const payerPrefix = paid.payer.slice(0, -8);
  return { file, payerPrefix, unpaidEvery, rows: 0, sql: [paidSql, restSql], unpaid };
}

/** Grows the file to `rows` records. Flushing is off meanwhile: what is lost here is made again. */
export function fillTo(filled, rows) {
  const database = openSqlite(filled.file);
  database.exec('PRAGMA synchronous = OFF');
  database.exec('PRAGMA cache_size = -400000');
  for (let from = filled.rows; from < rows; from += ROWS_A_STATEMENT) {
    const to = Math.min(rows, from + ROWS_A_STATEMENT);
    database.exec('BEGIN');
    for (const sql of filled.sql) database.prepare(sql).run([from, to]);
    database.exec('COMMIT');
  }
  database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
  database.close();
  filled.rows = rows;
}

/** Adds so many orders that are due now: to be asked about at WeChat. */
export function addDue(filled, count) {
  const database = openSqlite(filled.file);
  const due = Date.now() - MINUTE_MS;
  const sql = insertSql(filled.unpaid, {
    agenda: expiring(due),
    dueAt: String(due),
    where: 'true',
  });
  database.prepare(sql).run([filled.rows, filled.rows + count]);
  database.close();
  filled.rows += count;
}
