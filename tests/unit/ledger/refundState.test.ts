/** Refunds of one order: what may be asked, what a refusal frees, what WeChat's own word changes. */
import type { Decision } from '../../../services/ledger/decision';
import { decide, type OrderEvent } from '../../../services/ledger/orderState';
import type { OrderRecord, Payment, Refund } from '../../../services/ledger/record';
import { maySendAgain, REFUND_QUIET_MS } from '../../../services/ledger/refundAsking';
import { refundableFen } from '../../../services/ledger/refundMoney';
import { refundNext } from '../../../services/refunds/refundNext';
import type { RefundFacts } from '../../../services/ledger/refundSeen';

const NOW = Date.parse('2026-01-02T03:04:05+08:00');
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const BY_WECHAT = { source: 'callback', proof: 'signature' } as const;
const BY_HAND = { source: 'operator', proof: 'none' } as const;
const BY_SWEEP = { source: 'sweep', proof: 'none' } as const;

const payment: Payment = {
  transaction_id: '4200000000202601020000000001',
  total: 100,
  currency: 'CNY',
  appid: 'wx0000000000000001',
  mchid: '1900000001',
  source: 'callback',
  proof: 'signature',
};

const paid: OrderRecord = {
  kind: 'order',
  no: 'ORDER_000001',
  state: 'PAID',
  schema: 1,
  version: 7,
  created_at: NOW - MINUTE,
  updated_at: NOW - MINUTE,
  history: [],
  agenda: [],
  effects: [],
  effect_seq: 0,
  product: 'jsapi',
  appid: 'wx0000000000000001',
  mchid: '1900000001',
  description: 'd',
  amount: { total: 100, currency: 'CNY' },
  payer_named: true,
  made_by: 'payer',
  prepared: false,
  facts_hash: 'f',
  contradictions: [],
  refunds: [],
  payment,
};

const at = (ms: number) => ({ now: NOW + ms, sink: true });
const run = (record: OrderRecord, event: OrderEvent, ms = 0): Decision<OrderRecord> =>
  decide(record, event, at(ms));

function applied(record: OrderRecord, event: OrderEvent, ms = 0): OrderRecord {
  const decision = run(record, event, ms);
  if (decision.kind !== 'next') throw new Error(`not applied: ${JSON.stringify(decision)}`);
  return decision.record;
}

const outcome = (decision: Decision<OrderRecord>): string => {
  if (decision.kind === 'next') return decision.record.state;
  return decision.kind === 'ignored' ? '-' : decision.code;
};

const types = (record: OrderRecord): readonly string[] => record.effects.map((e) => e.type);

function only(record: OrderRecord): Refund {
  const [refund, ...more] = record.refunds;
  if (refund === undefined || more.length > 0) throw new Error('one refund expected');
  return refund;
}

const ask = (no: string, refund: number, facts_hash = 'h', total = 100): OrderEvent => ({
  type: 'refund_request',
  refund: {
    out_refund_no: no,
    refund,
    total,
    facts_hash,
    request: { method: 'POST', path: '/', body: '{}' },
  },
  ...BY_HAND,
});

/** Sent at that moment, with a lease of ten seconds. */
const send = (ms = 0, from: typeof BY_HAND | typeof BY_SWEEP = BY_HAND): OrderEvent => ({
  type: 'refund_attempt',
  out_refund_no: 'R1',
  until: NOW + ms + 10_000,
  ...from,
});

interface RefusalOptions {
  readonly proven?: boolean;
  readonly repeated?: boolean;
  readonly code?: string;
}

const refuse = (attempt: number, options: RefusalOptions = {}): OrderEvent => ({
  type: 'refund_refused',
  out_refund_no: 'R1',
  attempt,
  proven: options.proven ?? true,
  repeated: options.repeated ?? false,
  code: options.code ?? 'INVALID_REQUEST',
  source: 'reply',
  proof: options.proven === false ? 'none' : 'signature',
});

const silence = (attempt: number): OrderEvent => ({
  type: 'refund_unanswered',
  out_refund_no: 'R1',
  attempt,
  source: 'reply',
  proof: 'none',
});

