/**
 * Follows orders, refunds and transfers: asks WeChat, and lets records learn from proven answers only.
 * Used by the routes that query and close, by notifications that need asking, and by the sweep.
 */
import { createAdopting } from './adoptRecord';
import { openIntent } from '../ledger/abnormalState';
import { isPartView } from '../ledger/combinationState';
import {
  createCombinationFollowing,
  type CombinationFollowing,
} from '../combinations/syncCombination';
import { ownRef, type Dialect, type From, type Json } from '../wechat/dialect';
import { asText } from '../wechat/readFacts';
import type { Applied, OrderService } from '../orderService';
import { heldRefund } from '../ledger/refundMoney';
import type { RefundFacts } from '../ledger/refundSeen';
import {
  guardNumbers,
  guardRefund,
  guardTransferReply,
  otherAnswer,
  transactionsOf,
} from '../wechat/replyNumbers';
import type { OrderRecord, Source, TransferRecord } from '../ledger/record';
import type { OpenedNotification, WechatReply } from '../strategies/strategy';
import type { CallLimits, WechatApi } from '../wechat/wechatApi';
import { guardUnasked, neverTaken } from './refusedAsk';
import { refusalOf, saysNotFound, upstreamError as asError } from '../wechat/wechatErrors';
import type { Clock } from '../../utils/clock';
import { ConflictError, UpstreamError, type ErrorCode } from '../../utils/errors';
import type { Logger } from '../../utils/logger';

export interface FollowingDeps {
  readonly orders: OrderService;
  readonly api: WechatApi;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly dialect: Dialect;
  /** Who holds a number, from the reservations. */
  readonly ownerOf: (
    kind: 'refund' | 'transaction' | 'transfer_bill',
    no: string,
  ) => Promise<string | undefined>;
}

export interface Synced<R> {
  readonly reply: WechatReply;
  /** The record as it is after the answer; undefined when we hold none. */
  readonly record: R | undefined;
}

export interface Following {
  readonly combinations: CombinationFollowing;
  /** Queries an order and applies the proven answer. Adopts nothing. */
  syncOrder(no: string, limits?: CallLimits, source?: Source): Promise<Synced<OrderRecord>>;
  /**
   * Applies a proven transaction object; adopts an unknown paid order.
   * @param absent what to do with an order we do not hold.
   */
  applyTransaction(
    body: Json,
    from: From,
    options: { absent: 'adopt' | 'ignore'; deadline?: number; known?: OrderRecord },
  ): Promise<OrderRecord | undefined>;
  /** query → close → query → record; never closes here what WeChat still lets be paid. */
  closeOrder(record: OrderRecord, source: Source, limits?: CallLimits): Promise<OrderRecord>;
  /** Asks for the payment of what a refund needs paid: of an order, or of the combination of a part. */
  syncPayable(no: string, limits?: CallLimits): Promise<OrderRecord | undefined>;
  syncRefund(
    record: OrderRecord,
    outRefundNo: string,
    source?: Source,
    limits?: CallLimits,
  ): Promise<Synced<OrderRecord>>;
  applyRefund(
    no: string,
    facts: RefundFacts,
    from: From,
    options?: { deadline?: number; known?: OrderRecord; limits?: CallLimits },
  ): Promise<OrderRecord | undefined>;
  syncTransfer(no: string, limits?: CallLimits, source?: Source): Promise<Synced<TransferRecord>>;
  applyTransfer(
    body: Json,
    from: From,
    options: { absent: 'adopt' | 'ignore'; deadline?: number; known?: TransferRecord },
  ): Promise<TransferRecord | undefined>;
  /** Applies an opened notification. @throws when it is not recorded: answer non-2xx. */
  applyNotification(n: OpenedNotification, deadline: number): Promise<void>;
}

const recordOf = <R>(applied: Applied<R>): R | undefined =>
  applied.outcome === 'absent' ? undefined : applied.record;

