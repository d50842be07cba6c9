/**
 * The service against what Node alone can do, in turn on one machine: ratios outlive the machine.
 */
import { median, round } from '../lib/load.mjs';
import { ordersThenCallbacks, warmUp } from '../lib/phases.mjs';
import { emptyNodeMs } from '../lib/world.mjs';

export const about = 'orders, callbacks, start and peak memory against a bare Node';

const STARTS = 7;

async function round1(world, start, count) {
  const running = await start();
  await warmUp(world, [running]);
  const rates = await ordersThenCallbacks(world, [running], count);
  const peak = running.memory()?.peak;
  await running.stop();
  return { ...rates, peak };
}

async function startRatio(world) {
  const ours = [];
  const empty = [];
  for (let i = 0; i < STARTS; i++) {
    const service = await world.service();
    ours.push(service.startMs);
    await service.stop();
    empty.push(emptyNodeMs());
  }
  return { startMs: round(median(ours)), emptyNodeMs: round(median(empty)) };
}

export async function run({ world, rounds, count }) {
  const all = [];
  for (let i = 0; i < rounds; i++) {
    const service = await round1(world, () => world.service(), count);
    const floor = await round1(world, () => world.floor(), count);
    all.push({ service, floor });
  }
  const of = (pick) => median(all.map(pick));
  const started = await startRatio(world);
  return {
    rounds,
    count,
    ordersRatio: round(
      of(({ service, floor }) => service.orders / floor.orders),
      2,
    ),
    callbacksRatio: round(
      of(({ service, floor }) => service.callbacks / floor.callbacks),
      2,
    ),
    startRatio: round(started.startMs / started.emptyNodeMs, 2),
    ...started,
    orderCpuMs: round(
      of(({ service }) => service.orderCpuMs),
      2,
    ),
    callbackCpuMs: round(
      of(({ service }) => service.callbackCpuMs),
      2,
    ),
    floorOrderCpuMs: round(
      of(({ floor }) => floor.orderCpuMs),
      2,
    ),
    floorCallbackCpuMs: round(
      of(({ floor }) => floor.callbackCpuMs),
      2,
    ),
    peakMiB: round(of(({ service }) => service.peak ?? 0)),
    orders: round(of(({ service }) => service.orders)),
    callbacks: round(of(({ service }) => service.callbacks)),
    notAnswered: all.reduce((sum, one) => sum + one.service.bad + one.floor.bad, 0),
  };
}
