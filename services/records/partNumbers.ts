/**
 * Who holds the number of a part. A reservation is permanent, but WeChat's signed refusal of a combination
 * frees its numbers. So a number has a short line of places: `no`, `no~1`, `no~2`, … (no number of WeChat's has
 * a `~`). A combination that takes a freed number reserves the next place, and the number leads to the one in the line that
 * was not refused. A race of two is decided by WeChat, which has one number space: it refuses the second.
 */
import { partAsOrder } from '../ledger/combinationState';
import type { CombinationRecord } from '../ledger/record';
import type { OrderStore, Reservation } from '../stores/orderStore';
import type { RecordWriter } from './recordWriter';
import type { Clock } from '../../utils/clock';

/** Signed refusals that one number may have behind it. */
const PLACES_MAX = 10;
/** A reservation without its record: its caller is about to write it, or died before. */
const WRITING_MAX_MS = 60_000;

type Store = Pick<OrderStore, 'find' | 'reservation'>;

const placeOf = (no: string, place: number): string =>
  place === 0 ? no : `${no}~${String(place)}`;

const paysFor = (whole: CombinationRecord, no: string): boolean =>
  whole.sub_orders.some((part) => part.out_trade_no === no && part.payment !== undefined);

/** The places in the line that are taken, first come first. */
async function lineOf(store: Store, no: string): Promise<readonly Reservation[]> {
  const line: Reservation[] = [];
  for (let place = 0; place < PLACES_MAX; place++) {
    const held = await store.reservation('sub_order', placeOf(no, place));
    if (held === undefined) return line;
    line.push(held);
  }
  return line;
}

/** The combination that a number leads to: the paid one, else the first not refused, else the first. */
export async function holderOfPart(
  store: Store,
  no: string,
): Promise<CombinationRecord | undefined> {
  const line = await lineOf(store, no);
  const found = await Promise.all(line.map(({ owner }) => store.find('combination', owner)));
  const holders = found.filter((whole) => whole !== undefined && partAsOrder(whole, no));
  const live = holders.find((whole) => whole?.state !== 'REJECTED');
  return holders.find((whole) => whole !== undefined && paysFor(whole, no)) ?? live ?? holders[0];
}

export interface PartNumbers {
  /** Whether this combination may take the number. Takes nothing. */
  isFree(part: string, whole: string): Promise<boolean>;
  /** @returns false: it is another's. */
  take(part: string, whole: string): Promise<boolean>;
}

export function createPartNumbers(deps: {
  readonly store: Store;
  readonly writer: Pick<RecordWriter, 'reserve'>;
  readonly clock: Clock;
}): PartNumbers {
  const { store, writer, clock } = deps;

  async function isReleased({ owner, at }: Reservation, part: string): Promise<boolean> {
    const whole = await store.find('combination', owner);
    if (whole === undefined) return clock.now() - at >= WRITING_MAX_MS;
    return whole.state === 'REJECTED' || partAsOrder(whole, part) === undefined;
  }

  /** The place to reserve; `ours`: we stand in the line already. */
  async function look(part: string, whole: string): Promise<number | 'ours' | 'taken'> {
    const line = await lineOf(store, part);
    const others = line.filter(({ owner }) => owner !== whole);
    const released = await Promise.all(others.map((one) => isReleased(one, part)));
    if (released.includes(false)) return 'taken';
    if (others.length < line.length) return 'ours';
    return line.length < PLACES_MAX ? line.length : 'taken';
  }

  return {
    isFree: async (part, whole) => (await look(part, whole)) !== 'taken',
    async take(part, whole) {
      const place = await look(part, whole);
      if (typeof place === 'string') return place === 'ours';
      const no = placeOf(part, place);
      return (await writer.reserve('sub_order', no, whole)) === 'ours';
    },
  };
}
