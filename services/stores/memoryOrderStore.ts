/**
 * The store in the process's memory: for demos and tests, and the one to read before writing another. It keeps text,
 * not objects, so that nobody can change a stored record behind its back and what JSON drops is dropped here too.
 */
import type { Lane } from '../ledger/agenda';
import type { StoredRecord } from '../ledger/record';
import { StoreError } from '../../utils/errors';
import { silentLogger, type Logger } from '../../utils/logger';
import { intact, createDamageAlarm, DamagedError } from './damage';
import { createDueReader, type DueKey, type DuePage } from './dueReader';
import type { RecordStore, Page, RecordFilter, Reservation } from './orderStore';
import { createSealing } from './sealing';
import {
  ACTIVE_MAX,
  LANE_COLUMN,
  RECORD_KINDS_COUNTED,
  WAITING_STATES,
  checkLimit,
  checkNew,
  checkNext,
  checkReservation,
  columnsOf,
  damagedPage,
  identityOf,
  pageOf,
  payerRecords,
  readCursor,
} from './storeRules';
import type { Cursor, RecordColumns } from './storeRules';

export interface MemoryRow extends RecordColumns {
  readonly mchid: string;
  readonly kind: string;
  readonly no: string;
  readonly version: number;
  readonly body: string;
}

const rowOf = (record: StoredRecord, body: string): MemoryRow => ({
  mchid: record.mchid,
  kind: record.kind,
  no: record.no,
  version: record.version,
  ...columnsOf(record),
  body,
});

type SortKey = readonly (string | number)[];

function compare(a: SortKey, b: SortKey): number {
  for (const [i, left] of a.entries()) {
    const right = b[i];
    if (right === undefined || left === right) continue;
    return left < right ? -1 : 1;
  }
  return 0;
}

const listKey = (row: MemoryRow): Cursor => [row.created_at, row.mchid, row.kind, row.no];
/** Merchant by merchant. */
const placeOf = ([at, mchid = '', ...rest]: Cursor): SortKey => [mchid, at, ...rest];
const dueKey = (row: MemoryRow, lane: Lane): DueKey => [
  row[LANE_COLUMN[lane]] ?? 0,
  row.kind,
  row.no,
];

const within = (value: number | null, from?: number, to?: number): boolean => {
  if (from === undefined && to === undefined) return true;
  return value !== null && value >= (from ?? -Infinity) && value < (to ?? Infinity);
};

const matches = (row: MemoryRow, filter: RecordFilter): boolean =>
  (filter.mchid === undefined || row.mchid === filter.mchid) &&
  (filter.kind === undefined || row.kind === filter.kind) &&
  (filter.state === undefined || row.state === filter.state) &&
  (filter.payer === undefined || row.payer === filter.payer) &&
  within(row.created_at, filter.created_from, filter.created_to) &&
  within(row.success_at, filter.success_from, filter.success_to);

export interface MemoryOptions {
  /** The first seals, any opens; none = records are not sealed. */
  readonly recordKeys?: readonly string[] | undefined;
  readonly logger?: Logger;
  /** By `mchid:kind:no`; shared by stores that stand for several processes on one database. */
  readonly rows?: Map<string, MemoryRow>;
}

