/**
 * The books of a day: WeChat's trade bill against our records, both ways, and against its fund-flow bill.
 *
 * The bill is streamed and never held: what is kept of a row is 17 bytes in a table of numbers, so a bill
 * of a million rows needs no more than a small one does of anything else. Our payments of the day go into that table first
 * (with amount and transaction), a row that agrees with it costs no look-up; only the others are looked up.
 * Nothing is acted upon before the file's hash and sums have been checked.
 */
import { fetchBill, type BillFile, type BillSource } from './billFile';
import { readFundBill, readTradeBill, type TradeRow } from './billRows';
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
import { createResolver, type Found, type ResolveDeps } from './resolve';
import { asText } from '../facts';
import { withHistory } from '../orderState';
import { SCHEMA_VERSION, type Refund, type ReportRecord, type StoredRecord } from '../records';
import type { OrderStore, RecordFilter } from '../stores/orderStore';
import type { Clock } from '../../utils/clock';
import { AppError, StoreError, ValidationError } from '../../utils/errors';
import type { Logger } from '../../utils/logger';
import { beijingDay, beijingDayStart, fromRfc3339, toRfc3339 } from '../../utils/time';

export interface Progress {
  readonly phase: 'download' | 'records' | 'bill' | 'missing' | 'fund' | 'questions';
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
   *   bill that is damaged: nothing was changed · ValidationError for a date that is none.
   */
  reconcile(bill_date: string, options?: ReconcileOptions): Promise<ReconcileReport>;
}

