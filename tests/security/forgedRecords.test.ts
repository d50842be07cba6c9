/**
 * Somebody writes to the database past the service: an order that was never paid, a transfer that nobody asked for. With
 * sealed records nothing comes of it; without, no request leaves that does not fit its record and the settings.
 */
import type {
  CombinationRecord,
  OrderRecord,
  StoredRecord,
  TransferRecord,
} from '../../services/ledger/record';
import { openStore } from '../../services/stores';
import { createMemoryOrderStore, type MemoryRow } from '../../services/stores/memoryOrderStore';
import type { RecordStore } from '../../services/stores/orderStore';
import { columnsOf } from '../../services/stores/storeRules';
import { TRANSFER_PATH } from '../../services/wechat/v3Paths';
import type { Simulator } from '../../simulator';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { createReceiver, type Receiver } from '../e2e/sweepSupport';
import { CLOUDBASE_TEST_KEY, startCloudbaseServer } from '../helpers/cloudbaseServer';
import { startMongodbServer } from '../helpers/mongodbServer';
import {
  afterTest,
  captureLogger,
  dataOf,
  handClock,
  operator,
  orderBody,
  payer,
  PAYER,
  placePaid,
  refundBody,
  serviceEnv,
  startService,
  startSim,
  temporaryDatabase,
  type HandClock,
  type LogLine,
  type Running,
} from '../helpers/service';
import { aReservation, anOrder, aTransfer } from '../helpers/storeRecords';
import { MCHID } from '../helpers/ownStore';

process.env['SILENCE'] = 'true';
process.env['TENCENTCLOUD'] = 'true';

const KEY = 'record-key-of-tests-0123456789abcdef';
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const MINUTE = 60_000;
const posts = (sim: Simulator, path: string) =>
  sim.requests.filter((r) => r.method === 'POST' && r.path === path);

interface World {
  readonly run: Running;
  readonly sim: Simulator;
  readonly receiver: Receiver;
  readonly clock: HandClock;
  readonly alarms: () => LogLine[];
  /** Writes past the service, as a client of the platform or another program would. */
  readonly plant: (record: StoredRecord) => Promise<void>;
}

/** Where records live, and how a stranger writes there. */
interface Place {
  readonly logs: LogLine[];
  readonly store?: RecordStore;
  readonly env?: Record<string, string>;
  readonly plant: World['plant'];
}

async function memoryPlace(): Promise<Place> {
  const logs: LogLine[] = [];
  const rows = new Map<string, MemoryRow>();
  const stranger = createMemoryOrderStore({ rows });
  const logger = captureLogger(logs);
  return {
    logs,
    store: createMemoryOrderStore({ rows, recordKeys: [KEY], logger }),
    plant: async (record) => {
      await stranger.insert(record);
    },
  };
}

async function sqlitePlace(): Promise<Place> {
  const url = temporaryDatabase();
  const stranger = await openStore({ url, clock: systemClock, logger: silentLogger });
  afterTest(() => stranger.close());
  return {
    logs: [],
    env: { databaseUrl: url, recordKey: KEY },
    plant: async (record) => {
      await stranger.insert(record);
    },
  };
}

async function cloudbasePlace(): Promise<Place> {
  const logs: LogLine[] = [];
  const server = await startCloudbaseServer();
  afterTest(() => server.close());
  const store = await openStore({
    url: 'cloudbase:',
    clock: systemClock,
    logger: captureLogger(logs),
    cloudbaseEnv: 'test-env',
    cloudbaseApiKey: CLOUDBASE_TEST_KEY,
    serviceUrl: server.serviceUrl,
    recordKeys: [KEY],
  });
  return {
    logs,
    store,
    plant: async (record) => {
      const { mchid, kind, no, version } = record;
      const _id = `${mchid}:${kind}:${no}`;
      const body = JSON.stringify(record);
      const doc = {
        _id,
        mchid,
        kind,
        no,
        version,
        ...columnsOf(record),
        body,
        _openid: 'oStranger_000001',
      };
      server.collections.get('pay_record')?.set(_id, doc);
    },
  };
}

async function mongodbPlace(): Promise<Place> {
  const logs: LogLine[] = [];
  const server = await startMongodbServer();
  afterTest(() => server.close());
  const at = { url: server.url(), clock: systemClock };
  const stranger = await openStore({ ...at, logger: silentLogger });
  afterTest(() => stranger.close());
  const store = await openStore({ ...at, logger: captureLogger(logs), recordKeys: [KEY] });
  return {
    logs,
    store,
    plant: async (record) => {
      await stranger.insert(record);
    },
  };
}

