/** How many orders and combinations a payer may place in a minute, counted over all instances. */
import type { Caller } from './caller';
import type { Clock } from '../utils/clock';
import { AppError } from '../utils/errors';

type Inserted = 'inserted' | 'exists';

export interface OrderRate {
  /** Inserts within the payer's limit; operators have none. @throws AppError RATE_LIMITED */
  within(ask: NewOrder): Promise<Inserted>;
}

export interface NewOrder {
  readonly caller: Caller;
  /** Kind and number. */
  readonly key: string;
  /** A repeat of a number is not new: it is never refused for the limit. */
  readonly exists: () => Promise<boolean>;
  /** Checked beside the count. */
  readonly guard?: () => Promise<void>;
  readonly insert: () => Promise<Inserted>;
}

export interface OrderRateDeps {
  readonly clock: Clock;
  readonly countOrders: (payer: string, since: number) => Promise<number>;
  readonly ordersPerMinute: number;
}

export function createOrderRate(deps: OrderRateDeps): OrderRate {
  /** Numbers of a payer between our count and our write: what he sends at once counts as well. */
  const underWay = new Map<string, Set<string>>();

  return {
    async within({ caller, key, exists, guard, insert }) {
      if (caller.role !== 'payer') {
        await guard?.();
        return insert();
      }
      const { openid } = caller;
      const mine = underWay.get(openid) ?? new Set<string>();
      underWay.set(openid, mine);
      const first = !mine.has(key);
      const before = first ? mine.size : mine.size - 1;
      mine.add(key);
      try {
        const counted = deps.countOrders(openid, deps.clock.now() - 60_000);
        const [made] = await Promise.all([counted, guard?.()]);
        if (made + before >= deps.ordersPerMinute) {
          if (await exists()) return 'exists';
          throw new AppError('RATE_LIMITED', { retryAfterSeconds: 60 });
        }
        return await insert();
      } finally {
        if (first) mine.delete(key);
        if (mine.size === 0 && underWay.get(openid) === mine) underWay.delete(openid);
      }
    },
  };
}
