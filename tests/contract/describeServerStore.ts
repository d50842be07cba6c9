/** The contract suite on a real database server, and what only a server can show. */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { openStore } from '../../services/stores';
import { createSqlOrderStore } from '../../services/stores/sql/sqlOrderStore';
import { migrations } from '../../services/stores/sql/sqlSchema';
import type { SqlDriver } from '../../services/stores/sql/sqlDriver';
import type { Lane } from '../../services/ledger/agenda';
import type { AgendaVerb } from '../../services/ledger/record';
import type { RecordStore } from '../../services/stores/orderStore';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { hasServer, useServer } from '../helpers/databases';
import type { DatabaseServer, ServerKind } from '../helpers/databases';
import {
  oldReservation,
  oldRow,
  oldSeal,
  versionOne,
  versionThree,
  versionTwo,
  withoutMchid,
} from '../helpers/oldTables';
import { MCHID } from '../helpers/ownStore';
import { anOrder, aReport, aTransfer } from '../helpers/storeRecords';
import { describeOrderStore } from './describeOrderStore';

export type OpenDriver = (url: string) => Promise<SqlDriver>;

const openUrl = (url: string): Promise<RecordStore> =>
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
      // It is silent until the test ends: anyone who waited for its word would wait forever.
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
    itCarriesOldTablesOver(openDriver, () => server.create());

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
      await migrateTo(5, 1, 'ALTER TABLE pay_record ADD COLUMN next_year VARCHAR(20)');
      const beside = await openUrl(url);
      expect(await beside.insert(anOrder('Z1'))).toBe('inserted');
      await createSqlOrderStore({
        driver,
        clock: systemClock,
        logger: silentLogger,
        migrations: [{ version: 6, min_reader: 4, statements: () => [] }],
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

const KEY = 'record-key-of-the-migration-0123456789ab';

export function itCarriesOldTablesOver(
  openDriver: OpenDriver,
  newUrl: () => Promise<string>,
): void {
  const item = (verb: AgendaVerb, at: number) => ({ do: verb, at, tries: 0 });
  const NEWER = { code: 'STORE_NEWER' };
  const depsOf = (driver: SqlDriver, recordKeys?: readonly string[]) => ({
    driver,
    clock: systemClock,
    logger: silentLogger,
    mchid: MCHID,
    ...(recordKeys === undefined ? {} : { recordKeys }),
  });

  async function withOld(
    version: 1 | 2,
    work: (driver: SqlDriver, url: string) => Promise<void>,
  ): Promise<void> {
    const url = await newUrl();
    const driver = await openDriver(url);
    try {
      for (const sql of versionOne(driver.dialect)) await driver.write(sql, []);
      if (version === 2) for (const sql of versionTwo(driver.dialect)) await driver.write(sql, []);
      await work(driver, url);
    } finally {
      await driver.close();
    }
  }

  it.each([1, 2] as const)(
    'carries a database of version %d over: each record to its merchant, what is due to its lane',
    (version) =>
      withOld(version, async (driver) => {
        const report = aReport('reconcile-2026-01-02', { history: [] });
        const other = anOrder('V1OTHER', { mchid: '1900000009' });
        const filler = Array.from({ length: 45 }, (_, i) => anOrder(`V1FILL${String(i)}`));
        for (const record of [
          anOrder('V1PAID', { agenda: [item('deliver', 5)] }),
          anOrder('V1OPEN', { agenda: [item('query', 4), item('deliver', 9)] }),
          anOrder('V1BACK', { agenda: [{ ...item('refund', 6), key: 'R1' }] }),
          anOrder('V1DONE', { description: '"do":"query"' }),
          aTransfer('V1PAID'),
          other,
          ...filler,
        ]) {
          await driver.write(...oldRow(record, version));
        }
        await driver.write(...oldRow(withoutMchid(report), version));
        const broken = anOrder('V1BAD', { agenda: [item('query', 7)] });
        await driver.write(...oldRow(broken, version, '{'));
        await driver.write(...oldReservation('R1', 'V1BACK', 6));

        const store = createSqlOrderStore(depsOf(driver));
        await store.migrate();
        await store.migrate();
        const due = async (lane: Lane) =>
          (await store.due(MCHID, 10, 10, lane)).map(({ no }) => no);
        expect(await due('ask')).toEqual(['V1OPEN']);
        expect(await due('act')).toEqual(['V1BACK']);
        expect((await due('deliver')).sort()).toEqual(['V1OPEN', 'V1PAID']);
        expect(await store.oldestDue(MCHID)).toBe(4);
        expect(await store.find('1900000009', 'order', 'V1OTHER')).toEqual(other);
        expect(await store.find(MCHID, 'order', 'V1OTHER')).toBeUndefined();
        expect(await store.find(MCHID, 'transfer', 'V1PAID')).toMatchObject({ mchid: MCHID });
        expect(await store.find(MCHID, 'report', report.no)).toEqual(report);
        for (const one of filler) expect(await store.find(MCHID, 'order', one.no)).toEqual(one);
        await expect(store.find(MCHID, 'order', 'V1BAD')).rejects.toMatchObject({
          damage: 'unreadable',
        });
        const held = { mchid: MCHID, kind: 'refund', no: 'R1', owner: 'V1BACK', at: 6 };
        expect(await store.reservation(MCHID, 'refund', 'R1')).toEqual(held);
        for (const left of ['pay_record_old', 'pay_record_next', 'pay_reservation_old']) {
          expect(await driver.read(driver.dialect.tableExists, [left])).toEqual([]);
        }
        expect(await driver.read('SELECT MAX(min_reader) AS least FROM pay_migration', [])).toEqual(
          [{ least: 3 }],
        );
        expect(await laneIndexes(driver)).toEqual(LANE_INDEXES);
      }),
  );

  it('goes on where a migration ended, wherever that was', () =>
    withOld(2, async (driver) => {
      const made = Array.from({ length: 50 }, (_, i) => anOrder(`V2N${String(i)}`));
      for (const record of made) await driver.write(...oldRow(record, 2));
      await driver.write(...oldReservation('R1', 'V2N1', 6));
      for (let allowed = 0, done = false; !done; allowed += 1) {
        expect(allowed).toBeLessThan(100);
        const store = createSqlOrderStore(depsOf(dyingAfter(driver, allowed)));
        done = await store.migrate().then(
          () => true,
          () => false,
        );
      }
      const store = createSqlOrderStore(depsOf(driver));
      for (const one of made) expect(await store.find(MCHID, 'order', one.no)).toEqual(one);
      expect((await store.list({ limit: 100 })).items).toHaveLength(made.length);
      expect(await store.reservation(MCHID, 'refund', 'R1')).toMatchObject({ owner: 'V2N1' });
    }));

  it('seals records again, and wants the key and the merchant that this takes', () =>
    withOld(2, async (driver) => {
      const report = aReport('reconcile-2026-01-02');
      const order = anOrder('SEALED');
      const forged = anOrder('FORGED');
      const plain = aReport('PLAIN');
      for (const one of [withoutMchid(report), order]) {
        await driver.write(...oldRow(one, 2, oldSeal(one, KEY)));
      }
      await driver.write(...oldRow(forged, 2, oldSeal(forged, 'another key')));
      await driver.write(...oldRow(withoutMchid(plain), 2));
      const refused = { code: 'STORE_UNAVAILABLE' };
      const nobody = { ...depsOf(driver, [KEY]), mchid: undefined };
      await expect(createSqlOrderStore(nobody).migrate()).rejects.toMatchObject(refused);
      await expect(createSqlOrderStore(depsOf(driver)).migrate()).rejects.toMatchObject(refused);
      const store = createSqlOrderStore(depsOf(driver, [KEY]));
      await store.migrate();
      expect(await store.find(MCHID, 'report', report.no)).toEqual(report);
      expect(await store.find(MCHID, 'order', 'SEALED')).toEqual(order);
      for (const [kind, no, damage] of [
        ['order', 'FORGED', 'seal'],
        ['report', 'PLAIN', 'unsealed'],
      ] as const) {
        await expect(store.find(MCHID, kind, no)).rejects.toMatchObject({ damage });
      }
      // What was never sealed can be sealed yet, by an operator's own decision.
      const unsealed = createSqlOrderStore(depsOf(driver));
      expect(await unsealed.find(MCHID, 'report', 'PLAIN')).toEqual(plain);
    }));

  it('sorts what is due in a database of version 3 by merchant, wherever it was interrupted', async () => {
    const driver = await openDriver(await newUrl());
    try {
      const three = { version: 3, min_reader: 3, statements: versionThree };
      const before = { ...depsOf(driver), migrations: [three] };
      await createSqlOrderStore(before).migrate();
      expect(await laneIndexes(driver)).toEqual(OLD_LANE_INDEXES);
      const order = anOrder('V3OPEN', { agenda: [item('query', 4)] });
      expect(await createSqlOrderStore(before).insert(order)).toBe('inserted');
      for (let allowed = 0, done = false; !done; allowed += 1) {
        expect(allowed).toBeLessThan(20);
        const store = createSqlOrderStore(depsOf(dyingAfter(driver, allowed)));
        done = await store.migrate().then(
          () => true,
          () => false,
        );
      }
      expect(await laneIndexes(driver)).toEqual(LANE_INDEXES);
      expect(await createSqlOrderStore(depsOf(driver)).due(MCHID, 4, 10, 'ask')).toEqual([order]);
      // A build of version 3 goes on beside it.
      expect(await createSqlOrderStore(before).insert(anOrder('V3NEXT'))).toBe('inserted');
    } finally {
      await driver.close();
    }
  });

  it('builds of version 2 answer STORE_NEWER on it from then on', () =>
    withOld(2, async (driver) => {
      const beside = createSqlOrderStore({ ...depsOf(driver), reader: 2 });
      await createSqlOrderStore(depsOf(driver)).migrate();
      await expect(beside.ping()).rejects.toMatchObject(NEWER);
      await expect(beside.migrate()).rejects.toMatchObject(NEWER);
      await expect(beside.find(MCHID, 'order', 'X')).rejects.toMatchObject(NEWER);
    }));
}

const LANE_INDEXES = ['pay_record_deliver', 'pay_record_act', 'pay_record_ask'];
const OLD_LANE_INDEXES = LANE_INDEXES.map((name) => `${name}_at`);

/** Those of both versions that are there. */
async function laneIndexes(driver: SqlDriver): Promise<string[]> {
  const found: string[] = [];
  for (const name of [...LANE_INDEXES, ...OLD_LANE_INDEXES]) {
    const rows = await driver.read(driver.dialect.indexExists, ['pay_record', name]);
    if (rows.length > 0) found.push(name);
  }
  return found;
}

/** Its migrations end with the process, after so many writes: what the database committed by itself stays. */
function dyingAfter(driver: SqlDriver, writes: number): SqlDriver {
  const exclusively: SqlDriver['exclusively'] = (work) =>
    driver.exclusively((session) => {
      let left = writes;
      return work({
        read: (sql, values) => session.read(sql, values),
        write: (sql, values) => {
          if (left === 0) throw new Error('the process ended');
          left -= 1;
          return session.write(sql, values);
        },
      });
    });
  return Object.assign(Object.create(driver) as SqlDriver, { exclusively });
}
