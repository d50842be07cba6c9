/**
 * Reverses payment-code orders (撤销订单): what is not settled in time is taken back, with the money if it was paid.
 * Only what is proven ends it.
 */
import { fromReply, syncOrder, type SyncDeps } from './syncOrder';
import type { Answer } from '../access/answer';
import type { Caller } from '../access/caller';
import { mayAct } from '../access/ownership';
import { findItem } from '../ledger/agenda';
import { isOpenState } from '../ledger/orderState';
import type { EscalationCode } from '../ledger/reasons';
import type { OrderRecord } from '../ledger/record';
import { REFUND_QUIET_MS } from '../ledger/refundAsking';
import { conflictError } from '../records/conflictError';
import type { PayStrategy, WechatReply } from '../strategies/strategy';
import { escalate, ladderDelay, retriedAt, type EscalationDeps, type Step } from '../sweep/steps';
import { otherAnswer } from '../wechat/replyNumbers';
import type { CallLimits } from '../wechat/wechatApi';
import { provenBody, refusalOf, saysNotFound, upstreamError } from '../wechat/wechatErrors';
import { ConflictError, NotFoundError } from '../../utils/errors';
import { DAY_MS } from '../../utils/time';
import type { Reversed, TransactionUnknown } from '../../utils/schemas/moneyReplies';
import type { Json } from '../../utils/json';

/** WeChat refuses a reversal sooner than this after the charge. */
export const REVERSE_MIN_MS = 15_000;
const REVERSE_MAX_MS = 7 * DAY_MS;
const UNPROVEN_MAX_MS = DAY_MS;
const REVERSE_LADDER_MS = [15, 15, 30, 60, 120, 300, 600, 1800, 3600].map((s) => s * 1000);

type ReversingDeps = SyncDeps & { readonly strategy: Pick<PayStrategy, 'requireFor'> };

export async function reverseOrder(
  deps: ReversingDeps,
  no: string,
  caller: Caller,
): Promise<ReverseAnswer> {
  const { orders } = deps;
  const held = await orders.findOrder(no);
  if (held === undefined || !mayAct(held, caller)) throw new NotFoundError('ORDER_NOT_FOUND');
  if (held.state === 'CLOSED' && held.reversing_at !== undefined) return reversed(held);
  if (held.product === 'codepay' && held.state !== 'REVERSING') guardAge(held, deps.clock.now());
  await deps.strategy.requireFor(deps.dialect.reverseOrder(held));
  const marked = await orders.apply(
    no,
    { type: 'reversing', source: 'operator', proof: 'none' },
    { known: held },
  );
  if (marked.outcome === 'absent') throw new NotFoundError('ORDER_NOT_FOUND');
  if (marked.outcome === 'conflict') throw conflictError(marked);
  if (marked.record.state !== 'REVERSING') return answerReverse(marked.record, undefined);
  const { reply, record } = await sendReverse(deps, marked.record, {}, 'reply');
  return answerReverse(record, reply);
}

function guardAge(record: OrderRecord, now: number): void {
  const age = now - record.created_at;
  if (age < REVERSE_MIN_MS) {
    throw new ConflictError('MOVE_FORBIDDEN', {
      detail: '支付 15 秒后才能撤销 / 15 s after the charge at the earliest',
      retryAfterSeconds: Math.ceil((REVERSE_MIN_MS - age) / 1000),
    });
  }
  if (age >= REVERSE_MAX_MS) {
    throw new ConflictError('MOVE_FORBIDDEN', {
      detail: '超过 7 天，请改用退款 / older than 7 days: refund it',
    });
  }
}

/**
 * Asks for the reversal; only what is proven ends it: the reversal's own answer about our number, or a
 * query that finds it reversed.
 */
async function sendReverse(
  deps: SyncDeps,
  record: OrderRecord,
  limits: CallLimits,
  source: 'reply' | 'sweep',
): Promise<{ reply: WechatReply; record: OrderRecord }> {
  const { orders, api, clock } = deps;
  const { no } = record;
  const reply = await api.reverseOrder(record, limits);
  const refusal = refusalOf(reply);
  const missing = refusal?.proven === true && saysNotFound(refusal);
  // No charge can arrive any more that was signed so long ago: WeChat's 5-minute window fences it.
  const never = missing && clock.now() - record.created_at >= REFUND_QUIET_MS;
  if (aboutUs(reply, record) !== undefined || never) {
    const trade_state = never ? 'ORDER_NOT_EXIST' : 'REVOKED';
    const from = { source, proof: 'signature' } as const;
    const closed = await orders.apply(no, { type: 'closed', trade_state, ...from });
    return { reply, record: closed.outcome === 'absent' ? record : closed.record };
  }
  // Without credentials nothing was sent, and nothing will be: what the payer did meanwhile is to be known.
  if (reply.kind === 'unknown' && reply.reason !== 'credentials') return { reply, record };
  const asker = source === 'sweep' ? 'sweep' : 'query';
  const synced = await syncOrder(deps, record, { limits, source: asker });
  const paid = provenBody(synced.reply)?.trade_state === 'SUCCESS';
  if (!paid || clock.now() - record.created_at < REVERSE_MAX_MS) {
    return { reply, record: synced.record ?? record };
  }
  const kept = await orders.apply(no, { type: 'reversal_over', ...fromReply(asker) });
  return { reply, record: kept.outcome === 'absent' ? record : kept.record };
}

