/** What a seal promises, on each store alike: a row that this service did not write, or did not write there, is not believed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sealAll } from '../../services/records/sealAll';
import { openStore } from '../../services/stores';
import { createMemoryOrderStore, type MemoryRow } from '../../services/stores/memoryOrderStore';
import type { RecordStore } from '../../services/stores/orderStore';
import { openSqliteDriver } from '../../services/stores/sql/sqliteDriver';
import { systemClock } from '../../utils/clock';
import { silentLogger, type LogFields } from '../../utils/logger';
import { CLOUDBASE_TEST_KEY, startCloudbaseServer } from '../helpers/cloudbaseServer';
import { anOrder, aTransfer } from '../helpers/storeRecords';
import { startMongodbServer } from '../helpers/mongodbServer';
import { MCHID } from '../helpers/ownStore';
import { createSealing } from '../../services/stores/sealing';

process.env['SILENCE'] = 'true';
process.env['TENCENTCLOUD'] = 'true';

const KEY = 'record-key-one-0123456789-abcdefghij';
const NEXT = 'record-key-two-0123456789-abcdefghij';

/** One database, opened with these keys or those. */
interface Place {
  open(keys: readonly string[]): Promise<RecordStore>;
  body(kind: string, no: string): Promise<string>;
  /** Changes a row past the store. */
  alter(kind: string, no: string, change: { body?: string; version?: number }): Promise<void>;
  close(): Promise<void>;
}

const alarms: LogFields[] = [];
const logger = { ...silentLogger, error: (fields: LogFields) => void alarms.push(fields) };

async function memoryPlace(): Promise<Place> {
  const rows = new Map<string, MemoryRow>();
  return {
    open: async (recordKeys) => createMemoryOrderStore({ recordKeys, logger, rows }),
    body: async (kind, no) => rows.get(`${MCHID}:${kind}:${no}`)?.body ?? '',
    alter: async (kind, no, change) => {
      const row = rows.get(`${MCHID}:${kind}:${no}`);
      if (row !== undefined) rows.set(`${MCHID}:${kind}:${no}`, { ...row, ...change });
    },
    close: async () => undefined,
  };
}

