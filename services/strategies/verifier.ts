import type { Clock } from '../../utils/clock';
import type { KeyRing } from './keyRing';
import { readSignature, signatureHolds, type Headers, type Unproven } from './signature';

export interface Verifier {
  /** `proven`, or why not. Waits ≤ `waitMs` where the key must be fetched first; never throws. */
  verify(message: {
    readonly headers: Headers;
    readonly raw: Buffer;
    readonly waitMs: number;
  }): Promise<'proven' | Unproven>;
}

/**
 * Order: headers, scheme, window, serial, signature. The cheap ones come first, so that a stale or
 * half message never causes a certificate refresh.
 */
export function createVerifier(deps: { ring: KeyRing; clock: Clock }): Verifier {
  return {
    async verify({ headers, raw, waitMs }) {
      const parts = readSignature(headers, deps.clock.now());
      if (typeof parts === 'string') return parts;
      const key = await deps.ring.find(parts.serial, waitMs);
      if (key === 'unknown') return 'serial_unknown';
      if (key === 'unavailable') return 'keys';
      return signatureHolds(parts, raw, key) ? 'proven' : 'signature';
    },
  };
}
