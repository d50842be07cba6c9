import {
  EFFECTS_KEPT,
  addEffect,
  effectAttempted,
  effectDead,
  effectDelivered,
  effectFailed,
  headEffect,
  redeliver,
} from '../../../services/ledger/outbox';
import { ATTEMPTS_MAX, RETRY_DELAYS_MS, nextAttempt } from '../../../services/ledger/retrySchedule';
import type { OrderRecord } from '../../../services/ledger/record';
import { anOrder } from '../../helpers/storeRecords';
import { T0 } from '../effects/helpers';

const HTTP_500 = { code: 'receiver_answered', detail: 'HTTP 500' } as const;
const GONE = { code: 'gone' } as const;
const FAILED = { code: 'failed' } as const;

const add = (record: OrderRecord, at = T0, sink = true): OrderRecord =>
  addEffect(record, { type: 'order.paid', at, data: { n: record.effect_seq }, sink });
const idOf = (record: OrderRecord, index: number): string => {
  const effect = record.effects[index];
  if (effect === undefined) throw new Error('no such effect');
  return effect.id;
};
const states = (record: OrderRecord): readonly string[] => record.effects.map((e) => e.state);
const due = (record: OrderRecord) => record.agenda.filter((item) => item.do === 'deliver');

describe('the schedule', () => {
  it('is 5 s, 30 s, 2 m, 10 m, 30 m, 2 h, 6 h, 12 h, 24 h, then nothing', () => {
    const seconds = [5, 30, 120, 600, 1800, 7200, 21600, 43200, 86400];
    expect(seconds.map((_, i) => nextAttempt(i + 1, T0))).toEqual(
      seconds.map((s) => T0 + s * 1000),
    );
    expect(nextAttempt(ATTEMPTS_MAX, T0)).toBeUndefined();
    expect(RETRY_DELAYS_MS).toHaveLength(9);
    expect(nextAttempt(0, T0)).toBe(T0);
  });

  it.each([-1, 1.5, NaN])('refuses %p as a count', (tries) => {
    expect(() => nextAttempt(tries, T0)).toThrow(RangeError);
  });
});

describe('adding effects', () => {
  it('gives every effect an id of its own that does not change', () => {
    const two = add(add(anOrder('A')));
    expect(two.effects.map((e) => e.id)).toEqual(add(add(anOrder('A'))).effects.map((e) => e.id));
    expect(idOf(two, 0)).toMatch(/^ef_[0-9a-f]{32}$/);
    expect(idOf(two, 0)).not.toBe(idOf(two, 1));
    expect(two.effect_seq).toBe(2);
  });

  it.each([
    ['number', anOrder('B')],
    ['merchant', anOrder('A', { mchid: '1900000002' })],
    ['beginning', anOrder('A', { created_at: 1 })],
  ])('tells records of another %s apart', (_what, other) => {
    expect(idOf(add(anOrder('A')), 0)).not.toBe(idOf(add(other), 0));
  });

  it('keeps one agenda item, at the moment of the earlier effect', () => {
    const two = add(add(anOrder('A'), T0), T0 + 5_000);
    expect(due(two)).toEqual([{ do: 'deliver', at: T0, tries: 0 }]);
  });

  it('skips what nobody listens to, and asks for no delivery', () => {
    const record = add(anOrder('A'), T0, false);
    expect(states(record)).toEqual(['skipped']);
    expect(due(record)).toEqual([]);
  });

  it('changes nothing in the record it was given', () => {
    const record = Object.freeze(anOrder('A', { effects: Object.freeze([]) }));
    add(record);
    expect(record.effects).toEqual([]);
    expect(record.agenda).toEqual([]);
  });

  it('drops the oldest settled effects above the bound, dead ones last, pending ones never', () => {
    let record = add(add(anOrder('A')));
    const [dead, pending] = [idOf(record, 0), idOf(record, 1)];
    record = effectDead(record, dead, T0, FAILED);
    for (let i = 0; i < EFFECTS_KEPT; i += 1) {
      record = add(record);
      record = effectDelivered(record, idOf(record, record.effects.length - 1), T0);
    }
    expect(record.effects).toHaveLength(EFFECTS_KEPT);
    expect(record.effects.slice(0, 2).map((e) => e.id)).toEqual([dead, pending]);
    expect(record.effects[2]?.data).toEqual({ n: 4 });
    expect(record.effect_seq).toBe(EFFECTS_KEPT + 2);
  });
});

