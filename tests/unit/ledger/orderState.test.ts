/** Every state × every event has an answer, and no answer takes a fact back. */
import { dueAt } from '../../../services/ledger/agenda';
import type { Decision } from '../../../services/ledger/decision';
import type { DecideContext } from '../../../services/ledger/decision';
import {
  decide,
  mismatchOf,
  ORDER_EVENTS,
  type OrderEvent,
  type OrderEventType,
} from '../../../services/ledger/orderState';
import { moneyState } from '../../../services/ledger/refundMoney';
import type { RefundFacts } from '../../../services/ledger/refundSeen';
import {
  ORDER_STATES,
  type OrderRecord,
  type OrderState,
  type Payment,
  type Refund,
} from '../../../services/ledger/record';

const NOW = Date.parse('2026-01-02T03:04:05+08:00');
const CTX = { now: NOW, sink: true };
const OPENID = 'oPayer_abcdefghijklmnop00001';
const FROM = { source: 'callback', proof: 'signature' } as const;

const payment: Payment = {
  transaction_id: '4200000000202601020000000001',
  total: 100,
  payer_total: 90,
  currency: 'CNY',
  appid: 'wx0000000000000001',
  mchid: '1900000001',
  openid: OPENID,
  source: 'callback',
  proof: 'signature',
};

const PAID_STATES: readonly OrderState[] = [
  'PAID',
  'REFUNDING',
  'PARTIALLY_REFUNDED',
  'REFUNDED',
  'MISMATCH',
];

const refundOf = (status: Refund['status'], amount: number, no = 'R1'): Refund => ({
  out_refund_no: no,
  status,
  refund: amount,
  total: 100,
  facts_hash: 'h',
  source: 'operator',
  requested_at: NOW - 1000,
  attempts: 1,
  open_attempts: [1],
  listed_attempts: 1,
  request: { method: 'POST', path: '/', body: '{}' },
});

const REFUNDS: Readonly<Partial<Record<OrderState, readonly Refund[]>>> = {
  REFUNDING: [refundOf('REQUESTED', 30)],
  PARTIALLY_REFUNDED: [refundOf('SUCCESS', 30)],
  REFUNDED: [refundOf('SUCCESS', 100)],
};

/** A record as it would stand in this state. */
function inState(state: OrderState, more: Partial<OrderRecord> = {}): OrderRecord {
  return {
    kind: 'order',
    no: 'ORDER_000001',
    state,
    schema: 1,
    version: 7,
    created_at: NOW - 60_000,
    updated_at: NOW - 60_000,
    payer: OPENID,
    history: [],
    agenda: [{ do: 'expire', at: NOW + 600_000, tries: 0 }],
    effects: [],
    effect_seq: 0,
    product: 'jsapi',
    appid: 'wx0000000000000001',
    mchid: '1900000001',
    description: 'd',
    amount: { total: 100, currency: 'CNY' },
    payer_named: true,
    made_by: 'payer',
    prepared: state === 'PREPARED',
    facts_hash: 'f',
    expires_at: NOW + 600_000,
    contradictions: [],
    refunds: REFUNDS[state] ?? [],
    ...(PAID_STATES.includes(state) ? { payment } : {}),
    ...more,
  };
}

const facts = (status: RefundFacts['status'], amount = 30, no = 'R1'): RefundFacts => ({
  out_refund_no: no,
  status,
  refund: amount,
  total: 100,
  transaction_id: payment.transaction_id,
  refund_id: `50${no}`,
});

