/**
 * Due records beyond those that cannot be read. A damaged row stays due for ever, and the earliest come first: enough of
 * them would fill each page and hide every other record from the sweep.
 */
import type { StoredRecord } from '../records';
import { StoreError } from '../../utils/errors';
import type { Logger } from '../../utils/logger';

/** Where a page ended: the sort key of its last row. */
export type DueKey = readonly [at: number, kind: string, no: string];

export interface DueSource<Row> {
  /** Sorted by due_at, kind, no. */
  page(now: number, limit: number, after: DueKey | undefined): Promise<readonly Row[]>;
  key(row: Row): DueKey;
  /** @throws StoreError where the row cannot be read. */
  open(row: Row): StoredRecord;
}

/** So many pages without one good record are no damage but a disaster; the next sweep goes no further. */
const PAGES_MAX = 100;
/** Beyond this many damaged records some are told of again. */
const TOLD_MAX = 10_000;

export type DueReader = (now: number, limit: number) => Promise<readonly StoredRecord[]>;

export function createDueReader<Row>(source: DueSource<Row>, logger: Logger): DueReader {
  const told = new Set<string>();

  /** Alarmed once: the sweep comes by every few seconds. */
  function tell(row: Row, { code }: StoreError): void {
    const [, kind, no] = source.key(row);
    if (told.has(`${kind}:${no}`)) return;
    if (told.size >= TOLD_MAX) told.clear();
    told.add(`${kind}:${no}`);
    logger.error({ alarm: true, kind, no, code }, 'record unreadable');
  }

  function open(row: Row): StoredRecord[] {
    try {
      return [source.open(row)];
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      tell(row, error);
      return [];
    }
  }

  return async (now, limit) => {
    const found: StoredRecord[] = [];
    let after: DueKey | undefined;
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      const rows = await source.page(now, limit, after);
      found.push(...rows.flatMap(open));
      const last = rows.at(-1);
      if (last === undefined || rows.length < limit || found.length >= limit) break;
      after = source.key(last);
    }
    return found.slice(0, limit);
  };
}
