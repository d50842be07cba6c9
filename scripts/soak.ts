/**
 * `npm run soak -- --minutes N --seed S [--orders N] [--database sqlite|mysql|postgres]`: the bad weather of
 * `tests/crash/swarm` again and again, on every database that answers, with two to four instances. Each round
 * has a seed of its own, printed, and `--minutes 0 --seed THAT` repeats it. Ends with 1 at the first fault.
 */
import { parseArgs } from 'node:util';
import { hasBroker, overAmqp } from '../tests/crash/amqpReceiver';
import { createRandom } from '../tests/crash/random';
import { runRound, type Round, type Weather } from '../tests/crash/swarm';
import { DATABASES, databasesHere, type DatabaseKind } from '../tests/crash/world';

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

function settings() {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string' },
      orders: { type: 'string', default: '60' },
      database: { type: 'string' },
    },
  });
  const minutes = Number(values.minutes);
  const orders = Number(values.orders);
  if (!Number.isFinite(minutes) || minutes < 0)
    throw new Error('--minutes: a number, 0 = one round');
  if (!Number.isSafeInteger(orders) || orders < 1) throw new Error('--orders: 1 or more');
  return { minutes, orders, seed: values.seed ?? String(Date.now()), databases: chosen(values) };
}

function chosen({ database }: { readonly database?: string | undefined }): readonly DatabaseKind[] {
  if (database === undefined) return databasesHere();
  const known = DATABASES.find((kind) => kind === database);
  if (known === undefined) throw new Error(`--database: one of ${DATABASES.join(', ')}`);
  return [known];
}

function tellRound(database: DatabaseKind, seed: string, instances: number, round: Round): void {
  const { orders, combinations, transfers, refunds, effects, again, kills, restarts, faults } =
    round;
  say(
    `${database} seed=${seed}: ${instances} instances, ${orders} orders, ${combinations} combinations, ` +
      `${transfers} transfers, ${refunds} refunds, ` +
      `${effects} effects (${again} delivered again), ${kills} kills, ` +
      `${restarts} restarts of the database: ` +
      (faults.length === 0 ? 'all well' : `${faults.length} FAULTS`),
  );
  for (const fault of faults) say(`  ${fault}`);
}

async function once(given: Omit<Weather, 'instances' | 'kills'>): Promise<boolean> {
  const { database, seed } = given;
  const random = createRandom(`${seed}|${database}|size`);
  const instances = random.between(2, 5);
  const kills = random.between(2, 7);
  // Another of the sinks now and then.
  const amqp = random.chance(0.3) && hasBroker() ? overAmqp() : {};
  const round = await runRound({ ...given, instances, kills, ...amqp });
  tellRound(database, seed, instances, round);
  return round.faults.length === 0;
}

async function main(): Promise<boolean> {
  const { minutes, orders, seed, databases } = settings();
  const end = performance.now() + minutes * 60_000;
  say(`soak: ${minutes} min on ${databases.join(', ')}, seed ${seed}`);
  for (let i = 0; i < databases.length || performance.now() < end; i++) {
    const turn = Math.floor(i / databases.length);
    const database = databases[i % databases.length] ?? 'sqlite';
    const own = turn === 0 ? seed : `${seed}.${turn}`;
    if (!(await once({ database, seed: own, orders }))) return false;
  }
  return true;
}

main().then(
  (well) => {
    process.exitCode = well ? 0 : 1;
  },
  (error: unknown) => {
    process.stderr.write(`soak: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