const missing = (ms: number): OrderEvent => ({
  type: 'refund_missing',
  out_refund_no: 'R1',
  asked_at: NOW + ms,
  ...BY_WECHAT,
});

const facts = (
  status: RefundFacts['status'],
  refund = 30,
  out_refund_no = 'R1',
  more: Partial<RefundFacts> = {},
): RefundFacts => ({
  out_refund_no,
  status,
  refund,
  total: 100,
  transaction_id: payment.transaction_id,
  refund_id: `50${out_refund_no}`,
  ...more,
});

const seen = (refund: RefundFacts, number: 'ours' | 'another' = 'ours'): OrderEvent => ({
  type: 'refund_seen',
  refund,
  number,
  ...BY_WECHAT,
});

const requested = applied(paid, ask('R1', 30));
const sent = applied(requested, send());

const closed = (verdict?: string): OrderRecord => ({
  ...paid,
  refunds: [
    { ...only(requested), status: 'CLOSED', ...(verdict === undefined ? {} : { verdict }) },
  ],
});

describe('what may be asked', () => {
  it('never exceeds what was paid, refunds under way included', () => {
    let record = applied(paid, ask('A', 60));
    expect(refundableFen(record)).toBe(40);
    expect(outcome(run(record, ask('B', 41)))).toBe('REFUND_EXCEEDS');
    record = applied(record, ask('B', 40));
    expect(outcome(run(record, ask('C', 1)))).toBe('REFUND_EXCEEDS');
  });

  it('is 50 refunds at the most', () => {
    const one = only(requested);
    const refunds = Array.from({ length: 50 }, (_, i): Refund => ({
      ...one,
      out_refund_no: `S${String(i)}`,
      status: 'SUCCESS',
      refund: 1,
    }));
    expect(outcome(run({ ...paid, refunds }, ask('X', 1)))).toBe('REFUND_EXCEEDS');
  });

  it('keeps its number and its facts', () => {
    expect(outcome(run(requested, ask('R1', 30)))).toBe('-');
    expect(outcome(run(requested, ask('R1', 30, 'other')))).toBe('REFUND_PARAMS_DIFFER');
  });

  it('must name the amount that was paid', () => {
    expect(outcome(run(paid, ask('R1', 30, 'h', 99)))).toBe('PARAM_INVALID');
  });

  it.each([undefined, 'rejected', 'released', 'number_taken'])(
    'is never a number that is closed (%s), not even with the same facts',
    (verdict) => {
      expect(outcome(run(closed(verdict), ask('R1', 30)))).toBe('REFUND_CLOSED');
      expect(outcome(run(closed(verdict), send()))).toBe('-');
    },
  );

  it('is known by its amounts where the refund was made elsewhere', () => {
    const elsewhere = applied(paid, seen(facts('SUCCESS', 40, 'E1')));
    expect(outcome(run(elsewhere, ask('E1', 40)))).toBe('-');
    expect(outcome(run(elsewhere, ask('E1', 41)))).toBe('REFUND_PARAMS_DIFFER');
  });

  it.each([
    ['being reversed', { state: 'REVERSING', reversing_at: NOW }],
    ['reversed', { state: 'CLOSED', reversing_at: NOW }],
    ['reversed elsewhere', { revoked_at: NOW }],
  ] as const)('is nothing of a payment code that is %s', (_what, more) => {
    const record: OrderRecord = { ...paid, product: 'codepay', ...more };
    expect(outcome(run(record, ask('R1', 30)))).toBe('MOVE_FORBIDDEN');
    expect(refundableFen(record)).toBe(0);
    const asked = { ...record, refunds: requested.refunds };
    expect(outcome(run(asked, send()))).toBe('-');
  });

  it('is nothing of a paid order that WeChat shows as REVOKED', () => {
    const event = { type: 'closed', trade_state: 'REVOKED', ...BY_WECHAT } as const;
    const decision = run(paid, event);
    expect(decision).toMatchObject({ kind: 'next', alarm: 'order.revoked' });
    const revoked = applied(paid, event);
    expect(revoked).toMatchObject({ state: 'PAID', payment });
    expect(outcome(run(revoked, event))).toBe('-');
    expect(outcome(run(revoked, ask('R1', 30)))).toBe('MOVE_FORBIDDEN');
  });
});

