/** Requests that wait for another's ask: counted in statements at the store, never in time. */
import type { RecordStore } from '../../services/stores/orderStore';
import { createMemoryOrderStore } from '../../services/stores/memoryOrderStore';
import { aroundStore, createGate } from '../helpers/faultyStore';
import { startProxy } from '../helpers/proxy';
import {
  number,
  operator,
  orderBody,
  payer,
  skewedClock,
  startService,
  startSim,
  type Answer,
  type Json,
} from '../helpers/service';

const WAITING = 20;
const AUTH_CODE = '131234567890123456';

interface Kind {
  readonly path: string;
  readonly call: string;
  readonly body: (no: string) => Json;
  readonly headers: Readonly<Record<string, string>>;
}

const sub = (out_trade_no: string): Json => ({
  out_trade_no,
  description: '子单',
  amount: { total_amount: 50, currency: 'CNY' },
});
const combination = (no: string): Json => ({
  type: 'jsapi',
  combine_out_trade_no: no,
  sub_orders: [sub(`${no}a`), sub(`${no}b`)],
});
const codepay = (no: string): Json => ({
  ...orderBody(no),
  payer: { auth_code: AUTH_CODE },
  scene_info: { store_info: { id: '0001' } },
});

const KINDS: readonly (readonly [string, Kind])[] = [
  [
    'an order',
    {
      path: '/wx-pay/wxpay_order',
      call: 'POST /v3/pay/transactions/jsapi',
      body: orderBody,
      headers: payer(),
    },
  ],
  [
    'a combination',
    {
      path: '/wx-pay/wxpay_order_combine',
      call: 'POST /v3/combine-transactions/jsapi',
      body: combination,
      headers: payer(),
    },
  ],
  [
    'a payment code',
    {
      path: '/wx-pay/wxpay_order_codepay',
      call: 'POST /v3/pay/transactions/codepay',
      body: codepay,
      headers: operator(),
    },
  ],
];

async function start() {
  const sim = await startSim();
  const proxy = await startProxy(sim);
  const clock = skewedClock();
  const calls: (string | undefined)[] = [];
  const arrived = { count: 0, tell: (): void => undefined };
  const store: RecordStore = aroundStore(createMemoryOrderStore(), (method, _args, run) => {
    calls.push(method);
    if (method === 'find' && ++arrived.count >= WAITING) arrived.tell();
    return run();
  });
  // Time passes only for who waits for another instance; none of these does.
  const wait = (_ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) =>
      signal?.addEventListener('abort', () => {
        resolve();
      }),
    );
  const run = await startService({ sim, clock, store, wait, env: { wxPayBaseUrl: proxy.url } });
  return { sim, proxy, run, calls, arrived };
}

describe.each(KINDS)('%s', (_name, { path, call, body, headers }) => {
  test('twenty wait without a statement, and share one read when it ends', async () => {
    const { proxy, run, calls, arrived } = await start();
    const gate = createGate();
    proxy.hooks.before = (asked) => (asked === call ? gate.pass() : undefined);
    const no = number('W');
    const ask = (): Promise<Answer> => run.call(path, body(no), headers);
    const first = ask();
    await gate.reached;
    calls.length = 0;
    const all = new Promise<void>((resolve) => (arrived.tell = resolve));
    arrived.count = 0;
    const others = Array.from({ length: WAITING }, ask);
    await all;
    // One look each, to refuse strangers and other facts at once; then silence.
    const arriving = calls.splice(0);
    expect(arriving.filter((method) => method === 'find')).toHaveLength(WAITING);
    expect(arriving.filter((method) => method === 'insert' || method === 'replace')).toEqual([]);
    gate.open();
    const answers = await Promise.all([first, ...others]);
    expect(answers.map(({ status }) => status)).toEqual(Array(WAITING + 1).fill(200));
    // A charge reads its own record once more, to record how it went.
    expect(calls.filter((method) => method === 'find').length).toBeLessThanOrEqual(2);
  });
});

describe.each(KINDS.slice(0, 2))(
  '%s that WeChat refuses',
  (_name, { path, call, body, headers }) => {
    test('is asked about once: those who waited get the same answer', async () => {
      const { proxy, run, sim, arrived } = await start();
      const gate = createGate();
      proxy.hooks.before = (asked) => (asked === call ? gate.pass() : undefined);
      sim.faults.add({ route: call, kind: 'status', status: 403, times: 100 });
      const no = number('W');
      const ask = (): Promise<Answer> => run.call(path, body(no), headers);
      const first = ask();
      await gate.reached;
      const all = new Promise<void>((resolve) => (arrived.tell = resolve));
      arrived.count = 0;
      const others = Array.from({ length: WAITING }, ask);
      await all;
      gate.open();
      const answers = await Promise.all([first, ...others]);
      expect(answers.map(({ status }) => status)).toEqual(Array(WAITING + 1).fill(403));
      expect(sim.requests.filter((r) => `${r.method} ${r.path}` === call)).toHaveLength(1);
    });
  },
);

test('a payer has 64 requests under way at most; the next is refused at once', async () => {
  const { proxy, run, sim } = await start();
  const gate = createGate();
  proxy.hooks.before = (asked) => (asked.startsWith('GET ') ? gate.pass() : undefined);
  const no = number('W');
  await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
  const query = '/wx-pay/wxpay_query_order_by_out_trade_no';
  const ask = (): Promise<Answer> => run.call(query, { out_trade_no: no }, payer());
  const answers: Answer[] = [];
  const asks = Array.from({ length: 70 }, async () => {
    answers.push(await ask());
    // The refused ones come back while the others hang.
    if (answers.length === 6) gate.open();
  });
  await Promise.all(asks);
  expect(answers.slice(0, 6).map(({ status }) => status)).toEqual(Array(6).fill(429));
  expect(answers.slice(6).map(({ status }) => status)).toEqual(Array(64).fill(200));
  expect(sim.requests.filter((r) => r.method === 'GET')).toHaveLength(64);
});
