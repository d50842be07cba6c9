/** Numbers by which others name a record: each is reserved for it before it is written into it. Pure. */
import type { CombinationRecord, OrderRecord, TransferRecord } from './record';

/** Kind and number, and whose it is where that is not the record's own. */
export type NumberOf = readonly ['refund' | 'transaction' | 'transfer_bill', string, string?];

export function orderNumbers(
  after: OrderRecord,
  before: OrderRecord | undefined,
): readonly NumberOf[] {
  const numbers: NumberOf[] = [];
  if (after.payment !== undefined && before?.payment === undefined) {
    numbers.push(['transaction', after.payment.transaction_id]);
  }
  for (const payment of after.contradictions.slice(before?.contradictions.length ?? 0)) {
    numbers.push(['transaction', payment.transaction_id]);
  }
  for (const { out_refund_no: no } of after.refunds) {
    if (before?.refunds.some((r) => r.out_refund_no === no) !== true) numbers.push(['refund', no]);
  }
  return numbers;
}

/** A part's numbers lead to the part: that is where its refunds are. */
export function partNumbers(
  after: CombinationRecord,
  before: CombinationRecord | undefined,
): readonly NumberOf[] {
  return after.sub_orders.flatMap((part) => {
    const { out_trade_no: owner, payment, refunds } = part;
    const was = before?.sub_orders.find((one) => one.out_trade_no === owner);
    const fresh = refunds.filter(
      ({ out_refund_no: no }) => was?.refunds.some((r) => r.out_refund_no === no) !== true,
    );
    const numbers = fresh.map(({ out_refund_no: no }): NumberOf => ['refund', no, owner]);
    return payment === undefined || was?.payment !== undefined
      ? numbers
      : [...numbers, ['transaction', payment.transaction_id, owner] as const];
  });
}

export const transferNumbers = (
  { transfer_bill_no: no }: TransferRecord,
  before: TransferRecord | undefined,
): readonly NumberOf[] =>
  no === undefined || before?.transfer_bill_no !== undefined ? [] : [['transfer_bill', no]];
