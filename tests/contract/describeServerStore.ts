/** The contract suite on a real database server, and what only a server can show. */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { openStore } from '../../services/stores';
import { createSqlOrderStore } from '../../services/stores/sql/sqlOrderStore';
import { migrations } from '../../services/stores/sql/sqlSchema';
import type { SqlDriver, SqlValue } from '../../services/stores/sql/sqlDriver';
import { columnsOf } from '../../services/stores/storeRules';
import type { Lane } from '../../services/ledger/agenda';
import type { AgendaVerb, StoredRecord } from '../../services/ledger/record';
import type { OrderStore } from '../../services/stores/orderStore';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { hasServer, useServer } from '../helpers/databases';
import type { DatabaseServer, ServerKind } from '../helpers/databases';
import { anOrder } from '../helpers/storeRecords';
import { describeOrderStore } from './describeOrderStore';

export type OpenDriver = (url: string) => Promise<SqlDriver>;

const openUrl = (url: string): Promise<OrderStore> =>
  openStore({ url, clock: systemClock, logger: silentLogger });

export function describeServerStore(kind: ServerKind, openDriver: OpenDriver): void {
  if (!hasServer(kind)) {
    describe.skip(`order store: ${kind}`, () => {
      it.todo('needs a server');
    });
    return;
  }
  const server = useServer(kind);
  let url = '';
  beforeAll(async () => {
    url = await server.create();
  });
  afterAll(() => server.close());

  describeOrderStore(kind, () => openUrl(url), {
    durable: true,
    url: () => url,
    async fresh() {
      const other = await server.create();
      return { url: other, open: () => openUrl(other) };
    },
    async plant(recordKind, no, body, minReader) {
      const driver = await openDriver(url);
      try {
        const sql = 'UPDATE pay_record SET body = ?, min_reader = ? WHERE kind = ? AND no = ?';
        await driver.write(sql, [body, minReader, recordKind, no]);
      } finally {
        await driver.close();
      }
    },
    cutConnections: () => server.cutConnections(url),
    async runsOn() {
      const driver = await openDriver(url);
      try {
        return await driver.version();
      } finally {
        await driver.close();
      }
    },
  });
  describeFaults(kind, { openDriver, server });
}

interface FaultDeps {
  readonly openDriver: OpenDriver;
  readonly server: DatabaseServer;
}

function describeFaults(kind: ServerKind, { openDriver, server }: FaultDeps): void {
  describe(`${kind} alone`, () => {
    it('translates every refusal, and says no password', async () => {
      const url = new URL(await server.create());
      url.username = 'nobody';
      url.password = 'topsecret';
      const port = new URL(url);
      port.port = '1';
      port.hostname = '127.0.0.1';
      for (const bad of [url, port]) {
        const error: unknown = await openUrl(bad.href).catch((reason: unknown) => reason);
        if (kind === 'postgres' && error === undefined) continue;
        expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
        const said = `${String(error)} ${JSON.stringify(error)} ${String((error as Error).cause)}`;
        expect(said).not.toContain('topsecret');
      }
    });

    it('gives up on a server that never answers', async () => {
      const sockets: Socket[] = [];
      const mute: Server = createServer((socket) => sockets.push(socket));
      await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
      const { port } = mute.address() as AddressInfo;
      // It is silent until the test ends: whoever waited for its word would wait for ever.
      const scheme = kind === 'mysql' ? 'mysql' : 'postgres';
      await expect(openUrl(`${scheme}://u:p@127.0.0.1:${String(port)}/d`)).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
      });
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => mute.close(resolve));
    });

    it('keeps to its number of connections and serves all who wait', async () => {
      const url = `${await server.create()}?connections=3`;
      const store = await openUrl(url);
      const results = await Promise.all(
        Array.from({ length: 200 }, (_, i) => store.insert(anOrder(`W${String(i)}`))),
      );
      expect(results.every((result) => result === 'inserted')).toBe(true);
      await store.close();
    });

    itWorksBesideNewerBuilds(openDriver, () => server.create());
    itCarriesVersionOneOver(openDriver, () => server.create());

    it('shows the facts as columns', async () => {
      const url = await server.create();
      const store = await openUrl(url);
      await store.insert(anOrder('F1', { amount: { total: 314, currency: 'CNY' } }));
      await store.close();
      const [row] = await server.run(url, 'SELECT * FROM pay_record');
      const facts = { no: 'F1', kind: 'order', state: 'CREATED', made_by: 'payer' };
      expect(row).toMatchObject(facts);
      expect(Number(row?.['total_fen'])).toBe(314);
    });
  });
}

