/**
 * What makes a store a store. Every implementation runs this one suite; passing it is the definition.
 * All tests share one database, so each has numbers and moments of its own.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { OrderRecord, StoredRecord } from '../../services/ledger/record';
import { dueAt, LANES, type Lane } from '../../services/ledger/agenda';
import type { RecordStore, Page } from '../../services/stores/orderStore';
import { writeCursor } from '../../services/stores/storeRules';
import { StoreError } from '../../utils/errors';
import { aRefund, aReport, aReservation, aTransfer, anOrder } from '../helpers/storeRecords';
import { until } from '../helpers/waiting';
import { MCHID } from '../helpers/ownStore';

export interface StoreUnderTest {
  readonly durable: boolean;
  /** What other processes open; only where the store is shared between processes. */
  readonly url?: () => string;
  /** An empty database without tables, opened as often as wanted. */
  readonly fresh?: () => Promise<{ url: string; open: () => Promise<RecordStore> }>;
  /** Puts this text in the place of a stored record, past the store. */
  readonly plant?: (kind: string, no: string, body: string, minReader: number) => Promise<void>;
  /** Cuts every connection to the database, as a restart of its server does. */
  readonly cutConnections?: () => Promise<void>;
  /** Printed once, so that a log says what was tested. */
  readonly runsOn: () => Promise<string>;
}

type Open = () => Promise<RecordStore>;

const OTHER = '1900000002';
const WRITERS = 20;
const DAY_MS = 86_400_000;
let serial = 0;
/** A number no other test uses. */
const fresh = (what: string): string => `${what}${String((serial += 1))}-${String(process.pid)}`;
/** A day no other test uses, so that lists see only their own records. */
const ownDay = (): number => 1_000_000_000_000 + (serial += 1) * DAY_MS;

const bump = <T extends StoredRecord>(record: T, facts: Partial<T> = {}): T => ({
  ...record,
  ...facts,
  version: record.version + 1,
});

const times = <T>(n: number, make: (i: number) => T): T[] =>
  Array.from({ length: n }, (_, i) => make(i));

export function describeOrderStore(name: string, open: Open, options: StoreUnderTest): void {
  describe(`order store: ${name}`, () => {
    const opened: RecordStore[] = [];
    const use = async (): Promise<RecordStore> => {
      const store = await open();
      opened.push(store);
      return store;
    };
    let store: RecordStore;

    beforeAll(async () => {
      store = await open();
      process.stdout.write(`${name} runs on ${await options.runsOn()}\n`);
    });
    afterEach(async () => {
      for (const one of opened.splice(0)) await one.close();
    });
    afterAll(() => store.close());

    const given = () => store;
    describe('writing', () => {
      testInsert(given);
      testReplace(given);
      testContent(given);
    });
    describe('reading', () => {
      testDue(given);
      testLanes(given);
      testLanes(given);
      testList(given);
      testFacts(given);
      testCount(given);
      testActive(given);
      testReservations(given);
      testMerchants(given);
    });
    describe('the store itself', () => {
      testLife(open, options);
      if (options.plant !== undefined) {
        testPlanted(given, options.plant);
        testHidden(given, options.plant);
      }
      if (options.durable) testReopened(given, use);
      if (options.url !== undefined) testProcesses(given, options.url);
      if (options.fresh !== undefined) testMigrations(options.fresh);
      if (options.cutConnections !== undefined) testCut(given, options.cutConnections);
    });
  });
}

type Given = () => RecordStore;

function testInsert(given: Given): void {
  it('inserts a number once and never overwrites it', async () => {
    const no = fresh('O');
    expect(await given().insert(anOrder(no, { description: 'first' }))).toBe('inserted');
    expect(await given().insert(anOrder(no, { description: 'second' }))).toBe('exists');
    expect((await given().find(MCHID, 'order', no))?.description).toBe('first');
  });

  it('lets one of 20 writers insert a number, and his record stays', async () => {
    const no = fresh('O');
    const results = await Promise.all(
      times(WRITERS, (i) => given().insert(anOrder(no, { description: `writer ${String(i)}` }))),
    );
    expect(results.filter((result) => result === 'inserted')).toHaveLength(1);
    const winner = results.indexOf('inserted');
    expect((await given().find(MCHID, 'order', no))?.description).toBe(`writer ${String(winner)}`);
  });

  it('keeps kinds apart and tells numbers by their case', async () => {
    const no = fresh('aB');
    expect(await given().insert(anOrder(no))).toBe('inserted');
    expect(await given().insert(anOrder(no.toUpperCase()))).toBe('inserted');
    expect(await given().insert(anOrder(no.toLowerCase()))).toBe('inserted');
    expect(await given().insert(aTransfer(no))).toBe('inserted');
    expect((await given().find(MCHID, 'order', no))?.no).toBe(no);
    expect((await given().find(MCHID, 'transfer', no))?.kind).toBe('transfer');
    expect(await given().find(MCHID, 'combination', no)).toBeUndefined();
    expect(await given().find(MCHID, 'order', `${no} `)).toBeUndefined();
  });

  it('refuses a wrong version, and numbers that databases compare differently', async () => {
    const no = fresh('O');
    await expect(given().insert(anOrder(no, { version: 2 }))).rejects.toThrow(/version 1/);
    for (const bad of ['', `${no} `, `${no}\0`, `${no}é`, 'x'.repeat(129)]) {
      await expect(given().insert(anOrder(bad))).rejects.toMatchObject({
        code: 'INVARIANT_BROKEN',
      });
    }
    expect(await given().find(MCHID, 'order', no)).toBeUndefined();
  });
}