describe('one asker at a time', () => {
  it('has the right to send until the lease ends', () => {
    expect(outcome(run(sent, send(), 9_999))).toBe('-');
    const taken = applied(sent, send(10_001), 10_001);
    expect(only(taken)).toMatchObject({ attempts: 2, open_attempts: [1, 2] });
  });

  it('gives the right back with any answer to the latest attempt, and with no other', () => {
    for (const answer of [silence(1), refuse(1, { proven: false })]) {
      expect(only(applied(applied(sent, answer), send())).attempts).toBe(2);
    }
    const second = applied(sent, send(10_001), 10_001);
    expect(outcome(run(second, silence(1), 10_002))).toBe('-');
    const late = applied(second, refuse(1), 10_002);
    expect(outcome(run(late, send(10_003), 10_003))).toBe('-');
  });

  it('a proven refusal of the only attempt closes it at once', () => {
    const record = applied(sent, refuse(1));
    expect(record).toMatchObject({ state: 'PAID', refunds: [{ verdict: 'rejected' }] });
    expect(types(record)).toEqual(['refund.requested', 'refund.closed']);
    expect(refundableFen(record)).toBe(100);
  });

  it('a proven refusal of the first frees nothing while a second is under way', () => {
    const second = applied(sent, send(10_001), 10_001);
    const record = applied(second, refuse(1), 10_002);
    expect(record.state).toBe('REFUNDING');
    expect(only(record)).toMatchObject({ status: 'REQUESTED', open_attempts: [2] });
    expect(refundableFen(record)).toBe(70);
    // Once the second is refused as well, nothing can arrive any more.
    expect(applied(record, refuse(2), 10_003).state).toBe('PAID');
  });

  it('a proven refusal of the second frees nothing while the first was not answered', () => {
    const second = applied(applied(sent, silence(1)), send(20_000), 20_000);
    const record = applied(second, refuse(2), 20_001);
    expect(only(record)).toMatchObject({ status: 'REQUESTED', open_attempts: [1] });
    expect(refundableFen(record)).toBe(70);
  });

  it.each([
    ['unproven', { proven: false }],
    ['proven, after copies without an answer', { repeated: true }],
    ['proven, with a code that may pass', { code: 'SYSTEM_ERROR' }],
    ['proven, with a code nobody knows', { code: 'BRAND_NEW' }],
  ] as const)('a refusal that is %s frees nothing', (_what, options) => {
    const record = applied(sent, refuse(1, options));
    expect(only(record)).toMatchObject({ status: 'REQUESTED', open_attempts: [1] });
    // A later proven one does not undo the doubt.
    const later = applied(applied(record, send(20_000), 20_000), refuse(2), 20_001);
    expect(only(later).status).toBe('REQUESTED');
  });

  it('attempts of an earlier version, which kept no list, stay in doubt', () => {
    const { open_attempts: _none, ...old } = only(sent);
    const record = { ...sent, refunds: [old] };
    const again = applied(record, send(10_001), 10_001);
    expect(only(applied(again, refuse(2), 10_002)).status).toBe('REQUESTED');
  });

  it('attempts that an earlier version makes beside this one stay in doubt', () => {
    const theirs = { ...only(sent), attempts: 2, last_attempt_at: 10_001 };
    const record = { ...sent, refunds: [theirs] };
    expect(only(applied(record, refuse(1), 10_002)).status).toBe('REQUESTED');
    const again = applied(record, send(20_000), 20_000);
    expect(only(again)).toMatchObject({ attempts: 3, listed_attempts: 3 });
    expect(only(applied(again, refuse(3), 20_001)).status).toBe('REQUESTED');
  });

  it('however many attempts, the record stays small and the doubt stays', () => {
    let record = sent;
    for (let n = 1; n <= 60; n++) {
      record = applied(record, silence(n), n * 20_000);
      record = applied(record, send(n * 20_000), n * 20_000);
    }
    expect(only(record).open_attempts).toHaveLength(20);
    expect(only(record).open_attempts).toEqual(expect.arrayContaining([1, 61]));
    expect(only(applied(record, refuse(61), 61 * 20_000)).status).toBe('REQUESTED');
  });
});

