/**
 * Rolling deploys: this build and the next one at work on one database. What the next one wrote, this one
 * reads, changes and keeps whole; what demands a newer reader it refuses with 503 and never writes.
 */
import type { OrderRecord, StoredRecord } from '../../services/ledger/record';
import { createInstance, freePort, type Instance } from './instance';
import { seedOf } from './random';
import { until } from './shop';
import { createWorld, databasesHere, OPERATOR_KEY, type World } from './world';
import { pause } from '../helpers/waiting';
import { buildNext } from './rollingBuild';
import { CAMPAIGN, DEMANDS_SCHEMA, NEXT_VERSION } from './rollingNext';

let next: string;

beforeAll(() => {
  next = buildNext();
});

const AS_OPERATOR = { 'x-api-key': OPERATOR_KEY };

/** The record as text, and every column of its row. */
const rowOf = (world: World, no: string) =>
  world.database.run(`SELECT * FROM pay_record WHERE no = '${no}'`);

async function tell(world: World, kind: 'payment' | 'refund', no: string, at: Instance) {
  const path = kind === 'payment' ? '/wechatpay/order' : '/wechatpay/refund';
  const [sent] = await world.sim.deliver(kind, no, { url: `${at.url}${path}` });
  return { status: sent?.statusAnswered, body: sent?.bodyAnswered };
}

async function found(world: World, no: string): Promise<OrderRecord> {
  const record = await world.store.find('order', no);
  if (record === undefined) throw new Error(`${no} is not there`);
  return record;
}

/** Puts a field nobody knows into every part of a record. */
function sown(record: OrderRecord): StoredRecord {
  const seed = { sown: { by: 'next' } };
  return {
    ...record,
    version: record.version + 1,
    amount: { ...record.amount, ...seed },
    payment: { ...record.payment, ...seed },
    refunds: record.refunds.map((one) => ({ ...one, ...seed })),
    effects: record.effects.map((one) => ({ ...one, ...seed })),
    history: record.history.map((one) => ({ ...one, ...seed })),
  } as unknown as StoredRecord;
}

