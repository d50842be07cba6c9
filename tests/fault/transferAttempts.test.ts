/** One transfer, created by two at once: one asks, and what is said to one never ends the other. */
import { createGate } from '../helpers/faultyStore';
import { startProxy } from '../helpers/proxy';
import {
  dataOf,
  handClock,
  number,
  operator,
  startService,
  startSim,
  temporaryDatabase,
  transferBody,
  type Answer,
  type Running,
} from '../helpers/service';

const TRANSFER = '/wx-pay/wxpay_transfer';
const TRANSFERS = 'POST /v3/fund-app/mch-transfer/transfer-bills';

async function stage() {
  const sim = await startSim();
  const clock = handClock(sim.clock.now());
  const proxy = await startProxy(sim);
  const databaseUrl = temporaryDatabase();
  const slow = await startService({ sim, clock, env: { databaseUrl, wxPayBaseUrl: proxy.url } });
  const other = await startService({ sim, clock, env: { databaseUrl } });
  const no = number('T').slice(0, 32);
  const transfer = (run: Running): Promise<Answer> =>
    run.call(TRANSFER, transferBody(no), operator());
  const sent = (): number =>
    sim.requests.filter((r) => `${r.method} ${r.path}` === TRANSFERS).length;
  return { sim, clock, proxy, slow, other, no, transfer, sent };
}

test('while one is asking, another instance answers 202 and sends nothing', async () => {
  const { proxy, slow, other, transfer, sent } = await stage();
  const gate = createGate();
  proxy.hooks.before = (call) => (call === TRANSFERS ? gate.pass() : undefined);
  const first = transfer(slow);
  await gate.reached;
  const second = await transfer(other);
  expect(second.status).toBe(202);
  expect(dataOf(second)).toMatchObject({ state: 'PROCESSING' });
  gate.open();
  expect((await first).status).toBe(200);
  expect(sent()).toBe(1);
});

test('a late refusal of the first neither ends the second nor gives its right away', async () => {
  const { sim, clock, proxy, slow, other, no, transfer } = await stage();
  sim.switches.signErrors = true;
  const gate = createGate();
  proxy.hooks.after = (call) => (call === TRANSFERS ? gate.pass() : undefined);
  sim.faults.add({ route: TRANSFERS, kind: 'status', status: 403 });
  const first = transfer(slow);
  await gate.reached;
  clock.advance(11_000);
  await sim.clock.advance(11_000);
  sim.faults.add({ route: TRANSFERS, kind: 'drop_after', times: 3 });
  expect((await transfer(other)).status).toBe(202);
  gate.open();
  expect((await first).status).toBe(403);
  expect(await other.transfer(no)).toMatchObject({ state: 'CREATED', attempts: 2 });
  expect((await transfer(other)).status).toBe(200);
  expect(sim.transfers()).toHaveLength(1);
});

test('one made elsewhere, repeated with the same receiver and amount, is no conflict', async () => {
  const { sim, slow, other, no, transfer } = await stage();
  expect((await transfer(slow)).status).toBe(200);
  // Another deployment knows it from WeChat alone.
  const fresh = await startService({ sim });
  await fresh.call('/wx-pay/wxpay_transfer_bill_query', { out_bill_no: no }, operator());
  expect(await fresh.transfer(no)).toMatchObject({ facts_hash: '' });
  expect((await transfer(fresh)).status).toBe(200);
  const more = { ...transferBody(no), transfer_amount: 31 };
  expect(await fresh.call(TRANSFER, more, operator())).toMatchObject({
    status: 409,
    body: { error: 'TRANSFER_PARAMS_DIFFER' },
  });
  expect((await transfer(other)).status).toBe(200);
  expect(sim.transfers()).toHaveLength(1);
});
