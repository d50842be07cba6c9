/**
 * Delivers the effects of a record, one at a time: lease, deliver outside any write, mark. The version that
 * the lease was written with is the fence: of two instances that try, one replaces the record and the other
 * learns that it lost. A crash in between leaves the effect pending, and it is delivered again.
 */
import { failureText, type AlarmCode, type DeliveryFailure } from '../ledger/reasons';
import { findItem } from '../ledger/agenda';
import { ignored, type Decision } from '../ledger/decision';
import type { Effect, StoredRecord } from '../ledger/record';
import type { RecordWriter } from '../records/recordWriter';
import type { Clock } from '../../utils/clock';
import type { Logger } from '../../utils/logger';
import {
  effectAttempted,
  effectDead,
  effectDelivered,
  effectFailed,
  headEffect,
  withHeadAt,
} from '../ledger/outbox';
import { toCloudEvent } from '../ledger/cloudEvent';
import { ATTEMPTS_MAX } from '../ledger/retrySchedule';
import { failureOf, withDeadline } from './sink';
import type { Sink } from './sink';

/** A sink ends by itself after 15 s; should one not, this is still inside the lease of 30 s. */
const GUARD_MS = 20_000;
/** With effects waiting and no sink configured (it was taken away) the record is looked at this rarely. */
const NO_SINK_PAUSE_MS = 10 * 60_000;

export type DeliveryOutcome = 'delivered' | 'failed' | 'dead' | 'lost' | 'none';

export interface Deliverer {
  /**
   * Delivers the head of this record's effects if it is due and nobody holds the lease. One effect a call:
   * when more are waiting the record is due again at once.
   *
   * @param record  As read from the store.
   * @param signal  Gives up the attempt, which then counts as failed.
   * @returns 'lost': another instance was faster, or the mark could not be set; 'none': nothing to do now.
   * @throws  StoreError: nothing is lost, the lease ends and the effect is tried again.
   */
  deliverDue(record: StoredRecord, signal?: AbortSignal): Promise<DeliveryOutcome>;
}

type Result = 'delivered' | 'gone' | DeliveryFailure;

export interface DelivererDeps {
  readonly writer: RecordWriter;
  readonly sink: Sink | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createDeliverer(deps: DelivererDeps): Deliverer {
  return { deliverDue: (record, signal) => deliverDue(deps, record, signal) };
}

async function deliverDue(
  deps: DelivererDeps,
  record: StoredRecord,
  signal: AbortSignal | undefined,
): Promise<DeliveryOutcome> {
  const { writer, sink, clock, logger } = deps;
  const now = clock.now();
  const item = findItem(record.agenda, 'deliver');
  if (item === undefined || item.at > now || (record.lease_until ?? 0) > now) return 'none';
  const head = headEffect(record);
  if (head === undefined || sink === undefined) {
    const later = withHeadAt(record, now + NO_SINK_PAUSE_MS);
    if ((await writer.patch(later, { updated_at: now })) === undefined) return 'lost';
    if (head !== undefined) logger.warn(about(record, head), 'effect waits for a sink');
    return 'none';
  }
  if (head.tries >= ATTEMPTS_MAX) {
    // Its last attempt ended with the process, before the verdict was written.
    return settle(deps, record, head, { code: 'unfinished' });
  }
  const leased = await writer.patch(effectAttempted(record, head.id, now), { updated_at: now });
  const effect = leased?.effects.find((e) => e.id === head.id);
  if (leased === undefined || effect === undefined) return 'lost';
  return settle(deps, leased, effect, await attempt(sink, leased, effect, signal));
}

async function attempt(
  to: Sink,
  leased: StoredRecord,
  effect: Effect,
  signal: AbortSignal | undefined,
): Promise<Result> {
  const guard = new AbortController();
  const onEnd = (): void => {
    guard.abort();
  };
  try {
    const work = to.deliver(toCloudEvent(leased, effect), guard.signal);
    return await withDeadline(work, { timeoutMs: GUARD_MS, signal, onEnd });
  } catch (error) {
    return failureOf(error);
  }
}

/** Records what became of an attempt. */
async function settle(
  deps: DelivererDeps,
  leased: StoredRecord,
  effect: Effect,
  result: Result,
): Promise<DeliveryOutcome> {
  const { logger } = deps;
  const { id, tries } = effect;
  const fields = { ...about(leased, effect), tries };
  if (result === 'delivered') {
    // A fact, even if another instance holds the lease by now.
    const known = (record: StoredRecord): boolean => record.effects.some((e) => e.id === id);
    const marked = await mark(deps, leased, known, (r, at) => effectDelivered(r, id, at));
    if (marked !== undefined) logger.info(fields, 'effect delivered');
    return marked === undefined ? 'lost' : 'delivered';
  }
  const failure: DeliveryFailure = result === 'gone' ? { code: 'gone' } : result;
  const reason = failureText(failure);
  const verdict = result === 'gone' ? effectDead : effectFailed;
  // A verdict, and only over our own attempt: not if it was delivered or tried again meanwhile.
  const ours = (record: StoredRecord): boolean =>
    record.effects.some((e) => e.id === id && e.state === 'pending' && e.tries === tries);
  const marked = await mark(deps, leased, ours, (r, at) => verdict(r, id, at, failure));
  if (marked === undefined) return 'lost';
  if (marked.effects.find((e) => e.id === id)?.state === 'dead') {
    const code: AlarmCode = 'effect.dead';
    logger.error({ ...fields, code, reason, alarm: true }, 'effect dead');
    return 'dead';
  }
  logger.warn({ ...fields, reason }, 'effect failed');
  return 'failed';
}

/** Applies a mark to the record as it is by now; `valid` says whether it still means anything there. */
async function mark(
  { writer, clock }: DelivererDeps,
  leased: StoredRecord,
  valid: (record: StoredRecord) => boolean,
  edit: (record: StoredRecord, at: number) => StoredRecord,
): Promise<StoredRecord | undefined> {
  const decide = (record: StoredRecord): Decision<StoredRecord> => {
    if (!valid(record)) return ignored('moved_on');
    const at = clock.now();
    const marked = released(edit(record, at), leased.lease_until);
    const next = { ...marked, version: record.version + 1, updated_at: at };
    return { kind: 'next', record: next };
  };
  const done = await writer.change(leased, decide, { known: leased });
  return done.outcome === 'applied' ? done.record : undefined;
}

/** Gives back our lease, and only ours: another's may have been taken after it ran out. */
function released(record: StoredRecord, leaseUntil: number | undefined): StoredRecord {
  return record.lease_until !== undefined && record.lease_until === leaseUntil
    ? { ...record, lease_until: 0 }
    : record;
}

const about = (record: StoredRecord, effect: Effect) => ({
  kind: record.kind,
  no: record.no,
  effect_id: effect.id,
  type: effect.type,
});