describe('a balance that is too low', () => {
  const low = (proven: boolean): OrderRecord =>
    applied(sent, refuse(1, { proven, code: 'NOT_ENOUGH' }));

  it.each([true, false])(
    'is no verdict (proven: %s), and is tried again for seven days',
    (proven) => {
      const record = low(proven);
      expect(only(record).status).toBe('REQUESTED');
      expect(refundableFen(record)).toBe(70);
      expect(refundNext(only(record))).toBe('top_up');
      expect(maySendAgain(only(record), NOW + 7 * DAY - 1)).toBe(true);
      expect(maySendAgain(only(record), NOW + 7 * DAY)).toBe(false);
      // Not even WeChat's own "no such refund" ends it before.
      expect(outcome(run(record, missing(DAY), DAY))).toBe('-');
      const event = { type: 'refund_unresolved', out_refund_no: 'R1', ...BY_SWEEP } as const;
      expect(outcome(run(record, event, 6 * DAY))).toBe('-');
      expect(applied(record, event, 7 * DAY).refunds).toMatchObject([{ verdict: 'unresolved' }]);
    },
  );

  it('proven, leaves a later refusal its verdict', () => {
    const again = applied(low(true), send(MINUTE), MINUTE);
    expect(only(applied(again, refuse(2), MINUTE)).status).toBe('CLOSED');
    const doubtful = applied(low(false), send(MINUTE), MINUTE);
    expect(only(applied(doubtful, refuse(2), MINUTE)).status).toBe('REQUESTED');
  });
});

describe('"no such refund", proven', () => {
  it('frees it only ten minutes after its last copy, told twice a minute apart', () => {
    const quiet = REFUND_QUIET_MS;
    expect(outcome(run(sent, missing(quiet - 1), quiet - 1))).toBe('-');
    const once = applied(sent, missing(quiet), quiet);
    expect(once.state).toBe('REFUNDING');
    expect(outcome(run(once, missing(quiet + 59_999), quiet + 59_999))).toBe('-');
    const resent = applied(once, send(quiet + 59_999), quiet + 59_999);
    expect(outcome(run(resent, missing(quiet + MINUTE), quiet + MINUTE))).toBe('-');
    const record = applied(once, missing(quiet + MINUTE), quiet + MINUTE);
    expect([record.state, types(record)]).toEqual(['PAID', ['refund.requested', 'refund.closed']]);
    expect(only(record).verdict).toBe('rejected');
  });

  it('counts from when it was asked for, however late the answer is applied', () => {
    expect(outcome(run(sent, missing(MINUTE), 60 * MINUTE))).toBe('-');
  });
});

