/** Records and events for `tables.test.ts`: each record as it would stand there, each event in all its forms. */
import type { CombinationEvent, PaidPart } from '../../../services/ledger/combinationState';
import type { OrderEvent } from '../../../services/ledger/orderState';
import {
  ORDER_STATES,
  TRANSFER_STATES,
  type AbnormalIntent,
  type CombinationRecord,
  type OrderRecord,
  type OrderState,
  type Payment,
  type Refund,
  type SubOrder,
  type TransferRecord,
} from '../../../services/ledger/record';
import type { RefundFacts } from '../../../services/ledger/refundSeen';
import type { TransferEvent } from '../../../services/ledger/transferState';

export const NOW = Date.parse('2026-01-02T03:04:05+08:00');
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;
const PAYER = 'oPayer';
const OTHER = 'oOther';

const TOLD = { source: 'callback', proof: 'signature' } as const;
const ASKED = { source: 'payer', proof: 'none' } as const;
const BY_HAND = { source: 'operator', proof: 'none' } as const;
const REPLIED = { source: 'reply', proof: 'signature' } as const;
const UNPROVEN = { source: 'reply', proof: 'none' } as const;
const SWEPT = { source: 'sweep', proof: 'none' } as const;

const request = { method: 'POST', path: '/', body: '{}' } as const;

const paymentOf = (
  transaction_id: string,
  total: number,
  more: Partial<Payment> = {},
): Payment => ({
  ...{ transaction_id, total, payer_total: total - 10, currency: 'CNY' },
  ...{ appid: 'wx1', mchid: '190', openid: PAYER, ...TOLD },
  ...more,
});
const payment = paymentOf('4200A', 100);

/** Everything `merge` does not name is left out. */
const refundOf = (
  status: Refund['status'],
  refund: number,
  more: Partial<Refund> = {},
): Refund => ({
  ...{ out_refund_no: 'R1', status, refund, total: 100, facts_hash: 'h', source: 'operator' },
  ...{
    requested_at: NOW - 2 * MINUTE,
    attempts: 1,
    open_attempts: [1],
    listed_attempts: 1,
    request,
  },
  ...more,
});

const intentOf = (more: Partial<AbnormalIntent> = {}): AbnormalIntent => ({
  ...{ type: 'MERCHANT_BANK_CARD', facts_hash: 'a', asked_by: 'operator key', request },
  ...{ requested_at: NOW - MINUTE, attempts: 1, last_attempt_at: NOW - MINUTE },
  ...more,
});

const PAID: ReadonlySet<OrderState> = new Set<OrderState>([
  ...(['PAID', 'REFUNDING', 'PARTIALLY_REFUNDED', 'REFUNDED', 'MISMATCH'] as const),
]);

const order = (state: OrderState, more: Partial<OrderRecord> = {}): OrderRecord => ({
  ...{ kind: 'order', no: 'ORDER1', state, schema: 1, version: 7, history: [], effects: [] },
  ...{ created_at: NOW - MINUTE, updated_at: NOW - MINUTE, payer: PAYER, effect_seq: 0 },
  agenda: [{ do: 'expire', at: NOW + 10 * MINUTE, tries: 0 }],
  ...{ product: 'jsapi', appid: 'wx1', mchid: '190', description: 'd', payer_named: true },
  ...{ amount: { total: 100, currency: 'CNY' }, made_by: 'payer', prepared: state === 'PREPARED' },
  ...{ facts_hash: 'f', contradictions: [], refunds: [] },
  ...(PAID.has(state) ? { payment } : {}),
  ...more,
});

const withRefund = (refund: Refund, state: OrderState = 'REFUNDING', more = {}): OrderRecord =>
  order(state, {
    refunds: [refund],
    agenda: [{ do: 'refund', key: 'R1', at: NOW, tries: 2 }],
    ...more,
  });

const refusal = { code: 'NOT_ENOUGH', proven: true, at: NOW - SECOND } as const;

