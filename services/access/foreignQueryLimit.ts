/**
 * How often payers may ask about numbers that are not theirs: queries, closes, and attempts to place or bind them.
 * A number that nobody has and one that is another's count alike and are answered alike: a question must not tell
 * which numbers exist. In memory of each instance: WeChat's own limits are far above what all instances add up
 * to. Bounded by PAYERS_MAX windows, of which the one that has been quiet the longest goes first.
 */
import { actsAsOperator, type Caller } from './caller';
import type { Clock } from '../../utils/clock';
import { AppError } from '../../utils/errors';

export const FOREIGN_QUERIES_PER_MINUTE = 30;
/** All payers of this instance together: where headers can be forged, new openids cost nothing. */
export const FOREIGN_QUERIES_PER_MINUTE_ALL = 600;
const WINDOW_MS = 60_000;
const PAYERS_MAX = 10_000;

interface Window {
  readonly from: number;
  count: number;
}

export interface ForeignQueryLimit {
  /** Counts a payer's question; operators ask as they like. @throws AppError RATE_LIMITED. */
  guard(caller: Caller): void;
}

export function createForeignQueryLimit(deps: { readonly clock: Clock }): ForeignQueryLimit {
  const { clock } = deps;
  const payers = new Map<string, Window>();
  let all: Window = { from: clock.now(), count: 0 };

  /** A clock that was set back opens a new window instead of keeping an old one permanently. */
  const live = (window: Window | undefined, now: number): Window =>
    window === undefined || now < window.from || now - window.from >= WINDOW_MS
      ? { from: now, count: 0 }
      : window;

  function bound(window: Window, max: number, retryAfterMs: number): void {
    if (window.count < max) return;
    const retryAfterSeconds = Math.ceil(retryAfterMs / 1000);
    throw new AppError('RATE_LIMITED', {
      retryAfterSeconds,
      detail: '查询过多非本人单号 / too many questions about numbers that are not yours',
    });
  }

  return {
    guard(caller) {
      if (caller.role !== 'payer' || actsAsOperator(caller)) return;
      const { openid } = caller;
      const now = clock.now();
      all = live(all, now);
      const window = live(payers.get(openid), now);
      bound(window, FOREIGN_QUERIES_PER_MINUTE, window.from + WINDOW_MS - now);
      // The whole window: the rest of it would tell when others began to ask.
      bound(all, FOREIGN_QUERIES_PER_MINUTE_ALL, WINDOW_MS);
      window.count++;
      all.count++;
      // Set again, so that the first of the map is the one who has been quiet the longest.
      payers.delete(openid);
      payers.set(openid, window);
      const [quietest] = payers.keys();
      if (payers.size > PAYERS_MAX && quietest !== undefined) payers.delete(quietest);
    },
  };
}
