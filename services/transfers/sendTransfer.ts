/**
 * Sends a transfer's stored bytes to WeChat, and lets the record learn from the answer. One asker at a time: in this
 * process by its promise, over all instances by the lease in the record.
 */
import { applyTransfer } from './syncTransfer';
import type { Source, TransferRecord } from '../ledger/record';
import { fromReply, type SyncDeps } from '../wechat/syncDeps';
import type { WechatReply } from '../strategies/strategy';
import { guardNumbers, isOtherAnswer } from '../wechat/replyNumbers';
import type { RequestGuard } from '../wechat/storedRequest';
import type { CallLimits } from '../wechat/wechatApi';
import { provenBody, refusalOf } from '../wechat/wechatErrors';

export interface TransferSenderDeps extends SyncDeps {
  readonly requests: RequestGuard;
  /** Refuses what does not fit into the day's limit any more. */
  readonly guardDay: (record: TransferRecord) => Promise<void>;
}

export interface TransferSender {
  /** @returns undefined when nothing was sent: another instance is asking, or nothing is left to send. */
  send(
    record: TransferRecord,
    source: Source,
    limits?: CallLimits,
  ): Promise<WechatReply | undefined>;
}

const ASK_LEASE_MS = 10_000;
/** The last signature is made before the lease ends, so that a takeover never meets a fresh copy. */
const ASK_MARGIN_MS = 1000;

export function createTransferSender(deps: TransferSenderDeps): TransferSender {
  const underWay = new Map<string, Promise<WechatReply | undefined>>();
  return {
    send(record, source, limits = {}) {
      const { no } = record;
      const running = underWay.get(no);
      if (running !== undefined) return running;
      const sending = attempt(deps, record, source, limits).finally(() => underWay.delete(no));
      underWay.set(no, sending);
      return sending;
    },
  };
}

async function attempt(
  deps: TransferSenderDeps,
  record: TransferRecord,
  source: Source,
  limits: CallLimits,
): Promise<WechatReply | undefined> {
  const { orders, api, clock } = deps;
  // Before an attempt is counted: what is not sent was never under way.
  if (record.request !== undefined) deps.requests.transfer(record);
  await deps.guardDay(record);
  const until = clock.now() + ASK_LEASE_MS;
  const event = { type: 'attempt', until, source, proof: 'none' } as const;
  const sent = await orders.applyTransfer(record.no, event);
  if (sent.outcome !== 'applied' || sent.record.request === undefined) return undefined;
  // A process that was frozen after that write must not sign again when it wakes.
  const deadline = Math.min(limits.deadline ?? Infinity, until - ASK_MARGIN_MS);
  const request = deps.requests.transfer(sent.record);
  const reply = await api.send(request, { ...limits, deadline });
  try {
    await learn(deps, sent.record, reply);
  } catch (error) {
    // An answer about another transfer says nothing of this one: the next may ask.
    const its = { attempt: sent.record.attempts, source: 'reply', proof: 'none' } as const;
    if (isOtherAnswer(error)) await orders.applyTransfer(record.no, { type: 'unanswered', ...its });
    throw error;
  }
  return reply;
}

async function learn(
  deps: TransferSenderDeps,
  { no, attempts }: TransferRecord,
  reply: WechatReply,
): Promise<void> {
  const body = provenBody(reply);
  if (body !== undefined) {
    guardNumbers(body, { out_bill_no: no });
    if (deps.dialect.readTransfer(body) !== undefined) {
      await applyTransfer(deps, body, fromReply('reply'), { absent: 'ignore' });
      return;
    }
  }
  const refusal = refusalOf(reply);
  const its = { attempt: attempts, source: 'reply' } as const;
  await deps.orders.applyTransfer(
    no,
    refusal === undefined
      ? { type: 'unanswered', ...its, proof: 'none' }
      : {
          type: 'refused',
          ...its,
          code: refusal.code,
          proof: refusal.proven ? 'signature' : 'none',
        },
  );
}
