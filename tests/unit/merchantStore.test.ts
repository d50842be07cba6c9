/** No record of one merchant serves another: every pair of merchants, every method of the view. */
import type { StoredRecord } from '../../services/ledger/record';
import { merchantStore } from '../../services/merchants/merchantStore';
import { unknownMerchants } from '../../services/merchants/unknownMerchants';
import { createMemoryOrderStore, type MemoryRow } from '../../services/stores/memoryOrderStore';
import type { OrderStore, RecordStore } from '../../services/stores/orderStore';
import { anOrder, aReport, aTransfer } from '../helpers/storeRecords';

const MERCHANTS = ['1900000001', '1900000002', '1900000003'] as const;
const PAYER = 'oPayer_0000000000000000001';
const AT = 1_700_000_000_000;
const NO = 'SAME1';
const DELIVERY = { do: 'deliver', at: AT, tries: 0 } as const;
const BROKEN = { code: 'INVARIANT_BROKEN' };
const pairs = MERCHANTS.flatMap((one) =>
  MERCHANTS.filter((other) => other !== one).map((other) => [one, other] as const),
);

const recordsOf = (mchid: string): readonly StoredRecord[] => [
  anOrder(NO, { mchid, payer: PAYER, description: mchid, agenda: [DELIVERY] }),
  aTransfer(NO, { mchid }),
  aReport(NO, { mchid }),
];

describe.each(pairs)('%s beside %s', (mine, theirs) => {
  let records: RecordStore;
  let own: OrderStore;
  beforeEach(async () => {
    records = createMemoryOrderStore();
    own = merchantStore(records, mine);
    for (const record of recordsOf(theirs)) await records.insert(record);
    await records.reserve({ mchid: theirs, kind: 'refund', no: 'R1', owner: NO, at: AT });
  });

  const range = { from: AT, to: AT + 1, limit: 10 };
  /** What each method of the view says of the other merchant's records. */
  const seen: Record<
    keyof Omit<OrderStore, 'name' | 'durable' | 'inOrder'>,
    () => Promise<unknown>
  > = {
    find: async () => [
      await own.find('order', NO),
      await own.find('transfer', NO),
      await own.find('report', NO),
    ],
    list: async () => (await own.list({ limit: 10 })).items,
    damaged: async () => (await own.damaged({ limit: 10 })).items,
    due: () => own.due(AT, 10),
    oldestDue: () => own.oldestDue(),
    count: () => own.count(PAYER, 0),
    active: () => own.active(PAYER, { from: 0, since: 0 }),
    reservation: () => own.reservation('refund', 'R1'),
    reservations: async () => (await own.reservations('refund', range)).items,
    insert: async () => {
      for (const record of recordsOf(theirs)) {
        await expect(own.insert({ ...record, no: 'NEW' })).rejects.toMatchObject(BROKEN);
      }
    },
    replace: async () => {
      for (const record of recordsOf(theirs)) {
        await expect(own.replace({ ...record, version: 2 }, 1)).rejects.toMatchObject(BROKEN);
      }
    },
    reserve: async () => {
      expect(await own.reserve('refund', 'R1', 'mine', AT)).toBe('reserved');
    },
  };
  const NOTHING: Partial<Record<string, unknown>> = {
    find: [undefined, undefined, undefined],
    list: [],
    damaged: [],
    due: [],
    count: 0,
    active: [],
    reservations: [],
  };

  it.each(Object.keys(seen) as (keyof typeof seen)[])('%s', async (method) => {
    const before = await dumpOf(records, theirs);
    expect(await seen[method]()).toEqual(NOTHING[method]);
    expect(await dumpOf(records, theirs)).toEqual(before);
  });

  it('the same numbers are both theirs', async () => {
    for (const record of recordsOf(mine)) expect(await own.insert(record)).toBe('inserted');
    expect((await own.find('order', NO))?.description).toBe(mine);
    expect((await merchantStore(records, theirs).find('order', NO))?.description).toBe(theirs);
    expect(await own.count(PAYER, 0)).toBe(1);
  });

  it('a filter that names the other merchant is a bug', async () => {
    await expect(own.list({ mchid: theirs, limit: 1 })).rejects.toMatchObject(BROKEN);
    await expect(own.damaged({ mchid: theirs, limit: 1 })).rejects.toMatchObject(BROKEN);
  });

  it('what a store hands out of the other merchant by mistake goes no further', async () => {
    const wrong = merchantStore(mistaken(records, theirs), mine);
    const asked = [
      () => wrong.find('order', NO),
      () => wrong.list({ limit: 10 }),
      () => wrong.due(AT, 10),
      () => wrong.active(PAYER, { from: 0, since: 0 }),
      () => wrong.reservation('refund', 'R1'),
      () => wrong.reservations('refund', range),
    ];
    for (const ask of asked) await expect(ask()).rejects.toMatchObject(BROKEN);
  });
});

async function dumpOf(store: RecordStore, mchid: string): Promise<unknown> {
  const range = { from: 0, to: Number.MAX_SAFE_INTEGER, limit: 100 };
  return [
    await store.list({ mchid, limit: 100 }),
    await store.reservations(mchid, 'refund', range),
  ];
}

/** A store that answers for another merchant than it was asked for. */
const mistaken = (store: RecordStore, mchid: string): RecordStore => ({
  ...store,
  find: (_mchid, kind, no) => store.find(mchid, kind, no),
  list: (filter) => store.list({ ...filter, mchid }),
  active: (_mchid, payer, range) => store.active(mchid, payer, range),
  due: (_mchid, now, limit, lane, after) => store.due(mchid, now, limit, lane, after),
  reservation: (_mchid, kind, no) => store.reservation(mchid, kind, no),
  reservations: (_mchid, kind, range) => store.reservations(mchid, kind, range),
});

describe('merchants that are set up nowhere', () => {
  const agenda = [DELIVERY];

  it('are found by one question each, where work of theirs is due', async () => {
    const store = createMemoryOrderStore();
    for (const mchid of ['1', '2', '3', '4']) {
      for (let i = 0; i < 5; i++) await store.insert(anOrder(`O${String(i)}`, { mchid }));
    }
    for (const mchid of ['2', '3']) await store.insert(anOrder('DUE', { mchid, agenda }));
    const list = jest.spyOn(store, 'list');
    expect(await unknownMerchants(store, new Set(['1', '3']))).toEqual([{ mchid: '2', due: AT }]);
    expect(list).toHaveBeenCalledTimes(5);
    expect(await unknownMerchants(createMemoryOrderStore(), new Set())).toEqual([]);
  });

  it('… also behind a damaged row', async () => {
    const rows = new Map<string, MemoryRow>();
    const store = createMemoryOrderStore({ rows });
    for (const mchid of ['1', '2', '3']) await store.insert(anOrder('O', { mchid, agenda }));
    for (const [key, row] of rows) {
      if (row.mchid === '3') rows.set(key, { ...row, body: '{' });
    }
    const found = await unknownMerchants(store, new Set());
    expect(found.map(({ mchid }) => mchid).sort()).toEqual(['1', '2', '3']);
  });
});
