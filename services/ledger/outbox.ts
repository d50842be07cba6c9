/**
 * What happens to the effects inside a record. Pure: each function returns a new record and leaves
 * `version`, `updated_at` and `history` to the writer. The agenda holds one `deliver` item, and
 * always for the head: the first pending effect. Its `tries` are the head's own, so nothing can disagree.
 */
import { createHash } from 'node:crypto';
import { findItem, withItem, withoutItem } from './agenda';
import type { DeliveryFailure } from './reasons';
import type { Effect, EffectType, RecordBase } from './record';
import { nextAttempt } from './retrySchedule';

/** Effects kept in a record; beyond it the oldest settled ones go. Pending ones are never dropped. */
export const EFFECTS_KEPT = 200;
/** Longer than any delivery may take (15 s), so that a slow delivery is not repeated beside itself. */
export const DELIVERY_LEASE_MS = 30_000;
const DETAIL_MAX = 300;

/**
 * The id of a record's effect number `seq` (from 0): the same for every delivery and redelivery.
 * mchid and created_at are in it because receivers remember the id alone: two merchants, or a test
 * new database, may use one out_trade_no twice, and the second payment must not look like a repeat.
 */
export function effectId(record: RecordBase, seq: number): string {
  const mchid = 'mchid' in record ? record.mchid : '';
  const name = `${mchid}:${record.kind}:${record.no}:${String(record.created_at)}:${String(seq)}`;
  return `ef_${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
}

/** The effect to deliver next: effects of one record go out one by one, in the order they were made. */
export function headEffect(record: RecordBase): Effect | undefined {
  return record.effects.find((effect) => effect.state === 'pending');
}

export interface NewEffect {
  readonly type: EffectType;
  /** Milliseconds: now. */
  readonly at: number;
  readonly data: Readonly<Record<string, unknown>>;
  /** Is a sink configured? Without one the effect is kept as `skipped`. */
  readonly sink: boolean;
}

/** An effect as it is decided: its data is that of the record after the decision. */
export interface EffectOf<R> {
  readonly type: EffectType;
  readonly data: (record: R) => object;
}

/** Appends effects of a decision, as `addEffect` does. */
export const addEffects = <R extends RecordBase>(
  record: R,
  effects: readonly EffectOf<R>[],
  { now, sink }: { readonly now: number; readonly sink: boolean },
): R =>
  effects.reduce(
    (changed, { type, data }) =>
      addEffect(changed, { type, at: now, data: { ...data(changed) }, sink }),
    record,
  );

/** Appends an effect, to be written together with the change that caused it. */
export function addEffect<R extends RecordBase>(record: R, effect: NewEffect): R {
  const { type, at, data, sink } = effect;
  const id = effectId(record, record.effect_seq);
  const added: Effect = sink
    ? { id, type, at, data, state: 'pending', tries: 0 }
    : { id, type, at, data, state: 'skipped', tries: 0, settled_at: at };
  const next = {
    ...record,
    effects: bounded([...record.effects, added]),
    effect_seq: record.effect_seq + 1,
  };
  // An item in place belongs to an earlier effect, and keeps its own moment.
  return sink && findItem(record.agenda, 'deliver') === undefined ? withHeadAt(next, at) : next;
}

/**
 * Counts an attempt before it is made, and takes the lease. The item moves to the moment at which the
 * attempt's failure would be repeated, so that a crash in mid-delivery is paced like a failure.
 */
export function effectAttempted<R extends RecordBase>(record: R, id: string, at: number): R {
  const next = change(record, id, (effect) =>
    effect.state === 'pending' ? { ...effect, tries: effect.tries + 1 } : effect,
  );
  const head = headEffect(next);
  if (head === undefined) return withHeadAt(next, at);
  const until = at + DELIVERY_LEASE_MS;
  return { ...withHeadAt(next, nextAttempt(head.tries, at) ?? until), lease_until: until };
}

/** The receiver has it. The next effect, if any, is due at once. A repeat changes nothing. */
export function effectDelivered<R extends RecordBase>(record: R, id: string, at: number): R {
  return settle(record, id, at, 'delivered', undefined);
}

/**
 * The attempt failed: again later, or dead when the schedule is used up. The attempt itself was counted
 * by `effectAttempted`.
 */
export function effectFailed<R extends RecordBase>(
  record: R,
  id: string,
  at: number,
  reason: DeliveryFailure,
): R {
  const effect = find(record, id);
  if (effect?.state !== 'pending') return record;
  const again = nextAttempt(effect.tries, at);
  if (again === undefined) return effectDead(record, id, at, reason);
  const next = change(record, id, (e) => ({ ...e, ...errorOf(reason) }));
  return headEffect(next)?.id === id ? withHeadAt(next, again) : next;
}

/** Given up, until an operator redelivers it. The next effect, if any, is due at once. */
export function effectDead<R extends RecordBase>(
  record: R,
  id: string,
  at: number,
  reason: DeliveryFailure,
): R {
  return settle(record, id, at, 'dead', reason);
}

/**
 * An operator's wish to deliver again, with the same ids.
 *
 * @param id  One effect in any state (a pending one is tried at once); undefined = every dead one.
 * @returns   The very same record when there is nothing to deliver again.
 */
export function redeliver<R extends RecordBase>(record: R, id: string | undefined, at: number): R {
  const chosen = record.effects.filter((e) =>
    id === undefined ? e.state === 'dead' : e.id === id,
  );
  if (chosen.length === 0) return record;
  const ids = new Set(chosen.map((e) => e.id));
  const effects = record.effects.map((e) => (ids.has(e.id) ? fresh(e) : e));
  return withHeadAt({ ...record, effects }, at);
}

/** Puts the head's item at a moment, or takes the item away when nothing is pending. */
export function withHeadAt<R extends RecordBase>(record: R, at: number): R {
  const head = headEffect(record);
  const agenda =
    head === undefined
      ? withoutItem(record.agenda, 'deliver')
      : withItem(record.agenda, { do: 'deliver', at, tries: head.tries });
  return { ...record, agenda };
}

function settle<R extends RecordBase>(
  record: R,
  id: string,
  at: number,
  state: 'delivered' | 'dead',
  reason: DeliveryFailure | undefined,
): R {
  const effect = find(record, id);
  // Delivered is a fact and overrules a verdict of ours; a verdict never overrules anything settled.
  const open = effect?.state === 'pending' || (effect?.state === 'dead' && state === 'delivered');
  if (!open) return record;
  const wasHead = headEffect(record)?.id === id;
  const next = change(record, id, (e) => settled(e, at, state, reason));
  return wasHead ? withHeadAt(next, at) : next;
}

function settled(
  effect: Effect,
  at: number,
  state: 'delivered' | 'dead',
  reason: DeliveryFailure | undefined,
): Effect {
  const { error: _error, error_detail: _detail, ...rest } = effect;
  const error = reason === undefined ? {} : errorOf(reason);
  return { ...rest, state, settled_at: at, ...error };
}

function fresh(effect: Effect): Effect {
  const { error: _error, error_detail: _detail, settled_at: _settledAt, ...rest } = effect;
  return { ...rest, state: 'pending', tries: 0 };
}

function find(record: RecordBase, id: string): Effect | undefined {
  return record.effects.find((effect) => effect.id === id);
}

function change<R extends RecordBase>(record: R, id: string, edit: (e: Effect) => Effect): R {
  return { ...record, effects: record.effects.map((e) => (e.id === id ? edit(e) : e)) };
}

/** Drops the oldest settled effects above the bound: dead ones last, an operator may still want them. */
function bounded(effects: readonly Effect[]): readonly Effect[] {
  let excess = effects.length - EFFECTS_KEPT;
  if (excess <= 0) return effects;
  const dropped = new Set<string>();
  for (const dead of [false, true]) {
    for (const effect of effects) {
      if (excess === 0 || effect.state === 'pending') continue;
      if ((effect.state === 'dead') !== dead) continue;
      dropped.add(effect.id);
      excess -= 1;
    }
  }
  return effects.filter((effect) => !dropped.has(effect.id));
}

const errorOf = ({ code, detail }: DeliveryFailure): Pick<Effect, 'error' | 'error_detail'> =>
  detail === undefined
    ? { error: code }
    : { error: code, error_detail: detail.slice(0, DETAIL_MAX) };