function testReplace(given: Given): void {
  it('replaces a record only at the version it was read', async () => {
    const first = anOrder(fresh('O'));
    await given().insert(first);
    const second = bump(first, { state: 'PENDING' });
    expect(await given().replace(second, 1)).toBe('replaced');
    expect(await given().replace(bump(first, { state: 'CLOSED' }), 1)).toBe('conflict');
    expect(await given().replace(bump(bump(second)), 3)).toBe('conflict');
    expect(await given().find(MCHID, 'order', first.no)).toEqual(second);
    await expect(given().replace(second, 2)).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' });
  });

  it('answers conflict for a record that is not there, and does not make it', async () => {
    const next = anOrder(fresh('O'), { version: 2 });
    expect(await given().replace(next, 1)).toBe('conflict');
    expect(await given().find(MCHID, 'order', next.no)).toBeUndefined();
  });

  it('lets exactly one of 20 racing writers win each version', async () => {
    const no = fresh('O');
    await given().insert(anOrder(no));
    const wins: number[] = [];
    const writer = async (): Promise<void> => {
      for (let round = 0; round < 3; round += 1) {
        const seen = await given().find(MCHID, 'order', no);
        if (seen === undefined) throw new Error('the record is gone');
        const next = bump(seen);
        if ((await given().replace(next, seen.version)) === 'replaced') wins.push(next.version);
      }
    };
    await Promise.all(times(WRITERS, writer));
    expect(new Set(wins).size).toBe(wins.length);
    expect(wins.length).toBeGreaterThanOrEqual(3);
    expect((await given().find(MCHID, 'order', no))?.version).toBe(wins.length + 1);
  });

  it('counts every increment of 20 writers who try until they win', async () => {
    const no = fresh('O');
    await given().insert(anOrder(no, { effect_seq: 0 }));
    const writer = async (): Promise<void> => {
      for (let tries = 0; tries < 200; tries += 1) {
        const seen = await given().find(MCHID, 'order', no);
        if (seen === undefined) break;
        const next = bump(seen, { effect_seq: seen.effect_seq + 1 });
        if ((await given().replace(next, seen.version)) === 'replaced') return;
      }
      throw new Error('never won');
    };
    await Promise.all(times(WRITERS, writer));
    expect(await given().find(MCHID, 'order', no)).toMatchObject({ version: 21, effect_seq: 20 });
  });
}

function testContent(given: Given): void {
  it('keeps fields that this build does not know', async () => {
    const no = fresh('O');
    const later = { ...anOrder(no), next_year: { deep: [1, { x: '甲' }] } };
    await given().insert(later);
    const seen = await given().find(MCHID, 'order', no);
    if (seen === undefined) throw new Error('not found');
    await given().replace(bump(seen, { state: 'PENDING' }), 1);
    expect(await given().find(MCHID, 'order', no)).toEqual({
      ...later,
      state: 'PENDING',
      version: 2,
    });
  });

  it('gives back every character and every whole number', async () => {
    const description = '中文 🎈 "quote" \\ back \'single\' \u0000 \n %_ ? $1 \ud800 é e\u0301';
    const record = anOrder(fresh('O'), {
      description,
      payer: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o',
      amount: { total: Number.MAX_SAFE_INTEGER, currency: 'CNY' },
      extra: { detail: [0, -1, 1.5, true, null, '', {}] },
    });
    await given().insert(record);
    expect(await given().find(MCHID, 'order', record.no)).toEqual(record);
  });

  it('keeps a history of 100 kB whole', async () => {
    const history = times(500, (i) => ({
      at: i,
      what: `回调 ${'x'.repeat(180)}`,
      source: 'callback' as const,
      proof: 'signature' as const,
    }));
    const record = anOrder(fresh('O'), { history });
    expect(JSON.stringify(record).length).toBeGreaterThan(100_000);
    await given().insert(record);
    const next = bump(record, { history: [...history].reverse() });
    expect(await given().replace(next, 1)).toBe('replaced');
    expect(await given().find(MCHID, 'order', record.no)).toEqual(next);
  });

  it('hands out copies: changing one changes nothing stored', async () => {
    const record = anOrder(fresh('O'), { extra: { a: 1 } });
    await given().insert(record);
    const seen = await given().find(MCHID, 'order', record.no);
    (seen?.extra as { a: number }).a = 2;
    expect(await given().find(MCHID, 'order', record.no)).toEqual(record);
  });
}