const EVENTS: { readonly [T in OrderEventType]: Extract<OrderEvent, { type: T }> } = {
  ask: { type: 'ask', until: NOW + 10_000, ...FROM },
  prepay: { type: 'prepay', prepay: { at: NOW, prepay_id: 'wx1' }, ...FROM },
  ask_refused: {
    type: 'ask_refused',
    proven: true,
    repeated: false,
    code: 'PARAM_ERROR',
    message: '',
    ...FROM,
  },
  prepare: {
    type: 'prepare',
    facts: {
      appid: 'wx0000000000000001',
      description: 'e',
      amount: { total: 200, currency: 'CNY' },
      facts_hash: 'g',
      idle_until: NOW + 60_000,
    },
    ...FROM,
  },
  ask_unknown: { type: 'ask_unknown', ...FROM },
  paid: { type: 'paid', payment, refunded: false, ...FROM },
  closed: { type: 'closed', trade_state: 'CLOSED', ...FROM },
  unpaid: { type: 'unpaid', trade_state: 'NOTPAY', ...FROM },
  refund_request: {
    type: 'refund_request',
    refund: {
      out_refund_no: 'R9',
      refund: 10,
      total: 100,
      facts_hash: 'n',
      request: { method: 'POST', path: '/', body: '{}' },
    },
    ...FROM,
  },
  refund_attempt: { type: 'refund_attempt', out_refund_no: 'R1', until: NOW + 10_000, ...FROM },
  refund_seen: { type: 'refund_seen', refund: facts('SUCCESS'), number: 'ours', ...FROM },
  refund_refused: {
    type: 'refund_refused',
    out_refund_no: 'R1',
    attempt: 1,
    proven: true,
    repeated: false,
    code: 'INVALID_REQUEST',
    ...FROM,
  },
  refund_unanswered: { type: 'refund_unanswered', out_refund_no: 'R1', attempt: 1, ...FROM },
  refund_withdrawn: { type: 'refund_withdrawn', out_refund_no: 'R1', ...FROM },
  refund_release: { type: 'refund_release', out_refund_no: 'R1', ...FROM },
  refund_missing: { type: 'refund_missing', out_refund_no: 'R1', asked_at: NOW, ...FROM },
  refund_unresolved: { type: 'refund_unresolved', out_refund_no: 'R1', ...FROM },
  abnormal_ask: {
    type: 'abnormal_ask',
    out_refund_no: 'R1',
    until: NOW + 10_000,
    intent: {
      type: 'MERCHANT_BANK_CARD',
      facts_hash: 'a',
      asked_by: 'operator key',
      request: { method: 'POST', path: '/', body: '{}' },
    },
    checked: false,
    ...FROM,
  },
  abnormal_refused: {
    type: 'abnormal_refused',
    out_refund_no: 'R1',
    nothing: true,
    code: 'PARAM_ERROR',
    ...FROM,
  },
  reversing: { type: 'reversing', ...FROM },
  reversal_over: { type: 'reversal_over', ...FROM },
  hinted: { type: 'hinted', ...FROM },
};

