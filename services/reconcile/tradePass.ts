/** The trade bill on its two ways through: into the table, and past the records that did not agree with it. */
import type { BillFile } from './billFile';
import { readTradeBill, type TradeEntry, type TradeRow } from './billRows';
import {
  about,
  AGREES,
  isSuccess,
  note,
  numberOf,
  numbersOf,
  PASSED,
  SEEN,
  SORT,
  type Books,
  type Ours,
} from './books';
import { findPaid, type PaidStore } from './findPaid';
import { feeDiffers, judgePayment, judgeRefund } from './judge';
import type { Found } from './resolve';

const LOOKUPS_AT_ONCE = 32;

export async function enterBill(ours: Ours, books: Books, trade: BillFile): Promise<void> {
  let rows = 0;
  const enter = (entry: TradeEntry): void => {
    rows++;
    enterRow(ours, books, entry);
  };
  await readTradeBill(trade.read(), enter, () => {
    books.signal?.throwIfAborted();
    books.tell({ phase: 'bill', done: rows });
  });
}

/** A row on its first way through: into the table, and judged as far as it can be by itself. */
function enterRow(ours: Ours, books: Books, entry: TradeEntry): void {
  if (!ours.has(entry)) {
    books.foreign++;
    return;
  }
  const { table } = books;
  if (entry.kind === 'refund') books.refunds++;
  else books.payments++;
  // A reversed payment has this one row: it stands for the payment, too.
  if (entry.kind === 'reversal') table.add(entry.bytes('out_trade_no'), SORT.payment);
  const at = table.add(numberOf(entry), SORT[entry.kind]);
  if ((table.flags(at) & SEEN) !== 0) {
    const row = entry.row();
    note(books, { class: 'duplicate', here: null, ...numbersOf(row), ...about(row) });
    return;
  }
  table.mark(at, SEEN);
  if (isSuccess(entry)) {
    table.setValues(at, entry.total_fen, table.short(entry.bytes('transaction_id')));
  }
  if (entry.kind !== 'refund' && feeDiffers(entry)) {
    const row = entry.row();
    const wechat = { total: row.total_fen, fee: row.fee_milli / 1000, rate: row.rate };
    note(books, { class: 'fee', here: null, ...numbersOf(row), wechat });
  }
}

/** What no record of the day agreed with, record by record. */
export async function lookUpRest(
  { store, ours }: { readonly store: PaidStore; readonly ours: Ours },
  books: Books,
  trade: BillFile,
): Promise<void> {
  let rest: TradeRow[] = [];
  let rows = 0;
  const collect = (entry: TradeEntry): void => {
    rows++;
    if (isOpen(ours, books, entry)) rest.push(entry.row());
  };
  await readTradeBill(trade.read(), collect, async () => {
    books.signal?.throwIfAborted();
    for (let i = 0; i < rest.length; i += LOOKUPS_AT_ONCE) {
      const some = rest.slice(i, i + LOOKUPS_AT_ONCE);
      const found = await Promise.all(some.map((row) => compareRow(store, row)));
      for (const one of found) if (one !== undefined) note(books, one);
    }
    if (rest.length > 0) rest = [];
    books.tell({ phase: 'compare', done: rows });
  });
}

/** A row on its second way through: true where no record of the day agreed with it. */
function isOpen(ours: Ours, { table }: Books, entry: TradeEntry): boolean {
  if (!ours.has(entry)) return false;
  const at = table.find(numberOf(entry), SORT[entry.kind]);
  // A number's second row was noted already.
  if ((table.flags(at) & (AGREES | PASSED)) !== 0) return false;
  table.mark(at, PASSED);
  return true;
}

async function compareRow(store: PaidStore, row: TradeRow): Promise<Found | undefined> {
  const isRefund = row.out_refund_no !== '';
  const held = await findPaid(store, row.out_trade_no);
  const verdict = isRefund ? judgeRefund(row, held) : judgePayment(row, held);
  return verdict === undefined ? undefined : { ...numbersOf(row), ...verdict, ...about(row) };
}
