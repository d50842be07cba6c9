/**
 * What every decision about a record is made of: the record it leads to, its line of history, its effect.
 * Pure: no await, no clock, no log.
 */
import { addEffects, type EffectOf } from './outbox';
import type { AgendaItem, HistoryEntry, Proof, RecordBase, Source } from './record';
import type { AlarmCode, DecisionCode, HistoryCode } from './reasons';
import type { ErrorCode } from '../../utils/errors';

export interface DecideContext {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** false: nobody listens, effects are kept as `skipped`. */
  readonly sink: boolean;
}

export interface From {
  readonly source: Source;
  readonly proof: Proof;
}

export type Decision<R> =
  | {
      readonly kind: 'next';
      readonly record: R;
      /** Why an operator must look; `reason` says more. */
      readonly alarm?: AlarmCode;
      readonly reason?: string;
    }
  | ({ readonly kind: 'ignored' } & Reason)
  | ({ readonly kind: 'conflict'; readonly code: ErrorCode } & Reason);

/** Why nothing is written; `detail`: the state, the number or the amount that it is about. */
export interface Reason {
  readonly why: DecisionCode;
  readonly detail?: string;
}

const reasonOf = (why: DecisionCode, detail: string | undefined): Reason =>
  detail === undefined ? { why } : { why, detail };

export const ignored = (why: DecisionCode, detail?: string): Decision<never> => ({
  kind: 'ignored',
  ...reasonOf(why, detail),
});
export const conflict = (code: ErrorCode, why: DecisionCode, detail?: string): Decision<never> => ({
  kind: 'conflict',
  code,
  ...reasonOf(why, detail),
});

const HISTORY_MAX = 100;

export function withHistory(
  history: readonly HistoryEntry[],
  entry: HistoryEntry,
): readonly HistoryEntry[] {
  if (history.length < HISTORY_MAX) return [...history, entry];
  // The beginning tells how it came about and the end what is now: the middle may go.
  return [...history.slice(0, HISTORY_MAX / 2), ...history.slice(HISTORY_MAX / 2 + 1), entry];
}

/** A line of history that is about to be written. */
export type NewLine = Omit<HistoryEntry, 'what' | 'detail'> & {
  readonly what: HistoryCode;
  readonly detail?: string | undefined;
};

/** The next version of a record, with its line of history: where every change of any kind begins. */
export function nextVersion<R extends RecordBase>(
  record: R,
  { at, what, source, proof, detail }: NewLine,
  patch?: Partial<R>,
): R {
  const entry = { at, what, source, proof, ...(detail === undefined ? {} : { detail }) };
  // Not `{ ...record, ...patch }`: V8 clones what is spread first, and each clone that then gets a new key gets a
  // hidden class of its own: 700 bytes that stay in memory, and property access that V8 cannot cache.
  return Object.assign({}, record, patch, {
    version: record.version + 1,
    updated_at: at,
    history: withHistory(record.history, entry),
  });
}

export interface Change<R extends RecordBase> {
  readonly to?: R['state'];
  readonly patch?: Partial<Omit<R, 'state' | 'agenda'>>;
  readonly what: HistoryCode;
  readonly detail?: string;
  readonly effects?: readonly EffectOf<R>[];
  readonly agenda?: (agenda: readonly AgendaItem[]) => readonly AgendaItem[];
  readonly alarm?: AlarmCode;
  readonly reason?: string;
}

/** Makes the next record of a change: state, history, agenda and effects together. */
export function next<R extends RecordBase>(
  record: R,
  { source, proof }: From,
  ctx: DecideContext,
  change: Change<R>,
): Decision<R> {
  const { what, detail, effects = [], alarm, reason } = change;
  const patch = {
    state: change.to ?? record.state,
    agenda: change.agenda?.(record.agenda) ?? record.agenda,
    ...change.patch,
  };
  const line = { at: ctx.now, what, source, proof, detail };
  const changed = nextVersion(record, line, patch as unknown as Partial<R>);
  return {
    kind: 'next',
    record: addEffects(changed, effects, ctx),
    ...(alarm === undefined ? {} : { alarm }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** Hints are anyone's to send: written into a bounded history they would push out what happened. */
export const withoutHistory = <R extends { readonly history: readonly HistoryEntry[] }>(
  before: R,
  decision: Decision<R>,
): Decision<R> =>
  decision.kind === 'next'
    ? { ...decision, record: { ...decision.record, history: before.history } }
    : decision;

/** The value without these keys; the value itself where it has none of them. */
export function drop<T extends object, K extends keyof T>(value: T, ...keys: K[]): Omit<T, K> {
  let rest: Partial<T> | undefined;
  for (const key of keys) {
    if (!(key in value)) continue;
    const { [key]: _dropped, ...left } = rest ?? value;
    rest = left as Partial<T>;
  }
  return (rest ?? value) as Omit<T, K>;
}
