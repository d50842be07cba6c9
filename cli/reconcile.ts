import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { reportCsv, reportTable, type ReconcileReport } from '../services/reconcile/report';
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

export const reconcile: Command = async (argv, io) => {
  const { values, positionals: given } = readArgs(argv, {
    ...CONNECT_OPTIONS,
    csv: { type: 'string' },
    json: { type: 'boolean' },
    progress: { type: 'boolean' },
  });
  positionals(given, 1);
  const bill_date = dayOf(given[0] ?? '', io.clock.now());
  const progress = createProgress(io, values.progress ?? false);
  const connection = await connect(io, values);
  try {
    progress.wait(`对账中 reconciling ${bill_date}`);
    const data = await connection.call({
      method: 'POST',
      route: 'wxpay_reconcile',
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
