/** SQLite on its own thread, as the built service runs it, keeps every promise it keeps where it is called. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { openSqlite } from '../../services/stores/sql/sqliteThread';
import { createSqlOrderStore } from '../../services/stores/sql/sqlOrderStore';
import type { SqlDriver } from '../../services/stores/sql/sqlDriver';
import type { RecordStore } from '../../services/stores/orderStore';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { until } from '../helpers/waiting';
import { describeOrderStore } from './describeOrderStore';

const folder = mkdtempSync(join(process.cwd(), 'node_modules/.cache-thread-'));
const data = mkdtempSync(join(tmpdir(), 'pay-common-thread-'));
const thread = join(folder, 'thread.js');
const path = join(data, 'pay.db');
let serial = 0;

buildSync({
  entryPoints: [join(__dirname, '../../services/stores/sql/sqliteThread.ts')],
  outfile: thread,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  external: ['libsql'],
});

const driverOf = (file: string): Promise<SqlDriver> =>
  openSqlite({ path: file, logger: silentLogger }, thread);

const open = (file: string) => async (): Promise<RecordStore> => {
  const driver = await driverOf(file);
  const store = createSqlOrderStore({ driver, clock: systemClock, logger: silentLogger });
  await store.migrate();
  return store;
};

async function withDriver<T>(work: (driver: SqlDriver) => Promise<T>): Promise<T> {
  const driver = await driverOf(path);
  try {
    return await work(driver);
  } finally {
    await driver.close();
  }
}

afterAll(() => {
  rmSync(folder, { recursive: true });
  rmSync(data, { recursive: true });
});

describeOrderStore('sqlite on a thread', open(path), {
  durable: true,
  url: () => `file:${path}`,
  fresh: async () => {
    const file = join(data, `other-${String((serial += 1))}.db`);
    return { url: `file:${file}`, open: open(file) };
  },
  plant: (kind, no, body, minReader) =>
    withDriver(async (driver) => {
      await driver.write(
        'UPDATE pay_record SET body = ?, min_reader = ? WHERE kind = ? AND no = ?',
        [body, minReader, kind, no],
      );
    }),
  runsOn: () => withDriver((driver) => driver.version()),
});

describe('the thread', () => {
  it('names what is wrong when it cannot open', async () => {
    await expect(driverOf(join(thread, 'no/folder.db'))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
  });

  it('undoes exclusive work that fails', async () => {
    await withDriver(async (driver) => {
      const broken = driver.exclusively(async (session) => {
        await session.write('CREATE TABLE half (a INTEGER)', []);
        throw new Error('half way');
      });
      await expect(broken).rejects.toThrow('half way');
      const tables = await driver.read("SELECT name FROM sqlite_master WHERE name = 'half'", []);
      expect(tables).toEqual([]);
    });
  });

  it('answers reads while a write waits for the lock of another process', async () => {
    const file = join(data, 'locked.db');
    const [driver, other] = [await driverOf(file), await driverOf(file)];
    await driver.write('CREATE TABLE one (a INTEGER)', []);
    const events: string[] = [];
    const note = (what: string) => () => events.push(what);
    await other.exclusively(async () => {
      void driver.write('INSERT INTO one VALUES (1)', []).then(note('written'));
      await new Promise((resolve) => setTimeout(resolve, 50));
      await driver.read('SELECT a FROM one', []).then(note('read'));
      events.push('unlocked');
    });
    await until('the write is done', () => events.length === 3);
    expect(events).toEqual(['read', 'unlocked', 'written']);
    await driver.close();
    await other.close();
  });

  it('commits in the order of asking, however many are asked at once', async () => {
    const driver = await driverOf(join(data, 'order.db'));
    await driver.write('CREATE TABLE log (a INTEGER PRIMARY KEY AUTOINCREMENT, b INTEGER)', []);
    const asked = Array.from({ length: 333 }, (_, i) => i);
    await Promise.all(asked.map((i) => driver.write('INSERT INTO log (b) VALUES (?)', [i])));
    const rows = await driver.read('SELECT b FROM log ORDER BY a', []);
    expect(rows.map(({ b }) => b)).toEqual(asked);
    await driver.close();
  });

  it('is deaf after it was closed', async () => {
    const driver = await driverOf(join(data, 'closed.db'));
    await driver.close();
    await expect(driver.read('SELECT 1', [])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});
