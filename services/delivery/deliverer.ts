/**
 * Delivers the effects of a record, one at a time: lease, deliver outside any write, mark. The version that
 * the lease was written with is the fence: of two instances that try, one replaces the record and the other
 * learns that it lost. A crash in between leaves the effect pending, and it is delivered again.
 */
import { findItem } from '../ledger/agenda';
import type { Effect, StoredRecord } from '../ledger/record';
import type { OrderStore } from '../stores/orderStore';
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
import { failureReason, withDeadline } from './sink';
import type { Sink } from './sink';

/** A sink ends by itself after 15 s; should one not, this is still inside the lease of 30 s. */
const GUARD_MS = 20_000;
const MARK_TRIES_MAX = 8;
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

export interface DelivererDeps {
  readonly store: Pick<OrderStore, 'find' | 'replace'>;
  readonly sink: Sink | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Mark = <R extends StoredRecord>(record: R, at: number) => R;

export function createDeliverer(deps: DelivererDeps): Deliverer {
  const { store, sink, clock, logger } = deps;

  const write = async (record: StoredRecord, change: Mark): Promise<StoredRecord | undefined> => {
    const now = clock.now();
    const next = { ...change(record, now), version: record.version + 1, updated_at: now };
    const outcome = await store.replace(next, record.version);
    return outcome === 'replaced' ? next : undefined;
  };

  /** Applies a mark to the record as it is by now; `valid` says whether it still means anything there. */
  const mark = async (
    leased: StoredRecord,
    change: Mark,
    valid: (record: StoredRecord) => boolean,
  ): Promise<StoredRecord | undefined> => {
    let record: StoredRecord | undefined = leased;
    for (let tries = 0; tries < MARK_TRIES_MAX; tries += 1) {
      if (record === undefined || !valid(record)) return undefined;
      const written = await write(record, (r, at) => released(change(r, at), leased.lease_until));
      if (written !== undefined) return written;
      record = await store.find(leased.kind, leased.no);
    }
    return undefined;
  };

  const attempt = async (to: Sink, leased: StoredRecord, effect: Effect, signal?: AbortSignal) => {
    const guard = new AbortController();
    const abort = (): void => {
      guard.abort();
    };
    try {
      return await withDeadline(to.deliver(toCloudEvent(leased, effect), guard.signal), {
        timeoutMs: GUARD_MS,
        signal,
        onEnd: abort,
      });
    } catch (error) {
      return { reason: failureReason(error) };
    }
  };

  const settle = async (
    leased: StoredRecord,
    effect: Effect,
    result: 'delivered' | 'gone' | { readonly reason: string },
  ): Promise<DeliveryOutcome> => {
    const { id } = effect;
    const told = { ...about(leased, effect), tries: effect.tries };
    if (result === 'delivered') {
      // A fact, whoever holds the lease by now.
      const known = (record: StoredRecord): boolean => record.effects.some((e) => e.id === id);
      const marked = await mark(leased, (r, at) => effectDelivered(r, id, at), known);
      if (marked !== undefined) logger.info(told, 'effect delivered');
      return marked === undefined ? 'lost' : 'delivered';
    }
    const reason = result === 'gone' ? 'gone' : result.reason;
    const verdict = result === 'gone' ? effectDead : effectFailed;
    // A verdict, and only over our own attempt: not if it was delivered or tried again meanwhile.
    const ours = (record: StoredRecord): boolean =>
      record.effects.some((e) => e.id === id && e.state === 'pending' && e.tries === effect.tries);
    const marked = await mark(leased, (r, at) => verdict(r, id, at, reason), ours);
    if (marked === undefined) return 'lost';
    if (marked.effects.find((e) => e.id === id)?.state === 'dead') {
      logger.error({ ...told, reason, alarm: true }, 'effect dead');
      return 'dead';
    }
    logger.warn({ ...told, reason }, 'effect failed');
    return 'failed';
  };

  return {
    async deliverDue(record, signal) {
      const now = clock.now();
      const item = findItem(record.agenda, 'deliver');
      if (item === undefined || item.at > now || (record.lease_until ?? 0) > now) return 'none';
      const head = headEffect(record);
      if (head === undefined || sink === undefined) {
        const later = now + NO_SINK_PAUSE_MS;
        const written = await write(record, (r) => withHeadAt(r, later));
        if (written === undefined) return 'lost';
        if (head !== undefined) logger.warn(about(record, head), 'effect waits for a sink');
        return 'none';
      }
      if (head.tries >= ATTEMPTS_MAX) {
        // Its last attempt ended with the process, before the verdict was written.
        return settle(record, head, { reason: head.error ?? 'the last attempt did not end' });
      }
      const leased = await write(record, (r, at) => effectAttempted(r, head.id, at));
      const effect = leased?.effects.find((e) => e.id === head.id);
      if (leased === undefined || effect === undefined) return 'lost';
      return settle(leased, effect, await attempt(sink, leased, effect, signal));
    },
  };
}

/** Gives back our lease, and only ours: another's may have been taken after it ran out. */
function released<R extends StoredRecord>(record: R, leaseUntil: number | undefined): R {
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
