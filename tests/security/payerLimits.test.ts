/** What one payer may take and ask: counted in the records, so over all instances, whatever he calls it. */
import type { Simulator } from '../../simulator';
import {
  number,
  operator,
  orderBody,
  OTHER,
  payer,
  PAYER,
  refundBody,
  skewedClock,
  startService,
  startSim,
  temporaryDatabase,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';

const ORDER = '/wx-pay/wxpay_order';
const COMBINE = '/wx-pay/wxpay_order_combine';
const PREPARE = '/wx-pay/wxpay_prepare_order';
const QUERY = '/wx-pay/wxpay_query_order_by_out_trade_no';
const CLOSE = '/wx-pay/wxpay_close_order';
const LIMITED = { status: 429, body: { error: 'RATE_LIMITED' } };
const NOT_FOUND = { status: 404, body: { error: 'ORDER_NOT_FOUND' } };

const statuses = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status);
const numbers = (n: number): string[] => Array.from({ length: n }, () => number('L'));
const posts = (sim: Simulator): number => sim.requests.filter((r) => r.method === 'POST').length;

const combination = (no: string, parts: readonly string[]): Json => ({
  type: 'jsapi',
  combine_out_trade_no: no,
  sub_orders: parts.map((out_trade_no) => ({
    out_trade_no,
    description: '子单',
    amount: { total_amount: 50, currency: 'CNY' },
  })),
});

/** One after the other: which one is refused must not depend on a race. */
async function inTurn<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<Answer>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const [index, item] of items.entries()) answers.push(await work(item, index));
  return answers;
}

async function start(env: Record<string, string> = {}) {
  const sim = await startSim();
  const clock = skewedClock();
  const databaseUrl = temporaryDatabase();
  const open = (): Promise<Running> => startService({ sim, clock, env: { databaseUrl, ...env } });
  const advance = async (ms: number): Promise<void> => {
    clock.offsetMs += ms;
    await sim.clock.advance(ms);
  };
  return { sim, advance, open, run: await open() };
}

const place = (run: Running, no: string, who = PAYER): Promise<Answer> =>
  run.call(ORDER, orderBody(no), payer(who));
const bind = (run: Running, no: string, who = PAYER): Promise<Answer> =>
  run.call(ORDER, { out_trade_no: no }, payer(who));
const combine = (run: Running, no: string, parts: readonly string[], who = PAYER) =>
  run.call(COMBINE, combination(no, parts), payer(who));

/** Every order of this payer is refused by WeChat's own signature. */
function refuseSigned(sim: Simulator): void {
  sim.switches.signErrors = true;
  sim.registerOpenid(PAYER, 'wxaaaaaaaaaaaaaaaa');
}

