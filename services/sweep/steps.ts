/**
 * What the sweep does with each item of an agenda that asks WeChat: when the item comes again (written with
 * the lease, before the attempt), and the attempt itself. Facts are applied by whoever knows them
 * (the wings); nothing here judges money.
 */
import type { AlarmCode, EscalationCode } from '../ledger/reasons';
import { withoutItem } from '../ledger/agenda';
import { closeOrder } from '../orders/closeOrder';
import { syncOrder } from '../orders/syncOrder';
import { syncRefund, type RefundSyncDeps } from '../refunds/syncRefund';
import { syncTransfer } from '../transfers/syncTransfer';
import { heldRefund } from '../ledger/refundMoney';
import { endLook, isLastLook, nextLook } from '../orders/finalCheck';
import { QUERY_LADDER_MS } from '../ledger/orderState';
import type {
  AgendaItem,
  AgendaVerb,
  CombinationRecord,
  OrderRecord,
  StoredRecord,
  TransferRecord,
} from '../ledger/record';
import { isOverdue } from '../orders/prepareOrder';
import { lacksBalance, maySendAgain, refundGiveUpAt } from '../ledger/refundAsking';
import type { Refunding } from '../refunds/requestRefund';
import type { RecordWriter } from '../records/recordWriter';
import type { OrderStore } from '../stores/orderStore';
import { TRANSFER_REPEAT_MAX_MS } from '../ledger/transferState';
import type { Transferring } from '../transfers/requestTransfer';
import type { WechatReply } from '../strategies/strategy';
import type { CallLimits } from '../wechat/wechatApi';
import { refusalOf, saysNotFound } from '../wechat/wechatErrors';
import { AppError } from '../../utils/errors';

/** One kind of work. Others may add theirs: see `SweepDeps.steps`. */
export interface Step<R extends StoredRecord = StoredRecord> {
  /** The item as it is written with the lease: its next moment, one try more. undefined = it is the last try. */
  next(record: R, item: AgendaItem, now: number): AgendaItem | undefined;
  /** @returns WeChat's last reply, where there is one to look at for the brake. */
  run(held: R, item: AgendaItem, limits: CallLimits): Promise<WechatReply | undefined>;
}

export type Steps = Partial<Record<`${StoredRecord['kind']}.${AgendaVerb}`, Step>>;

export interface StepsDeps extends RefundSyncDeps {
  readonly store: Pick<OrderStore, 'find'>;
  readonly writer: RecordWriter;
  readonly refunding: Refunding;
  readonly transferring: Transferring;
}

export type EscalationDeps = Pick<StepsDeps, 'writer' | 'clock' | 'logger'>;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const minutes = (...values: readonly number[]): readonly number[] =>
  values.map((m) => m * MINUTE_MS);

/** Refunds: every minute at first, then slower; bank cards take days. */
const REFUND_LADDER_MS = minutes(1, 1, 1, 1, 5, 10, 30, 60, 180, 360, 720, 1440);
const TRANSFER_LADDER_MS = minutes(1, 1, 2, 5, 10, 30, 60);
export const EXPIRE_LADDER_MS = minutes(1, 1, 2, 5, 10, 30, 60);
/** While the balance is too low a refund is tried at least so often: money may come in at any time. */
const BALANCE_APART_MS = 6 * HOUR_MS;
/** The receiver has 24 h and WeChat's closing lags; what is not over by then is looked at rarely. */
const TRANSFER_SLOW_AFTER_MS = 2 * DAY_MS;
const TRANSFER_SLOW_MS = 6 * HOUR_MS;
/** An order WeChat never gave a prepay for and says it does not hold, though not provably. */
const UNPROVEN_MAX_MS = DAY_MS;
/** Past these WeChat no longer tells: transfers are queried for 30 days, refunds made within a year. */
const ORDER_END_MS = 30 * DAY_MS;
const TRANSFER_END_MS = 31 * DAY_MS;
export const REFUND_END_MS = 400 * DAY_MS;

/** The till waits: a payment code is asked about every five seconds until it is settled or reversed. */
const CODEPAY_QUERY_MS = 5000;

export const rung = (ladder: readonly number[], tries: number): number =>
  ladder[Math.min(tries, ladder.length - 1)] ?? MINUTE_MS;