describe('delivering', () => {
  it('goes in order: the second is head only when the first is settled', () => {
    const record = add(add(anOrder('A')));
    expect(headEffect(record)?.id).toBe(idOf(record, 0));
    const next = effectDelivered(record, idOf(record, 0), T0 + 1);
    expect(headEffect(next)?.id).toBe(idOf(record, 1));
    expect(due(next)).toEqual([{ do: 'deliver', at: T0 + 1, tries: 0 }]);
    const last = effectDelivered(next, idOf(record, 1), T0 + 2);
    expect(due(last)).toEqual([]);
    expect(last.effects[1]).toMatchObject({ state: 'delivered', settled_at: T0 + 2 });
  });

  it('counts an attempt before it is made and paces a crash like a failure', () => {
    const record = effectAttempted(add(anOrder('A')), idOf(add(anOrder('A')), 0), T0);
    expect(record.effects[0]?.tries).toBe(1);
    expect(record.lease_until).toBe(T0 + 30_000);
    expect(due(record)).toEqual([{ do: 'deliver', at: T0 + 5_000, tries: 1 }]);
  });

  it('retries through the schedule and dies after the last attempt', () => {
    let record = add(anOrder('A'));
    const id = idOf(record, 0);
    for (const delay of RETRY_DELAYS_MS) {
      record = effectFailed(effectAttempted(record, id, T0), id, T0, HTTP_500);
      expect(record.effects[0]).toMatchObject({
        state: 'pending',
        error: 'receiver_answered',
        error_detail: 'HTTP 500',
      });
      expect(due(record)[0]?.at).toBe(T0 + delay);
    }
    record = effectFailed(effectAttempted(record, id, T0), id, T0, HTTP_500);
    expect(record.effects[0]).toMatchObject({ state: 'dead', tries: 10, settled_at: T0 });
    expect(due(record)).toEqual([]);
  });

  it('lets the next one follow a dead one at once', () => {
    const record = effectDead(add(add(anOrder('A'))), idOf(add(anOrder('A')), 0), T0 + 9, GONE);
    expect(states(record)).toEqual(['dead', 'pending']);
    expect(due(record)).toEqual([{ do: 'deliver', at: T0 + 9, tries: 0 }]);
  });

  it('bounds the reason', () => {
    const id = idOf(add(anOrder('A')), 0);
    const long = { code: 'hook_failed', detail: 'x'.repeat(9e3) } as const;
    const record = effectFailed(effectAttempted(add(anOrder('A')), id, T0), id, T0, long);
    expect(record.effects[0]?.error_detail).toHaveLength(300);
  });

  it('lets a delivery overrule a verdict, and no verdict overrule a delivery', () => {
    const record = add(anOrder('A'));
    const id = idOf(record, 0);
    const delivered = effectDelivered(record, id, T0);
    expect(effectFailed(delivered, id, T0, FAILED)).toBe(delivered);
    expect(effectDead(delivered, id, T0, FAILED)).toBe(delivered);
    expect(effectDelivered(delivered, id, T0 + 9)).toBe(delivered);
    const late = effectDelivered(effectDead(record, id, T0, FAILED), id, T0 + 1);
    expect(late.effects[0]).toMatchObject({ state: 'delivered' });
    expect(late.effects[0]).not.toHaveProperty('error');
  });

  it('does not move the head when another effect is marked', () => {
    let record = add(add(anOrder('A')));
    record = effectFailed(
      effectAttempted(record, idOf(record, 0), T0),
      idOf(record, 0),
      T0,
      FAILED,
    );
    const marked = effectDelivered(record, idOf(record, 1), T0 + 1);
    expect(due(marked)).toEqual(due(record));
  });
});

