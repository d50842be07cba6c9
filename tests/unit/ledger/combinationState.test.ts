/** Every state × every event has an answer, no answer takes a fact back, and all parts are paid or none. */
import {
  COMBINATION_EVENTS,
  combinationMismatch,
  decideCombination,
  partAsOrder,
  type CombinationEvent,
  type CombinationEventType,
  type PaidPart,
} from '../../../services/ledger/combinationState';
import { readCombination } from '../../../services/wechat/readCombination';
import type { Decision } from '../../../services/ledger/decision';
import {
  ORDER_STATES,
  type CombinationRecord,
  type OrderState,
  type Payment,
  type Refund,
} from '../../../services/ledger/record';

const NOW = Date.parse('2026-01-02T03:04:05+08:00');
const CTX = { now: NOW, sink: true };
const OPENID = 'oPayer_abcdefghijklmnop00001';
const FROM = { source: 'callback', proof: 'signature' } as const;
const MCHID = '1900000001';
const APPID = 'wx0000000000000001';

const paymentOf = (no: string, total: number, more: Partial<Payment> = {}): Payment => ({
  transaction_id: `42000000${no}`,
  total,
  currency: 'CNY',
  appid: APPID,
  mchid: MCHID,
  openid: OPENID,
  ...FROM,
  ...more,
});

const paidPart = (no: string, total: number, more: Partial<Payment> = {}): PaidPart => ({
  out_trade_no: no,
  payment: paymentOf(no, total, more),
  refunded: false,
});
const BOTH = [paidPart('PART01', 60), paidPart('PART02', 40)] as const;

const refundOf = (status: Refund['status'], refund: number): Refund => ({
  out_refund_no: 'R1',
  status,
  refund,
  total: 60,
  facts_hash: 'h',
  source: 'operator',
  requested_at: NOW - 1000,
  attempts: 1,
});

const PAID: readonly OrderState[] = [
  'PAID',
  'REFUNDING',
  'PARTIALLY_REFUNDED',
  'REFUNDED',
  'MISMATCH',
];
const REFUNDS: Readonly<Partial<Record<OrderState, readonly Refund[]>>> = {
  REFUNDING: [refundOf('REQUESTED', 30)],
  PARTIALLY_REFUNDED: [refundOf('SUCCESS', 30)],
  REFUNDED: [refundOf('SUCCESS', 60)],
};

/** A record as it would stand in this state; REFUNDED: both parts wholly. */
function inState(state: OrderState, more: Partial<CombinationRecord> = {}): CombinationRecord {
  const paid = PAID.includes(state);
  const whole = { ...refundOf('SUCCESS', 40), out_refund_no: 'R2', total: 40 };
  return {
    kind: 'combination',
    no: 'COMBINED01',
    state,
    schema: 1,
    version: 7,
    created_at: NOW - 60_000,
    updated_at: NOW - 60_000,
    payer: OPENID,
    history: [],
    agenda: [
      { do: 'expire', at: NOW + 600_000, tries: 0 },
      { do: 'deliver', at: NOW + 5, tries: 3 },
    ],
    effects: [],
    effect_seq: 4,
    product: 'jsapi',
    appid: APPID,
    mchid: MCHID,
    payer_named: true,
    made_by: 'payer',
    facts_hash: 'f',
    expires_at: NOW + 600_000,
    sub_orders: [
      {
        mchid: MCHID,
        out_trade_no: 'PART01',
        description: 'a',
        amount: { total_amount: 60, currency: 'CNY' },
        refunds: REFUNDS[state] ?? [],
        ...(paid ? { payment: paymentOf('PART01', 60) } : {}),
      },
      {
        mchid: MCHID,
        out_trade_no: 'PART02',
        description: 'b',
        amount: { total_amount: 40, currency: 'CNY' },
        refunds: state === 'REFUNDED' ? [whole] : [],
        ...(paid ? { payment: paymentOf('PART02', 40) } : {}),
      },
    ],
    ...more,
  };
}

const request = { method: 'POST', path: '/r', body: '{}' } as const;
const refundRequest = (no: string, part = 'PART02', refund = 10, total = 40): CombinationEvent => ({
  type: 'part',
  out_trade_no: part,
  event: {
    type: 'refund_request',
    refund: { out_refund_no: no, refund, total, facts_hash: 'n', request },
    source: 'operator',
    proof: 'none',
  },
});

