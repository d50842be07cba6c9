/**
 * No callback is ever delivered. Orders, refunds and transfers are found, followed to their end and told of,
 * each once, by the sweep alone.
 */
import type { OrderRecord, StoredRecord, TransferRecord } from '../../services/ledger/record';
import type { Simulator } from '../../simulator';
import { createDialect } from '../../services/wechat';
import { createStrategy } from '../../services/strategies';
import { scaled } from '../helpers/large';
import { freeTimers, holdTimers } from '../helpers/waiting';
import {
  callsOf,
  createStage,
  DAY,
  HOUR,
  inGroups,
  MINUTE,
  openidOf,
  orderBody,
  type Stage,
} from './sweepSupport';

let stage: Stage;
afterEach(() => {
  freeTimers();
  return stage.close();
});

/** Fifteen groups of so many orders. */
const GROUP = scaled(8, 20);
const ORDERS = 15 * GROUP;
const numbers = Array.from({ length: ORDERS }, (_, i) => `T${String(i).padStart(8, '0')}`);
/** The orders of the groups from here to there. */
const groups = (from: number, to: number): readonly string[] =>
  numbers.slice(from * GROUP, to * GROUP);

async function allRecords(): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  let after: string | undefined;
  do {
    const page = await stage.store.list({
      limit: 500,
      ...(after === undefined ? {} : { after }),
    });
    records.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return records;
}

/** What our record should be, given what WeChat's stand-in holds: worked out apart from the service. */
function expectedState(simulator: Simulator, no: string): string {
  const order = simulator.order(no) as { trade_state: string; amount: { total: number } };
  if (order.trade_state === 'NOTPAY') return 'PENDING';
  if (order.trade_state === 'CLOSED') return 'CLOSED';
  const mine = simulator
    .refunds()
    .filter((r) => (r as { out_trade_no: string }).out_trade_no === no) as {
    status: string;
    amount: { refund: number };
  }[];
  if (mine.some((r) => r.status === 'PROCESSING' || r.status === 'ABNORMAL')) return 'REFUNDING';
  const back = mine
    .filter((r) => r.status === 'SUCCESS')
    .reduce((sum, r) => sum + r.amount.refund, 0);
  if (back === 0) return 'PAID';
  return back === order.amount.total ? 'REFUNDED' : 'PARTIALLY_REFUNDED';
}

/** The payer is faster by a moment: after the query of query → close → query, before the close is done. */
function payWhileClosing(simulator: Simulator, nos: readonly string[], atMs: number): Set<string> {
  const waiting = new Set(nos);
  const push = simulator.requests.push.bind(simulator.requests);
  simulator.requests.push = (...requests) => {
    for (const { method, path } of requests) {
      const no = /out-trade-no\/([^/?]+)\/close/.exec(path)?.[1];
      if (method !== 'POST' || no === undefined || !waiting.delete(no)) continue;
      simulator.pay(no, { deliver: 'never', atMs });
    }
    return push(...requests);
  };
  return waiting;
}

/** Orders whose request was lost on the way, closed here, and whose late copy reached WeChat after all. */
async function payAfterClosing(nos: readonly string[]): Promise<void> {
  const { config, logger } = stage.service;
  if (config === undefined) throw new Error('no settings');
  const clock = { now: () => stage.simulator.clock.now() };
  const strategy = createStrategy({ config, dialect: createDialect(config), clock, logger });
  for (const no of nos) {
    const record = await stage.store.find('order', no);
    expect([no, record?.state]).toEqual([no, 'CLOSED']);
    if (record?.request === undefined) throw new Error('no request');
    expect(await strategy.call(record.request)).toMatchObject({ kind: 'proven', status: 200 });
    stage.simulator.pay(no, { deliver: 'never' });
  }
  await strategy.close();
}

test(`${String(ORDERS)} orders, no callback at all: records and WeChat agree, every effect once, nothing left due`, async () => {
  stage = await createStage({
    simulator: { switches: { refundSettleMs: 90_000, closeUnknown: 204 } },
  });
  const { simulator } = stage;
  // A sweep ends after 10 s, and a call is repeated after 5 s: here they never pass.
  holdTimers();
  const lost = groups(9, 10);
  simulator.faults.add({
    route: 'POST /v3/pay/transactions/jsapi',
    kind: 'drop_before',
    times: 1e6,
  });
  await inGroups(lost, async (no) => {
    const reply = await stage.post('wxpay_order', orderBody(no, numbers.indexOf(no)));
    expect(reply.status).toBeGreaterThanOrEqual(500);
  });
  simulator.faults.clear();
  const placed = numbers.filter((no) => !lost.includes(no));
  await inGroups(placed, async (no) => {
    const i = numbers.indexOf(no);
    expect((await stage.post('wxpay_order', orderBody(no, i))).status).toBe(200);
  });
  const expiry = simulator.clock.now() + 10 * MINUTE;

  await simulator.clock.advance(20_000);
  for (const no of groups(0, 6)) simulator.pay(no, { deliver: 'never' });
  await stage.pass(5 * MINUTE, MINUTE);
  await simulator.clock.set(expiry - 500);
  for (const no of groups(6, 8)) simulator.pay(no, { deliver: 'never' });
  await stage.sweepAll();
  await simulator.clock.set(expiry + 1001);
  const unpaid = payWhileClosing(simulator, groups(8, 9), expiry - 100);
  await stage.sweepAll();
  expect(unpaid.size).toBe(0);
  expect([...callsOf(simulator)].filter(([name]) => name.endsWith('/close'))).toHaveLength(
    7 * GROUP,
  );

  await payAfterClosing(lost);
  // Nobody asks: the last look that follows a close WeChat never confirmed finds them.
  await stage.pass(10 * MINUTE, MINUTE);
  await refundHalf(groups(0, 10));
  await transfers();
  await stage.pass(2 * DAY, 2 * HOUR);
  await agree();
  const late = stage.lines.filter((l) => l.fields.code === 'order.paid_after_close');
  expect(late).toHaveLength(GROUP);
});

