/** How often a hint is followed. Hints are anyone's to send: they prove nothing and cost a query. Pure. */
import type { OrderRecord } from './record';

/** A hint is followed once in this time per number: an order's, or a refund's of its record. */
export const HINT_APART_MS = 5000;

/** Nothing that a hint could tell would still change it. */
export const isFinalForHint = (record: OrderRecord): boolean => record.payment !== undefined;

/**
 * Nothing to follow within five seconds of the last hint, no matter who sends them and where they arrive. A mark from
 * the future was made by a clock that ran ahead: it must not keep hints out until then.
 */
export const hintedLately = (record: { readonly last_hint_at?: number }, now: number): boolean =>
  record.last_hint_at !== undefined && Math.abs(now - record.last_hint_at) < HINT_APART_MS;
