/** Four instances sweeping, delivering and dying on one database: the short form of `npm run soak`. */
import { hasPrivateServer } from '../helpers/privateServer';
import { build, type Build } from './instance';
import { seedOf } from './random';
import { runRound, type Round } from './swarm';
import { databasesHere } from './world';

jest.setTimeout(180_000);

const seed = seedOf();
const databases = databasesHere();
const rounds = new Map<string, Promise<Round>>();
let built: Build;

/** All databases at once: a round mostly waits, for leases and for its turn to try again. */
beforeAll(() => {
  built = build();
  process.stdout.write(`swarm tests: CRASH_SEED=${seed}\n`);
  for (const database of databases) {
    const { folder } = built;
    const round = runRound({ database, folder, seed, instances: 4, orders: 40, kills: 3 });
    rounds.set(database, round);
    // Awaited by its test; one that fails early must not end the others.
    void Promise.allSettled([round]);
  }
});
afterAll(async () => {
  await Promise.allSettled(rounds.values());
  built.remove();
});

test.each(databases)(
  'four instances on %s, killed, its server too: every effect in order, nothing stuck',
  async (database) => {
    const round = await rounds.get(database);
    expect(round?.faults).toEqual([]);
    // The weather was bad indeed.
    expect(round?.effects).toBeGreaterThan(80);
    expect(round?.again).toBeGreaterThan(5);
    if (database !== 'sqlite' && hasPrivateServer(database)) {
      expect(round?.restarts).toBeGreaterThan(0);
    }
  },
);
