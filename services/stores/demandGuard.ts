/**
 * An instance that was running when a migration began to demand a newer build notices it with what it asks next: one
 * small read a second, shared by all.
 */
import type { Clock } from '../../utils/clock';
import { StoreError } from '../../utils/errors';

/** How old our knowledge of what the database demands may be. */
const DEMAND_KNOWN_MS = 1000;

export interface DemandGuardDeps {
  readonly clock: Clock;
  /** @throws StoreError STORE_NEWER where a newer build is demanded. */
  readonly look: () => Promise<unknown>;
}

export interface DemandGuard {
  /** The database was just looked at, by a migration. */
  looked(): void;
  /** Nothing to wait for where nothing has to be asked: so a write before `close` is kept. */
  known(): Promise<void> | undefined;
  /** Asks, and does not wait: for writes that are harmless. */
  write(): void;
}

export function createDemandGuard({ clock, look }: DemandGuardDeps): DemandGuard {
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;
  let newer: StoreError | undefined;

  const ask = async (): Promise<void> => {
    askedAt = clock.now();
    try {
      await look();
      newer = undefined;
    } catch (error) {
      // Any other failure is reported by the statement that follows.
      if (error instanceof StoreError && error.code === 'STORE_NEWER') newer = error;
    } finally {
      asking = undefined;
    }
  };
  const fresh = (): Promise<void> | undefined => {
    const ageMs = clock.now() - askedAt;
    // A clock that was set back must not make this answer valid permanently.
    if (ageMs < 0 || ageMs >= DEMAND_KNOWN_MS) asking ??= ask();
    return asking;
  };
  const refuse = (): void => {
    if (newer !== undefined) throw newer;
  };
  return {
    looked() {
      askedAt = clock.now();
    },
    known() {
      const asked = fresh();
      if (asked !== undefined) return asked.then(refuse);
      refuse();
      return undefined;
    },
    write() {
      void fresh();
      refuse();
    },
  };
}
