/**
 * The books of a day: WeChat's trade bill against our records, both ways, and against its fund-flow bill.
 *
 * The bill is streamed and never held: what is kept of a row is 17 bytes in a table of numbers, and a row that
 * is in order leaves nothing else behind. First the bill goes into that table, then our records of the day
 * pass by it, once; what no record agreed with is looked up while the bill is read a second time, which costs
 * a fourth of what reading the records again would. Nothing is acted upon before the file's hash and sums
 * have been checked.
 */
import type { AlarmCode } from '../ledger/reasons';
import { fetchBill, type BillFile, type BillSource } from './billFile';
import {
  readFundBill,
  readTradeBill,
  type FundEntry,
  type TradeEntry,
  type TradeRow,
} from './billRows';
import { createCollector } from './collector';
import {
  feeDiffers,
  judgePayment,
  judgeRefund,
  paidOf,
  paidOfPart,
  rowFacts,
  type Paid,
} from './judge';
import { createNumberTable, type NumberTable } from './numberTable';
import type { Difference, DifferenceClass, Facts, ReconcileReport } from './report';
import type { RefundSyncDeps } from '../refunds/syncRefund';
import { createResolver, type Found } from './resolve';
import { asText } from '../wechat/readFacts';
import { nextVersion, type Decision } from '../ledger/decision';
import { newRecord } from '../ledger/newRecord';
import { holderOfPart } from '../records/partNumbers';
import { type Refund, type ReportRecord, type StoredRecord } from '../ledger/record';
import type { RecordWriter } from '../records/recordWriter';
import type { OrderStore, RecordFilter } from '../stores/orderStore';
import { AppError, ValidationError } from '../../utils/errors';
import type { Bytes } from '../../utils/money';
import { beijingDay, beijingDayStart, fromRfc3339, toRfc3339 } from '../../utils/time';

export interface Progress {
  readonly phase: 'download' | 'bill' | 'records' | 'compare' | 'fund' | 'questions';
  readonly done: number;
  readonly total?: number;
}

export interface ReconcileOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  /** No more questions to WeChat after so long; what is left is reported as found. Default: no bound. */
  readonly askMs?: number;
}

export interface Reconciler {
  /**
   * Compares a Beijing day, repairs what WeChat's proven answers explain, stores and returns the report.
   * A day may be done again at any time: the same unresolved differences, and nothing else changes.
   * One run at a time in a process; a second waits.
   *
   * @param bill_date `YYYY-MM-DD`; whether a bill exists is WeChat's to say.
   * @throws UpstreamError WECHATPAY_REJECTED 409 while the bill is being made · WECHATPAY_UNPROVEN for a
   *   bill that was damaged on the way · BILL_UNREADABLE for one that came whole and cannot be read, so that
   *   repeating does not help; nothing was changed · ValidationError for a date that is none.
   */
  reconcile(bill_date: string, options?: ReconcileOptions): Promise<ReconcileReport>;
  /** How far the run under way has got; undefined while there is none. */
  progress(): Progress | undefined;
}

export interface ReconcilerDeps extends RefundSyncDeps, Pick<BillSource, 'strategy'> {
  readonly store: Pick<OrderStore, 'find' | 'list' | 'reservation' | 'reservations'>;
  readonly writer: RecordWriter;
  readonly wait: (ms: number) => Promise<void>;
  readonly settings: ReconcileSettings;
}

export interface ReconcileSettings {
  readonly mchid: string;
  readonly appids: readonly string[];
  /** Differences reported in full and asked about; others are counted. Default 10000. */
  readonly keptMax?: number;
  /** Questions at once, default 4, and least time between two, default 10 ms: far below WeChat's 300/s. */
  readonly atOnce?: number;
  readonly gapMs?: number;
}

const KEPT_MAX = 10_000;
/** In the stored record: it must fit into any database's row. */
const STORED_MAX = 2000;
/** Small, for memory: of a page every record is in it whole. */
const PAGE = 50;
/** About, with what reading it makes on the way. */
const RECORD_BYTES = 8 * 1024;
const SLICE_MIN_MS = 1000;
/** A slice that is too wide is sorted whole for its first page: the day at once took 9 s for a million. */
const SLICE_FIRST_MS = 60_000;
/** Of a payment in the fund-flow bill: its own, and its fee's. Where most have no fee the table grows. */
const FUND_LINES = 2;
const LOOKUPS_AT_ONCE = 32;
const DAY_MS = 24 * 3600_000;

