import { openStore } from '../../services/stores';
import { openCloudbaseOrderStore } from '../../services/stores/cloudbase/cloudbaseOrderStore';
import type { RecordStore } from '../../services/stores/orderStore';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { CLOUDBASE_TEST_KEY, startCloudbaseServer } from '../helpers/cloudbaseServer';
import type { CloudbaseServer } from '../helpers/cloudbaseServer';
import { aReport, aReservation, anOrder } from '../helpers/storeRecords';
import { describeOrderStore } from './describeOrderStore';
import { MCHID } from '../helpers/ownStore';
import { LANES } from '../../services/ledger/agenda';

// The SDK warns three seconds after each request that failed; only this silences it.
process.env['SILENCE'] = 'true';
// Without it the SDK asks the network before each request whether it runs inside Tencent's.
process.env['TENCENTCLOUD'] = 'true';

const openAt = (server: CloudbaseServer): Promise<RecordStore> =>
  openStore({
    url: 'cloudbase:',
    clock: systemClock,
    logger: silentLogger,
    cloudbaseEnv: 'test-env',
    cloudbaseApiKey: CLOUDBASE_TEST_KEY,
    mchid: MCHID,
    serviceUrl: server.serviceUrl,
  });

const servers: CloudbaseServer[] = [];
const start = async (): Promise<CloudbaseServer> => {
  const server = await startCloudbaseServer();
  servers.push(server);
  return server;
};

let shared: CloudbaseServer;
beforeAll(async () => {
  shared = await start();
  process.env['TEST_CLOUDBASE_SERVICE'] = shared.serviceUrl;
});
afterAll(async () => {
  for (const server of servers) await server.close();
});

describeOrderStore('cloudbase', () => openAt(shared), {
  durable: true,
  url: () => 'cloudbase:',
  async fresh() {
    const server = await start();
    return { url: 'cloudbase:', open: () => openAt(server) };
  },
  async plant(kind, no, body, min_reader) {
    const doc = shared.collections.get('pay_record')?.get(`${MCHID}:${kind}:${no}`);
    Object.assign(doc ?? {}, { body, min_reader });
  },
  cutConnections: async () => {
    shared.cutConnections();
  },
  runsOn: async () => 'a stand-in for the wire of @cloudbase/node-sdk, not CloudBase itself',
});

type CloudbaseDocs = NonNullable<ReturnType<CloudbaseServer['collections']['get']>>;

const INSERT = 'database.insertDocument';
const UPDATE = 'database.modifyDocument';
const READ = 'database.getDocument';