const REFUND_RECORDS: Readonly<Record<string, OrderRecord>> = {
  'refund requested': withRefund(refundOf('REQUESTED', 30)),
  'refund never sent': withRefund(refundOf('REQUESTED', 30, { attempts: 0, open_attempts: [] })),
  'refund being asked': withRefund(refundOf('REQUESTED', 30, { asking_until: NOW + SECOND })),
  'refund lease over': withRefund(refundOf('REQUESTED', 30, { asking_until: NOW })),
  'refund of an earlier version': withRefund(
    refundOf('REQUESTED', 30, { attempts: 2, open_attempts: [1] }),
  ),
  'refund with two open': withRefund(
    refundOf('REQUESTED', 30, { attempts: 2, open_attempts: [1, 2], listed_attempts: 2 }),
  ),
  'refund sent long ago': withRefund(
    refundOf('REQUESTED', 30, {
      ...{ requested_at: NOW - 20 * MINUTE, last_attempt_at: NOW - 11 * MINUTE },
      missing_first_at: NOW - 2 * MINUTE,
    }),
  ),
  'refund being freed': withRefund(
    refundOf('REQUESTED', 30, {
      ...{ requested_at: NOW - 20 * MINUTE, last_attempt_at: NOW - 10 * MINUTE },
      ...{ missing_first_at: NOW - MINUTE, releasing_at: NOW - 5 * MINUTE },
    }),
  ),
  'refund being freed, missing just now': withRefund(
    refundOf('REQUESTED', 30, {
      ...{ last_attempt_at: NOW - 11 * MINUTE, releasing_at: NOW - MINUTE },
      missing_first_at: NOW - MINUTE + 1,
    }),
  ),
  'refund being freed, sent lately': withRefund(
    refundOf('REQUESTED', 30, {
      ...{ last_attempt_at: NOW - 10 * MINUTE + 1, missing_first_at: NOW - MINUTE },
      releasing_at: NOW - MINUTE,
    }),
  ),
  'refund without balance': withRefund(refundOf('REQUESTED', 30, { refusal })),
  'refund a day old': withRefund(refundOf('REQUESTED', 30, { requested_at: NOW - DAY })),
  'refund nearly a day old': withRefund(refundOf('REQUESTED', 30, { requested_at: NOW - DAY + 1 })),
  'refund unresolved': withRefund(
    refundOf('REQUESTED', 30, { requested_at: NOW - 2 * DAY, verdict: 'unresolved' }),
  ),
  'refund unresolved by an earlier version': withRefund(
    refundOf('ABNORMAL', 30, { verdict: 'unresolved' }),
  ),
  'refund processing': withRefund(refundOf('PROCESSING', 30, { refund_id: '50R1' })),
  'refund abnormal': withRefund(refundOf('ABNORMAL', 30, { refund_id: '50R1' })),
  'refund abnormal, nameless': withRefund(refundOf('ABNORMAL', 30)),
  'refund abnormal, sent on': withRefund(
    refundOf('ABNORMAL', 30, { refund_id: '50R1', abnormal: intentOf() }),
  ),
  'refund abnormal, sent on twice': withRefund(
    refundOf('ABNORMAL', 30, { refund_id: '50R1', abnormal: intentOf({ attempts: 2 }) }),
  ),
  'refund abnormal, being sent on': withRefund(
    refundOf('ABNORMAL', 30, {
      refund_id: '50R1',
      abnormal: intentOf({ asking_until: NOW + SECOND, facts_hash: 'a' }),
    }),
  ),
  'refund abnormal, lease over': withRefund(
    refundOf('ABNORMAL', 30, { refund_id: '50R1', abnormal: intentOf({ asking_until: NOW }) }),
  ),
  'refund abnormal, another account long ago': withRefund(
    refundOf('ABNORMAL', 30, {
      refund_id: '50R1',
      abnormal: intentOf({ facts_hash: 'b', last_attempt_at: NOW - 10 * MINUTE }),
    }),
  ),
  'refund abnormal, another account lately': withRefund(
    refundOf('ABNORMAL', 30, {
      refund_id: '50R1',
      abnormal: intentOf({ facts_hash: 'b', last_attempt_at: NOW - 10 * MINUTE + 1 }),
    }),
  ),
  'refund abnormal, sent on for nothing': withRefund(
    refundOf('ABNORMAL', 30, { refund_id: '50R1', abnormal: intentOf({ over: true }) }),
  ),
  'refund processing, sent on': withRefund(
    refundOf('PROCESSING', 30, { refund_id: '50R1', abnormal: intentOf() }),
  ),
  'refund succeeded': withRefund(
    refundOf('SUCCESS', 30, { refund_id: '50R1' }),
    'PARTIALLY_REFUNDED',
  ),
  'refund succeeded, all': withRefund(refundOf('SUCCESS', 100, { refund_id: '50R1' }), 'REFUNDED'),
  'refund closed by WeChat': withRefund(refundOf('CLOSED', 30, { refund_id: '50R1' }), 'PAID'),
  'refund rejected': withRefund(refundOf('CLOSED', 30, { verdict: 'rejected' }), 'PAID'),
  'refund released': withRefund(refundOf('CLOSED', 30, { verdict: 'released' }), 'PAID'),
  'refund rejected, all given back otherwise': order('REFUNDED', {
    refunds: [
      refundOf('CLOSED', 30, { verdict: 'rejected' }),
      refundOf('SUCCESS', 100, { out_refund_no: 'R2' }),
    ],
  }),
  'refund of an order being reversed': withRefund(refundOf('REQUESTED', 30), 'REVERSING', {
    payment,
  }),
  'hint of the refund lately': withRefund(refundOf('PROCESSING', 30, { last_hint_at: NOW - 4999 })),
  'hint of the refund before': withRefund(refundOf('PROCESSING', 30, { last_hint_at: NOW - 5000 })),
  'contradicted once': withRefund(refundOf('SUCCESS', 100), 'REFUNDED', {
    refund_contradictions: [
      {
        ...{ out_refund_no: 'R8', status: 'SUCCESS', refund: 30, total: 100, refund_id: '50R8' },
        ...{ why: 'more_than_is_left', seen_at: NOW - MINUTE, ...TOLD },
      },
    ],
  }),
  'contradicted 20 times': withRefund(refundOf('SUCCESS', 100), 'REFUNDED', {
    refund_contradictions: Array.from({ length: 20 }, (_, i) => ({
      ...{ out_refund_no: `C${String(i)}`, status: 'SUCCESS', refund: 30, total: 100 },
      ...{ why: 'more_than_is_left', seen_at: NOW - MINUTE, ...TOLD },
    })),
  }),
  '50 refunds': order('PARTIALLY_REFUNDED', {
    refunds: Array.from({ length: 50 }, (_, i) =>
      refundOf('SUCCESS', 1, { out_refund_no: `M${String(i)}` }),
    ),
  }),
  '200 refunds': order('PARTIALLY_REFUNDED', {
    refunds: Array.from({ length: 200 }, (_, i) =>
      refundOf('CLOSED', 1, { out_refund_no: `M${String(i)}` }),
    ),
  }),
};

