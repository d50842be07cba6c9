/** Counts what was expected and what came. A miss is told with both, and makes the verdict FAIL. */
import type { Harness } from './harness';
import type { Words } from './types';

export interface Tally {
  passed: number;
  failed: number;
}

interface Compared {
  readonly actual: unknown;
  readonly expected: string | number | boolean;
}

export type Expect = (text: Words, compared: Compared) => void;

export function expecter(harness: Pick<Harness, 'tell'>, tally: Tally): Expect {
  return (text, { actual, expected }) => {
    const ok = actual === expected;
    if (ok) tally.passed += 1;
    else tally.failed += 1;
    const miss = ok ? {} : { expected: String(expected), actual: String(actual) };
    harness.tell({ type: 'check', text, ok, ...miss });
  };
}
