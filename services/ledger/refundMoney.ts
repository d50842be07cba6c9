/** What a payment and its refunds add up to. Pure. */
import type { OrderRecord, OrderState, Refund } from './record';
import { sumFen } from '../../utils/money';

/** Refunds under one payment that may still go through or have gone through (WeChat's bound). */
export const REFUNDS_MAX = 50;
/** Refund entries a record keeps in all, failed ones included. */
export const REFUND_ENTRIES_MAX = 200;

const MONEY_STATES: ReadonlySet<OrderState> = new Set<OrderState>([
  'PAID',
  'REFUNDING',
  'PARTIALLY_REFUNDED',
  'REFUNDED',
]);

export const isPaidState = (state: OrderState): boolean => MONEY_STATES.has(state);

/** The state that the payment and its refunds alone make. */
export function moneyState(paidFen: number, refunds: readonly Refund[]): OrderState {
  const moving = (r: Refund): boolean =>
    r.status === 'REQUESTED' || r.status === 'PROCESSING' || r.status === 'ABNORMAL';
  if (refunds.some(moving)) return 'REFUNDING';
  const back = sumFen(refunds.filter((r) => r.status === 'SUCCESS').map((r) => r.refund));
  if (back === 0) return 'PAID';
  return back < paidFen ? 'PARTIALLY_REFUNDED' : 'REFUNDED';
}

/** A reversal gives back all that was paid, no matter who asked for it: nothing is left to refund. */
export const isReversed = (record: OrderRecord): boolean =>
  record.state === 'REVERSING' ||
  record.reversing_at !== undefined ||
  record.revoked_at !== undefined;

/** What was paid and is not given back: refunds that may still go through count as gone. */
export function refundableFen(record: OrderRecord): number {
  if (isReversed(record)) return 0;
  const open = record.refunds.filter((r) => r.status !== 'CLOSED').map((r) => r.refund);
  return (record.payment?.total ?? 0) - sumFen(open);
}

export const heldRefund = (record: OrderRecord, no: string): Refund | undefined =>
  record.refunds.find((r) => r.out_refund_no === no);

export const replaceRefund = (refunds: readonly Refund[], refund: Refund): readonly Refund[] =>
  refunds.some((r) => r.out_refund_no === refund.out_refund_no)
    ? refunds.map((r) => (r.out_refund_no === refund.out_refund_no ? refund : r))
    : [...refunds, refund];

/** The state once a refund has changed; MISMATCH and REVERSING stay what they are. */
export function stateWith(record: OrderRecord, refunds: readonly Refund[]): OrderState {
  if (record.payment === undefined || !isPaidState(record.state)) return record.state;
  return moneyState(record.payment.total, refunds);
}
