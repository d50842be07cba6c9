import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { reportCsv, reportTable, type ReconcileReport } from '../services/reconcile/report';
import type { Progress } from '../services/reconcile/reconciler';
import { beijingDay } from '../utils/time';
import { positionals, readArgs } from './args';
import { connect, CONNECT_OPTIONS } from './connect';
import { CommandError, UsageError, type Command } from './io';
import { createProgress } from './progress';

const DAY_MS = 24 * 3600_000;
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
  try {
    progress.wait(`对账中 reconciling ${bill_date}`, () => progressText(connection.reconciling()));
    const data = await connection.call({
      action: 'wxpay_reconcile',
      body: { bill_date },
      timeoutMs: TIMEOUT_MS,
    });
    progress.end();
    const report = data as unknown as ReconcileReport;
    if (values.csv !== undefined) save(resolve(io.cwd, values.csv), reportCsv(report));
    io.out(values.json === true ? `${JSON.stringify(report)}\n` : reportTable(report));
    return report.unresolved === 0 && report.alarm === null ? 0 : 1;
  } finally {
    progress.end();
    await connection.close();
  }
};
