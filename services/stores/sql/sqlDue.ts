/**
 * What is due, in SQL: each lane has a column and an index of its own, and each merchant a part of it, so that a page
 * reads nothing of another lane or merchant, however long that other's backlog is.
 */
import { LANES, type Lane } from '../../ledger/agenda';
import type { StoredRecord } from '../../ledger/record';
import type { Logger } from '../../../utils/logger';
import type { TellDamage } from '../damage';
import { createDueReader } from '../dueReader';
import type { DueReader } from '../dueReader';
import { numberIn, withLimit } from './sqlDriver';
import type { Row, SqlDriver } from './sqlDriver';
import { LANE_COLUMN } from '../storeRules';

interface Statements {
  readonly first: string;
  readonly further: string;
}

function statementsOf(column: string): Statements {
  const from =
    `SELECT mchid, kind, no, version, created_at, body, ${column} AS lane_at FROM pay_record ` +
    `WHERE mchid = ? AND ${column} <= ? AND min_reader <= ?`;
  // The first part lets the index be entered at the place; the second is the order.
  const after = ` AND ${column} >= ? AND (${column}, kind, no) > (?, ?, ?)`;
  const order = ` ORDER BY ${column}, kind, no`;
  return { first: from + order, further: from + after + order };
}

const STATEMENTS: Readonly<Record<Lane, Statements>> = {
  deliver: statementsOf(LANE_COLUMN.deliver),
  act: statementsOf(LANE_COLUMN.act),
  ask: statementsOf(LANE_COLUMN.ask),
};

const earliest = LANES.map((lane) => {
  const column = LANE_COLUMN[lane];
  return `SELECT MIN(${column}) AS lane_at FROM pay_record WHERE mchid = ? AND ${column} IS NOT NULL`;
});
const OLDEST_DUE = `SELECT MIN(lane_at) AS oldest FROM (${earliest.join(' UNION ALL ')}) AS lanes`;

interface SqlDueDeps {
  readonly logger: Logger;
  readonly tell: TellDamage;
  readonly reader: number;
}

export const createSqlDue = (
  driver: SqlDriver,
  open: (row: Row) => StoredRecord,
  { logger, tell, reader }: SqlDueDeps,
): DueReader =>
  createDueReader<Row>(
    {
      page: ({ mchid, lane, now, limit, after }) => {
        const { first, further } = STATEMENTS[lane];
        return after === undefined
          ? driver.read(withLimit(first, limit), [mchid, now, reader])
          : driver.read(withLimit(further, limit), [mchid, now, reader, after[0], ...after]);
      },
      key: ({ lane_at, kind, no }) => [Number(lane_at), String(kind), String(no)],
      open,
    },
    logger,
    tell,
  );

export async function oldestDue(driver: SqlDriver, mchid: string): Promise<number | undefined> {
  const [row] = await driver.read(
    OLDEST_DUE,
    LANES.map(() => mchid),
  );
  return row?.['oldest'] === null ? undefined : numberIn(row, 'oldest');
}