async function sqlitePlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'pay-common-sealed-'));
  const path = join(folder, 'pay.db');
  const driver = await openSqliteDriver({ path, logger: silentLogger });
  return {
    open: (recordKeys) =>
      openStore({ url: `file:${path}`, clock: systemClock, logger, recordKeys }),
    async body(kind, no) {
      const [row] = await driver.read('SELECT body FROM pay_record WHERE kind = ? AND no = ?', [
        kind,
        no,
      ]);
      return String(row?.['body']);
    },
    async alter(kind, no, change) {
      for (const [name, value] of Object.entries(change)) {
        const sql = `UPDATE pay_record SET ${name} = ? WHERE kind = ? AND no = ?`;
        await driver.write(sql, [value, kind, no]);
      }
    },
    async close() {
      await driver.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function cloudbasePlace(): Promise<Place> {
  const server = await startCloudbaseServer();
  const doc = (kind: string, no: string) =>
    server.collections.get('pay_record')?.get(`${MCHID}:${kind}:${no}`) ?? {};
  return {
    open: (recordKeys) =>
      openStore({
        url: 'cloudbase:',
        clock: systemClock,
        logger,
        cloudbaseEnv: 'test-env',
        cloudbaseApiKey: CLOUDBASE_TEST_KEY,
        serviceUrl: server.serviceUrl,
        recordKeys,
      }),
    body: async (kind, no) => String(doc(kind, no)['body']),
    alter: async (kind, no, change) => void Object.assign(doc(kind, no), change),
    close: () => server.close(),
  };
}

async function mongodbPlace(): Promise<Place> {
  const server = await startMongodbServer();
  const doc = (kind: string, no: string): Record<string, unknown> =>
    server.collections.get('pay.pay_record')?.docs.get(`${MCHID}:${kind}:${no}`) ?? {};
  return {
    open: (recordKeys) => openStore({ url: server.url(), clock: systemClock, logger, recordKeys }),
    body: async (kind, no) => String(doc(kind, no)['body']),
    alter: async (kind, no, change) => void Object.assign(doc(kind, no), change),
    close: () => server.close(),
  };
}

const due = (at = 5) => [{ do: 'query', at, tries: 0 }] as const;
const RECORD = { code: 'RECORD_DAMAGED' };

describe.each([
  ['memory', memoryPlace],
  ['sqlite', sqlitePlace],
  ['cloudbase', cloudbasePlace],
  ['mongodb', mongodbPlace],
])('a sealed store: %s', (_name, start) => {
  let place: Place;
  const opened: RecordStore[] = [];
  const open = async (...keys: string[]): Promise<RecordStore> => {
    const store = await place.open(keys);
    opened.push(store);
    return store;
  };

  beforeEach(async () => {
    alarms.length = 0;
    place = await start();
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    await place.close();
  });

  it('hands out what it wrote, without the seal, and unknown fields with it', async () => {
    const store = await open(KEY);
    const record = anOrder('S1', { agenda: due(), ...{ of_tomorrow: { deep: [1] } } });
    expect(await store.insert(record)).toBe('inserted');
    expect(await store.find(MCHID, 'order', 'S1')).toEqual(record);
    expect(await store.due(MCHID, 10, 10)).toEqual([record]);
    expect((await store.list({ limit: 10 })).items).toEqual([record]);
    expect(await store.replace({ ...record, version: 2 }, 1)).toBe('replaced');
    expect(await store.find(MCHID, 'order', 'S1')).toEqual({ ...record, version: 2 });
    expect(JSON.parse(await place.body('order', 'S1'))).toHaveProperty('seal');
    expect(alarms).toEqual([]);
  });

  it('believes no record without a seal: found, due and listed it is left out, and alarmed once', async () => {
    const stranger = await open();
    await stranger.insert(anOrder('FAKE', { agenda: due(1), state: 'PAID' }));
    const store = await open(KEY);
    await store.insert(anOrder('GOOD', { agenda: due(2) }));
    for (let round = 0; round < 2; round += 1) {
      await expect(store.find(MCHID, 'order', 'FAKE')).rejects.toMatchObject(RECORD);
      expect((await store.due(MCHID, 10, 1)).map(({ no }) => no)).toEqual(['GOOD']);
      expect((await store.list({ limit: 10 })).items.map(({ no }) => no)).toEqual(['GOOD']);
    }
    expect(await store.insert(anOrder('FAKE'))).toBe('exists');
    expect(alarms).toEqual([
      {
        alarm: true,
        mchid: MCHID,
        kind: 'order',
        no: 'FAKE',
        code: 'RECORD_DAMAGED',
        reason: 'unsealed',
      },
    ]);
    expect((await store.damaged({ limit: 10 })).items).toEqual([
      {
        mchid: MCHID,
        kind: 'order',
        no: 'FAKE',
        damage: 'unsealed',
        created_at: 1_700_000_000_000,
      },
    ]);
  });

  it('notices a changed byte, a changed version, and a record copied under another number or merchant', async () => {
    const store = await open(KEY);
    for (const no of ['A', 'B', 'C', 'D']) await store.insert(anOrder(no, { agenda: due() }));
    const sealed = await place.body('order', 'A');
    await place.alter('order', 'A', { body: sealed.replace('"total":100', '"total":1') });
    await place.alter('order', 'B', { body: sealed.replaceAll('"A"', '"B"') });
    await place.alter('order', 'C', { version: 2 });
    const theirs = createSealing([KEY]).write(anOrder('D', { mchid: '1900000002' }));
    await place.alter('order', 'D', { body: theirs });
    for (const no of ['A', 'B', 'C', 'D']) {
      await expect(store.find(MCHID, 'order', no)).rejects.toMatchObject(RECORD);
    }
    expect(await store.due(MCHID, 10, 10)).toEqual([]);
    const damaged = (await store.damaged({ limit: 10 })).items;
    expect(damaged.map(({ no, damage }) => [no, damage]).sort()).toEqual([
      ['A', 'seal'],
      ['B', 'seal'],
      ['C', 'seal'],
      ['D', 'seal'],
    ]);
    await place.alter('order', 'A', { body: sealed });
    expect(await store.find(MCHID, 'order', 'A')).toMatchObject({
      no: 'A',
      amount: { total: 100 },
    });
  });

  it('opens with an older key, seals again with the first, and no longer opens with the old one', async () => {
    const before = await open(KEY);
    await before.insert(anOrder('R1'));
    const both = await open(NEXT, KEY);
    const record = await both.find(MCHID, 'order', 'R1');
    expect(record).toMatchObject({ no: 'R1' });
    await both.replace({ ...anOrder('R1'), version: 2 }, 1);
    const after = await open(NEXT);
    expect(await after.find(MCHID, 'order', 'R1')).toMatchObject({ version: 2 });
    await expect(before.find(MCHID, 'order', 'R1')).rejects.toMatchObject(RECORD);
  });

  it('does not touch a sealed record where no key is set: its seal would be void', async () => {
    await (await open(KEY)).insert(anOrder('K1', { agenda: due() }));
    const bare = await open();
    await expect(bare.find(MCHID, 'order', 'K1')).rejects.toMatchObject({
      ...RECORD,
      detail: expect.stringContaining('recordKey') as unknown,
    });
    expect(await bare.due(MCHID, 10, 10)).toEqual([]);
  });

  it('believes nothing that bears a field of a client, sealed or not', async () => {
    const bare = await open();
    await bare.insert(anOrder('O1', { agenda: due(), ...{ _openid: 'oStranger' } }));
    await expect(bare.find(MCHID, 'order', 'O1')).rejects.toMatchObject(RECORD);
    expect(await bare.due(MCHID, 10, 10)).toEqual([]);
    expect((await bare.damaged({ limit: 5 })).items).toMatchObject([{ damage: 'client' }]);
  });

  it('lists damaged rows page by page, whatever state or payer they claim', async () => {
    const stranger = await open();
    for (let i = 0; i < 5; i += 1) {
      await stranger.insert(aTransfer(`T${String(i)}`, { created_at: 1_700_000_000_000 + i }));
    }
    const store = await open(KEY);
    await store.insert(aTransfer('MINE', { created_at: 1_700_000_000_003 }));
    const found: string[] = [];
    for (let after: string | undefined, pages = 0; pages < 10; pages += 1) {
      const page = await store.damaged({
        kind: 'transfer',
        state: 'damaged',
        limit: 2,
        ...(after === undefined ? {} : { after }),
      });
      found.push(...page.items.map(({ no }) => no));
      after = page.next;
      if (after === undefined) break;
    }
    expect(found).toEqual(['T4', 'T3', 'T2', 'T1', 'T0']);
  });

  it('seals what was there before by a deliberate act, says how many, and leaves forgeries', async () => {
    const bare = await open();
    await bare.insert(anOrder('OLD1'));
    await bare.insert(anOrder('OLD2', { agenda: due() }));
    await (await open(KEY)).insert(anOrder('FIRST'));
    const store = await open(NEXT, KEY);
    await store.insert(anOrder('NEW'));
    await store.insert(anOrder('BROKEN'));
    const body = await place.body('order', 'BROKEN');
    await place.alter('order', 'BROKEN', { body: body.replace('100', '101') });
    const open1 = (keys: readonly string[]) => place.open(keys);
    const deps = { open: open1, clock: systemClock, logger: silentLogger };
    const counts = { sealed: 2, resealed: 1, damaged: 1 };
    expect(await sealAll({ ...deps, keys: [NEXT, KEY], dryRun: true })).toEqual(counts);
    await expect(store.find(MCHID, 'order', 'OLD1')).rejects.toMatchObject(RECORD);
    expect(await sealAll({ ...deps, keys: [NEXT, KEY], dryRun: false })).toEqual(counts);
    const later = await open(NEXT);
    for (const no of ['OLD1', 'OLD2', 'FIRST', 'NEW']) {
      expect(await later.find(MCHID, 'order', no)).toMatchObject({ no });
    }
    expect((await later.find(MCHID, 'order', 'OLD1'))?.history.at(-1)).toMatchObject({
      what: 'sealed',
    });
    await expect(later.find(MCHID, 'order', 'BROKEN')).rejects.toMatchObject(RECORD);
    expect(await sealAll({ ...deps, keys: [NEXT], dryRun: false })).toEqual({
      sealed: 0,
      resealed: 0,
      damaged: 1,
    });
  });
});
