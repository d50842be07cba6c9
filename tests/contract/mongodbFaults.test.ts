/** What a line that breaks, a member that steps down and a write concern that is not met leave behind. */
import type { Document } from 'mongodb';
import { openStore } from '../../services/stores';
import { openMongodbOrderStore } from '../../services/stores/mongodb/mongodbOrderStore';
import type { RecordStore } from '../../services/stores/orderStore';
import { systemClock, type Clock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import {
  notPrimary,
  startMongodbServer,
  type MongodbServer,
  type ServerOptions,
} from '../helpers/mongodbServer';
import { MCHID } from '../helpers/ownStore';
import { aReservation, anOrder } from '../helpers/storeRecords';

const UNAVAILABLE = { code: 'STORE_UNAVAILABLE', retryable: true };
/** `WriteConcernFailed`: a majority did not confirm in time. */
const NOT_CONFIRMED = 64;
const DUPLICATE_KEY = 11_000;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(options: ServerOptions = {}): Promise<MongodbServer> {
  const server = await startMongodbServer(options);
  closers.push(server.close);
  return server;
}

async function open(url: string, clock: Clock = systemClock): Promise<RecordStore> {
  const store = await openStore({ url, clock, logger: silentLogger });
  closers.push(store.close);
  return store;
}

const messageOf = (error: unknown): string =>
  `${String(error)} ${JSON.stringify(error)} ${String((error as Error).cause)}`;

describe('mongodb: an outcome that is not known', () => {
  let server: MongodbServer;
  let store: RecordStore;
  beforeAll(async () => {
    server = await startMongodbServer();
    store = await openMongodbOrderStore({
      // After a fault the driver looks for a primary again: at once, not half a second later.
      url: `${server.url()}?minHeartbeatFrequencyMS=10`,
      // Stands still: what the collections demand is looked at once.
      clock: { ...systemClock, now: () => 0 },
      logger: silentLogger,
      // Each silent answer costs this once; a slow machine must answer all others in it.
      timeoutMs: 1500,
    });
    await store.migrate();
  });
  afterAll(async () => {
    await store.close();
    await server.close();
  });

  const stored = (no: string): Document | undefined =>
    server.collections.get('pay.pay_record')?.docs.get(`${MCHID}:order:${no}`);

  it('knows its own insert again: the driver asks once more, and then the store looks', async () => {
    for (const [no, ...faults] of [
      ['I1', 'lose'],
      ['I2', 'lose', 'lose'],
      ['I3', 'drop'],
      ['I4', 'hang'],
      ['I5', { writeConcern: NOT_CONFIRMED }],
    ] as const) {
      server.breakNext('insert', ...faults);
      expect([no, await store.insert(anOrder(no))]).toEqual([no, 'inserted']);
      expect(await store.insert(anOrder(no))).toBe('exists');
    }
  });

  it('does not claim an insert that never arrived, was undone, or cannot be looked at', async () => {
    server.breakNext('insert', 'drop', 'drop');
    await expect(store.insert(anOrder('I6'))).rejects.toMatchObject(UNAVAILABLE);
    expect(await store.find(MCHID, 'order', 'I6')).toBeUndefined();

    server.breakNext('insert', { writeConcern: NOT_CONFIRMED, undone: true });
    await expect(store.insert(anOrder('I7'))).rejects.toMatchObject(UNAVAILABLE);
    expect(await store.find(MCHID, 'order', 'I7')).toBeUndefined();

    server.breakNext('insert', 'lose', 'lose');
    server.breakNext('find', 'drop', 'drop');
    await expect(store.insert(anOrder('I8'))).rejects.toMatchObject(UNAVAILABLE);
    expect(await store.insert(anOrder('I8'))).toBe('exists');
  });

  it('says exists where the number is another’s, also when its own answer was lost', async () => {
    await store.insert(anOrder('I9', { description: 'first' }));
    server.breakNext('insert', 'lose', 'lose');
    expect(await store.insert(anOrder('I9'))).toBe('exists');
    expect((await store.find(MCHID, 'order', 'I9'))?.description).toBe('first');
  });

  it('writes to the member that took over', async () => {
    server.breakNext('insert', notPrimary());
    expect(await store.insert(anOrder('P1'))).toBe('inserted');
    server.breakNext('update', notPrimary());
    expect(await store.replace(anOrder('P1', { version: 2 }), 1)).toBe('replaced');
    server.breakNext('update', notPrimary(), notPrimary());
    await expect(store.replace(anOrder('P1', { version: 3 }), 2)).rejects.toMatchObject(
      UNAVAILABLE,
    );
    expect(stored('P1')).toMatchObject({ version: 2 });
  });

  it('knows its own replace again', async () => {
    const record = anOrder('U1');
    await store.insert(record);
    const faults = [
      ['lose'],
      ['lose', 'lose'],
      ['hang'],
      [{ writeConcern: NOT_CONFIRMED }],
    ] as const;
    for (const [i, list] of faults.entries()) {
      server.breakNext('update', ...list);
      expect(await store.replace({ ...record, version: i + 2 }, i + 1)).toBe('replaced');
    }
    expect(await store.find(MCHID, 'order', 'U1')).toMatchObject({ version: 5 });
  });

  it('tells a lost replace from another’s, and from one it cannot know', async () => {
    const record = anOrder('U2');
    await store.insert(record);
    server.breakNext('update', { writeConcern: NOT_CONFIRMED, undone: true });
    await expect(store.replace({ ...record, version: 2 }, 1)).rejects.toMatchObject(UNAVAILABLE);
    expect(stored('U2')).toMatchObject({ version: 1 });

    server.breakNext('update', 'drop', 'drop');
    server.afterNext('update', () => {
      Object.assign(stored('U2') ?? {}, { version: 2, write_token: 'another' });
    });
    expect(await store.replace({ ...record, version: 2 }, 1)).toBe('conflict');

    server.breakNext('update', 'lose', 'lose');
    server.afterNext('update', () => {
      Object.assign(stored('U2') ?? {}, { version: 9, write_token: 'another' });
    });
    await expect(store.replace({ ...record, version: 3 }, 2)).rejects.toMatchObject(UNAVAILABLE);
  });

  it('hears nothing of an answer that comes too late', async () => {
    let answer = (): void => undefined;
    const late = new Promise<void>((resolve) => (answer = resolve));
    server.breakNext('insert', { late });
    expect(await store.insert(anOrder('L1'))).toBe('inserted');
    answer();
    expect(await store.insert(anOrder('L1'))).toBe('exists');
  });

  it('knows its own reservation again', async () => {
    server.breakNext('insert', 'lose', 'lose');
    expect(await store.reserve(aReservation('refund', 'R1', 'owner', 1))).toBe('reserved');
    server.breakNext('insert', 'lose', 'lose');
    expect(await store.reserve(aReservation('refund', 'R1', 'other', 1))).toEqual({
      owner: 'owner',
    });
  });

  it('reads again where the line broke once, and turns every other trouble into one error', async () => {
    server.breakNext('find', 'drop');
    expect(await store.find(MCHID, 'order', 'U1')).toBeDefined();
    for (const fault of ['drop', notPrimary()] as const) {
      server.breakNext('find', fault, fault);
      await expect(store.find(MCHID, 'order', 'U1')).rejects.toMatchObject(UNAVAILABLE);
      server.breakNext('find', fault, fault);
      await expect(store.list({ limit: 5 })).rejects.toMatchObject(UNAVAILABLE);
      server.breakNext('aggregate', fault, fault);
      await expect(store.count(MCHID, 'p', 0)).rejects.toMatchObject(UNAVAILABLE);
    }
  });
});

describe('mongodb: what is asked of the server', () => {
  it('has every write confirmed by a majority’s journals, whatever the URL says', async () => {
    const server = await start();
    const store = await open(`${server.url()}?w=1&journal=false&readConcernLevel=local`);
    await store.insert(anOrder('A'));
    await store.reserve(aReservation('refund', 'R', 'A', 1));
    await store.replace(anOrder('A', { version: 2 }), 1);
    await store.find(MCHID, 'order', 'A');
    await store.reservation(MCHID, 'refund', 'R');
    await store.count(MCHID, 'p', 0);
    await store.list({ limit: 10 });
    await store.due(MCHID, 1, 10, 'ask');
    const named = (name: string) => server.commands.filter((command) => name in command);
    const writes = [...named('insert'), ...named('update'), ...named('createIndexes')];
    expect(writes.length).toBeGreaterThanOrEqual(6);
    for (const { writeConcern } of writes) {
      expect(writeConcern).toMatchObject({ w: 'majority', j: true });
    }
    for (const read of [...named('find'), ...named('aggregate')]) {
      const byId = (read['filter'] as Document | undefined)?.['_id'] !== undefined;
      expect(read['readConcern']).toEqual({ level: byId ? 'linearizable' : 'majority' });
      expect(read['maxTimeMS']).toBeGreaterThan(0);
    }
  });

  it('makes its indexes, for each lane one that holds only what is due there', async () => {
    const server = await start();
    await open(server.url());
    const indexes = [...(server.collections.get('pay.pay_record')?.indexes.values() ?? [])];
    for (const lane of ['deliver_at', 'act_at', 'ask_at']) {
      expect(indexes.map(({ key }) => Object.keys(key)[1])).toContain(lane);
    }
    expect(server.collections.get('pay.pay_reservation')?.indexes.size).toBe(1);
  });

  it('changes one document only, and what a newer build added to it stays', async () => {
    const server = await start();
    const store = await open(server.url());
    await store.insert(anOrder('A'));
    await store.insert(anOrder('B'));
    const docs = server.collections.get('pay.pay_record')?.docs;
    Object.assign(docs?.get(`${MCHID}:order:A`) ?? {}, { next_year: 1 });
    await store.replace(anOrder('A', { version: 2 }), 1);
    expect([...(docs?.values() ?? [])].map((doc) => [doc['no'], doc['version']])).toEqual([
      ['A', 2],
      ['B', 1],
    ]);
    expect(docs?.get(`${MCHID}:order:A`)).toMatchObject({ next_year: 1 });
  });

  it('never rewrites what demands a newer reader since it was read', async () => {
    const server = await start();
    const store = await open(server.url());
    await store.insert(anOrder('A'));
    const doc = server.collections.get('pay.pay_record')?.docs.get(`${MCHID}:order:A`);
    Object.assign(doc ?? {}, { min_reader: 9 });
    expect(await store.replace(anOrder('A', { version: 2 }), 1)).toBe('conflict');
  });

  it('refuses to work on what a newer build has made its own, also while it runs', async () => {
    const server = await start();
    let now = 0;
    const clock = { ...systemClock, now: () => now };
    const store = await open(server.url(), clock);
    server.collections
      .get('pay.pay_migration')
      ?.docs.set('migration:9', { _id: 'migration:9', min_reader: 9 });
    const newer = { code: 'STORE_NEWER', retryable: true };
    await expect(store.ping()).rejects.toMatchObject(newer);
    await expect(open(server.url())).rejects.toMatchObject(newer);
    now += 1000;
    await expect(store.insert(anOrder('A'))).rejects.toMatchObject(newer);
    await expect(store.replace(anOrder('A', { version: 2 }), 1)).rejects.toMatchObject(newer);
    await expect(store.find(MCHID, 'order', 'A')).rejects.toMatchObject(newer);
    await expect(store.due(MCHID, 1, 1)).rejects.toMatchObject(newer);
  });
});

describe('mongodb: a server that cannot be used', () => {
  it('refuses one in no replica set: it cannot say what is committed for good', async () => {
    const server = await start({ standalone: true });
    await expect(open(server.url())).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      detail: expect.stringContaining('replica set') as string,
    });
  });

  it('says that the account is refused, or nothing answers, without the password', async () => {
    const server = await start();
    const refused = server.url().replace('//', '//nobody:topsecret@');
    const unreachable = 'mongodb://nobody:topsecret@127.0.0.1:1/pay';
    for (const url of [refused, unreachable]) {
      const opening = openMongodbOrderStore({
        url,
        clock: systemClock,
        logger: silentLogger,
        timeoutMs: 500,
      });
      const error: unknown = await opening.catch((reason: unknown) => reason);
      expect(error).toMatchObject(UNAVAILABLE);
      expect(messageOf(error)).not.toContain('topsecret');
    }
  });

  it('does not take a duplicate of another index for an order that exists', async () => {
    const server = await start();
    const store = await open(server.url());
    server.collections
      .get('pay.pay_record')
      ?.indexes.set('strange', { name: 'strange', key: { state: 1 }, unique: true });
    expect(await store.insert(anOrder('A'))).toBe('inserted');
    await expect(store.insert(anOrder('B'))).rejects.toMatchObject({
      ...UNAVAILABLE,
      cause: { code: DUPLICATE_KEY },
    });
  });
});
