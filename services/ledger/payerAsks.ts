/**
 * What a payer made us ask of WeChat, counted in the records themselves: the write that takes the right to ask
 * counts it too, so the count holds over all instances and costs no write of its own. Pure.
 */
import type { CombinationRecord, OrderRecord, PayerAsks } from './record';

/** An order or a combination that a payer may ask for. */
export type Askable = OrderRecord | CombinationRecord;

export const ASKS_WINDOW_MS = 60_000;
const WAITING: ReadonlySet<string> = new Set(['CREATED', 'PENDING']);

/** A combination counts once for each of its parts. */
export const unitsOf = (record: Askable): number =>
  record.kind === 'combination' ? record.sub_orders.length : 1;

/** undefined: only operators asked for it. What a payer placed himself was asked for when it was made. */
export function asksOf(
  record: Pick<Askable, 'payer_asks' | 'made_by' | 'created_at'>,
): PayerAsks | undefined {
  if (record.payer_asks !== undefined) return record.payer_asks;
  return record.made_by === 'payer' ? { since: record.created_at, count: 1 } : undefined;
}

/** The count after one more ask: a minute that is over, or in the future after a clock was set back, starts again. */
export function withAsk(
  record: Pick<Askable, 'payer_asks' | 'made_by' | 'created_at'>,
  now: number,
): PayerAsks {
  const before = asksOf(record);
  const counts = before !== undefined && Math.abs(now - before.since) < ASKS_WINDOW_MS;
  return counts ? { since: before.since, count: before.count + 1 } : { since: now, count: 1 };
}

export interface PayerUsage {
  /** Asks of the last minute. */
  readonly asked: number;
  /** Orders that can still be paid. */
  readonly open: number;
}

/** What a payer's records add up to, in units. */
export function usageOf(records: readonly Askable[], now: number): PayerUsage {
  let asked = 0;
  let open = 0;
  for (const record of records) {
    const asks = asksOf(record);
    if (asks === undefined) continue;
    const units = unitsOf(record);
    if (asks.since > now - ASKS_WINDOW_MS) asked += asks.count * units;
    const expired = record.expires_at !== undefined && record.expires_at <= now;
    if (WAITING.has(record.state) && !expired) open += units;
  }
  return { asked, open };
}