export const later = (item: AgendaItem, at: number): AgendaItem => ({
  ...item,
  at,
  tries: item.tries + 1,
});

/** The payment ladder counts from the prepay: rungs a late sweep has passed are not made up for. */
export function nextQuery(item: AgendaItem, now: number): AgendaItem | undefined {
  const start = item.at - rung(QUERY_LADDER_MS, item.tries);
  for (let tries = item.tries + 1; tries < QUERY_LADDER_MS.length; tries++) {
    const at = start + rung(QUERY_LADDER_MS, tries);
    if (at > now) return { ...item, at, tries };
  }
  return undefined;
}

export function createSteps(deps: StepsDeps): Steps {
  const { store, writer, orders, clock } = deps;

  const look = createLook(deps);

  const query: Step<OrderRecord> = {
    next(record, item, now) {
      if (isLastLook(record, item)) return nextLook(item, now);
      const code = record.product === 'codepay' && record.state !== 'CLOSED';
      return code ? later(item, now + CODEPAY_QUERY_MS) : nextQuery(item, now);
    },
    async run(held, item, limits) {
      const synced = await syncOrder(deps, held, { limits, source: 'sweep' });
      await look(held, item, synced);
      return synced.reply;
    },
  };

  const expire: Step<OrderRecord> = {
    next: (_record, item, now) => later(item, now + rung(EXPIRE_LADDER_MS, item.tries)),
    async run(held, item, limits) {
      if (held.state === 'PREPARED') {
        // WeChat does not know it: the conditional write ends it, unless a payer comes before that.
        if (!isOverdue(held, clock.now())) return undefined;
        const event = { type: 'closed', trade_state: held.state, source: 'sweep' } as const;
        await orders.apply(held.no, { ...event, proof: 'none' }, { known: held });
        return undefined;
      }
      if (held.state !== 'CREATED' && held.state !== 'PENDING') {
        await writer.patch(held, { agenda: withoutItem(held.agenda, 'expire') });
        return undefined;
      }
      try {
        await closeOrder(deps, held, { source: 'sweep', limits });
      } catch (error) {
        const now = (await store.find('order', held.no)) ?? held;
        const why = endOfExpiry(now, error, clock.now());
        if (why === undefined) throw error;
        await escalate(deps, now, item, why);
      }
      return undefined;
    },
  };

  const refund: Step<OrderRecord> = {
    next: (record, item, now) => {
      const asked = heldRefund(record, item.key ?? '');
      const ms = rung(REFUND_LADDER_MS, item.tries);
      if (asked?.status !== 'REQUESTED') return later(item, now + ms);
      // Whether it is left to an operator is decided when its time is over, not half a day later.
      const end = refundGiveUpAt(asked);
      const at = now + (lacksBalance(asked) ? Math.min(ms, BALANCE_APART_MS) : ms);
      return later(item, now < end ? Math.min(at, end) : at);
    },
    async run(held, item, limits) {
      const no = item.key ?? '';
      const asked = heldRefund(held, no);
      if (asked === undefined || clock.now() - asked.requested_at >= REFUND_END_MS) {
        await escalate(deps, held, item, 'refund_not_over');
        return undefined;
      }
      const { reply, record } = await syncRefund(deps, held, no, { source: 'sweep', limits });
      const now = record === undefined ? undefined : heldRefund(record, no);
      if (now?.status !== 'REQUESTED' || record === undefined) return reply;
      const refusal = refusalOf(reply);
      const missing = refusal !== undefined && saysNotFound(refusal);
      // A proven "no such refund" is on its way to a verdict of its own, however late it comes.
      const verdictNear = missing && refusal.proven;
      if (clock.now() >= refundGiveUpAt(now) && !verdictNear) {
        await orders.apply(record.no, {
          type: 'refund_unresolved',
          out_refund_no: no,
          source: 'sweep',
          proof: 'none',
        });
        return reply;
      }
      if (!missing || !maySendAgain(now, clock.now())) return reply;
      return (await deps.refunding.repeat(record, no, 'sweep', limits)) ?? reply;
    },
  };

  const transfer: Step<TransferRecord> = {
    next: (record, item, now) => {
      const slow = now - record.created_at >= TRANSFER_SLOW_AFTER_MS;
      return later(item, now + (slow ? TRANSFER_SLOW_MS : rung(TRANSFER_LADDER_MS, item.tries)));
    },
    async run(held, item, limits) {
      const { reply, record } = await syncTransfer(deps, held, { limits, source: 'sweep' });
      const age = clock.now() - held.created_at;
      if (record?.state !== 'CREATED') {
        const open = record?.agenda.some((i) => i.do === 'transfer') === true;
        if (open && age >= TRANSFER_END_MS) await escalate(deps, record, item, 'transfer_not_over');
        return reply;
      }
      if (age >= TRANSFER_REPEAT_MAX_MS) {
        const from = { source: 'sweep', proof: 'none' } as const;
        await orders.applyTransfer(held.no, { type: 'unresolved', ...from });
        return reply;
      }
      const refusal = refusalOf(reply);
      if (refusal === undefined || !saysNotFound(refusal)) return reply;
      return (await deps.transferring.repeat(record, 'sweep', limits)) ?? reply;
    },
  };

  // A step is only ever called with records of the kind its name begins with.
  return {
    'order.query': query,
    'order.expire': expire,
    'order.refund': refund,
    'transfer.transfer': transfer,
  };
}

