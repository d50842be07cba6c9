/**
 * The two things everything here is measured by: orders, and callbacks for the orders just placed.
 */
import { closedLoop } from './load.mjs';
import { withClient, withCpu } from './world.mjs';

const WARM_UP = 500;

export async function warmUp(world, processes, count = WARM_UP) {
  const orders = world.orders(count);
  await withClient(processes, (client) => closedLoop(count, world.placing(client, orders)));
  const notes = world.notifications(orders.slice(0, count >> 2));
  await withClient(processes, (client) => closedLoop(notes.length, world.notifying(client, notes)));
}

/**
 * Orders and callbacks a second, and the processor time of each in the service, all its threads
 * together: on a machine that others use too the second says more than the first.
 */
export async function ordersThenCallbacks(world, processes, count) {
  const orders = world.orders(count);
  const placed = await run(processes, count, (client) => world.placing(client, orders));
  const notes = world.notifications(orders);
  const told = await run(processes, count, (client) => world.notifying(client, notes));
  return {
    orders: placed.perSecond,
    callbacks: told.perSecond,
    orderCpuMs: placed.cpuMs,
    callbackCpuMs: told.cpuMs,
    bad: placed.bad + told.bad,
  };
}

/** So many requests against these processes, on connections of their own. */
export const run = (processes, count, one, atOnce) =>
  withCpu(processes, count, () =>
    withClient(processes, (client) => closedLoop(count, one(client), atOnce)),
  );