export interface ReconcilerDeps extends BillSource {
  readonly store: OrderStore;
  readonly api: BillSource['api'] & ResolveDeps['api'];
  readonly following: ResolveDeps['following'];
  readonly clock: Clock;
  readonly logger: Logger;
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
const PAGE = 200;
const SLICE_MIN_MS = 1000;
/** About: a row of the trade bill, and the two rows of a payment in the fund-flow bill. */
const TRADE_ROW_BYTES = 250;
const FUND_PAYMENT_BYTES = 260;
const LOOKUPS_AT_ONCE = 32;
const DAY_MS = 24 * 3600_000;
const STORE_TRIES_MAX = 8;

const HELD = 1;
const SEEN = 2;

/** One run's own memory: bounded, whatever the size of the bill. */
interface Books {
  readonly bill_date: string;
  table: NumberTable;
  readonly found: Found[];
  readonly by_class: Partial<Record<DifferenceClass, number>>;
  omitted: number;
  held: number;
  rows: number;
  foreign: number;
  payments: number;
  refunds: number;
  fund: ReconcileReport['fund_bill'];
  readonly tell: (progress: Progress) => void;
  readonly signal: AbortSignal | undefined;
}

const paymentKey = (no: string): string => `P${no}`;
const reversalKey = (no: string): string => `V${no}`;
const refundKey = (no: string): string => `R${no}`;

export function createReconciler(deps: ReconcilerDeps): Reconciler {
  const { store, clock, logger, settings } = deps;
  const keptMax = settings.keptMax ?? KEPT_MAX;
  const appids = new Set(settings.appids);
  const resolve = createResolver({
    api: deps.api,
    following: deps.following,
    find: findPaid,
    logger,
    wait: deps.wait,
    atOnce: settings.atOnce ?? 4,
    gapMs: settings.gapMs ?? 10,
  });
  let running: Promise<unknown> = Promise.resolve();

  /** An order by its number, or the part of a combination that has it. */
  async function findPaid(no: string): Promise<Paid | undefined> {
    const order = await store.find('order', no);
    if (order !== undefined) return paidOf(order);
    const owner = (await store.reservation('sub_order', no))?.owner;
    const whole = owner === undefined ? undefined : await store.find('combination', owner);
    const part = whole?.sub_orders.find((sub) => sub.out_trade_no === no);
    return part === undefined ? undefined : paidOfPart(part, whole?.state ?? '');
  }

  function note(books: Books, found: Found): void {
    books.by_class[found.class] = (books.by_class[found.class] ?? 0) + 1;
    // A copy: a piece of a line would keep its whole chunk of the bill in memory.
    if (books.found.length < keptMax) books.found.push(structuredClone(found));
    else books.omitted++;
  }

  /**
   * Records by when they were paid, in slices of the day narrow enough for one page each: stores page by
   * creation, and would sort the whole day anew for every page. No kind is named, so that SQLite enters by
   * the index of payment times (100,000 payments: 76 s without either, 3 s so).
   */
  async function* slices(day: string): AsyncGenerator<readonly StoredRecord[]> {
    const end = beijingDayStart(day) + DAY_MS;
    let from = end - DAY_MS;
    let width = DAY_MS;
    while (from < end) {
      const to = Math.min(end, from + width);
      const filter: RecordFilter = { success_from: from, success_to: to, limit: PAGE };
      let page = await store.list(filter);
      if (page.next !== undefined && width > SLICE_MIN_MS) {
        width = Math.max(SLICE_MIN_MS, Math.floor(width / 4));
        continue;
      }
      yield page.items;
      while (page.next !== undefined) {
        page = await store.list({ ...filter, after: page.next });
        yield page.items;
      }
      if (page.items.length < PAGE / 4) width *= 2;
      from = to;
    }
  }

  /** Every payment of ours on that day, by WeChat's own time of it. */
  async function* paymentsOf(day: string): AsyncGenerator<(Paid & { readonly no: string })[]> {
    for await (const page of slices(day)) {
      yield page.flatMap((r) => {
        if (r.kind === 'order') return [{ ...paidOf(r), no: r.no }];
        if (r.kind !== 'combination') return [];
        return r.sub_orders.map((sub) => ({ ...paidOfPart(sub, r.state), no: sub.out_trade_no }));
      });
    }
  }

  async function readHeld(books: Books): Promise<void> {
    const { table } = books;
    for await (const page of paymentsOf(books.bill_date)) {
      books.signal?.throwIfAborted();
      for (const { no, payment } of page) {
        if (payment === undefined || !appids.has(payment.appid)) continue;
        const at = table.add(paymentKey(no));
        table.mark(at, HELD);
        table.setValues(at, payment.total, table.short(payment.transaction_id));
        books.held++;
      }
      books.tell({ phase: 'records', done: books.held });
    }
    const from = beijingDayStart(books.bill_date);
    for await (const numbers of refundNumbers(from - DAY_MS, from + DAY_MS)) {
      for (const { no } of numbers) table.mark(table.add(refundKey(no)), HELD);
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

  /** Marks the number as seen; false: the bill has it a second time. */
  function seen(books: Books, key: string): boolean {
    const at = books.table.add(key);
    const first = (books.table.flags(at) & SEEN) === 0;
    books.table.mark(at, SEEN);
    return first;
  }

  /** A payment that is in our table with the same amount and transaction needs no look-up. */
  function agrees(books: Books, row: TradeRow): boolean {
    if (row.trade_state !== 'SUCCESS') return false;
    const { table } = books;
    const at = table.find(paymentKey(row.out_trade_no));
    if (at < 0 || (table.flags(at) & HELD) === 0) return false;
    const [total, transaction] = table.values(at);
    return total === row.total_fen && transaction === table.short(row.transaction_id);
  }

  async function compareRow(row: TradeRow): Promise<Found | undefined> {
    const isRefund = row.out_refund_no !== '';
    const held = await findPaid(row.out_trade_no);
    const verdict = isRefund ? judgeRefund(row, held) : judgePayment(row, held);
    return verdict === undefined ? undefined : { ...numbersOf(row), ...verdict, ...about(row) };
  }

  async function compareRows(books: Books, rows: readonly TradeRow[]): Promise<void> {
    books.signal?.throwIfAborted();
    const lookUp: TradeRow[] = [];
    for (const row of rows) {
      if (!appids.has(row.appid) || row.mchid !== settings.mchid) {
        books.foreign++;
        continue;
      }
      const isRefund = row.out_refund_no !== '';
      if (isRefund) books.refunds++;
      else books.payments++;
      const whole = agrees(books, row);
      // A reversed payment has this one row: it stands for the payment, too.
      if (row.trade_state === 'REVOKED') seen(books, paymentKey(row.out_trade_no));
      if (!seen(books, keyOf(row))) {
        note(books, { class: 'duplicate', here: null, ...numbersOf(row), ...about(row) });
        continue;
      }
      if (!isRefund && feeDiffers(row)) {
        const wechat = { total: row.total_fen, fee: row.fee_milli / 1000, rate: row.rate };
        note(books, { class: 'fee', here: null, ...numbersOf(row), wechat });
      }
      if (!whole) lookUp.push(row);
    }
    books.rows += rows.length;
    for (let i = 0; i < lookUp.length; i += LOOKUPS_AT_ONCE) {
      const some = lookUp.slice(i, i + LOOKUPS_AT_ONCE);
      const found = await Promise.all(some.map(compareRow));
      for (const one of found) if (one !== undefined) note(books, one);
    }
    books.tell({ phase: 'bill', done: books.rows });
  }

  const unseen = (table: NumberTable, key: string): boolean => {
    const at = table.find(key);
    return at >= 0 && table.flags(at) === HELD;
  };

  /** What we hold of that day and the bill does not. */
  async function findMissing(books: Books): Promise<void> {
    const { table, bill_date } = books;
    for await (const page of paymentsOf(bill_date)) {
      books.signal?.throwIfAborted();
      for (const { no, state, payment } of page) {
        if (payment === undefined || !unseen(table, paymentKey(no))) continue;
        const { total, transaction_id } = payment;
        const here = { state, total, transaction_id };
        note(books, { class: 'missing_at_wechat', out_trade_no: no, here, wechat: null });
      }
    }
    const from = beijingDayStart(bill_date);
    for await (const numbers of refundNumbers(from - DAY_MS, from + DAY_MS)) {
      for (const { no, owner, at } of numbers) {
        if (unseen(table, refundKey(no))) await missingRefund(books, { no, owner, at });
      }
    }
  }

  async function missingRefund(
    books: Books,
    number: { readonly no: string; readonly owner: string; readonly at: number },
  ): Promise<void> {
    const record = await store.find('order', number.owner);
    const refund = record?.refunds.find((r) => r.out_refund_no === number.no);
    if (record === undefined || refund === undefined || !appids.has(record.appid)) return;
    if (dayOf(refund, number.at) !== books.bill_date) return;
    note(books, {
      class: 'refund_missing_at_wechat',
      out_trade_no: record.no,
      out_refund_no: number.no,
      here: { status: refund.status, refund: refund.refund },
      wechat: null,
    });
  }

  /** Trade bill against fund-flow bill: the fee, and the amount, of each payment both know. */
  async function compareFund(books: Books, trade: BillFile, fund: BillFile): Promise<void> {
    const table = createNumberTable(Math.ceil(fund.plainBytes / FUND_PAYMENT_BYTES));
    await readFundBill(fund.read(), (rows) => {
      for (const { business_no, name, fen } of rows) {
        const isFee = name.includes('手续费');
        if (!isFee && name !== '交易') continue;
        const at = table.add(business_no);
        const [paid, fee] = table.values(at);
        if (isFee) table.setValues(at, paid, fee + Math.abs(fen));
        else table.setValues(at, paid + Math.abs(fen), fee);
      }
    });
    let known = 0;
    const differing: Found[] = [];
    let more = 0;
    await readTradeBill(trade.read(), (rows) => {
      books.signal?.throwIfAborted();
      for (const row of rows) {
        if (row.out_refund_no !== '' || row.trade_state !== 'SUCCESS') continue;
        if (!appids.has(row.appid) || row.mchid !== settings.mchid || feeDiffers(row)) continue;
        const at = table.find(row.transaction_id);
        if (at >= 0) known++;
        const [paid, fee] = at < 0 ? [0, 0] : table.values(at);
        const feeOff = Math.abs(fee * 1000 - row.fee_milli) >= 1000;
        if (at >= 0 && !feeOff && (paid === row.settled_fen || paid === row.total_fen)) continue;
        const wechat = {
          total: row.total_fen,
          fee: row.fee_milli / 1000,
          fund_total: at < 0 ? null : paid,
          fund_fee: at < 0 ? null : fee,
        };
        if (differing.length >= keptMax) more++;
        else differing.push({ class: 'fee', here: null, ...numbersOf(row), wechat });
      }
    });
    // Accounts that settle later know nothing of the day's payments: that is no difference of each.
    books.fund = known === 0 && books.payments > 0 ? 'unrelated' : 'compared';
    if (books.fund === 'unrelated') return;
    for (const found of differing) note(books, found);
    books.omitted += more;
    if (more > 0) books.by_class.fee = (books.by_class.fee ?? 0) + more;
  }

  async function fetchFund(day: string, signal?: AbortSignal): Promise<BillFile | 'none'> {
    try {
      return await fetchBill(deps, 'fundflowbill', day, signal);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      logger.warn({ bill_date: day, error: error.code }, 'fund bill missing');
      return 'none';
    }
  }

  async function compareAll(books: Books): Promise<'found' | 'none'> {
    books.tell({ phase: 'download', done: 0 });
    const trade = await fetchBill(deps, 'tradebill', books.bill_date, books.signal);
    if (trade === 'none') {
      await readHeld(books);
      return 'none';
    }
    books.table = createNumberTable(Math.ceil(trade.plainBytes / TRADE_ROW_BYTES));
    try {
      const fund = await fetchFund(books.bill_date, books.signal);
      try {
        await compareTrade(books, trade);
        if (fund === 'none') return 'found';
        books.tell({ phase: 'fund', done: 0 });
        await compareFund(books, trade, fund);
      } finally {
        if (fund !== 'none') await fund.remove();
      }
    } finally {
      await trade.remove();
    }
    return 'found';
  }

  async function compareTrade(books: Books, trade: BillFile): Promise<void> {
    await readHeld(books);
    await readTradeBill(trade.read(), (rows) => compareRows(books, rows));
    books.tell({ phase: 'missing', done: 0 });
    await findMissing(books);
    // The fund-flow bill gets a table of its own: never two at once.
    books.table = createNumberTable();
  }

  async function run(bill_date: string, options: ReconcileOptions): Promise<ReconcileReport> {
    const books: Books = {
      bill_date,
      table: createNumberTable(),
      found: [],
      by_class: {},
      omitted: 0,
      held: 0,
      rows: 0,
      foreign: 0,
      payments: 0,
      refunds: 0,
      fund: 'missing',
      tell: (progress) => options.onProgress?.(progress),
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
      logger.error({ alarm: true, bill_date, reason: report.alarm, count: books.held }, 'books');
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
    const entry = {
      at: now,
      what: 'reconciled',
      source: 'operator',
      proof: 'none',
      detail: `${found} differences, ${report.unresolved} unresolved`,
    } as const;
    for (let tries = 0; tries < STORE_TRIES_MAX; tries++) {
      const before = await store.find('report', no);
      const next: ReportRecord = {
        ...(before ?? fresh(no, now)),
        state: report.unresolved === 0 && report.alarm === null ? 'AGREED' : 'DIFFERENT',
        version: (before?.version ?? 0) + 1,
        updated_at: now,
        history: withHistory(before?.history ?? [], entry),
        bill_date: report.bill_date,
        report: { ...report, differences: report.differences.slice(0, STORED_MAX), omitted },
      };
      const written =
        before === undefined
          ? (await store.insert(next)) === 'inserted'
          : (await store.replace(next, before.version)) === 'replaced';
      if (written) return;
    }
    throw new StoreError('STORE_CONTENTION', { detail: no });
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
        return run(bill_date, options);
      })();
      running = mine;
      return mine;
    },
  };
}

const fresh = (no: string, now: number): Omit<ReportRecord, 'bill_date' | 'report'> => ({
  kind: 'report',
  no,
  state: 'AGREED',
  schema: SCHEMA_VERSION,
  version: 0,
  created_at: now,
  updated_at: now,
  history: [],
  agenda: [],
  effects: [],
  effect_seq: 0,
});

function keyOf(row: TradeRow): string {
  if (row.out_refund_no !== '') return refundKey(row.out_refund_no);
  const key = row.trade_state === 'REVOKED' ? reversalKey : paymentKey;
  return key(row.out_trade_no);
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