export type ReverseAnswer = Answer<Reversed | TransactionUnknown>;

function answerReverse(record: OrderRecord, reply: WechatReply | undefined): ReverseAnswer {
  if (record.state === 'CLOSED') return reversed(record);
  if (reply !== undefined && refusalOf(reply) !== undefined) throw upstreamError(reply);
  if (reply !== undefined) guardAnswer(reply, record);
  return { status: 202, data: { out_trade_no: record.no, state: 'PROCESSING' } };
}

/** What the sweep does with a payment code's order that is not settled. */
export function reverseStep(deps: ReversingDeps & EscalationDeps): Step<OrderRecord> {
  const { orders, clock } = deps;
  return {
    next: (_record, item, now) => retriedAt(item, now + ladderDelay(REVERSE_LADDER_MS, item.tries)),
    async run(held, item, limits) {
      let record = held;
      if (record.state !== 'REVERSING') {
        const synced = await syncOrder(deps, held, { limits, source: 'sweep' });
        const now = synced.record ?? held;
        const why = isOpenState(now.state) ? await endWithoutMeans(deps, now) : undefined;
        if (why !== undefined) {
          await escalate(deps, now, item, why);
          return synced.reply;
        }
        // Only what is still open: what was proven paid meanwhile stays paid.
        const marked = await orders.apply(held.no, {
          type: 'reversing',
          onlyIfOpen: true,
          source: 'sweep',
          proof: 'none',
        });
        if (marked.outcome !== 'applied') return synced.reply;
        record = marked.record;
      }
      const done = await sendReverse(deps, record, limits, 'sweep');
      const why = endOfReversal(done, clock.now());
      const left = findItem(done.record.agenda, item.do);
      if (why !== undefined && left !== undefined) {
        await escalate(deps, done.record, left, why);
      }
      return done.reply;
    },
  };
}

/**
 * An order is not marked while no reversal can be sent: a late payment is then recorded like any other.
 *
 * @returns why it is given up, undefined where a reversal can be sent.
 * @throws ConfigError naming what is missing: it is tried again.
 */
async function endWithoutMeans(
  { strategy, dialect, clock }: ReversingDeps,
  record: OrderRecord,
): Promise<EscalationCode | undefined> {
  try {
    await strategy.requireFor(dialect.reverseOrder(record));
    return undefined;
  } catch (error) {
    if (clock.now() - record.created_at < REVERSE_MAX_MS) throw error;
    return 'not_reversed_in_time';
  }
}

/** WeChat's proven answer, if it is about this order. */
export function aboutUs(reply: WechatReply, record: OrderRecord): Json | undefined {
  if (reply.kind !== 'proven' || reply.status !== 200) return undefined;
  const { out_trade_no, mchid = record.mchid, sub_mchid = record.sub_mchid } = reply.body;
  const same = mchid === record.mchid && sub_mchid === record.sub_mchid;
  return same && out_trade_no === record.no ? reply.body : undefined;
}

/** A proven answer about another order leaves the outcome unknown, and the caller is told so. */
export function guardAnswer(reply: WechatReply, record: OrderRecord): void {
  const proven = reply.kind === 'proven' && reply.status === 200;
  if (proven && aboutUs(reply, record) === undefined) throw otherAnswer('out_trade_no');
}

const reversed = ({
  appid,
  mchid,
  sub_mchid,
  no: out_trade_no,
}: OrderRecord): Answer<Reversed> => ({
  status: 200,
  data: { appid, mchid, ...(sub_mchid === undefined ? {} : { sub_mchid }), out_trade_no },
});

/** Why a reversal is no longer asked for by itself; undefined while it still is. */
function endOfReversal(
  done: { readonly record: OrderRecord; readonly reply: WechatReply },
  now: number,
): EscalationCode | undefined {
  if (done.record.state !== 'REVERSING') return undefined;
  const age = now - done.record.created_at;
  if (age >= REVERSE_MAX_MS) return 'not_reversed_in_time';
  const refusal = refusalOf(done.reply);
  const missing = refusal !== undefined && !refusal.proven && saysNotFound(refusal);
  return missing && age >= UNPROVEN_MAX_MS ? 'unknown_to_wechat' : undefined;
}
