/**
 * What a payer may cost in a minute, and how many unpaid orders he may have open. Both are counted from his
 * records, so they hold over all instances; the count is one read.
 *
 * Kept in memory is only what is between our count and our write: one entry for each number under way, and
 * requests under way are bounded for each payer (`requestsUnderWay`). So instances that count at the same
 * moment may each let one limit's worth pass, and no more.
 */
import type { Caller } from './caller';
import { ASKS_WINDOW_MS, usageOf, type PayerUsage } from '../ledger/payerAsks';
import type { OrderStore } from '../stores/orderStore';
import { ACTIVE_MAX } from '../stores/storeRules';
import type { Clock } from '../../utils/clock';
import { AppError } from '../../utils/errors';
import { DAY_MS } from '../../utils/time';

/** An open order is not older: 7 days at most prepared, and 7 days at most until it expires. */
const OPEN_LOOK_BACK_MS = 14 * DAY_MS;

export interface OrderRate {
  /**
   * Runs what takes a number or asks WeChat, within the payer's limits; operators have none.
   *
   * @throws AppError RATE_LIMITED
   */
  within<T>(ask: CountedAsk<T>): Promise<T>;
}

export interface CountedAsk<T> {
  readonly caller: Caller;
  /** Kind and number. */
  readonly key: string;
  /** 1, or the number of parts of a combination. */
  readonly units: number;
  /** true: there is one more order to be paid after it. */
  readonly opens: boolean;
  /** Checked beside the count. */
  readonly guard?: () => Promise<void>;
  /** Past the limit: what to answer instead of a refusal, for a repeat that costs nothing. */
  readonly instead?: () => Promise<T | undefined>;
  readonly run: () => Promise<T>;
}

export interface OrderRateDeps {
  readonly clock: Clock;
  readonly store: Pick<OrderStore, 'active' | 'count'>;
  readonly ordersPerMinute: number;
  readonly openOrdersMax: number;
}

type UnderWay = Pick<CountedAsk<unknown>, 'units' | 'opens'>;

export function createOrderRate(deps: OrderRateDeps): OrderRate {
  const { clock, store } = deps;
  /** Numbers of a payer between our count and our write: what he sends at once counts as well. */
  const underWay = new Map<string, Map<string, UnderWay>>();

  async function usage(openid: string): Promise<PayerUsage> {
    const now = clock.now();
    // Exclusive at its beginning, as a minute is.
    const since = now - ASKS_WINDOW_MS + 1;
    const records = await store.active(openid, { from: now - OPEN_LOOK_BACK_MS, since });
    const seen = usageOf(records, now);
    if (records.length < ACTIVE_MAX) return seen;
    return { ...seen, asked: Math.max(seen.asked, await store.count(openid, since)) };
  }

  function excess(
    made: PayerUsage,
    beside: readonly UnderWay[],
    ask: UnderWay,
  ): string | undefined {
    const sum = (entries: readonly UnderWay[]): number =>
      entries.reduce((total, { units }) => total + units, ask.units);
    if (made.asked + sum(beside) > deps.ordersPerMinute) return 'ordersPerMinute';
    const opening = beside.filter(({ opens }) => opens);
    const open = ask.opens && made.open + sum(opening) > deps.openOrdersMax;
    return open
      ? '未支付订单过多，请先支付或关闭 / too many unpaid orders: pay or close one first'
      : undefined;
  }

  return {
    async within(ask) {
      const { caller, key, guard, run } = ask;
      if (caller.role !== 'payer') {
        await guard?.();
        return run();
      }
      const { openid } = caller;
      const mine = underWay.get(openid) ?? new Map<string, UnderWay>();
      underWay.set(openid, mine);
      const beside = [...mine].filter(([other]) => other !== key).map(([, entry]) => entry);
      const first = !mine.has(key);
      if (first) mine.set(key, { units: ask.units, opens: ask.opens });
      try {
        const [made] = await Promise.all([usage(openid), guard?.()]);
        const why = excess(made, beside, ask);
        if (why === undefined) return await run();
        const instead = await ask.instead?.();
        if (instead !== undefined) return instead;
        throw new AppError('RATE_LIMITED', { retryAfterSeconds: 60, detail: why });
      } finally {
        if (first) mine.delete(key);
        if (mine.size === 0 && underWay.get(openid) === mine) underWay.delete(openid);
      }
    },
  };
}
