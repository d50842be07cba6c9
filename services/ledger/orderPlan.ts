/** When an unpaid order is looked at again: the agenda of orders and combinations alike. Pure. */
import { withItem, withoutItem } from './agenda';
import type { AgendaItem, OrderState } from './record';

/** Payment ladder: when to ask WeChat about an order nobody has told us of, after the prepay. */
export const QUERY_LADDER_MS = [5, 30, 60, 180, 300, 600, 1800].map((s) => s * 1000);
const EXPIRE_GRACE_MS = 1000;

const OPEN_STATES: ReadonlySet<OrderState> = new Set<OrderState>([
  'PREPARED',
  'CREATED',
  'PENDING',
]);

export const isOpenState = (state: OrderState): boolean => OPEN_STATES.has(state);

export const settled = (agenda: readonly AgendaItem[]): readonly AgendaItem[] =>
  withoutItem(withoutItem(withoutItem(agenda, 'query'), 'expire'), 'reverse');

/** The agenda with the moment at which an unpaid order is queried, closed and queried again. */
export function withExpiry(
  agenda: readonly AgendaItem[],
  expiresAt: number | undefined,
): readonly AgendaItem[] {
  if (expiresAt === undefined) return agenda;
  return withItem(agenda, { do: 'expire', at: expiresAt + EXPIRE_GRACE_MS, tries: 0 });
}

/** The agenda with the first query of the ladder. */
export const withFirstQuery = (agenda: readonly AgendaItem[], now: number): readonly AgendaItem[] =>
  withItem(agenda, { do: 'query', at: now + (QUERY_LADDER_MS[0] ?? 0), tries: 0 });
