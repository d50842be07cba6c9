import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../services/stores';
import { openSqliteDriver } from '../../services/stores/sql/sqliteDriver';
import type { SqlDriver } from '../../services/stores/sql/sqlDriver';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { anOrder } from '../helpers/storeRecords';
import { describeOrderStore } from './describeOrderStore';
import { itCarriesOldTablesOver, itWorksBesideNewerBuilds } from './describeServerStore';

const folder = mkdtempSync(join(tmpdir(), 'pay-common-'));
const path = join(folder, 'deep/er/pay.db');
let serial = 0;
const newPath = (): string => join(folder, `other-${String((serial += 1))}.db`);
const open = (file: string) => () =>
  openStore({ url: `file:${file}`, clock: systemClock, logger: silentLogger });

async function withDriver<T>(file: string, work: (driver: SqlDriver) => Promise<T>): Promise<T> {
  const driver = await openSqliteDriver({ path: file, logger: silentLogger });
  try {
    return await work(driver);
  } finally {
    await driver.close();
  }
}

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describeOrderStore('sqlite', open(path), {
  durable: true,
  url: () => `file:${path}`,
  fresh: async () => {
    const file = newPath();
    return { url: `file:${file}`, open: open(file) };
  },
  plant: (kind, no, body, minReader) =>
    withDriver(path, async (driver) => {
      await driver.write(
        'UPDATE pay_record SET body = ?, min_reader = ? WHERE kind = ? AND no = ?',
        [body, minReader, kind, no],
      );
    }),
  runsOn: () => withDriver(path, (driver) => driver.version()),
});

describe('sqlite alone', () => {
  const openDriver = (url: string) =>
    openSqliteDriver({ path: url.slice('file:'.length), logger: silentLogger });
  itWorksBesideNewerBuilds(openDriver, async () => `file:${newPath()}`);
  itCarriesOldTablesOver(openDriver, async () => `file:${newPath()}`);

  it('commits writes of one turn together, and a failing one fails alone', async () => {
    await withDriver(newPath(), async (driver) => {
      await driver.write('CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT NOT NULL)', []);
      const insert = 'INSERT INTO t (a, b) VALUES (?, ?)';
      const results = await Promise.allSettled([
        driver.write(insert, [1, 'x']),
        driver.write(insert, [2, null]),
        driver.write(insert, [1, 'again']),
        driver.write('INSERT INTO nowhere VALUES (1)', []),
        driver.write(insert, [3, 'z']),
      ]);
      expect(results.map(({ status }) => status)).toEqual([
        'fulfilled',
        'rejected',
        'rejected',
        'rejected',
        'fulfilled',
      ]);
      expect(results[1]).toMatchObject({ reason: { code: 'STORE_UNAVAILABLE' } });
      const rows = await driver.read('SELECT a, b FROM t ORDER BY a', []);
      expect(rows).toEqual([
        { a: 1, b: 'x' },
        { a: 3, b: 'z' },
      ]);
    });
  });

  it('rejects a whole batch whose commit fails, and works on afterwards', async () => {
    await withDriver(newPath(), async (driver) => {
      await driver.write('CREATE TABLE p (id INTEGER PRIMARY KEY)', []);
      await driver.write(
        'CREATE TABLE c (id INTEGER PRIMARY KEY, ' +
          'p INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)',
        [],
      );
      await driver.read('PRAGMA foreign_keys = ON', []);
      const results = await Promise.allSettled([
        driver.write('INSERT INTO p (id) VALUES (1)', []),
        // Is found out only by COMMIT.
        driver.write('INSERT INTO c (id, p) VALUES (1, 99)', []),
      ]);
      for (const result of results) {
        expect(result).toMatchObject({ status: 'rejected', reason: { code: 'STORE_UNAVAILABLE' } });
      }
      expect(await driver.read('SELECT id FROM p', [])).toEqual([]);
      expect(await driver.write('INSERT INTO p (id) VALUES (2)', [])).toBe(1);
    });
  });

  it('answers a write only after its commit: another connection sees it then', async () => {
    const file = newPath();
    const store = await open(file)();
    try {
      await withDriver(file, async (other) => {
        const rows = () => other.read('SELECT no FROM pay_record', []);
        const writing = store.insert(anOrder('A1'));
        expect(await rows()).toEqual([]);
        await writing;
        expect(await rows()).toEqual([{ no: 'A1' }]);
      });
    } finally {
      await store.close();
    }
  });

  it('waits for a lock that another process holds, and says so when it stays held', async () => {
    const file = newPath();
    const store = await open(file)();
    try {
      await withDriver(file, async (other) => {
        let release = (): void => undefined;
        const held = new Promise<void>((resolve) => (release = resolve));
        const holding = other.exclusively(() => held);
        const first = store.insert(anOrder('B1'));
        setTimeout(release, 300);
        expect(await first).toBe('inserted');
        await holding;
      });
    } finally {
      await store.close();
    }
  });

  it('flushes every commit to disk', async () => {
    await withDriver(path, async (driver) => {
      expect(await driver.read('PRAGMA synchronous', [])).toEqual([{ synchronous: 2 }]);
      expect(await driver.read('PRAGMA journal_mode', [])).toEqual([{ journal_mode: 'wal' }]);
    });
  });

  it('finishes waiting writes before it closes', async () => {
    const file = newPath();
    const store = await open(file)();
    const writing = Promise.all(['1', '2', '3'].map((no) => store.insert(anOrder(no))));
    await store.close();
    expect(await writing).toEqual(['inserted', 'inserted', 'inserted']);
    // All of it is in the file itself, which may now be copied.
    expect(statSync(`${file}-wal`).size).toBe(0);
  });

  it('is not durable where the disk ends with the instance, and warns', async () => {
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_: object, event: string) => warnings.push(event) };
    const url = `file:${newPath()}`;
    const store = await openStore({ url, clock: systemClock, logger, ephemeralDisk: true });
    expect(store.durable).toBe(false);
    expect(warnings).toEqual([expect.stringMatching(/can be lost/)]);
    await store.close();
  });

  it('refuses a file that is no database', async () => {
    const file = newPath();
    writeFileSync(file, 'x'.repeat(4096));
    const url = `file:${file}`;
    await expect(
      openStore({ url, clock: systemClock, logger: silentLogger }),
    ).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', cause: { code: 'SQLITE_NOTADB' } });
  });
});
