/** A day's books: against the simulator over HTTP, and against bills that are late, damaged, absent or lost. */
import { gzipSync } from 'node:zlib';
import type { Progress } from '../../services/reconcile/reconciler';
import { reportCsv, reportTable } from '../../services/reconcile/report';
import { createMemoryOrderStore } from '../../services/stores/memoryOrderStore';
import {
  createBooks,
  createTruth,
  DAY,
  fundBill,
  paidOrder,
  proven,
  refused,
  tradeBill,
  transaction,
  type PaymentLine,
} from './reconcileSupport';
import {
  createStage,
  DAY as DAY_MS,
  openidOf,
  OPERATOR_KEY,
  orderBody,
  type Stage,
} from './sweepSupport';
import { ownStore, type OwnStore } from '../helpers/ownStore';

const line = (no: string, more: Partial<PaymentLine> = {}): PaymentLine => ({
  no,
  transaction_id: `4200${no}`,
  total: 1250,
  ...more,
});

let store: OwnStore;
beforeEach(() => {
  store = ownStore(createMemoryOrderStore());
});
afterEach(() => store.close());

async function aDay(held: readonly PaymentLine[], billed: readonly PaymentLine[]) {
  const truth = createTruth();
  for (const one of held) await store.insert(paidOrder(one));
  truth.trade = () => tradeBill(billed, '\n');
  return { truth, ...createBooks(store, truth) };
}

test('a bill in order: nothing differs, a missing fund bill is said', async () => {
  const { reconciler } = await aDay([line('A1'), line('A2')], [line('A1'), line('A2')]);
  const seen = new Map<string, number>();
  const onProgress = ({ phase, done }: Progress): void => {
    seen.set(phase, done);
    expect(reconciler.progress()).toMatchObject({ phase, done });
  };
  expect(await reconciler.reconcile(DAY, { onProgress })).toMatchObject({
    compared: 2,
    differences: [],
    fund_bill: 'missing',
    alarm: null,
  });
  expect(Object.fromEntries(seen)).toEqual({ download: 0, bill: 2, records: 2, compare: 2 });
  expect(reconciler.progress()).toBeUndefined();
});

test.each([
  ['another hash', (plain: Buffer) => gzipSync(Buffer.concat([plain, Buffer.from(' ')]))],
  ['cut in half', (plain: Buffer) => gzipSync(plain).subarray(0, 100)],
  ['not packed, and other bytes', () => Buffer.from('交易时间')],
])('a bill with %s changes nothing, not even a report', async (_name, spoil) => {
  const { reconciler, truth } = await aDay([line('A1')], [line('A1'), line('A2')]);
  truth.orders.set('A2', transaction(line('A2')));
  truth.spoil = spoil;
  await expect(reconciler.reconcile(DAY)).rejects.toMatchObject({ code: 'WECHATPAY_UNPROVEN' });
  expect(await store.find('order', 'A2')).toBeUndefined();
  expect(await store.find('report', `reconcile-${DAY}`)).toBeUndefined();
  expect(truth.asked.size).toBe(0);
});

test('an unpacked bill is read, too', async () => {
  const { reconciler, truth } = await aDay([line('A1')], [line('A1')]);
  truth.spoil = (plain) => plain;
  expect(await reconciler.reconcile(DAY)).toMatchObject({ compared: 1, differences: [] });
});

test('sums that do not agree with the rows: refused before anything is acted upon', async () => {
  const { reconciler, truth } = await aDay([line('A1')], []);
  const whole = [...tradeBill([line('A1'), line('A2')])];
  truth.trade = () => whole.filter((text) => !text.includes('`A2'));
  await expect(reconciler.reconcile(DAY)).rejects.toThrow('总交易单数');
  expect(truth.asked.size).toBe(0);
});

test('a bill being made says when to come again', async () => {
  const { reconciler, truth } = await aDay([], []);
  truth.reply = () => refused(400, 'STATEMENT_CREATING');
  await expect(reconciler.reconcile(DAY)).rejects.toMatchObject({ status: 409, retryable: true });
});