/** Of a number in the table: the bill has it · a record of ours is the same · it was looked at again. */
const SEEN = 1;
const AGREES = 2;
const PASSED = 4;

const SUCCESS = Buffer.from('SUCCESS');
const NO_FUNDS = [0, 0] as const;

/** One run's own memory: bounded, whatever the size of the bill. */
interface Books {
  readonly bill_date: string;
  /** Our numbers and the trade bill's; then, for there are never two at once, the fund-flow bill's. */
  readonly table: NumberTable;
  readonly found: Found[];
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
const SORT = { payment: 1, reversal: 2, refund: 3 } as const;

export function createReconciler(deps: ReconcilerDeps): Reconciler {
  const { store, writer, clock, logger, settings } = deps;
  const keptMax = settings.keptMax ?? KEPT_MAX;
  const mchid = Buffer.from(settings.mchid);
  const appids = settings.appids.map((appid) => Buffer.from(appid));
  const resolve = createResolver({
    ...deps,
    find: findPaid,
    wholeOf,
    atOnce: settings.atOnce ?? 4,
    gapMs: settings.gapMs ?? 10,
  });
  const collector = createCollector();
  const source = { api: deps.api, strategy: deps.strategy, collector, mchid: settings.mchid };
  let running: Promise<unknown> = Promise.resolve();
  let latest: Progress | undefined;

  /** An order by its number, or the part of a combination that has it. */
  async function findPaid(no: string): Promise<Paid | undefined> {
    const order = await store.find('order', no);
    if (order !== undefined) return paidOf(order);
    const whole = await holderOfPart(store, no);
    const part = whole?.sub_orders.find((sub) => sub.out_trade_no === no);
    return part === undefined ? undefined : paidOfPart(part, whole?.state ?? '');
  }

  async function wholeOf(no: string): Promise<string | undefined> {
    if ((await store.find('order', no)) !== undefined) return undefined;
    return (await holderOfPart(store, no))?.no;
  }

  function note(books: Books, found: Found): void {
    books.by_class[found.class] = (books.by_class[found.class] ?? 0) + 1;
    if (books.found.length < keptMax) books.found.push(found);
    else books.omitted++;
  }

  /**
   * Records by when they were paid, in slices of the day narrow enough for one page each: stores page by
   * creation, and would sort the whole day anew for every page. No kind is named, so that SQLite enters by
   * the index of payment times (100,000 payments: 76 s without either, 3 s so).
   */
  async function passHeld(books: Books): Promise<void> {
    const end = beijingDayStart(books.bill_date) + DAY_MS;
    let from = end - DAY_MS;
    let width = SLICE_FIRST_MS;
    while (from < end) {
      const to = Math.min(end, from + width);
      const filter: RecordFilter = { success_from: from, success_to: to, limit: PAGE };
      // What it learned of the page, and no record: nothing may hold one when the collector comes.
      let page = await passPage(books, filter, width > SLICE_MIN_MS);
      collector.done(page.items * RECORD_BYTES);
      if (page.tooWide) {
        width = Math.max(SLICE_MIN_MS, Math.floor(width / 4));
        continue;
      }
      while (page.next !== undefined) {
        page = await passPage(books, { ...filter, after: page.next }, false);
        collector.done(page.items * RECORD_BYTES);
      }
      if (page.items < PAGE / 4) width *= 2;
      from = to;
    }
  }

  /** @param mayBeTooWide  If there are more than a page of them, none is passed: the slice will be narrower. */
  async function passPage(
    books: Books,
    filter: RecordFilter,
    mayBeTooWide: boolean,
  ): Promise<{ readonly items: number; readonly next?: string; readonly tooWide: boolean }> {
    books.signal?.throwIfAborted();
    const { items, next } = await store.list(filter);
    const tooWide = mayBeTooWide && next !== undefined;
    if (!tooWide) for (const record of items) passRecord(books, record);
    books.tell({ phase: 'records', done: books.held });
    return { items: items.length, tooWide, ...(next === undefined ? {} : { next }) };
  }

  function passRecord(books: Books, record: StoredRecord): void {
    if (record.kind === 'order') passPaid(books, record.no, paidOf(record));
    if (record.kind !== 'combination') return;
    for (const part of record.sub_orders) {
      passPaid(books, part.out_trade_no, paidOfPart(part, record.state));
    }
  }

  /** A payment of ours passes by the bill: marked where the bill has it, noted where the bill lacks it. */
  function passPaid(books: Books, no: string, { state, payment }: Paid): void {
    if (payment === undefined || !settings.appids.includes(payment.appid)) return;
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

  async function findMissingRefunds(books: Books): Promise<void> {
    const from = beijingDayStart(books.bill_date);
    for await (const numbers of refundNumbers(from - DAY_MS, from + DAY_MS)) {
      books.signal?.throwIfAborted();
      for (const { no, owner, at } of numbers) {
        if (books.table.find(no, SORT.refund) < 0) await missingRefund(books, { no, owner, at });
      }
    }
  }

  async function* refundNumbers(first: number, to: number) {
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

  const isOurs = (entry: TradeEntry): boolean =>
    entry.is('mchid', mchid) && appids.some((appid) => entry.is('appid', appid));

  const isSuccess = (entry: TradeEntry): boolean =>
    entry.kind === 'payment' && entry.is('trade_state', SUCCESS);

  const numberOf = (entry: TradeEntry): Bytes =>
    entry.bytes(entry.kind === 'refund' ? 'out_refund_no' : 'out_trade_no');

  /** A row on its first way through: into the table, and judged as far as it can be by itself. */
  function enterRow(books: Books, entry: TradeEntry): void {
    if (!isOurs(entry)) {
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

  async function enterBill(books: Books, trade: BillFile): Promise<void> {
    let rows = 0;
    const enter = (entry: TradeEntry): void => {
      rows++;
      enterRow(books, entry);
    };
    await readTradeBill(trade.read(), enter, () => {
      books.signal?.throwIfAborted();
      books.tell({ phase: 'bill', done: rows });
    });
  }

  /** A row on its second way through: true where no record of the day agreed with it. */
  function isOpen(table: NumberTable, entry: TradeEntry): boolean {
    if (!isOurs(entry)) return false;
    const at = table.find(numberOf(entry), SORT[entry.kind]);
    // A number's second row was noted already.
    if ((table.flags(at) & (AGREES | PASSED)) !== 0) return false;
    table.mark(at, PASSED);
    return true;
  }

  async function compareRow(row: TradeRow): Promise<Found | undefined> {
    const isRefund = row.out_refund_no !== '';
    const held = await findPaid(row.out_trade_no);
    const verdict = isRefund ? judgeRefund(row, held) : judgePayment(row, held);
    return verdict === undefined ? undefined : { ...numbersOf(row), ...verdict, ...about(row) };
  }

  async function lookUpRest(books: Books, trade: BillFile): Promise<void> {
    let rest: TradeRow[] = [];
    let rows = 0;
    const collect = (entry: TradeEntry): void => {
      rows++;
      if (isOpen(books.table, entry)) rest.push(entry.row());
    };
    await readTradeBill(trade.read(), collect, async () => {
      books.signal?.throwIfAborted();
      for (let i = 0; i < rest.length; i += LOOKUPS_AT_ONCE) {
        const found = await Promise.all(rest.slice(i, i + LOOKUPS_AT_ONCE).map(compareRow));
        for (const one of found) if (one !== undefined) note(books, one);
      }
      if (rest.length > 0) rest = [];
      books.tell({ phase: 'compare', done: rows });
    });
  }

  async function missingRefund(
    books: Books,
    number: { readonly no: string; readonly owner: string; readonly at: number },
  ): Promise<void> {
    const held = await findPaid(number.owner);
    const refund = held?.refunds.find((r) => r.out_refund_no === number.no);
    const appid = held?.payment?.appid;
    if (refund === undefined || appid === undefined || !settings.appids.includes(appid)) return;
    if (dayOf(refund, number.at) !== books.bill_date) return;
    note(books, {
      class: 'refund_missing_at_wechat',
      out_trade_no: number.owner,
      out_refund_no: number.no,
      here: { status: refund.status, refund: refund.refund },
      wechat: null,
    });
  }

  /** What the fund-flow bill says of each payment: amount and fee, by 微信支付业务单号. */
  async function readFunds(books: Books, fund: BillFile): Promise<void> {
    const { table } = books;
    table.clear(Math.ceil(fund.lines / FUND_LINES));
    const onRow = (entry: FundEntry): void => {
      if (entry.kind === 'other') return;
      const at = table.add(entry.number());
      const paid = entry.kind === 'payment' ? Math.abs(entry.fen) : 0;
      const fee = entry.kind === 'fee' ? Math.abs(entry.fen) : 0;
      table.setValues(at, table.first(at) + paid, table.second(at) + fee);
    };
    await readFundBill(fund.read(), onRow, () => {
      books.signal?.throwIfAborted();
    });
  }

  /** Trade bill against fund-flow bill: the fee, and the amount, of each payment both know. */
  async function compareFund(books: Books, trade: BillFile, fund: BillFile): Promise<void> {
    await readFunds(books, fund);
    const { table } = books;
    let known = 0;
    let rows = 0;
    const differing: Found[] = [];
    let more = 0;
    const onRow = (entry: TradeEntry): void => {
      rows++;
      if (!isSuccess(entry) || !isOurs(entry) || feeDiffers(entry)) return;
      const at = table.find(entry.bytes('transaction_id'));
      if (at >= 0) known++;
      const [paid, fee] = at < 0 ? NO_FUNDS : [table.first(at), table.second(at)];
      const feeOff = Math.abs(fee * 1000 - entry.fee_milli) >= 1000;
      const paidOff = paid !== entry.settled_fen && paid !== entry.total_fen;
      if (at >= 0 && !feeOff && !paidOff) return;
      if (differing.length >= keptMax) {
        more++;
        return;
      }
      const row = entry.row();
      const wechat = {
        total: row.total_fen,
        fee: row.fee_milli / 1000,
        fund_total: at < 0 ? null : paid,
        fund_fee: at < 0 ? null : fee,
      };
      differing.push({ class: 'fee', here: null, ...numbersOf(row), wechat });
    };
    await readTradeBill(trade.read(), onRow, () => {
      books.signal?.throwIfAborted();
      books.tell({ phase: 'fund', done: rows });
    });
    // Accounts that settle later know nothing of the day's payments: that is no difference of each.
    books.fund = known === 0 && books.payments > 0 ? 'unrelated' : 'compared';
    if (books.fund === 'unrelated') return;
    for (const found of differing) note(books, found);
    books.omitted += more;
    if (more > 0) books.by_class.fee = (books.by_class.fee ?? 0) + more;
  }

  /** A fund bill that cannot be read is left out, as a missing one is: the trade bill was compared. */
  async function compareReadableFund(books: Books, trade: BillFile, fund: BillFile): Promise<void> {
    try {
      await compareFund(books, trade, fund);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'BILL_UNREADABLE') throw error;
      books.fund = 'unreadable';
      books.fund_fault = error.detail;
      const { bill_date } = books;
      logger.warn({ bill_date, error: error.code, reason: error.detail }, 'fund bill left out');
    }
  }

  async function fetchFund(day: string, signal?: AbortSignal): Promise<BillFile | 'none'> {
    try {
      return await fetchBill(source, 'fundflowbill', day, signal);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      logger.warn({ bill_date: day, error: error.code }, 'fund bill missing');
      return 'none';
    }
  }

  async function compareAll(books: Books): Promise<'found' | 'none'> {
    books.tell({ phase: 'download', done: 0 });
    const trade = await fetchBill(source, 'tradebill', books.bill_date, books.signal);
    if (trade === 'none') {
      await passHeld(books);
      return 'none';
    }
    books.billed = true;
    books.table.clear(trade.lines);
    try {
      const fund = await fetchFund(books.bill_date, books.signal);
      try {
        await compareTrade(books, trade);
        if (fund !== 'none') await compareReadableFund(books, trade, fund);
      } finally {
        if (fund !== 'none') await fund.remove();
      }
    } finally {
      await trade.remove();
    }
    return 'found';
  }

  async function compareTrade(books: Books, trade: BillFile): Promise<void> {
    await enterBill(books, trade);
    await passHeld(books);
    await findMissingRefunds(books);
    await lookUpRest(books, trade);
  }

  async function run(bill_date: string, options: ReconcileOptions): Promise<ReconcileReport> {
    const books: Books = {
      bill_date,
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
      tell: (progress) => {
        latest = progress;
        options.onProgress?.(progress);
      },
      signal: options.signal,
    };
    const statement = await compareAll(books);
    const until = options.askMs === undefined ? Infinity : clock.now() + options.askMs;
    const differences = await resolve(books.found, {
      bill_date,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      enough: () => clock.now() >= until,
      onDone: (done, total) => {
        books.tell({ phase: 'questions', done, total });
      },
    });
    const report = reportOf(books, statement, differences);
    if (report.alarm !== null) {
      const code: AlarmCode = 'reconcile.no_statement';
      logger.error({ alarm: true, code, bill_date, count: books.held }, 'books');
    }
    await keep(report);
    return report;
  }

  function reportOf(
    books: Books,
    statement: 'found' | 'none',
    differences: readonly Difference[],
  ): ReconcileReport {
    const { omitted } = books;
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
      held: books.held,
      alarm:
        statement === 'none' && books.held > 0
          ? `微信称当日无交易，本地却有 ${books.held} 笔支付 / no statement, yet payments are held`
          : null,
      made_at: toRfc3339(clock.now()),
    };
  }

  /** Stored under the day: a later run replaces it, and its history tells of both. */
  async function keep(report: ReconcileReport): Promise<void> {
    const no = `reconcile-${report.bill_date}`;
    const now = clock.now();
    const found = report.differences.length + report.omitted;
    const omitted = report.omitted + Math.max(0, report.differences.length - STORED_MAX);
    const line = {
      at: now,
      what: 'reconciled',
      source: 'operator',
      proof: 'none',
      detail: `${found} differences, ${report.unresolved} unresolved`,
    } as const;
    const facts = {
      state: report.unresolved === 0 && report.alarm === null ? 'AGREED' : 'DIFFERENT',
      bill_date: report.bill_date,
      report: { ...report, differences: report.differences.slice(0, STORED_MAX), omitted },
    };
    const renew = (before: ReportRecord): Decision<ReportRecord> => ({
      kind: 'next',
      record: nextVersion(before, line, facts),
    });
    const ref = { kind: 'report', no } as const;
    if ((await writer.change(ref, renew)).outcome !== 'absent') return;
    const first = newRecord<ReportRecord>({ ...ref, mchid: settings.mchid, ...facts }, line);
    if ((await writer.create(first)) === 'exists') await writer.change(ref, renew);
  }

  return {
    async reconcile(bill_date, options = {}) {
      const start = /^\d{4}-\d{2}-\d{2}$/.test(bill_date) ? beijingDayStart(bill_date) : NaN;
      if (Number.isNaN(start) || beijingDay(start) !== bill_date) {
        throw new ValidationError('PARAM_INVALID', { detail: 'bill_date' });
      }
      const before = running;
      const mine = (async () => {
        await Promise.allSettled([before]);
        try {
          return await run(bill_date, options);
        } finally {
          latest = undefined;
        }
      })();
      running = mine;
      return mine;
    },
    progress: () => latest,
  };
}

const numbersOf = (row: TradeRow): Pick<Found, 'out_trade_no' | 'out_refund_no'> => ({
  out_trade_no: row.out_trade_no,
  ...(row.out_refund_no === '' ? {} : { out_refund_no: row.out_refund_no }),
});

const about = (row: TradeRow): { readonly wechat: Facts; readonly row: TradeRow } => ({
  wechat: rowFacts(row),
  row,
});

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