/** What each event makes of each state: a state, `-` ignored, or a conflict's code. */
const TABLE: Readonly<Record<OrderEventType, readonly string[]>> = {
  // PREPARED CREATED PENDING PAID REFUNDING PARTIALLY_REFUNDED REFUNDED CLOSED REJECTED MISMATCH REVERSING
  ask: [
    ...['CREATED', 'CREATED', 'PENDING', 'ORDER_PAID', 'ORDER_PAID', 'ORDER_PAID', 'ORDER_PAID'],
    ...['ORDER_CLOSED', 'CREATED', 'ORDER_PAID', 'ORDER_CLOSED'],
  ],
  prepare: [
    ...['ORDER_PARAMS_DIFFER', 'ORDER_PARAMS_DIFFER', 'ORDER_PARAMS_DIFFER', 'ORDER_PAID'],
    ...['ORDER_PAID', 'ORDER_PAID', 'ORDER_PAID', 'ORDER_CLOSED', 'ORDER_PARAMS_DIFFER'],
    ...['ORDER_PAID', 'ORDER_PARAMS_DIFFER'],
  ],
  prepay: ['-', 'PENDING', 'PENDING', '-', '-', '-', '-', '-', 'PENDING', '-', '-'],
  ask_refused: ['-', 'REJECTED', 'PENDING', '-', '-', '-', '-', '-', '-', '-', '-'],
  ask_unknown: ['-', '-', '-', '-', '-', '-', '-', '-', '-', '-', '-'],
  paid: ['PAID', 'PAID', 'PAID', '-', '-', '-', '-', 'PAID', 'PAID', '-', 'REVERSING'],
  closed: ['CLOSED', 'CLOSED', 'CLOSED', '-', '-', '-', '-', '-', 'CLOSED', '-', 'CLOSED'],
  unpaid: ['-', '-', '-', '-', '-', '-', '-', '-', '-', '-', '-'],
  refund_request: [
    ...['ORDER_NOT_PAID', 'ORDER_NOT_PAID', 'ORDER_NOT_PAID', 'REFUNDING', 'REFUNDING'],
    ...['REFUNDING', 'REFUND_EXCEEDS', 'ORDER_NOT_PAID', 'ORDER_NOT_PAID', 'MISMATCH'],
    'MOVE_FORBIDDEN',
  ],
  refund_attempt: ['-', '-', '-', '-', 'REFUNDING', '-', '-', '-', '-', '-', '-'],
  refund_seen: [
    ...['ORDER_NOT_PAID', 'ORDER_NOT_PAID', 'ORDER_NOT_PAID', 'PARTIALLY_REFUNDED'],
    ...['PARTIALLY_REFUNDED', '-', '-', 'ORDER_NOT_PAID', 'ORDER_NOT_PAID', 'MISMATCH'],
    'ORDER_NOT_PAID',
  ],
  refund_refused: ['-', '-', '-', '-', 'PAID', '-', '-', '-', '-', '-', '-'],
  refund_missing: ['-', '-', '-', '-', '-', '-', '-', '-', '-', '-', '-'],
  refund_unresolved: ['-', '-', '-', '-', '-', '-', '-', '-', '-', '-', '-'],
  refund_unanswered: ['-', '-', '-', '-', '-', '-', '-', '-', '-', '-', '-'],
  refund_withdrawn: ['-', '-', '-', '-', '-', '-', '-', '-', '-', '-', '-'],
  refund_release: [
    ...['REFUND_NOT_FOUND', 'REFUND_NOT_FOUND', 'REFUND_NOT_FOUND', 'REFUND_NOT_FOUND'],
    ...['REFUNDING', 'MOVE_FORBIDDEN', 'MOVE_FORBIDDEN', 'REFUND_NOT_FOUND'],
    ...['REFUND_NOT_FOUND', 'REFUND_NOT_FOUND', 'REFUND_NOT_FOUND'],
  ],
  // None of these refunds is ABNORMAL: nothing is sent on.
  abnormal_ask: [
    ...['REFUND_NOT_FOUND', 'REFUND_NOT_FOUND', 'REFUND_NOT_FOUND', 'REFUND_NOT_FOUND'],
    ...['MOVE_FORBIDDEN', 'MOVE_FORBIDDEN', 'MOVE_FORBIDDEN', 'REFUND_NOT_FOUND'],
    ...['REFUND_NOT_FOUND', 'REFUND_NOT_FOUND', 'REFUND_NOT_FOUND'],
  ],
  abnormal_refused: ['-', '-', '-', '-', '-', '-', '-', '-', '-', '-', '-'],
  reversing: Array.from({ length: 11 }, () => 'MOVE_FORBIDDEN'),
  reversal_over: Array.from({ length: 11 }, () => '-'),
  hinted: [...ORDER_STATES],
};

const outcome = (decision: Decision<OrderRecord>): string => {
  if (decision.kind === 'next') return decision.record.state;
  return decision.kind === 'ignored' ? '-' : decision.code;
};

const applied = (decision: Decision<OrderRecord>): OrderRecord => {
  if (decision.kind !== 'next') throw new Error(`not applied: ${JSON.stringify(decision)}`);
  return decision.record;
};

