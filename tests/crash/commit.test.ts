/**
 * A callback is never answered SUCCESS before its record is committed: the test holds the commit back, with
 * a lock of its own in the database, and watches the answer.
 */
import Database from 'libsql';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { build, pause, type Build } from './instance';
import { seedOf } from './random';
import { place, settled } from './shop';
import { verdict } from './verdict';
import { createWorld, databasesHere, type DatabaseKind, type World } from './world';

jest.setTimeout(60_000);

/** Lets go, so that the service's write can be committed. */
type Release = () => Promise<void>;
type Hold = (url: string, no: string) => Promise<Release>;

const LOCK_ROW = "SELECT no FROM pay_record WHERE kind = 'order' AND no =";

const holds: Readonly<Record<DatabaseKind, Hold>> = {
  /** The file's one write lock: nobody commits anything. */
  async sqlite(url) {
    const database = new Database(url.slice('file:'.length));
    database.exec('PRAGMA busy_timeout = 5000');
    database.exec('BEGIN IMMEDIATE');
    return async () => {
      database.exec('COMMIT');
      database.close();
    };
  },
  async mysql(uri, no) {
    const connection = await createConnection({ uri });
    await connection.beginTransaction();
    await connection.query(`${LOCK_ROW} ? FOR UPDATE`, [no]);
    return async () => {
      await connection.commit();
      await connection.end();
    };
  },
  async postgres(connectionString, no) {
    const client = new Client({ connectionString });
    await client.connect();
    await client.query('BEGIN');
    await client.query(`${LOCK_ROW} $1 FOR UPDATE`, [no]);
    return async () => {
      await client.query('COMMIT');
      await client.end();
    };
  },
};

const HELD_MS = 1200;
/** The deadline of a callback, and what may be on top of it before WeChat hangs up (5 s). */
const DEADLINE_MS = 4000;
const HANG_UP_MS = 5000;

let built: Build;
const databases = databasesHere();

beforeAll(() => {
  built = build();
});
afterAll(() => {
  built.remove();
});

interface Answer {
  status?: number;
  ms?: number;
}

/** Sends one notification; `answer` is filled as soon as there is one. */
function tell(world: World, no: string) {
  const answer: Answer = {};
  const begun = performance.now();
  const url = `${String(world.instances[0]?.url)}/wechatpay/order`;
  const done = world.sim.deliver('payment', no, { url }).then(([sent]) => {
    answer.status = sent?.statusAnswered ?? 0;
    answer.ms = performance.now() - begun;
  });
  return { answer, done };
}

const stateOf = async (world: World, no: string) => (await world.store.find('order', no))?.state;

/** Held for a moment: no answer meanwhile, then SUCCESS. */
async function heldShortly(world: World, no: string) {
  const release = await holds[world.database.kind](world.database.url, no);
  const { answer, done } = tell(world, no);
  await pause(HELD_MS);
  const whileHeld = { ...answer, state: await stateOf(world, no) };
  await release();
  await done;
  return { whileHeld, then: { status: answer.status, state: await stateOf(world, no) } };
}

/** Held past the deadline: 5xx in time for WeChat; and when it comes again, SUCCESS. */
async function heldTooLong(world: World, no: string) {
  const release = await holds[world.database.kind](world.database.url, no);
  const late = tell(world, no);
  await late.done;
  const { status, ms = 0 } = late.answer;
  const whileHeld = {
    status,
    inTime: ms >= DEADLINE_MS - 100 && ms < HANG_UP_MS,
    state: await stateOf(world, no),
  };
  await release();
  const again = tell(world, no);
  await again.done;
  return { whileHeld, then: { status: again.answer.status, state: await stateOf(world, no) } };
}

async function scenario(database: DatabaseKind) {
  const { folder } = built;
  const world = await createWorld({ database, folder, seed: seedOf(), instances: 1 });
  try {
    const [free, short, long] = ['FREE0001', 'HELD0001', 'HELD0002'] as const;
    for (const no of [free, short, long]) {
      await place(world, no);
      world.sim.pay(no);
    }
    const unheld = tell(world, free);
    await unheld.done;
    return {
      unheld: { status: unheld.answer.status, atOnce: (unheld.answer.ms ?? 0) < HELD_MS },
      heldShortly: await heldShortly(world, short),
      heldTooLong: await heldTooLong(world, long),
      faults: await endOf(world),
    };
  } finally {
    await world.close();
  }
}

async function endOf(world: World): Promise<readonly string[]> {
  await settled(world);
  return verdict(world);
}

const PENDING = { state: 'PENDING' };
const DONE = { status: 200, state: 'PAID' };

test(`SUCCESS waits for the commit, and past 4 s the answer is 503: ${databases.join(', ')}`, async () => {
  const seen = await Promise.all(
    databases.map(async (database) => ({ database, ...(await scenario(database)) })),
  );
  expect(seen).toEqual(
    databases.map((database) => ({
      database,
      unheld: { status: 200, atOnce: true },
      heldShortly: { whileHeld: PENDING, then: DONE },
      heldTooLong: { whileHeld: { ...PENDING, status: 503, inTime: true }, then: DONE },
      faults: [],
    })),
  );
});
