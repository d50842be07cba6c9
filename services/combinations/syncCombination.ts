/**
 * Follows combinations: asks WeChat, and lets records learn from proven answers only. `following` hands over
 * what concerns one.
 */
import { addEffect } from '../ledger/outbox';
import { combinationEffectData } from '../ledger/effectData';
import { ownRef, type Dialect, type From, type Json } from '../wechat/dialect';
import { partsOf, type CombinationFacts } from '../wechat/readCombination';
import { asText, productOf } from '../wechat/readFacts';
import {
  isPaidCombination,
  type CombinationEvent,
  type PaidPart,
} from '../ledger/combinationState';
import type { OrderService } from '../orderService';
import { guardNumbers, otherAnswer } from '../wechat/replyNumbers';
import { newRecord } from '../ledger/newRecord';
import type { CombinationRecord, Source, SubOrder } from '../ledger/record';
import type { WechatReply } from '../strategies/strategy';
import type { CallLimits, WechatApi } from '../wechat/wechatApi';
import { guardUnasked, neverTaken } from '../orders/refusedAsk';
import { refusalOf, saysNotFound, upstreamError } from '../wechat/wechatErrors';
import type { Clock } from '../../utils/clock';
import { UpstreamError } from '../../utils/errors';
import type { Logger } from '../../utils/logger';

export interface CombinationFollowing {
  /** Queries a combination and applies the proven answer. */
  sync(
    no: string,
    limits?: CallLimits,
    source?: Source,
  ): Promise<{ readonly reply: WechatReply; readonly record: CombinationRecord | undefined }>;
  /**
   * Applies a proven combination object; adopts an unknown paid one where told to.
   * @returns undefined when nothing is recorded of it.
   */
  apply(
    body: Json,
    from: From,
    options: { absent: 'adopt' | 'ignore'; deadline?: number },
  ): Promise<CombinationRecord | undefined>;
  /** query → close → query → record. */
  close(record: CombinationRecord, source: Source, limits?: CallLimits): Promise<CombinationRecord>;
}

export interface CombinationFollowingDeps {
  readonly orders: OrderService;
  readonly api: WechatApi;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly dialect: Dialect;
  /** Throws where an answer names the transaction_id of another order. */
  readonly guardTransaction: (outTradeNo: string, transactionId: string) => Promise<void>;
}

