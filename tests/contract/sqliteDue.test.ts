/** An idle sweep costs one question, and that question enters the index: no table is read from end to end. */
import { createSqlOrderStore } from '../../services/stores/sqlOrderStore';
import type { SqlDriver, SqlValue } from '../../services/stores/sqlDriver';
import type { OrderStore } from '../../services/stores/orderStore';
import { openSqliteDriver } from '../../services/stores/sqliteDriver';
import { silentLogger } from '../../utils/logger';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anOrder } from '../helpers/storeRecords';

const NOW = Date.parse('2026-03-10T10:00:00+08:00');
const folder = mkdtempSync(join(tmpdir(), 'pay-common-due-'));
const path = join(folder, 'pay.db');
const asked: { sql: string; values: readonly SqlValue[] }[] = [];
let driver: SqlDriver;
let store: OrderStore;

beforeAll(async () => {
  driver = await openSqliteDriver({ path, logger: silentLogger });
  const read: SqlDriver['read'] = (sql, values) => {
    asked.push({ sql, values });
    return driver.read(sql, values);
  };
  const heard = Object.assign(Object.create(driver) as SqlDriver, { read });
  store = createSqlOrderStore({ driver: heard, clock: { now: () => NOW }, logger: silentLogger });
  await store.migrate();
  const agenda = (at: number) => [{ do: 'query', at, tries: 0 }] as const;
  for (let i = 0; i < 200; i++) await store.insert(anOrder(`IDLE${String(i)}`, { agenda: [] }));
  for (let i = 0; i < 20; i++) {
    await store.insert(anOrder(`LATER${String(i)}`, { agenda: agenda(NOW + 1 + i) }));
  }
  await store.insert(anOrder('DUE1', { agenda: agenda(NOW - 1) }));
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** Each on a connection of its own: after a second EXPLAIN libsql takes its connection for busy for ever. */
async function explain(sql: string, values: readonly SqlValue[]): Promise<string> {
  const other = await openSqliteDriver({ path, logger: silentLogger });
  const rows = await other.read(`EXPLAIN QUERY PLAN ${sql}`, values);
  await other.close();
  return rows.map((row) => String(row['detail'])).join('\n');
}

async function planOf(work: () => Promise<unknown>): Promise<string> {
  await store.due(NOW, 1); // what is known of the tables is read beforehand
  asked.length = 0;
  await work();
  expect(asked).toHaveLength(1);
  const [{ sql, values } = { sql: '', values: [] }] = asked;
  return explain(sql, values);
}

const TABLE_READ = /\bSCAN (TABLE )?pay_record(?! USING)/;

it.each([
  ['what is due', () => store.due(NOW, 50)],
  ['what is due, where nothing is', () => store.due(1, 50)],
  ['since when', () => store.oldestDue()],
])('%s is found by the index', async (_what, work) => {
  const plan = await planOf(work);
  expect(plan).toMatch(/USING (COVERING )?INDEX pay_record_due/);
  expect(plan).not.toMatch(TABLE_READ);
});

it('enters the index at the place where the last page ended', async () => {
  const first = await store.due(NOW + 100, 5);
  expect(first.map(({ no }) => no)).toEqual(['DUE1', 'LATER0', 'LATER1', 'LATER2', 'LATER3']);
  // Unreadable rows make it look past them, page after page.
  await driver.write("UPDATE pay_record SET body = 'x' WHERE no LIKE 'LATER_'", []);
  asked.length = 0;
  const past = await store.due(NOW + 100, 5);
  expect(past.map(({ no }) => no)).toEqual(['DUE1', 'LATER10', 'LATER11', 'LATER12', 'LATER13']);
  const further = asked.filter(({ sql }) => sql.includes('(due_at, kind, no) >'));
  expect(further.length).toBeGreaterThan(0);
  for (const { sql, values } of further) {
    expect(await explain(sql, values)).toMatch(
      /SEARCH (TABLE )?pay_record USING INDEX pay_record_due/,
    );
  }
});

it('would notice: the same question without an index reads the whole table', async () => {
  asked.length = 0;
  await store.due(NOW, 50);
  const { sql, values } = asked.at(-1) ?? { sql: '', values: [] };
  const bare = sql.replace('FROM pay_record', 'FROM pay_record NOT INDEXED');
  expect(await explain(bare, values)).toMatch(TABLE_READ);
});
