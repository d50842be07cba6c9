/** A close that WeChat took for something it did not know: whether a late copy was paid is asked until told. */
import { createDialect } from '../../services/wechat';
import { createStrategy } from '../../services/strategies';
import type { CombinationRecord, OrderRecord } from '../../services/ledger/record';
import { createStage, DAY, HOUR, MINUTE, openidOf, orderBody, type Stage } from './sweepSupport';

const NO = 'LOST000001';
let stage: Stage;
afterEach(() => stage.close());

interface Kind {
  readonly name: string;
  readonly kind: 'order' | 'combination';
  readonly route: string;
  readonly body: object;
  readonly query: string;
}

const part = (out_trade_no: string, total_amount: number): object => ({
  out_trade_no,
  description: '子单',
  amount: { total_amount, currency: 'CNY' },
});

const ORDER: Kind = {
  name: 'wxpay_order',
  kind: 'order',
  route: 'POST /v3/pay/transactions/jsapi',
  body: orderBody(NO, 1),
  query: 'GET /v3/pay/transactions/out-trade-no/{no}',
};
const COMBINATION: Kind = {
  name: 'wxpay_order_combine',
  kind: 'combination',
  route: 'POST /v3/combine-transactions/jsapi',
  body: {
    type: 'jsapi',
    combine_out_trade_no: NO,
    combine_payer_info: { openid: openidOf(1) },
    sub_orders: [part(`${NO}A`, 60), part(`${NO}B`, 40)],
  },
  query: 'GET /v3/combine-transactions/out-trade-no/{no}',
};

const found = async ({ kind }: Kind): Promise<OrderRecord | CombinationRecord> => {
  const { store } = stage;
  const record =
    kind === 'order' ? await store.find('order', NO) : await store.find('combination', NO);
  if (record === undefined) throw new Error('no record');
  return record;
};

/** The request is lost on its way, and at expiry the close of what WeChat does not know is taken. */
async function closedUnseen(kind: Kind): Promise<void> {
  stage = await createStage({ simulator: { switches: { closeUnknown: 204 } } });
  const { faults } = stage.simulator;
  faults.add({ route: kind.route, kind: 'drop_before', times: 9 });
  expect((await stage.post(kind.name, kind.body)).status).toBeGreaterThanOrEqual(500);
  faults.clear();
  await stage.pass(11 * MINUTE, MINUTE);
  expect(await found(kind)).toMatchObject({ state: 'CLOSED', agenda: [{ do: 'query' }] });
}

async function lateCopy(kind: Kind): Promise<void> {
  const { config, logger } = stage.service;
  const { request } = await found(kind);
  if (config === undefined || request === undefined) throw new Error('no request');
  const clock = { now: () => stage.simulator.clock.now() };
  const strategy = createStrategy({ config, dialect: createDialect(config), clock, logger });
  expect(await strategy.call(request)).toMatchObject({ kind: 'proven', status: 200 });
  await strategy.close();
}

const queries = (kind: Kind): number => {
  const path = kind.query.slice('GET '.length).replace('{no}', NO);
  return stage.simulator.requests.filter((r) => r.method === 'GET' && r.path.startsWith(path))
    .length;
};

test.each([ORDER, COMBINATION])('$kind: paid while WeChat is out of reach', async (kind) => {
  await closedUnseen(kind);
  await lateCopy(kind);
  stage.simulator.pay(NO, { deliver: 'never' });
  stage.simulator.faults.add({ route: kind.query, kind: 'drop_before', times: 1e6 });
  await stage.pass(20 * MINUTE, MINUTE);
  expect(await found(kind)).toMatchObject({ state: 'CLOSED' });
  stage.simulator.faults.clear();
  await stage.pass(2 * HOUR, MINUTE);
  expect(await found(kind)).toMatchObject({ state: 'PAID', agenda: [] });
  const told = stage.receiver.events.filter((event) => event.type === 'order.paid_after_close');
  expect(told.map((event) => event.subject)).toEqual([NO]);
  expect(await stage.store.oldestDue()).toBeUndefined();
});

test.each([ORDER, COMBINATION])('$kind: open at first, and paid by the next look', async (kind) => {
  await closedUnseen(kind);
  await lateCopy(kind);
  const atMs = stage.simulator.clock.now() + 1000;
  await stage.pass(10 * MINUTE, MINUTE);
  expect(await found(kind)).toMatchObject({ state: 'CLOSED', agenda: [{ do: 'query' }] });
  stage.simulator.pay(NO, { deliver: 'never', atMs });
  await stage.pass(HOUR, MINUTE);
  expect(await found(kind)).toMatchObject({ state: 'PAID', agenda: [] });
});

test.each([ORDER, COMBINATION])('$kind: open, and never paid: bounded, no alarm', async (kind) => {
  await closedUnseen(kind);
  await lateCopy(kind);
  const before = queries(kind);
  await stage.pass(DAY, HOUR);
  expect(queries(kind) - before).toBeLessThanOrEqual(5);
  expect(await found(kind)).toMatchObject({ state: 'CLOSED', agenda: [] });
  expect(stage.lines.filter((l) => l.event === 'left to an operator')).toHaveLength(0);
});

test.each([ORDER, COMBINATION])('$kind: never an answer: bounded, then alarmed', async (kind) => {
  await closedUnseen(kind);
  stage.simulator.faults.add({ route: kind.query, kind: 'status', status: 500, times: 1e6 });
  const before = queries(kind);
  await stage.pass(2 * DAY, HOUR);
  // Five looks, each with the retries of any call.
  expect(queries(kind) - before).toBeLessThanOrEqual(15);
  const record = await found(kind);
  expect(record).toMatchObject({ state: 'CLOSED', agenda: [] });
  expect(record.history.at(-1)).toMatchObject({ what: 'unresolved', source: 'sweep' });
  expect(stage.lines.filter((l) => l.event === 'left to an operator')).toHaveLength(1);
});

test.each([ORDER, COMBINATION])('$kind: never known: one look, and no alarm', async (kind) => {
  await closedUnseen(kind);
  const before = queries(kind);
  await stage.pass(DAY, HOUR);
  expect(queries(kind) - before).toBe(1);
  expect(await found(kind)).toMatchObject({ state: 'CLOSED', agenda: [] });
  expect(stage.lines.filter((l) => l.event === 'left to an operator')).toHaveLength(0);
});

test.each([ORDER, COMBINATION])('$kind: 429s do not count as looks', async (kind) => {
  await closedUnseen(kind);
  await lateCopy(kind);
  stage.simulator.pay(NO, { deliver: 'never' });
  stage.simulator.faults.add({ route: kind.query, kind: 'status', status: 429, times: 1e6 });
  // Wide enough apart for as many looks as there would be, had each of them counted.
  await stage.pass(3 * HOUR, HOUR);
  await stage.pass(18 * HOUR, 6 * HOUR);
  expect(stage.lines.filter((l) => l.event === 'left to an operator')).toHaveLength(0);
  stage.simulator.faults.clear();
  await stage.pass(HOUR, MINUTE);
  expect(await found(kind)).toMatchObject({ state: 'PAID', agenda: [] });
});