export function createCombinationFollowing(deps: CombinationFollowingDeps): CombinationFollowing {
  const { orders, api, clock, logger } = deps;

  const sync: CombinationFollowing['sync'] = async (no, limits = {}, source = 'query') => {
    const reply = await api.queryCombination(ownRef(deps.dialect, no), limits);
    if (reply.kind !== 'proven' || reply.status !== 200) {
      return { reply, record: await orders.findCombination(no) };
    }
    guardNumbers(reply.body, { combine_out_trade_no: no });
    const record = await apply(reply.body, { source, proof: 'signature' }, { absent: 'ignore' });
    return { reply, record };
  };

  const apply: CombinationFollowing['apply'] = async (body, from, options) => {
    const no = asText(body.combine_out_trade_no);
    if (no === undefined) return undefined;
    if (deps.dialect.merchantOf(body) === 'foreign') {
      throw new UpstreamError('WECHATPAY_UNPROVEN', { detail: 'foreign mchid' });
    }
    const facts = deps.dialect.readCombination(body, from);
    if (facts === undefined) {
      logger.error({ alarm: true, combine_out_trade_no: no }, 'combination not understood');
      return orders.findCombination(no);
    }
    const event: CombinationEvent =
      facts.is === 'paid'
        ? { type: 'paid', parts: facts.parts, ...from }
        : { type: facts.is, trade_state: facts.trade_state, ...from };
    const { deadline } = options;
    const asked = from.source !== 'callback';
    const known = asked ? await orders.findCombination(no) : undefined;
    if (asked) await guardParts(body, facts, known);
    const applied = await orders.applyCombination(no, event, {
      ...(deadline === undefined ? {} : { deadline }),
      ...(known === undefined ? {} : { known }),
    });
    if (applied.outcome !== 'absent') return applied.record;
    if (options.absent === 'ignore' || facts.is !== 'paid') return undefined;
    return adopt(no, facts.parts, body, from);
  };

  /** An answer must be about these parts, and about no other order's money. */
  async function guardParts(
    body: Json,
    facts: CombinationFacts,
    known: CombinationRecord | undefined,
  ): Promise<void> {
    const told = partsOf(body).map((part) => asText(part?.out_trade_no));
    const ours = known?.sub_orders.map((part) => part.out_trade_no) ?? told;
    const same = told.length === ours.length && ours.every((part) => told.includes(part));
    if (!same) throw otherAnswer('sub_orders.out_trade_no');
    if (facts.is !== 'paid') return;
    for (const { out_trade_no, payment } of facts.parts) {
      await deps.guardTransaction(out_trade_no, payment.transaction_id);
    }
  }

  /** Takes in a combination made elsewhere: its money is real, its delivery not ours. */
  async function adopt(
    no: string,
    parts: readonly PaidPart[],
    body: Json,
    from: From,
  ): Promise<CombinationRecord | undefined> {
    const now = clock.now();
    const payment = parts[0]?.payment;
    const openid = payment?.openid;
    const facts = {
      kind: 'combination',
      no,
      state: 'PAID',
      ...(openid === undefined ? {} : { payer: openid }),
      product: productOf(payment?.trade_type),
      appid: asText(body.combine_appid) ?? '',
      mchid: deps.dialect.account.mchid,
      payer_named: false,
      made_by: 'adopted',
      facts_hash: '',
      sub_orders: parts.map((part): SubOrder => ({
        mchid: part.payment.mchid,
        out_trade_no: part.out_trade_no,
        description: '',
        amount: { total_amount: part.payment.total, currency: 'CNY' },
        payment: part.payment,
        refunds: [],
      })),
      ...(parts.some((part) => part.refunded) ? { refunded_elsewhere: true } : {}),
    } as const;
    const line = { at: now, what: 'adopted', ...from };
    const base = newRecord<CombinationRecord>(facts, line);
    for (const part of parts) {
      if (await orders.parts.take(part.out_trade_no, no)) continue;
      logger.error({ alarm: true, no, kind: 'combination' }, 'part of another combination');
    }
    const data = { ...combinationEffectData(base) };
    const { sink } = orders.context();
    const record = addEffect(base, { type: 'order.adopted', at: now, data, sink });
    if ((await orders.insert(record)) === 'inserted') return record;
    const again = await orders.applyCombination(no, { type: 'paid', parts, ...from });
    return again.outcome === 'absent' ? undefined : again.record;
  }

  const close: CombinationFollowing['close'] = async (record, source, limits = {}) => {
    const { no } = record;
    const settledNow = (r: CombinationRecord): boolean =>
      r.state === 'CLOSED' || isPaidCombination(r);
    const before = await sync(no, limits, source);
    const known = before.record ?? record;
    if (settledNow(known)) return known;
    guardUnasked(known, clock.now());
    const held = before.reply.kind === 'proven' && before.reply.status === 200;
    if (held && neverTaken(known, clock.now())) {
      const foreign = { type: 'closed', trade_state: 'REFUSED', source } as const;
      const done = await orders.applyCombination(no, { ...foreign, proof: 'signature' });
      return done.outcome === 'absent' ? known : done.record;
    }
    const refusal = refusalOf(before.reply);
    const missing = refusal !== undefined && saysNotFound(refusal);
    if (before.reply.kind !== 'proven' && !missing) throw upstreamError(before.reply);
    const closed = await api.closeCombination(known, limits);
    const after = (await sync(no, limits, source)).record ?? known;
    if (settledNow(after)) return after;
    if (closed.kind === 'proven' && closed.status === 204) {
      const done = await orders.applyCombination(no, {
        type: 'closed',
        trade_state: '204',
        source,
        proof: 'signature',
      });
      return done.outcome === 'absent' ? after : done.record;
    }
    throw upstreamError(closed);
  };

  return { sync, apply, close };
}