function testDue(given: Given): void {
  const agenda = (at: number) => [{ do: 'query' as const, at, tries: 0 }];

  it('names what is due, earliest first; a lease hides it until it ends', async () => {
    const now = ownDay();
    const made = [now - 10, now - 30, now, now + 1].map((at) =>
      anOrder(fresh('D'), { agenda: agenda(at) }),
    );
    for (const record of made) await given().insert(record);
    await given().insert(anOrder(fresh('D')));
    const names = async (at: number, limit = 100) =>
      (await given().due(MCHID, at, limit)).map((record) => record.no);
    const [second, first, third] = made.map((record) => record.no);
    expect(await names(now)).toEqual([first, second, third]);
    expect(await names(now, 1)).toEqual([first]);
    expect(await given().oldestDue(MCHID)).toBe(now - 30);

    const leased = bump(made[1] as OrderRecord, { lease_until: now + 30_000 });
    expect(await given().replace(leased, 1)).toBe('replaced');
    expect(await given().replace(leased, 1)).toBe('conflict');
    expect(await names(now)).toEqual([second, third]);
    expect(await names(now + 30_000)).toContain(first);
    expect(dueAt(leased)).toBe(now + 30_000);

    for (const record of [made[0], leased, made[2], made[3]] as OrderRecord[]) {
      expect(await given().replace(bump(record, { agenda: [] }), record.version)).toBe('replaced');
    }
    expect(await names(now + DAY_MS)).toEqual([]);
    expect(await given().oldestDue(MCHID)).toBeUndefined();
  });
}

function testLanes(given: Given): void {
  const names = async (now: number, lane: Lane, limit = 100) =>
    (await given().due(MCHID, now, limit, lane)).map((record) => record.no);

  it('gives each lane its own, a record of several lanes in each, and every record once without one', async () => {
    const now = ownDay();
    const [paid, unpaid, both] = [fresh('L'), fresh('L'), fresh('L')];
    const ask = { do: 'query' as const, at: now - 30, tries: 0 };
    const made = [
      anOrder(paid, { agenda: [{ do: 'deliver', at: now - 10, tries: 0 }] }),
      anOrder(unpaid, { agenda: [ask] }),
      anOrder(both, { agenda: [ask, { do: 'refund', key: 'R', at: now - 20, tries: 0 }] }),
    ];
    for (const record of made) await given().insert(record);
    expect(await names(now, 'deliver')).toEqual([paid]);
    expect(await names(now, 'act')).toEqual([both]);
    expect(await names(now, 'ask')).toEqual([both, unpaid].sort());
    expect(await names(now - 20, 'deliver')).toEqual([]);
    expect((await given().due(MCHID, now, 100)).map(({ no }) => no)).toHaveLength(3);
    expect(await given().oldestDue(MCHID)).toBe(now - 30);

    // A lease hides it in every lane; what is done is gone from its lane alone.
    const leased = bump(made[2] as OrderRecord, { lease_until: now + 1000 });
    expect(await given().replace(leased, 1)).toBe('replaced');
    expect(await names(now, 'act')).toEqual([]);
    expect(await names(now, 'ask')).toEqual([unpaid]);
    const asked = bump(leased, { agenda: leased.agenda.filter((item) => item.do === 'refund') });
    expect(await given().replace(asked, 2)).toBe('replaced');
    expect(await names(now + 1000, 'act')).toEqual([both]);
    expect(await names(now + 1000, 'ask')).toEqual([unpaid]);
    for (const record of [made[0], made[1], asked] as OrderRecord[]) {
      expect(await given().replace(bump(record, { agenda: [] }), record.version)).toBe('replaced');
    }
    for (const lane of LANES) expect(await names(now + DAY_MS, lane)).toEqual([]);
  });

  it('gives a lane page by page, each record once', async () => {
    const now = ownDay();
    const made = Array.from({ length: 7 }, (_, i) =>
      anOrder(fresh('L'), { agenda: agendaAt(now + Math.floor(i / 3)) }),
    );
    for (const record of made) await given().insert(record);
    const seen: string[] = [];
    let after: StoredRecord | undefined;
    for (let page = 0; page < 4; page += 1) {
      const found = await given().due(MCHID, now + 100, 2, 'ask', after);
      seen.push(...found.map(({ no }) => no));
      after = found.at(-1);
    }
    expect(seen.sort()).toEqual(made.map(({ no }) => no).sort());
    for (const record of made) {
      expect(await given().replace(bump(record, { agenda: [] }), 1)).toBe('replaced');
    }
  });
}

