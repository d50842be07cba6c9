/**
 * One round of bad weather: some instances under full traffic while they are killed, their database's server is
 * killed and started again, connections are cut, replies of WeChat are lost and forged, callbacks are doubled, spoilt or never come, and the receiver
 * fails. Short in `npm test`, again and again in `npm run soak`. Everything is drawn from the seed.
 */
import { pause } from '../helpers/waiting';
import type { Random } from './random';
import { each, payAndTell, place, refund, restartLater, settled } from './shop';
import { acknowledgedAndLost, verdict } from './verdict';
import { liveCombination, liveTransfer, widerPlanOf } from './wider';
import { createWorld, LATER_MS, type World, type WorldOptions } from './world';

export interface Weather extends WorldOptions {
  readonly orders: number;
  /** How many processes die while orders come in. */
  readonly kills: number;
}

export interface Round {
  /** [] = all is well. */
  readonly faults: readonly string[];
  readonly orders: number;
  readonly combinations: number;
  readonly transfers: number;
  readonly refunds: number;
  readonly effects: number;
  /** Deliveries beyond the first of an effect. */
  readonly again: number;
  readonly kills: number;
  /** How often the database's server was killed and started again. */
  readonly restarts: number;
}

const AT_ONCE = 12;
const REPLIES_SPOILT = 1000;

/** Each in its share of all calls, both ways. */
function spoil(world: World): void {
  const { faults, callbackFaults } = world.sim;
  for (const kind of ['drop_before', 'drop_after', 'bad_signature', 'no_signature'] as const) {
    faults.add({ route: 'POST /v3/*', kind, probability: 0.02, times: REPLIES_SPOILT });
  }
  faults.add({
    route: /./,
    kind: 'status_after',
    status: 500,
    probability: 0.02,
    times: REPLIES_SPOILT,
  });
  faults.add({ route: /./, kind: 'latency', ms: 200, probability: 0.05, times: REPLIES_SPOILT });
  for (const kind of ['drop', 'duplicate', 'bad_signature', 'truncate'] as const) {
    callbackFaults.add({ route: /./, kind, probability: 0.05, times: REPLIES_SPOILT });
  }
}

interface Plan {
  readonly no: string;
  readonly paid: boolean;
  /** false: WeChat never calls, and the sweep must ask. */
  readonly told: boolean;
  readonly refunds: readonly { readonly fen: number; readonly told: boolean }[];
}

function planOf(no: string, random: Random): Plan {
  const count = random.chance(0.5) ? random.between(1, 5) : 0;
  return {
    no,
    paid: random.chance(0.95),
    told: random.chance(0.85),
    // Four times 30 of 100 do not fit: one of them must be refused, whichever comes last.
    refunds: Array.from({ length: count }, () => ({ fen: 30, told: random.chance(0.7) })),
  };
}

async function live(world: World, plan: Plan): Promise<void> {
  const { no } = plan;
  await place(world, no);
  if (!plan.paid) return;
  if (plan.told) await payAndTell(world, no);
  else world.sim.pay(no);
  await Promise.all(
    plan.refunds.map((one, i) =>
      refund(world, { no, refundNo: `${no}R${String(i)}`, fen: one.fen, told: one.told }),
    ),
  );
}

/**
 * Kills one after the other; each comes back before the next one dies. The first blow takes the database's server as
 * well, later ones may. @returns what was lost.
 */
async function thunder(world: World, kills: number, random: Random): Promise<readonly string[]> {
  const lost: string[] = [];
  const { database, instances } = world;
  for (let i = 0; i < kills; i++) {
    await pause(random.between(100, 700));
    const victims = random.chance(0.3) ? instances : [random.pick(instances)];
    const blow = i === 0 ? 'restart' : random.pick(['restart', 'cut', 'none'] as const);
    const laterMs = random.between(0, 300);
    const strike = async (): Promise<void> => {
      await pause(laterMs);
      await Promise.all(victims.map((one) => one.kill()));
    };
    // Those who live go on asking while nothing answers them.
    await Promise.all([blow === 'none' ? undefined : database[blow](), strike()]);
    if (victims.length === instances.length) lost.push(...(await acknowledgedAndLost(world)));
    await Promise.all(victims.map((one) => one.start()));
  }
  return lost;
}

/** To each of these orders comes one combination and one transfer. */
const ORDERS_A_WIDER = 6;

interface Job {
  readonly no: string;
  readonly unpaid: boolean;
  run(world: World): Promise<void>;
}

/** Everything that is to happen, in the order in which it begins. */
function jobsOf({ orders, amqpPrefix = '' }: Weather, random: Random): readonly Job[] {
  return Array.from({ length: orders }, (_, i) => {
    const number = String(i + 1).padStart(5, '0');
    const plan = planOf(`${amqpPrefix}SW${number}`, random);
    const order = { no: plan.no, unpaid: !plan.paid, run: (world: World) => live(world, plan) };
    if (i % ORDERS_A_WIDER !== 0) return [order];
    const pair = widerPlanOf(`${amqpPrefix}CO${number}`, random);
    const out = widerPlanOf(`${amqpPrefix}TR${number}`, random);
    return [
      order,
      { no: pair.no, unpaid: false, run: (world: World) => liveCombination(world, pair) },
      { no: out.no, unpaid: false, run: (world: World) => liveTransfer(world, out) },
    ];
  }).flat();
}

/** Judges by everything that is outside of the service; the seed repeats the round. */
export async function runRound(weather: Weather): Promise<Round> {
  const world = await createWorld(weather);
  try {
    const jobs = jobsOf(weather, world.random.fork('weather'));
    world.receiver.failing = 0.2;
    spoil(world);
    const lost = thunder(world, weather.kills, world.random.fork('thunder'));
    const trouble: string[] = [];
    await each(jobs, AT_ONCE, async (job) => {
      await job.run(world).catch((error: unknown) => trouble.push(String(error)));
    });
    const gone = (await lost).map((no) => `${no}: answered SUCCESS, and lost`);
    // The sky clears; what hung in the air is found by its agenda alone.
    world.sim.faults.clear();
    world.sim.callbackFaults.clear();
    world.receiver.failing = 0;
    await restartLater(world, LATER_MS);
    const unpaid = jobs.filter((job) => job.unpaid).map(({ no }) => no);
    await settled(world, unpaid);
    const faults = [...trouble, ...gone, ...(await verdict(world, unpaid))];
    return { faults, kills: weather.kills, ...(await countsOf(world)) };
  } finally {
    await world.close();
  }
}

async function countsOf(world: World): Promise<Omit<Round, 'faults' | 'kills'>> {
  const { arrivals } = world.receiver;
  const records = await world.records();
  const effects = new Set(arrivals.map(({ id }) => id)).size;
  const ofKind = (kind: string): number => records.filter((one) => one.kind === kind).length;
  return {
    orders: ofKind('order'),
    combinations: ofKind('combination'),
    transfers: ofKind('transfer'),
    refunds: world.sim.refunds().length,
    effects,
    again: arrivals.length - effects,
    restarts: world.database.restarts,
  };
}