async function refundHalf(paidNos: readonly string[]): Promise<void> {
  const half = paidNos.filter((_, i) => i % 2 === 0);
  await inGroups(half, async (no) => {
    const i = numbers.indexOf(no);
    const total = 100 + i;
    const refund = i % 4 === 0 ? total : 50;
    const body = {
      out_trade_no: no,
      out_refund_no: `R${no}`,
      reason: '退货',
      amount: { refund, total },
    };
    const reply = await stage.post('wxpay_refund', body);
    expect([no, reply.status, reply.body.error]).toEqual([no, 200, undefined]);
  });
}

async function transfers(): Promise<void> {
  const { simulator } = stage;
  const bills = Array.from({ length: 30 }, (_, i) => `B${String(i).padStart(8, '0')}`);
  await inGroups(bills, async (no) => {
    const body = {
      out_bill_no: no,
      transfer_scene_id: '1000',
      openid: openidOf(1),
      transfer_amount: 100,
      transfer_remark: '活动',
      transfer_scene_report_infos: [
        { info_type: '活动名称', info_content: '春季' },
        { info_type: '奖励说明', info_content: '奖励' },
      ],
    };
    const reply = await stage.post('wxpay_transfer', body);
    expect([reply.status, reply.body.error]).toEqual([200, undefined]);
  });
  for (const no of bills.slice(0, 10)) simulator.confirmTransfer(no);
  for (const no of bills.slice(10, 20)) simulator.failTransfer(no, 'ACCOUNT_FROZEN');
  // The last ten nobody confirms: WeChat closes them after 24 h and a while.
}

async function agree(): Promise<void> {
  const { simulator, receiver } = stage;
  const records = await allRecords();
  const orders = records.filter((r): r is OrderRecord => r.kind === 'order');
  const moved = records.filter((r): r is TransferRecord => r.kind === 'transfer');
  expect(orders).toHaveLength(ORDERS);
  expect(moved).toHaveLength(30);
  for (const order of orders) {
    expect([order.no, order.state]).toEqual([order.no, expectedState(simulator, order.no)]);
    for (const refund of order.refunds) {
      expect(simulator.refund(refund.out_refund_no)).toMatchObject({ status: refund.status });
    }
  }
  for (const transfer of moved) {
    expect(simulator.transfer(transfer.no)).toMatchObject({ state: transfer.state });
  }
  const states = (list: readonly { state: string }[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { state } of list) counts[state] = (counts[state] ?? 0) + 1;
    return counts;
  };
  expect(states(orders)).toEqual({
    CLOSED: 5 * GROUP,
    PAID: 5 * GROUP,
    REFUNDED: 2.5 * GROUP,
    PARTIALLY_REFUNDED: 2.5 * GROUP,
  });
  expect(states(moved)).toEqual({ SUCCESS: 10, FAIL: 20 });

  expect(records.every((r) => r.agenda.length === 0)).toBe(true);
  expect(await stage.store.oldestDue()).toBeUndefined();
  const made = records.flatMap((r) => r.effects.map((e) => e.id));
  expect([...receiver.ids.values()].every((times) => times === 1)).toBe(true);
  expect([...receiver.ids.keys()].sort()).toEqual(made.sort());
  const types: Record<string, number> = {};
  for (const { type } of receiver.events) types[type] = (types[type] ?? 0) + 1;
  expect(types).toEqual({
    'order.created': 14 * GROUP,
    'order.paid': 9 * GROUP,
    'order.paid_after_close': GROUP,
    'order.closed': 6 * GROUP,
    'refund.requested': 5 * GROUP,
    'refund.succeeded': 5 * GROUP,
    'transfer.accepted': 30,
    'transfer.succeeded': 10,
    'transfer.failed': 20,
  });
  expect(simulator.callbacks).toHaveLength(0);
}