describe('redelivering', () => {
  const dead = (): OrderRecord => {
    const record = add(add(add(anOrder('A'))));
    const first = effectDead(record, idOf(record, 0), T0, FAILED);
    return effectDelivered(effectDead(first, idOf(record, 1), T0, FAILED), idOf(record, 2), T0);
  };

  it('takes all dead ones when none is named, with their ids and from the first try', () => {
    const record = redeliver(dead(), undefined, T0 + 7);
    expect(states(record)).toEqual(['pending', 'pending', 'delivered']);
    expect(record.effects[0]).toEqual({ ...add(anOrder('A')).effects[0] });
    expect(due(record)).toEqual([{ do: 'deliver', at: T0 + 7, tries: 0 }]);
  });

  it('takes a delivered one when it is named', () => {
    expect(states(redeliver(dead(), idOf(dead(), 2), T0))).toEqual(['dead', 'dead', 'pending']);
  });

  it('gives back the same record when there is nothing to do', () => {
    const record = add(anOrder('A'));
    expect(redeliver(record, undefined, T0)).toBe(record);
    expect(redeliver(record, 'ef_unknown', T0)).toBe(record);
  });
});

it('a failure is followed by the next attempt, counted from the failure', () => {
  const record = add(anOrder('A'));
  const id = idOf(record, 0);
  const failed = effectFailed(effectAttempted(record, id, T0), id, T0 + 700, HTTP_500);
  expect(due(failed)).toEqual([{ do: 'deliver', at: T0 + 5_700, tries: 1 }]);
});

it('drops dead ones, too, where there are no others', () => {
  let record = anOrder('A');
  for (let i = 0; i < EFFECTS_KEPT + 2; i += 1) {
    record = add(record);
    record = effectDead(record, idOf(record, record.effects.length - 1), T0, FAILED);
  }
  const last = add(record);
  expect(last.effects).toHaveLength(EFFECTS_KEPT);
  expect(last.effects[0]?.data).toEqual({ n: 3 });
});

describe('what comes late', () => {
  const two = () => {
    const record = add(add(anOrder('A')));
    return { record, first: idOf(record, 0), second: idOf(record, 1) };
  };

  it('an attempt at a settled one counts nothing', () => {
    const { record, first } = two();
    const told = effectDelivered(record, first, T0);
    expect(effectAttempted(told, first, T0).effects[0]).toEqual(told.effects[0]);
  });

  it('an attempt with nothing left to deliver takes no lease', () => {
    const record = add(anOrder('A'));
    const told = effectDelivered(record, idOf(record, 0), T0);
    const tried = effectAttempted(told, idOf(record, 0), T0);
    expect(due(tried)).toEqual([]);
    expect(tried.lease_until).toBeUndefined();
  });

  it('an effect of another record changes nothing', () => {
    const { record } = two();
    expect(effectFailed(record, 'ef_none', T0, FAILED)).toBe(record);
    expect(effectDelivered(record, 'ef_none', T0)).toBe(record);
    expect(effectDead(record, 'ef_none', T0, FAILED)).toBe(record);
  });

  it('a failure of the second does not put off the first', () => {
    const { record, second } = two();
    const failed = effectFailed(record, second, T0 + 9, HTTP_500);
    expect(failed.effects[1]).toMatchObject({
      state: 'pending',
      error: 'receiver_answered',
      error_detail: 'HTTP 500',
    });
    expect(due(failed)).toEqual(due(record));
  });

  it('a verdict does not overrule a delivery, nor a verdict before it', () => {
    const { record, first } = two();
    const told = effectDelivered(record, first, T0);
    expect(effectDead(told, first, T0 + 1, FAILED)).toBe(told);
    const dead = effectDead(record, first, T0, FAILED);
    expect(effectDead(dead, first, T0 + 1, FAILED)).toBe(dead);
    expect(effectFailed(dead, first, T0 + 1, FAILED)).toBe(dead);
    expect(states(effectDelivered(dead, first, T0 + 1))).toEqual(['delivered', 'pending']);
  });

  it('says why where it is dead, and nothing where it was delivered', () => {
    const { record, first } = two();
    expect(effectDead(record, first, T0, GONE).effects[0]).toMatchObject({ error: 'gone' });
    expect(effectDelivered(record, first, T0).effects[0]).not.toHaveProperty('error');
  });
});
