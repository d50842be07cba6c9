/**
 * Due records beyond those that cannot be believed. A damaged row stays due for ever, and the earliest come first: enough
 * of them would fill each page and hide every other record from the sweep.
 */
import { dueAt, LANES, type Lane } from '../ledger/agenda';
import type { StoredRecord } from '../ledger/record';
import type { RecordStore } from './orderStore';
import { StoreError } from '../../utils/errors';
import type { Logger } from '../../utils/logger';
import { createDamageAlarm, type TellDamage } from './damage';
import { identityOf } from './storeRules';

/** Where a page ended: the sort key of its last row, by the moment of the lane that was read. */
export type DueKey = readonly [at: number, mchid: string, kind: string, no: string];

export interface DueSource<Row> {
  /** What is due in a lane, sorted by the lane's moment, mchid, kind, no. */
  page(now: number, limit: number, after: DueKey | undefined, lane: Lane): Promise<readonly Row[]>;
  /** Never throws, whatever stands in the row. */
  key(row: Row, lane: Lane): DueKey;
  /** @throws StoreError where the row cannot be believed or read. */
  open(row: Row): StoredRecord;
}

/** So many pages without enough good records: the next call in this lane goes on where this one ended. */
const PAGES_MAX = 100;

export type DueReader = RecordStore['due'];

const keyOf = (record: StoredRecord, lane?: Lane): DueKey => [
  dueAt(record, lane) ?? 0,
  record.mchid,
  record.kind,
  record.no,
];

export function createDueReader<Row>(
  source: DueSource<Row>,
  logger: Logger,
  tell: TellDamage = createDamageAlarm(logger),
): DueReader {
  /** Behind more damaged rows than one call looks at, good ones are reached by a later call. */
  const resume = new Map<Lane, DueKey>();

  function open(row: Row, lane: Lane): StoredRecord[] {
    try {
      return [source.open(row)];
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const [, mchid, kind, no] = source.key(row, lane);
      tell({ mchid, kind, no }, error);
      return [];
    }
  }

  async function read(
    now: number,
    limit: number,
    lane: Lane,
    last?: StoredRecord,
  ): Promise<readonly StoredRecord[]> {
    const found: StoredRecord[] = [];
    let after = last === undefined ? resume.get(lane) : keyOf(last, lane);
    resume.delete(lane);
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      const rows = await source.page(now, limit, after, lane);
      found.push(...rows.flatMap((row) => open(row, lane)));
      const last = rows.at(-1);
      if (last === undefined || rows.length < limit || found.length >= limit) {
        return found.slice(0, limit);
      }
      after = source.key(last, lane);
    }
    if (after !== undefined) resume.set(lane, after);
    return found;
  }

  /** The lanes side by side: few ask for it, so it has no index of its own. */
  async function readAll(now: number, limit: number): Promise<readonly StoredRecord[]> {
    const lanes = [];
    for (const lane of LANES) lanes.push(await read(now, limit, lane));
    const each = new Map(lanes.flat().map((record) => [identityOf(record), record]));
    return [...each.values()].sort((a, b) => compareDue(keyOf(a), keyOf(b))).slice(0, limit);
  }

  return (now, limit, lane, after) =>
    lane === undefined ? readAll(now, limit) : read(now, limit, lane, after);
}

export function compareDue(a: DueKey, b: DueKey): number {
  for (const [i, left] of a.entries()) {
    const right = b[i] ?? '';
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}
