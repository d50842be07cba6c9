/** Refunds and transfers under trouble: whatever is lost or raced, money leaves once and never beyond its bound. */
import type { Simulator } from '../../simulator';
import { createGate } from '../helpers/faultyStore';
import { startProxy } from '../helpers/proxy';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  placePaid,
  refundBody,
  skewedClock,
  startService,
  startSim,
  temporaryDatabase,
  transferBody,
  type Answer,
  type Running,
} from '../helpers/service';

const REFUND = '/wx-pay/wxpay_refund';
const TRANSFER = '/wx-pay/wxpay_transfer';
const REFUNDS = 'POST /v3/refund/domestic/refunds';
const TRANSFERS = 'POST /v3/fund-app/mch-transfer/transfer-bills';
const LOST = ['drop_after', 'status_after', 'bad_signature', 'truncate'] as const;

const bodiesTo = (sim: Simulator, route: string): Set<string> =>
  new Set(sim.requests.filter((r) => `${r.method} ${r.path}` === route).map((r) => r.body));

async function paidOrder(env: Record<string, string> = {}) {
  const sim = await startSim();
  const clock = skewedClock();
  const run = await startService({ sim, clock, env });
  const no = number('M');
  await placePaid(run, sim, no);
  const advance = async (ms: number): Promise<void> => {
    clock.offsetMs += ms;
    await sim.clock.advance(ms);
  };
  const sweep = (): Promise<Answer> => run.call('/wx-pay/wxpay_sweep', {}, operator());
  return { sim, run, no, advance, sweep };
}

const refund = (run: Running, no: string, its: string, fen: number): Promise<Answer> =>
  run.call(REFUND, refundBody(no, its, fen), operator());

describe('the answer to a refund is lost after WeChat has made it', () => {
  test.each(LOST)('%s: 202, and the repeat finds the one refund', async (kind) => {
    const { sim, run, no } = await paidOrder();
    const its = number('R');
    sim.faults.add({ route: REFUNDS, kind, times: 3 });
    const first = await refund(run, no, its, 40);
    expect(first).toMatchObject({
      status: 202,
      body: { code: 0, data: { status: 202, data: { out_refund_no: its, status: 'PROCESSING' } } },
    });
    expect((await run.order(no)).state).toBe('REFUNDING');
    const again = await refund(run, no, its, 40);
    expect(again).toMatchObject({ status: 200 });
    expect(sim.refunds()).toHaveLength(1);
    expect(bodiesTo(sim, REFUNDS).size).toBe(1);
    expect(dataOf(again).refund_id).toBe(sim.refund(its)?.refund_id);
    expect((await run.effects(no)).filter((type) => type === 'refund.requested')).toHaveLength(1);
  });

  test('nobody repeats it: the sweep asks and finishes it', async () => {
    const { sim, run, no, advance, sweep } = await paidOrder();
    const its = number('R');
    sim.faults.add({ route: REFUNDS, kind: 'drop_after', times: 3 });
    await refund(run, no, its, 40);
    await advance(61_000);
    await sweep();
    expect((await run.order(no)).state).toBe('PARTIALLY_REFUNDED');
  });

  test('WeChat never got it: the sweep sends the same bytes again', async () => {
    const { sim, run, no, advance, sweep } = await paidOrder();
    const its = number('R');
    sim.faults.add({ route: REFUNDS, kind: 'drop_before', times: 3 });
    expect((await refund(run, no, its, 40)).status).toBe(202);
    expect(sim.refunds()).toHaveLength(0);
    await advance(61_000);
    await sweep();
    expect(sim.refunds()).toHaveLength(1);
    expect(bodiesTo(sim, REFUNDS).size).toBe(1);
  });
});

describe('a refund that WeChat refuses', () => {
  test('unproven: it stays reserved, and is free only after ten quiet minutes and two proofs', async () => {
    const { sim, run, no, advance, sweep } = await paidOrder();
    const its = number('R');
    sim.faults.add({ route: REFUNDS, kind: 'status', status: 403 });
    expect(await refund(run, no, its, 100)).toMatchObject({
      status: 403,
      body: { code: -1, error: 'WECHATPAY_REJECTED', data: { status: 403 } },
    });
    expect(await run.order(no)).toMatchObject({
      state: 'REFUNDING',
      refunds: [{ status: 'REQUESTED' }],
    });
    expect((await refund(run, no, number('R'), 1)).status).toBe(409);
    sim.switches.signErrors = true;
    for (let minute = 0; minute < 9; minute++) {
      await advance(60_000);
      await sweep();
    }
    expect((await run.order(no)).state).toBe('REFUNDING');
    for (let turn = 0; turn < 6; turn++) {
      await advance(10 * 60_000);
      await sweep();
    }
    expect(await run.order(no)).toMatchObject({
      state: 'PAID',
      refunds: [{ status: 'CLOSED', verdict: 'rejected' }],
    });
    expect(sim.refunds()).toHaveLength(0);
    expect((await refund(run, no, number('R'), 100)).status).toBe(200);
  });

  test('proven: closed at once, and what it reserved is free', async () => {
    const { sim, run, no } = await paidOrder();
    sim.switches.signErrors = true;
    const its = number('R');
    sim.switches.refundIntervalMs = 0;
    sim.faults.add({ route: REFUNDS, kind: 'status', status: 403 });
    expect((await refund(run, no, its, 100)).status).toBe(403);
    expect((await run.order(no)).state).toBe('PAID');
    expect((await run.effects(no)).slice(2)).toEqual(['refund.requested', 'refund.closed']);
    expect((await refund(run, no, number('R'), 100)).status).toBe(200);
    expect(sim.refunds()).toHaveLength(1);
  });
});

