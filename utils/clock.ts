/** Time is passed in, never read: a test can move it. Milliseconds since 1970. */
export interface Clock {
  now(): number;
}

/** The one place that reads the machine's clock. */
export const systemClock: Clock = { now: () => Date.now() };
