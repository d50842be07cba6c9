import { InvariantError } from './errors';

/** States what must hold; its failure is a bug, never a caller's fault. */
export function invariant(condition: unknown, what: string): asserts condition {
  if (!condition) throw new InvariantError(what);
}
