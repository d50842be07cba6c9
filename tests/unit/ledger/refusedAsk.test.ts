/** When a number may be asked for again, corrected, and how a record begins. */
import { newOrder, newRecord } from '../../../services/ledger/newRecord';
import { SCHEMA_VERSION, type TransferRecord } from '../../../services/ledger/record';
import {
  copiesAfterUnknown,
  copiesUnderWay,
  isCorrectable,
  neverTaken,
  unansweredUntil,
  wasRefused,
} from '../../../services/ledger/refusedAsk';
import { anOrder, aTransfer } from '../../helpers/storeRecords';

const NOW = 1_767_294_245_000;
const COPY_LIFE = 300_000;
const refusal = { code: 'PARAM_ERROR', message: 'm', proven: true };

it('copies of an unanswered request may arrive for five minutes', () => {
  expect(copiesAfterUnknown(NOW)).toBe(NOW + COPY_LIFE);
  expect([undefined, NOW, NOW + 1].map((until) => copiesUnderWay(until, NOW))).toEqual([
    false,
    false,
    true,
  ]);
});

it.each([
  ['nobody asks', {}, undefined],
  ['a lease that runs', { asking_until: NOW + 1 }, NOW + 1 + COPY_LIFE],
  ['a lease long over', { asking_until: NOW - COPY_LIFE }, undefined],
  ['a lease over a moment less', { asking_until: NOW - COPY_LIFE + 1 }, NOW + 1],
  ['copies that are over', { copies_until: NOW }, undefined],
  ['copies under way', { copies_until: NOW + 1 }, NOW + 1],
  ['the later of both', { asking_until: NOW, copies_until: NOW + 9 }, NOW + COPY_LIFE],
])('%s: until when something may still arrive', (_what, facts, until) => {
  expect(unansweredUntil(anOrder('A', facts), NOW)).toBe(until);
});

it('was refused where WeChat said so, and accepted nothing', () => {
  const of = (facts: Parameters<typeof anOrder>[1]) => wasRefused(anOrder('A', facts));
  expect(of({ state: 'REJECTED' })).toBe(true);
  expect(of({ state: 'CREATED', nothing_accepted: true })).toBe(true);
  expect(of({ state: 'CREATED' })).toBe(false);
  expect(of({ state: 'PENDING', nothing_accepted: true })).toBe(false);
});

it('was never taken: refused, without a prepay, and nothing under way', () => {
  const of = (facts: Parameters<typeof anOrder>[1]) => neverTaken(anOrder('A', facts), NOW);
  expect(of({ state: 'REJECTED', refusal })).toBe(true);
  expect(of({ state: 'CREATED', refusal })).toBe(true);
  expect(of({ state: 'PENDING', refusal })).toBe(false);
  expect(of({ state: 'REJECTED' })).toBe(false);
  expect(of({ state: 'REJECTED', refusal, copies_until: NOW + 1 })).toBe(false);
  expect(of({ state: 'REJECTED', refusal, prepay: { at: 1, prepay_id: 'wx' } })).toBe(false);
});

it('can be corrected when nothing happened since WeChat did not know it', () => {
  const record = anOrder('A', { state: 'CREATED', nothing_accepted: true, version: 4 });
  expect(isCorrectable(record, 4, NOW)).toBe(true);
  expect(isCorrectable(record, 3, NOW)).toBe(false);
  expect(isCorrectable(record, undefined, NOW)).toBe(false);
  expect(isCorrectable({ ...record, copies_until: NOW + 1 }, 4, NOW)).toBe(false);
  expect(isCorrectable({ ...record, state: 'PENDING' }, 4, NOW)).toBe(false);
  const { nothing_accepted: _none, ...accepted } = record;
  expect(isCorrectable(accepted, 4, NOW)).toBe(false);
});

describe('a new record', () => {
  const line = { at: NOW, what: 'created', source: 'payer', proof: 'none' } as const;
  const begun = {
    schema: SCHEMA_VERSION,
    version: 1,
    created_at: NOW,
    updated_at: NOW,
    history: [line],
    effects: [],
    effect_seq: 0,
    agenda: [],
  };

  it('begins with one line, and nothing to do', () => {
    const { agenda: _agenda, ...facts } = aTransfer('B1');
    expect(newRecord<TransferRecord>(facts, line)).toEqual({ ...aTransfer('B1'), ...begun });
    const agenda = [{ do: 'transfer', at: NOW, tries: 0 }] as const;
    const told = newRecord<TransferRecord>({ ...facts, agenda }, { ...line, detail: 'why' });
    expect(told).toMatchObject({ agenda, history: [{ ...line, detail: 'why' }] });
    expect(Object.keys(newRecord<TransferRecord>(facts, line).history[0] ?? {})).not.toContain(
      'detail',
    );
  });

  it('of an order has no contradictions and no refunds', () => {
    const { kind: _k, contradictions: _c, refunds: _r, ...facts } = anOrder('A');
    expect(newOrder(facts, line)).toEqual({ ...anOrder('A'), ...begun });
  });
});
