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
import { openBooks, oursOf, reportOf, type Books, type Progress } from './books';
import { createCollector } from './collector';
import { compareFund } from './fundPass';
import { findPaid, wholeOf, type PaidStore } from './findPaid';
import { findMissingRefunds, passHeld, type RecordPassDeps } from './recordPass';
import type { ReconcileReport } from './report';
import type { RefundSyncDeps } from '../refunds/syncRefund';
import { createResolver, type Resolver } from './resolve';
import { enterBill, lookUpRest } from './tradePass';
import { nextVersion, type Decision } from '../ledger/decision';
import { newRecord } from '../ledger/newRecord';
import type { ReportRecord } from '../ledger/record';
import type { RecordWriter } from '../records/recordWriter';
import type { OrderStore } from '../stores/orderStore';
import { AppError, ValidationError } from '../../utils/errors';
import { beijingDay, beijingDayStart } from '../../utils/time';

export type { Progress } from './books';

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

export interface ReconcilerDeps extends RefundSyncDeps {
  readonly store: PaidStore & Pick<OrderStore, 'list' | 'reservations'>;
  readonly writer: RecordWriter;
  readonly wait: (ms: number) => Promise<void>;
  readonly settings: ReconcileSettings;
}

export interface ReconcileSettings {
  readonly mchid: string;
  readonly appids: readonly string[];
  /** Shops of a service provider. */
  readonly shops?: readonly string[];
  /** Differences reported in full and asked about; others are counted. Default 10000. */
  readonly keptMax?: number;
  /** Questions at once, default 4, and least time between two, default 10 ms: far below WeChat's 300/s. */
  readonly atOnce?: number;
  readonly gapMs?: number;
}

const KEPT_MAX = 10_000;
/** In the stored record: it must fit into any database's row. */
const STORED_MAX = 2000;

/** What a run works with, besides what was handed in. */
interface RunDeps extends ReconcilerDeps, RecordPassDeps {
  readonly store: ReconcilerDeps['store'];
  readonly resolve: Resolver;
}

export function createReconciler(deps: ReconcilerDeps): Reconciler {
  const { store, settings } = deps;
  const resolve = createResolver({
    ...deps,
    find: (no) => findPaid(store, no),
    wholeOf: (no) => wholeOf(store, no),
    atOnce: settings.atOnce ?? 4,
    gapMs: settings.gapMs ?? 10,
  });
  const runDeps = { ...deps, ours: oursOf(settings), collector: createCollector(), resolve };
  let running: Promise<unknown> = Promise.resolve();
  let latest: Progress | undefined;
  return {
    async reconcile(bill_date, options = {}) {
      const start = /^\d{4}-\d{2}-\d{2}$/.test(bill_date) ? beijingDayStart(bill_date) : NaN;
      if (Number.isNaN(start) || beijingDay(start) !== bill_date) {
        throw new ValidationError('PARAM_INVALID', { detail: 'bill_date' });
      }
      const before = running;
      const onProgress = (progress: Progress): void => {
        latest = progress;
        options.onProgress?.(progress);
      };
      const mine = (async () => {
        await Promise.allSettled([before]);
        try {
          return await run(runDeps, bill_date, { ...options, onProgress });
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

async function run(
  deps: RunDeps,
  bill_date: string,
  { onProgress, signal, askMs }: ReconcileOptions,
): Promise<ReconcileReport> {
  const { clock, logger, settings } = deps;
  const books = openBooks({
    bill_date,
    keptMax: settings.keptMax ?? KEPT_MAX,
    tell: (progress) => onProgress?.(progress),
    signal,
  });
  const statement = await compareAll(deps, books);
  const until = askMs === undefined ? Infinity : clock.now() + askMs;
  const differences = await deps.resolve(books.found, {
    bill_date,
    ...(signal === undefined ? {} : { signal }),
    enough: () => clock.now() >= until,
    onDone: (done, total) => {
      books.tell({ phase: 'questions', done, total });
    },
  });
  const report = reportOf(books, statement, differences, clock.now());
  if (report.alarm !== null) {
    const code: AlarmCode = 'reconcile.no_statement';
    logger.error({ alarm: true, code, bill_date, count: books.held }, 'books');
  }
  await keep(deps, report);
  return report;
}

async function compareAll(deps: RunDeps, books: Books): Promise<'found' | 'none'> {
  const { bill_date, signal } = books;
  books.tell({ phase: 'download', done: 0 });
  const trade = await fetchBill(sourceOf(deps), 'tradebill', bill_date, signal);
  if (trade === 'none') {
    await passHeld(deps, books);
    return 'none';
  }
  books.billed = true;
  books.table.clear(trade.lines);
  try {
    // What shops take in is on no account of the provider's.
    const own = deps.ours.shops.length === 0;
    const fund = own ? await fetchFund(deps, bill_date, signal) : 'none';
    try {
      await compareTrade(deps, books, trade);
      if (fund !== 'none') await compareReadableFund(deps, books, { trade, fund });
    } finally {
      if (fund !== 'none') await fund.remove();
    }
  } finally {
    await trade.remove();
  }
  return 'found';
}

const sourceOf = ({ api, collector, ours }: RunDeps): BillSource => ({
  api,
  collector,
  mchid: ours.mchid,
});

async function compareTrade(deps: RunDeps, books: Books, trade: BillFile): Promise<void> {
  await enterBill(deps.ours, books, trade);
  await passHeld(deps, books);
  await findMissingRefunds(deps, books);
  await lookUpRest(deps, books, trade);
}

async function fetchFund(
  deps: RunDeps,
  bill_date: string,
  signal?: AbortSignal,
): Promise<BillFile | 'none'> {
  try {
    return await fetchBill(sourceOf(deps), 'fundflowbill', bill_date, signal);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    deps.logger.warn({ bill_date, error: error.code }, 'fund bill missing');
    return 'none';
  }
}

/** A fund bill that cannot be read is left out, as a missing one is: the trade bill was compared. */
async function compareReadableFund(
  { ours, logger }: RunDeps,
  books: Books,
  bills: { readonly trade: BillFile; readonly fund: BillFile },
): Promise<void> {
  try {
    await compareFund(ours, books, bills);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'BILL_UNREADABLE') throw error;
    books.fund = 'unreadable';
    books.fund_fault = error.detail;
    const { bill_date } = books;
    logger.warn({ bill_date, error: error.code, reason: error.detail }, 'fund bill left out');
  }
}

/** Stored under the day: a later run replaces it, and its history tells of both. */
async function keep({ writer, clock, ours }: RunDeps, report: ReconcileReport): Promise<void> {
  const no = `reconcile-${report.bill_date}`;
  const found = report.differences.length + report.omitted;
  const omitted = report.omitted + Math.max(0, report.differences.length - STORED_MAX);
  const line = {
    at: clock.now(),
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
  const first = newRecord<ReportRecord>({ ...ref, mchid: ours.mchid, ...facts }, line);
  if ((await writer.create(first)) === 'exists') await writer.change(ref, renew);
}
