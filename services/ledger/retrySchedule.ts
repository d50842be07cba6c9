/** When a failed delivery is tried again. Pure. */

/** Pauses after the first, second, … failed attempt: nine retries over about 45 hours. */
export const RETRY_DELAYS_MS: readonly number[] = [
  5_000,
  30_000,
  120_000,
  600_000,
  1_800_000,
  2 * 3_600_000,
  6 * 3_600_000,
  12 * 3_600_000,
  24 * 3_600_000,
];

/** The first attempt and one for each pause. */
export const ATTEMPTS_MAX = RETRY_DELAYS_MS.length + 1;

/**
 * The moment of the next attempt.
 *
 * @param tries  Attempts made so far, the failed one included: 1 after the first.
 * @param now    Milliseconds.
 * @returns      Milliseconds, or undefined when the schedule is used up: the effect is dead.
 */
export function nextAttempt(tries: number, now: number): number | undefined {
  if (!Number.isSafeInteger(tries) || tries < 0) throw new RangeError('tries is not a count');
  if (tries === 0) return now;
  const delay = RETRY_DELAYS_MS[tries - 1];
  return delay === undefined ? undefined : now + delay;
}
