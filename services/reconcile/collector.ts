/**
 * Collects young garbage at moments of our choosing: when a page of records or a piece of a bill has been worked off
 * and all of it is dead. Left alone V8 collects when its young generation is full, in the middle of a page;
 * what is alive then it takes for long-lived, moves it to the old generation and doubles the young one, up
 * to 48 MiB. And it does not count what lies outside its heap: the buffers that zlib fills, 16 KiB each,
 * pile up by the thousand behind a few bytes of heap.
 *
 * Tried before: fewer objects alone (the bill's rows make none any more: 161 → 166 MiB, for the records'
 * pages and the buffers remain), smaller pages alone, smaller chunks (as slow as they are many).
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Collector {
  /** So many bytes were worked off, and nothing of them is needed any more. */
  done(bytes: number): void;
}

/** A collection of what is dead takes some 0.3 ms: of a million rows, two seconds in all. */
const BYTES_APART = 1024 * 1024;

type Gc = (options: { readonly type: 'minor' }) => void;

export function createCollector(): Collector {
  // The only way there is to it from within; it ends with this context.
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as Gc | undefined;
  setFlagsFromString('--no-expose-gc');
  let waiting = 0;
  return {
    done(bytes) {
      waiting += bytes;
      if (waiting < BYTES_APART) return;
      waiting = 0;
      gc?.({ type: 'minor' });
    },
  };
}