const EVENTS: {
  readonly [T in CombinationEventType]: Extract<CombinationEvent, { type: T }>;
} = {
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
  ask_unknown: { type: 'ask_unknown', ...FROM },
  paid: { type: 'paid', parts: BOTH, ...FROM },
  closed: { type: 'closed', trade_state: 'CLOSED', ...FROM },
  unpaid: { type: 'unpaid', trade_state: 'NOTPAY', ...FROM },
  hinted: { type: 'hinted', ...FROM },
  part: refundRequest('R9') as Extract<CombinationEvent, { type: 'part' }>,
};

/** The next state, `-` for ignored, or the code of a conflict. Columns as in ORDER_STATES. */
const EXPECTED: Readonly<Record<CombinationEventType, readonly string[]>> = {
  // PREPARED CREATED PENDING PAID REFUNDING PARTIALLY_REFUNDED REFUNDED CLOSED REJECTED MISMATCH REVERSING
  ask: [
    ...['CREATED', 'CREATED', 'PENDING', 'ORDER_PAID', 'ORDER_PAID', 'ORDER_PAID', 'ORDER_PAID'],
    ...['ORDER_CLOSED', 'CREATED', 'ORDER_PAID', 'ORDER_CLOSED'],
  ],
  prepay: ['-', 'PENDING', 'PENDING', '-', '-', '-', '-', '-', 'PENDING', '-', '-'],
  ask_refused: ['-', 'REJECTED', 'PENDING', '-', '-', '-', '-', '-', '-', '-', '-'],
  ask_unknown: Array.from({ length: 11 }, () => '-'),
  paid: ['PAID', 'PAID', 'PAID', '-', '-', '-', '-', 'PAID', 'PAID', '-', 'PAID'],
  closed: ['CLOSED', 'CLOSED', 'CLOSED', '-', '-', '-', '-', '-', 'CLOSED', '-', 'CLOSED'],
  unpaid: Array.from({ length: 11 }, () => '-'),
  hinted: [...ORDER_STATES],
  part: [
    ...['ORDER_NOT_PAID', 'ORDER_NOT_PAID', 'ORDER_NOT_PAID', 'REFUNDING', 'REFUNDING'],
    ...['REFUNDING', 'REFUND_EXCEEDS', 'ORDER_NOT_PAID', 'ORDER_NOT_PAID', 'MISMATCH'],
    'MOVE_FORBIDDEN',
  ],
};

const outcome = (d: Decision<CombinationRecord>): string =>
  d.kind === 'next' ? d.record.state : d.kind === 'ignored' ? '-' : d.code;

function applied(d: Decision<CombinationRecord>): CombinationRecord {
  if (d.kind !== 'next') throw new Error(`not applied: ${outcome(d)}`);
  return d.record;
}

const types = (record: CombinationRecord): string[] => record.effects.map((e) => e.type);

describe.each(COMBINATION_EVENTS)('%s', (type) => {
  test.each(ORDER_STATES)('in %s', (state) => {
    const before = inState(state);
    const decided = decideCombination(before, EVENTS[type], CTX);
    expect(outcome(decided)).toBe(EXPECTED[type][ORDER_STATES.indexOf(state)]);
    expect(before).toEqual(inState(state));
    if (decided.kind !== 'next') return;
    const after = decided.record;
    expect(after).toMatchObject({
      kind: 'combination',
      no: before.no,
      version: 8,
      payer: OPENID,
      created_at: before.created_at,
    });
    // Nothing of the views stays behind, the delivery under way keeps its moment, money stays.
    for (const key of ['payment', 'amount', 'refunds', 'part_of', 'prepared']) {
      expect(after).not.toHaveProperty(key);
    }
    expect(after.agenda).toContainEqual({ do: 'deliver', at: NOW + 5, tries: 3 });
    for (const [at, part] of before.sub_orders.entries()) {
      expect(after.sub_orders[at]?.payment ?? part.payment).toEqual(after.sub_orders[at]?.payment);
      if (part.payment !== undefined) expect(after.sub_orders[at]?.payment).toEqual(part.payment);
    }
    expect(after.effect_seq - 4).toBe(after.effects.length);
  });
});

