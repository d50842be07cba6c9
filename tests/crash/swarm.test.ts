/** Four instances sweeping, delivering and dying on one database: the short form of `npm run soak`. */
import { hasPrivateServer } from '../helpers/privateServer';
import { seedOf } from './random';
import { hasBroker, overAmqp } from './amqpReceiver';
import { runRound, type Round, type Weather } from './swarm';
import { databasesHere } from './world';

const seed = seedOf();
const databases = [...databasesHere(), 'mongodb'] as const;
const broker = hasBroker();
const rounds = new Map<string, Promise<Round>>();

/** All at once: a round mostly waits, for leases and for its turn to try again. */
beforeAll(() => {
  process.stdout.write(`swarm tests: CRASH_SEED=${seed}\n`);
  const begin = (name: string, weather: Omit<Weather, 'seed' | 'kills'>): void => {
    const round = runRound({ seed, kills: 3, ...weather });
    rounds.set(name, round);
    // Awaited by its test; one that fails early must not end the others.
    void Promise.allSettled([round]);
  };
  for (const database of databases) begin(database, { database, instances: 4, orders: 40 });
  if (broker) begin('amqp', { database: 'sqlite', instances: 2, orders: 20, ...overAmqp() });
});
afterAll(async () => {
  await Promise.allSettled(rounds.values());
});

test.each(databases)(
  'four instances on %s, killed, its server too: every effect in order, nothing stuck',
  async (database) => {
    const round = await rounds.get(database);
    expect(round?.faults).toEqual([]);
    // The weather was bad indeed, and it rained on all kinds of money.
    expect(round?.effects).toBeGreaterThan(80);
    expect(round?.again).toBeGreaterThan(5);
    expect([round?.combinations, round?.transfers]).toEqual([7, 7]);
    const served = database !== 'sqlite' && database !== 'mongodb';
    if (served && hasPrivateServer(database)) {
      expect(round?.restarts).toBeGreaterThan(0);
    }
  },
);

(broker ? test : test.skip)(
  'two instances that publish to a broker, killed: the same',
  async () => {
    const round = await rounds.get('amqp');
    expect(round?.faults).toEqual([]);
    expect(round?.effects).toBeGreaterThan(40);
  },
);
