/**
 * One row of a bill against one record. Pure, and used twice: when the row is read, and again when WeChat
 * has answered for it: what no longer differs then was repaired. What has happened since the day (a refund,
 * a refund that went through) is no difference.
 */
import type { TradeEntry, TradeRow } from './billRows';
import type { DifferenceClass, Facts } from './report';
import type { OrderRecord, Payment, Refund, RefundStatus, SubOrder } from '../ledger/record';
import type { Bytes } from '../../utils/money';

/** The one that was paid: an order, or a part of a combination. */
export interface Paid {
  readonly state: string;
  readonly payment: Payment | undefined;
  readonly refunds: readonly Refund[];
}

export const paidOf = (record: OrderRecord): Paid => ({
  state: record.state,
  payment: record.payment,
  refunds: record.refunds,
});

export const paidOfPart = (part: SubOrder, state: string): Paid => ({
  state,
  payment: part.payment,
  refunds: part.refunds,
});

export interface Verdict {
  readonly class: DifferenceClass;
  readonly here: Facts | null;
}

const paymentFacts = (held: Paid): Facts => ({
  state: held.state,
  total: held.payment?.total ?? null,
  transaction_id: held.payment?.transaction_id ?? null,
});

export function judgePayment(row: TradeRow, held: Paid | undefined): Verdict | undefined {
  if (held === undefined) return { class: 'missing_here', here: null };
  const here = paymentFacts(held);
  if (row.trade_state === 'REVOKED') {
    const over = held.state === 'CLOSED' || held.state === 'REVERSING';
    return over ? undefined : { class: 'state', here };
  }
  const { payment } = held;
  if (payment === undefined) return { class: 'state', here };
  if (payment.transaction_id !== row.transaction_id) return { class: 'duplicate', here };
  if (payment.total !== row.total_fen) return { class: 'amount', here };
  return undefined;
}

const AS_V3: Readonly<Record<string, RefundStatus>> = {
  SUCCESS: 'SUCCESS',
  PROCESSING: 'PROCESSING',
  ABNORMAL: 'ABNORMAL',
  CHANGE: 'ABNORMAL',
  CLOSED: 'CLOSED',
  REFUNDCLOSE: 'CLOSED',
  FAIL: 'CLOSED',
};

/** How a refund may have got on since the bill was written. */
const PROGRESS: Readonly<Partial<Record<RefundStatus, readonly RefundStatus[]>>> = {
  PROCESSING: ['SUCCESS', 'ABNORMAL', 'CLOSED'],
  ABNORMAL: ['PROCESSING', 'SUCCESS'],
};

export function judgeRefund(row: TradeRow, held: Paid | undefined): Verdict | undefined {
  const refund = held?.refunds.find((r) => r.out_refund_no === row.out_refund_no);
  if (refund === undefined) return { class: 'refund_missing_here', here: null };
  const here: Facts = { status: refund.status, refund: refund.refund };
  if (refund.refund !== row.refund_fen) return { class: 'refund_amount', here };
  const told = AS_V3[row.refund_status];
  if (told === undefined || told === refund.status) return undefined;
  // Closed by our own verdict: WeChat never had it, yet here it is in its bill.
  const ours = refund.verdict !== undefined;
  const later = !ours && PROGRESS[told]?.includes(refund.status) === true;
  return later ? undefined : { class: 'refund_state', here };
}

const [ZERO, NINE, POINT, PERCENT] = [48, 57, 46, 37];
const RATE_DECIMALS = 4;

/** `0.60%` → 6000, in ten-thousandths of a percent; NaN for what is no rate. */
export function rateOf({ bytes, from, to }: Bytes): number {
  if (to - from < 2 || bytes[to - 1] !== PERCENT) return NaN;
  let rate = 0;
  let places = -1;
  for (let i = from; i < to - 1; i++) {
    const c = bytes[i] ?? 0;
    if (c === POINT && places < 0 && i > from) {
      places = 0;
      continue;
    }
    if (c < ZERO || c > NINE || rate > 1e9) return NaN;
    if (places >= 0 && ++places > RATE_DECIMALS) {
      if (c !== ZERO) return NaN;
      continue;
    }
    rate = rate * 10 + (c - ZERO);
  }
  if (places === 0) return NaN;
  return rate * 10 ** Math.max(0, RATE_DECIMALS - Math.max(0, places));
}

/** |fee − rate × amount| ≥ 1 fen. Coupons lower what the fee is taken of: either amount will do. */
export function feeDiffers(
  row: Pick<TradeEntry, 'fee_milli' | 'settled_fen' | 'total_fen' | 'bytes'>,
): boolean {
  const rate = rateOf(row.bytes('rate'));
  if (Number.isNaN(rate)) return false;
  const off = (fen: number): number => Math.abs(row.fee_milli - (fen * rate) / 1000);
  return Math.min(off(row.settled_fen), off(row.total_fen)) >= 1000;
}

export const rowFacts = (row: TradeRow): Facts =>
  row.out_refund_no === ''
    ? {
        trade_state: row.trade_state,
        total: row.total_fen,
        transaction_id: row.transaction_id,
        time: row.time,
      }
    : {
        refund_status: row.refund_status,
        refund: row.refund_fen,
        refund_id: row.refund_id,
        time: row.time,
      };