const ASK_RECORDS: Readonly<Record<string, OrderRecord>> = {
  'being asked': order('CREATED', { asking_until: NOW + SECOND }),
  'lease over': order('CREATED', { asking_until: NOW }),
  'lease over, seven minutes ago': order('CREATED', { asking_until: NOW - 7 * MINUTE }),
  'refused unproven': order('CREATED', { nothing_accepted: true }),
  'refused unproven, a copy under way': order('CREATED', {
    ...{ nothing_accepted: true, copies_until: NOW + SECOND },
  }),
  'refused, prepared before': order('REJECTED', {
    ...{ prepared: true, attach: 'a', request, refusal: { code: 'C', message: 'm', proven: true } },
    ...{ extra: { goods_tag: 'g' }, expire_minutes: 5, idle_until: NOW + 1, expires_at: NOW + 2 },
  }),
  'with a prepay': order('PENDING', { prepay: { at: NOW - SECOND, prepay_id: 'wx0' } }),
  'asked for this minute': order('PENDING', { payer_asks: { since: NOW - MINUTE + 1, count: 3 } }),
  'asked for a minute ago': order('PENDING', { payer_asks: { since: NOW - MINUTE, count: 3 } }),
  'asked for in the future': order('PENDING', { payer_asks: { since: NOW + MINUTE, count: 3 } }),
  'of an operator': order('CREATED', { made_by: 'operator', payer_named: false }),
  unbound: (({ payer: _payer, ...rest }) => rest)(order('CREATED', { payer_named: false })),
  'adopted, another product': order('CREATED', { made_by: 'adopted', product: 'UNKNOWN' }),
  'payment code': order('PENDING', { product: 'codepay' }),
  'payment code, closed': order('CLOSED', { product: 'codepay' }),
  'payment code, paid': order('PAID', { product: 'codepay' }),
  'payment code, being reversed': order('REVERSING', {
    ...{ product: 'codepay', reversing_at: NOW - MINUTE },
    agenda: [{ do: 'reverse', at: NOW, tries: 1 }],
  }),
  'payment code, paid and being reversed': order('REVERSING', {
    ...{ product: 'codepay', payment, reversing_at: NOW - MINUTE },
  }),
  'payment code, refund closed': withRefund(refundOf('CLOSED', 30), 'PAID', { product: 'codepay' }),
  'payment code, refunded': withRefund(refundOf('SUCCESS', 30), 'PARTIALLY_REFUNDED', {
    product: 'codepay',
  }),
  'revoked before': order('PAID', { revoked_at: NOW - MINUTE }),
  'refunded elsewhere': order('PAID', { refunded_elsewhere: true }),
  'hinted lately': order('PENDING', { last_hint_at: NOW - 4999 }),
  'hinted before': order('PENDING', { last_hint_at: NOW - 5000 }),
  'hinted in the future': order('PENDING', { last_hint_at: NOW + 4999 }),
  contradicted: order('PAID', { contradictions: [paymentOf('4200B', 100)] }),
  'made later than it was paid': order('PENDING', { created_at: NOW + 20 * MINUTE }),
};