test('"no statement" though payments are held: one alarm, no difference of each', async () => {
  const { reconciler, truth, lines } = await aDay([line('A1'), line('A2')], []);
  truth.reply = () => refused(400, 'NO_STATEMENT_EXIST');
  const report = await reconciler.reconcile(DAY);
  expect(report).toMatchObject({ statement: 'none', held: 2, differences: [], compared: 0 });
  expect(report.alarm).toContain('2');
  expect(lines.filter((l) => l.fields.alarm === true)).toHaveLength(1);
  expect(await store.find('report', `reconcile-${DAY}`)).toMatchObject({ state: 'DIFFERENT' });
});

test('"no statement" where none are held is an empty day, and agrees', async () => {
  const { reconciler, truth, lines } = await aDay([], []);
  truth.reply = () => refused(400, 'NO_STATEMENT_EXIST');
  const report = await reconciler.reconcile(DAY);
  expect(report).toMatchObject({ statement: 'none', held: 0, alarm: null, unresolved: 0 });
  expect(lines.filter((l) => l.fields.alarm === true)).toEqual([]);
  expect(await store.find('report', `reconcile-${DAY}`)).toMatchObject({ state: 'AGREED' });
});

test('an expired URL is applied for again', async () => {
  const { reconciler, truth } = await aDay([line('A1')], [line('A1')]);
  let times = 0;
  truth.spoil = (plain) => (++times === 1 ? Buffer.alloc(0) : gzipSync(plain));
  expect(await reconciler.reconcile(DAY)).toMatchObject({ compared: 1, differences: [] });
});

test('text that payers choose shifts no number into another column', async () => {
  const goods = 'a,`b,`c\r\n`2026-03-10 00:00:00,`x\n,`';
  const { reconciler } = await aDay([line('A1')], [line('A1', { goods })]);
  expect(await reconciler.reconcile(DAY)).toMatchObject({ compared: 1, differences: [] });
});

test('fees: off the rate, off the fund bill; a fund bill of another account is left out', async () => {
  const billed = [line('A1', { feeFen: 9 }), line('A2'), line('A3')];
  const { reconciler, truth } = await aDay(billed, billed);
  const fund = (fee: number, id = '4200A') =>
    ['1', '2', '3'].map((n) => ({
      transaction_id: `${id}${n}`,
      paid: 1250,
      fee: n === '2' ? fee : 8,
    }));
  truth.fund = () => fundBill(fund(7));
  const report = await reconciler.reconcile(DAY);
  expect(report.differences.map((d) => [d.class, d.out_trade_no])).toEqual([
    ['fee', 'A1'],
    ['fee', 'A2'],
  ]);
  truth.fund = () => fundBill(fund(8, 'other'));
  expect(await reconciler.reconcile(DAY)).toMatchObject({
    by_class: { fee: 1 },
    fund_bill: 'unrelated',
  });
});

test('a fund bill that cannot be read is left out, and the report says which row and column', async () => {
  const { reconciler, truth } = await aDay([line('A1')], [line('A1')]);
  const fund = [...fundBill([{ transaction_id: '4200A1', paid: 1250, fee: 8 }])].join('');
  truth.fund = () => [fund.replace('`12.50,', '`十二元,')];
  const report = await reconciler.reconcile(DAY);
  expect(report).toMatchObject({ compared: 1, unresolved: 0, fund_bill: 'unreadable' });
  expect(report.fund_fault).toMatch(/第 1 行「收支金额\(元\)」.* \/ .*row 1, 收支金额\(元\)/);
});

test('a trade bill that cannot be read is refused once and for all, and nothing is changed', async () => {
  const { reconciler, truth } = await aDay([line('A1')], [line('A2')]);
  const bill = [...tradeBill([line('A2')])].join('');
  truth.trade = () => [bill.replace('商户订单号', '订单号')];
  await expect(reconciler.reconcile(DAY)).rejects.toMatchObject({
    code: 'BILL_UNREADABLE',
    retryable: false,
    message: expect.stringContaining('重试无用') as string,
  });
  expect(await store.find('report', `reconcile-${DAY}`)).toBeUndefined();
});

