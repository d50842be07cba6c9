/** On the memory store, whose replace is as conditional as any database's. */
import { redeliver } from '../../../services/ledger/outbox';
import { createDeliverer } from '../../../services/delivery/deliverer';
import { ATTEMPTS_MAX } from '../../../services/ledger/retrySchedule';
import { DeliveryError } from '../../../services/delivery/sink';
import type { Sink } from '../../../services/delivery/sink';
import type { CloudEvent } from '../../../services/ledger/effectTypes';
import type { EffectType, OrderRecord } from '../../../services/ledger/record';
import { createRecordWriter } from '../../../services/records/recordWriter';
import { createMemoryOrderStore } from '../../../services/stores/memoryOrderStore';
import type { OrderStore } from '../../../services/stores/orderStore';
import type { Logger, LogFields } from '../../../utils/logger';
import { aPaidOrder, OPENID, T0, withEffect } from './helpers';
import { ownStore } from '../../helpers/ownStore';

type Result = 'delivered' | 'gone' | Error | (() => Promise<'delivered' | 'gone'>);

function setUp(results: Result[] = []) {
  const time = { now: T0 };
  const clock = { now: () => time.now };
  const events: CloudEvent[] = [];
  const logged: { level: string; fields: LogFields; event: string }[] = [];
  const log =
    (level: string) =>
    (fields: LogFields, event: string): void => {
      logged.push({ level, fields, event });
    };
  const logger: Logger = {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
  };
  const sink: Sink = {
    kind: 'webhook',
    async deliver(event) {
      events.push(event);
      const result = results.shift() ?? 'delivered';
      if (result instanceof Error) throw result;
      return typeof result === 'function' ? result() : result;
    },
    close: async () => undefined,
  };
  const store = ownStore(createMemoryOrderStore());
  const deps = { writer: createRecordWriter({ store, clock, logger }), sink, clock, logger };
  return { ...deps, store, deps, time, events, logged, deliverer: createDeliverer(deps) };
}

async function put(store: OrderStore, ...types: EffectType[]): Promise<OrderRecord> {
  let record = aPaidOrder();
  for (const type of types) record = withEffect(record, type);
  await store.insert(record);
  return record;
}

async function get(store: OrderStore): Promise<OrderRecord> {
  const record = await store.find('order', 'ORDER0001');
  if (record === undefined) throw new Error('no record');
  return record;
}

it('delivers in order, one a call, and then has nothing to do', async () => {
  const { store, deliverer, events } = setUp();
  await put(store, 'order.created', 'order.paid');
  expect(await deliverer.deliverDue(await get(store))).toBe('delivered');
  expect(await store.due(T0, 10)).toHaveLength(1);
  expect(await deliverer.deliverDue(await get(store))).toBe('delivered');
  expect(await deliverer.deliverDue(await get(store))).toBe('none');
  expect(events.map((e) => e.type)).toEqual(['order.created', 'order.paid']);
  expect(await store.oldestDue()).toBeUndefined();
  expect((await get(store)).effects.map((e) => [e.state, e.tries])).toEqual([
    ['delivered', 1],
    ['delivered', 1],
  ]);
});

it('holds the lease in the store before it delivers', async () => {
  const { store, deliverer, deps, time } = setUp([
    async () => {
      const seen = await get(store);
      expect(seen).toMatchObject({ version: 2, lease_until: T0 + 30_000 });
      expect(seen.effects[0]?.tries).toBe(1);
      expect(await store.due(T0 + 29_999, 10)).toHaveLength(0);
      expect(await createDeliverer(deps).deliverDue(seen)).toBe('none');
      time.now += 10;
      return 'delivered';
    },
  ]);
  await put(store, 'order.paid');
  expect(await deliverer.deliverDue(await get(store))).toBe('delivered');
});

it('lets one of two instances deliver', async () => {
  const { store, deliverer, deps, events } = setUp();
  const record = await put(store, 'order.paid');
  const outcomes = await Promise.all([
    deliverer.deliverDue(record),
    createDeliverer(deps).deliverDue(record),
  ]);
  expect([...outcomes].sort()).toEqual(['delivered', 'lost']);
  expect(events).toHaveLength(1);
});

it('keeps the order when the first one fails, and tries it again with the same id', async () => {
  const { store, deliverer, events, time, logged } = setUp([
    new DeliveryError('receiver_answered', 'HTTP 500'),
  ]);
  await put(store, 'order.created', 'order.paid');
  expect(await deliverer.deliverDue(await get(store))).toBe('failed');
  expect(await deliverer.deliverDue(await get(store))).toBe('none');
  expect((await get(store)).effects[0]).toMatchObject({
    error: 'receiver_answered',
    error_detail: 'HTTP 500',
    tries: 1,
  });
  expect(await store.oldestDue()).toBe(T0 + 5_000);
  time.now += 5_000;
  expect(await deliverer.deliverDue(await get(store))).toBe('delivered');
  expect(events.map((e) => e.type)).toEqual(['order.created', 'order.created']);
  expect(events[0]).toEqual(events[1]);
  expect(logged[0]).toMatchObject({ level: 'warn', event: 'effect failed' });
});

