/** The database fails: nothing is acknowledged that is not recorded, nothing is done twice when it is back. */
import { createMemoryOrderStore } from '../../services/stores/memoryOrderStore';
import type { Clock } from '../../utils/clock';
import { StoreError } from '../../utils/errors';
import { aroundStore, createGate, type Around } from '../helpers/faultyStore';
import {
  handClock,
  number,
  operator,
  orderBody,
  payer,
  placeAndPay,
  placePaid,
  refundBody,
  skewedClock,
  startService,
  startSim,
  transferBody,
  type Json,
} from '../helpers/service';
import { freeTimers, holdTimers, passTime, watched } from '../helpers/waiting';
import { ownStore } from '../helpers/ownStore';

afterEach(freeTimers);

const down = (): never => {
  throw new StoreError('STORE_UNAVAILABLE');
};

/** A service whose store does what `fault.around` says, and the bare store under it. */
async function start(still?: Clock) {
  const sim = await startSim();
  const clock = skewedClock();
  const inner = createMemoryOrderStore();
  const fault: { around: Around } = { around: (_method, _args, run) => run() };
  const store = aroundStore(inner, (...call) =>
    call[0] === 'close' ? call[2]() : fault.around(...call),
  );
  const run = await startService({ sim, store, clock: still ?? clock });
  const calm = (): void => {
    fault.around = (_method, _args, go) => go();
  };
  return { sim, clock, inner: ownStore(inner), fault, run, calm };
}

const stateOf = (record: unknown): unknown => (record as Json).state;

describe('the database is down', () => {
  test('an order is 503 and never reaches WeChat', async () => {
    const { sim, fault, run, calm } = await start();
    fault.around = down;
    const no = number('S');
    expect(await run.call('/wx-pay/wxpay_order', orderBody(no), payer())).toMatchObject({
      status: 503,
      body: { code: -1, error: 'STORE_UNAVAILABLE', data: null },
    });
    expect(sim.requests).toEqual([]);
    expect((await run.get('/readyz')).status).toBe(503);
    expect(await run.get('/healthz')).toMatchObject({
      status: 200,
      body: { store_answers: false },
    });
    calm();
    expect((await run.call('/wx-pay/wxpay_order', orderBody(no), payer())).status).toBe(200);
  });

  test('a callback is 503 FAIL, and SUCCESS only once it is back', async () => {
    const { sim, fault, run, calm } = await start();
    const no = number('S');
    await placeAndPay(run, sim, no);
    fault.around = down;
    const [refused] = await sim.deliver('payment', no);
    expect(refused?.statusAnswered).toBe(503);
    expect(JSON.parse(refused?.bodyAnswered ?? '')).toMatchObject({ code: 'FAIL' });
    calm();
    const [taken] = await sim.deliver('payment', no);
    expect(taken?.statusAnswered).toBe(200);
    expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
  });

  test.each(['refund', 'transfer'] as const)(
    'a %s is 503 and never reaches WeChat',
    async (what) => {
      const { sim, fault, run } = await start();
      const no = number('S');
      await placePaid(run, sim, no);
      const before = sim.requests.length;
      fault.around = (method, _args, go) =>
        method === 'insert' || method === 'replace' ? down() : go();
      const answer =
        what === 'refund'
          ? await run.call('/wx-pay/wxpay_refund', refundBody(no, number('R'), 1), operator())
          : await run.call('/wx-pay/wxpay_transfer', transferBody('T1'), operator());
      expect(answer).toMatchObject({ status: 503, body: { error: 'STORE_UNAVAILABLE' } });
      expect(sim.requests.length).toBe(before);
    },
  );

  test('an error the store should not throw shows nothing of itself', async () => {
    const { sim, fault, run } = await start();
    const no = number('S');
    await placeAndPay(run, sim, no);
    fault.around = () => {
      throw new Error('connect ECONNREFUSED 10.0.0.1 password=hunter2');
    };
    const answer = await run.call('/wx-pay/wxpay_order', orderBody(number('S')), payer());
    expect(answer).toMatchObject({ status: 500, body: { error: 'INVARIANT_BROKEN' } });
    const [told] = await sim.deliver('payment', no);
    expect(told?.statusAnswered).toBeGreaterThanOrEqual(500);
    expect(answer.text + String(told?.bodyAnswered)).not.toMatch(/hunter2|ECONN/);
  });
});