const agendaAt = (at: number) => [{ do: 'query' as const, at, tries: 0 }];

async function pages<T>(read: (after?: string) => Promise<Page<T>>): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  for (let n = 0; n < 100; n += 1) {
    const page = await read(after);
    all.push(...page.items);
    if (page.next === undefined) return all;
    after = page.next;
  }
  throw new Error('pages without end');
}

function testList(given: Given): void {
  it('lists the newest first, each record once, also while others are inserted', async () => {
    const day = ownDay();
    const range = { created_from: day, created_to: day + DAY_MS };
    const made: StoredRecord[] = [];
    for (let i = 0; i < 11; i += 1) {
      // Several share a moment, and two of those a number.
      const facts = { created_at: day + Math.floor(i / 4) };
      const no = fresh('L');
      made.push(anOrder(no, facts));
      if (i % 4 === 0) made.push(aTransfer(no, facts));
    }
    await Promise.all(made.map((record) => given().insert(record)));
    const seen = await pages(async (after) => {
      const page = await given().list({ ...range, limit: 3, ...(after ? { after } : {}) });
      await given().insert(anOrder(fresh('L'), { created_at: day + 1000 }));
      return page;
    });
    const key = (record: StoredRecord): string =>
      `${String(record.created_at)} ${record.kind} ${record.no}`;
    const expected = made.map(key).sort().reverse();
    expect(seen.map(key)).toEqual(expected);
  });

  it('ends with a page that has no next, also where the last page is full', async () => {
    const day = ownDay();
    for (let i = 0; i < 4; i += 1) await given().insert(anOrder(fresh('L'), { created_at: day }));
    const filter = { created_from: day, created_to: day + 1, limit: 2 };
    const first = await given().list(filter);
    const second = await given().list({ ...filter, after: first.next ?? '' });
    expect([first.items.length, second.items.length, second.next]).toEqual([2, 2, undefined]);
    expect(await given().list({ ...filter, created_from: day + 1 })).toEqual({ items: [] });
  });

  it('refuses a cursor it did not make, and pages without bound', async () => {
    for (const after of ['', 'x', 'bm9wZQ', Buffer.from('[1,"a"]').toString('base64url')]) {
      await expect(given().list({ limit: 1, after })).rejects.toMatchObject({
        code: 'PARAM_INVALID',
      });
    }
    for (const limit of [0, 1001, 1.5, NaN]) {
      await expect(given().list({ limit })).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' });
    }
  });
}

function testFacts(given: Given): void {
  it('filters by kind, state, payer, creation and success', async () => {
    const day = ownDay();
    const paidAt = new Date(day + 5000).toISOString().replace('Z', '+00:00');
    const created_at = day;
    const payer = 'oListPayer0000000000000000A';
    const paid = anOrder(fresh('F'), {
      created_at,
      state: 'PARTIALLY_REFUNDED',
      payer,
      refunds: [aRefund(), aRefund({ out_refund_no: 'R2', status: 'CLOSED' })],
      payment: {
        transaction_id: '4200001234',
        total: 100,
        currency: 'CNY',
        appid: 'wx0000000000000001',
        mchid: '1900000001',
        success_time: paidAt,
        proof: 'signature',
        source: 'callback',
      },
    });
    const open = anOrder(fresh('F'), { created_at: created_at + 1, payer });
    const other = anOrder(fresh('F'), { created_at, payer: payer.toLowerCase() });
    const transfer = aTransfer(fresh('F'), {
      created_at,
      payer,
      state: 'SUCCESS',
      success_time: paidAt,
    });
    const report = aReport(fresh('F'), { created_at });
    for (const one of [paid, open, other, transfer, report]) await given().insert(one);
    const names = async (filter: object) => {
      const all = { created_from: day, created_to: day + DAY_MS, limit: 100, ...filter };
      return (await given().list(all)).items.map((record) => record.no).sort();
    };
    const nos = (...records: StoredRecord[]) => records.map((record) => record.no).sort();
    expect(await names({})).toEqual(nos(paid, open, other, transfer, report));
    expect(await names({ kind: 'order' })).toEqual(nos(paid, open, other));
    expect(await names({ state: 'PARTIALLY_REFUNDED' })).toEqual(nos(paid));
    expect(await names({ payer })).toEqual(nos(paid, open, transfer));
    expect(await names({ payer, kind: 'transfer' })).toEqual(nos(transfer));
    expect(await names({ created_from: day + 1 })).toEqual(nos(open));
    expect(await names({ success_from: day + 5000, success_to: day + 5001 })).toEqual(
      nos(paid, transfer),
    );
    expect(await names({ success_from: day + 5001 })).toEqual([]);
    expect(await names({ success_to: day + 5000 })).toEqual([]);
    expect(await names({ kind: 'report' })).toEqual(nos(report));
  });
}

