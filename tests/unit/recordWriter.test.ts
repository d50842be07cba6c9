/** The one writer, on the memory store: who loses a race decides again, and nothing is read or written in vain. */
import { nextVersion, type Decision } from '../../services/ledger/decision';
import type { OrderRecord } from '../../services/ledger/record';
import { createRecordWriter } from '../../services/records/recordWriter';
import { createMemoryOrderStore } from '../../services/stores/memoryOrderStore';
import type { OrderStore } from '../../services/stores/orderStore';
import { silentLogger, type LogFields } from '../../utils/logger';
import { anOrder } from '../helpers/storeRecords';
import { ownStore } from '../helpers/ownStore';

const NOW = 1_780_000_000_000;
const REF = { kind: 'order', no: 'W1' } as const;
const line = { at: NOW, what: 'prepay', source: 'reply', proof: 'signature' } as const;
const item = { do: 'query', at: NOW, tries: 0 } as const;

function setUp(over: Partial<OrderStore> = {}) {
  const memory = ownStore(createMemoryOrderStore());
  const calls: string[] = [];
  const alarms: LogFields[] = [];
  const store: OrderStore = {
    ...memory,
    find: (async (kind: 'order', no: string) => {
      calls.push('find');
      return memory.find(kind, no);
    }) as OrderStore['find'],
    async replace(next, version) {
      calls.push('replace');
      return memory.replace(next, version);
    },
    async reserve(kind, no, owner, at) {
      calls.push(`reserve ${no}`);
      await Promise.resolve();
      const result = await memory.reserve(kind, no, owner, at);
      calls.push(`reserved ${no}`);
      return result;
    },
    ...over,
  };
  const clock = { now: () => NOW };
  const logger = { ...silentLogger, error: (fields: LogFields) => void alarms.push(fields) };
  return { memory, calls, alarms, writer: createRecordWriter({ store, clock, logger }) };
}

const described = (record: OrderRecord): Decision<OrderRecord> => ({
  kind: 'next',
  record: nextVersion(record, line, { description: `${record.description}+` }),
});
const paid = (record: OrderRecord): Decision<OrderRecord> => {
  const payment = { transaction_id: 'T1', total: 1, currency: 'CNY', appid: 'a', mchid: 'm' };
  const proven = { ...payment, source: 'reply', proof: 'signature' } as const;
  return { kind: 'next', record: nextVersion(record, line, { state: 'PAID', payment: proven }) };
};

it('writes a known record with one replace and no read', async () => {
  const { writer, calls, memory } = setUp();
  const known = anOrder('W1');
  await memory.insert(known);
  expect(await writer.change(REF, described, { known })).toMatchObject({ outcome: 'applied' });
  expect(calls).toEqual(['replace']);
});

it('reads again and decides again when another writer was faster', async () => {
  const { writer, calls, memory } = setUp();
  const known = anOrder('W1', { description: 'a' });
  await memory.insert(known);
  await memory.replace({ ...known, description: 'b', version: 2 }, 1);
  const done = await writer.change<OrderRecord>(REF, described, { known });
  expect(done).toMatchObject({ outcome: 'applied', record: { description: 'b+', version: 3 } });
  expect(calls).toEqual(['replace', 'find', 'replace']);
});

it('gives up after a bounded number of lost races', async () => {
  let tries = 0;
  const lost = async (): Promise<'conflict'> => {
    tries += 1;
    return 'conflict';
  };
  const { writer, memory } = setUp({ replace: lost });
  await memory.insert(anOrder('W1'));
  await expect(writer.change(REF, described)).rejects.toMatchObject({ code: 'STORE_CONTENTION' });
  expect(tries).toBe(40);
});

it('writes nothing past the deadline', async () => {
  const { writer, calls, memory } = setUp();
  const known = anOrder('W1');
  await memory.insert(known);
  const late = writer.change(REF, described, { known, deadline: NOW });
  await expect(late).rejects.toMatchObject({ code: 'STORE_CONTENTION' });
  expect(calls).toEqual([]);
});

it('says that a record is absent, and what was ignored or refused, without a write', async () => {
  const { writer, calls, memory } = setUp();
  expect(await writer.change(REF, described)).toEqual({ outcome: 'absent' });
  const known = anOrder('W1');
  await memory.insert(known);
  const ignore = (): Decision<OrderRecord> => ({ kind: 'ignored', why: 'already_known' });
  expect(await writer.change(REF, ignore, { known })).toMatchObject({ why: 'already_known' });
  const refuse = (): Decision<OrderRecord> => ({
    kind: 'conflict',
    code: 'ORDER_PAID',
    why: 'already_paid',
  });
  expect(await writer.change(REF, refuse, { known })).toMatchObject({ code: 'ORDER_PAID' });
  expect(calls).toEqual(['find']);
});

it('reserves the numbers that a change brings in, before the write', async () => {
  const { writer, calls, memory } = setUp();
  const known = anOrder('W1');
  await memory.insert(known);
  await writer.change<OrderRecord>(REF, paid, { known });
  expect(calls).toEqual(['reserve T1', 'reserved T1', 'replace']);
  expect(await memory.reservation('transaction', 'T1')).toMatchObject({ owner: 'W1' });
});

it('does not wait for them where the store commits in order', async () => {
  const { writer, calls, memory } = setUp({ inOrder: true });
  const known = anOrder('W1');
  await memory.insert(known);
  await writer.change<OrderRecord>(REF, paid, { known });
  expect(calls).toEqual(['reserve T1', 'replace', 'reserved T1']);
});

it('alarms about a number that leads to another record', async () => {
  const { writer, alarms, memory } = setUp();
  const known = anOrder('W1');
  await memory.insert(known);
  await memory.reserve('transaction', 'T1', 'W2', NOW);
  await writer.change<OrderRecord>(REF, paid, { known });
  expect(alarms).toMatchObject([{ alarm: true, kind: 'transaction', no: 'T1' }]);
});

it('never creates a record over another one', async () => {
  const { writer, memory } = setUp();
  expect(await writer.create(anOrder('W1', { description: 'a' }))).toBe('inserted');
  expect(await writer.create(anOrder('W1', { description: 'b' }))).toBe('exists');
  expect(await memory.find('order', 'W1')).toMatchObject({ description: 'a', version: 1 });
});

it('patches once, and not over another write', async () => {
  const { writer, memory } = setUp();
  const known = anOrder('W1');
  await memory.insert(known);
  expect(await writer.patch(known, { agenda: [item] })).toMatchObject({ version: 2 });
  expect(await writer.patch(known, { agenda: [] })).toBeUndefined();
  expect(await memory.find('order', 'W1')).toMatchObject({ agenda: [item], version: 2 });
});

it('gives back its own lease and no other', async () => {
  const { writer, memory } = setUp();
  const known = anOrder('W1', { agenda: [item] });
  await memory.insert(known);
  const held = await writer.lease(known, item, { next: undefined, ms: 30_000 });
  expect(held).toMatchObject({ agenda: [], lease_until: NOW + 30_000 });
  expect(await writer.lease(known, item, { next: undefined, ms: 30_000 })).toBeUndefined();
  if (held === undefined) return;
  const free = await writer.release(held, item);
  expect(free).toMatchObject({ agenda: [item], version: 3 });
  expect(free).not.toHaveProperty('lease_until');
  const other = await writer.patch(free as OrderRecord, { lease_until: NOW + 60_000 });
  expect(await writer.release(held, item)).toMatchObject({ version: other?.version });
  expect(await memory.find('order', 'W1')).toMatchObject({ lease_until: NOW + 60_000 });
});