describe('paid', () => {
  test('once: an effect with both payments, nothing left to ask', () => {
    const record = applied(decideCombination(inState('PENDING'), EVENTS.paid, CTX));
    expect(types(record)).toEqual(['order.paid']);
    expect(record.agenda.map((item) => item.do)).toEqual(['deliver']);
    expect(record.effects[0]?.data).toMatchObject({
      kind: 'combination',
      combine_out_trade_no: 'COMBINED01',
      amount: { total: 100 },
      sub_orders: [{ payment: { total: 60 } }, { payment: { total: 40 } }],
    });
    expect(outcome(decideCombination(record, EVENTS.paid, CTX))).toBe('-');
  });

  test('after close: alarmed, and told as such', () => {
    const decided = decideCombination(inState('CLOSED'), EVENTS.paid, CTX);
    expect(decided).toMatchObject({ alarm: expect.any(String) });
    expect(types(applied(decided))).toEqual(['order.paid_after_close']);
  });

  const wrong: readonly [string, readonly PaidPart[]][] = [
    ['amount', [paidPart('PART01', 61), BOTH[1]]],
    ['amount', [paidPart('PART01', 40), paidPart('PART02', 60)]],
    ['appid', [BOTH[0], paidPart('PART02', 40, { appid: 'wx2' })]],
    ['mchid', [BOTH[0], paidPart('PART02', 40, { mchid: '2' })]],
    ['payer', [paidPart('PART01', 60, { openid: 'o' }), paidPart('PART02', 40, { openid: 'o' })]],
    ['currency', [BOTH[0], paidPart('PART02', 40, { currency: 'USD' })]],
    ['parts', [BOTH[0]]],
    ['parts', [BOTH[0], paidPart('PART03', 40)]],
    ['parts', [...BOTH, paidPart('PART03', 1)]],
    ['parts', [paidPart('PART08', 60), paidPart('PART09', 40)]],
  ];
  test.each(wrong)('another %s than ordered: MISMATCH, kept, told once', (why, parts) => {
    const before = inState('PENDING');
    expect(combinationMismatch(before, parts)).toBe(why);
    const event: CombinationEvent = { type: 'paid', parts, ...FROM };
    const decided = decideCombination(before, event, CTX);
    const record = applied(decided);
    expect([record.state, types(record)]).toEqual(['MISMATCH', ['order.mismatch']]);
    expect(decided).toMatchObject({ alarm: 'order.mismatch', reason: why });
    const kept = [...record.sub_orders.flatMap((p) => p.payment ?? [])];
    kept.push(...(record.contradictions ?? []));
    expect(kept).toHaveLength(parts.length);
    expect(outcome(decideCombination(record, event, CTX))).toBe('-');
  });

  test('who paid is compared only where the order named him to WeChat', () => {
    const other = BOTH.map((p) => ({ ...p, payment: { ...p.payment, openid: 'other' } }));
    const event: CombinationEvent = { type: 'paid', parts: other, ...FROM };
    const open = inState('PENDING', { payer_named: false });
    expect(outcome(decideCombination(open, event, CTX))).toBe('PAID');
  });

  test('a second, different payment is kept and alarmed; the state stays', () => {
    const parts = [paidPart('PART01', 60, { transaction_id: '4299' }), BOTH[1]];
    const decided = decideCombination(inState('PAID'), { type: 'paid', parts, ...FROM }, CTX);
    const record = applied(decided);
    expect(record.state).toBe('PAID');
    expect(record.contradictions).toMatchObject([{ transaction_id: '4299' }]);
    expect(decided).toMatchObject({ alarm: expect.any(String) });
  });

  test('REFUND told of a part without a refund of ours: refunded elsewhere, never paid', () => {
    const parts = [{ ...BOTH[0], refunded: true }, BOTH[1]];
    const event: CombinationEvent = { type: 'paid', parts, ...FROM };
    const fresh = applied(decideCombination(inState('PENDING'), event, CTX));
    expect(types(fresh)).toEqual(['order.refunded_elsewhere']);
    const later = applied(decideCombination(inState('PAID'), event, CTX));
    expect(types(later)).toEqual(['order.refunded_elsewhere']);
    expect(outcome(decideCombination(later, event, CTX))).toBe('-');
    expect(outcome(decideCombination(inState('REFUNDING'), event, CTX))).toBe('-');
  });
});

