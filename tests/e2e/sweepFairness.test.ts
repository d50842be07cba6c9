/** No kind of work waits behind another: what is due beside thousands of queries is done in the first sweep. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { addEffect } from '../../services/ledger/outbox';
import { cut } from '../helpers/core';
import { scaled } from '../helpers/large';
import { anOrder } from '../helpers/storeRecords';
import { until } from '../helpers/waiting';
import {
  createStage,
  inGroups,
  MINUTE,
  openidOf,
  orderBody,
  START_MS,
  type Stage,
} from './sweepSupport';

let stage: Stage;
afterEach(() => stage.close());

/** More than two sweeps take. */
const FLOOD = scaled(1100, 3000);
/** Less than a whole sweep may take, so that the test asks WeChat less often; the shares are the same. */
const SMALL = { records: 50 };

/** Unpaid orders of ten payers, all due before anything else is. */
async function flood(count = FLOOD, payers = 10): Promise<void> {
  const at = START_MS - 10 * MINUTE;
  const numbers = Array.from({ length: count }, (_, i) => i);
  await inGroups(numbers, async (i) => {
    const agenda = [{ do: 'query', at: at + i, tries: 0 }] as const;
    const payer = openidOf(1000 + (i % payers));
    await stage.store.insert(anOrder(`FLOOD${String(i).padStart(5, '0')}`, { payer, agenda }));
  });
}

/** Paid orders whose receiver has not been told yet, due before anything that comes later. */
async function untold(count: number): Promise<void> {
  const at = START_MS - 5 * MINUTE;
  for (let i = 0; i < count; i++) {
    const order = anOrder(`UNTOLD${String(i).padStart(4, '0')}`, { state: 'PAID', agenda: [] });
    await stage.store.insert(addEffect(order, { type: 'order.paid', at, data: {}, sink: true }));
  }
}

const paths = (method: string): string[] =>
  stage.simulator.requests.filter((r) => r.method === method).map((r) => r.path);
const queries = (part: string): number =>
  paths('GET').filter((path) => path.startsWith('/v3/pay/') && path.includes(part)).length;

/** A payment that we were told of, and whose effects are due. */
async function paidOrder(no: string): Promise<void> {
  await stage.post('wxpay_order', orderBody(no, 1));
  stage.simulator.pay(no, { deliver: 'never' });
  await stage.simulator.deliver('payment', no, { url: `${stage.url}/wechatpay/order` });
  expect((await stage.store.find('order', no))?.state).toBe('PAID');
}

/** A refund that is to be asked about a minute after it was requested. */
async function refundDue(no: string, afterMs = 2 * MINUTE): Promise<void> {
  await paidOrder(no);
  const amount = { refund: 50, total: 101 };
  const reply = await stage.post('wxpay_refund', {
    out_trade_no: no,
    out_refund_no: `R${no}`,
    amount,
  });
  expect(reply.status).toBe(200);
  await stage.simulator.clock.advance(afterMs);
}
const refundQueries = (): number =>
  paths('GET').filter((path) => path.startsWith('/v3/refund/domestic/refunds/')).length;

const types = (subject: string): string[] =>
  stage.receiver.events.filter((e) => e.subject === subject).map((e) => e.type);

test('beside a flood of due queries a new payment is told of in the first sweep', async () => {
  stage = await createStage();
  await flood();
  await paidOrder('NEW0000001');
  const run = await stage.service.sweep?.runOnce();
  expect(types('NEW0000001')).toEqual(['order.created', 'order.paid']);
  // The rest of the sweep is theirs who have work.
  expect(queries('FLOOD')).toBe(498);
  expect(run).toEqual({ done: 500, left: 500 });
});

test('beside a flood of due queries a refund is asked about in the first sweep', async () => {
  stage = await createStage();
  await flood();
  await refundDue('NEW0000002');
  await stage.service.sweep?.runOnce(SMALL);
  expect(refundQueries()).toBe(1);
  expect(queries('FLOOD')).toBeGreaterThan(0);
});