async function start(place: Place, env: Record<string, string> = {}): Promise<World> {
  const clock = handClock();
  const sim = await startSim();
  const receiver = await createReceiver();
  afterTest(() => receiver.close());
  const { store, logs } = place;
  const run = await startService({
    sim,
    clock,
    ...(store === undefined ? {} : { store }),
    env: { webhookUrl: receiver.url, webhookSecret: SECRET, ...place.env, ...env },
  });
  return {
    run,
    sim,
    receiver,
    clock,
    plant: place.plant,
    alarms: () => [...logs, ...run.alarms()],
  };
}

const sweep = async (run: Running): Promise<void> => {
  expect((await run.call('/wx-pay/wxpay_sweep', {}, operator())).status).toBe(200);
};

/** As the service itself would have written them. */
function forgedOrder(sim: Simulator, no: string, now: number): OrderRecord {
  const { merchantId: mchid, appId: appid } = sim.env() as { merchantId: string; appId: string };
  const facts = { transaction_id: '4200000000000000000000000001', total: 100, currency: 'CNY' };
  const proof = { appid, mchid, proof: 'signature', source: 'callback' } as const;
  return anOrder(no, {
    state: 'PAID',
    appid,
    mchid,
    created_at: now,
    updated_at: now,
    payer: PAYER,
    payment: { ...facts, ...proof },
    effects: [
      {
        id: 'ef_1',
        type: 'order.paid',
        at: now,
        data: { out_trade_no: no },
        state: 'pending',
        tries: 0,
      },
    ],
    effect_seq: 1,
    agenda: [{ do: 'deliver', at: now, tries: 0 }],
  });
}

function forgedTransfer(
  sim: Simulator,
  no: string,
  { now, amount, ...changes }: { now: number; amount: number; [field: string]: unknown },
): TransferRecord {
  const env = sim.env() as { merchantId: string; appId: string; transferNotifyUrl: string };
  const facts = {
    appid: env.appId,
    out_bill_no: no,
    transfer_scene_id: '1000',
    openid: PAYER,
    transfer_amount: amount,
    transfer_remark: '活动奖励',
    notify_url: env.transferNotifyUrl,
    transfer_scene_report_infos: [
      { info_type: '活动名称', info_content: '新会员有礼' },
      { info_type: '奖励说明', info_content: '注册奖励' },
    ],
  };
  const { path = TRANSFER_PATH, body, ...rest } = changes;
  return aTransfer(no, {
    appid: env.appId,
    mchid: env.merchantId,
    created_at: now,
    updated_at: now,
    payer: PAYER,
    transfer_amount: amount,
    transfer_scene_id: '1000',
    transfer_remark: '活动奖励',
    agenda: [{ do: 'transfer', at: now, tries: 0 }],
    request: {
      method: 'POST',
      path: path as string,
      body: (body as string | undefined) ?? JSON.stringify({ ...facts, ...rest }),
    },
  });
}

describe.each([
  ['memory', memoryPlace],
  ['sqlite', sqlitePlace],
  ['cloudbase', cloudbasePlace],
  ['mongodb', mongodbPlace],
])('forged records in a sealed store: %s', (_name, place) => {
  it('are neither delivered nor sent, alarmed once each, and the rest goes on', async () => {
    const limits = { transferMaxFen: '100', transferDayFen: '100' };
    const { run, sim, receiver, clock, plant, alarms } = await start(await place(), limits);
    await plant(forgedOrder(sim, 'FORGED1', clock.now()));
    await plant(forgedTransfer(sim, 'FORGEDT1', { now: clock.now(), amount: 199_900 }));
    await placePaid(run, sim, 'GENUINE1');
    for (let round = 0; round < 3; round += 1) {
      await sweep(run);
      await run.service.sweep?.idle();
      clock.advance(2 * MINUTE);
    }
    expect(receiver.events.map(({ type, subject }) => [type, subject])).toEqual([
      ['order.created', 'GENUINE1'],
      ['order.paid', 'GENUINE1'],
    ]);
    expect(sim.requests.filter((r) => r.path.startsWith(TRANSFER_PATH))).toEqual([]);
    const told = alarms().filter(({ event }) => event === 'record damaged');
    expect(told.map(({ no }) => no).sort()).toEqual(['FORGED1', 'FORGEDT1']);
    expect(alarms()).toHaveLength(2);
  });

  it('are served to nobody as truth, and listed as damaged', async () => {
    const { run, sim, clock, plant } = await start(await place());
    await plant(forgedOrder(sim, 'FORGED2', clock.now()));
    const damaged = { status: 503, body: { code: -1, error: 'RECORD_DAMAGED', data: null } };
    const record = '/wx-pay/records/order/FORGED2';
    expect(await run.get(record, operator())).toMatchObject(damaged);
    expect(await run.call(`${record}/redeliver`, {}, operator())).toMatchObject(damaged);
    const query = { out_trade_no: 'FORGED2' };
    const byNo = '/wx-pay/wxpay_query_order_by_out_trade_no';
    expect(await run.call(byNo, query, payer())).toMatchObject(damaged);
    const refund = refundBody('FORGED2', 'RF2', 100);
    expect(await run.call('/wx-pay/wxpay_refund', refund, operator())).toMatchObject(damaged);
    const order = await run.call('/wx-pay/wxpay_order', orderBody('FORGED2'), payer());
    expect(order).toMatchObject(damaged);
    expect(posts(sim, '/v3/refund/domestic/refunds')).toEqual([]);
    const listed = await run.get('/wx-pay/records?kind=order', operator());
    expect(dataOf(listed)).toMatchObject({ records: [] });
    const shown = await run.get('/wx-pay/records?state=damaged', operator());
    expect(dataOf(shown)).toMatchObject({
      records: [{ kind: 'order', no: 'FORGED2', state: 'damaged' }],
    });
    expect(shown.text).not.toContain('4200000000000000000000000001');
  });
});

