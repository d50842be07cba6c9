/** A day of payments, made up from their number: the bills of it, packed, and the records. */
import { createHash } from 'node:crypto';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { OrderRecord } from '../services/ledger/record';
import {
  chunked,
  DAY_START,
  feeOf,
  fundBill,
  paidOrder,
  tradeBill,
  type PaymentLine,
} from '../tests/e2e/reconcileSupport';

/** Every so many-th payment is not held here; so many-th of ours is not in the bill. */
export const MISSING_EVERY = 20_000;

export type BillName = 'tradebill' | 'fundflowbill';

export interface MadeUpDay {
  readonly rows: number;
  readonly perSecond: number;
  lineOf(i: number): PaymentLine;
  isHeld(i: number): boolean;
  /** As the service writes them: with history and effects, some 1.5 kB. */
  recordOf(i: number): OrderRecord;
}

export function createDay(rows: number): MadeUpDay {
  const perSecond = Math.ceil(rows / 86_400);
  const lineOf = (i: number): PaymentLine => ({
    no: `T${String(i).padStart(12, '0')}`,
    transaction_id: `4200${String(i).padStart(24, '0')}`,
    total: 100 + (i % 9000),
    atMs: DAY_START + Math.floor(i / perSecond) * 1000,
  });
  const effect = (i: number, seq: number, type: 'order.created' | 'order.paid') => ({
    id: `ef_${String(i)}_${String(seq)}`,
    seq,
    type,
    at: DAY_START,
    state: 'delivered' as const,
    tries: 1,
    data: { out_trade_no: lineOf(i).no, amount: { total: 100 }, description: '测试商品' },
  });
  return {
    rows,
    perSecond,
    lineOf,
    isHeld: (i) => i % MISSING_EVERY !== 0,
    recordOf: (i) =>
      paidOrder(lineOf(i), {
        payer: 'oPayer0000000000000000000001',
        history: [
          { at: DAY_START, what: 'created', source: 'payer', proof: 'none' },
          { at: DAY_START, what: 'prepay', source: 'reply', proof: 'signature' },
          { at: DAY_START, what: 'paid', source: 'callback', proof: 'signature' },
        ],
        effects: [effect(i, 1, 'order.created'), effect(i, 2, 'order.paid')],
        effect_seq: 2,
      }),
  };
}

function* lines(day: MadeUpDay): Generator<PaymentLine> {
  for (let i = 0; i < day.rows; i++) if (i % MISSING_EVERY !== 1) yield day.lineOf(i);
}

function* funds(day: MadeUpDay): Generator<{ transaction_id: string; paid: number; fee: number }> {
  for (const { transaction_id, total } of lines(day)) {
    yield { transaction_id, paid: total, fee: feeOf(total) };
  }
}

export const billFile = (folder: string, name: BillName): string => join(folder, `${name}.gz`);

export const billHash = (folder: string, name: BillName): string =>
  readFileSync(`${billFile(folder, name)}.sha1`, 'utf8');

async function write(folder: string, name: BillName, texts: Iterable<string>): Promise<void> {
  const sha1 = createHash('sha1');
  const hash = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sha1.update(chunk);
      done(null, chunk);
    },
  });
  const to = createWriteStream(billFile(folder, name));
  await pipeline(Readable.from(chunked(texts)), hash, createGzip({ level: 1 }), to);
  writeFileSync(`${billFile(folder, name)}.sha1`, sha1.digest('hex'));
}

export async function writeBills(folder: string, day: MadeUpDay): Promise<void> {
  await write(folder, 'tradebill', tradeBill(lines(day)));
  await write(folder, 'fundflowbill', fundBill(funds(day)));
}