const types = (record: OrderRecord): readonly string[] => record.effects.map((e) => e.type);

describe('every state × every event', () => {
  it('covers all events', () => {
    expect(Object.keys(TABLE).sort()).toEqual([...ORDER_EVENTS].sort());
  });

  for (const type of ORDER_EVENTS) {
    ORDER_STATES.forEach((state, i) => {
      it(`${state} × ${type} → ${String(TABLE[type][i])}`, () => {
        const before = inState(state);
        const frozen = JSON.stringify(before);
        const decision = decide(before, EVENTS[type], CTX);
        expect(outcome(decision)).toBe(TABLE[type][i]);
        expect(JSON.stringify(before)).toBe(frozen);
        if (decision.kind !== 'next') return;
        expect(decision.record.version).toBe(8);
        // A hint is anyone's to send: it must not fill a bounded history.
        expect(decision.record.history).toHaveLength(type === 'hinted' ? 0 : 1);
        if (before.payment !== undefined) expect(decision.record.payment).toEqual(payment);
      });
    });
  }
});

describe('a refused number', () => {
  const MINUTES = 60_000;
  const refused = { ...EVENTS.ask_refused, proven: false } as const;
  const facts = { description: 'e', facts_hash: 'g' } as const;
  const at = (minutes: number): DecideContext => ({ ...CTX, now: NOW + minutes * MINUTES });
  const ask = (record: OrderRecord, minutes = 0, absent_at = record.version) =>
    decide(
      record,
      {
        ...EVENTS.ask,
        until: NOW + (minutes + 1) * MINUTES,
        facts,
        absent_at,
      },
      at(minutes),
    );

  it('remembers as a field that nothing was accepted, and forgets it with the next answer', () => {
    const record = applied(decide(inState('CREATED'), refused, CTX));
    expect(record).toMatchObject({ state: 'CREATED', nothing_accepted: true });
    expect(applied(decide(record, EVENTS.prepay, CTX))).not.toHaveProperty('nothing_accepted');
    expect(applied(decide(record, EVENTS.ask, CTX))).not.toHaveProperty('nothing_accepted');
  });

  it.each([
    ['another reason', { code: 'NO_AUTH' }],
    ['paid already', { code: 'ORDERPAID' }],
    ['closed already', { code: 'ORDER_CLOSED' }],
  ])('for %s is not one', (_name, more) => {
    const record = applied(decide(inState('CREATED'), { ...refused, ...more }, CTX));
    expect(record).not.toHaveProperty('nothing_accepted');
    expect(outcome(ask(record))).toBe('ORDER_PARAMS_DIFFER');
  });

  it('is none once a prepay was given, and none of a payment code', () => {
    const prepay = { at: NOW, prepay_id: 'wx1' };
    for (const more of [{ prepay }, { product: 'codepay' } as const]) {
      const record = applied(decide(inState('CREATED', more), refused, CTX));
      expect(record).not.toHaveProperty('nothing_accepted');
    }
  });

  it('takes other facts only at the version at which WeChat did not know it', () => {
    const record = applied(decide(inState('CREATED'), refused, CTX));
    const corrected = applied(ask(record));
    expect(corrected).toMatchObject({ ...facts, state: 'CREATED' });
    expect(outcome(ask(record, 0, record.version - 1))).toBe('ORDER_BUSY');
    const blind = { ...EVENTS.ask, facts } as const;
    expect(outcome(decide(record, blind, CTX))).toBe('ORDER_BUSY');
    expect(outcome(ask(inState('CREATED')))).toBe('ORDER_PARAMS_DIFFER');
  });

  it.each([true, false])('waits while a copy may arrive (refusal proven: %s)', (proven) => {
    const event = { ...refused, proven, repeated: true };
    const record = applied(decide(inState('CREATED'), event, CTX));
    expect(record).toMatchObject({ state: 'CREATED', nothing_accepted: true });
    expect(outcome(ask(record, 4))).toBe('ORDER_BUSY');
    expect(outcome(ask(record, 5))).toBe('CREATED');
  });

  it('counts the copies of earlier asks: one without an answer, one whose lease ran out', () => {
    const asking = inState('CREATED', { asking_until: NOW + 10_000 });
    const unknown = applied(decide(asking, EVENTS.ask_unknown, CTX));
    const lost = applied(decide(asking, { ...EVENTS.ask, until: NOW + 70_000 }, at(1)));
    for (const before of [unknown, lost]) {
      const again = applied(decide(before, EVENTS.ask, at(2)));
      const record = applied(decide(again, { ...EVENTS.ask_refused, proven: true }, at(2)));
      expect(record.state).toBe('CREATED');
      expect(outcome(ask(record, 4))).toBe('ORDER_BUSY');
      expect(outcome(ask(record, 7))).toBe('CREATED');
    }
  });

  it('can be prepared again, and then nothing is left of what was refused', () => {
    const request = { method: 'POST', path: '/', body: '{}' } as const;
    const more = {
      prepared: true,
      attach: 'a',
      expire_minutes: 5,
      request,
      extra: { goods_tag: 'x' },
      payer_asks: { since: NOW, count: 1 },
    };
    for (const proven of [true, false]) {
      const record = applied(decide(inState('CREATED', more), { ...refused, proven }, CTX));
      const event = { ...EVENTS.prepare, absent_at: record.version } as const;
      const again = applied(decide(record, event, CTX));
      expect(again).toMatchObject({ state: 'PREPARED', description: 'e', payer: OPENID });
      for (const gone of [
        'attach',
        'expire_minutes',
        'request',
        'extra',
        'expires_at',
        'refusal',
      ]) {
        expect(again).not.toHaveProperty(gone);
      }
      expect(dueAt(again)).toBe(NOW + 61_000);
      // Nobody but the operator named this payer: the name may have been the mistake.
      const { payer_asks: _asks, ...unasked } = record;
      expect(applied(decide(unasked, event, CTX))).not.toHaveProperty('payer');
    }
  });

  it('keeps the payer who asked for it, and none whom only the operator named', () => {
    const named = (facts: object, payer?: string) => {
      const more = { prepared: true, payer: OPENID, ...facts };
      const record = applied(decide(inState('CREATED', more), { ...refused, proven: true }, CTX));
      const event = { ...EVENTS.prepare, absent_at: record.version };
      const wanted = payer === undefined ? {} : { payer };
      return applied(decide(record, { ...event, facts: { ...event.facts, ...wanted } }, CTX));
    };
    const payer_asks = { since: NOW, count: 1 };
    expect(named({ payer_asks })).toMatchObject({ payer: OPENID, payer_asks });
    expect(named({})).not.toHaveProperty('payer');
    expect(named({ payer_asks }, OPENID)).toMatchObject({ payer: OPENID, payer_asks });
    const other = named({ payer_asks }, 'oAnother');
    expect(other.payer).toBe('oAnother');
    expect(other).not.toHaveProperty('payer_asks');
  });
});

