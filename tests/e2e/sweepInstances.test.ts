/** Many sweep at once, some records always fail, WeChat asks for patience, a timer calls from outside. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequestSweep } from '../../services/sweep/requestSweep';
import type { StoredRecord } from '../../services/ledger/record';
import { anOrder } from '../helpers/storeRecords';
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
  START_MS,
  SWEEP_KEY,
  type Stage,
} from './sweepSupport';

let stage: Stage;
afterEach(() => {
  freeTimers();
  return stage.close();
});

async function place(count: number): Promise<string[]> {
  const numbers = Array.from({ length: count }, (_, i) => `S${String(i).padStart(8, '0')}`);
  await inGroups(numbers, async (no) => {
    const reply = await stage.post('wxpay_order', orderBody(no, numbers.indexOf(no)));
    expect(reply.status).toBe(200);
  });
  return numbers;
}

const queriesOf = (numbers: readonly string[]): (number | undefined)[] => {
  const calls = callsOf(stage.simulator);
  return numbers.map((no) => calls.get(`GET /v3/pay/transactions/out-trade-no/${no}`));
};

const folder = mkdtempSync(join(tmpdir(), 'pay-common-sweep-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test.each([
  ['in one store', 'memory:', undefined],
  ['each on its own connection to one file', `file:${join(folder, 'four.db')}`, 'own'],
] as const)(
  'four instances at once touch each record once, %s',
  async (_what, databaseUrl, own) => {
    stage = await createStage({ env: { databaseUrl } });
    const numbers = await place(120);
    for (const no of numbers) stage.simulator.pay(no, { deliver: 'never' });
    await stage.simulator.clock.advance(6000);
    const others = [await stage.another(own), await stage.another(own), await stage.another(own)];
    // A sweep ends after 10 s, and a call is repeated after 5 s: here they never pass.
    holdTimers();
    const sweeps = [stage.service, ...others].map(async (service) => service.sweep?.runOnce());
    await Promise.all(sweeps);
    await stage.sweepAll();
    expect(queriesOf(numbers)).toEqual(numbers.map(() => 1));
    expect([...stage.receiver.ids.values()].every((times) => times === 1)).toBe(true);
    expect(stage.receiver.events.filter((e) => e.type === 'order.paid')).toHaveLength(120);
  },
);

test('a lease keeps others away while it lasts; who froze past it undoes nothing', async () => {
  stage = await createStage();
  const [no = ''] = await place(1);
  const { simulator, store, records } = stage;
  await stage.sweepAll();
  simulator.pay(no, { deliver: 'never' });
  await simulator.clock.advance(6000);
  // The first instance leases the record, asks, and freezes before it can write what it was told.
  const frozen = await stage.another();
  let wake = (): void => undefined;
  const asleep = new Promise<void>((resolve) => (wake = resolve));
  const { replace } = records;
  let writes = 0;
  let fell = (): void => undefined;
  const freezing = new Promise<void>((resolve) => (fell = resolve));
  const spy = jest.spyOn(records, 'replace');
  spy.mockImplementation(async (next: StoredRecord, version: number) => {
    if ((writes += 1) === 2) {
      fell();
      await asleep;
    }
    return replace.call(records, next, version);
  });
  const first = frozen.sweep?.runOnce();
  await freezing;
  await stage.service.sweep?.runOnce();
  expect(queriesOf([no])).toEqual([1]);
  await simulator.clock.advance(31_000);
  await stage.service.sweep?.runOnce();
  expect(queriesOf([no])).toEqual([2]);
  await stage.sweepAll();
  const healed = await store.find('order', no);
  expect(healed).toMatchObject({ state: 'PAID', agenda: [] });
  wake();
  await first;
  // Its write lost to the fence, and what it had to tell was known already.
  expect(await store.find('order', no)).toEqual(healed);
  await stage.sweepAll();
  expect(stage.receiver.events.filter((e) => e.type === 'order.paid')).toHaveLength(1);
  spy.mockRestore();
});

test('an idle sweep asks the database once', async () => {
  stage = await createStage();
  const oldest = jest.spyOn(stage.records, 'oldestDue');
  const due = jest.spyOn(stage.records, 'due');
  const list = jest.spyOn(stage.records, 'list');
  expect(await stage.service.sweep?.runOnce()).toEqual({ done: 0, left: 0 });
  expect(oldest).toHaveBeenCalledTimes(1);
  expect(due).not.toHaveBeenCalled();
  expect(list).not.toHaveBeenCalled();
});

test('records that always fail, or that this build cannot handle, do not starve others', async () => {
  stage = await createStage();
  const at = START_MS - HOUR;
  for (let i = 0; i < 60; i++) {
    const no = `POISON${String(i)}`;
    const agenda = [{ do: 'query', at, tries: 0 }] as const;
    await stage.store.insert(anOrder(no, { created_at: at, updated_at: at, agenda }));
    const strange = [{ do: 'transfer', at, tries: 0 }] as const;
    await stage.store.insert(anOrder(`STRANGE${String(i)}`, { agenda: strange }));
  }
  const { replace } = stage.records;
  jest.spyOn(stage.records, 'replace').mockImplementation((next: StoredRecord, version: number) => {
    if (next.no.startsWith('POISON')) throw new Error('this record cannot be written');
    return replace.call(stage.records, next, version);
  });
  const [no = ''] = await place(1);
  stage.simulator.pay(no, { deliver: 'never' });
  await stage.simulator.clock.advance(6000);
  const first = await stage.service.sweep?.runOnce();
  expect((await stage.store.find('order', no))?.state).toBe('PAID');
  expect(first?.left).toBe(0);
  const strange = await stage.store.find('order', 'STRANGE7');
  expect(strange?.agenda[0]?.at).toBeGreaterThan(stage.simulator.clock.now());
  expect(stage.lines.filter((l) => l.event === 'sweep failed').length).toBeGreaterThan(0);
});

test('after a 429 nothing asks WeChat for a while, and the refused try does not count', async () => {
  stage = await createStage();
  const numbers = await place(40);
  for (const no of numbers) stage.simulator.pay(no, { deliver: 'never' });
  await stage.sweepAll();
  const before = stage.simulator.requests.length;
  const route = 'GET /v3/pay/transactions/out-trade-no/{no}';
  stage.simulator.faults.add({ route, kind: 'status', status: 429, times: 1e6 });
  await stage.simulator.clock.advance(6000);
  await stage.service.sweep?.runOnce();
  // Eight at once, three attempts each, and then no more.
  expect(stage.simulator.requests.length - before).toBeLessThanOrEqual(24);
  stage.simulator.faults.clear();
  await stage.simulator.clock.advance(20_000);
  const during = stage.simulator.requests.length;
  await stage.sweepAll();
  expect(stage.simulator.requests.length).toBe(during);
  await stage.pass(30_000);
  const states = await Promise.all(numbers.map((no) => stage.store.find('order', no)));
  expect(states.every((r) => r?.state === 'PAID')).toBe(true);
});

test('an order that never reached WeChat is not closed without proof, and not asked about forever', async () => {
  stage = await createStage();
  const { simulator } = stage;
  simulator.faults.add({ route: 'POST /v3/pay/transactions/jsapi', kind: 'drop_before', times: 9 });
  await stage.post('wxpay_order', orderBody('LOST000001', 1));
  simulator.faults.clear();
  await stage.pass(20 * HOUR, HOUR);
  expect(await stage.store.find('order', 'LOST000001')).toMatchObject({ state: 'CREATED' });
  await stage.pass(8 * HOUR, HOUR);
  const record = await stage.store.find('order', 'LOST000001');
  expect(record).toMatchObject({ state: 'CREATED', agenda: [] });
  expect(stage.lines.filter((l) => l.event === 'left to an operator')).toHaveLength(1);
  expect(await stage.store.oldestDue()).toBeUndefined();
});

test('a close WeChat did not confirm is followed by one last look, and by no more', async () => {
  stage = await createStage({ simulator: { switches: { closeUnknown: 204 } } });
  const { simulator } = stage;
  simulator.faults.add({ route: 'POST /v3/pay/transactions/jsapi', kind: 'drop_before', times: 9 });
  await stage.post('wxpay_order', orderBody('LOST000002', 1));
  simulator.faults.clear();
  const [known = ''] = await place(1);
  await stage.pass(11 * MINUTE, MINUTE);
  expect(await stage.store.find('order', 'LOST000002')).toMatchObject({ state: 'CLOSED' });
  // What WeChat itself called closed can never be paid again.
  expect(await stage.store.find('order', known)).toMatchObject({ state: 'CLOSED', agenda: [] });
  const [before] = queriesOf(['LOST000002']);
  await stage.pass(DAY, HOUR);
  expect(queriesOf(['LOST000002'])).toEqual([(before ?? 0) + 1]);
  const record = await stage.store.find('order', 'LOST000002');
  expect(record).toMatchObject({ state: 'CLOSED', agenda: [] });
  expect(await stage.store.oldestDue()).toBeUndefined();
});

test.each([
  [true, 'CLOSED', 'refund.closed'],
  [false, 'REQUESTED', 'refund.unresolved'],
])('a refund refused without proof, then "not found", proven: %s → %s', async (...row) => {
  const [signed, status, type] = row;
  stage = await createStage();
  const { simulator } = stage;
  const [no = ''] = await place(1);
  simulator.pay(no, { deliver: 'never' });
  await stage.pass(10_000);
  const route = 'POST /v3/refund/domestic/refunds';
  const body = { code: 'NO_AUTH', message: '没有权限' };
  simulator.faults.add({ route, kind: 'status', status: 403, body, times: 100 });
  const amount = { refund: 50, total: 100 };
  await stage.post('wxpay_refund', { out_trade_no: no, out_refund_no: 'RF1', amount });
  simulator.switches.signErrors = signed;
  const refundNow = async () => (await stage.store.find('order', no))?.refunds[0];
  await stage.pass(9 * MINUTE, MINUTE);
  expect(await refundNow()).toMatchObject({ status: 'REQUESTED' });
  await stage.pass(HOUR, MINUTE);
  expect(await refundNow()).toMatchObject({ status: signed ? 'CLOSED' : 'REQUESTED' });
  await stage.pass(DAY, HOUR);
  expect(await refundNow()).toMatchObject({ status });
  expect(stage.receiver.events.filter((e) => e.type === type)).toHaveLength(1);
  expect(await stage.store.oldestDue()).toBeUndefined();
  // Refused once: it was only asked about after that, never sent again by itself.
  const sent = simulator.requests.filter((r) => `${r.method} ${r.path}` === route);
  expect(sent).toHaveLength(1);
});

test('a transfer whose create was lost is sent again with the same bytes, for a day and no longer', async () => {
  stage = await createStage();
  const { simulator } = stage;
  const route = 'POST /v3/fund-app/mch-transfer/transfer-bills';
  simulator.faults.add({ route, kind: 'drop_before', times: 1e6 });
  const transfer = (out_bill_no: string) => ({
    out_bill_no,
    transfer_scene_id: '1000',
    openid: openidOf(1),
    transfer_amount: 100,
    transfer_remark: '活动',
    transfer_scene_report_infos: [
      { info_type: '活动名称', info_content: '春季' },
      { info_type: '奖励说明', info_content: '奖励' },
    ],
  });
  expect((await stage.post('wxpay_transfer', transfer('BLOST1'))).status).toBe(202);
  simulator.faults.clear();
  await stage.pass(2 * MINUTE, MINUTE);
  expect(await stage.store.find('transfer', 'BLOST1')).toMatchObject({
    state: 'WAIT_USER_CONFIRM',
  });
  const bodies = simulator.requests
    .filter((r) => `${r.method} ${r.path}` === route)
    .map((r) => r.body);
  expect(new Set(bodies).size).toBe(1);
});

test('a request inside SCF looks after what is due, delivers nothing, and not every time', async () => {
  stage = await createStage();
  const numbers = await place(5);
  await stage.sweepAll();
  const told = stage.receiver.events.length;
  for (const no of numbers) stage.simulator.pay(no, { deliver: 'never' });
  await stage.simulator.clock.advance(11_000);
  const { sweep } = stage.service;
  if (sweep === undefined) throw new Error('no sweep');
  const clock = { now: () => stage.simulator.clock.now() };
  const requestSweep = createRequestSweep({ sweep, clock, logger: stage.service.logger });
  requestSweep();
  requestSweep();
  await sweep.idle();
  const paid = async (): Promise<number> => {
    const all = await Promise.all(numbers.map((no) => stage.store.find('order', no)));
    return all.filter((r) => r?.state === 'PAID').length;
  };
  expect(await paid()).toBe(3);
  expect(stage.receiver.events).toHaveLength(told);
  await stage.simulator.clock.advance(10_000);
  requestSweep();
  await sweep.idle();
  expect(await paid()).toBe(5);
});

test('a missing timer shows in /healthz inside SCF, and a sweep takes the warning away', async () => {
  stage = await createStage({ env: { SCF_RUNTIME: 'Nodejs18.15', CLOUDBASE_APIKEY: '' } });
  const warnings = async (): Promise<string> => {
    const reply = await fetch(`${stage.url}/healthz`);
    return ((await reply.json()) as { warnings: string[] }).warnings.join();
  };
  expect(await warnings()).not.toContain('wxpay_sweep');
  await stage.simulator.clock.advance(11 * MINUTE);
  expect(await warnings()).toContain('wxpay_sweep');
  await stage.service.sweep?.runOnce();
  expect(await warnings()).not.toContain('wxpay_sweep');
});

describe('the companion function', () => {
  const saved = { ...process.env };
  afterEach(() => {
    process.env = { ...saved };
  });
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { main } = require('../../examples/sweep-timer/index.js') as {
    main: () => Promise<{ done: number; left: number; calls: number }>;
  };

  test('sweeps a real service until nothing is left', async () => {
    stage = await createStage();
    const numbers = await place(20);
    for (const no of numbers) stage.simulator.pay(no, { deliver: 'never' });
    await stage.simulator.clock.advance(6000);
    jest.spyOn(console, 'log').mockImplementation(() => undefined);
    process.env.payCommonUrl = `${stage.url}/`;
    process.env.sweepKey = SWEEP_KEY;
    const sum = await main();
    expect(sum).toMatchObject({ left: 0, calls: 1 });
    expect(stage.receiver.events.filter((e) => e.type === 'order.paid')).toHaveLength(20);
  });

  test('through the cloud API gateway, which leads to / alone and wants a token of its own', async () => {
    stage = await createStage();
    const [no = ''] = await place(1);
    stage.simulator.pay(no, { deliver: 'never' });
    await stage.simulator.clock.advance(6000);
    jest.spyOn(console, 'log').mockImplementation(() => undefined);
    process.env.payCommonUrl = `${stage.url}/?webfn=true`;
    process.env.CLOUDBASE_APIKEY = 'header.payload.signature';
    process.env.sweepKey = SWEEP_KEY;
    expect(await main()).toMatchObject({ left: 0, calls: 1 });
    expect(stage.receiver.events.map((e) => e.type)).toContain('order.paid');
  });

  test('says what is wrong', async () => {
    stage = await createStage();
    process.env.payCommonUrl = stage.url;
    process.env.sweepKey = 'x'.repeat(40);
    await expect(main()).rejects.toThrow('HTTP 401 UNAUTHENTICATED');
    process.env.payCommonUrl = 'http://pay.example.com';
    await expect(main()).rejects.toThrow('https');
    process.env.payCommonUrl = '';
    await expect(main()).rejects.toThrow('payCommonUrl');
  });
});
