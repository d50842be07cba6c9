/** Places at work in this process, over all runs: an attempt that outlasts its run keeps its place. */
import type { Lane } from '../ledger/agenda';

export interface Places {
  isFull(lane: Lane): boolean;
  take(lane: Lane): void;
  giveBack(lane: Lane): void;
  /** Called each time a place becomes free. @returns ends that. */
  onFree(listener: () => void): () => void;
}

export function createPlaces(perLane: number): Places {
  const taken: Record<Lane, number> = { deliver: 0, act: 0, ask: 0 };
  const listeners = new Set<() => void>();
  return {
    isFull: (lane) => taken[lane] >= perLane,
    take(lane) {
      taken[lane] += 1;
    },
    giveBack(lane) {
      taken[lane] -= 1;
      for (const listener of listeners) listener();
    },
    onFree(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
