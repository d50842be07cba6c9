/**
 * Follows hints: notifications whose origin is not proven. A hint only says what to ask WeChat about. WeChat is asked
 * rarely, and only about records we hold that can still change; what it answers, proven, is what gets recorded.
 *
 * A hint that leads nowhere is refused with 4xx. One that a bound of ours stopped is answered 503, because it may be
 * genuine: its sender must come again.
 */
import { combinationMismatch, isPaidCombination, type PaidPart } from '../ledger/combinationState';
import { asObject, asText } from '../wechat/readFacts';
import { syncCombination } from '../combinations/syncCombination';
import { syncOrder } from '../orders/syncOrder';
import { syncRefund, type RefundSyncDeps } from '../refunds/syncRefund';
import { syncTransfer } from '../transfers/syncTransfer';
import { createHintPlaces, type HintPlaces } from './hintPlaces';
import { HINT_APART_MS, hintedLately, isFinalForHint } from '../ledger/orderState';
import type { CombinationRecord, OrderRecord, TransferRecord } from '../ledger/record';
import { heldRefund } from '../ledger/refundMoney';
import type { NotificationHint, WechatReply } from '../strategies/strategy';
import { isFinalTransfer } from '../ledger/transferState';
import type { CallLimits } from '../wechat/wechatApi';
import { upstreamError } from '../wechat/wechatErrors';
import { AppError, SignatureError } from '../../utils/errors';
import type { Json } from '../../utils/json';

type Limits = CallLimits & { readonly deadline: number };

/** A query inside a notification: one attempt, so that the answer stays inside WeChat's 5 seconds. */
export const QUERY_IN_CALLBACK = { totalMs: 2500, retriesMax: 0 } as const;

export interface HintFollower {
  /**
   * Resolves when what the hint says is proven and recorded.
   * @throws SignatureError NOTIFICATION_UNPROVEN (4xx): nothing to learn from it · AppError OVERLOADED (503): not
   *   followed now, because of a bound of ours · UpstreamError: WeChat could not be asked.
   */
  follow(hint: NotificationHint, deadline: number): Promise<void>;
}

interface Parts extends RefundSyncDeps {
  readonly places: HintPlaces;
}

/** What is asked about once it has a place: how to mark that it is asked, and how to ask. */
interface Question {
  readonly share: string;
  readonly lastAskedAt: number | undefined;
  readonly deadline: number;
  /** Commits that WeChat is asked now; false where another request has done so. */
  readonly mark: () => Promise<boolean>;
  /** @returns true when WeChat's proven answer bears the hint out and is recorded. */
  readonly ask: () => Promise<{ readonly reply: WechatReply; readonly borneOut: boolean }>;
}

const HINTED = { source: 'callback', proof: 'none' } as const;

const unproven = (why: string): SignatureError =>
  new SignatureError('NOTIFICATION_UNPROVEN', { detail: why });

export function createHintFollower(deps: RefundSyncDeps): HintFollower {
  const parts: Parts = { ...deps, places: createHintPlaces(deps) };
  return {
    follow(hint, deadline) {
      const limits = { ...QUERY_IN_CALLBACK, deadline };
      if (hint.kind === 'transfer') return followTransfer(parts, hint, limits);
      if (hint.kind === 'combination') return followCombination(parts, hint, limits);
      return followOrder(parts, hint, limits);
    },
  };
}

/** Asks WeChat in one of the places. Nothing is marked before there is a place: a refused hint costs no write. */
async function askInPlace({ places, clock }: Parts, question: Question): Promise<void> {
  const { share, lastAskedAt, deadline, mark, ask } = question;
  const last = lastAskedAt === undefined ? {} : { last_hint_at: lastAskedAt };
  if (hintedLately(last, clock.now())) throw askedLately();
  const latestStart = deadline - QUERY_IN_CALLBACK.totalMs;
  await places.run({ share, lastAskedAt, latestStart }, async () => {
    if (!(await mark())) throw askedLately();
    const { reply, borneOut } = await ask();
    if (reply.kind !== 'proven') throw upstreamError(reply);
    // Not recorded, so not acknowledged: the sender comes again when WeChat's books have caught up.
    if (!borneOut) throw unproven('WeChat does not say so');
  });
}

interface Hinted {
  readonly no: string;
  readonly payer?: string;
  readonly last_hint_at?: number;
}

const MARK = { type: 'hinted', ...HINTED } as const;

/** Asks about a whole record, which keeps the mark itself. */
const askAbout = (
  parts: Parts,
  record: Hinted,
  { deadline }: Limits,
  how: Pick<Question, 'ask'> & {
    readonly apply: (
      no: string,
      event: typeof MARK,
      options: { readonly deadline: number },
    ) => Promise<{ readonly outcome: string }>;
  },
): Promise<void> =>
  askInPlace(parts, {
    share: shareOf(record),
    lastAskedAt: record.last_hint_at,
    deadline,
    mark: async () => (await how.apply(record.no, MARK, { deadline })).outcome === 'applied',
    ask: how.ask,
  });

const askedLately = (): AppError =>
  new AppError('OVERLOADED', {
    detail: 'asked a moment ago',
    retryAfterSeconds: HINT_APART_MS / 1000,
  });

