/**
 * `npm test` takes a sample of what is by nature large and shows one thing many times: a bill of 100,000 rows, each
 * forgery at each path in each mode. `npm run test:all`, and CI with it, takes all: it sets `LARGE=1`.
 */
export const large = process.env['LARGE'] === '1';

/** The first `count` of them, or all. The first ones must show each thing of the rest, if not each combination. */
export function sample<T>(all: readonly T[], count: number): readonly T[] {
  return large ? all : all.slice(0, count);
}

/** How many: cases, rows, records. */
export const scaled = (usual: number, whole: number): number => (large ? whole : usual);
