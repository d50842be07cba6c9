/** Waiting in tests: for something to happen, or for time that the test moves by hand. */

/**
 * A bound on hanging, not a measure of speed: ten times what anything here takes on a slow machine. It is below
 * jest's own bound, so that the message names what did not happen.
 */
export const HANG_MS = 240_000;

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits until `done`. @throws when it never happens, naming `what`. */
export async function until(
  what: string,
  done: () => boolean | Promise<boolean>,
  betweenMs = 0,
): Promise<void> {
  // The wall clock: `holdTimers` stops the other one.
  const end = Date.now() + HANG_MS;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`did not happen: ${what}`);
    await (betweenMs === 0 ? turn() : pause(betweenMs));
  }
}

/**
 * Stops the timers and the monotonic clock of this process. The test moves them, so it measures a bound exactly and
 * waits for nothing. Sockets, files, `setImmediate` and the wall clock stay real; so do the drivers of databases,
 * which take their timers from elsewhere. `freeTimers` belongs in an `afterEach`.
 */
export function holdTimers(): void {
  jest.useFakeTimers({
    doNotFake: ['Date', 'hrtime', 'nextTick', 'queueMicrotask', 'setImmediate', 'clearImmediate'],
  });
}

export function freeTimers(): void {
  jest.useRealTimers();
}

/** Whether a promise has settled; asked after `passTime` it says on which side of a bound. */
export function watched<T>(work: Promise<T>): { readonly work: Promise<T>; settled(): boolean } {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  work.then(settle, settle);
  return { work, settled: () => settled };
}

/** Moves the held timers, and gives what they set off some turns of the event loop. */
export async function passTime(ms: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
  for (let i = 0; i < 5; i += 1) await turn();
}