function testCount(given: Given): void {
  it('counts the orders a payer made himself since a moment', async () => {
    const payer = `oCount${String(process.pid)}${name20()}`;
    const at = ownDay();
    for (const created_at of [at - 1, at, at + 1]) {
      await given().insert(anOrder(fresh('C'), { payer, created_at }));
    }
    await given().insert(anOrder(fresh('C'), { payer: payer.toUpperCase(), created_at: at }));
    await given().insert(anOrder(fresh('C'), { payer, created_at: at, made_by: 'operator' }));
    await given().insert(aTransfer(fresh('C'), { payer, created_at: at }));
    expect(await given().count(MCHID, payer, at)).toBe(2);
    expect(await given().count(MCHID, payer, at + 2)).toBe(0);
  });
}

function testActive(given: Given): void {
  it('finds what a payer has open or changed since a moment, of what was made since another', async () => {
    const payer = `oActive${String(process.pid)}${name20()}`;
    const at = ownDay();
    const put = async (facts: Parameters<typeof anOrder>[1]): Promise<string> => {
      const no = fresh('A');
      await given().insert(anOrder(no, { payer, created_at: at, updated_at: at, ...facts }));
      return no;
    };
    const open = [await put({}), await put({ state: 'PENDING' })];
    const changed = await put({ state: 'PAID', updated_at: at + 10 });
    for (const facts of [
      { state: 'PAID', updated_at: at + 9 },
      { state: 'PREPARED' },
      { created_at: at - 1 },
      { payer: payer.toUpperCase() },
    ] as const) {
      await put(facts);
    }
    await given().insert(aTransfer(fresh('A'), { payer, created_at: at, updated_at: at + 10 }));
    const found = await given().active(MCHID, payer, { from: at, since: at + 10 });
    expect(found.map(({ no }) => no).sort()).toEqual([...open, changed].sort());
    expect(await given().active(MCHID, payer, { from: at + 1, since: at })).toEqual([]);
  });
}
const name20 = (): string => 'abcdefghijklmnopqrst';

function testReservations(given: Given): void {
  it('reserves a number for one owner forever; he may ask again', async () => {
    const no = fresh('R');
    const results = await Promise.all(
      times(WRITERS, (i) =>
        given().reserve(aReservation('refund', no, `order-${String(i % 2)}`, i)),
      ),
    );
    const held = await given().reservation(MCHID, 'refund', no);
    expect(['order-0', 'order-1']).toContain(held?.owner);
    expect(held).toMatchObject({ kind: 'refund', no });
    results.forEach((result, i) => {
      const mine = `order-${String(i % 2)}` === held?.owner;
      expect(result).toEqual(mine ? 'reserved' : { owner: held?.owner });
    });
    expect(await given().reserve(aReservation('refund', no, held?.owner ?? '', 99))).toBe(
      'reserved',
    );
    expect(await given().reservation(MCHID, 'refund', no)).toEqual(held);
    expect(await given().reserve(aReservation('transaction', no, 'another', 1))).toBe('reserved');
    expect(await given().reserve(aReservation('refund', no.toLowerCase(), 'another', 1))).toBe(
      'reserved',
    );
    expect(await given().reservation(MCHID, 'sub_order', no)).toBeUndefined();
  });

  it('lists reservations by time, page by page', async () => {
    const from = ownDay();
    const made = times(7, (i) => ({
      mchid: MCHID,
      kind: 'transaction' as const,
      no: fresh('T'),
      owner: '订单:1',
      at: from + Math.floor(i / 3),
    }));
    for (const one of made) await given().reserve(one);
    await given().reserve(aReservation('transaction', fresh('T'), 'late', from + 3));
    await given().reserve(aReservation('refund', fresh('T'), 'another kind', from));
    const seen = await pages((after) =>
      given().reservations(MCHID, 'transaction', {
        from,
        to: from + 3,
        limit: 2,
        ...(after ? { after } : {}),
      }),
    );
    const key = (one: { at: number; no: string }) => `${String(one.at)} ${one.no}`;
    expect(seen).toEqual([...made].sort((a, b) => (key(a) < key(b) ? -1 : 1)));
  });
}

