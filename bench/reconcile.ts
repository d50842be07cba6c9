/**
 * Memory of a reconciliation: a bill of a million rows, with the fund-flow bill, against a store that makes
 * its records as they are asked for. Prints rows, seconds, and the peak of resident memory.
 *
 * The bills are written first, by a process of its own: what is measured is reading them.
 *
 *   npx esbuild bench/reconcile.ts --bundle --platform=node --external:libsql --outfile=/tmp/r.js
 *   node /tmp/r.js 1000000 write && node /tmp/r.js 1000000
 *
 * The whole program over a real database is measured by `reconcileProgram.ts`.
 */
import { createReadStream } from 'node:fs';
import { tmpdir } from 'node:os';
import type { OrderRecord } from '../services/ledger/record';
import type { OrderStore, RecordFilter } from '../services/stores/orderStore';
import { createBooks, createTruth, DAY, DAY_START } from '../tests/e2e/reconcileSupport';
import { billFile, billHash, createDay, writeBills, type BillName } from './reconcileBills';

const ROWS = Number(process.argv[2] ?? '1000000');
const day = createDay(ROWS);
const folder = tmpdir();

function list(filter: RecordFilter): { items: OrderRecord[]; next?: string } {
  const second = (ms: number): number => Math.ceil((ms - DAY_START) / 1000) * day.perSecond;
  const from = filter.after === undefined ? second(filter.success_from ?? 0) : Number(filter.after);
  const to = Math.min(ROWS, second(filter.success_to ?? 0));
  const items: OrderRecord[] = [];
  let i = from;
  for (; i < to && items.length < filter.limit; i++) {
    // Through JSON, as a database's rows come.
    if (day.isHeld(i)) items.push(JSON.parse(JSON.stringify(day.recordOf(i))) as OrderRecord);
  }
  return i < to ? { items, next: String(i) } : { items };
}

const store = {
  name: 'made up',
  durable: false,
  list: (filter: RecordFilter) => Promise.resolve(list(filter)),
  find: (kind: string, no: string) => {
    const i = Number(no.slice(1));
    const held = kind === 'order' && day.isHeld(i) && no === day.lineOf(i).no;
    return Promise.resolve(held ? day.recordOf(i) : undefined);
  },
  reservation: () => Promise.resolve(undefined),
  reservations: () => Promise.resolve({ items: [] }),
  insert: () => Promise.resolve('inserted'),
  replace: () => Promise.resolve('replaced'),
} as unknown as OrderStore;

async function main(): Promise<void> {
  if (process.argv[3] === 'write') {
    await writeBills(folder, day);
    return;
  }
  const truth = createTruth();
  truth.file = (kind) => ({
    hash: billHash(folder, kind as BillName),
    stream: () => createReadStream(billFile(folder, kind as BillName)),
  });
  const { reconciler } = createBooks(store, truth);
  const before = process.memoryUsage.rss();
  const started = performance.now();
  const report = await reconciler.reconcile(DAY);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);
  const peak = process.resourceUsage().maxRSS * 1024;
  process.stdout.write(
    `${JSON.stringify(report.by_class)} of ${String(report.compared)} rows in ${seconds} s, ` +
      `resident at first ${mib(before)} MiB, at most ${mib(peak)} MiB\n`,
  );
}

void main();
