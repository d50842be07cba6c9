/**
 * Memory of a reconciliation: a bill of a million rows, with the fund-flow bill, against a store that makes
 * its records as they are asked for. Prints rows, seconds, and the peak of resident memory.
 *
 * The bills are written first, by a process of its own: what is measured is reading them.
 *
 *   npx esbuild bench/reconcile.ts --bundle --platform=node --external:libsql --outfile=/tmp/r.js
 *   node /tmp/r.js 1000000 write && node /tmp/r.js 1000000
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { OrderRecord } from '../services/records';
import type { OrderStore, RecordFilter } from '../services/stores/orderStore';
import {
  chunked,
  createBooks,
  createTruth,
  DAY,
  DAY_START,
  feeOf,
  fundBill,
  paidOrder,
  tradeBill,
  type PaymentLine,
} from '../tests/e2e/reconcileSupport';

const ROWS = Number(process.argv[2] ?? '1000000');
const PER_SECOND = Math.ceil(ROWS / 86_400);
/** Every so many-th payment is not held here; so many-th of ours is not in the bill. */
const MISSING_EVERY = 20_000;

const lineOf = (i: number): PaymentLine => ({
  no: `T${String(i).padStart(12, '0')}`,
  transaction_id: `4200${String(i).padStart(24, '0')}`,
  total: 100 + (i % 9000),
  atMs: DAY_START + Math.floor(i / PER_SECOND) * 1000,
});

function* lines(): Generator<PaymentLine> {
  for (let i = 0; i < ROWS; i++) if (i % MISSING_EVERY !== 1) yield lineOf(i);
}

function* funds(): Generator<{ transaction_id: string; paid: number; fee: number }> {
  for (const { transaction_id, total } of lines()) {
    yield { transaction_id, paid: total, fee: feeOf(total) };
  }
}

const isHeld = (i: number): boolean => i % MISSING_EVERY !== 0;

function list(filter: RecordFilter): { items: OrderRecord[]; next?: string } {
  const second = (ms: number): number => Math.ceil((ms - DAY_START) / 1000) * PER_SECOND;
  const from = filter.after === undefined ? second(filter.success_from ?? 0) : Number(filter.after);
  const to = Math.min(ROWS, second(filter.success_to ?? 0));
  const items: OrderRecord[] = [];
  let i = from;
  for (; i < to && items.length < filter.limit; i++) {
    // Through JSON, as a database's rows come.
    if (isHeld(i)) items.push(JSON.parse(JSON.stringify(paidOrder(lineOf(i)))) as OrderRecord);
  }
  return i < to ? { items, next: String(i) } : { items };
}

const store = {
  name: 'made up',
  durable: false,
  list: (filter: RecordFilter) => Promise.resolve(list(filter)),
  find: (kind: string, no: string) => {
    const i = Number(no.slice(1));
    const held = kind === 'order' && isHeld(i) && no === lineOf(i).no;
    return Promise.resolve(held ? paidOrder(lineOf(i)) : undefined);
  },
  reservation: () => Promise.resolve(undefined),
  reservations: () => Promise.resolve({ items: [] }),
  insert: () => Promise.resolve('inserted'),
  replace: () => Promise.resolve('replaced'),
} as unknown as OrderStore;

const fileOf = (kind: string): string => join(tmpdir(), `pay-common-bench-${kind}.gz`);

async function write(kind: string, texts: Iterable<string>): Promise<void> {
  const sha1 = createHash('sha1');
  const hash = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sha1.update(chunk);
      done(null, chunk);
    },
  });
  const to = createWriteStream(fileOf(kind));
  await pipeline(Readable.from(chunked(texts)), hash, createGzip(), to);
  writeFileSync(`${fileOf(kind)}.sha1`, sha1.digest('hex'));
}

async function main(): Promise<void> {
  if (process.argv[3] === 'write') {
    await write('tradebill', tradeBill(lines()));
    await write('fundflowbill', fundBill(funds()));
    return;
  }
  const truth = createTruth();
  truth.file = (kind) => ({
    hash: readFileSync(`${fileOf(kind)}.sha1`, 'utf8'),
    stream: () => createReadStream(fileOf(kind)),
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
