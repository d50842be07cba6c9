/** Prepared orders end in time: past their own time_expire they are not sent, and nobody's are closed. */
import type { Simulator } from '../../simulator';
import {
  number,
  operator,
  orderBody,
  payer,
  skewedClock,
  startService,
  startSim,
  SWEEP_KEY,
  type Answer,
  type Json,
  type Running,
} from '../helpers/service';
import { toRfc3339 } from '../../utils/time';

const ORDER = '/wx-pay/wxpay_order';
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

let sim: Simulator;
let run: Running;
let advance: (ms: number) => Promise<void>;

beforeEach(async () => {
  sim = await startSim();
  const clock = skewedClock();
  run = await startService({ sim, clock });
  advance = async (ms) => {
    clock.offsetMs += ms;
    await sim.clock.advance(ms);
  };
});

async function prepare(more: Json = {}): Promise<string> {
  const no = number('P');
  const body = { ...orderBody(no), ...more };
  expect((await run.call('/wx-pay/wxpay_prepare_order', body, operator())).status).toBe(200);
  return no;
}
const sweep = (): Promise<Answer> => run.call('/wx-pay/wxpay_sweep', {}, operator(SWEEP_KEY));
const ask = (no: string): Promise<Answer> => run.call(ORDER, { out_trade_no: no }, payer());
const inMinutes = (minutes: number): string => toRfc3339(Date.now() + minutes * MINUTE);

test('past its own time_expire it is closed, not sent, also before the sweep comes', async () => {
  const no = await prepare({ time_expire: inMinutes(5) });
  await advance(5 * MINUTE);
  const answer = await ask(no);
  expect(answer).toMatchObject({ status: 409, body: { error: 'ORDER_CLOSED' } });
  expect(sim.requests).toHaveLength(0);
  expect((await run.order(no)).state).toBe('CLOSED');
  expect(await run.effects(no)).toEqual(['order.closed']);
});

test.each<[string, Json, number]>([
  ['its own time_expire', { time_expire: inMinutes(5) }, 5 * MINUTE],
  ['expire_minutes', { expire_minutes: 30 }, 30 * MINUTE],
  ['seven days', {}, 7 * DAY],
])('nobody asks for it: the sweep closes it after %s, once', async (_name, more, ms) => {
  const no = await prepare(more);
  await advance(ms - MINUTE);
  await sweep();
  expect((await run.order(no)).state).toBe('PREPARED');
  await advance(2 * MINUTE);
  await sweep();
  await sweep();
  expect(await run.order(no)).toMatchObject({ state: 'CLOSED', agenda: [] });
  expect(await run.effects(no)).toEqual(['order.closed']);
  expect(sim.requests).toHaveLength(0);
  expect(await ask(no)).toMatchObject({ status: 409, body: { error: 'ORDER_CLOSED' } });
});

test('minutes count from the payer’s first ask, days after it was prepared', async () => {
  const no = await prepare();
  await advance(6 * DAY);
  expect((await ask(no)).status).toBe(200);
  const { expires_at: at } = await run.order(no);
  expect(at).toBeGreaterThan(sim.clock.now() + 9 * MINUTE);
  await advance(2 * DAY);
  await sweep();
  expect((await run.order(no)).state).toBe('CLOSED');
  expect(sim.orders()).toMatchObject([{ trade_state: 'CLOSED' }]);
});

test('a payer who comes as it is being closed gets the order or a clear no, never both', async () => {
  const no = await prepare({ expire_minutes: 30 });
  await advance(31 * MINUTE);
  const [answer] = await Promise.all([ask(no), sweep()]);
  expect(answer).toMatchObject({ status: 409, body: { error: 'ORDER_CLOSED' } });
  expect(sim.requests).toHaveLength(0);
  expect(await run.effects(no)).toEqual(['order.closed']);
});

test('an operator who closes one that a payer has just asked for asks WeChat', async () => {
  const no = await prepare();
  const before = await run.order(no);
  expect((await ask(no)).status).toBe(200);
  // As if it had been read before the payer came.
  const { store } = run;
  const find = store.find.bind(store);
  let stale = true;
  store.find = ((kind: string, key: string) => {
    if (!stale || key !== no) return find(kind as 'order', key);
    stale = false;
    return Promise.resolve(before);
  }) as typeof store.find;
  const closed = await run.call('/wx-pay/wxpay_close_order', { out_trade_no: no }, operator());
  store.find = find;
  expect(closed.status).toBe(200);
  expect(sim.orders()).toMatchObject([{ trade_state: 'CLOSED' }]);
});
