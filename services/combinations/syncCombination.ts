/**
 * Brings combinations up to date: asks WeChat, and lets a record learn from proven answers only.
 */
import type { AlarmCode } from '../ledger/reasons';
import { addEffect } from '../ledger/outbox';
import { combinationEffectData } from '../ledger/effectData';
import {
  isPaidCombination,
  type CombinationEvent,
  type PaidPart,
} from '../ledger/combinationState';
import { newRecord } from '../ledger/newRecord';
import type { CombinationRecord, SubOrder } from '../ledger/record';
import { closeAtWechat } from '../orders/closeOrder';
import {
  fromReply,
  guardMerchant,
  guardTransaction,
  type LearnOptions,
  type SyncDeps,
  type Synced,
  type SyncOptions,
} from '../orders/syncOrder';
import type { From, OrderRef } from '../wechat/dialect';
import { partsOf, type CombinationFacts } from '../wechat/readCombination';
import { productOf } from '../ledger/products';
import { asText } from '../wechat/readFacts';
import { guardNumbers, otherAnswer } from '../wechat/replyNumbers';
import { provenBody } from '../wechat/wechatErrors';
import type { Json } from '../../utils/json';

/** Queries a combination and applies the proven answer. Adopts nothing. */
export async function syncCombination(
  deps: SyncDeps,
  combination: OrderRef,
  { source = 'query', limits = {} }: SyncOptions = {},
): Promise<Synced<CombinationRecord>> {
  const { no } = combination;
  const reply = await deps.api.queryCombination(combination, limits);
  const body = provenBody(reply);
  if (body === undefined) return { reply, record: await deps.orders.findCombination(no) };
  guardNumbers(body, { combine_out_trade_no: no });
  const options = { absent: 'ignore' } as const;
  return { reply, record: await applyCombination(deps, body, fromReply(source), options) };
}

/**
 * Applies a proven combination object; adopts an unknown paid one where told to.
 * @returns undefined when nothing is recorded of it.
 */
export async function applyCombination(
  deps: SyncDeps,
  body: Json,
  from: From,
  { absent, deadline }: LearnOptions<CombinationRecord>,
): Promise<CombinationRecord | undefined> {
  const { orders, dialect, logger } = deps;
  const no = asText(body.combine_out_trade_no);
  if (no === undefined) return undefined;
  guardMerchant(dialect, body);
  const facts = dialect.readCombination(body, from);
  if (facts === undefined) {
    const code: AlarmCode = 'wechat.unknown_combination';
    logger.error({ alarm: true, code, combine_out_trade_no: no }, 'combination not understood');
    return orders.findCombination(no);
  }
  const event: CombinationEvent =
    facts.is === 'paid'
      ? { type: 'paid', parts: facts.parts, ...from }
      : { type: facts.is, trade_state: facts.trade_state, ...from };
  const asked = from.source !== 'callback';
  const known = asked ? await orders.findCombination(no) : undefined;
  if (asked) await guardParts(deps, body, facts, known);
  const applied = await orders.applyCombination(no, event, {
    ...(deadline === undefined ? {} : { deadline }),
    ...(known === undefined ? {} : { known }),
  });
  if (applied.outcome !== 'absent') return applied.record;
  if (absent === 'ignore' || facts.is !== 'paid') return undefined;
  return adopt(deps, no, facts.parts, from);
}

/** An answer must be about these parts, and about no other order's money. */
async function guardParts(
  deps: SyncDeps,
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
    await guardTransaction(deps, out_trade_no, payment.transaction_id);
  }
}

/** Takes in a combination made elsewhere: its money is real, its delivery not ours. */
async function adopt(
  { orders, dialect, clock, logger }: SyncDeps,
  no: string,
  parts: readonly PaidPart[],
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
    appid: payment?.appid ?? '',
    mchid: dialect.account.mchid,
    payer_named: false,
    made_by: 'adopted',
    facts_hash: '',
    sub_orders: parts.map(adoptedPart),
    ...(parts.some((part) => part.refunded) ? { refunded_elsewhere: true } : {}),
  } as const;
  const line = { at: now, what: 'adopted', ...from } as const;
  const base = newRecord<CombinationRecord>(facts, line);
  for (const part of parts) {
    if (await orders.parts.take(part.out_trade_no, no)) continue;
    const code: AlarmCode = 'combination.part_taken';
    logger.error({ alarm: true, code, no, kind: 'combination' }, 'part of another combination');
  }
  const data = { ...combinationEffectData(base) };
  const { sink } = orders.context();
  const record = addEffect(base, { type: 'order.adopted', at: now, data, sink });
  if ((await orders.insert(record)) === 'inserted') return record;
  const again = await orders.applyCombination(no, { type: 'paid', parts, ...from });
  return again.outcome === 'absent' ? undefined : again.record;
}

/** Without its shop a part could be neither refunded nor asked about. */
const adoptedPart = ({ out_trade_no, payment }: PaidPart): SubOrder => ({
  mchid: payment.mchid,
  ...(payment.sub_mchid === undefined ? {} : { sub_mchid: payment.sub_mchid }),
  out_trade_no,
  description: '',
  amount: { total_amount: payment.total, currency: 'CNY' },
  payment,
  refunds: [],
});

/** @returns the record: closed, or paid after all. */
export const closeCombination = (
  deps: SyncDeps,
  record: CombinationRecord,
  { source = 'query', limits = {} }: SyncOptions,
): Promise<CombinationRecord> =>
  closeAtWechat(deps, record, source, {
    sync: () => syncCombination(deps, record, { source, limits }),
    close: (known) => deps.api.closeCombination(known, limits),
    apply: (event, known) =>
      deps.orders.applyCombination(record.no, event, known === undefined ? {} : { known }),
    isOver: (known) => known.state === 'CLOSED' || isPaidCombination(known),
  });