test('two instances share the work, and each effect is delivered once', async () => {
  stage = await createStage();
  await flood();
  await paidOrder('NEW0000003');
  const other = await stage.another();
  await Promise.all([stage.service.sweep?.runOnce(SMALL), other.sweep?.runOnce(SMALL)]);
  expect(types('NEW0000003')).toEqual(['order.created', 'order.paid']);
  expect([...stage.receiver.ids.values()]).toEqual([1, 1]);
});

test('a receiver that refuses everything delays neither refunds nor queries', async () => {
  stage = await createStage();
  await flood();
  await untold(200);
  await refundDue('NEW0000004');
  stage.receiver.refuse = () => true;
  await stage.service.sweep?.runOnce(SMALL);
  expect(refundQueries()).toBe(1);
  expect(queries('FLOOD')).toBeGreaterThanOrEqual(10);
  expect(stage.lines.filter((l) => l.event === 'effect failed').length).toBeGreaterThanOrEqual(10);
});

test('a payer with 3,000 unpaid orders does not delay another payer’s one', async () => {
  stage = await createStage();
  await flood(3000, 1);
  const agenda = [{ do: 'query', at: START_MS - MINUTE, tries: 0 }] as const;
  await stage.store.insert(anOrder('OTHER00001', { payer: openidOf(1), agenda }));
  await stage.service.sweep?.runOnce(SMALL);
  expect(queries('OTHER00001')).toBe(1);
  expect(queries('FLOOD')).toBe(49);
});

test('queries that WeChat finds too many do not hold back a refund', async () => {
  stage = await createStage();
  await flood(100);
  await refundDue('NEW0000005', 50_000);
  const route = 'GET /v3/pay/transactions/out-trade-no/{no}';
  stage.simulator.faults.add({ route, kind: 'status', status: 429, times: 1e6 });
  await stage.service.sweep?.runOnce(SMALL);
  expect(stage.lines.filter((l) => l.event === 'sweep braked')).toHaveLength(1);
  expect(refundQueries()).toBe(0);
  await stage.simulator.clock.advance(15_000);
  await stage.service.sweep?.runOnce(SMALL);
  expect(refundQueries()).toBe(1);
});

describe('a receiver that never answers', () => {
  let server: Server;
  const held: ServerResponse[] = [];
  let answers = false;
  beforeEach(async () => {
    held.length = 0;
    answers = false;
    server = createServer((req, res) => {
      req.resume();
      if (answers) res.writeHead(204).end();
      else held.push(res);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => cut(server));

  const address = (): string =>
    `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/effects`;

  test('keeps eight deliveries waiting at most, and nothing else', async () => {
    stage = await createStage({ env: { webhookUrl: address() } });
    await flood(200);
    await untold(100);
    await refundDue('NEW0000006');
    const brief = { ...SMALL, deliveryWaitMs: 10 };
    const first = await stage.service.sweep?.runOnce(brief);
    expect(first?.left).toBeGreaterThan(0);
    expect(refundQueries()).toBe(1);
    const before = queries('FLOOD');
    expect(before).toBeGreaterThanOrEqual(30);
    await stage.service.sweep?.runOnce(brief);
    expect(queries('FLOOD')).toBeGreaterThan(before);
    expect(held.length).toBeLessThanOrEqual(8);
    for (const response of held) response.writeHead(204).end();
    await stage.service.sweep?.idle();
  });

  test('keeps its places in the next sweep, which waits for them and does the rest', async () => {
    stage = await createStage({ env: { webhookUrl: address() } });
    await untold(20);
    const first = await stage.service.sweep?.runOnce({ deliveryWaitMs: 0 });
    expect(first?.left).toBe(12);
    const due = jest.spyOn(stage.records, 'due');
    const second = stage.service.sweep?.runOnce();
    await until('the second sweep knows what is due', () => due.mock.calls.length >= 3);
    answers = true;
    for (const response of held) response.writeHead(204).end();
    expect(await second).toEqual({ done: 12, left: 0 });
    await stage.service.sweep?.idle();
  });
});
