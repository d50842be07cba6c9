/**
 * Due records behind damaged ones. A damaged row stays due permanently, and the earliest come first: enough
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
export type DueKey = readonly [at: number, kind: string, no: string];

/** One merchant's page of a lane. */
export interface DuePage {
  readonly mchid: string;
  readonly lane: Lane;
  readonly now: number;
  readonly limit: number;
  readonly after: DueKey | undefined;
}

export interface DueSource<Row> {
  /** What is due, sorted by the lane's moment, kind, no. */
  page(asked: DuePage): Promise<readonly Row[]>;
  /** Never throws, even for a damaged row. */
  key(row: Row, lane: Lane): DueKey;
  /** @throws StoreError if the row is damaged or cannot be read. */
  open(row: Row): StoredRecord;
}

/** So many pages without enough good records: that merchant's next call in this lane goes on where this one ended. */
const PAGES_MAX = 100;

export type DueReader = RecordStore['due'];

const keyOf = (record: StoredRecord, lane?: Lane): DueKey => [
  dueAt(record, lane) ?? 0,
  record.kind,
  record.no,
];

export function createDueReader<Row>(
  source: DueSource<Row>,
  logger: Logger,
  tell: TellDamage = createDamageAlarm(logger),
): DueReader {
  /** Behind more damaged rows than one call looks at, good ones are reached by a later call. */
  const resume = new Map<string, DueKey>();

  function open(row: Row, { mchid, lane }: Pick<DuePage, 'mchid' | 'lane'>): StoredRecord[] {
    try {
      return [source.open(row)];
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const [, kind, no] = source.key(row, lane);
      tell({ mchid, kind, no }, error);
      return [];
    }
  }

  async function read(
    asked: Omit<DuePage, 'after'>,
    last?: StoredRecord,
  ): Promise<readonly StoredRecord[]> {
    const { mchid, lane, limit } = asked;
    const place = `${mchid} ${lane}`;
    const found: StoredRecord[] = [];
    let after = last === undefined ? resume.get(place) : keyOf(last, lane);
    resume.delete(place);
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      const rows = await source.page({ ...asked, after });
      found.push(...rows.flatMap((row) => open(row, asked)));
      const last = rows.at(-1);
      if (last === undefined || rows.length < limit || found.length >= limit) {
        return found.slice(0, limit);
      }
      after = source.key(last, lane);
    }
    if (after !== undefined) resume.set(place, after);
    return found;
  }

  /** The lanes side by side: few ask for it, so it has no index of its own. */
  async function readAll(asked: Omit<DuePage, 'after' | 'lane'>): Promise<readonly StoredRecord[]> {
    const lanes = [];
    for (const lane of LANES) lanes.push(await read({ ...asked, lane }));
    const each = new Map(lanes.flat().map((record) => [identityOf(record), record]));
    return [...each.values()].sort((a, b) => compareDue(keyOf(a), keyOf(b))).slice(0, asked.limit);
  }

  return (mchid, now, limit, lane, after) =>
    lane === undefined ? readAll({ mchid, now, limit }) : read({ mchid, now, limit, lane }, after);
}

export function compareDue(a: DueKey, b: DueKey): number {
  for (const [i, left] of a.entries()) {
    const right = b[i] ?? '';
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}
