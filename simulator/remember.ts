/** Requests and callbacks kept for inspection; the oldest are let go. */
const OBSERVED_MAX = 100_000;
const OBSERVED_DROP = 10_000;

export function remember<T>(list: T[], item: T): void {
  if (list.length >= OBSERVED_MAX) list.splice(0, OBSERVED_DROP);
  list.push(item);
}
