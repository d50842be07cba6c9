/** What the store asks, in MongoDB's words, and the indexes that answer it. */
import type { Document, Filter, IndexDescription } from 'mongodb';
import type { Lane } from '../../ledger/agenda';
import { SCHEMA_VERSION } from '../../ledger/record';
import type { DuePage } from '../dueReader';
import type { ActiveRange, RecordFilter, ReservationRange } from '../orderStore';
import {
  ACTIVE_MAX,
  LANE_COLUMN,
  RECORD_KINDS_COUNTED,
  WAITING_STATES,
  readCursor,
} from '../storeRules';

export type Doc = Readonly<Record<string, unknown>>;
export type Query = Filter<{ _id: string }>;
export type Sort = Readonly<Record<string, 1 | -1>>;

/** A comparison finds values of its own type alone, so null and what a stranger wrote are left out. */
const MOMENT = { $gt: -1 };

export const LIST_ORDER: Sort = { mchid: -1, created_at: -1, kind: -1, no: -1 };
export const RESERVATION_ORDER: Sort = { at: 1, no: 1 };
export const dueOrder = (lane: Lane): Sort => ({ [LANE_COLUMN[lane]]: 1, kind: 1, no: 1 });

export function dueFilter({ mchid, lane, now, after }: DuePage): Query {
  const column = LANE_COLUMN[lane];
  const of = { mchid, min_reader: { $lte: SCHEMA_VERSION } };
  if (after === undefined) return { ...of, [column]: { ...MOMENT, $lte: now } };
  const [at, kind, no] = after;
  // The first part lets the index be entered at the place; the second is the order.
  const beyond = [
    { [column]: { $gt: at } },
    { [column]: at, kind: { $gt: kind } },
    { [column]: at, kind, no: { $gt: no } },
  ];
  return { ...of, [column]: { $gte: at, $lte: now }, $or: beyond };
}

const within = (from: number | undefined, to: number | undefined): Doc => ({
  ...(from === undefined ? MOMENT : { $gte: from }),
  ...(to === undefined ? {} : { $lt: to }),
});

export function listFilter(filter: RecordFilter): Query {
  const { created_from, created_to, success_from, success_to, after } = filter;
  const conditions: Doc[] = [{ created_at: within(created_from, created_to) }];
  for (const name of ['mchid', 'kind', 'state', 'payer'] as const) {
    if (filter[name] !== undefined) conditions.push({ [name]: filter[name] });
  }
  if (success_from !== undefined || success_to !== undefined) {
    conditions.push({ success_at: within(success_from, success_to) });
  }
  if (after !== undefined) conditions.push({ $or: beyondInList(after) });
  return { $and: conditions };
}

function beyondInList(after: string): readonly Doc[] {
  const [at, mchid = '', kind = '', no = ''] = readCursor(after, 3);
  const place = { mchid, created_at: at };
  return [
    { mchid: { $lt: mchid } },
    { mchid, created_at: { $lt: at } },
    { ...place, kind: { $lt: kind } },
    { ...place, kind, no: { $lt: no } },
  ];
}

export const countFilter = (mchid: string, payer: string, since: number): Query => ({
  mchid,
  payer,
  made_by: 'payer',
  created_at: { $gte: since },
  kind: { $in: RECORD_KINDS_COUNTED },
});

/** Only the newest ACTIVE_MAX are looked at, whatever the payer did. */
export const activeStages = (
  mchid: string,
  payer: string,
  { from, since }: ActiveRange,
): Document[] => [
  { $match: { mchid, payer, created_at: { $gte: from }, kind: { $in: RECORD_KINDS_COUNTED } } },
  { $sort: { created_at: -1 } },
  { $limit: ACTIVE_MAX },
  { $match: { $or: [{ updated_at: { $gte: since } }, { state: { $in: WAITING_STATES } }] } },
];

export function reservationFilter(
  mchid: string,
  kind: string,
  { from, to, after }: ReservationRange,
): Query {
  const range = { mchid, kind, at: { $gte: from, $lt: to } };
  if (after === undefined) return range;
  const [at, no = ''] = readCursor(after, 1);
  return { ...range, $or: [{ at: { $gt: at } }, { at, no: { $gt: no } }] };
}

/** One merchant's rows that have a moment there: most records are due in no lane. */
const partial = (column: string, keys: Sort = {}): IndexDescription => ({
  key: { mchid: 1, [column]: 1, ...keys },
  partialFilterExpression: { [column]: MOMENT },
});

export const recordIndexes: IndexDescription[] = [
  partial('due_at'),
  ...Object.values(LANE_COLUMN).map((column) => partial(column, { kind: 1, no: 1 })),
  partial('success_at'),
  { key: { ...LIST_ORDER } },
  { key: { mchid: -1, kind: -1, created_at: -1, no: -1 } },
  { key: { mchid: -1, state: 1, created_at: -1, kind: -1, no: -1 } },
  { key: { mchid: -1, payer: 1, created_at: -1, kind: -1, no: -1 } },
];

export const reservationIndexes: IndexDescription[] = [
  { key: { mchid: 1, kind: 1, ...RESERVATION_ORDER } },
];
