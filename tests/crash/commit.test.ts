/**
 * A callback is never answered SUCCESS before its record is committed: the test holds the commit back, with
 * a lock of its own in the database, and watches the answer.
 */
import Database from 'libsql';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { pause, until } from '../helpers/waiting';
import { seedOf } from './random';
import { place, settled } from './shop';
import { verdict } from './verdict';
import { createWorld, databasesHere, type SqlKind, type World } from './world';

/** Lets go, so that the service's write can be committed. */
type Release = () => Promise<void>;
type Hold = (url: string, no: string) => Promise<Release>;

const LOCK_ROW = "SELECT no FROM pay_record WHERE kind = 'order' AND no =";

const holds: Readonly<Record<SqlKind, Hold>> = {
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

/** Long enough to see an answer that does not wait, well below the 4 s of a callback. */
const HELD_MS = 1200;

const databases = databasesHere();

interface Answer {
  status?: number;
}

/** Sends one notification; `answer` is filled as soon as there is one. */
function tell(world: World, no: string) {
  const answer: Answer = {};
  const url = `${String(world.instances[0]?.url)}/wechatpay/order`;
  const done = world.sim.deliver('payment', no, { url }).then(([sent]) => {
    answer.status = sent?.statusAnswered ?? 0;
  });
  return { answer, done };
}

const stateOf = async (world: World, no: string) => (await world.store.find('order', no))?.state;

/** Again, as WeChat does, until the answer is SUCCESS. @returns the last answer. */
async function tellAgain(world: World, no: string): Promise<number | undefined> {
  let status: number | undefined;
  await until(`${no} is taken`, async () => {
    const { answer, done } = tell(world, no);
    await done;
    status = answer.status;
    return status === 200;
  });
  return status;
}

/**
 * Held for a moment: no SUCCESS meanwhile, then SUCCESS: to this call, or, where the machine is so slow that its 4 s
 * were over, to the next one.
 */
async function heldShortly(world: World, hold: Hold, no: string) {
  const release = await hold(world.database.url, no);
  const { answer, done } = tell(world, no);
  await pause(HELD_MS);
  const whileHeld = { success: answer.status === 200, state: await stateOf(world, no) };
  await release();
  await done;
  const status = answer.status === 503 ? await tellAgain(world, no) : answer.status;
  return { whileHeld, then: { status, state: await stateOf(world, no) } };
}

/**
 * Held until there is an answer: it comes while the lock is held, and is 503. (At which moment it comes is measured in
 * tests/fault/store.test.ts.) When the notification comes again, SUCCESS.
 */
async function heldTooLong(world: World, hold: Hold, no: string) {
  const release = await hold(world.database.url, no);
  const late = tell(world, no);
  await late.done;
  const whileHeld = { ...late.answer, state: await stateOf(world, no) };
  await release();
  const status = await tellAgain(world, no);
  return { whileHeld, then: { status, state: await stateOf(world, no) } };
}

async function scenario(database: SqlKind) {
  const hold = holds[database];
  const world = await createWorld({ database, seed: seedOf(), instances: 1 });
  try {
    const [free, short, long] = ['FREE0001', 'HELD0001', 'HELD0002'] as const;
    for (const no of [free, short, long]) {
      await place(world, no);
      world.sim.pay(no);
    }
    const unheld = tell(world, free);
    await unheld.done;
    return {
      unheld: unheld.answer,
      heldShortly: await heldShortly(world, hold, short),
      heldTooLong: await heldTooLong(world, hold, long),
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
      unheld: { status: 200 },
      heldShortly: { whileHeld: { ...PENDING, success: false }, then: DONE },
      heldTooLong: { whileHeld: { ...PENDING, status: 503 }, then: DONE },
      faults: [],
    })),
  );
});