describe('cloudbase alone: an answer that got lost', () => {
  let server: CloudbaseServer;
  let store: RecordStore;
  beforeAll(async () => {
    server = await start();
    store = await openCloudbaseOrderStore({
      env: 'test-env',
      apiKey: CLOUDBASE_TEST_KEY,
      serviceUrl: server.serviceUrl,
      clock: systemClock,
      logger: silentLogger,
      // Each silent answer costs this once; a slow machine must answer all others in it.
      timeoutMs: 1500,
    });
    await store.migrate();
  });
  afterAll(() => store.close());

  const stored = (no: string) => server.collections.get('pay_record')?.get(`${MCHID}:order:${no}`);

  it('knows its own insert again, whether the line broke or fell silent', async () => {
    for (const [no, fault] of [
      ['I1', 'lose'],
      ['I2', 'hang'],
      ['I3', 'html'],
    ] as const) {
      server.breakNext(INSERT, fault);
      expect(await store.insert(anOrder(no))).toBe('inserted');
      expect(await store.insert(anOrder(no))).toBe('exists');
    }
  });

  it('knows its own insert again even after another has built on it', async () => {
    server.breakNext(INSERT, 'lose');
    server.afterNext(INSERT, () => {
      Object.assign(stored('I4') ?? {}, { version: 2, write_token: 'somebody' });
    });
    expect(await store.insert(anOrder('I4'))).toBe('inserted');
  });

  it('does not claim an insert that never arrived, or cannot be looked at', async () => {
    const unavailable = { code: 'STORE_UNAVAILABLE', retryable: true };
    server.breakNext(INSERT, { code: 'EXCEED_REQUEST_LIMIT' });
    await expect(store.insert(anOrder('I5'))).rejects.toMatchObject(unavailable);
    expect(await store.find(MCHID, 'order', 'I5')).toBeUndefined();
    server.breakNext(INSERT, 'lose');
    server.breakNext(READ, { code: 'DATABASE_TIMEOUT' });
    await expect(store.insert(anOrder('I6'))).rejects.toMatchObject(unavailable);
    expect(await store.insert(anOrder('I6'))).toBe('exists');
  });

  it('says exists where the number is another’s, also when its own answer was lost', async () => {
    await store.insert(anOrder('I7', { description: 'first' }));
    server.breakNext(INSERT, 'lose');
    expect(await store.insert(anOrder('I7'))).toBe('exists');
    expect((await store.find(MCHID, 'order', 'I7'))?.description).toBe('first');
  });

  it('knows its own replace again', async () => {
    const record = anOrder('U1');
    await store.insert(record);
    for (const [version, fault] of [
      [2, 'lose'],
      [3, 'hang'],
      [4, 'html'],
    ] as const) {
      server.breakNext(UPDATE, fault);
      expect(await store.replace({ ...record, version }, version - 1)).toBe('replaced');
    }
    expect(await store.find(MCHID, 'order', 'U1')).toMatchObject({ version: 4 });
  });

  it('tells a lost replace from another’s, and from one it cannot know', async () => {
    const record = anOrder('U2');
    await store.insert(record);
    server.breakNext(UPDATE, { code: 'DATABASE_TIMEOUT' });
    await expect(store.replace({ ...record, version: 2 }, 1)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(stored('U2')).toMatchObject({ version: 1 });

    Object.assign(stored('U2') ?? {}, { version: 2, write_token: 'another' });
    server.breakNext(UPDATE, 'lose');
    expect(await store.replace({ ...record, version: 2 }, 1)).toBe('conflict');

    server.breakNext(UPDATE, 'lose');
    server.afterNext(UPDATE, () => {
      Object.assign(stored('U2') ?? {}, { version: 9, write_token: 'another' });
    });
    await expect(store.replace({ ...record, version: 3 }, 2)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
  });

  it('knows its own reservation again', async () => {
    server.breakNext(INSERT, 'lose');
    expect(await store.reserve(aReservation('refund', 'R1', 'owner', 1))).toBe('reserved');
    server.breakNext(INSERT, 'lose');
    expect(await store.reserve(aReservation('refund', 'R1', 'other', 1))).toEqual({
      owner: 'owner',
    });
  });

  it('turns every other trouble into STORE_UNAVAILABLE', async () => {
    const unavailable = { code: 'STORE_UNAVAILABLE' };
    for (const fault of ['hang', 'html', 'drop', { code: 'DATABASE_REQUEST_FAILED' }] as const) {
      server.breakNext(READ, fault);
      await expect(store.find(MCHID, 'order', 'U1')).rejects.toMatchObject(unavailable);
      server.breakNext(READ, fault);
      await expect(store.list({ limit: 5 })).rejects.toMatchObject(unavailable);
      server.breakNext('database.calculateDocument', fault);
      await expect(store.count(MCHID, 'p', 0)).rejects.toMatchObject(unavailable);
    }
  });
});

describe('cloudbase alone', () => {
  it('refuses to start without environment or key, rather than end the process later', async () => {
    for (const missing of [
      { env: undefined },
      { apiKey: undefined },
      { env: '' },
      { apiKey: '' },
    ]) {
      await expect(
        openCloudbaseOrderStore({
          env: 'e',
          apiKey: 'k',
          clock: systemClock,
          logger: silentLogger,
          ...missing,
        }),
      ).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    }
  });

  it('says that the key is refused, without the key', async () => {
    const error: unknown = await openStore({
      url: 'cloudbase:',
      clock: systemClock,
      logger: silentLogger,
      cloudbaseEnv: 'test-env',
      cloudbaseApiKey: 'wrong-secret',
      serviceUrl: shared.serviceUrl,
    }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      cause: { code: 'SIGN_PARAM_INVALID' },
    });
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('wrong-secret');
  });

  it('updates one document only, and its condition holds the version', async () => {
    const server = await start();
    const store = await openAt(server);
    await store.insert(anOrder('A'));
    await store.insert(anOrder('B'));
    await store.replace(anOrder('A', { version: 2 }), 1);
    const versions = [...(server.collections.get('pay_record')?.values() ?? [])];
    expect(versions.map(({ _id, version }) => [_id, version])).toEqual([
      [`${MCHID}:order:A`, 2],
      [`${MCHID}:order:B`, 1],
    ]);
    await store.close();
  });

  type Doc = Parameters<CloudbaseDocs['set']>[1];

  /** Without a merchant in key, field, and a report's body; in version 1 without lanes. */
  function asBefore({ mchid: _mchid, ...doc }: Doc, version: 1 | 2): Doc & { _id: string } {
    if (version === 1) for (const lane of LANES) Reflect.deleteProperty(doc, `${lane}_at`);
    const { kind, no, body } = doc;
    if (kind === 'report') {
      const { mchid: _own, ...rest } = JSON.parse(String(body)) as Record<string, unknown>;
      doc['body'] = JSON.stringify(rest);
    }
    return { ...doc, _id: `${String(kind)}:${String(no)}` };
  }

  /** A server as the builds of version 1 or 2 left it. */
  async function serverOfBefore(version: 1 | 2): Promise<CloudbaseServer> {
    const server = await start();
    const before = await openAt(server);
    const item = (verb: 'deliver' | 'query', at: number) => ({ do: verb, at, tries: 0 });
    await before.insert(anOrder('OLDPAID', { agenda: [item('deliver', 5)] }));
    await before.insert(anOrder('OLDOPEN', { agenda: [item('query', 4)] }));
    await before.insert(anOrder('OLDOTHER', { mchid: '1900000009' }));
    await before.insert(aReport('reconcile-2026-01-02'));
    await before.reserve(aReservation('refund', 'R1', 'OLDPAID', 6));
    await before.close();
    for (const name of ['pay_record', 'pay_reservation']) {
      const docs = [...(server.collections.get(name)?.values() ?? [])];
      const olds = docs.map((doc) => asBefore(doc, version));
      server.collections.set(name, new Map(olds.map((doc) => [doc._id, doc])));
    }
    server.collections.get('pay_migration')?.clear();
    return server;
  }

  async function expectCarried(server: CloudbaseServer): Promise<void> {
    const store = await openAt(server);
    expect((await store.due(MCHID, 10, 10, 'deliver')).map(({ no }) => no)).toEqual(['OLDPAID']);
    expect((await store.due(MCHID, 10, 10, 'ask')).map(({ no }) => no)).toEqual(['OLDOPEN']);
    expect(await store.find(MCHID, 'order', 'OLDOTHER')).toBeUndefined();
    expect(await store.find('1900000009', 'order', 'OLDOTHER')).toBeDefined();
    const report = aReport('reconcile-2026-01-02');
    expect(await store.find(MCHID, 'report', report.no)).toEqual(report);
    expect(await store.reservation(MCHID, 'refund', 'R1')).toMatchObject({ owner: 'OLDPAID' });
    expect([...(server.collections.get('pay_record')?.keys() ?? [])].sort()).toEqual([
      `${MCHID}:order:OLDOPEN`,
      `${MCHID}:order:OLDPAID`,
      `${MCHID}:report:reconcile-2026-01-02`,
      '1900000009:order:OLDOTHER',
    ]);
    expect(server.collections.get('pay_migration')?.get('migration:3')).toMatchObject({
      min_reader: 3,
    });
    await store.close();
  }

  it.each([1, 2] as const)('carries documents of version %d over', async (version) => {
    await expectCarried(await serverOfBefore(version));
  });

  it.each(['database.insertDocument', 'database.removeDocument'])(
    'goes on where a migration ended in the middle of %s',
    async (action) => {
      for (const fault of ['drop', 'lose'] as const) {
        const server = await serverOfBefore(2);
        server.breakNext(action, fault);
        await openAt(server).then(
          (store) => store.close(),
          () => undefined,
        );
        await expectCarried(server);
      }
    },
  );

  it('refuses to work on what a newer build has made its own', async () => {
    const server = await start();
    const store = await openAt(server);
    server.collections
      .get('pay_migration')
      ?.set('migration:9', { _id: 'migration:9', min_reader: 9 });
    await expect(store.ping()).rejects.toMatchObject({ code: 'STORE_NEWER' });
    await expect(openAt(server)).rejects.toMatchObject({ code: 'STORE_NEWER' });
    await store.close();
  });
});
