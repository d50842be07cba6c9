/**
 * Does it slow down as records gather? Orders, and callbacks for old orders picked at random,
 * against the floor.
 */
import fs from 'node:fs';
import { median, round } from '../lib/load.mjs';
import { createFilled, fillTo, filledOrder } from '../lib/fill.mjs';
import { run as runPhase, warmUp } from '../lib/phases.mjs';
import { lineChart } from '../lib/svg.mjs';

export const about = 'cost at 10⁴, 10⁵, 10⁶ records (--huge: 10⁷)';

const SIZES = [10_000, 100_000, 1_000_000];
const HUGE = 10_000_000;
const UNPAID_EVERY = 4;
/** Callbacks need unpaid orders of their own in every round: 10⁴ records hold 2500. */
const CALLBACKS_MAX = 600;
const ROUNDS_MAX = 4;

/** Unpaid filled orders that no round before used, picked over the whole file. */
function createPicker(filled) {
  const used = new Set();
  return (count) =>
    Array.from({ length: count }, () => {
      let i;
      do i = Math.floor((Math.random() * filled.rows) / UNPAID_EVERY) * UNPAID_EVERY;
      while (used.has(i));
      used.add(i);
      return filledOrder(filled, i);
    });
}

async function one(world, running, { count, old }) {
  await warmUp(world, [running], 300);
  const fresh = world.orders(count);
  const placed = await runPhase([running], count, (client) => world.placing(client, fresh));
  const notes = world.notifications(old);
  const told = await runPhase([running], old.length, (client) => world.notifying(client, notes));
  await running.stop();
  return {
    orders: placed.perSecond,
    callbacks: told.perSecond,
    orderCpuMs: placed.cpuMs,
    callbackCpuMs: told.cpuMs,
    bad: placed.bad + told.bad,
  };
}

async function at(world, filled, { pick, rounds, count }) {
  const all = [];
  for (let i = 0; i < rounds; i++) {
    const old = pick(CALLBACKS_MAX);
    const databaseUrl = `file:${filled.file}`;
    const service = await one(world, await world.service({ databaseUrl }), { count, old });
    const floor = await one(world, await world.floor(), { count, old });
    all.push({ service, floor });
  }
  const of = (pickOne, digits) => round(median(all.map(pickOne)), digits);
  return {
    rows: filled.rows,
    fileMiB: round(fs.statSync(filled.file).size / 2 ** 20),
    ordersRatio: of(({ service, floor }) => service.orders / floor.orders, 2),
    callbacksRatio: of(({ service, floor }) => service.callbacks / floor.callbacks, 2),
    orderCpuMs: of(({ service }) => service.orderCpuMs, 2),
    callbackCpuMs: of(({ service }) => service.callbackCpuMs, 2),
    notAnswered: all.reduce((sum, { service }) => sum + service.bad, 0),
  };
}

export async function run({ world, rounds, count, huge, chart }) {
  const filled = await createFilled(world, { unpaidEvery: UNPAID_EVERY });
  const pick = createPicker(filled);
  const result = [];
  for (const rows of huge ? [...SIZES, HUGE] : SIZES) {
    fillTo(filled, rows);
    const own = { pick, count, rounds: Math.min(rounds, ROUNDS_MAX) };
    result.push(await at(world, filled, own));
  }
  const points = (name) => result.map((row) => [row.rows, row[name]]);
  chart(
    'growth',
    lineChart({
      title: 'Processor time of an order and of a callback, by records held (SQLite)',
      xLabel: 'records',
      yLabel: 'ms',
      logX: true,
      fromZero: true,
      series: [
        { name: 'order', points: points('orderCpuMs'), marks: true },
        { name: 'callback for an old order', points: points('callbackCpuMs'), marks: true },
      ],
    }),
  );
  return result;
}