const refundFacts = (
  status: RefundFacts['status'],
  more: Partial<RefundFacts> = {},
): RefundFacts => ({
  ...{ out_refund_no: 'R1', status, refund: 30, total: 100 },
  ...{ transaction_id: payment.transaction_id, refund_id: '50R1' },
  ...more,
});
const seen = (refund: RefundFacts, number?: 'ours' | 'another'): OrderEvent => ({
  type: 'refund_seen',
  refund,
  ...(number === undefined ? {} : { number }),
  ...TOLD,
});
const named = { out_refund_no: 'R1' } as const;
const wish = { out_refund_no: 'R9', refund: 10, total: 100, facts_hash: 'n', request } as const;
const prepared = {
  ...{ appid: 'wx2', description: 'e', amount: { total: 200, currency: 'CNY' as const } },
  facts_hash: 'g',
};
const paid = (more: Partial<Payment> = {}, refunded = false): OrderEvent => ({
  type: 'paid',
  payment: { ...payment, ...more },
  refunded,
  ...TOLD,
});

const REFUND_EVENTS: Readonly<Record<string, OrderEvent>> = {
  'refund asked for': { type: 'refund_request', refund: wish, ...BY_HAND },
  'refund asked for, reasoned': {
    type: 'refund_request',
    refund: { ...wish, reason: '退' },
    ...BY_HAND,
  },
  'refund asked for, all that is left': {
    type: 'refund_request',
    refund: { ...wish, refund: 70 },
    ...BY_HAND,
  },
  'refund asked for, one fen more': {
    type: 'refund_request',
    refund: { ...wish, refund: 71 },
    ...BY_HAND,
  },
  'refund asked for, of another total': {
    type: 'refund_request',
    refund: { ...wish, total: 99 },
    ...BY_HAND,
  },
  'refund asked for again': {
    type: 'refund_request',
    refund: { ...wish, out_refund_no: 'R1', refund: 30, facts_hash: 'h' },
    ...BY_HAND,
  },
  'refund asked for again, otherwise': {
    type: 'refund_request',
    refund: { ...wish, out_refund_no: 'R1', refund: 30 },
    ...BY_HAND,
  },
  'refund about to be sent by hand': {
    ...{ type: 'refund_attempt', ...named, until: NOW + 10 * SECOND, ...BY_HAND },
  },
  'refund about to be sent by the sweep': {
    ...{ type: 'refund_attempt', ...named, until: NOW + 10 * SECOND, ...SWEPT },
  },
  'refund refused': {
    ...{ type: 'refund_refused', ...named, attempt: 1, proven: true, repeated: false },
    ...{ code: 'INVALID_REQUEST', ...REPLIED },
  },
  'refund refused, unproven': {
    ...{ type: 'refund_refused', ...named, attempt: 1, proven: false, repeated: false },
    ...{ code: 'INVALID_REQUEST', ...UNPROVEN },
  },
  'refund refused, a copy before it': {
    ...{ type: 'refund_refused', ...named, attempt: 1, proven: true, repeated: true },
    ...{ code: 'INVALID_REQUEST', ...REPLIED },
  },
  'refund refused, the second attempt': {
    ...{ type: 'refund_refused', ...named, attempt: 2, proven: true, repeated: false },
    ...{ code: 'INVALID_REQUEST', ...REPLIED },
  },
  'refund refused for the balance': {
    ...{ type: 'refund_refused', ...named, attempt: 1, proven: true, repeated: false },
    ...{ code: 'NOT_ENOUGH', ...REPLIED },
  },
  'refund refused by what is no verdict': {
    ...{ type: 'refund_refused', ...named, attempt: 1, proven: true, repeated: false },
    ...{ code: 'SYSTEM_ERROR', ...REPLIED },
  },
  'refund unanswered': { type: 'refund_unanswered', ...named, attempt: 1, ...UNPROVEN },
  'refund unanswered, an attempt nobody knows': {
    ...{ type: 'refund_unanswered', ...named, attempt: 9, ...UNPROVEN },
  },
  'refund missing': { type: 'refund_missing', ...named, asked_at: NOW, ...TOLD },
  'refund missing, asked before the last attempt': {
    ...{ type: 'refund_missing', ...named, asked_at: NOW - 15 * MINUTE, ...TOLD },
  },
  'refund unresolved': { type: 'refund_unresolved', ...named, ...SWEPT },
  'refund withdrawn': { type: 'refund_withdrawn', ...named, ...SWEPT },
  'refund to be freed': { type: 'refund_release', ...named, ...BY_HAND },
  'refund seen PROCESSING': seen(refundFacts('PROCESSING')),
  'refund seen SUCCESS': seen(refundFacts('SUCCESS'), 'ours'),
  'refund seen SUCCESS, in full': seen(
    refundFacts('SUCCESS', {
      ...{ success_time: '2026-01-02T03:04:00+08:00', user_received_account: '零钱' },
      ...{ amounts: { payer_refund: 27 }, wechat: { status: 'SUCCESS' }, promotion_detail: [{}] },
    }),
  ),
  'refund seen SUCCESS, bare': seen({
    ...{ out_refund_no: 'R1', status: 'SUCCESS', refund: 30, total: 100 },
  }),
  'refund seen CLOSED': seen(refundFacts('CLOSED'), 'ours'),
  'refund seen ABNORMAL': seen(refundFacts('ABNORMAL'), 'ours'),
  'refund seen, another amount': seen(refundFacts('SUCCESS', { refund: 31 })),
  'refund seen, of another payment': seen(
    refundFacts('SUCCESS', { transaction_id: '4200Z', out_refund_no: 'R7' }),
    'ours',
  ),
  'new refund seen, not asked whose': seen(refundFacts('SUCCESS', { out_refund_no: 'R7' })),
  'new refund seen': seen(refundFacts('SUCCESS', { out_refund_no: 'R7' }), 'ours'),
  'new refund seen PROCESSING': seen(refundFacts('PROCESSING', { out_refund_no: 'R7' }), 'ours'),
  'new refund seen CLOSED': seen(refundFacts('CLOSED', { out_refund_no: 'R7' }), 'ours'),
  'new refund seen, more than is left': seen(
    refundFacts('SUCCESS', { out_refund_no: 'R8', refund: 71 }),
    'ours',
  ),
  'new refund seen, told before': seen(
    refundFacts('SUCCESS', { out_refund_no: 'R8', refund_id: '50R8' }),
    'ours',
  ),
  'new refund seen, another of the number told before': seen(
    refundFacts('SUCCESS', { out_refund_no: 'R8', refund_id: '50R0' }),
    'ours',
  ),
  'new refund seen, its number another order’s': seen(
    refundFacts('SUCCESS', { out_refund_no: 'R7' }),
    'another',
  ),
  'refund of another order’s number seen': seen(refundFacts('SUCCESS'), 'another'),
  'abnormal refund to be sent on': {
    ...{ type: 'abnormal_ask', ...named, until: NOW + 10 * SECOND, checked: false },
    intent: { type: 'MERCHANT_BANK_CARD', facts_hash: 'a', asked_by: 'operator key', request },
    ...BY_HAND,
  },
  'abnormal refund to be sent on, checked': {
    ...{ type: 'abnormal_ask', ...named, until: NOW + 10 * SECOND, checked: true },
    intent: { type: 'USER_BANK_CARD', facts_hash: 'a', asked_by: 'operator key', request },
    ...BY_HAND,
  },
  'abnormal refund not taken': {
    ...{ type: 'abnormal_refused', ...named, nothing: true, code: 'PARAM_ERROR', ...REPLIED },
  },
  'abnormal refund perhaps taken': {
    ...{ type: 'abnormal_refused', ...named, nothing: false, code: 'SYSTEM_ERROR', ...REPLIED },
  },
  'hint of the refund': { type: 'hinted', ...named, ...UNPROVEN },
};