/** Whatever one merchant does under his numbers, another has the same ones to himself. */
function testMerchants(given: Given): void {
  const both = [MCHID, OTHER] as const;
  const ownPayer = (): string => `oBoth${fresh('')}${name20()}`;

  it('two merchants with the same numbers do not see each other: insert, find, replace', async () => {
    const no = fresh('B');
    for (const mchid of both) {
      expect(await given().find(mchid, 'order', no)).toBeUndefined();
      expect(await given().insert(anOrder(no, { mchid, description: mchid }))).toBe('inserted');
      expect(await given().insert(anOrder(no, { mchid }))).toBe('exists');
      expect(await given().insert(aReport(no, { mchid }))).toBe('inserted');
    }
    const mine = anOrder(no, { description: MCHID });
    expect(await given().replace(bump(mine, { state: 'PENDING' }), 1)).toBe('replaced');
    expect(await given().find(MCHID, 'order', no)).toMatchObject({ version: 2, state: 'PENDING' });
    const theirs = { mchid: OTHER, description: OTHER, version: 1, state: 'CREATED' };
    expect(await given().find(OTHER, 'order', no)).toMatchObject(theirs);
    expect(await given().replace(bump(bump(anOrder(no, { mchid: OTHER }))), 2)).toBe('conflict');
    expect(await given().find('1900000003', 'order', no)).toBeUndefined();
    await expect(given().insert(anOrder(no, { mchid: '' }))).rejects.toThrow(/merchant/);
    await expect(given().insert(anOrder(no, { mchid: 'a:b' }))).rejects.toThrow(/merchant/);
  });

  it('… list, damaged, count, active', async () => {
    const [no, payer, day] = [fresh('B'), ownPayer(), ownDay()];
    const facts = { payer, created_at: day, updated_at: day };
    for (const mchid of both) await given().insert(anOrder(no, { mchid, ...facts }));
    await given().insert(anOrder(fresh('B'), { mchid: OTHER, ...facts }));
    const range = { created_from: day, created_to: day + 1, limit: 1 };
    const listed = async (filter: { mchid?: string; kind?: 'order' }): Promise<string[]> => {
      const all = await pages((after) =>
        given().list({ ...range, ...filter, ...(after ? { after } : {}) }),
      );
      return all.map(({ mchid }) => mchid);
    };
    expect(await listed({ mchid: MCHID })).toEqual([MCHID]);
    expect(await listed({ mchid: OTHER, kind: 'order' })).toEqual([OTHER, OTHER]);
    expect(await listed({})).toEqual([OTHER, OTHER, MCHID]);
    // One step past all of a merchant's records, as anyone who looks for merchants takes it.
    const after = writeCursor([-1, OTHER, '', '']);
    expect((await given().list({ limit: 1, after })).items).toMatchObject([{ mchid: MCHID }]);
    expect((await given().damaged({ ...range, mchid: MCHID })).items).toEqual([]);
    for (const [mchid, made] of [
      [MCHID, 1],
      [OTHER, 2],
      ['1900000003', 0],
    ] as const) {
      expect(await given().count(mchid, payer, day)).toBe(made);
      const open = await given().active(mchid, payer, { from: day, since: day });
      expect(open.map((record) => record.mchid)).toEqual(times(made, () => mchid));
    }
  });

  it('… due, page by page: the backlog of one hides nothing of another', async () => {
    const at = ownDay();
    const behind = fresh('B');
    const made = [
      ...times(5, () => anOrder(fresh('B'), { mchid: MCHID, agenda: agendaAt(at - 1) })),
      anOrder(behind, { mchid: OTHER, agenda: agendaAt(at) }),
      anOrder(behind, { mchid: MCHID, agenda: agendaAt(at) }),
    ];
    for (const record of made) await given().insert(record);
    const [only, ...none] = await given().due(OTHER, at, 2, 'ask');
    expect([only, none]).toEqual([made[5], []]);
    expect(await given().due(OTHER, at, 2, 'ask', only)).toEqual([]);
    expect(await given().due(OTHER, at, 9)).toEqual([only]);
    const first = await given().due(MCHID, at, 5, 'ask');
    const rest = await given().due(MCHID, at, 5, 'ask', first.at(-1));
    expect([...first, ...rest].map(({ no }) => no).sort()).toEqual(
      [...made.slice(0, 5), made[6]].map((record) => record?.no).sort(),
    );
    expect(await given().due(MCHID, at, 9)).toHaveLength(6);
    expect(await given().oldestDue(MCHID)).toBe(at - 1);
    expect(await given().oldestDue(OTHER)).toBe(at);
    expect(await given().due('1900000003', at, 9)).toEqual([]);
    expect(await given().oldestDue('1900000003')).toBeUndefined();
    for (const record of made) await given().replace(bump(record, { agenda: [] }), 1);
  });

  it('… reserve, reservation, reservations', async () => {
    const [no, at] = [fresh('B'), ownDay()];
    const range = { from: at, to: at + 1, limit: 10 };
    for (const mchid of both) {
      const mine = { ...aReservation('refund', no, `of ${mchid}`, at), mchid };
      expect(await given().reservation(mchid, 'refund', no)).toBeUndefined();
      expect(await given().reserve(mine)).toBe('reserved');
      expect(await given().reserve({ ...mine, owner: 'x' })).toEqual({ owner: `of ${mchid}` });
      expect(await given().reservation(mchid, 'refund', no)).toEqual(mine);
      expect((await given().reservations(mchid, 'refund', range)).items).toEqual([mine]);
    }
  });
}