/** What a query that was a last look leads to; any other leads to nothing by itself. */
export const createLook =
  (deps: EscalationDeps) =>
  async <R extends OrderRecord | CombinationRecord>(
    held: R,
    item: AgendaItem,
    synced: { readonly reply: WechatReply; readonly record: R | undefined },
  ): Promise<void> => {
    if (!isLastLook(held, item)) return;
    if ((await endLook(deps.writer, item, synced)) !== 'unanswered') return;
    await escalate(deps, synced.record ?? held, item, 'closed_unconfirmed');
  };

/** Nothing more can be learned by asking: the item goes, the record stays as it is, an operator looks. */
export async function escalate(
  { writer, clock, logger }: EscalationDeps,
  record: StoredRecord,
  item: AgendaItem,
  why: EscalationCode,
  about = item.key,
): Promise<void> {
  const line = { at: clock.now(), what: 'unresolved', source: 'sweep', proof: 'none' } as const;
  const detail = about === undefined ? why : `${why} ${about}`;
  const agenda = withoutItem(record.agenda, item.do, item.key);
  if ((await writer.patch(record, { agenda }, { ...line, detail })) === undefined) return;
  const { kind, no, state } = record;
  const code: AlarmCode = 'record.escalated';
  logger.error({ alarm: true, code, kind, no, state, reason: detail }, 'left to an operator');
}

/**
 * A request that does not fit its record is not sent. Where no copy went out there is nothing to follow; where one
 * did, WeChat is asked on about it, as about any other.
 */
export async function leaveRefused(
  deps: EscalationDeps & Pick<StepsDeps, 'store'>,
  held: StoredRecord,
  item: AgendaItem,
  refused: AppError,
): Promise<void> {
  const record = (await deps.store.find(held.kind, held.no)) ?? held;
  if (wasSent(record, item)) return;
  await escalate(deps, record, item, 'request_refused', refused.detail);
}

function wasSent(record: StoredRecord, item: AgendaItem): boolean {
  if (record.kind === 'transfer') return record.attempts > 0;
  if (record.kind === 'report') return false;
  const refunds =
    record.kind === 'order' ? record.refunds : record.sub_orders.flatMap((sub) => sub.refunds);
  return refunds.some((one) => one.out_refund_no === item.key && one.attempts > 0);
}

/**
 * Why an order that cannot be closed is no longer asked about; undefined while it still is. It is never
 * closed here without proof: WeChat might yet let it be paid, and a payment finds its record as it is.
 */
export function endOfExpiry(
  record: Pick<OrderRecord, 'created_at' | 'expires_at' | 'prepay'>,
  error: unknown,
  now: number,
): EscalationCode | undefined {
  const late = now - (record.expires_at ?? record.created_at);
  if (late >= ORDER_END_MS) return 'open_after_a_month';
  const told = error instanceof AppError ? error.upstream : undefined;
  if (told === undefined || record.prepay !== undefined) return undefined;
  const missing = saysNotFound({ ...told, proven: false, repeated: false });
  return missing && late >= UNPROVEN_MAX_MS ? 'unknown_to_wechat' : undefined;
}