describe.each(databasesHere())('two builds on %s', (database) => {
  let world: World;
  let older: Instance;
  let newer: Instance;

  beforeEach(async () => {
    world = await createWorld({ database, seed: seedOf(), instances: 1 });
    older = world.instances[0] as Instance;
    const { env, agent } = world;
    const port = await freePort();
    newer = createInstance({ name: `${database} next`, folder: next, port, env, agent });
  });
  afterEach(async () => {
    await newer.kill();
    await world.close();
  });

  const placeAt = async (no: string, at: Instance) => {
    expect(await world.order(no, {}, at)).toMatchObject({ status: 200 });
  };

  test('the older one works on with the newer one’s tables, and keeps every field', async () => {
    await placeAt('OLD0001', older);
    await newer.start();
    await placeAt('OLD0002', older);
    await placeAt('NEW0001', newer);
    expect(await world.database.run('SELECT MAX(version) AS v FROM pay_migration')).toEqual([
      { v: NEXT_VERSION },
    ]);

    for (const [no, at] of [
      ['OLD0001', newer],
      ['OLD0002', older],
      ['NEW0001', older],
    ] as const) {
      world.sim.pay(no);
      expect(await tell(world, 'payment', no, at)).toMatchObject({ status: 200 });
      expect((await found(world, no)).state).toBe('PAID');
    }
    const written = await found(world, 'NEW0001');
    expect(written).toMatchObject({ schema: NEXT_VERSION, campaign: CAMPAIGN });

    // The newer one goes; the older one starts again on what was left and goes on with it.
    await newer.stop();
    await older.kill();
    await older.start();
    await until('a quiet record', async () => (await found(world, 'NEW0001')).agenda.length === 0);
    const quiet = await found(world, 'NEW0001');
    expect(await world.store.replace(sown(quiet), quiet.version)).toBe('replaced');
    const wish = { out_trade_no: 'NEW0001', out_refund_no: 'NEWR1' };
    const amount = { refund: 40, total: 100 };
    const refunded = await world.operate('wxpay_refund', { ...wish, amount }, older);
    expect(refunded.status).toBe(200);
    await until('the refund is over', async () => {
      return world.sim.refund('NEWR1')?.['status'] === 'SUCCESS';
    });
    expect(await tell(world, 'refund', 'NEWR1', older)).toMatchObject({ status: 200 });
    await until('delivered', async () => (await found(world, 'NEW0001')).agenda.length === 0);

    const after = await found(world, 'NEW0001');
    expect(after.state).toBe('PARTIALLY_REFUNDED');
    expect(after).toMatchObject({ schema: NEXT_VERSION, campaign: CAMPAIGN });
    const { amount: asked, payment, effects, history } = sown(quiet) as OrderRecord;
    expect(after.amount).toEqual(asked);
    expect(after.payment).toEqual(payment);
    expect(after.effects.slice(0, effects.length)).toEqual(effects);
    expect(after.history.slice(0, history.length)).toEqual(history);
  });

  test('a record that demands a newer reader: 503, and not a byte of it changes', async () => {
    await newer.start();
    await placeAt('DEMAND0001', newer);
    // From here on only the older one could touch it.
    await newer.kill();
    world.sim.pay('DEMAND0001');
    const before = await rowOf(world, 'DEMAND0001');
    expect(before).toHaveLength(1);

    const refused = { status: 503, body: { code: -1, error: 'STORE_NEWER' } };
    const ask = { out_trade_no: 'DEMAND0001' };
    const refund = { ...ask, out_refund_no: 'DEMANDR1', amount: { refund: 1, total: 100 } };
    expect(await world.order('DEMAND0001', {}, older)).toMatchObject(refused);
    for (const [path, body] of [
      ['wxpay_query_order_by_out_trade_no', ask],
      ['wxpay_close_order', ask],
      ['wxpay_refund', refund],
      ['records/order/DEMAND0001/redeliver', {}],
    ] as const) {
      expect({ path, ...(await world.operate(path, body, older)) }).toMatchObject(refused);
    }
    const read = await older.call(
      'GET',
      '/wx-pay/records/order/DEMAND0001',
      undefined,
      AS_OPERATOR,
    );
    expect(read).toMatchObject(refused);
    expect(await tell(world, 'payment', 'DEMAND0001', older)).toMatchObject({ status: 503 });

    // It sweeps meanwhile, and what is not refused to it gets on.
    await placeAt('PLAIN0001', older);
    world.sim.pay('PLAIN0001');
    expect(await tell(world, 'payment', 'PLAIN0001', older)).toMatchObject({ status: 200 });
    await until('swept', async () => (await found(world, 'PLAIN0001')).agenda.length === 0);
    expect(await rowOf(world, 'DEMAND0001')).toEqual(before);
    expect(world.sim.refunds()).toEqual([]);

    await newer.start();
    expect(await tell(world, 'payment', 'DEMAND0001', newer)).toMatchObject({ status: 200 });
    expect(await rowOf(world, 'DEMAND0001')).toMatchObject([{ state: 'PAID' }]);
  });

  test('tables that demand a newer reader: 503 from then on, also for who was running', async () => {
    await placeAt('BEFORE0001', older);
    world.sim.pay('BEFORE0001');
    // It migrates, and does nothing else.
    await newer.start({ env: { ...DEMANDS_SCHEMA, sweepSeconds: '0' } });
    await newer.kill();
    const before = await world.database.run('SELECT * FROM pay_record');
    const unchanged = async () => {
      expect(await world.database.run('SELECT * FROM pay_record')).toEqual(before);
    };

    // A rewrite is refused by the statement itself, from the very commit of the migration on …
    expect(await tell(world, 'payment', 'BEFORE0001', older)).toMatchObject({ status: 503 });
    await unchanged();
    // … and within a second everything is; its sweep meanwhile comes to where it would have asked.
    await pause(1500);
    const noticed = async () => (await older.call('GET', '/readyz')).status === 503;
    await until('the older one has noticed', noticed);
    const refusesAll = async () => {
      const refused = { status: 503, body: { error: 'STORE_NEWER' } };
      expect(await older.call('GET', '/readyz')).toMatchObject(refused);
      expect(await older.call('GET', '/healthz')).toMatchObject({ status: 200 });
      expect(await world.order('AFTER0001', {}, older)).toMatchObject(refused);
      expect(await tell(world, 'payment', 'BEFORE0001', older)).toMatchObject({ status: 503 });
      await unchanged();
    };
    await refusesAll();
    await older.kill();
    await older.start({ ready: false });
    await refusesAll();

    await newer.start({ env: DEMANDS_SCHEMA });
    expect(await tell(world, 'payment', 'BEFORE0001', newer)).toMatchObject({ status: 200 });
  });
});