const ASK_EVENTS = {
  'asked for by its payer': { type: 'ask', until: NOW + 10 * SECOND, ...ASKED },
  'asked for by an operator': { type: 'ask', until: NOW + 10 * SECOND, ...BY_HAND },
  prepay: { type: 'prepay', prepay: { at: NOW, prepay_id: 'wx1' }, ...REPLIED },
  'ask refused': {
    ...{ type: 'ask_refused', proven: true, repeated: false, code: 'PARAM_ERROR', message: 'm' },
    ...REPLIED,
  },
  'ask refused, unproven': {
    ...{ type: 'ask_refused', proven: false, repeated: false, code: 'PARAM_ERROR', message: 'm' },
    ...UNPROVEN,
  },
  'ask refused, a copy before it': {
    ...{ type: 'ask_refused', proven: true, repeated: true, code: 'PARAM_ERROR', message: 'm' },
    ...REPLIED,
  },
  'ask refused, not as wrong input': {
    ...{ type: 'ask_refused', proven: true, repeated: false, code: 'NO_AUTH', message: 'm' },
    ...REPLIED,
  },
  'ask unanswered': { type: 'ask_unknown', ...UNPROVEN },
  closed: { type: 'closed', trade_state: 'CLOSED', ...TOLD },
  revoked: { type: 'closed', trade_state: 'REVOKED', ...TOLD },
  'payment failed': { type: 'closed', trade_state: 'PAYERROR', ...TOLD },
  'not paid': { type: 'unpaid', trade_state: 'NOTPAY', ...TOLD },
  'payer at the password': { type: 'unpaid', trade_state: 'USERPAYING', ...TOLD },
  hint: { type: 'hinted', ...UNPROVEN },
} as const satisfies Record<string, OrderEvent & CombinationEvent>;

