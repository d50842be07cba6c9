/** Brings refunds up to date: asks WeChat, and lets the order that holds a refund learn from proven answers only. */
import { openIntent } from '../ledger/abnormalState';
import { isPartView } from '../ledger/combinationState';
import type { OrderRecord } from '../ledger/record';
import { heldRefund } from '../ledger/refundMoney';
import type { RefundFacts } from '../ledger/refundSeen';
import type { Applied } from '../orderService';
import {
  applyTransaction,
  fromReply,
  type SyncDeps,
  type Synced,
  type SyncOptions,
} from '../orders/syncOrder';
import { conflictError } from '../records/conflictError';
import type { WechatReply } from '../strategies/strategy';
import { askAccounts } from '../wechat/askAccounts';
import type { AccountRef, From } from '../wechat/dialect';
import { guardNumbers, guardRefund, guardShop } from '../wechat/replyNumbers';
import type { CallLimits } from '../wechat/wechatApi';
import { bodyOrThrow, provenBody, refusalOf, saysNotFound } from '../wechat/wechatErrors';
import type { ErrorCode } from '../../utils/errors';

export interface RefundSyncDeps extends SyncDeps {
  /** Brings up to date the combination that holds the part to be refunded. */
  readonly syncWhole: (no: string, limits: CallLimits) => Promise<WechatReply>;
}

export interface LearnRefundOptions {
  readonly deadline?: number;
  readonly known?: OrderRecord;
  readonly limits?: CallLimits;
}

/** Queries a refund of this order and applies the proven answer, also that WeChat has no such refund. */
export async function syncRefund(
  deps: RefundSyncDeps,
  record: OrderRecord,
  outRefundNo: string,
  { source = 'query', limits = {} }: SyncOptions = {},
): Promise<Synced<OrderRecord>> {
  const { orders, api, dialect, clock } = deps;
  const asked_at = clock.now();
  const reply = await api.queryRefund(record, outRefundNo, limits);
  const body = provenBody(reply);
  if (body !== undefined) {
    guardNumbers(body, { out_refund_no: outRefundNo, out_trade_no: record.no });
    guardShop(body, record);
    const facts = dialect.readRefund(body);
    if (facts === undefined) return { reply, record };
    const after = await applyRefund(deps, record.no, facts, fromReply(source));
    return { reply, record: after ?? record };
  }
  const refusal = refusalOf(reply);
  if (refusal?.proven !== true || !saysNotFound(refusal)) return { reply, record };
  const missing = await orders.apply(record.no, {
    type: 'refund_missing',
    out_refund_no: outRefundNo,
    asked_at,
    ...fromReply(source),
  });
  return { reply, record: recordOf(missing) ?? record };
}

/** Applies what is proven of a refund. Its order's payment is asked for first where we have not seen it. */
export async function applyRefund(
  deps: RefundSyncDeps,
  no: string,
  facts: RefundFacts,
  from: From,
  options: LearnRefundOptions = {},
): Promise<OrderRecord | undefined> {
  const { orders } = deps;
  const { limits = {} } = options;
  const event = { type: 'refund_seen', refund: facts, ...from } as const;
  const asked = from.source !== 'callback';
  const doubted = asked ? undefined : await sentOn(deps, no, facts);
  if (doubted !== undefined) {
    const { reply, record } = await syncRefund(deps, doubted, facts.out_refund_no, { limits });
    bodyOrThrow(reply);
    return record;
  }
  const known = asked ? await orders.findRefundable(no) : undefined;
  if (known !== undefined) guardRefund(facts, known);
  let done = await orders.apply(no, event, known === undefined ? options : { ...options, known });
  if (done.outcome === 'absent' || codeOf(done) === 'ORDER_NOT_PAID') {
    const paid = await syncPayable(deps, no, { limits, sub_mchid: facts.sub_mchid });
    if (asked && paid !== undefined) guardRefund(facts, paid);
    done = await orders.apply(no, event);
  }
  if (codeOf(done) === 'REFUND_NOT_FOUND') {
    // A refund made elsewhere: reserved before it is added, so that no other order can hold its number.
    const number = await orders.reserveRefund(facts.out_refund_no, no);
    done = await orders.apply(no, { ...event, number });
  }
  if (done.outcome === 'conflict') throw conflictError(done);
  return recordOf(done);
}

/**
 * The order of a refund that was sent on to an account and is under way there, when it is told as abnormal: that may
 * be a late repeat of why it was sent on, or say that the account could not take it. WeChat knows.
 */
async function sentOn(
  { orders }: SyncDeps,
  no: string,
  facts: RefundFacts,
): Promise<OrderRecord | undefined> {
  if (facts.status !== 'ABNORMAL') return undefined;
  const record = await orders.findRefundable(no);
  const held = record === undefined ? undefined : heldRefund(record, facts.out_refund_no);
  const underWay = held?.status === 'PROCESSING' && openIntent(held) !== undefined;
  return underWay ? record : undefined;
}

interface PayableOptions {
  readonly limits?: CallLimits;
  /** The shop of a service provider that the refund is told to be of. */
  readonly sub_mchid?: string | undefined;
}

/** Asks for the payment of what a refund needs paid: of an order, or of the combination of a part. */
export async function syncPayable(
  deps: RefundSyncDeps,
  no: string,
  { limits = {}, sub_mchid }: PayableOptions = {},
): Promise<OrderRecord | undefined> {
  const { orders, api, dialect } = deps;
  const held = await orders.findRefundable(no);
  if (held !== undefined && isPartView(held)) {
    bodyOrThrow(await deps.syncWhole(held.part_of, limits));
    return orders.findRefundable(no);
  }
  const told = dialect.accounts.filter((one) => one.sub_mchid === sub_mchid);
  const accounts: readonly AccountRef[] =
    held !== undefined ? [held] : told.length > 0 ? told : dialect.accounts;
  const reply = await askAccounts(accounts, (one) => api.queryOrder({ ...one, no }, limits));
  const body = bodyOrThrow(reply);
  guardNumbers(body, { out_trade_no: no });
  guardShop(body, held);
  return applyTransaction(deps, body, fromReply('query'), { absent: 'adopt' });
}

const recordOf = <R>(applied: Applied<R>): R | undefined =>
  applied.outcome === 'absent' ? undefined : applied.record;

const codeOf = (applied: Applied<unknown>): ErrorCode | undefined =>
  applied.outcome === 'conflict' ? applied.code : undefined;