it('closes without WeChat’s word only what WeChat does not hold', () => {
  const closed = { ...EVENTS.closed, proof: 'none' } as const;
  expect(outcome(decide(inState('PREPARED'), closed, CTX))).toBe('CLOSED');
  expect(outcome(decide(inState('CREATED'), closed, CTX))).toBe('-');
  expect(outcome(decide(inState('PENDING'), closed, CTX))).toBe('-');
});

describe('payments', () => {
  it.each(['v2', 'v3'] as const)('told in API %s are those of an order of that version', (api) => {
    const other = api === 'v2' ? 'v3' : 'v2';
    const told = (of: object) => decide(inState('PENDING', of), { ...EVENTS.paid, api }, CTX);
    expect(outcome(told({ api }))).toBe('PAID');
    expect(outcome(told({ api: other }))).toBe('NOTIFICATION_REFUSED');
    expect(outcome(told({}))).toBe(api === 'v3' ? 'PAID' : 'NOTIFICATION_REFUSED');
    expect(outcome(decide(inState('PENDING', { api }), EVENTS.paid, CTX))).toBe('PAID');
  });

  it('of another shop of the service provider do not fit', () => {
    const shop = { ...payment, sub_mchid: '1900000011' };
    const told = (of: object, by: Payment) =>
      outcome(decide(inState('PENDING', of), { ...EVENTS.paid, payment: by }, CTX));
    expect(told({ sub_mchid: '1900000011' }, shop)).toBe('PAID');
    expect(told({ sub_mchid: '1900000012' }, shop)).toBe('MISMATCH');
    expect(told({ sub_mchid: '1900000011' }, payment)).toBe('MISMATCH');
    expect(told({}, shop)).toBe('MISMATCH');
  });

  it('that a reversal overtook are kept, and nobody is told of them', () => {
    const reversed = inState('CLOSED', { product: 'codepay', reversing_at: NOW - 60_000 });
    const late = applied(decide(reversed, EVENTS.paid, CTX));
    expect(late).toMatchObject({
      state: 'CLOSED',
      payment: { transaction_id: expect.any(String) },
    });
    expect(late.effects).toEqual(reversed.effects);
  });

  it('a repeat changes nothing', () => {
    const paid = applied(decide(inState('PENDING'), EVENTS.paid, CTX));
    expect(types(paid)).toEqual(['order.paid']);
    expect(outcome(decide(paid, EVENTS.paid, CTX))).toBe('-');
  });

  it('leaves nothing to ask or to expire', () => {
    const paid = applied(decide(inState('PENDING'), EVENTS.paid, { ...CTX, sink: false }));
    expect(dueAt(paid)).toBeUndefined();
    expect(paid.effects.map((e) => e.state)).toEqual(['skipped']);
  });

  it('after closing is applied and alarmed', () => {
    const decision = decide(inState('CLOSED'), EVENTS.paid, CTX);
    expect(types(applied(decision))).toEqual(['order.paid_after_close']);
    expect(decision).toHaveProperty('alarm');
  });

  it.each([
    ['amount', { total: 99 }],
    ['currency', { currency: 'USD' }],
    ['appid', { appid: 'wx0000000000000002' }],
    ['payer', { openid: 'oOther_abcdefghijklmnop00001' }],
  ])('with another %s is a mismatch, kept and alarmed', (what, part) => {
    const other = { ...payment, ...part };
    expect(mismatchOf(inState('PENDING'), other)).toBe(what);
    const decision = decide(inState('PENDING'), { ...EVENTS.paid, payment: other }, CTX);
    const record = applied(decision);
    expect([record.state, types(record)]).toEqual(['MISMATCH', ['order.mismatch']]);
    expect(record.payment?.total).toBe(other.total);
    expect(decision).toHaveProperty('alarm');
  });

  it('compares the payer only where the order named one', () => {
    const native = inState('PENDING', { payer_named: false });
    const other = { ...payment, openid: 'oOther_abcdefghijklmnop00001' };
    expect(mismatchOf(native, other)).toBeUndefined();
  });

  it('a second transaction on a paid record is stored once, and the state stays', () => {
    const other = { ...payment, transaction_id: '4200000000202601020000000002' };
    const first = decide(inState('PAID'), { ...EVENTS.paid, payment: other }, CTX);
    expect(first).toHaveProperty('alarm');
    const record = applied(first);
    expect(record).toMatchObject({ state: 'PAID', payment, contradictions: [other] });
    expect(types(record)).toEqual([]);
    expect(outcome(decide(record, { ...EVENTS.paid, payment: other }, CTX))).toBe('-');
  });

  it('what is one contradiction too many stands in the history and in the alarm, whole', () => {
    const numbered = (n: number) => ({ ...payment, transaction_id: `42${String(n)}`, total: n });
    const contradictions = Array.from({ length: 19 }, (_, n) => numbered(n + 1));
    const nineteen = inState('PAID', { contradictions });
    const last = decide(nineteen, { ...EVENTS.paid, payment: numbered(20) }, CTX);
    const full = applied(last);
    expect(full.contradictions).toEqual([...contradictions, numbered(20)]);
    expect(last).toMatchObject({ alarm: 'order.second_payment' });
    const decision = decide(full, { ...EVENTS.paid, payment: numbered(21) }, CTX);
    expect(decision).toMatchObject({ alarm: 'order.contradictions_full', reason: '4221 21' });
    const after = applied(decision);
    expect(after.contradictions).toEqual(full.contradictions);
    expect(after.history.at(-1)).toMatchObject({
      what: 'contradiction_not_kept',
      detail: '4221 21',
    });
  });

  it('trade_state REFUND without a refund of ours is refunded elsewhere, not paid', () => {
    const event = { ...EVENTS.paid, refunded: true };
    const record = applied(decide(inState('PENDING'), event, CTX));
    expect(types(record)).toEqual(['order.refunded_elsewhere']);
    expect(outcome(decide(record, event, CTX))).toBe('-');
    const known = applied(decide(inState('PAID'), event, CTX));
    expect(types(known)).toEqual(['order.refunded_elsewhere']);
  });

  it('while being reversed delivers nothing', () => {
    const record = applied(decide(inState('REVERSING'), EVENTS.paid, CTX));
    expect([record.state, types(record), record.payment]).toEqual(['REVERSING', [], payment]);
  });
});

