/**
 * Sends a refund's stored bytes to WeChat, and lets the record learn from the answer. One asker at a time: the
 * right to send is a lease in the record, written before anything is sent, and given back with the answer.
 */
import { applyRefund, type RefundSyncDeps } from './syncRefund';
import type { OrderRecord, Refund, Source } from '../ledger/record';
import { heldRefund } from '../ledger/refundMoney';
import { fromReply } from '../orders/syncOrder';
import type { PayStrategy, WechatReply } from '../strategies/strategy';
import { guardNumbers, isOtherAnswer } from '../wechat/replyNumbers';
import type { RequestGuard } from '../wechat/storedRequest';
import type { CallLimits } from '../wechat/wechatApi';
import { provenBody, refusalOf } from '../wechat/wechatErrors';
import { ConflictError } from '../../utils/errors';

export interface RefundSenderDeps extends RefundSyncDeps {
  readonly requests: RequestGuard;
  readonly strategy: Pick<PayStrategy, 'requireFor'>;
}

export interface RefundSender {
  /**
   * Sends it, unless another copy is under way: then waits for that one's answer where this process sends it.
   * @returns undefined when nothing was sent: another instance is asking, or nothing is left to send.
   * @throws ConflictError REFUND_NUMBER_TAKEN when the number belongs to another order, REQUEST_REFUSED when
   *   the stored request does not fit the record; nothing was sent.
   */
  readonly send: (
    record: OrderRecord,
    no: string,
    source: Source,
    limits?: CallLimits,
  ) => Promise<WechatReply | undefined>;
}

const ASK_LEASE_MS = 10_000;
/** The last signature is made before the lease ends, so that a takeover never meets a fresh copy. */
const ASK_MARGIN_MS = 1000;

export function createRefundSender(deps: RefundSenderDeps): RefundSender {
  const underWay = new Map<string, Promise<WechatReply | undefined>>();
  return {
    send: (record, no, source, limits = {}) => {
      const running = underWay.get(no);
      if (running !== undefined) return running;
      const sending = attempt(deps, { record, no, source, limits }).finally(() =>
        underWay.delete(no),
      );
      underWay.set(no, sending);
      return sending;
    },
  };
}

interface Asking {
  readonly record: OrderRecord;
  readonly no: string;
  readonly source: Source;
  readonly limits: CallLimits;
}

async function attempt(
  deps: RefundSenderDeps,
  { record, no, source, limits }: Asking,
): Promise<WechatReply | undefined> {
  // Before an attempt is counted: what is not sent was never under way.
  if (heldRefund(record, no)?.request !== undefined) deps.requests.refund(record, no);
  await guardNumber(deps, record, no);
  const until = deps.clock.now() + ASK_LEASE_MS;
  const sent = await deps.orders.apply(record.no, {
    type: 'refund_attempt',
    out_refund_no: no,
    until,
    source,
    proof: 'none',
  });
  const held = sent.outcome === 'applied' ? heldRefund(sent.record, no) : undefined;
  if (sent.outcome !== 'applied' || held?.request === undefined) return undefined;
  // A process that was frozen after that write must not sign again when it wakes.
  const deadline = Math.min(limits.deadline ?? Infinity, until - ASK_MARGIN_MS);
  const request = deps.requests.refund(sent.record, no);
  const reply = await deps.api.send(request, { ...limits, deadline });
  try {
    await learn(deps, sent.record, held, reply);
  } catch (error) {
    // An answer about another refund says nothing of this one: the next may ask.
    const its = { out_refund_no: no, attempt: held.attempts, source: 'reply' } as const;
    if (isOtherAnswer(error)) {
      await deps.orders.apply(record.no, { type: 'refund_unanswered', ...its, proof: 'none' });
    }
    throw error;
  }
  return reply;
}

/**
 * Two orders asking for one refund number at once may both have found it free. The reservation made with
 * the intent decides, and is looked at before every attempt; the other's intent was never sent and ends here.
 */
async function guardNumber(
  { orders, ownerOf }: RefundSenderDeps,
  record: OrderRecord,
  no: string,
): Promise<void> {
  const owner = await ownerOf('refund', no);
  if (owner === undefined || owner === record.no) return;
  await orders.apply(record.no, {
    type: 'refund_withdrawn',
    out_refund_no: no,
    source: 'system',
    proof: 'none',
  });
  throw new ConflictError('REFUND_NUMBER_TAKEN');
}

async function learn(
  deps: RefundSenderDeps,
  record: OrderRecord,
  held: Refund,
  reply: WechatReply,
): Promise<void> {
  const { orders, dialect } = deps;
  const { out_refund_no, attempts } = held;
  const body = provenBody(reply);
  if (body !== undefined) {
    guardNumbers(body, { out_refund_no, out_trade_no: record.no });
    const facts = dialect.readRefund(body);
    if (facts !== undefined) {
      await applyRefund(deps, record.no, facts, fromReply('reply'));
      return;
    }
  }
  const refusal = refusalOf(reply);
  const its = { out_refund_no, attempt: attempts, source: 'reply' } as const;
  if (refusal === undefined) {
    await orders.apply(record.no, { type: 'refund_unanswered', ...its, proof: 'none' });
    return;
  }
  const { code, proven, repeated } = refusal;
  const proof = proven ? 'signature' : 'none';
  await orders.apply(record.no, { type: 'refund_refused', ...its, code, proven, repeated, proof });
}