export function itWorksBesideNewerBuilds(
  openDriver: OpenDriver,
  newUrl: () => Promise<string>,
): void {
  it('works beside a newer build that only added, not beside one that demands more', async () => {
    const url = await newUrl();
    const driver = await openDriver(url);
    const migrateTo = (version: number, min_reader: number, sql: string) =>
      createSqlOrderStore({
        driver,
        clock: systemClock,
        logger: silentLogger,
        migrations: [...migrations, { version, min_reader, statements: () => [sql] }],
      }).migrate();
    try {
      await migrateTo(3, 1, 'ALTER TABLE pay_record ADD COLUMN next_year VARCHAR(20)');
      const beside = await openUrl(url);
      expect(await beside.insert(anOrder('Z1'))).toBe('inserted');
      await createSqlOrderStore({
        driver,
        clock: systemClock,
        logger: silentLogger,
        migrations: [{ version: 4, min_reader: 3, statements: () => [] }],
      })
        .migrate()
        .then(undefined, () => undefined);
      await expect(beside.ping()).rejects.toMatchObject({ code: 'STORE_NEWER' });
      await expect(openUrl(url)).rejects.toMatchObject({ code: 'STORE_NEWER' });
      await beside.close();
    } finally {
      await driver.close();
    }
  });
}

/** A row as the build of the first version wrote it: without lanes. */
function asVersionOne(record: StoredRecord): readonly [sql: string, values: SqlValue[]] {
  const { deliver_at: _d, act_at: _a, ask_at: _q, ...columns } = columnsOf(record);
  const { kind, no, version } = record;
  const row = { kind, no, version, ...columns, body: JSON.stringify(record) };
  const marks = Object.keys(row).map(() => '?');
  const sql = `INSERT INTO pay_record (${Object.keys(row).join(', ')}) VALUES (${marks.join(', ')})`;
  return [sql, Object.values(row)];
}

export function itCarriesVersionOneOver(
  openDriver: OpenDriver,
  newUrl: () => Promise<string>,
): void {
  it('carries a database of version 1 over: what is due is due in its lane', async () => {
    const url = await newUrl();
    const driver = await openDriver(url);
    const deps = { driver, clock: systemClock, logger: silentLogger };
    const item = (verb: AgendaVerb, at: number) => ({ do: verb, at, tries: 0 });
    try {
      await createSqlOrderStore({ ...deps, migrations: migrations.slice(0, 1) }).migrate();
      for (const record of [
        anOrder('V1PAID', { agenda: [item('deliver', 5)] }),
        anOrder('V1OPEN', { agenda: [item('query', 4), item('deliver', 9)] }),
        anOrder('V1BACK', { agenda: [{ ...item('refund', 6), key: 'R1' }] }),
        anOrder('V1DONE', { description: '"do":"query"' }),
      ]) {
        await driver.write(...asVersionOne(record));
      }
      // As if the process had ended between the statements and the note that they ran.
      const [, lanes] = migrations;
      for (const sql of lanes?.statements(driver.dialect) ?? []) await driver.write(sql, []);
      const store = createSqlOrderStore(deps);
      await store.migrate();
      const due = async (lane: Lane) => (await store.due(10, 10, lane)).map(({ no }) => no);
      expect(await due('ask')).toEqual(['V1OPEN']);
      expect(await due('act')).toEqual(['V1BACK']);
      expect((await due('deliver')).sort()).toEqual(['V1OPEN', 'V1PAID']);
      expect(await store.oldestDue()).toBe(4);
      const older = createSqlOrderStore(deps);
      await older.migrate();
      expect(await due('ask')).toEqual(['V1OPEN']);
    } finally {
      await driver.close();
    }
  });
}