export function createMemoryOrderStore(options: MemoryOptions = {}): RecordStore {
  const { logger = silentLogger, rows: records = new Map<string, MemoryRow>() } = options;
  const sealing = createSealing(options.recordKeys);
  const tell = createDamageAlarm(logger);
  const open = (row: MemoryRow): StoredRecord => sealing.read(row, row.body);
  const rowToWrite = (record: StoredRecord): MemoryRow => rowOf(record, sealing.write(record));
  const due = createDueReader<MemoryRow>({ page: duePage, key: dueKey, open }, logger, tell);
  const reservations = new Map<string, Reservation>();
  let closed = false;

  const mustBeOpen = (): void => {
    if (closed) throw new StoreError('STORE_UNAVAILABLE', { detail: 'the store is closed' });
  };

  async function find(mchid: string, kind: string, no: string): Promise<StoredRecord | undefined> {
    mustBeOpen();
    const row = records.get(identityOf({ mchid, kind, no }));
    if (row === undefined) return undefined;
    try {
      return open(row);
    } catch (error) {
      if (error instanceof DamagedError) tell(row, error);
      throw error;
    }
  }

  async function duePage(asked: DuePage): Promise<readonly MemoryRow[]> {
    const { mchid, lane, now, limit, after } = asked;
    return [...records.values()]
      .filter((row) => row.mchid === mchid && (row[LANE_COLUMN[lane]] ?? Infinity) <= now)
      .filter((row) => after === undefined || compare(dueKey(row, lane), after) > 0)
      .sort((a, b) => compare(dueKey(a, lane), dueKey(b, lane)))
      .slice(0, limit);
  }

  async function listRows(filter: RecordFilter): Promise<Page<MemoryRow>> {
    mustBeOpen();
    checkLimit(filter.limit);
    const after = filter.after === undefined ? undefined : readCursor(filter.after, 3);
    const rows = [...records.values()]
      .filter((row) => matches(row, filter))
      .filter((row) => after === undefined || compare(placeOf(listKey(row)), placeOf(after)) < 0)
      .sort((a, b) => compare(placeOf(listKey(b)), placeOf(listKey(a))));
    return pageOf(rows, filter.limit, listKey);
  }

  return {
    name: 'memory',
    durable: false,

    async insert(record) {
      mustBeOpen();
      checkNew(record);
      const key = identityOf(record);
      if (records.has(key)) return 'exists';
      records.set(key, rowToWrite(record));
      return 'inserted';
    },

    // One function answers for every kind: a record's `kind` is the kind it was found under.
    find: find as RecordStore['find'],

    async replace(next, expectedVersion) {
      mustBeOpen();
      checkNext(next, expectedVersion);
      const key = identityOf(next);
      if (records.get(key)?.version !== expectedVersion) return 'conflict';
      records.set(key, rowToWrite(next));
      return 'replaced';
    },

    async due(mchid, now, limit, lane, after) {
      mustBeOpen();
      checkLimit(limit);
      return due(mchid, now, limit, lane, after);
    },

    async oldestDue(merchant) {
      mustBeOpen();
      let oldest: number | undefined;
      for (const { mchid, due_at } of records.values()) {
        if (mchid !== merchant) continue;
        if (due_at !== null && (oldest === undefined || due_at < oldest)) oldest = due_at;
      }
      return oldest;
    },

    async list(filter) {
      const { items, ...rest } = await listRows(filter);
      return { ...rest, items: intact(items, open, tell) };
    },

    damaged: (filter) => damagedPage(filter, { rows: listRows, open, key: listKey }),

    async count(mchid, payer, since) {
      mustBeOpen();
      const counted: readonly string[] = RECORD_KINDS_COUNTED;
      return [...records.values()].filter(
        (row) =>
          counted.includes(row.kind) &&
          row.mchid === mchid &&
          row.payer === payer &&
          row.made_by === 'payer' &&
          row.created_at >= since,
      ).length;
    },

    async active(mchid, payer, { from, since }) {
      mustBeOpen();
      const rows = [...records.values()]
        .filter((row) => row.mchid === mchid && row.payer === payer && row.created_at >= from)
        .filter((row) => (RECORD_KINDS_COUNTED as readonly string[]).includes(row.kind))
        .sort((a, b) => compare(placeOf(listKey(b)), placeOf(listKey(a))))
        .slice(0, ACTIVE_MAX)
        .filter((row) => row.updated_at >= since || WAITING_STATES.includes(row.state));
      return payerRecords(intact(rows, open, tell));
    },

    async reserve(wanted) {
      mustBeOpen();
      checkReservation(wanted);
      const held = reservations.get(identityOf(wanted));
      if (held === undefined) reservations.set(identityOf(wanted), wanted);
      return held === undefined || held.owner === wanted.owner ? 'reserved' : { owner: held.owner };
    },

    async reservation(mchid, kind, no) {
      mustBeOpen();
      return reservations.get(identityOf({ mchid, kind, no }));
    },

    async reservations(mchid, kind, range) {
      mustBeOpen();
      checkLimit(range.limit);
      const after = range.after === undefined ? undefined : readCursor(range.after, 1);
      const key = (row: Reservation): Cursor => [row.at, row.no];
      const rows = [...reservations.values()]
        .filter((row) => row.mchid === mchid && row.kind === kind)
        .filter((row) => within(row.at, range.from, range.to))
        .filter((row) => after === undefined || compare(key(row), after) > 0)
        .sort((a, b) => compare(key(a), key(b)));
      return pageOf(rows, range.limit, key);
    },

    async migrate() {
      mustBeOpen();
    },
    async ping() {
      mustBeOpen();
    },
    async close() {
      closed = true;
    },
  };
}
