/** What one run keeps while it compares a day: bounded, whatever the size of the bill; and the report it ends in. */
import type { TradeEntry, TradeRow } from './billRows';
import { rowFacts } from './judge';
import { createNumberTable, type NumberTable } from './numberTable';
import type { Difference, DifferenceClass, Facts, ReconcileReport } from './report';
import type { Found } from './resolve';
import type { Bytes } from '../../utils/money';
import { toRfc3339 } from '../../utils/time';

export interface Progress {
  readonly phase: 'download' | 'bill' | 'records' | 'compare' | 'fund' | 'questions';
  readonly done: number;
  readonly total?: number;
}

export interface Books {
  readonly bill_date: string;
  /** Our numbers and the trade bill's; then, for there are never two at once, the fund-flow bill's. */
  readonly table: NumberTable;
  readonly found: Found[];
  /** Differences kept in full; others are counted. */
  readonly keptMax: number;
  readonly by_class: Partial<Record<DifferenceClass, number>>;
  omitted: number;
  /** There is a bill, and its numbers are in the table. */
  billed: boolean;
  held: number;
  foreign: number;
  payments: number;
  refunds: number;
  fund: ReconcileReport['fund_bill'];
  fund_fault?: string | undefined;
  readonly tell: (progress: Progress) => void;
  readonly signal: AbortSignal | undefined;
}

/** What a number in the table is the number of. */
export const SORT = { payment: 1, reversal: 2, refund: 3 } as const;

/** Of a number in the table: the bill has it · a record of ours is the same · it was looked at again. */
export const SEEN = 1;
export const AGREES = 2;
export const PASSED = 4;

export const openBooks = (
  run: Pick<Books, 'bill_date' | 'keptMax' | 'tell' | 'signal'>,
): Books => ({
  ...run,
  table: createNumberTable(),
  found: [],
  by_class: {},
  omitted: 0,
  billed: false,
  held: 0,
  foreign: 0,
  payments: 0,
  refunds: 0,
  fund: 'missing',
});

export function note(books: Books, found: Found): void {
  books.by_class[found.class] = (books.by_class[found.class] ?? 0) + 1;
  if (books.found.length < books.keptMax) books.found.push(found);
  else books.omitted++;
}

/** Whose rows of a bill are compared: a merchant's, and of these apps. */
export interface Ours {
  readonly mchid: string;
  readonly appids: readonly string[];
  /** Of a service provider, its own account's bill tells nothing of them; empty: a merchant of its own. */
  readonly shops: readonly string[];
  has(entry: TradeEntry): boolean;
}

export function oursOf({
  mchid,
  appids,
  shops = [],
}: Pick<Ours, 'mchid' | 'appids'> & Partial<Pick<Ours, 'shops'>>): Ours {
  const listed = shops.map((shop) => Buffer.from(shop));
  const merchant = Buffer.from(mchid);
  const apps = appids.map((appid) => Buffer.from(appid));
  return {
    mchid,
    appids,
    shops,
    has: (entry) =>
      entry.is('mchid', merchant) &&
      apps.some((appid) => entry.is('appid', appid)) &&
      (listed.length === 0 || listed.some((shop) => entry.is('sub_mchid', shop))),
  };
}

const SUCCESS = Buffer.from('SUCCESS');

export const isSuccess = (entry: TradeEntry): boolean =>
  entry.kind === 'payment' && entry.is('trade_state', SUCCESS);

export const numberOf = (entry: TradeEntry): Bytes =>
  entry.bytes(entry.kind === 'refund' ? 'out_refund_no' : 'out_trade_no');

export const numbersOf = (row: TradeRow): Pick<Found, 'out_trade_no' | 'out_refund_no'> => ({
  out_trade_no: row.out_trade_no,
  ...(row.out_refund_no === '' ? {} : { out_refund_no: row.out_refund_no }),
});

export const about = (row: TradeRow): { readonly wechat: Facts; readonly row: TradeRow } => ({
  wechat: rowFacts(row),
  row,
});

export function reportOf(
  books: Books,
  statement: ReconcileReport['statement'],
  differences: readonly Difference[],
  now: number,
): ReconcileReport {
  const { omitted, held } = books;
  const by_class: Partial<Record<DifferenceClass, number>> = { ...books.by_class };
  // What the answers showed to belong to another day is no difference of this one.
  for (const found of books.found) by_class[found.class] = (by_class[found.class] ?? 0) - 1;
  for (const d of differences) by_class[d.class] = (by_class[d.class] ?? 0) + 1;
  const counted = Object.entries(by_class).filter(([, count]) => count > 0);
  return {
    bill_date: books.bill_date,
    compared: books.payments + books.refunds,
    differences,
    omitted,
    unresolved: differences.filter((d) => !d.resolved).length + omitted,
    by_class: Object.fromEntries(counted),
    statement,
    fund_bill: books.fund,
    ...(books.fund_fault === undefined ? {} : { fund_fault: books.fund_fault }),
    foreign: books.foreign,
    payments: books.payments,
    refunds: books.refunds,
    held,
    alarm:
      statement === 'none' && held > 0
        ? `微信称当日无交易，本地却有 ${held} 笔支付 / no statement, yet payments are held`
        : null,
    made_at: toRfc3339(now),
  };
}
