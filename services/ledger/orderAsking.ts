/** Who may ask WeChat for an order, with which facts, and what its answers leave in the record. Pure. */
import { conflict, drop, ignored, next, type Decision } from './decision';
import { orderEffect } from './effectData';
import type { Handler } from './orderEvents';
import { isOpenState, settled, withExpiry, withFirstQuery } from './orderPlan';
import { withAsk } from './payerAsks';
import type { OrderRecord } from './record';
import { copiesAfterUnknown, copiesUnderWay, isCorrectable, unansweredUntil } from './refusedAsk';
import { saysWrongInput } from './refusalCodes';

export const onAsk: Handler<'ask'> = (record, event, ctx) => {
  if (record.state === 'CLOSED') return conflict('ORDER_CLOSED', 'already_closed');
  if (record.state === 'REVERSING') return conflict('ORDER_CLOSED', 'being_reversed');
  if (record.payment !== undefined) return conflict('ORDER_PAID', 'already_paid');
  const { payer } = record;
  const asks = event.facts?.payer;
  if (event.source === 'payer' && payer !== undefined && asks !== undefined && asks !== payer) {
    return conflict('ORDER_TAKEN', 'other_payer');
  }
  const waiting = record.state === 'PREPARED' || record.state === 'REJECTED';
  const mayChange = waiting || isCorrectable(record, event.absent_at, ctx.now);
  if (event.facts !== undefined && !mayChange) {
    return notCorrectable(record);
  }
  if (record.asking_until !== undefined && record.asking_until > ctx.now) {
    return conflict('ORDER_BUSY', 'being_asked');
  }
  const expires = event.facts?.expires_at ?? record.expires_at;
  // A corrected order is a new one under the old number: what it does not name any more is gone.
  const corrected = event.facts?.description !== undefined;
  const base = corrected ? (drop(record, 'attach') as OrderRecord) : record;
  const copies = unansweredUntil(record, ctx.now);
  return next(withoutAnswer(base), event, ctx, {
    to: mayChange ? 'CREATED' : record.state,
    patch: {
      asking_until: event.until,
      ...(copies === undefined ? {} : { copies_until: copies }),
      ...(event.source === 'payer' ? { payer_asks: withAsk(record, ctx.now) } : {}),
      ...event.facts,
    },
    what: 'asking',
    agenda: (agenda) => withExpiry(agenda, expires),
  });
};

/** What the last answer left behind; the next answer sets it again. */
const withoutAnswer = (record: OrderRecord): OrderRecord =>
  drop(record, 'nothing_accepted', 'copies_until');

/** A refused number is busy until WeChat is known not to hold it; any other is as it was ordered. */
const notCorrectable = (record: OrderRecord): Decision<OrderRecord> =>
  record.nothing_accepted === true
    ? conflict('ORDER_BUSY', 'copy_may_arrive')
    : conflict('ORDER_PARAMS_DIFFER', 'first_facts_may_stand');

/**
 * Prepared again for nobody, or for another payer. A payer who asked for the order himself keeps it; one whom only the
 * operator named does not: the name may be the mistake. What somebody else asked is not counted for the new payer.
 */
function withPayerOf(record: OrderRecord, named: string | undefined): OrderRecord {
  const { payer, payer_asks: asks } = record;
  if (named === undefined) return asks === undefined ? drop(record, 'payer') : record;
  return named === payer ? record : drop(record, 'payer_asks');
}

export const onPrepare: Handler<'prepare'> = (record, event, ctx) => {
  if (record.state === 'CLOSED') return conflict('ORDER_CLOSED', 'already_closed');
  if (record.payment !== undefined) return conflict('ORDER_PAID', 'already_paid');
  if (record.asking_until !== undefined && record.asking_until > ctx.now) {
    return conflict('ORDER_BUSY', 'being_asked');
  }
  const refused = record.state === 'REJECTED' || isCorrectable(record, event.absent_at, ctx.now);
  if (!record.prepared || !refused) return notCorrectable(record);
  const {
    attach: _attach,
    extra: _extra,
    expire_minutes: _minutes,
    idle_until: _idle,
    expires_at: _expires,
    request: _request,
    refusal: _refusal,
    asking_until: _asking,
    ...base
  } = withoutAnswer(record);
  const { facts } = event;
  return next(withPayerOf(base as OrderRecord, facts.payer), event, ctx, {
    to: 'PREPARED',
    patch: { product: 'jsapi', payer_named: false, ...facts },
    what: 'prepared_again',
    agenda: (agenda) => withExpiry(settled(agenda), facts.expires_at ?? facts.idle_until),
  });
};

export const onPrepay: Handler<'prepay'> = (record, event, ctx) => {
  const { state } = record;
  if (state !== 'CREATED' && state !== 'PENDING' && state !== 'REJECTED') {
    return ignored('in_this_state', state);
  }
  const first = record.prepay === undefined;
  const base = drop(withoutAnswer(record), 'asking_until', 'refusal') as OrderRecord;
  return next(base, event, ctx, {
    to: 'PENDING',
    patch: { prepay: event.prepay },
    what: 'prepay',
    ...(first ? { effects: [orderEffect('order.created')] } : {}),
    agenda: (agenda) => withFirstQuery(agenda, ctx.now),
  });
};

export const onAskRefused: Handler<'ask_refused'> = (record, event, ctx) => {
  const { state } = record;
  if (state !== 'CREATED' && state !== 'PENDING') return ignored('in_this_state', state);
  const base = drop(record, 'asking_until') as OrderRecord;
  const refusal = { code: event.code, message: event.message, proven: event.proven };
  const copies = event.repeated ? copiesAfterUnknown(ctx.now) : record.copies_until;
  const first = state === 'CREATED' && record.prepay === undefined;
  // Only WeChat's signature makes a refusal a fact, and only while no copy of the request may yet be taken.
  const rejected = event.proven && first && !copiesUnderWay(copies, ctx.now);
  // Not a payment code's number: users were charged behind such a refusal, so it is reversed instead.
  const mendable = first && !rejected && record.product !== 'codepay';
  return next(base, event, ctx, {
    ...(rejected ? { to: 'REJECTED' as const } : {}),
    patch: {
      refusal,
      ...(mendable && saysWrongInput(event.code) ? { nothing_accepted: true as const } : {}),
      ...(copies === undefined ? {} : { copies_until: copies }),
    },
    what: rejected ? 'rejected' : 'refused',
    detail: event.code,
    agenda: (agenda) => (rejected ? settled(agenda) : agenda),
  });
};

export const onAskUnknown: Handler<'ask_unknown'> = (record, event, ctx) => {
  if (record.asking_until === undefined) return ignored('not_waiting');
  return next(drop(record, 'asking_until'), event, ctx, {
    patch: { copies_until: copiesAfterUnknown(ctx.now) },
    what: 'outcome_unknown',
    agenda: (agenda) => (isOpenState(record.state) ? withFirstQuery(agenda, ctx.now) : agenda),
  });
};