test('an answer that is not proven repairs nothing; differences past the bound are counted', async () => {
  const billed = ['A1', 'A2', 'A3'].map((no) => line(no));
  const truth = createTruth();
  truth.trade = () => tradeBill(billed);
  const { reconciler } = createBooks(store, truth, { keptMax: 2 });
  const report = await reconciler.reconcile(DAY);
  expect(report).toMatchObject({ omitted: 1, unresolved: 3, by_class: { missing_here: 3 } });
  expect(report.differences[0]?.wechat?.answer).toBe('ORDER_NOT_EXIST (unproven)');
  expect(await store.find('order', 'A1')).toBeUndefined();
});

test('a proven answer about another number proves nothing about this one', async () => {
  const { reconciler, truth } = await aDay([], [line('A1')]);
  truth.orders.set('A1', transaction(line('B9')));
  const report = await reconciler.reconcile(DAY);
  expect(report.differences).toMatchObject([{ class: 'missing_here', resolved: false }]);
  expect(await store.find('order', 'B9')).toBeUndefined();
  expect(proven({}).kind).toBe('proven');
});

test('the report as CSV and as a table: quoted, and no formula', async () => {
  const { reconciler } = await aDay([], [line('=cmd"1')]);
  const report = await reconciler.reconcile(DAY);
  const csv = reportCsv(report);
  expect(csv.startsWith('\ufeffclass,out_trade_no,')).toBe(true);
  expect(csv).toContain(`"missing_here","'=cmd""1","","no"`);
  expect(reportTable(report)).toMatch(/missing_here +=cmd"1/);
  const [difference] = report.differences;
  if (difference === undefined) throw new Error('none');
  const tricky = { ...report, differences: [{ ...difference, out_trade_no: '\n@SUM\u001b[2J' }] };
  expect(reportCsv(tricky)).toContain(`"'\n@SUM`);
  expect(reportTable(tricky)).not.toContain('\u001b');
});

test.each(['2026-02-30', '2026-13-01', 'x'])('a date that is none: %s', async (day) => {
  const { reconciler } = await aDay([], []);
  await expect(reconciler.reconcile(day)).rejects.toMatchObject({ code: 'PARAM_INVALID' });
});

describe('over HTTP, against the simulator', () => {
  let stage: Stage;
  afterEach(() => stage.close());

  test('payments nobody told us of are found the next day; the report is stored and readable', async () => {
    stage = await createStage();
    const { simulator } = stage;
    const nos = ['D0000001', 'D0000002', 'D0000003', 'D0000004'];
    for (const no of nos) await stage.post('wxpay_order', orderBody(no, 1));
    for (const no of nos) simulator.pay(no, { deliver: 'never' });
    await stage.post('wxpay_query_order_by_out_trade_no', { out_trade_no: 'D0000001' });
    const amount = { refund: 101, total: 101 };
    const refund = { out_trade_no: 'D0000001', out_refund_no: 'RD1', amount };
    expect((await stage.post('wxpay_refund', refund)).status).toBe(200);
    expect((await stage.post('wxpay_reconcile', { bill_date: '2026-03-10' })).status).toBe(400);
    await simulator.clock.advance(DAY_MS);
    const first = await stage.post('wxpay_reconcile', { bill_date: '2026-03-10' });
    expect([first.status, first.body.error]).toEqual([200, undefined]);
    expect(first.body.data?.data).toMatchObject({
      compared: 5,
      fund_bill: 'compared',
      unresolved: 0,
      by_class: { state: 3 },
    });
    // A difference that is over is told as it was, or the report would show two sides that agree.
    expect(first.body.data?.data.differences).toContainEqual(
      expect.objectContaining({
        class: 'state',
        resolved: true,
        here: { state: 'PENDING', total: null, transaction_id: null },
        wechat: expect.objectContaining({ trade_state: 'SUCCESS', answer: 'SUCCESS' }) as object,
      }),
    );
    const second = await stage.post('wxpay_reconcile', { bill_date: '2026-03-10' });
    expect(second.body.data?.data).toMatchObject({ compared: 5, differences: [] });
    const headers = { 'x-api-key': OPERATOR_KEY };
    const url = `${stage.url}/wx-pay/records/report/reconcile-2026-03-10`;
    const stored = (await (await fetch(url, { headers })).json()) as { data: { data: unknown } };
    expect(stored.data.data).toMatchObject({ state: 'AGREED', version: 2 });
    await stage.sweepAll();
    expect(stage.receiver.events.filter((e) => e.type === 'order.paid')).toHaveLength(4);
  });

  test.each(['status', 'truncate'] as const)(
    'a download that fails (%s) is applied for again, by a new URL, and not forever',
    async (kind) => {
      stage = await createStage();
      const { simulator } = stage;
      await stage.post('wxpay_order', orderBody('D0000001', 1));
      simulator.pay('D0000001', { deliver: 'never' });
      await simulator.clock.advance(DAY_MS);
      const route = 'GET /v3/billdownload/file';
      const spoil = (times: number): void => {
        simulator.faults.add({ route, kind, status: 400, body: { code: 'PARAM_ERROR' }, times });
      };
      const asked = (path: string): string[] =>
        simulator.requests.map((r) => r.path).filter((one) => one.startsWith(path));
      spoil(1);
      const body = { bill_date: '2026-03-10' };
      const found = await stage.post('wxpay_reconcile', body);
      expect(found.body.data?.data).toMatchObject({ compared: 1, unresolved: 0 });
      // Both bills, and one of them once more, under another token.
      expect(asked('/v3/bill/')).toHaveLength(3);
      expect(new Set(asked('/v3/billdownload/')).size).toBe(3);
      spoil(1e6);
      const lost = await stage.post('wxpay_reconcile', body);
      expect(lost.status).toBeGreaterThanOrEqual(400);
      expect(lost.body.code).toBe(-1);
      expect(asked('/v3/bill/')).toHaveLength(6);
    },
  );

  test('combined orders are repaired as the wholes they are, never taken in part by part', async () => {
    stage = await createStage({ simulator: { switches: { refundSettleMs: 60_000 } } });
    const { simulator, store: books } = stage;
    const wholes = ['C0000001', 'C0000002', 'C0000003'];
    for (const no of wholes) {
      const placed = await stage.post('wxpay_order_combine', {
        type: 'jsapi',
        combine_out_trade_no: no,
        combine_payer_info: { openid: openidOf(1) },
        sub_orders: [combinedPart(`${no}A`, 60), combinedPart(`${no}B`, 40)],
      });
      expect([no, placed.status, placed.body.error]).toEqual([no, 200, undefined]);
      simulator.pay(no, { deliver: 'never' });
    }
    // One is known to be paid, and has a refund of a part whose end nobody told us.
    await stage.post('wxpay_combine_query', { combine_out_trade_no: 'C0000001' });
    const amount = { refund: 10, total: 60 };
    const refund = { out_trade_no: 'C0000001A', out_refund_no: 'RC1', amount };
    expect((await stage.post('wxpay_refund', refund)).status).toBe(200);
    await simulator.clock.advance(DAY_MS);
    const before = simulator.requests.length;
    const first = await stage.post('wxpay_reconcile', { bill_date: '2026-03-10' });
    expect(first.body.data?.data).toMatchObject({
      compared: 7,
      unresolved: 0,
      by_class: { state: 4, refund_state: 1 },
    });
    const asked = simulator.requests.slice(before).map((r) => r.path.split('?', 1)[0]);
    expect(asked.filter((path) => path?.includes('out-trade-no/C'))).toHaveLength(4);
    expect(asked.some((path) => path?.startsWith('/v3/pay/transactions/'))).toBe(false);
    const states = await Promise.all(wholes.map((no) => books.find('combination', no)));
    expect(states.map((r) => r?.state)).toEqual(['PARTIALLY_REFUNDED', 'PAID', 'PAID']);
    for (const no of wholes) expect(await books.find('order', `${no}A`)).toBeUndefined();
    const second = await stage.post('wxpay_reconcile', { bill_date: '2026-03-10' });
    expect(second.body.data?.data).toMatchObject({ compared: 7, differences: [], held: 6 });
    await stage.sweepAll();
    const told = stage.receiver.events.filter((e) => e.type === 'order.paid');
    expect(told.map((e) => e.subject).sort()).toEqual(wholes);
  });
});

const combinedPart = (out_trade_no: string, total_amount: number): object => ({
  out_trade_no,
  description: '子单',
  amount: { total_amount, currency: 'CNY' },
});