async function followOrder(parts: Parts, hint: NotificationHint, limits: Limits): Promise<void> {
  const { orders } = parts;
  const no = asText(hint.plaintext.out_trade_no);
  const isRefund = hint.kind === 'refund';
  const record =
    no === undefined
      ? undefined
      : await (isRefund ? orders.findRefundable(no) : orders.findOrder(no));
  if (record === undefined) throw unproven('unknown number');
  if (isKnown(record, hint.plaintext)) return;
  if (isRefund) {
    await followRefund(parts, record, asText(hint.plaintext.out_refund_no) ?? '', limits);
    return;
  }
  if (isFinalForHint(record)) throw unproven('nothing to learn');
  await askAbout(parts, record, limits, {
    apply: (key, event, options) => orders.apply(key, event, options),
    ask: async () => {
      const { reply, record: now } = await syncOrder(parts, record, { limits });
      return { reply, borneOut: now?.payment !== undefined };
    },
  });
}

async function followRefund(
  parts: Parts,
  record: OrderRecord,
  no: string,
  limits: Limits,
): Promise<void> {
  const { orders } = parts;
  const held = heldRefund(record, no);
  if (held === undefined || held.status === 'SUCCESS' || held.status === 'CLOSED') {
    throw unproven('nothing to learn');
  }
  const { deadline } = limits;
  let marked = record;
  await askInPlace(parts, {
    share: shareOf(record),
    lastAskedAt: held.last_hint_at,
    deadline,
    mark: async () => {
      const event = { type: 'hinted', out_refund_no: no, ...HINTED } as const;
      const done = await orders.apply(record.no, event, { deadline });
      if (done.outcome !== 'applied') return false;
      marked = done.record;
      return true;
    },
    ask: async () => {
      const { reply, record: now } = await syncRefund(parts, marked, no, { limits });
      const status = now === undefined ? undefined : heldRefund(now, no)?.status;
      const open = status === undefined || status === 'REQUESTED' || status === 'PROCESSING';
      return { reply, borneOut: !open };
    },
  });
}

async function followCombination(
  parts: Parts,
  hint: NotificationHint,
  limits: Limits,
): Promise<void> {
  const { orders } = parts;
  const no = asText(hint.plaintext.combine_out_trade_no);
  const record = no === undefined ? undefined : await orders.findCombination(no);
  if (record === undefined) throw unproven('unknown number');
  if (isPaidCombination(record)) {
    if (isKnownCombination(parts, record, hint.plaintext)) return;
    throw unproven('nothing to learn');
  }
  await askAbout(parts, record, limits, {
    apply: (key, event, options) => orders.applyCombination(key, event, options),
    ask: async () => {
      const { reply, record: now } = await syncCombination(parts, record, { limits });
      return { reply, borneOut: now !== undefined && isPaidCombination(now) };
    },
  });
}

async function followTransfer(parts: Parts, hint: NotificationHint, limits: Limits): Promise<void> {
  const { orders } = parts;
  const no = asText(hint.plaintext.out_bill_no);
  const record = no === undefined ? undefined : await orders.findTransfer(no);
  if (record === undefined) throw unproven('unknown number');
  if (isFinalTransfer(record.state)) {
    if (isKnownTransfer(record, hint.plaintext)) return;
    throw unproven('nothing to learn');
  }
  await askAbout(parts, record, limits, {
    apply: (key, event, options) => orders.applyTransfer(key, event, options),
    ask: async () => {
      const { reply, record: now } = await syncTransfer(parts, record, { limits });
      return { reply, borneOut: now !== undefined && isFinalTransfer(now.state) };
    },
  });
}

/** Records of one payer share one bound; strangers cannot make records without a payer. */
const shareOf = (record: { readonly payer?: string; readonly no: string }): string =>
  record.payer ?? record.no;

/*
 * A repeat of what is proven and recorded already changes nothing, so it is answered SUCCESS and its sender stops.
 * A sender that knows WeChat's own numbers for it learns nothing from that answer.
 */

function isKnown(record: OrderRecord, told: Json): boolean {
  const { payment } = record;
  if (payment === undefined || told.transaction_id !== payment.transaction_id) return false;
  const refund_no = asText(told.out_refund_no);
  if (refund_no !== undefined) {
    const refund = heldRefund(record, refund_no);
    if (refund?.refund_id === undefined || told.refund_id !== refund.refund_id) return false;
    return told.refund_status === refund.status;
  }
  return told.trade_state === 'SUCCESS' && asObject(told.amount)?.total === payment.total;
}

function isKnownCombination(
  { dialect }: Parts,
  record: CombinationRecord,
  plaintext: Json,
): boolean {
  const told = dialect.readCombination(plaintext, HINTED);
  if (told?.is !== 'paid' || combinationMismatch(record, told.parts) !== undefined) return false;
  return told.parts.every((part) => paidBy(record, part));
}

const paidBy = (record: CombinationRecord, told: PaidPart): boolean =>
  record.sub_orders.some(({ payment }) => payment?.transaction_id === told.payment.transaction_id);

const isKnownTransfer = (record: TransferRecord, told: Json): boolean =>
  told.transfer_bill_no !== undefined &&
  told.transfer_bill_no === record.transfer_bill_no &&
  told.state === record.state;