describe('the database goes away in between', () => {
  test('WeChat took the order, its prepay is not recorded: the repeat is the same order', async () => {
    const { sim, clock, fault, run, calm } = await start();
    const no = number('S');
    fault.around = (method, args, go) =>
      method === 'replace' && stateOf(args[0]) === 'PENDING' ? down() : go();
    const first = await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
    expect(first).toMatchObject({ status: 503, body: { error: 'STORE_UNAVAILABLE' } });
    calm();
    clock.offsetMs += 10_001;
    const again = await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
    expect(again.status).toBe(200);
    expect(sim.orders()).toHaveLength(1);
    expect(new Set(sim.requests.map((request) => request.body)).size).toBe(1);
  });

  test('WeChat made the refund, its answer is not recorded: the repeat is the same refund', async () => {
    const { sim, clock, fault, run, calm } = await start();
    const [no, refund] = [number('S'), number('R')];
    await placePaid(run, sim, no);
    fault.around = (method, args, go) => {
      const refunds = method === 'replace' ? (args[0] as { refunds: Json[] }).refunds : [];
      return refunds.some((r) => r.refund_id !== undefined) ? down() : go();
    };
    const ask = refundBody(no, refund, 30);
    expect((await run.call('/wx-pay/wxpay_refund', ask, operator())).status).toBe(503);
    expect((await run.order(no)).state).toBe('REFUNDING');
    calm();
    clock.offsetMs += 10_001;
    expect((await run.call('/wx-pay/wxpay_refund', ask, operator())).status).toBe(200);
    expect(sim.refunds()).toHaveLength(1);
  });

  test('WeChat took the transfer, its answer is not recorded: the repeat is the same bill', async () => {
    const { sim, clock, fault, run, calm } = await start();
    const no = 'T2';
    fault.around = (method, args, go) =>
      method === 'replace' && stateOf(args[0]) !== 'CREATED' ? down() : go();
    expect((await run.call('/wx-pay/wxpay_transfer', transferBody(no), operator())).status).toBe(
      503,
    );
    calm();
    clock.offsetMs += 10_001;
    expect((await run.call('/wx-pay/wxpay_transfer', transferBody(no), operator())).status).toBe(
      200,
    );
    expect(sim.transfers()).toHaveLength(1);
    expect(await run.effects(no, 'transfer')).toEqual(['transfer.accepted']);
  });
});

describe('a commit that takes its time', () => {
  test('a callback is not answered before it', async () => {
    const { sim, fault, run } = await start();
    const no = number('S');
    await placeAndPay(run, sim, no);
    const gate = createGate();
    fault.around = async (method, args, go) => {
      if (method === 'replace' && stateOf(args[0]) === 'PAID') await gate.pass();
      return go();
    };
    let answered = false;
    const told = sim.deliver('payment', no).finally(() => (answered = true));
    await gate.reached;
    // A round trip through the same service: had an answer been sent, it would be here by now.
    await run.get('/openapi.json');
    expect(answered).toBe(false);
    gate.open();
    expect((await told)[0]?.statusAnswered).toBe(200);
  });

  test('nor an order before its prepay is kept', async () => {
    const { sim, fault, run } = await start();
    const no = number('S');
    const gate = createGate();
    fault.around = async (method, args, go) => {
      if (method === 'replace' && stateOf(args[0]) === 'PENDING') await gate.pass();
      return go();
    };
    let answered = false;
    const placing = run
      .call('/wx-pay/wxpay_order', orderBody(no), payer())
      .finally(() => (answered = true));
    await gate.reached;
    await run.get('/openapi.json');
    expect(answered).toBe(false);
    expect(sim.orders()).toHaveLength(1);
    gate.open();
    expect((await placing).status).toBe(200);
  });

  test('past its 4 s a callback is 5xx; what was committed late is known when it comes again', async () => {
    // Neither its clock nor its timers move by themselves: a slow machine is not past the 4 s before the commit.
    const { sim, fault, run, calm } = await start(handClock());
    const no = number('S');
    await placeAndPay(run, sim, no);
    const gate = createGate();
    fault.around = async (method, args, go) => {
      if (method === 'replace' && stateOf(args[0]) === 'PAID') await gate.pass();
      return go();
    };
    // WeChat hangs up at 5 s, by a timer of the same kind: the answer must be out before.
    holdTimers();
    const telling = watched(sim.deliver('payment', no));
    // An answer that comes before the commit is shown, and not waited for.
    const early = await Promise.race([gate.reached, telling.work]);
    expect(early).toBeUndefined();
    await passTime(3_999);
    expect(telling.settled()).toBe(false);
    await passTime(1);
    const [late] = await telling.work;
    expect(late?.statusAnswered).toBeGreaterThanOrEqual(500);
    freeTimers();
    gate.open();
    calm();
    const [again] = await sim.deliver('payment', no);
    expect(again?.statusAnswered).toBe(200);
    expect(await run.effects(no)).toEqual(['order.created', 'order.paid']);
  });

  test('writers that always lose are told to come again', async () => {
    const { sim, fault, run, calm } = await start();
    const no = number('S');
    await placeAndPay(run, sim, no);
    fault.around = (method, _args, go) =>
      method === 'replace' ? Promise.resolve('conflict') : go();
    const [lost] = await sim.deliver('payment', no);
    expect(lost?.statusAnswered).toBe(503);
    calm();
    const [taken] = await sim.deliver('payment', no);
    expect(taken?.statusAnswered).toBe(200);
  });
});
