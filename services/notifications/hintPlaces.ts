/**
 * How many hints may be asking WeChat at one moment, and who of those that wait goes next. Anyone may send hints, so
 * a flood of them must not keep a genuine one out: no payer takes more than his share, and the record that was asked
 * about the longest ago, or never, goes first.
 */
import type { Clock } from '../../utils/clock';
import { AppError } from '../../utils/errors';

/** Over all records of this instance. */
export const HINTS_AT_ONCE_MAX = 8;
/** Of one payer. */
export const HINTS_PER_PAYER_MAX = 2;
export const HINTS_WAITING_MAX = 64;

export interface HintAsker {
  /** Who shares one bound: the payer of the record, or the record where it has none. */
  readonly share: string;
  /** When WeChat was last asked about this record because of a hint. */
  readonly lastAskedAt: number | undefined;
  /** Milliseconds since 1970: past this there is no time left to ask, and waiting ends. */
  readonly latestStart: number;
}

export interface HintPlaces {
  /** Runs `ask` in a place of its own. @throws AppError OVERLOADED: no place in time. */
  run<T>(asker: HintAsker, ask: () => Promise<T>): Promise<T>;
}

interface Waiting extends HintAsker {
  readonly admit: () => void;
  readonly refuse: () => void;
}

export function createHintPlaces({ clock }: { readonly clock: Clock }): HintPlaces {
  const held = new Map<string, number>();
  let taken = 0;
  let waiting: Waiting[] = [];

  const mayStart = ({ share }: HintAsker): boolean =>
    taken < HINTS_AT_ONCE_MAX && (held.get(share) ?? 0) < HINTS_PER_PAYER_MAX;

  function take({ share }: HintAsker): void {
    taken++;
    held.set(share, (held.get(share) ?? 0) + 1);
  }

  function release({ share }: HintAsker): void {
    taken--;
    const left = (held.get(share) ?? 1) - 1;
    if (left === 0) held.delete(share);
    else held.set(share, left);
    admitNext();
  }

  function admitNext(): void {
    const now = clock.now();
    for (const late of waiting.filter((w) => w.latestStart < now)) leave(late).refuse();
    for (let next = waiting.find(mayStart); next !== undefined; next = waiting.find(mayStart)) {
      take(next);
      leave(next).admit();
    }
  }

  function leave(one: Waiting): Waiting {
    waiting = waiting.filter((w) => w !== one);
    return one;
  }

  /** Kept in the order of admission: asked about the longest ago first, then by arrival. */
  function enter(one: Waiting): void {
    const before = waiting.findIndex((w) => (w.lastAskedAt ?? 0) > (one.lastAskedAt ?? 0));
    waiting.splice(before < 0 ? waiting.length : before, 0, one);
    if (waiting.length > HINTS_WAITING_MAX) waiting.pop()?.refuse();
  }

  /** Resolves once the place is taken. Every release of a place looks after those who wait: no timer is needed. */
  function enterPlace(asker: HintAsker): Promise<void> {
    if (mayStart(asker)) {
      take(asker);
      return Promise.resolve();
    }
    return new Promise((admit, reject) => {
      const refuse = (): void => {
        reject(new AppError('OVERLOADED', { detail: 'hints' }));
      };
      if (asker.latestStart < clock.now()) refuse();
      else enter({ ...asker, admit, refuse });
    });
  }

  return {
    async run(asker, ask) {
      await enterPlace(asker);
      try {
        return await ask();
      } finally {
        release(asker);
      }
    },
  };
}