describe('a stored request, in a store without seals', () => {
  /** Each differs from its record or the settings in one point. */
  const changes: readonly [string, Record<string, unknown>, string][] = [
    ['a higher amount', { transfer_amount: 199_900 }, 'transfer_amount'],
    ['another receiver', { openid: 'oOther_0000000000000000002' }, 'openid'],
    ['another number', { out_bill_no: 'OTHER' }, 'out_bill_no'],
    ['another AppID', { appid: 'wx9999999999999999' }, 'appid'],
    ['a field that we never send', { surprise: 1 }, 'surprise'],
    ['another path', { path: '/v3/refund/domestic/refunds' }, 'path'],
    [
      'a name that stands there twice',
      { body: '{"transfer_amount":1,"transfer_amount":30}' },
      'body',
    ],
    ['no JSON', { body: '{' }, 'body'],
  ];

  it.each(changes)('of a transfer with %s is not sent', async (_what, change, field) => {
    const place = await memoryPlace();
    const rows = new Map<string, MemoryRow>();
    const store = createMemoryOrderStore({ rows });
    const { run, sim, clock } = await start({ ...place, store });
    await store.insert(forgedTransfer(sim, 'T1', { now: clock.now(), amount: 30, ...change }));
    await store.insert(forgedTransfer(sim, 'T2', { now: clock.now(), amount: 30 }));
    await sweep(run);
    const sent = sim.requests.filter((r) => r.method === 'POST').map((r) => r.body);
    expect(sent).toEqual([expect.stringContaining('"out_bill_no":"T2"')]);
    expect(run.alarms().map(({ no, event, reason }) => [no, event, reason])).toEqual([
      ['T1', 'stored request refused', field],
      ['T1', 'left to an operator', `request_refused ${field}`],
    ]);
    expect((await run.transfer('T1')).agenda).toEqual([]);
    expect((await run.transfer('T1')).attempts).toBe(0);
  });

  it.each([
    ['transferMaxFen', { transferMaxFen: '29' }],
    ['transferDayFen', { transferDayFen: '50' }],
  ])(
    'of a transfer above %s of now is not sent, no matter who repeats it',
    async (field, limit) => {
      const store = createMemoryOrderStore();
      const place = { logs: [], store, plant: async () => undefined };
      const { run, sim, clock } = await start(place, limit);
      const done = forgedTransfer(sim, 'DONE', { now: clock.now(), amount: 30 });
      await store.insert({ ...done, agenda: [], state: 'SUCCESS' });
      await store.insert(forgedTransfer(sim, 'T3', { now: clock.now(), amount: 30 }));
      await sweep(run);
      expect(posts(sim, TRANSFER_PATH)).toEqual([]);
      expect(run.alarms()).toMatchObject([
        { event: 'stored request refused', no: 'T3', reason: field },
        { event: 'left to an operator', no: 'T3' },
      ]);
    },
  );

  it('of a refund with another amount, order or account is not sent, and the rest goes on', async () => {
    const store = createMemoryOrderStore();
    const { run, sim, clock } = await start({ logs: [], store, plant: async () => undefined });
    const changed = {
      amount: { refund: 100, total: 100, currency: 'CNY' },
      transaction_id: '4200000000000000000000000009',
      out_refund_no: 'OTHER',
    };
    for (const [field, value] of Object.entries(changed)) {
      const no = `O_${field}`;
      await placePaid(run, sim, no);
      await hold(store, no, { [field]: value }, clock.now());
    }
    await placePaid(run, sim, 'O_fine');
    await hold(store, 'O_fine', {}, clock.now());
    await sweep(run);
    const sent = posts(sim, '/v3/refund/domestic/refunds').map((r) => r.body);
    expect(sent).toEqual([expect.stringContaining('"out_refund_no":"R_O_fine"')]);
    const refused = run.alarms().filter(({ event }) => event === 'stored request refused');
    expect(refused.map(({ reason }) => reason).sort()).toEqual([
      'amount.refund',
      'out_refund_no',
      'transaction_id',
    ]);
  });

  it('is sent under an older notify URL of ours, so that no refund gets stuck', async () => {
    const store = createMemoryOrderStore();
    const { run, sim, clock } = await start({ logs: [], store, plant: async () => undefined });
    await placePaid(run, sim, 'O_moved');
    const notify_url = 'https://before.example.com/wechatpay/refund';
    await hold(store, 'O_moved', { notify_url }, clock.now());
    await sweep(run);
    expect(posts(sim, '/v3/refund/domestic/refunds')).toHaveLength(1);
  });

  it('of an order with another price is not sent when its payer asks again', async () => {
    const store = createMemoryOrderStore();
    const { run, sim } = await start({ logs: [], store, plant: async () => undefined });
    const ask = () => run.call('/wx-pay/wxpay_order', orderBody('ORDER9'), payer());
    expect((await ask()).status).toBe(200);
    await spoil(store, await run.order('ORDER9'), '"total":100', '"total":1');
    expect(await ask()).toMatchObject({ status: 409, body: { error: 'REQUEST_REFUSED' } });
    expect(posts(sim, '/v3/pay/transactions/jsapi')).toHaveLength(1);
    expect(run.alarms()).toMatchObject([{ no: 'ORDER9', reason: 'amount.total' }]);
  });

  it('of a combination with another price of a part is not sent either', async () => {
    const store = createMemoryOrderStore();
    const { run, sim } = await start({ logs: [], store, plant: async () => undefined });
    const part = (no: string) => ({
      out_trade_no: no,
      description: '测试商品',
      amount: { total_amount: 100, currency: 'CNY' },
      attach: 'a',
    });
    const sub_orders = [part('PART01'), part('PART02')];
    const body = { type: 'jsapi', combine_out_trade_no: 'WHOLE9', sub_orders };
    const ask = () => run.call('/wx-pay/wxpay_order_combine', body, payer());
    expect((await ask()).body).toMatchObject({ code: 0 });
    const held = await store.find(MCHID, 'combination', 'WHOLE9');
    if (held === undefined) throw new Error('no combination');
    await spoil(store, held, '"total_amount":100', '"total_amount":1');
    expect(await ask()).toMatchObject({ status: 409, body: { error: 'REQUEST_REFUSED' } });
    expect(posts(sim, '/v3/combine-transactions/jsapi')).toHaveLength(1);
    expect(run.alarms()).toMatchObject([{ no: 'WHOLE9', reason: 'sub_orders.amount' }]);
  });
});

