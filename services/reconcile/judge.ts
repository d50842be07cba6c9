/**
 * One row of a bill against one record. Pure, and used twice: when the row is read, and again when WeChat
 * has answered for it: what no longer differs then was repaired. What has happened since the day (a refund,
 * a refund that went through) is no difference.
 */
import type { TradeRow } from './billRows';
import type { DifferenceClass, Facts } from './report';
import type { OrderRecord, Payment, Refund, RefundStatus, SubOrder } from '../records';

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
  const ours = refund.verdict === 'rejected' || refund.verdict === 'unresolved';
  const later = !ours && PROGRESS[told]?.includes(refund.status) === true;
  return later ? undefined : { class: 'refund_state', here };
}

/** `0.60%` → 6000, in ten-thousandths of a percent. */
function rateOf(text: string): number | undefined {
  const m = /^(\d{1,3})(?:\.(\d{1,4})0*)?%$/.exec(text.trim());
  return m === null ? undefined : Number(m[1]) * 10_000 + Number((m[2] ?? '').padEnd(4, '0'));
}

/** |fee − rate × amount| ≥ 1 fen. Coupons lower what the fee is taken of: either amount will do. */
export function feeDiffers(row: TradeRow): boolean {
  const rate = rateOf(row.rate);
  if (rate === undefined) return false;
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
