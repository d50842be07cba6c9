/**
 * Every record × every event, whole: what is decided, and every field that changes. The tables beside this file are what
 * was decided when somebody last looked: a line that differs is a change of what the house does with money. Read it, then
 * write the tables again with `UPDATE_TABLES=1 npm run test:one -- "every record" tests/unit/ledger`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DecideContext, Decision } from '../../../services/ledger/decision';
import { decideCombination } from '../../../services/ledger/combinationState';
import { decide } from '../../../services/ledger/orderState';
import type { RecordBase } from '../../../services/ledger/record';
import { decideTransfer } from '../../../services/ledger/transferState';
import { COMBINATION_CASES, NOW, ORDER_CASES, REFUND_CASES, TRANSFER_CASES } from './cases';

interface Cases<R, E> {
  readonly records: Readonly<Record<string, R>>;
  readonly events: Readonly<Record<string, E>>;
}

const asText = (value: unknown): string =>
  JSON.stringify(value, (_key, one: unknown) =>
    // Moments are told from the moment of the decision.
    typeof one === 'number' && Math.abs(one - NOW) < 30 * 86_400_000
      ? `@${(one - NOW) / 1000}`
      : one,
  ).replaceAll('"', '');

/** What differs, by path; lists that only grew by what was added. */
function changes(before: unknown, after: unknown, path = ''): readonly string[] {
  if (asText(before ?? null) === asText(after ?? null)) return [];
  if (Array.isArray(before) && Array.isArray(after) && after.length > before.length) {
    const kept = asText(after.slice(0, before.length)) === asText(before);
    if (kept) return [`${path}+${asText(after.slice(before.length))}`];
  }
  const inside = (value: unknown) => typeof value === 'object' && value !== null;
  const sameLength =
    !Array.isArray(before) || (Array.isArray(after) && before.length === after.length);
  if (!inside(before) || !inside(after) || !sameLength) return [`${path}=${asText(after ?? null)}`];
  const [old, fresh] = [before as Record<string, unknown>, after as Record<string, unknown>];
  return [...new Set([...Object.keys(old), ...Object.keys(fresh)])].flatMap((key) =>
    changes(old[key], fresh[key], path === '' ? key : `${path}.${key}`),
  );
}

function told<R extends RecordBase>(before: R, decision: Decision<R>): string {
  if (decision.kind !== 'next') {
    const { kind, why, detail } = decision;
    const reason = detail === undefined ? why : `${why} ${detail}`;
    return `${kind}${decision.kind === 'conflict' ? ` ${decision.code}` : ''}: ${reason}`;
  }
  const { record, ...alarm } = decision;
  expect(record.version).toBe(before.version + 1);
  expect(record.updated_at).toBe(NOW);
  const parts = changes(
    { ...before, version: 0, updated_at: 0 },
    { ...record, version: 0, updated_at: 0 },
  );
  const { kind: _kind, ...rest } = alarm;
  return [...parts, ...(Object.keys(rest).length === 0 ? [] : [`! ${asText(rest)}`])].join(' · ');
}

type Paragraphs = readonly (readonly [event: string, lines: () => readonly string[]])[];

/** One paragraph an event; records that it does the same to stand in one line. */
function paragraphsOf<R extends RecordBase, E>(
  { records, events }: Cases<R, E>,
  decideOn: (record: R, event: E, ctx: DecideContext) => Decision<R>,
): Paragraphs {
  const linesOf = (event: E): readonly string[] => {
    const lines = new Map<string, string[]>();
    for (const [of, record] of Object.entries(records)) {
      const frozen = JSON.stringify(record);
      const line = told(record, decideOn(record, event, { now: NOW, sink: true }));
      expect(JSON.stringify(record)).toBe(frozen);
      lines.set(line, [...(lines.get(line) ?? []), of]);
    }
    return [...lines].map(([line, of]) => `${of.join(' | ')} → ${line}`);
  };
  return Object.entries(events).map(([name, event]) => [name, () => linesOf(event)]);
}

const TABLES: Readonly<Record<string, Paragraphs>> = {
  order: paragraphsOf(ORDER_CASES, decide),
  refund: paragraphsOf(REFUND_CASES, decide),
  combination: paragraphsOf(COMBINATION_CASES, decideCombination),
  transfer: paragraphsOf(TRANSFER_CASES, decideTransfer),
};

describe.each(Object.entries(TABLES))('every record × every event: %s', (table, paragraphs) => {
  const file = join(__dirname, 'tables', `${table}.txt`);
  if (process.env['UPDATE_TABLES'] !== undefined) {
    const text = paragraphs.map(([event, lines]) => [`# ${event}`, ...lines(), ''].join('\n'));
    writeFileSync(file, text.join('\n'));
  }
  const written = new Map(
    readFileSync(file, 'utf8')
      .split(/^# /m)
      .slice(1)
      .map((text) => text.trimEnd().split('\n'))
      .map(([event = '', ...lines]) => [event, lines]),
  );

  it('has a paragraph for each event, and no other', () => {
    expect([...written.keys()]).toEqual(paragraphs.map(([event]) => event));
  });

  it.each(paragraphs)('%s', (event, lines) => {
    expect(lines()).toEqual(written.get(event));
  });
});