describe('races', () => {
  test.each(['memory:', 'file:'])(
    '12 refunds at once on %s never exceed what was paid',
    async (db) => {
      const databaseUrl = db === 'file:' ? temporaryDatabase() : db;
      const { sim, run, no } = await paidOrder({ databaseUrl });
      const all = await Promise.all(
        Array.from({ length: 12 }, () => refund(run, no, number('R'), 9)),
      );
      const statuses = all.map((answer) => answer.status).sort();
      expect(statuses).toEqual([...Array(11).fill(200), 409]);
      const sum = sim
        .refunds()
        .reduce((fen, r) => fen + (r.amount as { refund: number }).refund, 0);
      expect(sum).toBe(99);
    },
  );

  test('20 identical refunds at once are one refund', async () => {
    const { sim, run, no } = await paidOrder();
    const its = number('R');
    const all = await Promise.all(Array.from({ length: 20 }, () => refund(run, no, its, 30)));
    expect(all.every((answer) => answer.status === 200)).toBe(true);
    expect(sim.refunds()).toHaveLength(1);
    expect(bodiesTo(sim, REFUNDS).size).toBe(1);
    expect((await run.order(no)).refunds).toHaveLength(1);
  });

  test('one refund number for two orders at once: one gets it, the other 409', async () => {
    const { sim, run, no } = await paidOrder();
    const other = number('M');
    await placePaid(run, sim, other);
    const its = number('R');
    const both = await Promise.all([refund(run, no, its, 30), refund(run, other, its, 30)]);
    expect(both.map((answer) => answer.status).sort()).toEqual([200, 409]);
    const refused = both.find((answer) => answer.status === 409);
    expect(refused?.body.error).toBe('REFUND_NUMBER_TAKEN');
    const held = [...(await run.order(no)).refunds, ...(await run.order(other)).refunds];
    expect(held).toHaveLength(1);
    expect(sim.refunds()).toHaveLength(1);
    expect(run.alarms()).toEqual([]);
  });

  test('the refund’s callback arrives before our own reply', async () => {
    const sim = await startSim({ switches: { refundOutcome: 'never' } });
    const proxy = await startProxy(sim);
    const run = await startService({ sim, env: { wxPayBaseUrl: proxy.url } });
    const no = number('M');
    const its = number('R');
    await placePaid(run, sim, no);
    const gate = createGate();
    proxy.hooks.after = (call) => (call === REFUNDS ? gate.pass() : undefined);
    const refunding = refund(run, no, its, 100);
    await gate.reached;
    sim.settleRefund(its, 'SUCCESS', { deliver: 'never' });
    const [told] = await sim.deliver('refund', its);
    expect(told?.statusAnswered).toBe(200);
    expect((await run.order(no)).state).toBe('REFUNDED');
    gate.open();
    // The late PROCESSING takes nothing back, and the caller hears the better answer.
    expect(dataOf(await refunding)).toMatchObject({ out_refund_no: its, status: 'SUCCESS' });
    expect((await run.order(no)).state).toBe('REFUNDED');
    expect((await run.effects(no)).slice(2)).toEqual(['refund.requested', 'refund.succeeded']);
  });

  test('a refund and its own repeat with other facts', async () => {
    const { run, no } = await paidOrder();
    const its = number('R');
    await refund(run, no, its, 30);
    expect(await refund(run, no, its, 31)).toMatchObject({
      status: 409,
      body: { error: 'REFUND_PARAMS_DIFFER' },
    });
  });

  test('an order that is not paid is not refunded', async () => {
    const { sim, run } = await paidOrder();
    const open = number('M');
    await run.call('/wx-pay/wxpay_order', orderBody(open), payer());
    expect(await refund(run, open, number('R'), 1)).toMatchObject({
      status: 409,
      body: { error: 'ORDER_NOT_PAID' },
    });
    expect(sim.refunds()).toEqual([]);
  });
});

