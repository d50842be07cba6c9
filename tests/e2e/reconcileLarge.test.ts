/**
 * A bill of thousands of rows (`LARGE=1`: 100,000) with 200 planted differences, 20 of every class, among rows that
 * look odd but are in order. All are found, none is invented; each is repaired or reported; done again, nothing changes.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OrderRecord, Refund } from '../../services/ledger/record';
import type { DifferenceClass } from '../../services/reconcile/report';
import { openStore } from '../../services/stores';
import { toRfc3339 } from '../../utils/time';
import { scaled } from '../helpers/large';
import { aRefund } from '../helpers/storeRecords';
import {
  APPID,
  createBooks,
  createTruth,
  DAY,
  DAY_START,
  feeOf,
  fundBill,
  paidOrder,
  refundAnswer,
  tradeBill,
  transaction,
  type Line,
  type PaymentLine,
  type RefundLine,
} from './reconcileSupport';
import { createLogBook } from '../helpers/logBook';
import { inGroups } from './sweepSupport';
import { ownStore, type OwnStore } from '../helpers/ownStore';

/** In memory where there is such a place: this is about numbers, not about the disk. */
const fast = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const folder = mkdtempSync(join(fast, 'pay-common-reconcile-'));
let store: OwnStore;
beforeAll(async () => {
  const { logger } = createLogBook();
  const records = await openStore({
    url: `file:${join(folder, 'books.db')}`,
    clock: { now: () => DAY_START },
    logger,
    cloudbaseEnv: undefined,
    cloudbaseApiKey: undefined,
    ephemeralDisk: false,
  });
  store = ownStore(records);
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const ROWS = scaled(2000, 100_000);
const EACH = 20;
const payment = (name: string, i: number, more: Partial<PaymentLine> = {}): PaymentLine => ({
  no: `${name}${String(i).padStart(6, '0')}`,
  transaction_id: `4200${name}${String(i).padStart(20, '0')}`,
  total: 1000 + (i % 5000),
  atMs: DAY_START + ((i * 7919) % 86_400) * 1000,
  ...more,
});
const refundOf = (line: PaymentLine, more: Partial<RefundLine> = {}): RefundLine => ({
  no: line.no,
  out_refund_no: `R${line.no}`,
  refund: 300,
  ...more,
});
const held = (line: RefundLine, more: Partial<Refund> = {}): Refund =>
  aRefund({
    out_refund_no: line.out_refund_no,
    refund: line.refund,
    refund_id: `50${line.out_refund_no}`,
    requested_at: DAY_START + 3600_000,
    wechat: { create_time: toRfc3339(DAY_START + 3600_000) },
    ...more,
  });

/** Everything of this day, worked out here: the records, the bill, the truth, and what must be found. */
function createWorld() {
  const records: OrderRecord[] = [];
  const lines: Line[] = [];
  const fund: { transaction_id: string; paid: number; fee: number }[] = [];
  const truth = createTruth();
  const expected: { class: DifferenceClass; no: string; resolved: boolean }[] = [];

  const bill = (line: PaymentLine, fundFee = line.feeFen ?? feeOf(line.total)): void => {
    lines.push(line);
    fund.push({ transaction_id: line.transaction_id, paid: line.total, fee: fundFee });
    truth.orders.set(line.no, transaction(line));
    truth.orders.set(line.transaction_id, transaction(line));
  };
  const expect = (name: DifferenceClass, no: string, resolved: boolean): void => {
    expected.push({ class: name, no, resolved });
  };
  for (let i = 0; i < EACH; i++) {
    const even = i % 2 === 0;
    const lost = payment('MH', i);
    bill(lost);
    if (!even) truth.orders.delete(lost.no);
    expect('missing_here', lost.no, even);

    const ours = payment('MW', i);
    records.push(paidOrder(ours));
    if (even) truth.orders.set(ours.no, transaction(ours));
    expect('missing_at_wechat', ours.no, false);

    const amount = payment('AM', i);
    bill(amount);
    records.push(paidOrder({ ...amount, total: amount.total + 1 }));
    expect('amount', amount.no, false);

    const state = payment('ST', i);
    bill(state);
    const unpaid = paidOrder(state, {
      payer_named: false,
      state: even ? 'PENDING' : 'CLOSED',
    });
    const { payment: _none, ...open } = unpaid;
    records.push(open);
    expect('state', state.no, true);

    const fee = payment('FE', i, even ? { feeFen: 99 } : {});
    bill(fee, even ? 99 : 98);
    records.push(paidOrder(fee));
    expect('fee', fee.no, false);

    const twice = payment('DU', i);
    bill(twice);
    records.push(paidOrder(twice));
    const again = even ? twice : payment('DV', i, { no: twice.no, total: twice.total });
    if (even) lines.push(again);
    else {
      bill(again);
      truth.orders.set(twice.no, transaction(twice));
    }
    expect('duplicate', twice.no, false);
  }
  refundDifferences({ records, lines, bill, truth, expect });
  return { records, lines, fund, truth, expected, bill };
}

interface Adding {
  readonly records: OrderRecord[];
  readonly lines: Line[];
  readonly bill: (line: PaymentLine) => void;
  readonly truth: ReturnType<typeof createTruth>;
  readonly expect: (name: DifferenceClass, no: string, resolved: boolean) => void;
}

function refundDifferences({ records, lines, bill, truth, expect }: Adding): void {
  for (let i = 0; i < EACH; i++) {
    const even = i % 2 === 0;
    const plant = (name: string, mine: Refund[], row?: RefundLine): PaymentLine => {
      const line = payment(name, i);
      bill(line);
      records.push(paidOrder(line, { state: 'REFUNDING', refunds: mine }));
      if (row !== undefined) lines.push(row);
      return line;
    };
    const missing = refundOf(payment('RH', i));
    const order = plant('RH', [], missing);
    if (even)
      truth.refunds.set(
        missing.out_refund_no,
        refundAnswer(missing, order.transaction_id, order.total),
      );
    expect('refund_missing_here', missing.out_refund_no, even);

    const gone = refundOf(payment('RW', i));
    plant('RW', [held(gone)]);
    expect('refund_missing_at_wechat', gone.out_refund_no, false);

    const amount = refundOf(payment('RA', i));
    plant('RA', [held({ ...amount, refund: 301 })], amount);
    expect('refund_amount', amount.out_refund_no, false);

    const state = refundOf(payment('RS', i));
    const paid = plant('RS', [held(state, { status: 'PROCESSING' })], state);
    truth.refunds.set(state.out_refund_no, refundAnswer(state, paid.transaction_id, paid.total));
    expect('refund_state', state.out_refund_no, true);
  }
}

/** Rows in order up to the full number: some of them look odd and are not. */
function fillUp({ records, lines, bill }: Pick<Adding, 'records' | 'lines' | 'bill'>): void {
  for (let i = 0; lines.length < ROWS; i++) {
    if (i % 500 === 0) {
      lines.push(payment('FO', i, { appid: 'wx9999999999999999' }));
      continue;
    }
    const goods = i % 7 === 0 ? '苹果,`2026-03-10 00:00:00,`wx\r\n`两行,' : '货';
    const line = payment('OK', i, {
      goods,
    });
    bill(line);
    if (i % 20 !== 0) {
      records.push(paidOrder(line));
      continue;
    }
    // Processing that day, through by now; and one made on a later day, which this bill cannot have.
    const row = refundOf(line, { status: 'PROCESSING' });
    lines.push(row);
    const later = aRefund({
      out_refund_no: `L${line.no}`,
      refund: 10,
      requested_at: DAY_START + 9e7,
    });
    records.push(paidOrder(line, { state: 'PARTIALLY_REFUNDED', refunds: [held(row), later] }));
  }
}

async function versions(): Promise<Map<string, number>> {
  const all = new Map<string, number>();
  let after: string | undefined;
  do {
    const page = await store.list({ limit: 1000, ...(after === undefined ? {} : { after }) });
    for (const r of page.items) if (r.kind !== 'report') all.set(`${r.kind} ${r.no}`, r.version);
    after = page.next;
  } while (after !== undefined);
  return all;
}

test('200 planted differences in a long bill: all found, none invented; again changes nothing', async () => {
  const world = createWorld();
  fillUp(world);
  expect(world.lines.length).toBeGreaterThanOrEqual(ROWS);
  await inGroups(
    world.records,
    async (record) => {
      await store.insert(record);
      for (const refund of record.refunds) {
        await store.reserve('refund', refund.out_refund_no, record.no, refund.requested_at);
      }
    },
    5000,
  );
  world.truth.trade = () => tradeBill(world.lines);
  world.truth.fund = () => fundBill(world.fund);
  const { reconciler } = createBooks(store, world.truth);

  const report = await reconciler.reconcile(DAY);
  const found = report.differences.map((d) => ({
    class: d.class,
    no: d.out_refund_no ?? d.out_trade_no,
    resolved: d.resolved,
  }));
  const order = (a: { class: string; no: string }, b: { class: string; no: string }): number =>
    `${a.class}${a.no}` < `${b.class}${b.no}` ? -1 : 1;
  expect(found.sort(order)).toEqual(world.expected.sort(order));
  expect(found).toHaveLength(200);
  expect(report).toMatchObject({
    omitted: 0,
    statement: 'found',
    fund_bill: 'compared',
    alarm: null,
  });
  expect(Object.values(report.by_class)).toEqual(Array.from({ length: 10 }, () => EACH));
  expect([...world.truth.asked.values()].every((times) => times === 1)).toBe(true);
  expect(report.unresolved).toBe(world.expected.filter((d) => !d.resolved).length);

  // What was said to be repaired is repaired.
  for (let i = 0; i < EACH; i++) {
    expect((await store.find('order', payment('ST', i).no))?.state).toBe('PAID');
    const refunds = (await store.find('order', payment('RS', i).no))?.refunds;
    expect(refunds?.[0]?.status).toBe('SUCCESS');
    if (i % 2 === 0) {
      expect(await store.find('order', payment('MH', i).no)).toMatchObject({
        made_by: 'adopted',
        appid: APPID,
      });
    }
  }
  const before = await versions();

  const second = await reconciler.reconcile(DAY);
  const open = (list: typeof report.differences): unknown[] => list.filter((d) => !d.resolved);
  expect(open(second.differences)).toEqual(open(report.differences));
  expect(second.differences).toHaveLength(report.unresolved);
  expect(await versions()).toEqual(before);
  expect((await store.find('report', `reconcile-${DAY}`))?.version).toBe(2);
});