describe('left to an operator', () => {
  const unresolved = applied(
    applied(sent, refuse(1, { proven: false })),
    { type: 'refund_unresolved', out_refund_no: 'R1', ...BY_SWEEP },
    DAY,
  );

  it('stays requested and reserved, is alarmed, and nothing sends or frees it by itself', () => {
    expect(unresolved).toMatchObject({ state: 'REFUNDING', agenda: [{ do: 'deliver' }] });
    expect(only(unresolved)).toMatchObject({ status: 'REQUESTED', verdict: 'unresolved' });
    expect(types(unresolved)).toEqual(['refund.requested', 'refund.unresolved']);
    expect(refundNext(only(unresolved))).toBe('repeat_or_release');
    expect(outcome(run(unresolved, send(DAY, BY_SWEEP), DAY))).toBe('-');
    expect(outcome(run(unresolved, missing(2 * DAY), 2 * DAY))).toBe('-');
  });

  it('is sent again by hand, under the same number, and has another day', () => {
    const again = applied(unresolved, send(2 * DAY), 2 * DAY);
    expect(only(again)).toMatchObject({
      status: 'REQUESTED',
      attempts: 2,
      resumed_at: NOW + 2 * DAY,
    });
    expect(only(again).verdict).toBeUndefined();
    expect(again.agenda).toContainEqual(expect.objectContaining({ do: 'refund', key: 'R1' }));
    const event = { type: 'refund_unresolved', out_refund_no: 'R1', ...BY_SWEEP } as const;
    expect(outcome(run(again, event, 2 * DAY + MINUTE))).toBe('-');
  });

  it('one that an earlier version wrote as ABNORMAL is sent again as well', () => {
    const old: Refund = { ...only(unresolved), status: 'ABNORMAL' };
    const again = applied({ ...unresolved, refunds: [old] }, send(2 * DAY), 2 * DAY);
    expect(only(again).status).toBe('REQUESTED');
  });

  it('a release frees it after two proofs, and sends nothing meanwhile', () => {
    const event = { type: 'refund_release', out_refund_no: 'R1', ...BY_HAND } as const;
    const asked = applied(unresolved, event, 2 * DAY);
    expect(refundNext(only(asked))).toBe('release_pending');
    expect(outcome(run(asked, send(2 * DAY, BY_SWEEP), 2 * DAY))).toBe('-');
    expect(maySendAgain(only(asked), NOW + 2 * DAY)).toBe(false);
    const once = applied(asked, missing(2 * DAY), 2 * DAY);
    expect(refundableFen(once)).toBe(70);
    const free = applied(once, missing(2 * DAY + MINUTE), 2 * DAY + MINUTE);
    expect([free.state, only(free).verdict]).toEqual(['PAID', 'released']);
    expect(outcome(run(free, ask('R1', 30)))).toBe('REFUND_CLOSED');
  });

  it('a release of one that WeChat holds is refused', () => {
    const processing = applied(sent, seen(facts('PROCESSING')));
    const event = { type: 'refund_release', out_refund_no: 'R1', ...BY_HAND } as const;
    expect(outcome(run(processing, event))).toBe('MOVE_FORBIDDEN');
    expect(outcome(run(paid, event))).toBe('REFUND_NOT_FOUND');
  });

  it('one whose number is another order’s is withdrawn only where it was never sent', () => {
    const event = { type: 'refund_withdrawn', out_refund_no: 'R1', ...BY_HAND } as const;
    expect(only(applied(requested, event)).verdict).toBe('number_taken');
    expect(outcome(run(sent, event))).toBe('-');
  });
});

