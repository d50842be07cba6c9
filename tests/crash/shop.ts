/** What payers, their phones, WeChat and operators do, as stubbornly as they do it: again until it is done. */
import { until as happens } from '../helpers/waiting';
import { dataOf, type Reply } from './instance';
import type { World } from './world';

const AGAIN_MS = 150;
/** What may be answered while instances die and databases lose connections: all of it says "again". */
const AGAIN: ReadonlySet<number> = new Set([0, 409, 429, 500, 502, 503, 504]);

/** Runs it again until it says that it is done. @throws when it never does, naming what was done. */
export const until = (what: string, done: () => Promise<boolean>): Promise<void> =>
  happens(what, done, AGAIN_MS);

export function refuseOthers(what: string, reply: Reply): void {
  if (reply.status === 200 || reply.status === 202 || AGAIN.has(reply.status)) return;
  throw new Error(`${what}: ${reply.status} ${JSON.stringify(reply.body)}`);
}

/** The Mini Program asks until it can pay. @returns the prepay_id. */
export async function place(world: World, no: string): Promise<string> {
  let prepay = '';
  await until(`order ${no}`, async () => {
    const reply = await world.order(no);
    refuseOthers(`order ${no}`, reply);
    if (reply.status === 200) prepay = String(dataOf(reply)['prepay_id']);
    return reply.status === 200;
  });
  return prepay;
}

/** The phone pays; WeChat tells all instances at once, until one has it; now and then once more. */
export async function payAndTell(world: World, no: string): Promise<void> {
  world.sim.pay(no);
  await until(`payment callback ${no}`, () => world.notifyAll('payment', no));
  if (world.random.chance(0.2)) await world.notifyAll('payment', no);
}

export interface RefundWish {
  readonly no: string;
  readonly refundNo: string;
  readonly fen: number;
  /** Of the order; 100 where nothing is said. */
  readonly totalFen?: number;
  /** false: the callback is lost, and the sweep must find out. */
  readonly told: boolean;
}

/** An operator asks until WeChat has it, or until more would go back than was paid; then the callback comes. */
export async function refund(world: World, wish: RefundWish): Promise<void> {
  const { no, refundNo, fen, totalFen = 100 } = wish;
  const answer = { exceeds: false };
  await until(`refund ${refundNo}`, async () => {
    const reply = await world.operate('wxpay_refund', {
      out_trade_no: no,
      out_refund_no: refundNo,
      amount: { refund: fen, total: totalFen },
    });
    refuseOthers(`refund ${refundNo}`, reply);
    answer.exceeds = reply.body['error'] === 'REFUND_EXCEEDS';
    // 202: the caller that was asking may be dead, and its lease runs on. A caller that wants the refund asks again.
    const taken = reply.status === 202 && !wish.told;
    return reply.status === 200 || taken || answer.exceeds;
  });
  if (!wish.told || answer.exceeds) return;
  await until(`refund ${refundNo} at WeChat`, async () => {
    return world.sim.refund(refundNo)?.['status'] === 'SUCCESS';
  });
  await until(`refund callback ${refundNo}`, () => world.notifyAll('refund', refundNo));
}

/** Works through all, so many at once. */
export async function each<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** All processes die at once, and others start when every lease has run out. */
export async function restartLater(world: World, aheadMs: number): Promise<void> {
  await Promise.all(world.instances.map((one) => one.kill()));
  await Promise.all(world.instances.map((one) => one.start({ aheadMs })));
}

/**
 * Until every effect is delivered and nothing is on an agenda that would still be done.
 * @param unpaid  Orders that nobody pays: they wait for their expiry.
 */
export async function settled(world: World, unpaid: readonly string[] = []): Promise<void> {
  await until('all effects delivered, nothing left to do', async () => {
    const records = await world.records();
    // A broker confirms what it keeps, a moment before its consumer has it.
    const here = new Set(world.receiver.arrivals.map(({ id }) => id));
    return records.every(
      ({ no, agenda, effects }) =>
        (agenda.length === 0 || unpaid.includes(no)) &&
        effects.every(({ id, state }) => state === 'delivered' && here.has(id)),
    );
  }).catch(() => undefined); // what is missing is the verdict's to say, number by number
}
