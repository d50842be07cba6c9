/**
 * What every decision about a record is made of: the record it leads to, its line of history, its effect.
 * Pure: no await, no clock, no log.
 */
import { addEffect } from './outbox';
import { orderEffectData, refundEffectData } from './effectData';
import type {
  AgendaItem,
  EffectType,
  HistoryEntry,
  OrderRecord,
  OrderState,
  Proof,
  RecordBase,
  Refund,
  Source,
} from './record';
import type { AlarmCode, HistoryCode } from './reasons';
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
  | { readonly kind: 'ignored'; readonly why: string }
  | { readonly kind: 'conflict'; readonly code: ErrorCode; readonly why: string };

export const ignored = (why: string): Decision<OrderRecord> => ({ kind: 'ignored', why });
export const conflict = (code: ErrorCode, why: string): Decision<OrderRecord> => ({
  kind: 'conflict',
  code,
  why,
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

export interface Change {
  readonly to?: OrderState;
  readonly patch?: Partial<Omit<OrderRecord, 'state' | 'agenda'>>;
  readonly what: HistoryCode;
  readonly detail?: string;
  readonly effect?: EffectType;
  /** The refund an effect speaks of. */
  readonly refund?: Refund;
  readonly agenda?: (agenda: readonly AgendaItem[]) => readonly AgendaItem[];
  readonly alarm?: AlarmCode;
  readonly reason?: string;
}

/** Makes the next record of a change: state, history, agenda and effect together. */
export function next(
  record: OrderRecord,
  event: From,
  ctx: DecideContext,
  change: Change,
): Decision<OrderRecord> {
  const { source, proof } = event;
  const { what, detail, alarm, reason } = change;
  const patch = {
    state: change.to ?? record.state,
    agenda: change.agenda?.(record.agenda) ?? record.agenda,
    ...change.patch,
  };
  let result = nextVersion(record, { at: ctx.now, what, source, proof, detail }, patch);
  if (change.effect !== undefined) {
    const data =
      change.refund === undefined
        ? orderEffectData(result)
        : refundEffectData(result, change.refund);
    result = addEffect(result, {
      type: change.effect,
      at: ctx.now,
      data: { ...data },
      sink: ctx.sink,
    });
  }
  return {
    kind: 'next',
    record: result,
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