describe('what WeChat proved', () => {
  it.each([
    ['SUCCESS', 'PARTIALLY_REFUNDED', 'refund.succeeded'],
    ['CLOSED', 'PAID', 'refund.closed'],
    ['ABNORMAL', 'REFUNDING', 'refund.abnormal'],
    ['PROCESSING', 'REFUNDING', undefined],
  ] as const)('REQUESTED, told %s → %s', (status, state, effect) => {
    const record = applied(sent, seen(facts(status)));
    expect(record.state).toBe(state);
    expect(types(record).slice(1)).toEqual(effect === undefined ? [] : [effect]);
    expect(only(record)).not.toHaveProperty('asking_until');
  });

  it('money that came back stays back', () => {
    const back = applied(sent, seen(facts('SUCCESS')));
    for (const status of ['CLOSED', 'ABNORMAL', 'PROCESSING'] as const) {
      expect(outcome(run(back, seen(facts(status))))).toBe('-');
    }
  });

  it('one counted as failed that went through is a fact, and an alarm', () => {
    const decision = run(closed('rejected'), seen(facts('SUCCESS')));
    expect(outcome(decision)).toBe('PARTIALLY_REFUNDED');
    expect(decision).toHaveProperty('alarm');
  });

  it('one made elsewhere is added and counts, once its number is known to be free', () => {
    const { number: _number, ...unasked } = seen(facts('SUCCESS', 80, 'E1')) as Extract<
      OrderEvent,
      { type: 'refund_seen' }
    >;
    expect(outcome(run(paid, unasked))).toBe('REFUND_NOT_FOUND');
    const added = applied(paid, { ...unasked, number: 'ours' });
    expect(refundableFen(added)).toBe(20);
  });

  it.each([
    ['more than is left', facts('SUCCESS', 71, 'E1'), 'ours', 'more_than_is_left'],
    ['a number of another order', facts('SUCCESS', 10, 'E1'), 'another', 'number_of_another_order'],
    [
      'another transaction',
      facts('SUCCESS', 10, 'E1', { transaction_id: '42' }),
      'ours',
      'another_transaction',
    ],
    ['our number, more than is left', facts('SUCCESS', 101), 'ours', 'more_than_is_left'],
  ] as const)(
    '%s is kept as a contradiction and alarmed, not added',
    (_what, fact, number, why) => {
      const decision = run(sent, seen(fact, number));
      expect(decision).toMatchObject({ kind: 'next', alarm: 'refund.contradiction' });
      const record = applied(sent, seen(fact, number));
      expect(record.refunds).toEqual(sent.refunds);
      expect(refundableFen(record)).toBe(70);
      expect(types(record)).toEqual(['refund.requested']);
      expect(record.refund_contradictions).toMatchObject([
        { out_refund_no: fact.out_refund_no, refund: fact.refund, why, proof: 'signature' },
      ]);
      // Its repeat is known, and rings no second time.
      expect(outcome(run(record, seen(fact, number)))).toBe('-');
    },
  );

  it('of a closed refund whose amount was refunded again: the sum never exceeds what was paid', () => {
    const again = applied(closed('rejected'), ask('R2', 80));
    const record = applied(again, seen(facts('SUCCESS')));
    expect(record.refund_contradictions).toMatchObject([{ why: 'more_than_is_left' }]);
    expect(refundableFen(record)).toBe(20);
  });

  it('of a payment code that was reversed, a refund has nothing to come from', () => {
    const reversed: OrderRecord = {
      ...paid,
      product: 'codepay',
      state: 'CLOSED',
      reversing_at: NOW,
    };
    const record = applied(reversed, seen(facts('SUCCESS', 10, 'E1')));
    expect(record).toMatchObject({ state: 'CLOSED', refunds: [] });
    expect(types(record)).toEqual([]);
  });

  it('one closed at WeChat takes nothing, whatever its amount', () => {
    const record = applied(paid, seen(facts('CLOSED', 900, 'E1')));
    expect(refundableFen(record)).toBe(100);
  });
});

describe('whether the sweep may send it again', () => {
  const refund: Refund = {
    ...{ out_refund_no: 'R1', status: 'REQUESTED', refund: 30, total: 100, source: 'operator' },
    ...{ requested_at: NOW, attempts: 1 },
  };
  const refusal = { code: 'INVALID_REQUEST', proven: false, at: NOW };
  const poor = { code: 'NOT_ENOUGH', proven: false, at: NOW };
  const FREED = { releasing_at: NOW };

  it.each<readonly [string, Partial<Refund>, number, boolean]>([
    ['requested', {}, 0, true],
    ['for a day', {}, DAY - 1, true],
    ['for a day and no longer', {}, DAY, false],
    ['taken up again, for a day from then', { resumed_at: NOW + DAY }, 2 * DAY - 1, true],
    ['known to WeChat', { status: 'PROCESSING' }, 0, false],
    ['known to WeChat and poor', { status: 'ABNORMAL', refusal: poor }, 0, false],
    ['being freed', FREED, 0, false],
    ['being freed and poor', { ...FREED, refusal: poor }, 0, false],
    ['left to an operator', { verdict: 'unresolved' }, 0, false],
    ['refused', { refusal }, 0, false],
    ['refused for the balance, however often', { refusal: poor, attempts: 99 }, 0, true],
  ])('%s', (_what, facts, afterMs, may) => {
    expect(maySendAgain({ ...refund, ...facts }, NOW + afterMs)).toBe(may);
  });

  it('a bounded number of times', () => {
    const sentOften = (attempts: number) => maySendAgain({ ...refund, attempts }, NOW);
    const most = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].filter(sentOften).length;
    expect(most).toBe(3);
  });
});