describe('asking', () => {
  it('is one caller’s right until the lease ends', () => {
    const asked = applied(decide(inState('CREATED'), EVENTS.ask, CTX));
    expect(outcome(decide(asked, EVENTS.ask, CTX))).toBe('ORDER_BUSY');
    expect(outcome(decide(asked, EVENTS.ask, { ...CTX, now: NOW + 10_001 }))).toBe('CREATED');
  });

  it('may bring other facts only where WeChat holds none', () => {
    const event = { ...EVENTS.ask, facts: { description: 'other' } };
    expect(outcome(decide(inState('PENDING'), event, CTX))).toBe('ORDER_PARAMS_DIFFER');
    expect(applied(decide(inState('REJECTED'), event, CTX)).description).toBe('other');
    expect(applied(decide(inState('PREPARED'), event, CTX)).state).toBe('CREATED');
  });

  it('an unproven refusal is noted and rejects nothing', () => {
    const event = { ...EVENTS.ask_refused, proven: false };
    const record = applied(decide(inState('CREATED'), event, CTX));
    expect(record).toMatchObject({ state: 'CREATED', refusal: { proven: false } });
  });

  it('tells of the order once, however often its prepay is renewed', () => {
    const first = applied(decide(inState('CREATED'), EVENTS.prepay, CTX));
    const second = applied(decide(first, EVENTS.prepay, CTX));
    expect(types(second)).toEqual(['order.created']);
  });
});

describe('moneyState', () => {
  it.each([
    [[], 'PAID'],
    [[refundOf('CLOSED', 100)], 'PAID'],
    [[refundOf('SUCCESS', 99)], 'PARTIALLY_REFUNDED'],
    [[refundOf('SUCCESS', 100)], 'REFUNDED'],
    [[refundOf('SUCCESS', 99), refundOf('ABNORMAL', 1, 'B')], 'REFUNDING'],
    [[refundOf('PROCESSING', 1)], 'REFUNDING'],
  ] as const)('%#', (refunds, state) => {
    expect(moneyState(100, refunds)).toBe(state);
  });
});
