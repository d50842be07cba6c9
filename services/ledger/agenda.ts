/** When a record must be looked at again. Pure. */
import type { AgendaItem, AgendaVerb, RecordBase } from './record';

/**
 * What the sweep does side by side, so that no kind of work waits behind another: `deliver` – effects to the
 * receiver; `act` – refunds, transfers, reversals; `ask` – queries and expiries of unpaid orders.
 */
export const LANES = ['deliver', 'act', 'ask'] as const;
export type Lane = (typeof LANES)[number];

/** One row a verb. */
const LANE_OF: Readonly<Record<AgendaVerb, Lane>> = {
  deliver: 'deliver',
  query: 'ask',
  expire: 'ask',
  refund: 'act',
  transfer: 'act',
  reverse: 'act',
};

/** A verb of a later version must not wait behind queries of unpaid orders. */
export const laneOf = (verb: AgendaVerb): Lane =>
  Object.hasOwn(LANE_OF, verb) ? LANE_OF[verb] : 'act';

type Planned = Pick<RecordBase, 'agenda' | 'lease_until'>;

/** `max(lease_until, min(agenda.at))`, of one lane or of all; undefined when nothing is left to do. */
export function dueAt(record: Planned, lane?: Lane): number | undefined {
  let min = Infinity;
  for (const item of record.agenda) {
    if (lane === undefined || laneOf(item.do) === lane) min = Math.min(min, item.at);
  }
  return min === Infinity ? undefined : Math.max(record.lease_until ?? 0, min);
}

const same = (item: AgendaItem, verb: AgendaVerb, key?: string): boolean =>
  item.do === verb && item.key === key;

/** The agenda with this item set (one per verb and key). */
export function withItem(agenda: readonly AgendaItem[], item: AgendaItem): readonly AgendaItem[] {
  return [...withoutItem(agenda, item.do, item.key), item];
}

export function withoutItem(
  agenda: readonly AgendaItem[],
  verb: AgendaVerb,
  key?: string,
): readonly AgendaItem[] {
  return agenda.filter((item) => !same(item, verb, key));
}

export function findItem(
  agenda: readonly AgendaItem[],
  verb: AgendaVerb,
  key?: string,
): AgendaItem | undefined {
  return agenda.find((item) => same(item, verb, key));
}
