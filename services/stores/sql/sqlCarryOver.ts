/**
 * Carries the tables of versions 1 and 2 over into today's, whose key has the merchant in it. The old table is put aside
 * first, so builds that still run find nothing rather than half of it. Each step looks at what is there and goes on from
 * it: MySQL commits every one by itself, and the process may end in between.
 */
import { carriedRecord, ownMchid, type CarryDeps } from '../carriedRecord';
import { LANE_COLUMN } from '../storeRules';
import { numberIn, withLimit } from './sqlDriver';
import type { Row, SqlDialect, SqlSession, SqlValue } from './sqlDriver';
import { createTable, recordTable, reservationTable, type Table } from './sqlTables';

/** Rows of one statement: bodies may have 100 kB, and databases bound a statement's bytes. */
const ROWS = 20;
const KINDS = 'SELECT DISTINCT kind FROM';

type Carry = (row: Row) => Row;

export async function carryOver(
  session: SqlSession,
  dialect: SqlDialect,
  deps: CarryDeps,
): Promise<void> {
  const place = { session, dialect };
  await carryTable(place, recordTable(dialect), (row) => recordOf(row, deps));
  await carryTable(place, reservationTable(dialect), (row) => ({ ...row, mchid: ownMchid(deps) }));
}

interface Place {
  readonly session: SqlSession;
  readonly dialect: SqlDialect;
}

async function carryTable({ session, dialect }: Place, table: Table, carry: Carry): Promise<void> {
  const { name } = table;
  const [old, next] = [`${name}_old`, `${name}_next`];
  const has = async (sql: string, ...values: string[]): Promise<boolean> =>
    (await session.read(sql, values)).length > 0;
  const exists = (which: string): Promise<boolean> => has(dialect.tableExists, which);

  if ((await exists(name)) && !(await has(dialect.columnExists, name, 'mchid'))) {
    await session.write(`ALTER TABLE ${name} RENAME TO ${old}`, []);
  }
  if (!(await exists(old))) return;
  if (!(await exists(name))) {
    for (const sql of createTable(dialect, table, next)) await session.write(sql, []);
    await copy(session, { from: old, to: next, carry });
    await session.write(`ALTER TABLE ${next} RENAME TO ${name}`, []);
  }
  await session.write(`DROP TABLE ${old}`, []);
}

/** In the order of the numbers, so what is copied already says where to go on. */
async function copy(
  session: SqlSession,
  { from, to, carry }: { readonly from: string; readonly to: string; readonly carry: Carry },
): Promise<void> {
  const page = withLimit(`SELECT * FROM ${from} WHERE kind = ? AND no > ? ORDER BY no`, ROWS);
  for (const { kind } of await session.read(`${KINDS} ${from}`, [])) {
    const [done] = await session.read(`SELECT MAX(no) AS no FROM ${to} WHERE kind = ?`, [
      String(kind),
    ]);
    const copied = done?.['no'];
    let last = typeof copied === 'string' ? copied : '';
    for (;;) {
      const rows = await session.read(page, [String(kind), last]);
      if (rows.length > 0) await insert(session, to, rows.map(carry));
      if (rows.length < ROWS) break;
      last = String(rows.at(-1)?.['no']);
    }
  }
}

async function insert(session: SqlSession, to: string, rows: readonly Row[]): Promise<void> {
  const columns = Object.keys(rows[0] ?? {});
  const marks = `(${columns.map(() => '?').join(', ')})`;
  await session.write(
    `INSERT INTO ${to} (${columns.join(', ')}) VALUES ${rows.map(() => marks).join(', ')}`,
    rows.flatMap((row) => columns.map((column) => row[column] as SqlValue)),
  );
}

/** Version 1 had no lanes. A damaged row keeps its place in all of them. */
function recordOf(row: Row, deps: CarryDeps): Row {
  const { kind, no, body, due_at } = row;
  const key = { kind: String(kind), no: String(no), version: numberIn(row, 'version') };
  const { mchid, body: text, lanes } = carriedRecord(key, body, deps);
  const places = Object.values(LANE_COLUMN).map((lane) => [lane, lanes?.[lane] ?? null] as const);
  const kept = Object.values(LANE_COLUMN).map((lane) => [lane, due_at] as const);
  return { ...row, mchid, body: text, ...Object.fromEntries(lanes === undefined ? kept : places) };
}