const IN_STATES = Object.fromEntries(ORDER_STATES.map((state) => [state, order(state)]));

export const ORDER_CASES = {
  records: {
    ...IN_STATES,
    ...ASK_RECORDS,
  },
  events: {
    ...ASK_EVENTS,
    'corrected by its payer': {
      ...{ type: 'ask', until: NOW + 10 * SECOND, absent_at: 7, ...ASKED },
      facts: { description: 'e', amount: { total: 200, currency: 'CNY' }, payer: PAYER },
    },
    'asked for by another': {
      ...{ type: 'ask', until: NOW + 10 * SECOND, ...ASKED },
      facts: { payer: OTHER, expires_at: NOW + 5 * MINUTE },
    },
    'corrected, a version late': {
      ...{ type: 'ask', until: NOW + 10 * SECOND, absent_at: 6, ...BY_HAND },
      facts: { description: 'e' },
    },
    'prepared again': {
      ...{ type: 'prepare', absent_at: 7, ...BY_HAND },
      facts: { ...prepared, idle_until: NOW + MINUTE },
    },
    'prepared again, with an end': {
      ...{ type: 'prepare', ...BY_HAND },
      facts: { ...prepared, expires_at: NOW + MINUTE, idle_until: NOW + DAY },
    },
    paid: paid(),
    'paid and given back': paid({}, true),
    'paid otherwise': paid({ transaction_id: '4200B', trade_type: 'NATIVE' }),
    'paid too little': paid({ total: 99 }),
    'paid in dollars': paid({ currency: 'USD' }),
    'paid to another app': paid({ appid: 'wx9' }),
    'paid to another merchant': paid({ mchid: '191' }),
    'paid by another': paid({ openid: OTHER }),
    'paid, long before': paid({ success_time: '2026-01-02T03:00:00+08:00' }),
    'to be reversed': { type: 'reversing', ...BY_HAND },
    'to be reversed if open': { type: 'reversing', onlyIfOpen: true, ...SWEPT },
    'reversal is over': { type: 'reversal_over', ...TOLD },
  } as Readonly<Record<string, OrderEvent>>,
};

/** Refunds, and all that may happen to the payment beneath them. */
export const REFUND_CASES = {
  records: { ...IN_STATES, ...REFUND_RECORDS },
  events: {
    paid: paid(),
    'paid and given back': paid({}, true),
    revoked: ASK_EVENTS.revoked,
    'to be reversed': { type: 'reversing', ...BY_HAND },
    ...REFUND_EVENTS,
  } as Readonly<Record<string, OrderEvent>>,
};

const partOf = (no: string, total_amount: number, more: Partial<SubOrder> = {}): SubOrder => ({
  ...{ mchid: '190', out_trade_no: no, description: no, refunds: [] },
  amount: { total_amount, currency: 'CNY' },
  ...more,
});
const partPayment = (no: string, total: number, more: Partial<Payment> = {}): Payment =>
  paymentOf(`4200${no}`, total, more);
const combination = (
  state: OrderState,
  more: Partial<CombinationRecord> = {},
  first: Partial<SubOrder> = {},
): CombinationRecord => {
  const { description: _d, amount: _a, contradictions: _c, refunds: _r, ...rest } = order(state);
  const { prepared: _p, payment: _pay, ...base } = rest;
  const paidBy = (no: string, total: number) =>
    PAID.has(state) ? { payment: partPayment(no, total) } : {};
  return {
    ...base,
    kind: 'combination',
    no: 'WHOLE1',
    sub_orders: [
      partOf('PART1', 60, { ...paidBy('PART1', 60), ...first }),
      partOf('PART2', 40, paidBy('PART2', 40)),
    ],
    ...more,
  };
};
const partRefund = (status: Refund['status'], more: Partial<Refund> = {}): Partial<SubOrder> => ({
  refunds: [refundOf(status, 30, { total: 60, ...more })],
});
const paidPart = (no: string, total: number, more: Partial<Payment> = {}): PaidPart => ({
  out_trade_no: no,
  payment: partPayment(no, total, more),
  refunded: false,
});
const both = [paidPart('PART1', 60), paidPart('PART2', 40)] as const;
const paidParts = (...parts: readonly PaidPart[]): CombinationEvent => ({
  ...{ type: 'paid', parts, ...TOLD },
});
const ofPart = (name: string, out_trade_no = 'PART1'): CombinationEvent => {
  const event = REFUND_EVENTS[name];
  if (event === undefined) throw new Error(`no event ${name}`);
  return { type: 'part', out_trade_no, event } as CombinationEvent;
};
const ofPartSeen = (facts: Partial<RefundFacts>): CombinationEvent =>
  ({
    type: 'part',
    out_trade_no: 'PART1',
    event: seen(
      refundFacts('SUCCESS', { total: 60, transaction_id: '4200PART1', ...facts }),
      'ours',
    ),
  }) as CombinationEvent;

