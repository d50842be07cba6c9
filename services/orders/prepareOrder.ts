/**
 * Prepared orders: an operator fixes number, description, price, and the payer if he is known. WeChat is asked
 * only when the payer comes; until then a conditional write is all there is to an order, also to its end.
 */
import { newOrder } from '../ledger/newRecord';
import { expiryOfAsk, extraOf, hashOf } from './orderInput';
import { syncOrder, type SyncDeps } from './syncOrder';
import type { Answer } from '../access/answer';
import type { Caller } from '../access/caller';
import { isInReach } from '../access/ownership';
import { withExpiry, type PreparedFacts } from '../ledger/orderState';
import type { OrderInput } from './orderDraft';
import type { PlacementDeps } from './placement';
import { type OrderRecord, type Source } from '../ledger/record';
import { wasRefused } from '../ledger/refusedAsk';
import { confirmAbsent } from './confirmAbsent';
import { versionOf } from '../wechat/dialect';
import { ConflictError, StoreError, ValidationError } from '../../utils/errors';
import { DAY_MS } from '../../utils/time';
import type { Prepared } from '../../utils/schemas/moneyReplies';

/** Prepared without a time of its own, and nobody asks for it. */
const IDLE_MAX_MS = 7 * DAY_MS;

export interface PrepareInput extends OrderInput {
  readonly expire_minutes?: number;
}

export interface PreparedOrders {
  /** Also corrects a prepared order that WeChat refused for its content. */
  prepare(input: PrepareInput, caller: Caller): Promise<Answer<Prepared>>;
  /**
   * Closes an order whose time has passed before WeChat took it. @throws ConflictError ORDER_CLOSED
   * @returns undefined: it was moved meanwhile, look again.
   */
  closeOverdue(record: OrderRecord, source: Source): Promise<undefined>;
}

export interface PreparedOrdersDeps extends SyncDeps, Pick<PlacementDeps, 'shops'> {
  readonly settings: PlacementDeps['settings'];
}

/**
 * A prepared order past its own time_expire, or one that nobody asked for in time. What a payer's ask began to
 * count (`idle_until` is set then, too) ends like any order's.
 */
export function isOverdue(
  record: Pick<OrderRecord, 'state' | 'prepared' | 'idle_until' | 'expires_at'>,
  now: number,
): boolean {
  const { state, idle_until: idle, expires_at: fixed } = record;
  if (!record.prepared || (state !== 'PREPARED' && state !== 'REJECTED')) return false;
  if (idle !== undefined) return state === 'PREPARED' && idle <= now;
  return fixed !== undefined && fixed <= now;
}

export function createPreparedOrders(deps: PreparedOrdersDeps): PreparedOrders {
  const { orders, clock, settings, shops } = deps;

  function factsOf(input: PrepareInput, caller: Caller): PreparedFacts {
    const { description, amount, attach, time_expire, expire_minutes } = input;
    if (description === undefined || amount === undefined) {
      throw new ValidationError('PARAM_INVALID', { detail: 'description, amount' });
    }
    const now = clock.now();
    const payer = input.payer?.openid;
    const extra = extraOf(input);
    const idleMs = expire_minutes === undefined ? IDLE_MAX_MS : expire_minutes * 60_000;
    const said = [payer ?? null, description, amount.total, attach ?? null];
    const { sub_mchid, appid } = shops.placeOf(input, caller);
    const shop = sub_mchid === undefined ? [] : [sub_mchid, payer === undefined ? null : appid];
    return {
      ...(payer === undefined ? {} : { payer }),
      appid,
      ...(sub_mchid === undefined ? {} : { sub_mchid }),
      description,
      ...(attach === undefined ? {} : { attach }),
      amount: { total: amount.total, currency: 'CNY' },
      facts_hash: hashOf([...said, time_expire ?? null, expire_minutes ?? null, extra, ...shop]),
      ...(expire_minutes === undefined ? {} : { expire_minutes }),
      ...(time_expire === undefined
        ? { idle_until: now + idleMs }
        : { expires_at: expiryOfAsk(time_expire, settings.expireMinutes, now) }),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
    };
  }

  function recordOf(no: string, facts: PreparedFacts): OrderRecord {
    const now = clock.now();
    const line = { at: now, what: 'prepared', source: 'operator', proof: 'none' } as const;
    const given = {
      no,
      state: 'PREPARED',
      agenda: withExpiry([], facts.expires_at ?? facts.idle_until),
      product: 'jsapi',
      mchid: settings.mchid,
      payer_named: false,
      ...versionOf(deps.dialect),
      made_by: 'operator',
      prepared: true,
    } as const;
    return newOrder(Object.assign({}, given, facts), line);
  }

  /** What WeChat would refuse of it is refused now, not when the payer comes. */
  function guardLimits(no: string, facts: PreparedFacts): void {
    const { appid, description, amount, attach, payer: openid, extra = {} } = facts;
    deps.dialect.requests.order({
      ...{ no, appid, description, attach, openid, extra, total: amount.total },
      sub_mchid: facts.sub_mchid,
      product: 'jsapi',
      expires_at: clock.now(),
      scene: undefined,
    });
  }

  async function prepare(input: PrepareInput, caller: Caller): Promise<OrderRecord> {
    const { out_trade_no: no } = input;
    const facts = factsOf(input, caller);
    guardLimits(no, facts);
    const part = await orders.isPart(no);
    if (part && (await orders.findOrder(no)) === undefined) throw new ConflictError('ORDER_TAKEN');
    const record = recordOf(no, facts);
    if ((await orders.insert(record)) === 'inserted') return record;
    const held = await orders.findOrder(no);
    if (held === undefined) throw new StoreError('STORE_UNAVAILABLE');
    if (!isInReach(held, caller)) throw new ConflictError('ORDER_TAKEN');
    if (held.prepared && held.facts_hash === facts.facts_hash) return held;
    if (!held.prepared || !wasRefused(held)) throw new ConflictError('ORDER_PARAMS_DIFFER');
    return again(held, facts);
  }

  /** Other facts under the number of a prepared order that WeChat refused: the operator corrects a mistake. */
  async function again(held: OrderRecord, facts: PreparedFacts): Promise<OrderRecord> {
    const query = async () => (await syncOrder(deps, held)).reply;
    const absent_at = await confirmAbsent(held, { now: clock.now(), query });
    const from = { source: 'operator', proof: 'none' } as const;
    const done = await orders.apply(
      held.no,
      { type: 'prepare', facts, ...(absent_at === undefined ? {} : { absent_at }), ...from },
      { known: held },
    );
    if (done.outcome === 'applied') return done.record;
    if (done.outcome !== 'conflict') throw new StoreError('STORE_UNAVAILABLE');
    if (done.code === 'ORDER_BUSY') throw new StoreError('ORDER_BUSY', { retryAfterSeconds: 5 });
    throw new ConflictError(done.code);
  }

  return {
    async prepare(input, caller) {
      const { no, state } = await prepare(input, caller);
      return { status: 200, data: { out_trade_no: no, state } };
    },
    async closeOverdue(record, source) {
      const event = { type: 'closed', trade_state: record.state, source, proof: 'none' } as const;
      const done = await orders.apply(record.no, event, { known: record });
      if (done.outcome === 'absent' || done.record.state !== 'CLOSED') return undefined;
      throw new ConflictError('ORDER_CLOSED', { detail: '已过期 / expired' });
    },
  };
}