describe('refunds of parts', () => {
  test('Σ ≤ what that part was paid, not what all were', () => {
    const paid = inState('PAID');
    const event = (fen: number): CombinationEvent => refundRequest('R9', 'PART02', fen, 40);
    expect(outcome(decideCombination(paid, event(40), CTX))).toBe('REFUNDING');
    expect(outcome(decideCombination(paid, event(41), CTX))).toBe('REFUND_EXCEEDS');
    const total = refundRequest('R9', 'PART02', 10, 100);
    expect(outcome(decideCombination(paid, total, CTX))).toBe('PARAM_INVALID');
    const unknown = refundRequest('R9', 'PART99', 10, 40);
    expect(outcome(decideCombination(paid, unknown, CTX))).toBe('ORDER_NOT_FOUND');
  });

  test('REFUNDED only when every fen of every part is back', () => {
    let record = inState('PAID');
    const seen = (part: string, no: string, refund: number): CombinationEvent => ({
      type: 'part',
      out_trade_no: part,
      event: {
        type: 'refund_seen',
        number: 'ours',
        refund: { out_refund_no: no, status: 'SUCCESS', refund, total: refund },
        ...FROM,
      },
    });
    record = applied(decideCombination(record, seen('PART01', 'A', 60), CTX));
    expect(record.state).toBe('PARTIALLY_REFUNDED');
    expect(partAsOrder(record, 'PART01')?.state).toBe('REFUNDED');
    expect(partAsOrder(record, 'PART02')?.state).toBe('PAID');
    record = applied(decideCombination(record, seen('PART02', 'B', 40), CTX));
    expect(record.state).toBe('REFUNDED');
    expect(types(record)).toEqual(['refund.succeeded', 'refund.succeeded']);
    expect(record.effects[1]?.data).toMatchObject({
      kind: 'combination',
      state: 'REFUNDED',
      out_trade_no: 'PART02',
      combine_out_trade_no: 'COMBINED01',
      out_refund_no: 'B',
    });
    expect(new Set(record.effects.map((e) => e.id)).size).toBe(2);
  });
});

describe('what WeChat says of a combination', () => {
  const sub = (no: string, trade_state: string, more: object = {}): object => ({
    mchid: MCHID,
    out_trade_no: no,
    trade_state,
    transaction_id: `4200${no}`,
    amount: { total_amount: 60, currency: 'CNY', payer_amount: 50 },
    ...more,
  });
  const read = (...subs: unknown[]): string | undefined =>
    readCombination({ combine_appid: APPID, sub_orders: subs }, FROM)?.is;

  test('all paid, all over, or still open; anything between is not guessed at', () => {
    expect(read(sub('A', 'SUCCESS'), sub('B', 'REFUND'))).toBe('paid');
    expect(read(sub('A', 'CLOSED'), sub('B', 'PAYERROR'))).toBe('closed');
    expect(read(sub('A', 'NOTPAY'), sub('B', 'PAYERROR'))).toBe('unpaid');
    expect(read(sub('A', 'SUCCESS'), sub('B', 'NOTPAY'))).toBeUndefined();
    expect(read(sub('A', 'SUCCESS'), sub('B', 'CLOSED'))).toBeUndefined();
    expect(read(sub('A', 'NOTPAY'), sub('B', 'SOMETHING'))).toBeUndefined();
    expect(read()).toBeUndefined();
    expect(read('x', null)).toBeUndefined();
  });

  test.each([
    { transaction_id: '' },
    { amount: { total_amount: 0 } },
    { amount: { total_amount: 1.5 } },
    { amount: {} },
    { mchid: undefined },
    { out_trade_no: undefined },
  ])('paid without %j is not read as paid', (more) => {
    expect(read(sub('A', 'SUCCESS'), sub('B', 'SUCCESS', more))).toBeUndefined();
  });
});

describe('a genuine refund of a part that cannot be its own', () => {
  it('is kept with the part, alarmed, and counted in no sum', () => {
    const event = {
      type: 'part',
      out_trade_no: 'PART01',
      event: {
        type: 'refund_seen',
        number: 'ours',
        refund: { out_refund_no: 'E1', status: 'SUCCESS', refund: 61, total: 60 },
        ...FROM,
      },
    } as const;
    const paid = applied(decideCombination(inState('PENDING'), EVENTS.paid, CTX));
    const decision = decideCombination(paid, event, CTX);
    expect(decision).toMatchObject({ kind: 'next', alarm: 'refund.contradiction' });
    const record = applied(decision);
    expect(record.state).toBe('PAID');
    expect(record.sub_orders[0]).toMatchObject({
      refunds: [],
      refund_contradictions: [{ out_refund_no: 'E1', why: 'more_than_is_left' }],
    });
    expect(decideCombination(record, event, CTX).kind).toBe('ignored');
  });
});