/** The stored request changed by somebody, and its prepay gone, so that it would be sent again. */
async function spoil(
  store: RecordStore,
  held: OrderRecord | CombinationRecord,
  from: string,
  to: string,
): Promise<void> {
  const { prepay: _prepay, request, ...rest } = held;
  if (request === undefined) throw new Error('no request');
  const body = request.body.replace(from, to);
  const changed = { ...request, body };
  const version = held.version + 1;
  const next = { ...rest, state: 'CREATED', request: changed, version } as StoredRecord;
  await store.replace(next, held.version);
}

/** A refund as recorded and not yet sent, its request changed by somebody. */
async function hold(
  store: RecordStore,
  no: string,
  change: Record<string, unknown>,
  now: number,
): Promise<void> {
  const held = await store.find(MCHID, 'order', no);
  if (held?.payment === undefined) throw new Error('not paid');
  const out_refund_no = `R_${no}`;
  const body = {
    transaction_id: held.payment.transaction_id,
    out_refund_no,
    notify_url: serviceUrls.refund,
    amount: { refund: 40, total: 100, currency: 'CNY' },
    ...change,
  };
  const refund = {
    out_refund_no,
    status: 'REQUESTED',
    refund: 40,
    total: 100,
    source: 'operator',
    requested_at: now,
    attempts: 0,
    request: { method: 'POST', path: '/v3/refund/domestic/refunds', body: JSON.stringify(body) },
  } as const;
  const agenda = [...held.agenda, { do: 'refund', key: out_refund_no, at: now, tries: 0 } as const];
  const version = held.version + 1;
  const next: OrderRecord = { ...held, state: 'REFUNDING', refunds: [refund], agenda, version };
  await store.replace(next, held.version);
  await store.reserve(aReservation('refund', out_refund_no, no, now));
}

const serviceUrls = { refund: '' };
beforeEach(async () => {
  const sim = await startSim();
  serviceUrls.refund = serviceEnv(sim)['notifyURLRefundsURL'] ?? '';
});
