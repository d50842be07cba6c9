/**
 * Request ids: a prefix for each instance, then unpredictable bytes. A counter would show every caller how many
 * requests others made between two of his own.
 */
import { randomBytes, randomFillSync } from 'node:crypto';

const INSTANCE_BYTES = 6;
const ID_BYTES = 8;
/** Randomness is drawn for this many requests at once, which makes it as cheap as a counter. */
const IDS_PER_DRAW = 512;

export function createRequestIds(): () => string {
  const instance = randomBytes(INSTANCE_BYTES).toString('hex');
  const pool = Buffer.alloc(IDS_PER_DRAW * ID_BYTES);
  let at = pool.length;
  return () => {
    if (at === pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    return `${instance}-${pool.toString('hex', at, (at += ID_BYTES))}`;
  };
}
