/**
 * How long one waits while the service is half busy: arrivals at random, timed from when they were
 * due.
 */
import { closedLoop, openLoop, round } from '../lib/load.mjs';
import { warmUp } from '../lib/phases.mjs';
import { withClient } from '../lib/world.mjs';

export const about = 'p50, p99, p99.9 of orders and callbacks at half load';

/** Half of what was reached, and so many seconds of it. */
const SHARE = 0.5;

export async function run({ world, count, seconds }) {
  const service = await world.service();
  await warmUp(world, [service], 1000);
  const probe = world.orders(count);
  const full = await withClient([service], (client) =>
    closedLoop(count, world.placing(client, probe)),
  );
  const probeNotes = world.notifications(probe);
  const fullNotes = await withClient([service], (client) =>
    closedLoop(count, world.notifying(client, probeNotes)),
  );
  const half = async (perSecond, prepare) => {
    const many = Math.ceil(perSecond * SHARE * seconds);
    const orders = world.orders(many);
    const one = await prepare(orders);
    return withClient([service], (client) =>
      openLoop({ count: many, perSecond: perSecond * SHARE, one: one(client) }),
    );
  };
  const orders = await half(full.perSecond, (list) => (client) => world.placing(client, list));
  const callbacks = await half(fullNotes.perSecond, async (list) => {
    await withClient([service], (client) => closedLoop(list.length, world.placing(client, list)));
    const notes = world.notifications(list);
    return (client) => world.notifying(client, notes);
  });
  await service.stop();
  return {
    fullOrders: round(full.perSecond),
    fullCallbacks: round(fullNotes.perSecond),
    seconds,
    orders,
    callbacks,
  };
}
