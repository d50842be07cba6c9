/**
 * One row a kind of record: how events move it, which numbers lead to it, what it says in the columns of a store.
 * A new kind is a new row; the compiler then names what is missing. Pure.
 */
import { decideCombination, type CombinationEvent } from './combinationState';
import type { DecideContext, Decision } from './decision';
import { decide, type OrderEvent } from './orderState';
import type {
  CombinationRecord,
  OrderRecord,
  Refund,
  ReportRecord,
  StoredRecord,
  TransferRecord,
} from './record';
import { orderNumbers, partNumbers, transferNumbers, type NumberOf } from './reservedNumbers';
import { decideTransfer, type TransferEvent } from './transferState';

/** What a merchant reports on. `null` = not known (yet). */
export interface ReportColumns {
  /** Who made it: only what a payer made himself counts towards his `count`. */
  readonly made_by: string | null;
  readonly total_fen: number | null;
  readonly paid_fen: number | null;
  readonly refunded_fen: number | null;
  readonly transaction_id: string | null;
  readonly success_at: number | null;
}

export interface KindRow<R extends StoredRecord, E> {
  decide(record: R, event: E, ctx: DecideContext): Decision<R>;
  /** Numbers that `after` holds and `before` did not. */
  numbers(after: R, before: R | undefined): readonly NumberOf[];
  columns(record: R): ReportColumns;
  /** Whether a copy of the request that an agenda item sends may have gone out. `key`: the item's. */
  wasSent(record: R, key: string | undefined): boolean;
}

interface Kinds {
  readonly order: KindRow<OrderRecord, OrderEvent>;
  readonly combination: KindRow<CombinationRecord, CombinationEvent>;
  readonly transfer: KindRow<TransferRecord, TransferEvent>;
  /** Written by the reconciliation as a whole: no event moves it. */
  readonly report: KindRow<ReportRecord, never>;
}

export const RECORD_KINDS: Kinds = {
  order: {
    decide,
    numbers: orderNumbers,
    columns: orderColumns,
    wasSent: ({ refunds }, key) => wasRefundSent(refunds, key),
  },
  combination: {
    decide: decideCombination,
    numbers: partNumbers,
    columns: combinationColumns,
    wasSent: ({ sub_orders: parts }, key) =>
      parts.some(({ refunds }) => wasRefundSent(refunds, key)),
  },
  transfer: {
    decide: decideTransfer,
    numbers: transferNumbers,
    columns: transferColumns,
    wasSent: ({ attempts }) => attempts > 0,
  },
  report: {
    decide: (_record, event) => event,
    numbers: () => [],
    columns: () => NO_COLUMNS,
    wasSent: () => false,
  },
};

const wasRefundSent = (refunds: readonly Refund[], no: string | undefined): boolean =>
  refunds.some((refund) => refund.out_refund_no === no && refund.attempts > 0);

/** The row of a record, for callers that do not know its kind. */
export const kindOf = (record: StoredRecord): KindRow<StoredRecord, never> =>
  RECORD_KINDS[record.kind];

const NO_COLUMNS: ReportColumns = {
  made_by: null,
  total_fen: null,
  paid_fen: null,
  refunded_fen: null,
  transaction_id: null,
  success_at: null,
};

function orderColumns({ made_by, amount, payment, refunds }: OrderRecord): ReportColumns {
  return {
    made_by,
    total_fen: fen(amount.total),
    paid_fen: fen(payment?.total),
    refunded_fen: refunded(refunds),
    transaction_id: payment?.transaction_id ?? null,
    success_at: moment(payment?.success_time),
  };
}

function combinationColumns(record: CombinationRecord): ReportColumns {
  const paid = record.sub_orders.flatMap((sub) => sub.payment ?? []);
  const times = paid.flatMap((payment) => moment(payment.success_time) ?? []);
  return {
    made_by: record.made_by,
    total_fen: fen(sum(record.sub_orders.map((sub) => sub.amount.total_amount))),
    paid_fen: paid.length === 0 ? null : fen(sum(paid.map((payment) => payment.total))),
    refunded_fen: refunded(record.sub_orders.flatMap((sub) => sub.refunds)),
    transaction_id: null, // each sub-order has its own: they are reservations
    success_at: times.length === 0 ? null : Math.max(...times),
  };
}

function transferColumns(record: TransferRecord): ReportColumns {
  const done = record.state === 'SUCCESS';
  return {
    made_by: null,
    total_fen: fen(record.transfer_amount),
    paid_fen: done ? fen(record.transfer_amount) : null,
    refunded_fen: null,
    transaction_id: record.transfer_bill_no ?? null,
    success_at: done ? moment(record.success_time ?? record.update_time) : null,
  };
}

/** A report must not fail on an amount that makes no sense: see `fen`. */
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const refunded = (refunds: readonly Refund[]): number | null =>
  fen(sum(refunds.filter((one) => one.status === 'SUCCESS').map((one) => one.refund)));

const fen = (value: number | undefined): number | null =>
  value !== undefined && Number.isSafeInteger(value) ? value : null;

/** RFC 3339 → milliseconds. */
function moment(time: string | undefined): number | null {
  const ms = time === undefined ? NaN : Date.parse(time);
  return Number.isNaN(ms) ? null : ms;
}
