/**
 * Brings orders up to date: asks WeChat, and lets a record learn from proven answers only. Used by the routes that
 * query and close, by notifications that need asking, and by the sweep.
 */
import { wordsOf, type AlarmCode } from '../ledger/reasons';
import { createRecordAdopter } from './adoptRecord';
import type { OrderRecord } from '../ledger/record';
import { versionOf, type Dialect, type From, type OrderRef } from '../wechat/dialect';
import { asText } from '../wechat/readFacts';
import { guardNumbers, guardShop, otherAnswer, transactionsOf } from '../wechat/replyNumbers';
import {
  fromReply,
  type LearnOptions,
  type SyncDeps,
  type Synced,
  type SyncOptions,
} from '../wechat/syncDeps';
import { provenBody } from '../wechat/wechatErrors';
import { UpstreamError } from '../../utils/errors';
import type { Json } from '../../utils/json';

export { fromReply } from '../wechat/syncDeps';
export type { LearnOptions, SyncDeps, Synced, SyncOptions } from '../wechat/syncDeps';

/** Queries an order and applies the proven answer. Adopts nothing. */
export async function syncOrder(
  deps: SyncDeps,
  order: OrderRef,
  { source = 'query', limits = {} }: SyncOptions = {},
): Promise<Synced<OrderRecord>> {
  const { no } = order;
  const reply = await deps.api.queryOrder(order, limits);
  const body = provenBody(reply);
  if (body === undefined) return { reply, record: await deps.orders.findOrder(no) };
  guardNumbers(body, { out_trade_no: no });
  guardShop(body, order);
  const options = { absent: 'ignore' } as const;
  return { reply, record: await applyTransaction(deps, body, fromReply(source), options) };
}

/** Applies a proven transaction object; adopts an unknown paid order if the options say so. */
export async function applyTransaction(
  deps: SyncDeps,
  body: Json,
  from: From,
  options: LearnOptions<OrderRecord>,
): Promise<OrderRecord | undefined> {
  const { orders, dialect, logger } = deps;
  const no = asText(body.out_trade_no);
  if (no === undefined) return undefined;
  guardMerchant(dialect, body);
  const facts = dialect.readTransaction(body, from);
  if (facts === undefined) {
    const trade_state = asText(body.trade_state);
    const code: AlarmCode = 'wechat.unknown_trade_state';
    logger.error({ alarm: true, code, out_trade_no: no, trade_state }, 'unknown trade state');
    return orders.findOrder(no);
  }
  if (facts.is === 'paid' && from.source !== 'callback') {
    await guardTransaction(deps, no, facts.payment.transaction_id);
  }
  const told = options.api === undefined ? {} : { api: options.api };
  const event =
    facts.is === 'paid'
      ? ({
          type: 'paid',
          payment: facts.payment,
          refunded: facts.refunded,
          ...told,
          ...from,
        } as const)
      : ({ type: facts.is, trade_state: facts.trade_state, ...from } as const);
  const applied = await orders.apply(no, event, options);
  if (applied.outcome === 'conflict' && applied.code === 'NOTIFICATION_REFUSED') {
    throw new UpstreamError(applied.code, { status: 400, detail: wordsOf(applied) });
  }
  if (applied.outcome !== 'absent') return applied.record;
  if (options.absent === 'ignore' || facts.is === 'closed') return undefined;
  // A part taken in as an order of its own would be its money twice. One that WeChat never gave us is no part.
  if (await orders.isPayablePart(no)) return undefined;
  const adopter = createRecordAdopter(deps);
  if (facts.is !== 'paid') return adopter.unpaid(no, body, from);
  const { payment, refunded } = facts;
  const { api = versionOf(dialect).api } = options;
  return adopter.order({ no, payment, refunded, attach: asText(body.attach), api }, from);
}

/** @throws UpstreamError WECHATPAY_UNPROVEN: an answer about another merchant proves nothing here. */
export function guardMerchant(dialect: Pick<Dialect, 'merchantOf'>, body: Json): void {
  if (dialect.merchantOf(body) !== 'foreign') return;
  throw new UpstreamError('WECHATPAY_UNPROVEN', { detail: 'foreign mchid' });
}

/**
 * WeChat gives a transaction_id once: an answer that names the one of another order is about that order.
 * A reservation alone proves nothing; the record that it leads to must hold the number.
 */
export async function guardTransaction(
  { orders, ownerOf }: Pick<SyncDeps, 'orders' | 'ownerOf'>,
  no: string,
  id: string,
): Promise<void> {
  const owner = await ownerOf('transaction', id);
  if (owner === undefined || owner === no) return;
  const other = await orders.findRefundable(owner);
  if (other !== undefined && transactionsOf(other).includes(id))
    throw otherAnswer('transaction_id');
}