function testLife(open: Open, options: StoreUnderTest): void {
  it('migrates any number of times, answers a ping, and refuses work once closed', async () => {
    const store = await open();
    await store.migrate();
    await store.ping();
    expect(store.durable).toBe(options.durable);
    await store.close();
    await store.close();
    await expect(store.insert(anOrder(fresh('O')))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    await expect(store.find(MCHID, 'order', 'x')).rejects.toBeInstanceOf(StoreError);
  });
}

function testPlanted(given: Given, plant: NonNullable<StoreUnderTest['plant']>): void {
  it('refuses a record that needs a newer reader, and never rewrites it', async () => {
    const record = anOrder(fresh('N'), { agenda: [{ do: 'query', at: 5, tries: 0 }] });
    await given().insert(record);
    const newer = { ...record, version: 1, schema: 9, min_reader: 9 };
    await plant('order', record.no, JSON.stringify(newer), 9);
    const refused = { code: 'STORE_NEWER', retryable: true };
    await expect(given().find(MCHID, 'order', record.no)).rejects.toMatchObject(refused);
    await expect(given().replace(bump(newer), 1)).rejects.toMatchObject(refused);
    await expect(given().insert(anOrder(fresh('N'), { min_reader: 9 }))).rejects.toMatchObject(
      refused,
    );
    expect(await given().insert(record)).toBe('exists');
    // One such record must not keep the sweep from the others: a newer instance looks after it.
    const other = anOrder(fresh('N'), { agenda: [{ do: 'query', at: 6, tries: 0 }] });
    await given().insert(other);
    expect((await given().due(MCHID, 10, 1)).map(({ no }) => no)).toEqual([other.no]);
    expect(await given().replace(bump(other, { agenda: [] }), 1)).toBe('replaced');
    await plant('order', record.no, JSON.stringify({ ...record, schema: 9 }), 0);
    expect(await given().find(MCHID, 'order', record.no)).toMatchObject({ schema: 9 });
    expect(await given().replace(bump(record, { agenda: [] }), 1)).toBe('replaced');
  });

  it('says that a row is damaged rather than hand out half a record', async () => {
    const record = anOrder(fresh('N'), { agenda: [{ do: 'query', at: 5, tries: 0 }] });
    await given().insert(record);
    const spoilt = [
      '',
      '{',
      'null',
      '[]',
      '{}',
      JSON.stringify({ ...record, mchid: OTHER }),
      JSON.stringify({ ...record, mchid: undefined }),
      JSON.stringify({ ...record, no: 'other' }),
      JSON.stringify({ ...record, version: 2 }),
      JSON.stringify({ ...record, kind: 'transfer' }),
      JSON.stringify({ ...record, history: undefined }),
      JSON.stringify(record).slice(0, -1),
    ];
    for (const body of spoilt) {
      await plant('order', record.no, body, 0);
      await expect(given().find(MCHID, 'order', record.no)).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
      });
      expect((await given().due(MCHID, 10, 10)).map(({ no }) => no)).not.toContain(record.no);
    }
    await plant('order', record.no, JSON.stringify(record), 0);
    expect(await given().replace(bump(record, { agenda: [] }), 1)).toBe('replaced');
  });
}

/** In the order of time, so that damaged ones fill the first pages. */
function testHidden(given: Given, plant: NonNullable<StoreUnderTest['plant']>): void {
  it('finds what is due behind rows that cannot be read, however many', async () => {
    const agenda = [{ do: 'query', at: 7, tries: 0 } as const];
    const spoilt = times(7, () => anOrder(fresh('A'), { agenda }));
    const good = times(3, () => anOrder(fresh('B'), { agenda }));
    for (const record of [...spoilt, ...good]) await given().insert(record);
    for (const { no } of spoilt) await plant('order', no, '{', 0);
    for (const limit of [1, 2, 3]) {
      const found = (await given().due(MCHID, 10, limit)).map(({ no }) => no);
      expect(found).toEqual(good.slice(0, limit).map(({ no }) => no));
    }
    expect(await given().due(MCHID, 10, 50)).toHaveLength(good.length);
    for (const record of spoilt) {
      await plant('order', record.no, JSON.stringify(record), 0);
      await given().replace(bump(record, { agenda: [] }), 1);
    }
    for (const record of good) await given().replace(bump(record, { agenda: [] }), 1);
  });
}

