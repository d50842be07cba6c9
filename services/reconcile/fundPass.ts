/** The trade bill against the fund-flow bill: the fee, and the amount, of each payment both know. */
import type { BillFile } from './billFile';
import { readFundBill, readTradeBill, type FundEntry, type TradeEntry } from './billRows';
import { isSuccess, note, numbersOf, type Books, type Ours } from './books';
import { feeDiffers } from './judge';
import type { NumberTable } from './numberTable';
import type { Found } from './resolve';

/** Of a payment in the fund-flow bill: its own, and its fee's. Where most have no fee the table grows. */
const FUND_LINES = 2;
const NO_FUNDS = [0, 0] as const;

/** What the two bills made of each other; noted only if they speak of the same payments. */
interface Comparison {
  /** Payments of the trade bill that the fund-flow bill has. */
  known: number;
  readonly differing: Found[];
  more: number;
}

export async function compareFund(
  ours: Ours,
  books: Books,
  { trade, fund }: { readonly trade: BillFile; readonly fund: BillFile },
): Promise<void> {
  await readFunds(books, fund);
  const comparison: Comparison = { known: 0, differing: [], more: 0 };
  let rows = 0;
  const onRow = (entry: TradeEntry): void => {
    rows++;
    if (isSuccess(entry) && ours.has(entry) && !feeDiffers(entry)) {
      compareFunds(books, comparison, entry);
    }
  };
  await readTradeBill(trade.read(), onRow, () => {
    books.signal?.throwIfAborted();
    books.tell({ phase: 'fund', done: rows });
  });
  const { known, differing, more } = comparison;
  // Accounts that settle later know nothing of the day's payments: that is no difference of each.
  books.fund = known === 0 && books.payments > 0 ? 'unrelated' : 'compared';
  if (books.fund === 'unrelated') return;
  for (const found of differing) note(books, found);
  books.omitted += more;
  if (more > 0) books.by_class.fee = (books.by_class.fee ?? 0) + more;
}

/** What the fund-flow bill says of each payment: amount and fee, by 微信支付业务单号. */
async function readFunds({ table, signal }: Books, fund: BillFile): Promise<void> {
  table.clear(Math.ceil(fund.lines / FUND_LINES));
  const onRow = (entry: FundEntry): void => {
    if (entry.kind !== 'other') addFunds(table, entry);
  };
  await readFundBill(fund.read(), onRow, () => {
    signal?.throwIfAborted();
  });
}

function addFunds(table: NumberTable, entry: FundEntry): void {
  const at = table.add(entry.number());
  const paid = entry.kind === 'payment' ? Math.abs(entry.fen) : 0;
  const fee = entry.kind === 'fee' ? Math.abs(entry.fen) : 0;
  table.setValues(at, table.first(at) + paid, table.second(at) + fee);
}

function compareFunds({ table, keptMax }: Books, found: Comparison, entry: TradeEntry): void {
  const at = table.find(entry.bytes('transaction_id'));
  if (at >= 0) found.known++;
  const [paid, fee] = at < 0 ? NO_FUNDS : [table.first(at), table.second(at)];
  const feeOff = Math.abs(fee * 1000 - entry.fee_milli) >= 1000;
  const paidOff = paid !== entry.settled_fen && paid !== entry.total_fen;
  if (at >= 0 && !feeOff && !paidOff) return;
  if (found.differing.length >= keptMax) {
    found.more++;
    return;
  }
  const row = entry.row();
  const wechat = {
    total: row.total_fen,
    fee: row.fee_milli / 1000,
    fund_total: at < 0 ? null : paid,
    fund_fee: at < 0 ? null : fee,
  };
  found.differing.push({ class: 'fee', here: null, ...numbersOf(row), wechat });
}
