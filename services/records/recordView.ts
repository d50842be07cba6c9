/** A record as operators see it: facts, refunds, history and effects; no request bytes, no ciphertext. */
import { dueAt } from '../ledger/agenda';
import { sentenceOf } from '../ledger/reasons';
import type { StoredRecord } from '../ledger/record';
import type { RecordReply } from '../../utils/schemas/operatorReplies';
import { toRfc3339 } from '../../utils/time';
import type { Json } from '../../utils/json';

/** What is for us alone: machinery, hashes, and bodies that may hold encrypted fields. */
const HIDDEN = new Set([
  'schema',
  'min_reader',
  'agenda',
  'lease_until',
  'effect_seq',
  'facts_hash',
  'account_hash',
  'request',
  'asking_until',
  'open_attempts',
  'listed_attempts',
  'last_hint_at',
  'attempts',
  'missing_first_at',
  'user_name',
  'bank_account',
  'real_name',
]);

const isMoment = (key: string, value: unknown): value is number =>
  typeof value === 'number' && (key === 'at' || key.endsWith('_at'));

/** Drops the hidden and writes our moments as RFC 3339, at any depth. */
function shown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== 'object' || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (HIDDEN.has(key)) continue;
    result[key] = isMoment(key, inner) ? toRfc3339(inner) : shown(inner);
  }
  return result;
}

const sentence = (code: string): Json => {
  const [what_zh, what_en] = sentenceOf(code) ?? [code, code];
  return { what_zh, what_en };
};

const errorSentence = (code: string | undefined): Json => {
  const said = code === undefined ? undefined : sentenceOf(code);
  return said === undefined ? {} : { error_zh: said[0], error_en: said[1] };
};

/** `{kind,no,state,version,…facts,refunds,history,effects,due_at}`. */
export function viewRecord(record: StoredRecord): RecordReply {
  const { kind, no, state, version } = record;
  const due = dueAt(record);
  return {
    ...(shown(record) as Json),
    ...{ kind, no, state, version },
    history: record.history.map((line) => ({
      ...(shown(line) as Json),
      at: toRfc3339(line.at),
      what: line.what,
      ...sentence(line.what),
    })),
    effects: record.effects.map((effect) => ({
      ...(shown(effect) as Json),
      id: effect.id,
      type: effect.type,
      ...errorSentence(effect.error),
    })),
    due_at: due === undefined ? null : toRfc3339(due),
  };
}