export const COMBINATION_CASES = {
  records: {
    ...Object.fromEntries(ORDER_STATES.map((state) => [state, combination(state)])),
    'being asked': combination('CREATED', { asking_until: NOW + SECOND }),
    'lease over': combination('CREATED', { asking_until: NOW }),
    'refused unproven': combination('CREATED', { nothing_accepted: true }),
    'refused, with parts taken': combination('REJECTED', { parts_taken: 4 }),
    'with a prepay': combination('PENDING', { prepay: { at: NOW, prepay_id: 'wx0' } }),
    'of an operator': combination('PENDING', { made_by: 'operator', payer_named: false }),
    'with an attach': combination('PAID', {}, { attach: 'x' }),
    'one part paid': combination('PENDING', {}, { payment: partPayment('PART1', 60) }),
    'refund requested': combination('REFUNDING', {}, partRefund('REQUESTED')),
    'refund processing': combination(
      'REFUNDING',
      {},
      partRefund('PROCESSING', { refund_id: '50R1' }),
    ),
    'refund succeeded': combination('PARTIALLY_REFUNDED', {}, partRefund('SUCCESS')),
    'refund closed': combination('PAID', {}, partRefund('CLOSED')),
    'refund abnormal': combination('REFUNDING', {}, partRefund('ABNORMAL', { refund_id: '50R1' })),
    'refunded elsewhere': combination('PAID', { refunded_elsewhere: true }),
    contradicted: combination('MISMATCH', { contradictions: [partPayment('PART3', 1)] }),
    'contradicted 20 times': combination('MISMATCH', {
      contradictions: Array.from({ length: 20 }, (_, i) => partPayment(`X${String(i)}`, 1)),
    }),
    'hinted lately': combination('PENDING', { last_hint_at: NOW - 4999 }),
    'hinted before': combination('PENDING', { last_hint_at: NOW - 5000 }),
  } as Readonly<Record<string, CombinationRecord>>,
  events: {
    ...ASK_EVENTS,
    corrected: {
      ...{ type: 'ask', until: NOW + 10 * SECOND, absent_at: 7, ...ASKED },
      facts: { sub_orders: [partOf('PART2', 40), partOf('PART3', 5)], facts_hash: 'g' },
    },
    paid: paidParts(...both),
    'paid, in another order': paidParts(both[1], both[0]),
    'paid and given back': paidParts({ ...both[0], refunded: true }, both[1]),
    'paid in part': paidParts(both[0]),
    'paid, no part named': paidParts(),
    'paid, a part nobody holds': paidParts(...both, paidPart('PART3', 5)),
    'paid otherwise': paidParts(paidPart('PART1', 60, { transaction_id: '4200B' }), both[1]),
    'paid too little': paidParts(paidPart('PART1', 59), both[1]),
    'paid in dollars': paidParts(paidPart('PART1', 60, { currency: 'USD' }), both[1]),
    'paid to another app': paidParts(paidPart('PART1', 60, { appid: 'wx9' }), both[1]),
    'paid by another': paidParts(
      paidPart('PART1', 60, { openid: OTHER }),
      paidPart('PART2', 40, { openid: OTHER }),
    ),
    'refund of a part nobody holds': ofPart('refund asked for', 'PART9'),
    'refund of a part asked for': {
      ...{ type: 'part', out_trade_no: 'PART1' },
      event: { type: 'refund_request', refund: { ...wish, total: 60 }, ...BY_HAND },
    },
    'refund of a part about to be sent': ofPart('refund about to be sent by hand'),
    'refund of a part refused': ofPart('refund refused'),
    'refund of a part unanswered': ofPart('refund unanswered'),
    'refund of a part missing': ofPart('refund missing'),
    'refund of a part unresolved': ofPart('refund unresolved'),
    'refund of a part withdrawn': ofPart('refund withdrawn'),
    'refund of a part to be freed': ofPart('refund to be freed'),
    'refund of a part seen SUCCESS': ofPartSeen({}),
    'refund of a part seen CLOSED': ofPartSeen({ status: 'CLOSED' }),
    'refund of a part seen ABNORMAL': ofPartSeen({ status: 'ABNORMAL' }),
    'new refund of a part seen': ofPartSeen({ out_refund_no: 'R7' }),
    'new refund of a part seen, too much': ofPartSeen({ out_refund_no: 'R7', refund: 61 }),
    'abnormal refund of a part to be sent on': ofPart('abnormal refund to be sent on'),
    'hint of a part’s refund': ofPart('hint of the refund'),
  } as Readonly<Record<string, CombinationEvent>>,
};