it('raises an alarm for a dead effect; the next follows, and it can be redelivered', async () => {
  const failures = Array.from(
    { length: ATTEMPTS_MAX },
    () => new DeliveryError('receiver_not_reached'),
  );
  const { store, deliverer, time, events, logged } = setUp(failures);
  await put(store, 'order.created', 'order.paid');
  for (let i = 1; i < ATTEMPTS_MAX; i += 1) {
    expect(await deliverer.deliverDue(await get(store))).toBe('failed');
    time.now = (await store.oldestDue()) ?? NaN;
  }
  expect(await deliverer.deliverDue(await get(store))).toBe('dead');
  expect(logged.filter((l) => l.fields['alarm'] === true)).toHaveLength(1);
  expect(await deliverer.deliverDue(await get(store))).toBe('delivered');
  expect(events.at(-1)?.type).toBe('order.paid');
  const record = await get(store);
  const again = { ...redeliver(record, undefined, time.now), version: record.version + 1 };
  await store.replace(again, record.version);
  expect(await deliverer.deliverDue(await get(store))).toBe('delivered');
  expect(events.at(-1)?.id).toBe(events[0]?.id);
});

it('asks a receiver that is gone once, and raises an alarm', async () => {
  const { store, deliverer, logged } = setUp(['gone']);
  await put(store, 'order.paid');
  expect(await deliverer.deliverDue(await get(store))).toBe('dead');
  expect((await get(store)).effects[0]).toMatchObject({ state: 'dead', error: 'gone', tries: 1 });
  expect(logged).toMatchObject([{ level: 'error', fields: { alarm: true, reason: 'gone' } }]);
  expect(await store.oldestDue()).toBeUndefined();
});

it('marks the newer record when it was changed during the delivery', async () => {
  const { store, deliverer } = setUp([
    async () => {
      const now = await get(store);
      const changed = { ...withEffect(now, 'refund.requested'), attach: 'changed' };
      await store.replace({ ...changed, version: now.version + 1 }, now.version);
      return 'delivered';
    },
  ]);
  await put(store, 'order.paid');
  expect(await deliverer.deliverDue(await get(store))).toBe('delivered');
  const record = await get(store);
  expect(record.attach).toBe('changed');
  expect(record.effects.map((e) => e.state)).toEqual(['delivered', 'pending']);
  expect(record.lease_until ?? 0).toBe(0);
  expect(await store.due(T0, 10)).toHaveLength(1);
});

it('writes no failure over an attempt that is not its own', async () => {
  const { store, deps, deliverer, time, events } = setUp([
    async () => {
      // Our lease runs out; another instance delivers meanwhile.
      time.now += 60_000;
      expect(await createDeliverer(deps).deliverDue(await get(store))).toBe('delivered');
      throw new DeliveryError('no_answer');
    },
  ]);
  await put(store, 'order.paid');
  expect(await deliverer.deliverDue(await get(store))).toBe('lost');
  expect((await get(store)).effects[0]).toMatchObject({ state: 'delivered', tries: 2 });
  expect(events).toHaveLength(2);
});

it('leaves the lease of another alone when it comes late', async () => {
  const { store, deliverer, time } = setUp([
    async () => {
      time.now += 31_000;
      const now = await get(store);
      const other = { ...now, version: now.version + 1, lease_until: T0 + 90_000 };
      await store.replace(other, now.version);
      return 'delivered';
    },
  ]);
  await put(store, 'order.paid');
  expect(await deliverer.deliverDue(await get(store))).toBe('delivered');
  expect((await get(store)).lease_until).toBe(T0 + 90_000);
});

it('tries again when the process died before the mark, paced by the schedule', async () => {
  const { store, deliverer, deps, time, events } = setUp();
  await put(store, 'order.paid');
  const broken = {
    find: store.find.bind(store),
    replace: async (next: OrderRecord, expected: number) => {
      if (expected > 1) throw new Error('killed');
      return store.replace(next, expected);
    },
  } as unknown as OrderStore;
  const dying = { ...deps, writer: createRecordWriter({ ...deps, store: broken }) };
  await expect(createDeliverer(dying).deliverDue(await get(store))).rejects.toThrow('killed');
  expect(await store.oldestDue()).toBe(T0 + 30_000);
  time.now += 30_000;
  expect(await deliverer.deliverDue(await get(store))).toBe('delivered');
  expect(events[0]?.id).toBe(events[1]?.id);
});

it('gives up an effect whose every attempt ended with the process', async () => {
  const { store, deliverer, events } = setUp();
  const record = withEffect(aPaidOrder(), 'order.paid');
  const effects = record.effects.map((e) => ({ ...e, tries: ATTEMPTS_MAX }));
  await store.insert({ ...record, effects });
  expect(await deliverer.deliverDue(await get(store))).toBe('dead');
  expect(events).toHaveLength(0);
});

it('keeps effects for a sink that was taken away, without asking for them all the time', async () => {
  const { store, deps, deliverer, time } = setUp();
  await put(store, 'order.paid');
  const none = createDeliverer({ ...deps, sink: undefined });
  expect(await none.deliverDue(await get(store))).toBe('none');
  expect(await store.oldestDue()).toBe(T0 + 600_000);
  time.now += 600_000;
  expect(await deliverer.deliverDue(await get(store))).toBe('delivered');
});

it('says nothing of a foreign error but its code, and no openid', async () => {
  const error = Object.assign(new Error(`secret ${OPENID}`), { code: 'EPIPE' });
  const { store, deliverer, logged } = setUp([error]);
  await put(store, 'order.paid');
  expect(await deliverer.deliverDue(await get(store))).toBe('failed');
  expect((await get(store)).effects[0]?.error_detail).toBe('EPIPE');
  expect(JSON.stringify(logged)).not.toContain(OPENID);
});

it('gives up an attempt when it is told to stop', async () => {
  const { store, deliverer } = setUp([() => new Promise<never>(() => undefined)]);
  await put(store, 'order.paid');
  const stop = new AbortController();
  const outcome = deliverer.deliverDue(await get(store), stop.signal);
  setImmediate(() => {
    stop.abort();
  });
  expect(await outcome).toBe('failed');
});
