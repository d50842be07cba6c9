/** Chance that repeats: the same seed gives the same choices in the same order. */
export interface Random {
  /** From 0 to below 1. */
  next(): number;
  /** A whole number from `from` to below `to`. */
  between(from: number, to: number): number;
  chance(share: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** Another sequence, for a part that must not disturb this one. */
  fork(name: string): Random;
}

function hash(text: string): number {
  let h = 2166136261;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return h >>> 0;
}

/** Source: mulberry32, by Tommy Ettinger, public domain. */
export function createRandom(seed: string): Random {
  let state = hash(seed);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from));
  return {
    next,
    between,
    chance: (share) => next() < share,
    pick: (items) => items[between(0, items.length)] as (typeof items)[number],
    fork: (name) => createRandom(`${seed}|${name}`),
  };
}

/** `CRASH_SEED` repeats a run that failed. */
export const seedOf = (environment = process.env): string => environment['CRASH_SEED'] ?? '1';