describe('transfers', () => {
  async function start(env: Record<string, string> = {}) {
    const sim = await startSim();
    const clock = skewedClock();
    const run = await startService({ sim, clock, env });
    const advance = async (ms: number): Promise<void> => {
      clock.offsetMs += ms;
      await sim.clock.advance(ms);
    };
    const sweep = (): Promise<Answer> => run.call('/wx-pay/wxpay_sweep', {}, operator());
    const no = number('T').slice(0, 32);
    const transfer = (its = no): Promise<Answer> =>
      run.call(TRANSFER, transferBody(its), operator());
    return { sim, run, advance, sweep, no, transfer };
  }

  test.each(LOST)(
    'the answer is lost (%s): 202, and the repeat finds the one bill',
    async (kind) => {
      const { sim, run, no, transfer } = await start();
      sim.faults.add({ route: TRANSFERS, kind, times: 3 });
      expect(await transfer()).toMatchObject({
        status: 202,
        body: { code: 0, data: { status: 202, data: { out_bill_no: no, state: 'PROCESSING' } } },
      });
      expect((await run.transfer(no)).state).toBe('CREATED');
      expect(await transfer()).toMatchObject({ status: 200 });
      expect(sim.transfers()).toHaveLength(1);
      expect(bodiesTo(sim, TRANSFERS).size).toBe(1);
      expect(await run.effects(no, 'transfer')).toEqual(['transfer.accepted']);
    },
  );

  test('20 identical ones at once are one bill', async () => {
    const { sim, run, no, transfer } = await start({ databaseUrl: temporaryDatabase() });
    const all = await Promise.all(Array.from({ length: 20 }, () => transfer()));
    expect(all.every((answer) => answer.status === 200)).toBe(true);
    expect(sim.transfers()).toHaveLength(1);
    expect(await run.effects(no, 'transfer')).toEqual(['transfer.accepted']);
  });

  test('no error code is a verdict: refused, even proven, it stays CREATED', async () => {
    const { sim, run, no, transfer } = await start();
    sim.switches.signErrors = true;
    sim.faults.add({ route: TRANSFERS, kind: 'status', status: 403 });
    expect((await transfer()).status).toBe(403);
    expect((await run.transfer(no)).state).toBe('CREATED');
    expect((await transfer()).status).toBe(200);
    expect(sim.transfers()).toHaveLength(1);
  });

  test('after a day without an answer nothing is sent any more, by nobody', async () => {
    const { sim, run, no, transfer, advance, sweep } = await start();
    sim.faults.add({ route: TRANSFERS, kind: 'drop_before', times: 3 });
    expect((await transfer()).status).toBe(202);
    await advance(24 * 3600_000 + 1_000);
    await sweep();
    expect(run.alarms().map((line) => line.code)).toEqual(['transfer.unresolved']);
    const late = await transfer();
    expect(late.status).toBe(409);
    expect(sim.transfers()).toEqual([]);
    expect((await run.transfer(no)).state).toBe('CREATED');
  });

  test('its callback before our own reply', async () => {
    const sim = await startSim();
    const proxy = await startProxy(sim);
    const run = await startService({ sim, env: { wxPayBaseUrl: proxy.url } });
    const gate = createGate();
    proxy.hooks.after = (call) => (call === TRANSFERS ? gate.pass() : undefined);
    const no = number('T').slice(0, 32);
    const making = run.call(TRANSFER, transferBody(no), operator());
    await gate.reached;
    sim.confirmTransfer(no);
    const [told] = await sim.deliver('transfer', no);
    expect(told?.statusAnswered).toBe(200);
    gate.open();
    expect(dataOf(await making)).toMatchObject({ out_bill_no: no, state: 'SUCCESS' });
    expect((await run.transfer(no)).state).toBe('SUCCESS');
    expect(await run.effects(no, 'transfer')).toEqual(['transfer.accepted', 'transfer.succeeded']);
  });

  test('limits are checked before anything is recorded', async () => {
    const { sim, run, transfer } = await start({ transferMaxFen: '100', transferDayFen: '70' });
    const large = { ...transferBody(number('T').slice(0, 32)), transfer_amount: 101 };
    expect(await run.call(TRANSFER, large, operator())).toMatchObject({
      status: 403,
      body: { error: 'TRANSFER_LIMIT' },
    });
    for (const status of [200, 200, 403]) {
      expect((await transfer(number('T').slice(0, 32))).status).toBe(status);
    }
    expect(sim.transfers()).toHaveLength(2);
  });

  test('races for the day’s limit never exceed it', async () => {
    const { sim, transfer } = await start({ transferDayFen: '90' });
    await Promise.all(Array.from({ length: 8 }, () => transfer(number('T').slice(0, 32))));
    expect(sim.transfers().length).toBeLessThanOrEqual(3);
  });

  test('cancelled: told by WeChat’s state alone', async () => {
    const { sim, run, no, transfer } = await start();
    await transfer();
    const ask = { out_bill_no: no };
    const cancelled = await run.call('/wx-pay/wxpay_transfer_cancel', ask, operator());
    expect(cancelled.status).toBe(200);
    await sim.clock.advance(1);
    const [told] = await sim.deliver('transfer', no);
    expect(told?.statusAnswered).toBe(200);
    expect((await run.transfer(no)).state).toBe('CANCELLED');
    expect(await run.effects(no, 'transfer')).toEqual(['transfer.accepted', 'transfer.cancelled']);
  });
});