const transfer = (
  state: TransferRecord['state'],
  more: Partial<TransferRecord> = {},
): TransferRecord => ({
  ...{ kind: 'transfer', no: 'BILL1', state, schema: 1, version: 3, history: [], effects: [] },
  ...{ created_at: NOW - MINUTE, updated_at: NOW - MINUTE, payer: PAYER, effect_seq: 0 },
  agenda: [{ do: 'transfer', at: NOW, tries: 2 }],
  ...{ appid: 'wx1', mchid: '190', transfer_amount: 100, facts_hash: 'f', attempts: 1, request },
  ...more,
});
const transferSeen = (
  state: Exclude<TransferRecord['state'], 'CREATED'>,
  more = {},
): TransferEvent => ({
  type: 'seen',
  facts: { out_bill_no: 'BILL1', state, transfer_bill_no: '133', ...more },
  ...TOLD,
});

export const TRANSFER_CASES = {
  records: {
    ...Object.fromEntries(TRANSFER_STATES.map((state) => [state, transfer(state)])),
    'never sent': transfer('CREATED', { attempts: 0, agenda: [] }),
    'sent a day ago': transfer('CREATED', { created_at: NOW - DAY }),
    'sent nearly a day ago': transfer('CREATED', { created_at: NOW - DAY + 1 }),
    'being sent': transfer('CREATED', { asking_until: NOW + SECOND }),
    'lease over': transfer('CREATED', { asking_until: NOW }),
    'accepted, being sent': transfer('ACCEPTED', {
      asking_until: NOW + SECOND,
      transfer_bill_no: '133',
    }),
    'of another bill': transfer('ACCEPTED', { transfer_bill_no: '999' }),
    'waiting, with its page': transfer('WAIT_USER_CONFIRM', { package_info: 'p', agenda: [] }),
    unbound: (({ payer: _payer, ...rest }) => rest)(transfer('ACCEPTED')),
    'hinted lately': transfer('ACCEPTED', { last_hint_at: NOW - 4999 }),
    'hinted before': transfer('ACCEPTED', { last_hint_at: NOW - 5000 }),
  } as Readonly<Record<string, TransferRecord>>,
  events: {
    'about to be sent by hand': { type: 'attempt', until: NOW + 10 * SECOND, ...BY_HAND },
    'about to be sent by the sweep': { type: 'attempt', until: NOW + 10 * SECOND, ...SWEPT },
    unanswered: { type: 'unanswered', attempt: 1, ...UNPROVEN },
    'unanswered, an earlier attempt': { type: 'unanswered', attempt: 0, ...UNPROVEN },
    refused: { type: 'refused', attempt: 1, code: 'NOT_ENOUGH', ...REPLIED },
    'refused, an earlier attempt': { type: 'refused', attempt: 0, code: 'NOT_ENOUGH', ...REPLIED },
    unresolved: { type: 'unresolved', ...SWEPT },
    hint: { type: 'hinted', ...UNPROVEN },
    ...Object.fromEntries(
      TRANSFER_STATES.flatMap((state) =>
        state === 'CREATED' ? [] : [[`seen ${state}`, transferSeen(state)]],
      ),
    ),
    'seen SUCCESS, in full': transferSeen('SUCCESS', {
      ...{ transfer_amount: 100, openid: PAYER, update_time: '2026-01-02T03:04:00+08:00' },
      wechat: { state: 'SUCCESS' },
    }),
    'seen FAIL, with its reason': transferSeen('FAIL', {
      ...{ fail_reason: 'ACCOUNT_FROZEN', update_time: '2026-01-02T03:04:00+08:00' },
    }),
    'seen with a page': transferSeen('WAIT_USER_CONFIRM', { package_info: 'q' }),
    'seen with another amount': transferSeen('PROCESSING', { transfer_amount: 99 }),
    'seen for another receiver': transferSeen('PROCESSING', { openid: OTHER }),
    'seen under another bill': transferSeen('PROCESSING', { transfer_bill_no: '134' }),
    'ended here': {
      ...{
        type: 'seen',
        facts: { out_bill_no: 'BILL1', state: 'FAIL', fail_reason: 'never sent' },
      },
      ...{ source: 'system', proof: 'none' },
    },
  } as Readonly<Record<string, TransferEvent>>,
};
