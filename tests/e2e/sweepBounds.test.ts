/** When an unpaid order is asked about, and how much one call of the sweep takes upon itself. */
import { anOrder } from '../helpers/storeRecords';
import { freeTimers, holdTimers, passTime, until, watched } from '../helpers/waiting';
import { createStage, MINUTE, orderBody, START_MS, type Stage } from './sweepSupport';

let stage: Stage;
afterEach(() => {
  freeTimers();
  return stage.close();
});

/** Due at once, and unknown to WeChat: its answer settles nothing, the ladder goes on. */
async function due(count: number): Promise<void> {
  const at = START_MS - MINUTE;
  for (let i = 0; i < count; i++) {
    const agenda = [{ do: 'query', at, tries: 0 }] as const;
    await stage.store.insert(anOrder(`DUE${String(i).padStart(5, '0')}`, { agenda }));
  }
}

const queries = (): number[] =>
  stage.simulator.requests
    .filter((r) => r.method === 'GET' && r.path.startsWith('/v3/pay/transactions/out-trade-no/'))
    .map((r) => r.atMs - START_MS);

test('the ladder: 5 s, 30 s, 1, 3, 5, 10 and 30 minutes after the prepay, and no more', async () => {
  stage = await createStage({ env: { orderExpireMinutes: '120' } });
  await stage.post('wxpay_order', orderBody('LADDER0001', 1));
  await stage.pass(100 * MINUTE, 5000);
  const seconds = queries().map((ms) => ms / 1000);
  expect(seconds).toEqual([5, 30, 60, 180, 300, 600, 1800]);
});

test('a late sweep goes on where the ladder is, and makes up for nothing', async () => {
  stage = await createStage({ env: { orderExpireMinutes: '120' } });
  await stage.post('wxpay_order', orderBody('LADDER0002', 1));
  await stage.pass(4 * MINUTE);
  await stage.pass(40 * MINUTE, 5000);
  expect(queries().map((ms) => ms / 1000)).toEqual([240, 300, 600, 1800]);
});

test('a 429 at the last rung does not end the ladder', async () => {
  stage = await createStage({ env: { orderExpireMinutes: '120' } });
  await stage.post('wxpay_order', orderBody('LADDER0003', 1));
  await stage.pass(29 * MINUTE, 5000);
  const route = 'GET /v3/pay/transactions/*';
  stage.simulator.faults.add({ route, kind: 'status', status: 429, times: 3 });
  await stage.pass(5 * MINUTE, 5000);
  const late = queries().filter((ms) => ms >= 29 * MINUTE);
  // The three attempts that were refused, and once more after the brake.
  expect(late.slice(0, 3)).toEqual([1_800_000, 1_800_000, 1_800_000]);
  expect(late).toHaveLength(4);
  expect(late[3]).toBeGreaterThan(1_800_000 + 29_000);
});

test('one call takes 500 records at most, and says how many are left', async () => {
  stage = await createStage();
  await due(520);
  // A call has 10 s as well: here they never pass.
  holdTimers();
  const first = await stage.post('wxpay_sweep', {});
  expect(first.body.data?.data).toEqual({ done: 500, left: 20 });
  expect(queries()).toHaveLength(500);
  const second = await stage.post('wxpay_sweep', {});
  expect(second.body.data?.data).toEqual({ done: 20, left: 0 });
});

test('a call answers in its time, whatever hangs; what is under way is not begun twice', async () => {
  stage = await createStage();
  await due(30);
  const route = 'GET /v3/pay/transactions/*';
  stage.simulator.faults.add({ route, kind: 'hang', times: 1e6 });
  const sweep = stage.service.sweep!;
  holdTimers();
  const run = watched(sweep.runOnce({ ms: 200 }));
  await until('eight questions hang', () => queries().length === 8);
  await stage.simulator.clock.advance(199);
  await passTime(199);
  expect(run.settled()).toBe(false);
  await passTime(1);
  // Eight are leased, and the others still due.
  expect(await run.work).toEqual({ done: 0, left: 22 });
  expect((await stage.store.due(stage.simulator.clock.now(), 100)).length).toBe(22);
  freeTimers();
  stage.simulator.faults.clear();
  await sweep.idle();
});

describe('inside SCF', () => {
  const SCF = { SCF_RUNTIME: 'Nodejs18.15', CLOUDBASE_APIKEY: '', sweepSeconds: '0' };

  /** An order that was paid, of which nobody has told us, and whose question is due. */
  async function untold(env: Record<string, string>): Promise<void> {
    stage = await createStage({ env });
    await stage.post('wxpay_order', orderBody('REQUEST0001', 1));
    stage.simulator.pay('REQUEST0001', { deliver: 'never' });
    await stage.service.sweep?.idle();
    await stage.simulator.clock.advance(20_000);
  }
  const stateNow = async () => (await stage.store.find('order', 'REQUEST0001'))?.state;

  test('any request looks after what is due, once its answer is out, and delivers nothing', async () => {
    await untold(SCF);
    const told = stage.receiver.events.length;
    const swept = jest.spyOn(stage.service.sweep!, 'runOnce');
    const reply = await stage.post('wxpay_query_order_by_out_trade_no', {
      out_trade_no: 'NOSUCH0001',
    });
    expect(reply.status).toBe(404);
    expect(swept).toHaveBeenCalledTimes(1);
    const [limits] = swept.mock.calls[0] ?? [];
    // Its time is that of a request, not of a sweep.
    expect(limits).toMatchObject({ deliver: false });
    expect(limits?.ms).toBeLessThanOrEqual(2500);
    expect(limits?.startMs).toBeLessThanOrEqual(300);
    await stage.service.sweep?.idle();
    expect(await stateNow()).toBe('PAID');
    expect(stage.receiver.events).toHaveLength(told);
  });

  test('elsewhere a request does nothing of the kind', async () => {
    await untold({});
    await stage.post('wxpay_query_order_by_out_trade_no', { out_trade_no: 'NOSUCH0001' });
    await stage.service.sweep?.idle();
    expect(await stateNow()).toBe('PENDING');
  });
});
