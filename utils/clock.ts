/** Time is handed in, never read: a test moves it, a recorded run repeats it. Milliseconds since 1970. */
export interface Clock {
  now(): number;
}

/** The one place that reads the machine's clock. */
export const systemClock: Clock = { now: () => Date.now() };
