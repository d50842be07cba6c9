/** When a record must be looked at again. Pure. */
import type { AgendaItem, AgendaVerb, RecordBase } from './records';

/** `max(lease_until, min(agenda.at))`; undefined when nothing is left to do. */
export function dueAt(record: Pick<RecordBase, 'agenda' | 'lease_until'>): number | undefined {
  if (record.agenda.length === 0) return undefined;
  let min = Infinity;
  for (const item of record.agenda) min = Math.min(min, item.at);
  return Math.max(record.lease_until ?? 0, min);
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
