/**
 * A number is not lost by a mistake in what was asked for. What WeChat refused as wrong input may be asked for
 * again, corrected, as long as WeChat cannot have taken the first request: no prepay was given, no copy of it is
 * under way, and, where the refusal is unproven, WeChat says that it does not know the number. Rules of orders
 * and combinations alike. Pure.
 */
import type { CombinationRecord, OrderRecord } from './record';

export type Refusable = Pick<
  OrderRecord | CombinationRecord,
  'state' | 'version' | 'nothing_accepted' | 'copies_until' | 'asking_until'
>;

/** WeChat takes a signature for five minutes: so long a request that was sent may still arrive. */
const COPY_LIFE_MS = 5 * 60_000;

export const copiesAfterUnknown = (now: number): number => now + COPY_LIFE_MS;

export const copiesUnderWay = (copiesUntil: number | undefined, now: number): boolean =>
  copiesUntil !== undefined && copiesUntil > now;

/** How long copies of earlier asks may still arrive, as an ask begins: a lease that ran out left one behind. */
export function unansweredUntil(record: Refusable, now: number): number | undefined {
  const { asking_until: lease, copies_until: copies = 0 } = record;
  const until = Math.max(copies, lease === undefined ? 0 : lease + COPY_LIFE_MS);
  return until > now ? until : undefined;
}

/** Refused, proven or not: its facts may be replaced once the rules above hold. */
export const wasRefused = (record: Refusable): boolean =>
  record.state === 'REJECTED' || (record.state === 'CREATED' && record.nothing_accepted === true);

/**
 * WeChat took none of what we asked under this number, and nothing of ours can still arrive: an open order that it
 * holds under it all the same is another system's. A repeat of our own would have been answered with its prepay.
 */
export const neverTaken = (
  record: Refusable & Pick<OrderRecord, 'prepay' | 'refusal'>,
  now: number,
): boolean =>
  (record.state === 'REJECTED' || record.state === 'CREATED') &&
  record.prepay === undefined &&
  record.refusal !== undefined &&
  unansweredUntil(record, now) === undefined;

/**
 * An unproven refusal, and WeChat did not know the number.
 * @param absentAt  the version at which it was asked. Any write since may have been an ask.
 */
export const isCorrectable = (
  record: Refusable,
  absentAt: number | undefined,
  now: number,
): boolean =>
  record.state === 'CREATED' &&
  record.nothing_accepted === true &&
  record.version === absentAt &&
  !copiesUnderWay(record.copies_until, now);