describe('prepared orders', () => {
  async function prepared(run: Running, n: number): Promise<readonly string[]> {
    const nos = numbers(n);
    for (const no of nos) {
      expect((await run.call(PREPARE, orderBody(no), operator())).status).toBe(200);
    }
    return nos;
  }

  test('binding them counts in ordersPerMinute, over two instances', async () => {
    const { run, open, advance, sim } = await start({ ordersPerMinute: '4' });
    const other = await open();
    const nos = await prepared(run, 5);
    const answers = await inTurn(nos, (no, n) => bind(n % 2 === 0 ? run : other, no));
    expect(statuses(answers)).toEqual([200, 200, 200, 200, 429]);
    expect(await place(run, number('L'))).toMatchObject(LIMITED);
    const last = nos[4] ?? '';
    expect(await run.order(last)).toMatchObject({ state: 'PREPARED', version: 1 });
    expect(posts(sim)).toBe(4);
    await advance(61_000);
    expect((await bind(other, last)).status).toBe(200);
  });

  test('bound ones are open orders: no payer takes them all', async () => {
    const { run, advance } = await start({ openOrdersMax: '3' });
    const nos = await prepared(run, 5);
    expect(statuses(await inTurn(nos, (no) => bind(run, no)))).toEqual([200, 200, 200, 429, 429]);
    await advance(120_000);
    expect(await bind(run, nos[3] ?? '')).toMatchObject(LIMITED);
    expect((await bind(run, nos[3] ?? '', OTHER)).status).toBe(200);
  });

  test('one without a payer is 404 to a payer’s query and close, until he has bound it', async () => {
    const { run } = await start();
    const [no = ''] = await prepared(run, 1);
    for (const path of [QUERY, CLOSE]) {
      expect(await run.call(path, { out_trade_no: no }, payer())).toMatchObject(NOT_FOUND);
    }
    expect((await run.order(no)).state).toBe('PREPARED');
    await bind(run, no);
    for (const path of [QUERY, CLOSE]) {
      expect(await run.call(path, { out_trade_no: no }, payer(OTHER))).toMatchObject(NOT_FOUND);
    }
    expect((await run.call(QUERY, { out_trade_no: no }, payer())).status).toBe(200);
    expect((await run.call(CLOSE, { out_trade_no: no }, payer())).status).toBe(200);
  });

  test('one that names its payer is read and closed by him alone, before he pays', async () => {
    const { run } = await start();
    const no = number('L');
    await run.call(PREPARE, { ...orderBody(no), payer: { openid: PAYER } }, operator());
    expect(await run.call(CLOSE, { out_trade_no: no }, payer(OTHER))).toMatchObject(NOT_FOUND);
    expect((await run.call(CLOSE, { out_trade_no: no }, payer())).status).toBe(200);
  });
});

describe('openOrdersMax', () => {
  test('the default is 20; a closed or paid one makes room, an expired one too', async () => {
    const { run, open, sim, advance } = await start({ ordersPerMinute: '1000' });
    const other = await open();
    const nos = numbers(20);
    const answers = await inTurn(nos, (no, n) => place(n % 2 === 0 ? run : other, no));
    expect(statuses(answers)).toEqual(Array(20).fill(200));
    const more = number('L');
    for (const at of [run, other]) expect(await place(at, more)).toMatchObject(LIMITED);
    // A repeat opens nothing.
    expect((await place(other, nos[0] ?? '')).status).toBe(200);
    await run.call(CLOSE, { out_trade_no: nos[0] }, payer());
    expect((await place(run, more)).status).toBe(200);
    expect(await place(run, number('L'))).toMatchObject(LIMITED);
    sim.pay(nos[1] ?? '');
    await sim.deliver('payment', nos[1] ?? '');
    expect((await place(run, number('L'))).status).toBe(200);
    await advance(11 * 60_000);
    expect((await place(run, number('L'))).status).toBe(200);
  });

  test('forty at once leave no more open than the limit; operators have none', async () => {
    const { run } = await start({ ordersPerMinute: '1000', openOrdersMax: '5' });
    const answers = await Promise.all(numbers(40).map((no) => place(run, no)));
    expect(statuses(answers).filter((status) => status === 200).length).toBeLessThanOrEqual(5);
    const named = numbers(8).map((no) => ({ ...orderBody(no), payer: { openid: OTHER } }));
    const placed = await inTurn(named, (body) => run.call(ORDER, body, operator()));
    expect(statuses(placed)).toEqual(Array(8).fill(200));
    // What an operator placed in his name is not his doing.
    expect((await place(run, number('L'), OTHER)).status).toBe(200);
  });

  test('a combination counts once for each of its parts, here and in the minute', async () => {
    const open = await start({ openOrdersMax: '5' });
    expect((await combine(open.run, number('M'), numbers(3))).status).toBe(200);
    expect(await combine(open.run, number('M'), numbers(3))).toMatchObject(LIMITED);
    expect((await combine(open.run, number('M'), numbers(2))).status).toBe(200);
    expect(await place(open.run, number('L'))).toMatchObject(LIMITED);
    const minute = await start({ ordersPerMinute: '5' });
    expect((await combine(minute.run, number('M'), numbers(3))).status).toBe(200);
    expect(await combine(minute.run, number('M'), numbers(3))).toMatchObject(LIMITED);
  });
});

