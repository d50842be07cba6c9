/** Our records of the day pass by the bill, once: what the bill lacks is noted, what agrees with it is marked. */
import { AGREES, note, SORT, type Books, type Ours } from './books';
import type { Collector } from './collector';
import { findPaid, type PaidStore } from './findPaid';
import { paidOf, paidOfPart, type Paid } from './judge';
import type { Refund, StoredRecord } from '../ledger/record';
import type { OrderStore, RecordFilter } from '../stores/orderStore';
import { asText } from '../wechat/readFacts';
import { beijingDay, beijingDayStart, DAY_MS, fromRfc3339 } from '../../utils/time';

/** Small, for memory: of a page every record is in it whole. */
const PAGE = 50;
/** About, with what reading it makes on the way. */
const RECORD_BYTES = 8 * 1024;
const SLICE_MIN_MS = 1000;
/** A slice that is too wide is sorted whole for its first page: the day at once took 9 s for a million. */
const SLICE_FIRST_MS = 60_000;

export interface RecordPassDeps {
  readonly store: PaidStore & Pick<OrderStore, 'list' | 'reservations'>;
  readonly ours: Ours;
  readonly collector: Collector;
}

/**
 * Records by when they were paid, in slices of the day narrow enough for one page each: stores page by
 * creation, and would sort the whole day again for every page. No kind is named, so that SQLite enters by
 * the index of payment times (100,000 payments: 76 s without either, 3 s so).
 */
export async function passHeld(deps: RecordPassDeps, books: Books): Promise<void> {
  const { collector } = deps;
  const end = beijingDayStart(books.bill_date) + DAY_MS;
  let from = end - DAY_MS;
  let width = SLICE_FIRST_MS;
  while (from < end) {
    const to = Math.min(end, from + width);
    const filter: RecordFilter = { success_from: from, success_to: to, limit: PAGE };
    // What it learned of the page, and no record: nothing may hold one when the collector comes.
    let page = await passPage(deps, books, { filter, mayBeTooWide: width > SLICE_MIN_MS });
    collector.done(page.items * RECORD_BYTES);
    if (page.tooWide) {
      width = Math.max(SLICE_MIN_MS, Math.floor(width / 4));
      continue;
    }
    while (page.next !== undefined) {
      const after = { ...filter, after: page.next };
      page = await passPage(deps, books, { filter: after, mayBeTooWide: false });
      collector.done(page.items * RECORD_BYTES);
    }
    if (page.items < PAGE / 4) width *= 2;
    from = to;
  }
}

interface PageOptions {
  readonly filter: RecordFilter;
  /** If there are more than a page of them, none is passed: the slice will be narrower. */
  readonly mayBeTooWide: boolean;
}

async function passPage(
  { store, ours }: RecordPassDeps,
  books: Books,
  { filter, mayBeTooWide }: PageOptions,
): Promise<{ readonly items: number; readonly next?: string; readonly tooWide: boolean }> {
  books.signal?.throwIfAborted();
  const { items, next } = await store.list(filter);
  const tooWide = mayBeTooWide && next !== undefined;
  if (!tooWide) for (const record of items) passRecord(ours, books, record);
  books.tell({ phase: 'records', done: books.held });
  return { items: items.length, tooWide, ...(next === undefined ? {} : { next }) };
}

function passRecord(ours: Ours, books: Books, record: StoredRecord): void {
  if (record.kind === 'order') passPaid(ours, books, record.no, paidOf(record));
  if (record.kind !== 'combination') return;
  for (const part of record.sub_orders) {
    passPaid(ours, books, part.out_trade_no, paidOfPart(part, record.state));
  }
}

/** A payment of ours passes by the bill: marked where the bill has it, noted where the bill lacks it. */
function passPaid(ours: Ours, books: Books, no: string, { state, payment }: Paid): void {
  if (payment === undefined || !ours.appids.includes(payment.appid)) return;
  books.held++;
  if (!books.billed) return;
  const { table } = books;
  const { total, transaction_id } = payment;
  const at = table.find(no, SORT.payment);
  if (at < 0) {
    const here = { state, total, transaction_id };
    note(books, { class: 'missing_at_wechat', out_trade_no: no, here, wechat: null });
  } else if (table.first(at) === total && table.second(at) === table.short(transaction_id)) {
    table.mark(at, AGREES);
  }
}

interface RefundNumber {
  readonly no: string;
  readonly owner: string;
  readonly at: number;
}

export async function findMissingRefunds(deps: RecordPassDeps, books: Books): Promise<void> {
  const from = beijingDayStart(books.bill_date);
  for await (const numbers of refundNumbers(deps, from - DAY_MS, from + DAY_MS)) {
    books.signal?.throwIfAborted();
    for (const number of numbers) {
      if (books.table.find(number.no, SORT.refund) < 0) await missingRefund(deps, books, number);
    }
  }
}

async function* refundNumbers(
  { store }: RecordPassDeps,
  first: number,
  to: number,
): AsyncGenerator<readonly RefundNumber[]> {
  let after: string | undefined;
  let from = first;
  do {
    const range = { from, to, limit: PAGE, ...(after === undefined ? {} : { after }) };
    const page = await store.reservations('refund', range);
    yield page.items;
    after = page.next;
    // The cursor says the same; said so, an index is entered where the last page ended.
    from = page.items.at(-1)?.at ?? from;
  } while (after !== undefined);
}

async function missingRefund(
  { store, ours }: RecordPassDeps,
  books: Books,
  number: RefundNumber,
): Promise<void> {
  const held = await findPaid(store, number.owner);
  const refund = held?.refunds.find((r) => r.out_refund_no === number.no);
  const appid = held?.payment?.appid;
  if (refund === undefined || appid === undefined || !ours.appids.includes(appid)) return;
  if (dayOf(refund, number.at) !== books.bill_date) return;
  note(books, {
    class: 'refund_missing_at_wechat',
    out_trade_no: number.owner,
    out_refund_no: number.no,
    here: { status: refund.status, refund: refund.refund },
    wechat: null,
  });
}

/**
 * The day on which WeChat took the refund, as far as we know: its own word, else ours of the request.
 * undefined: it never did.
 */
function dayOf(refund: Refund, reservedAt: number): string | undefined {
  const accepted = refund.refund_id !== undefined || refund.wechat !== undefined;
  if (!accepted) return undefined;
  const told = fromRfc3339(asText(refund.wechat?.create_time));
  return beijingDay(told ?? Math.min(reservedAt, refund.requested_at));
}
