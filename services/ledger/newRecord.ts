/** How every new record begins: version 1, one line of history, nothing to do. Pure. */
import type { NewLine } from './decision';
import { SCHEMA_VERSION, type OrderRecord, type RecordBase, type StoredRecord } from './record';

/** What `newRecord` writes by itself. */
type Given = Exclude<keyof RecordBase, 'mchid' | 'kind' | 'no' | 'state' | 'payer' | 'lease_until'>;

/** What a new record of a kind says of itself; an agenda where there is something to do. */
export type NewFacts<R extends StoredRecord> = Omit<R, Given> & Partial<Pick<R, 'agenda'>>;

/** @param line How it came about; its moment is the record's own. */
export const newRecord = <R extends StoredRecord>(facts: NewFacts<R>, line: NewLine): R =>
  begun({ agenda: [] }, facts, line) as R;

type NewOrderFacts = Omit<NewFacts<OrderRecord>, 'kind' | 'contradictions' | 'refunds'>;

/** A new order: nothing is paid and nothing is refunded yet. */
export const newOrder = (facts: NewOrderFacts, line: NewLine): OrderRecord =>
  begun({ kind: 'order', agenda: [], contradictions: [], refunds: [] }, facts, line) as OrderRecord;

/** Facts and what is given here are together all that a record of their kind has. */
function begun(base: object, facts: object, line: NewLine): unknown {
  const { at, what, source, proof, detail } = line;
  const entry = { at, what, source, proof, ...(detail === undefined ? {} : { detail }) };
  // One object for all: see `nextVersion` for why this is not a spread.
  return Object.assign(base, facts, {
    schema: SCHEMA_VERSION,
    version: 1,
    created_at: at,
    updated_at: at,
    history: [entry],
    effects: [],
    effect_seq: 0,
  });
}
