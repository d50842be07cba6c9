/** An idle sweep costs one question, and that question enters the index: no table is read from end to end. */
import { createSqlOrderStore } from '../../services/stores/sql/sqlOrderStore';
import type { SqlDriver, SqlValue } from '../../services/stores/sql/sqlDriver';
import type { RecordStore } from '../../services/stores/orderStore';
import { openSqliteDriver } from '../../services/stores/sql/sqliteDriver';
import { silentLogger } from '../../utils/logger';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anOrder } from '../helpers/storeRecords';
import { MCHID } from '../helpers/ownStore';

const NOW = Date.parse('2026-03-10T10:00:00+08:00');
const folder = mkdtempSync(join(tmpdir(), 'pay-common-due-'));
const path = join(folder, 'pay.db');
const asked: { sql: string; values: readonly SqlValue[] }[] = [];
let driver: SqlDriver;
let store: RecordStore;

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

/** Each on a connection of its own: after a second EXPLAIN libsql takes its connection for busy forever. */
async function explain(sql: string, values: readonly SqlValue[]): Promise<string> {
  const other = await openSqliteDriver({ path, logger: silentLogger });
  const rows = await other.read(`EXPLAIN QUERY PLAN ${sql}`, values);
  await other.close();
  return rows.map((row) => String(row['detail'])).join('\n');
}

async function planOf(work: () => Promise<unknown>): Promise<string> {
  await store.due(MCHID, NOW, 1, 'ask'); // what is known of the tables is read beforehand
  asked.length = 0;
  await work();
  expect(asked).toHaveLength(1);
  const [{ sql, values } = { sql: '', values: [] }] = asked;
  return explain(sql, values);
}

const TABLE_READ = /\bSCAN (TABLE )?pay_record(?! USING)/;

it.each([
  ['what is due', 'ask', () => store.due(MCHID, NOW, 50, 'ask')],
  ['what is due, where nothing is', 'ask', () => store.due(MCHID, 1, 50, 'ask')],
  ['what is to be delivered', 'deliver', () => store.due(MCHID, NOW, 50, 'deliver')],
  ['what moves money', 'act', () => store.due(MCHID, NOW, 50, 'act')],
  ['since when', 'ask', () => store.oldestDue(MCHID)],
])('%s is found by the index', async (_what, lane, work) => {
  const plan = await planOf(work);
  expect(plan).toMatch(new RegExp(`USING (COVERING )?INDEX pay_record_${lane} \\(mchid=\\?`));
  expect(plan).not.toMatch(TABLE_READ);
});

it.each([
  ['one by its number', 'sqlite_autoindex_pay_record_1', () => store.find(MCHID, 'order', 'DUE1')],
  [
    'what a payer has open',
    'pay_record_payer',
    () => store.active(MCHID, 'p', { from: 1, since: 1 }),
  ],
  ['what a payer made', 'pay_record_payer', () => store.count(MCHID, 'p', 1)],
  ['the newest', 'pay_record_created', () => store.list({ mchid: MCHID, limit: 5 })],
  ['all, merchant by merchant', 'pay_record_created', () => store.list({ limit: 5 })],
  [
    'those of a kind',
    'pay_record_kind',
    () => store.list({ mchid: MCHID, kind: 'order', limit: 5 }),
  ],
  [
    'those of a day',
    'pay_record_success',
    () => store.list({ mchid: MCHID, success_from: 1, success_to: 2, limit: 5 }),
  ],
])('%s is found by the index of its merchant', async (_what, index, work) => {
  expect(await planOf(work)).toMatch(new RegExp(`USING (COVERING )?INDEX ${index}`));
});

it('a settled record is in no index of what is due', async () => {
  const partial = await driver.read(
    "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%_at IS NOT NULL'",
    [],
  );
  expect(partial.map(({ name }) => name).sort()).toEqual([
    'pay_record_act',
    'pay_record_ask',
    'pay_record_deliver',
  ]);
});

it('enters the index at the place where the last page ended', async () => {
  const first = await store.due(MCHID, NOW + 100, 5, 'ask');
  expect(first.map(({ no }) => no)).toEqual(['DUE1', 'LATER0', 'LATER1', 'LATER2', 'LATER3']);
  // Unreadable rows make it look past them, page after page.
  await driver.write("UPDATE pay_record SET body = 'x' WHERE no LIKE 'LATER_'", []);
  asked.length = 0;
  const past = await store.due(MCHID, NOW + 100, 5, 'ask');
  expect(past.map(({ no }) => no)).toEqual(['DUE1', 'LATER10', 'LATER11', 'LATER12', 'LATER13']);
  const further = asked.filter(({ sql }) => sql.includes('(ask_at, kind, no) >'));
  expect(further.length).toBeGreaterThan(0);
  for (const { sql, values } of further) {
    expect(await explain(sql, values)).toMatch(
      /SEARCH (TABLE )?pay_record USING INDEX pay_record_ask/,
    );
  }
});

it('would notice: the same question without an index reads the whole table', async () => {
  asked.length = 0;
  await store.due(MCHID, NOW, 50, 'ask');
  const { sql, values } = asked.at(-1) ?? { sql: '', values: [] };
  const bare = sql.replace('FROM pay_record', 'FROM pay_record NOT INDEXED');
  expect(await explain(bare, values)).toMatch(TABLE_READ);
});
