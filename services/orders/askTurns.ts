/**
 * One caller asks WeChat about a number, the others wait for that answer: the turns of orders and combinations.
 * Who may ask is decided by the conditional write of each `claim`; this part only keeps callers of one process
 * from trying it all at once, and from reading the database again and again.
 */
import { TURNS_MAX, WAIT_MAX_MS, type AskWaiters } from './askWaiters';
import type { Caller } from '../access/caller';
import type { Clock } from '../../utils/clock';
import { StoreError } from '../../utils/errors';

export interface Turns<R> {
  /** Kind and number. */
  readonly key: string;
  readonly caller: Caller;
  readonly find: () => Promise<R | undefined>;
  /** Writes a new record with the right to ask. @returns undefined: the number exists. */
  readonly insert: (() => Promise<R | undefined>) | undefined;
  /** Why a number that does not exist cannot be placed. */
  readonly absent: () => Error;
  /** @returns the record where it answers the caller, or how to take the right to ask. @throws a refusal */
  readonly judge: (held: R) => { readonly answer: R } | { readonly claim: Claim<R> };
  readonly ask: (mine: R) => Promise<R>;
}

type Claim<R> = () => Promise<R | undefined>;

export interface TurnsDeps {
  readonly clock: Clock;
  readonly waiters: AskWaiters;
}

/** @throws StoreError ORDER_BUSY after 5 s of another's asking. */
export async function takeTurns<R extends { readonly asking_until?: number }>(
  { clock, waiters }: TurnsDeps,
  turns: Turns<R>,
): Promise<R> {
  const { key, caller, find, ask } = turns;
  const until = clock.now() + WAIT_MAX_MS;
  let held: R | undefined;
  let failure: unknown;
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    if (held === undefined) {
      const busy = waiters.asking(key);
      const made = busy ? undefined : await insert(waiters, turns);
      if (made !== undefined) return made;
      held = await find();
      if (held === undefined && !busy) throw turns.absent();
    }
    const judged = held === undefined ? undefined : turns.judge(held);
    if (judged !== undefined && 'answer' in judged) return judged.answer;
    // The same request failed a moment ago: its answer is ours, WeChat is not asked once for each who waited.
    if (failure !== undefined) throw asThrown(failure);
    const leased = held?.asking_until !== undefined && held.asking_until > clock.now();
    if (judged === undefined || leased || waiters.asking(key)) {
      const ended = await waiters.end({ key, caller, until, read: find });
      if (ended === undefined) break;
      if (!ended.still) ({ record: held, failure } = ended);
      continue;
    }
    const mine = await waiters.during(key, { claim: judged.claim, ask });
    if (mine !== undefined) return mine;
    held = await find();
  }
  throw new StoreError('ORDER_BUSY', { retryAfterSeconds: 5 });
}

const insert = async <R>(waiters: AskWaiters, turns: Turns<R>): Promise<R | undefined> =>
  turns.insert === undefined
    ? undefined
    : waiters.during(turns.key, { claim: turns.insert, ask: turns.ask });

const asThrown = (failure: unknown): Error =>
  failure instanceof Error ? failure : new StoreError('STORE_UNAVAILABLE', { cause: failure });
