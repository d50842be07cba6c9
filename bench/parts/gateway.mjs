/**
 * What a callback costs by the way it is proven: signature, ciphertext forwarded, or WeChat's
 * answer to a query.
 */
import { median, round } from '../lib/load.mjs';
import { forwarded } from '../lib/keys.mjs';
import { run as runPhase, warmUp } from '../lib/phases.mjs';

export const about = 'callbacks signed, forwarded with ciphertext, and as a hint that is queried';

/**
 * The service follows so many hints at once and refuses more; so many are under way in all three.
 */
const AT_ONCE = 8;
const notifyURLPayURL = 'https://env.ap-shanghai.integration-callback.tcloudbase.com/order';

const WAYS = {
  signed: (world, orders) => world.notifications(orders),
  ciphertext: ({ merchant }, orders) =>
    orders.map((order) => forwarded(merchant, order, { ciphertext: true })),
  hint: ({ merchant }, orders) =>
    orders.map((order) => forwarded(merchant, order, { ciphertext: false })),
};

export async function run({ world, rounds, count }) {
  const service = await world.service({ signMode: 'gateway', notifyURLPayURL });
  await warmUp(world, [service]);
  const many = Math.ceil(count / 2);
  const ways = Object.entries(WAYS);
  const all = { signed: [], ciphertext: [], hint: [] };
  for (let i = 0; i < rounds; i++) {
    for (let k = 0; k < ways.length; k++) {
      // Each comes first once: what a phase leaves behind must not always fall on the same one.
      const [way, make] = ways[(k + i) % ways.length];
      const orders = world.orders(many);
      await runPhase([service], many, (client) => world.placing(client, orders));
      const notes = make(world, orders);
      const notifying = (client) => world.notifying(client, notes);
      all[way].push(await runPhase([service], many, notifying, AT_ONCE));
    }
  }
  await service.stop();
  return Object.entries(all).map(([way, runs]) => ({
    way,
    atOnce: AT_ONCE,
    perSecond: round(median(runs.map(({ perSecond }) => perSecond))),
    cpuMs: round(median(runs.map(({ cpuMs }) => cpuMs)), 2),
    notAnswered: runs.reduce((sum, { bad }) => sum + bad, 0),
  }));
}
