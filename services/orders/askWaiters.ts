/**
 * Callers that wait while another asks WeChat about the same number. In this process they are notified when that
 * ask ends, and all that wait for one number share one read of its record. An ask of another instance cannot
 * tell us: its record is read again a few times, by one caller for all.
 *
 * Everything is bounded: waiters of a payer, waiters in all, and reads for each number.
 */
import type { Caller } from '../access/caller';
import type { Clock } from '../../utils/clock';
import { StoreError } from '../../utils/errors';

/** One caller asks; after this a repeat takes over and sends the stored bytes. */
export const ASK_LEASE_MS = 10_000;
/** Others wait this long for the answer. */
export const WAIT_MAX_MS = 5000;
/** Three reads in the time that others wait. */
export const READ_APART_MS = 1700;
export const WAITERS_OF_PAYER_MAX = 32;
export const WAITERS_MAX = 512;
/** Turns of one waiter; more than reads, because asks of this process may end sooner. */
export const TURNS_MAX = 16;

export interface Turn<R, A> {
  /** Takes the right to ask. @returns undefined: it is another's. */
  readonly claim: () => Promise<R | undefined>;
  readonly ask: (mine: R) => Promise<A>;
}

export interface WaitFor<R> {
  /** Kind and number. */
  readonly key: string;
  readonly caller: Caller | undefined;
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly read: () => Promise<R | undefined>;
}

export type Ended<R> =
  /** The caller of this process is still asking. */
  | { readonly still: true }
  | {
      readonly still: false;
      readonly record: R | undefined;
      /** How the ask failed, where it was made in this process and did. */
      readonly failure: unknown;
    };

export interface AskWaiters {
  /** Whether a caller of this process has the right to ask, or is taking it. */
  asking(key: string): boolean;
  /** Takes a turn, and tells those who wait when it is over. @returns undefined: it is another's. */
  during<R, A>(key: string, turn: Turn<R, A>): Promise<A | undefined>;
  /**
   * Waits until the ask for a number has ended, or until it is time to look again.
   *
   * @returns undefined: the time is up.
   * @throws StoreError ORDER_BUSY where too many wait already.
   */
  end<R>(wait: WaitFor<R>): Promise<Ended<R> | undefined>;
}

export interface AskWaitersDeps {
  readonly clock: Clock;
  /** Ends early when the signal says so. */
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
}

interface Asking {
  readonly startedAt: number;
  readonly over: Promise<void>;
  ended: boolean;
  failure: unknown;
}

interface Round {
  readonly endsAt: number;
  readonly ended: Promise<Ended<unknown>>;
}

export function createAskWaiters(deps: AskWaitersDeps): AskWaiters {
  const { clock } = deps;
  const asks = new Map<string, Asking>();
  const rounds = new Map<string, Round>();
  const count = createWaiterCount();

  /** One whose lease is over may have been taken over elsewhere: nobody waits for it. */
  function live(key: string): Asking | undefined {
    const own = asks.get(key);
    const age = own === undefined ? ASK_LEASE_MS : clock.now() - own.startedAt;
    return age < ASK_LEASE_MS ? own : undefined;
  }

  /** One wait and one read for all who wait for this number. */
  function begin(key: string, read: () => Promise<unknown>, until: number): Round {
    const ms = Math.min(READ_APART_MS, until - clock.now());
    const round = { endsAt: clock.now() + ms, ended: wait(key, read, ms) };
    rounds.set(key, round);
    return round;
  }

  async function wait(
    key: string,
    read: () => Promise<unknown>,
    ms: number,
  ): Promise<Ended<unknown>> {
    const own = live(key);
    const pause = new AbortController();
    const paused = deps.wait(ms, pause.signal);
    await (own === undefined ? paused : Promise.race([own.over, paused]));
    pause.abort();
    // Before the read: who comes after it has begun must not be answered from it.
    rounds.delete(key);
    if (own?.ended === false && live(key) === own) return { still: true };
    return { still: false, record: await read(), failure: own?.failure };
  }

  return {
    asking: (key) => live(key) !== undefined,

    async during(key, { claim, ask }) {
      if (live(key) !== undefined) return undefined;
      let tell = (): void => undefined;
      const over = new Promise<void>((resolve) => (tell = resolve));
      const own: Asking = { startedAt: clock.now(), over, ended: false, failure: undefined };
      asks.set(key, own);
      try {
        const mine = await claim();
        if (mine === undefined) return undefined;
        try {
          return await ask(mine);
        } catch (error) {
          own.failure = error;
          throw error;
        }
      } finally {
        own.ended = true;
        if (asks.get(key) === own) asks.delete(key);
        tell();
      }
    },

    async end<R>({ key, caller, until, read }: WaitFor<R>) {
      if (clock.now() >= until) return undefined;
      const leave = count.enter(caller);
      try {
        const round = rounds.get(key) ?? begin(key, read, until);
        // Everyone waits with the same `read` for one number.
        return round.endsAt > until ? undefined : ((await round.ended) as Ended<R>);
      } finally {
        leave();
      }
    },
  };
}

function createWaiterCount(): { enter(caller: Caller | undefined): () => void } {
  const payers = new Map<string, number>();
  let all = 0;
  return {
    enter(caller) {
      const openid = caller?.role === 'payer' ? caller.openid : undefined;
      const mine = openid === undefined ? 0 : (payers.get(openid) ?? 0);
      if (all >= WAITERS_MAX || mine >= WAITERS_OF_PAYER_MAX) {
        throw new StoreError('ORDER_BUSY', { retryAfterSeconds: 1 });
      }
      all++;
      if (openid !== undefined) payers.set(openid, mine + 1);
      return () => {
        all--;
        if (openid === undefined) return;
        const left = (payers.get(openid) ?? 1) - 1;
        if (left > 0) payers.set(openid, left);
        else payers.delete(openid);
      };
    },
  };
}
