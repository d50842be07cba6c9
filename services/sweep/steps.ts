/**
 * What the sweep does with each item of an agenda that asks WeChat: when the item comes again (written with the lease,
 * before the attempt), and the attempt itself. The steps stand in the wings; here is what they have in common.
 */
import { withoutItem } from '../ledger/agenda';
import type { AlarmCode, EscalationCode } from '../ledger/reasons';
import type { AgendaItem, AgendaVerb, StoredRecord } from '../ledger/record';
import { kindOf } from '../ledger/recordKinds';
import type { RecordWriter } from '../records/recordWriter';
import type { OrderStore } from '../stores/orderStore';
import type { WechatReply } from '../strategies/strategy';
import type { CallLimits } from '../wechat/wechatApi';
import type { Clock } from '../../utils/clock';
import type { AppError } from '../../utils/errors';
import type { Logger } from '../../utils/logger';

/** One kind of work. */
export interface Step<R extends StoredRecord = StoredRecord> {
  /** The item as it is written with the lease: its next moment, one try more. undefined = it is the last try. */
  next(record: R, item: AgendaItem, now: number): AgendaItem | undefined;
  /** @returns WeChat's last reply, where there is one to look at for the brake. */
  run(held: R, item: AgendaItem, limits: CallLimits): Promise<WechatReply | undefined>;
}

/** A step is only ever called with records of the kind its name begins with. */
export type Steps = Partial<Record<`${StoredRecord['kind']}.${AgendaVerb}`, Step>>;

export interface EscalationDeps {
  readonly writer: RecordWriter;
  readonly clock: Clock;
  readonly logger: Logger;
}

const MINUTE_MS = 60_000;

export const ladderOf = (...minutes: readonly number[]): readonly number[] =>
  minutes.map((m) => m * MINUTE_MS);

export const ladderDelay = (ladderMs: readonly number[], tries: number): number =>
  ladderMs[Math.min(tries, ladderMs.length - 1)] ?? MINUTE_MS;

/** The item at its next moment, one try more. */
export const retriedAt = (item: AgendaItem, at: number): AgendaItem => ({
  ...item,
  at,
  tries: item.tries + 1,
});

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
  deps: EscalationDeps & { readonly store: Pick<OrderStore, 'find'> },
  held: StoredRecord,
  item: AgendaItem,
  refused: AppError,
): Promise<void> {
  const record = (await deps.store.find(held.kind, held.no)) ?? held;
  if (kindOf(record).wasSent(record, item.key)) return;
  await escalate(deps, record, item, 'request_refused', refused.detail);
}