const codeOf = (applied: Applied<unknown>): ErrorCode | undefined =>
  applied.outcome === 'conflict' ? applied.code : undefined;

const fromReply = (source: Source): From => ({ source, proof: 'signature' });

/** A query inside a notification: one attempt, so that the answer stays inside WeChat's 5 seconds. */
export const QUERY_IN_CALLBACK = { totalMs: 2500, retriesMax: 0 } as const;

export function createFollowing(deps: FollowingDeps): Following {
  const { orders, api, dialect, clock, logger } = deps;
  const combinations = createCombinationFollowing({ ...deps, guardTransaction });
  const adopting = createAdopting(deps);

  async function syncOrder(
    no: string,
    limits: CallLimits = {},
    source: Source = 'query',
  ): Promise<Synced<OrderRecord>> {
    const reply = await api.queryOrder(ownRef(dialect, no), limits);
    if (reply.kind !== 'proven' || reply.status !== 200) {
      return { reply, record: await orders.findOrder(no) };
    }
    guardNumbers(reply.body, { out_trade_no: no });
    const record = await applyTransaction(reply.body, fromReply(source), { absent: 'ignore' });
    return { reply, record };
  }

  /**
   * WeChat gives a transaction_id once: an answer that names the one of another order is about that order.
   * A reservation alone proves nothing; the record that it leads to must hold the number.
   */
  async function guardTransaction(no: string, id: string): Promise<void> {
    const owner = await deps.ownerOf('transaction', id);
    if (owner === undefined || owner === no) return;
    const other = await orders.findRefundable(owner);
    if (other !== undefined && transactionsOf(other).includes(id)) {
      throw otherAnswer('transaction_id');
    }
  }

  const applyTransaction: Following['applyTransaction'] = async (body, from, options) => {
    const no = asText(body.out_trade_no);
    if (no === undefined) return undefined;
    if (dialect.merchantOf(body) === 'foreign') {
      throw new UpstreamError('WECHATPAY_UNPROVEN', { detail: 'foreign mchid' });
    }
    const facts = dialect.readTransaction(body, from);
    if (facts === undefined) {
      logger.error(
        { alarm: true, out_trade_no: no, trade_state: asText(body.trade_state) },
        'unknown trade state',
      );
      return orders.findOrder(no);
    }
    if (facts.is === 'paid' && from.source !== 'callback') {
      await guardTransaction(no, facts.payment.transaction_id);
    }
    const event =
      facts.is === 'paid'
        ? ({ type: 'paid', payment: facts.payment, refunded: facts.refunded, ...from } as const)
        : ({ type: facts.is, trade_state: facts.trade_state, ...from } as const);
    const applied = await orders.apply(no, event, options);
    if (applied.outcome !== 'absent') return applied.record;
    if (options.absent === 'ignore' || facts.is === 'closed') return undefined;
    // A part taken in as an order of its own would be its money twice. One that WeChat never gave us is no part.
    if (await orders.isPayablePart(no)) return undefined;
    if (facts.is !== 'paid') return adopting.unpaid(no, body, from);
    const { payment, refunded } = facts;
    return adopting.order({ no, payment, refunded, attach: asText(body.attach) }, from);
  };

  const closeOrder: Following['closeOrder'] = async (record, source, limits = {}) => {
    const { no } = record;
    const from = fromReply(source);
    if (record.state === 'PREPARED') {
      // WeChat was never asked; the conditional write is all there is to close.
      const done = await orders.apply(
        no,
        { type: 'closed', trade_state: 'PREPARED', source, proof: 'none' },
        { known: record },
      );
      const now = recordOf(done) ?? record;
      // A payer asked for it meanwhile: it is closed like any other then.
      return now.state === 'CLOSED' ? now : closeOrder(now, source, limits);
    }
    const before = await syncOrder(no, limits, source);
    const known = before.record ?? record;
    if (known.state === 'CLOSED' || known.payment !== undefined) return known;
    guardUnasked(known, clock.now());
    const held = before.reply.kind === 'proven' && before.reply.status === 200;
    if (held && neverTaken(known, clock.now())) {
      const foreign = { type: 'closed', trade_state: 'REFUSED', ...from } as const;
      return recordOf(await orders.apply(no, foreign, { known })) ?? known;
    }
    const refusal = refusalOf(before.reply);
    const mayClose = before.reply.kind === 'proven' || (refusal && saysNotFound(refusal));
    if (mayClose !== true && refusal === undefined) throw asError(before.reply);
    const closed = await api.closeOrder(record, limits);
    const after = await syncOrder(no, limits, source);
    const now = after.record ?? known;
    if (now.state === 'CLOSED' || now.payment !== undefined) return now;
    if (closed.kind === 'proven' && closed.status === 204) {
      const done = await orders.apply(no, { type: 'closed', trade_state: '204', ...from });
      return recordOf(done) ?? now;
    }
    throw asError(closed);
  };

  const syncRefund: Following['syncRefund'] = async (
    record,
    outRefundNo,
    source = 'query',
    limits = {},
  ) => {
    const asked_at = clock.now();
    const reply = await api.queryRefund(record, outRefundNo, limits);
    if (reply.kind === 'proven' && reply.status === 200) {
      guardNumbers(reply.body, { out_refund_no: outRefundNo, out_trade_no: record.no });
      const facts = dialect.readRefund(reply.body);
      if (facts === undefined) return { reply, record };
      const after = await applyRefund(record.no, facts, fromReply(source));
      return { reply, record: after ?? record };
    }
    const refusal = refusalOf(reply);
    if (refusal?.proven === true && saysNotFound(refusal)) {
      const missing = await orders.apply(record.no, {
        type: 'refund_missing',
        out_refund_no: outRefundNo,
        asked_at,
        ...fromReply(source),
      });
      return { reply, record: recordOf(missing) ?? record };
    }
    return { reply, record };
  };

  const syncPayable: Following['syncPayable'] = async (no, limits = {}) => {
    const held = await orders.findRefundable(no);
    if (held !== undefined && isPartView(held)) {
      const { reply } = await combinations.sync(held.part_of, limits);
      if (reply.kind !== 'proven' || reply.status !== 200) throw asError(reply);
      return orders.findRefundable(no);
    }
    const reply = await api.queryOrder(ownRef(dialect, no), limits);
    if (reply.kind !== 'proven' || reply.status !== 200) throw asError(reply);
    guardNumbers(reply.body, { out_trade_no: no });
    return applyTransaction(reply.body, fromReply('query'), { absent: 'adopt' });
  };

  /**
   * The order of a refund that was sent on to an account and is under way there, when it is told as abnormal: that may
   * be a late repeat of why it was sent on, or say that the account could not take it. WeChat knows.
   */
  async function sentOn(no: string, facts: RefundFacts): Promise<OrderRecord | undefined> {
    if (facts.status !== 'ABNORMAL') return undefined;
    const record = await orders.findRefundable(no);
    const held = record === undefined ? undefined : heldRefund(record, facts.out_refund_no);
    const underWay = held?.status === 'PROCESSING' && openIntent(held) !== undefined;
    return underWay ? record : undefined;
  }

  const applyRefund: Following['applyRefund'] = async (no, facts, from, options = {}) => {
    const event = { type: 'refund_seen', refund: facts, ...from } as const;
    const asked = from.source !== 'callback';
    const doubted = asked ? undefined : await sentOn(no, facts);
    if (doubted !== undefined) {
      const { reply, record } = await syncRefund(
        doubted,
        facts.out_refund_no,
        'query',
        options.limits,
      );
      if (reply.kind !== 'proven' || reply.status !== 200) throw asError(reply);
      return record;
    }
    const known = asked ? await orders.findRefundable(no) : undefined;
    if (known !== undefined) guardRefund(facts, known);
    let done = await orders.apply(no, event, known === undefined ? options : { ...options, known });
    if (done.outcome === 'absent' || codeOf(done) === 'ORDER_NOT_PAID') {
      // A refund of an order whose payment we have not seen: its payment is asked for first.
      const paid = await syncPayable(no, options.limits ?? {});
      if (asked && paid !== undefined) guardRefund(facts, paid);
      done = await orders.apply(no, event);
    }
    if (codeOf(done) === 'REFUND_NOT_FOUND') {
      // A refund made elsewhere: reserved before it is added, so that no other order can hold its number.
      const number = await orders.reserveRefund(facts.out_refund_no, no);
      done = await orders.apply(no, { ...event, number });
    }
    if (done.outcome === 'conflict') throw new ConflictError(done.code, { detail: done.why });
    return recordOf(done);
  };

  async function syncTransfer(
    no: string,
    limits: CallLimits = {},
    source: Source = 'query',
  ): Promise<Synced<TransferRecord>> {
    const reply = await api.queryTransfer(ownRef(dialect, no), limits);
    if (reply.kind !== 'proven' || reply.status !== 200) {
      return { reply, record: await orders.findTransfer(no) };
    }
    guardNumbers(reply.body, { out_bill_no: no });
    const record = await applyTransfer(reply.body, fromReply(source), { absent: 'ignore' });
    return { reply, record };
  }

  const applyTransfer: Following['applyTransfer'] = async (body, from, options) => {
    const facts = dialect.readTransfer(body);
    if (facts === undefined) {
      logger.error({ alarm: true, state: asText(body.state) }, 'unknown transfer state');
      return undefined;
    }
    const known = options.known ?? (await orders.findTransfer(facts.out_bill_no));
    if (from.source !== 'callback') guardTransferReply(body, known, dialect.account.mchid);
    const applied = await orders.applyTransfer(
      facts.out_bill_no,
      { type: 'seen', facts, ...from },
      known === undefined ? options : { ...options, known },
    );
    if (applied.outcome !== 'absent') return applied.record;
    if (options.absent === 'ignore') return undefined;
    return adopting.transfer(body, facts, from);
  };

  const applyNotification: Following['applyNotification'] = async (n, deadline) => {
    const from: From = { source: 'callback', proof: n.proof };
    const limits = { deadline, ...QUERY_IN_CALLBACK };
    if (n.kind === 'payment') {
      const done = await applyTransaction(n.plaintext, from, { absent: 'adopt', deadline });
      // Genuine, but with facts we cannot read: not recorded, so not acknowledged.
      if (done === undefined || dialect.readTransaction(n.plaintext, from) === undefined) {
        throw new UpstreamError('NOTIFICATION_REFUSED', { status: 400 });
      }
      return;
    }
    if (n.kind === 'refund') {
      const facts = dialect.readRefund(n.plaintext);
      const no = asText(n.plaintext.out_trade_no);
      if (facts === undefined || no === undefined) {
        throw new UpstreamError('NOTIFICATION_REFUSED', { status: 400 });
      }
      await applyRefund(no, facts, from, { deadline, limits });
      return;
    }
    if (n.kind === 'transfer') {
      const done = await applyTransfer(n.plaintext, from, { absent: 'adopt', deadline });
      if (done === undefined) throw new UpstreamError('NOTIFICATION_REFUSED', { status: 400 });
      return;
    }
    if (n.kind === 'combination') {
      const options = { absent: 'adopt', deadline } as const;
      const record = await combinations.apply(n.plaintext, from, options);
      // Genuine, but with facts we cannot read: not recorded, so not acknowledged.
      if (record === undefined || dialect.readCombination(n.plaintext, from) === undefined) {
        throw new UpstreamError('NOTIFICATION_REFUSED', { status: 400 });
      }
    }
  };

  return {
    combinations,
    syncOrder,
    applyTransaction,
    closeOrder,
    syncPayable,
    syncRefund,
    applyRefund,
    syncTransfer,
    applyTransfer,
    applyNotification,
  };
}