describe('asking WeChat again', () => {
  test('repeats of a refused order count, over two instances', async () => {
    const { run, open, sim, advance } = await start({ ordersPerMinute: '4' });
    const other = await open();
    refuseSigned(sim);
    const no = number('L');
    const asked = await inTurn(Array<string>(8).fill(no), (it, n) =>
      place(n % 2 === 0 ? run : other, it),
    );
    expect(statuses(asked)).toEqual([400, 400, 400, 400, 429, 429, 429, 429]);
    expect(posts(sim)).toBe(4);
    await advance(61_000);
    expect((await place(run, no)).status).toBe(400);
  });

  test('so do repeats of an order whose answer was lost', async () => {
    const { run, sim } = await start({ ordersPerMinute: '3' });
    sim.faults.add({ route: /jsapi/, kind: 'status', status: 403, times: 100 });
    const no = number('L');
    const asked = await inTurn(Array<string>(5).fill(no), (it) => place(run, it));
    expect(statuses(asked)).toEqual([403, 403, 403, 429, 429]);
    expect(posts(sim)).toBe(3);
  });

  test('and repeats of a refused combination, with the same parts or others', async () => {
    const { run, sim } = await start({ ordersPerMinute: '6', openOrdersMax: '100' });
    refuseSigned(sim);
    const no = number('M');
    const asked = await inTurn([2, 2, 2, 2, 2], (n) => combine(run, no, numbers(n)));
    expect(statuses(asked)).toEqual([400, 400, 400, 429, 429]);
    expect(posts(sim)).toBe(3);
  });
});

describe('numbers of parts', () => {
  test('one combination takes 50 in all, however often it is corrected', async () => {
    const { run, sim } = await start({ ordersPerMinute: '1000', openOrdersMax: '1000' });
    refuseSigned(sim);
    const no = number('M');
    const tries = Array<number>(7).fill(10);
    const asked = await inTurn(tries, (n) => combine(run, no, numbers(n)));
    expect(statuses(asked)).toEqual([400, 400, 400, 400, 400, 409, 409]);
    expect(asked.at(-1)?.body).toMatchObject({ error: 'MOVE_FORBIDDEN' });
    const range = { from: 0, to: Number.MAX_SAFE_INTEGER, limit: 1000 };
    expect((await run.store.reservations('sub_order', range)).items).toHaveLength(50);
  });

  test('those of a signed refusal may be used again, and lead to anyone who uses them', async () => {
    const { run, sim } = await start();
    refuseSigned(sim);
    const [refused, next] = [number('M'), number('M')];
    const [a = '', b = '', c = ''] = numbers(3);
    expect((await combine(run, refused, [a, b])).status).toBe(400);
    expect((await combine(run, next, [a, c], OTHER)).status).toBe(200);
    // Taken again: neither the refused one, corrected, nor an order may have it.
    sim.registerOpenid(PAYER, sim.credentials.appId);
    const taken = { status: 409, body: { error: 'ORDER_TAKEN' } };
    expect(await combine(run, refused, [a, b])).toMatchObject(taken);
    expect(await place(run, a)).toMatchObject(taken);
    sim.pay(next);
    const [told] = await sim.deliver('payment', next);
    expect(told?.statusAnswered).toBe(200);
    const back = refundBody(a, number('R'), 50, 50);
    expect((await run.call('/wx-pay/wxpay_refund', back, operator())).status).toBe(200);
    const record = await run.store.find('combination', next);
    expect(record?.sub_orders[0]?.refunds).toHaveLength(1);
    // The one that is free is free for an order, too.
    expect((await place(run, b)).status).toBe(200);
    expect(await combine(run, refused, [b, number('L')])).toMatchObject(taken);
  });

  test('those of an unsigned refusal stay taken', async () => {
    const { run, sim } = await start();
    sim.faults.add({ route: /combine/, kind: 'status', status: 403, times: 1 });
    const parts = numbers(2);
    expect((await combine(run, number('M'), parts)).status).toBe(403);
    expect((await combine(run, number('M'), parts, OTHER)).body.error).toBe('ORDER_TAKEN');
  });
});
