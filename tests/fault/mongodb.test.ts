/**
 * The whole life of an order on MongoDB, with one write after the other broken, and the driver's repetition of it, too: lost
 * after it was done, lost before, or undone by a failover. Anyone who gets no success asks again, as clients and WeChat do.
 * In the end the books agree: paid once, refunded once, each effect there once.
 */
import type { Simulator } from '../../simulator';
import {
  afterTest,
  number,
  operator,
  orderBody,
  payer,
  refundBody,
  skewedClock,
  startService,
  startSim,
  type Answer,
  type Running,
} from '../helpers/service';
import { startMongodbServer, type Fault, type MongodbServer } from '../helpers/mongodbServer';

const TRIES_MAX = 4;
/** More than the writes of one life: those past its end break nothing. */
const WRITES = 9;
/** `WriteConcernFailed`. */
const UNDONE: Fault = { writeConcern: 64, undone: true };

const MINUTE_MS = 60_000;

interface Shop {
  readonly sim: Simulator;
  readonly run: Running;
  readonly server: MongodbServer;
  /** Time passes, and the sweep comes by. */
  readonly later: () => Promise<void>;
}

async function open(): Promise<Shop> {
  const server = await startMongodbServer();
  afterTest(() => server.close());
  const sim = await startSim();
  // After a fault the driver looks for a primary again: at once, not half a second later.
  const databaseUrl = `${server.url()}?minHeartbeatFrequencyMS=10`;
  const clock = skewedClock();
  const pass = async (ms: number): Promise<void> => {
    clock.offsetMs += ms;
    await sim.clock.advance(ms);
  };
  const run = await startService({ sim, clock, wait: pass, env: { databaseUrl } });
  const later = async (): Promise<void> => {
    await pass(2 * MINUTE_MS);
    await run.call('/wx-pay/wxpay_sweep', {}, operator());
  };
  return { sim, run, server, later };
}

/** 202 says that it goes on by itself: by the sweep. */
async function untilTaken(ask: () => Promise<{ readonly status: number }>): Promise<void> {
  const seen: number[] = [];
  while (seen.length < TRIES_MAX) {
    const { status } = await ask();
    if (status === 200 || status === 202) return;
    seen.push(status);
  }
  throw new Error(`no success: ${seen.join(' ')}`);
}

const told = async (
  sim: Simulator,
  event: 'payment' | 'refund',
  no: string,
): Promise<{ readonly status: number }> => {
  const [sent] = await sim.deliver(event, no);
  return { status: sent?.statusAnswered ?? 0 };
};

async function live({ sim, run, later }: Shop, no: string, refundNo: string): Promise<void> {
  const order = (): Promise<Answer> => run.call('/wx-pay/wxpay_order', orderBody(no), payer());
  const refund = (): Promise<Answer> =>
    run.call('/wx-pay/wxpay_refund', refundBody(no, refundNo, 100), operator());
  await untilTaken(order);
  sim.pay(no);
  await untilTaken(() => told(sim, 'payment', no));
  await untilTaken(refund);
  for (let round = 0; round < TRIES_MAX && sim.refund(refundNo) === undefined; round += 1) {
    await later();
  }
  await untilTaken(() => told(sim, 'refund', refundNo));
}

test.each<[string, Fault]>([
  ['lost after it was done', 'lose'],
  ['lost before', 'drop'],
  ['undone', UNDONE],
])('one write after the other is %s', async (_name, fault) => {
  const shop = await open();
  const { sim, run, server } = shop;
  for (let broken = 0; broken < WRITES; broken += 1) {
    const [no, refundNo] = [number('M'), number('R')];
    server.breakWrite(broken, fault);
    await live(shop, no, refundNo);
    const record = await run.order(no);
    expect([broken, record]).toMatchObject([
      broken,
      { state: 'REFUNDED', refunds: [{ out_refund_no: refundNo, status: 'SUCCESS', refund: 100 }] },
    ]);
    expect([broken, await run.effects(no)]).toEqual([
      broken,
      ['order.created', 'order.paid', 'refund.requested', 'refund.succeeded'],
    ]);
    expect(sim.refund(refundNo)).toMatchObject({ status: 'SUCCESS' });
    expect(run.alarms()).toEqual([]);
  }
});