function testReopened(given: Given, use: Open): void {
  it('finds everything again when opened again', async () => {
    const record = anOrder(fresh('O'));
    const first = await use();
    await first.insert(record);
    await first.reserve(aReservation('refund', record.no, 'owner', 5));
    await first.close();
    const second = await use();
    expect(await second.find(MCHID, 'order', record.no)).toEqual(record);
    expect(await second.reserve(aReservation('refund', record.no, 'other', 6))).toEqual({
      owner: 'owner',
    });
    expect(await second.replace(bump(record), 1)).toBe('replaced');
    expect(await given().find(MCHID, 'order', record.no)).toMatchObject({ version: 2 });
  });
}

const WRITER = join(__dirname, '../helpers/storeWriter.ts');

interface Finished {
  readonly lines: readonly string[];
  readonly code: number | null;
  readonly errors: string;
}

/** Runs a writer; `killAfter` lines it is killed as a power cut would: no handler, no farewell. */
function runWriter(
  url: string,
  { prefix, mode, killAfter }: { prefix: string; mode: string; killAfter?: number },
): Promise<Finished> {
  const child = spawn(process.execPath, ['--import', 'tsx', WRITER, url, prefix, mode], {
    env: process.env, // Jest's own, which holds what a test has set
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  let errors = '';
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => {
    lines.push(line);
    if (killAfter !== undefined && lines.length === killAfter) child.kill('SIGKILL');
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ lines, code, errors });
    });
  });
}

function testProcesses(given: Given, url: () => string): void {
  it('holds every acknowledged write of a process killed in the middle of writing', async () => {
    const prefix = fresh('K');
    const { lines, code, errors } = await runWriter(url(), {
      prefix,
      mode: 'insert',
      killAfter: 120,
    });
    expect({ code, errors }).toEqual({ code: null, errors: '' });
    const versions = new Map<string, number>();
    for (const line of lines.slice(1)) {
      const [no = '', version] = line.split(' ');
      versions.set(no, Math.max(versions.get(no) ?? 0, Number(version)));
    }
    expect(versions.size).toBeGreaterThan(50);
    for (const [no, version] of versions) {
      const found = await given().find(MCHID, 'order', no);
      expect(found?.version).toBeGreaterThanOrEqual(version);
    }
    expect(await given().insert(anOrder(`${prefix}-after`))).toBe('inserted');
  });

  it('lets two processes work on one record: every win is a version of its own', async () => {
    const no = fresh('P');
    const both = await Promise.all(
      [1, 2].map(() => runWriter(url(), { prefix: no, mode: 'race' })),
    );
    expect(both.map(({ code, errors }) => ({ code, errors }))).toEqual(
      times(2, () => ({ code: 0, errors: '' })),
    );
    const wins = both.flatMap(({ lines }) => lines.filter((line) => line !== 'open'));
    expect(new Set(wins).size).toBe(50);
    expect((await given().find(MCHID, 'order', no))?.version).toBe(51);
  });
}

function testMigrations(make: NonNullable<StoreUnderTest['fresh']>): void {
  it('migrates once, however many instances start at the same time', async () => {
    const { open } = await make();
    const stores = await Promise.all(times(5, open));
    try {
      const no = fresh('M');
      const results = await Promise.all(stores.map((one) => one.insert(anOrder(no))));
      expect(results.filter((result) => result === 'inserted')).toHaveLength(1);
    } finally {
      for (const one of stores) await one.close();
    }
  });
}

function testCut(given: Given, cut: () => Promise<void>): void {
  it('recovers when its connections are cut under load, and lost nothing acknowledged', async () => {
    const prefix = fresh('X');
    const acknowledged: string[] = [];
    const failures: unknown[] = [];
    let stop = false;
    const writer = async (id: number): Promise<void> => {
      for (let i = 0; !stop && i < 20_000; i += 1) {
        const no = `${prefix}-${String(id)}-${String(i)}`;
        try {
          if ((await given().insert(anOrder(no))) === 'inserted') acknowledged.push(no);
        } catch (error) {
          failures.push(error);
        }
      }
    };
    const twentyMore = (): Promise<void> => {
      const enough = acknowledged.length + 20;
      return until('twenty more are acknowledged', () => acknowledged.length >= enough);
    };
    const load = Promise.all(times(8, writer));
    for (let round = 0; round < 3; round += 1) {
      await twentyMore();
      await cut();
    }
    const before = acknowledged.length;
    await twentyMore();
    stop = true;
    await load;
    expect(acknowledged.length).toBeGreaterThanOrEqual(before + 20);
    for (const failure of failures) {
      expect(failure).toBeInstanceOf(StoreError);
      expect(failure).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    }
    for (const no of acknowledged) expect(await given().find(MCHID, 'order', no)).toBeDefined();
    await given().ping();
  });
}
