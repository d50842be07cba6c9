/** What the sweep does with orders, and with combinations alike: asks how they stand, and closes them in the end. */
import { closeOrder } from './closeOrder';
import { concludeFinalCheck, isFinalCheck, nextFinalCheck } from './finalCheck';
import { isOverdue } from './prepareOrder';
import { syncOrder, type SyncDeps, type Synced } from './syncOrder';
import { withoutItem } from '../ledger/agenda';
import { QUERY_LADDER_MS } from '../ledger/orderState';
import type { EscalationCode } from '../ledger/reasons';
import type { AgendaItem, CombinationRecord, OrderRecord } from '../ledger/record';
import type { OrderStore } from '../stores/orderStore';
import {
  escalate,
  ladderDelay,
  ladderOf,
  retriedAt,
  type EscalationDeps,
  type Step,
  type Steps,
} from '../sweep/steps';
import type { CallLimits } from '../wechat/wechatApi';
import { saysNotFound } from '../wechat/wechatErrors';
import { AppError } from '../../utils/errors';
import { DAY_MS } from '../../utils/time';

export interface OrderStepsDeps extends SyncDeps, EscalationDeps {
  readonly store: Pick<OrderStore, 'find'>;
}

const EXPIRE_LADDER_MS = ladderOf(1, 1, 2, 5, 10, 30, 60);
/** An order WeChat never gave a prepay for and says it does not hold, though not provably. */
const UNPROVEN_MAX_MS = DAY_MS;
/** Past this it is left to an operator. */
const ORDER_END_MS = 30 * DAY_MS;
/** The till waits: a payment code is asked about every five seconds until it is settled or reversed. */
const CODEPAY_QUERY_MS = 5000;
/** After so long it could not be reversed: the attempts to do so ask about it from then on. */
const CODEPAY_QUERIES_MS = 300_000;

export function orderSteps(deps: OrderStepsDeps): Steps {
  const query = queryStep<OrderRecord>(deps, (held, limits) =>
    syncOrder(deps, held, { limits, source: 'sweep' }),
  );
  const expire = expireStep<OrderRecord>(deps, {
    find: (no) => deps.store.find('order', no),
    close: (held, limits) => closeOrder(deps, held, { source: 'sweep', limits }),
  });
  const step: Step<OrderRecord> = {
    next(record, item, now) {
      const waits = record.product === 'codepay' && record.state !== 'CLOSED';
      if (!waits) return query.next(record, item, now);
      const last = now - record.created_at >= CODEPAY_QUERIES_MS;
      return last ? undefined : retriedAt(item, now + CODEPAY_QUERY_MS);
    },
    run: (held, item, limits) => query.run(held, item, limits),
  };
  return {
    'order.query': step,
    'order.expire': {
      next: (record, item, now) => expire.next(record, item, now),
      run: (held: OrderRecord, item, limits) =>
        held.state === 'PREPARED' ? endPrepared(deps, held) : expire.run(held, item, limits),
    } satisfies Step<OrderRecord>,
  };
}

/** WeChat does not know it: the conditional write ends it, unless a payer comes before that. */
async function endPrepared(
  { orders, clock }: OrderStepsDeps,
  held: OrderRecord,
): Promise<undefined> {
  if (!isOverdue(held, clock.now())) return undefined;
  const from = { source: 'sweep', proof: 'none' } as const;
  const event = { type: 'closed', trade_state: held.state, ...from } as const;
  await orders.apply(held.no, event, { known: held });
  return undefined;
}

type Asked = OrderRecord | CombinationRecord;

/** Asks how it stands. After an unconfirmed close that is the final check. */
export const queryStep = <R extends Asked>(
  deps: EscalationDeps,
  sync: (held: R, limits: CallLimits) => Promise<Synced<R>>,
): Step<R> => ({
  next: (record, item, now) =>
    isFinalCheck(record, item) ? nextFinalCheck(item, now) : nextQuery(item, now),
  async run(held, item, limits) {
    const synced = await sync(held, limits);
    if (!isFinalCheck(held, item)) return synced.reply;
    if ((await concludeFinalCheck(deps.writer, item, synced)) === 'unanswered') {
      await escalate(deps, synced.record ?? held, item, 'closed_unconfirmed');
    }
    return synced.reply;
  },
});

export interface ExpireSteps<R> {
  readonly find: (no: string) => Promise<R | undefined>;
  readonly close: (held: R, limits: CallLimits) => Promise<R>;
}

/** Closes what is past its time; what cannot be closed is left to an operator in the end. */
export const expireStep = <R extends Asked>(
  deps: EscalationDeps,
  { find, close }: ExpireSteps<R>,
): Step<R> => ({
  next: (_record, item, now) => retriedAt(item, now + ladderDelay(EXPIRE_LADDER_MS, item.tries)),
  async run(held, item, limits) {
    if (held.state !== 'CREATED' && held.state !== 'PENDING') {
      const fields: Partial<Asked> = { agenda: withoutItem(held.agenda, 'expire') };
      await deps.writer.patch<R>(held, fields as Partial<R>);
      return undefined;
    }
    try {
      await close(held, limits);
    } catch (error) {
      const now = (await find(held.no)) ?? held;
      const why = expiryEscalation(now, error, deps.clock.now());
      if (why === undefined) throw error;
      await escalate(deps, now, item, why);
    }
    return undefined;
  },
});

/** The payment ladder counts from the prepay: rungs a late sweep has passed are not made up for. */
function nextQuery(item: AgendaItem, now: number): AgendaItem | undefined {
  const start = item.at - ladderDelay(QUERY_LADDER_MS, item.tries);
  for (let tries = item.tries + 1; tries < QUERY_LADDER_MS.length; tries++) {
    const at = start + ladderDelay(QUERY_LADDER_MS, tries);
    if (at > now) return { ...item, at, tries };
  }
  return undefined;
}

/**
 * Why an order that cannot be closed is no longer asked about; undefined while it still is. It is never
 * closed here without proof: WeChat might yet let it be paid, and a payment finds its record as it is.
 */
function expiryEscalation(
  record: Pick<OrderRecord, 'created_at' | 'expires_at' | 'prepay'>,
  error: unknown,
  now: number,
): EscalationCode | undefined {
  const late = now - (record.expires_at ?? record.created_at);
  if (late >= ORDER_END_MS) return 'open_after_a_month';
  const told = error instanceof AppError ? error.upstream : undefined;
  if (told === undefined || record.prepay !== undefined) return undefined;
  const missing = saysNotFound({ ...told, proven: false, repeated: false });
  return missing && late >= UNPROVEN_MAX_MS ? 'unknown_to_wechat' : undefined;
}
