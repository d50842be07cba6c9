/**
 * A database that neither answers nor goes away: frozen, silent in the middle of a login, or holding a lock. Each
 * caller gets his answer while it lasts, and nothing is left behind at the server. The test ends the trouble only when
 * all have answered, so a caller who waits for its end never answers. How many sleeping connections one caller asks is
 * counted in `openStore.test.ts`.
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { openStore } from '../../services/stores';
import type { RecordStore } from '../../services/stores/orderStore';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import type { ServerKind } from '../helpers/databases';
import {
  hasPrivateServer,
  PRIVATE_KINDS,
  startPrivateServer,
  type PrivateServer,
} from '../helpers/privateServer';
import { anOrder } from '../helpers/storeRecords';
import { until } from '../helpers/waiting';

const KINDS = PRIVATE_KINDS.filter(hasPrivateServer);
const describeKinds = KINDS.length === 0 ? describe.skip.each(PRIVATE_KINDS) : describe.each(KINDS);
const CALLERS = 16;
const LOOK_MS = 20;
/** Longer than any test: the test ends it. */
const HOLD_SECONDS = 1200;

async function open(url: string, clock = systemClock): Promise<RecordStore> {
  return openStore({ url, clock, logger: silentLogger });
}

/** Inserts so many at once. @returns the different answers, once every caller has his. */
async function insertMany(store: RecordStore, prefix: string): Promise<readonly string[]> {
  const answers = await Promise.all(
    Array.from({ length: CALLERS }, (_, i) =>
      store
        .insert(anOrder(`${prefix}${String(i)}`))
        .catch((error: unknown) => String((error as { code?: string }).code)),
    ),
  );
  return [...new Set<string>(answers)];
}

/** Passes everything on until the client has said `word`; from then on it is silent, and keeps the line. */
async function startMute(port: number, word: string) {
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const behind = connect(port, '127.0.0.1');
    let silent = false;
    sockets.push(client, behind);
    for (const socket of [client, behind]) socket.on('error', () => undefined);
    client.on('data', (chunk: Buffer) => {
      silent ||= chunk.includes(word);
      behind.write(chunk);
    });
    behind.on('data', (chunk: Buffer) => {
      if (!silent) client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function frozen(server: PrivateServer): Promise<void> {
  const clock = { aheadMs: 0, now: () => systemClock.now() + clock.aheadMs };
  const store = await open(await server.databases.create(), { ...systemClock, ...clock });
  await insertMany(store, 'A');
  clock.aheadMs = 6000;
  await server.freeze();
  try {
    expect(await insertMany(store, 'B')).toEqual(['STORE_UNAVAILABLE']);
  } finally {
    server.thaw();
  }
  expect(await insertMany(store, 'C')).toEqual(['inserted']);
  await store.close();
}

async function muteAfterLogin({ kind, databases }: PrivateServer): Promise<void> {
  const url = new URL(await databases.create());
  const word = kind === 'mysql' ? 'SET SESSION' : 'set_config';
  const mute = await startMute(Number(url.port), word);
  url.port = String(mute.port);
  await expect(open(url.href)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await mute.close();
}

async function lockKept({ kind, databases }: PrivateServer): Promise<void> {
  const url = await databases.create();
  const store = await open(url);
  const lock = {
    mysql: `LOCK TABLES pay_record WRITE; SELECT SLEEP(${String(HOLD_SECONDS)})`,
    postgres: `BEGIN; LOCK TABLE pay_record; SELECT pg_sleep(${String(HOLD_SECONDS)})`,
  }[kind];
  const held = databases
    .run(`${url}${kind === 'mysql' ? '?multipleStatements=true' : ''}`, lock)
    .then(
      () => 'let go',
      () => 'ended',
    );
  const holders = {
    mysql: "SELECT id FROM information_schema.processlist WHERE state = 'User sleep'",
    postgres: "SELECT pid AS id FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
  }[kind];
  const holder = async () => (await databases.run(url, holders))[0]?.['id'];
  await until('the table is locked', async () => (await holder()) !== undefined, LOOK_MS);
  const answers = await insertMany(store, 'L');
  expect(answers.filter((said) => !said.startsWith('STORE_'))).toEqual([]);
  const waiting = {
    mysql: "SELECT 1 FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'",
    postgres: "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
  }[kind];
  const waits = async () => (await databases.run(url, waiting)).length;
  await until('no statement waits for the lock', async () => (await waits()) === 0, LOOK_MS);
  const end = { mysql: 'KILL', postgres: 'SELECT pg_terminate_backend' }[kind];
  await databases.run(url, `${end} (${String(await holder())})`);
  expect(await held).toBe('ended');
  expect(await insertMany(store, 'M')).toEqual(['inserted']);
  await store.close();
}

interface Scenes {
  readonly frozen: PromiseSettledResult<void>;
  readonly mute: PromiseSettledResult<void>;
  readonly lock: PromiseSettledResult<void>;
}

async function play(kind: ServerKind): Promise<Scenes> {
  const server = await startPrivateServer(kind);
  try {
    const [mute, lock] = await Promise.allSettled([muteAfterLogin(server), lockKept(server)]);
    const [ice] = await Promise.allSettled([frozen(server)]);
    return { frozen: ice, mute, lock };
  } finally {
    await server.close();
  }
}

/** At once, for they do nothing but wait. */
const scenes = new Map<ServerKind, Scenes>();
beforeAll(async () => {
  await Promise.all(KINDS.map(async (kind) => scenes.set(kind, await play(kind))));
});

describeKinds('%s', (kind) => {
  const judge = (scene: keyof Scenes): void => {
    const result = scenes.get(kind)?.[scene];
    if (result?.status === 'rejected') throw result.reason;
    expect(result?.status).toBe('fulfilled');
  };

  test('frozen after a pause in traffic: no caller waits for each sleeping connection', () => {
    judge('frozen');
  });
  test('silent after the login: the connection is given up', () => {
    judge('mute');
  });
  test('a lock that is kept: everybody hears of it, and no statement stays behind it', () => {
    judge('lock');
  });
});
