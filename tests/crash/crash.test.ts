/**
 * Two instances of the built service on one database, for real: raced, and killed with kill -9. The same
 * on every database that answers here.
 */
import { pause } from '../helpers/waiting';
import { dataOf } from './instance';
import { seedOf } from './random';
import { each, payAndTell, place, restartLater, settled } from './shop';
import { acknowledgedAndLost, askedRefunds, verdict } from './verdict';
import { createWorld, databasesHere, LATER_MS, type World } from './world';

const seed = seedOf();

beforeAll(() => {
  process.stdout.write(`crash tests: CRASH_SEED=${seed}\n`);
});

/** Statuses that tell the caller to try again. */
const LATER = [409, 429, 503];
const ORDERS = 150;
const JSAPI = '/v3/pay/transactions/jsapi';

const numbers = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(i + 1).padStart(4, '0')}`);

describe.each(databasesHere())('two instances on %s', (database) => {
  let world: World;

  beforeAll(async () => {
    world = await createWorld({ database, seed, instances: 2 });
  });
  afterAll(() => world.close());

  const one = (i: number) => world.instances[i % world.instances.length];

  test('twenty identical orders at once: one call to WeChat, one prepay for all', async () => {
    const no = 'SAME0001';
    world.sim.faults.add({ route: `POST ${JSAPI}`, kind: 'latency', ms: 150 });
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) => world.order(no, {}, one(i))),
    );
    const answered = replies.filter(({ status }) => status === 200);
    const others = replies.map(({ status }) => status).filter((status) => status !== 200);
    expect(others.filter((status) => !LATER.includes(status))).toEqual([]);
    expect(answered.length).toBeGreaterThan(0);
    expect(new Set(answered.map((reply) => dataOf(reply)['prepay_id'])).size).toBe(1);
    const calls = world.sim.requests.filter(
      ({ path, body }) => path === JSAPI && body.includes(no),
    );
    expect(calls.map(({ status }) => status)).toEqual([200]);
    await payAndTell(world, no);
  });

  test('twelve refunds raced: never above what was paid, here, there, or on the way', async () => {
    const no = 'REFUNDS0001';
    await place(world, no);
    await payAndTell(world, no);
    const replies = await Promise.all(
      numbers('RACED', 12).map((out_refund_no, i) =>
        world.operate(
          'wxpay_refund',
          { out_trade_no: no, out_refund_no, amount: { refund: 30, total: 100 } },
          one(i),
        ),
      ),
    );
    const statuses = replies.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 200, 200, ...Array.from({ length: 9 }, () => 409)]);
    const id = String(world.sim.order(no)?.['transaction_id']);
    expect([...askedRefunds(world, id).values()]).toEqual([30, 30, 30]);
    expect(world.sim.refunds().filter((r) => r['out_trade_no'] === no)).toHaveLength(3);
  });

  test('a refund whose reply was lost, repeated elsewhere: one refund at WeChat', async () => {
    const no = 'LOST0001';
    await place(world, no);
    await payAndTell(world, no);
    const wish = {
      out_trade_no: no,
      out_refund_no: 'LOSTREPLY1',
      amount: { refund: 40, total: 100 },
    };
    // The call and both its repeats go through, and none of the replies comes back.
    const lost = {
      route: 'POST /v3/refund/domestic/refunds',
      kind: 'drop_after',
      times: 3,
    } as const;
    world.sim.faults.add(lost);
    const first = await world.operate('wxpay_refund', wish, one(0));
    world.sim.faults.clear();
    expect(first).toMatchObject({ status: 202, body: { code: 0 } });
    const second = await world.operate('wxpay_refund', wish, one(1));
    expect([200, 202]).toContain(second.status);
    const there = world.sim.refunds().filter((r) => r['out_trade_no'] === no);
    expect(there.map((r) => r['out_refund_no'])).toEqual(['LOSTREPLY1']);
    const id = String(world.sim.order(no)?.['transaction_id']);
    expect([...askedRefunds(world, id).values()]).toEqual([40]);
  });

  test(`${ORDERS} orders, instances and database killed in the middle: nothing lost, nothing twice`, async () => {
    const nos = numbers('KILL', ORDERS);
    const killAt = world.random.between(40, 110);
    let told = 0;
    let killing: Promise<readonly string[]> | undefined;
    const killBoth = async (): Promise<readonly string[]> => {
      await pause(world.random.between(0, 20));
      const laterMs = world.random.between(0, 300);
      const strike = async (): Promise<void> => {
        await pause(laterMs);
        await Promise.all(world.instances.map((instance) => instance.kill()));
      };
      // The server dies under traffic, the instances a moment later, while it comes back.
      await Promise.all([world.database.restart(), strike()]);
      const lost = await acknowledgedAndLost(world);
      await Promise.all(world.instances.map((instance) => instance.start({ aheadMs: LATER_MS })));
      return lost;
    };
    world.receiver.failing = 0.15;
    await each(nos, 16, async (no) => {
      await place(world, no);
      await payAndTell(world, no);
      told += 1;
      if (told === killAt) killing = killBoth();
    });
    expect(await killing).toEqual([]);
    world.receiver.failing = 0;
    const states = (await world.records()).filter(({ no }) => no.startsWith('KILL'));
    expect(states.map(({ state }) => state)).toEqual(Array.from(nos, () => 'PAID'));
  });

  test('after all of it, nothing is stuck, and the books agree', async () => {
    await world.database.restart();
    await restartLater(world, LATER_MS * 2);
    await settled(world);
    expect(await verdict(world)).toEqual([]);
    const paid = world.receiver.arrivals.filter(
      ({ event, kept }) => kept && event.type === 'order.paid' && event.subject.startsWith('KILL'),
    );
    expect(new Set(paid.map(({ id }) => id)).size).toBe(ORDERS);
    expect(new Set(paid.map(({ event }) => event.subject)).size).toBe(ORDERS);
  });
});
