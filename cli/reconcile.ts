import { writeFileSync } from 'node:fs';
import { join, parse, resolve } from 'node:path';
import { reportCsv, reportTable, type ReconcileReport } from '../services/reconcile/report';
import type { Progress } from '../services/reconcile/reconciler';
import { DAY_MS, beijingDay } from '../utils/time';
import { merchantLine, positionals, readArgs } from './args';
import { connect, CONNECT_OPTIONS, type Connection } from './connect';
import { CommandError, UsageError, type Command } from './io';
import { createProgress, type Progress as ProgressLine } from './progress';

/** A million rows take minutes. */
const TIMEOUT_MS = 30 * 60_000;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

function dayOf(text: string, nowMs: number): string {
  if (text === 'yesterday') return beijingDay(nowMs - DAY_MS);
  if (DATE.test(text)) return text;
  throw new UsageError('日期应为 YYYY-MM-DD 或 yesterday / DATE is YYYY-MM-DD or yesterday');
}

function save(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new CommandError(`无法写入 cannot write ${path}: ${code}`);
  }
}

const PHASES: Readonly<Record<Progress['phase'], string>> = {
  download: '下载账单 downloading',
  bill: '已读账单行 bill rows read',
  records: '已比对记录 records compared',
  compare: '已复核账单行 bill rows checked again',
  fund: '已核资金行 rows checked against the fund bill',
  questions: '已查询差异 differences asked about',
};

/** How far it has got: `已读账单行 bill rows read 120000`. */
export function progressText(progress: Progress | undefined): string {
  if (progress === undefined) return '';
  const { phase, done, total } = progress;
  if (phase === 'download') return PHASES[phase];
  return `${PHASES[phase]} ${done}${total === undefined ? '' : `/${total}`}`;
}

export const reconcile: Command = async (argv, io) => {
  const { values, positionals: given } = readArgs(argv, {
    ...CONNECT_OPTIONS,
    csv: { type: 'string' },
    json: { type: 'boolean' },
    progress: { type: 'boolean' },
  });
  positionals(given, 1);
  const bill_date = dayOf(given[0] ?? '', io.clock.now());
  const progress = createProgress(
    values.json === true ? { ...io, terminal: false } : io,
    values.progress ?? false,
  );
  const connection = await connect(io, values);
  const isAlone = connection.merchants.length === 1;
  const show = (report: ReconcileReport, merchant: string | undefined): void => {
    const file = values.csv && csvOf(values.csv, isAlone ? undefined : merchant);
    if (file !== undefined) save(resolve(io.cwd, file), reportCsv(report));
    const named = merchant === undefined ? report : { merchant, ...report };
    if (values.json === true) io.out(`${JSON.stringify(named)}\n`);
    else io.out(merchantLine(merchant) + reportTable(report));
  };
  const isFine = async (merchant: string | undefined): Promise<boolean> => {
    const report = await reconcileOne(connection, merchant, { bill_date, progress });
    if (!(report instanceof CommandError)) {
      show(report, merchant);
      return report.unresolved === 0 && report.alarm === null;
    }
    // Where there are others, it must not keep their books from being compared.
    if (isAlone) throw report;
    io.err(`${merchantLine(merchant)}${report.message}\n`);
    return false;
  };
  const results: boolean[] = [];
  try {
    for (const merchant of connection.merchants) results.push(await isFine(merchant));
    return results.includes(false) ? 1 : 0;
  } finally {
    await connection.close();
  }
};

interface Ask {
  readonly bill_date: string;
  readonly progress: ProgressLine;
}

async function reconcileOne(
  connection: Connection,
  merchant: string | undefined,
  { bill_date, progress }: Ask,
): Promise<ReconcileReport | CommandError> {
  const what = `对账中 reconciling ${[bill_date, merchant ?? ''].join(' ').trim()}`;
  progress.wait(what, () => progressText(connection.reconciling(merchant)));
  try {
    const data = await connection.call({
      action: 'wxpay_reconcile',
      merchant,
      body: { bill_date },
      timeoutMs: TIMEOUT_MS,
    });
    return data as unknown as ReconcileReport;
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  } finally {
    progress.end();
  }
}

/** `diff.csv` of a further merchant is `diff-KEY.csv`, where there are several. */
const csvOf = (file: string, merchant: string | undefined): string => {
  const { dir, name, ext } = parse(file);
  return merchant === undefined ? file : join(dir, `${name}-${merchant}${ext}`);
};
