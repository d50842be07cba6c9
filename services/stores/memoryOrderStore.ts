/**
 * The store in the process's memory: for demos and tests, and the one to read before writing another. It keeps text,
 * not objects, so that nobody can change a stored record behind its back and what JSON drops is dropped here too.
 */
import type { Lane } from '../ledger/agenda';
import type { StoredRecord } from '../ledger/record';
import { StoreError } from '../../utils/errors';
import { silentLogger, type Logger } from '../../utils/logger';
import { createDamageAlarm, intact, openOrTell, type TellDamage } from './damage';
import { createDueReader, type DueKey, type DuePage } from './dueReader';
import type { Page, RecordFilter, RecordStore, Reservation, ReservationRange } from './orderStore';
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
  damagedPage,
  identityOf,
  pageOf,
  payerRecords,
  readCursor,
  rowOf,
} from './storeRules';
import type { Cursor, Identity, RecordColumns } from './storeRules';

export interface MemoryRow extends RecordColumns {
  readonly mchid: string;
  readonly kind: string;
  readonly no: string;
  readonly version: number;
  readonly body: string;
}

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
const newestFirst = (a: MemoryRow, b: MemoryRow): number =>
  compare(placeOf(listKey(b)), placeOf(listKey(a)));
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

/** What one store holds; every function begins by making sure that it is open. */
interface Memory {
  readonly records: Map<string, MemoryRow>;
  readonly reservations: Map<string, Reservation>;
  readonly open: (row: MemoryRow) => StoredRecord;
  readonly seal: (record: StoredRecord) => string;
  readonly tell: TellDamage;
  closed: boolean;
}

export function createMemoryOrderStore(options: MemoryOptions = {}): RecordStore {
  const { logger = silentLogger, rows: records = new Map<string, MemoryRow>() } = options;
  const sealing = createSealing(options.recordKeys);
  const tell = createDamageAlarm(logger);
  const memory: Memory = {
    records,
    reservations: new Map(),
    open: (row) => sealing.read(row, row.body),
    seal: (record) => sealing.write(record),
    tell,
    closed: false,
  };
  const { open } = memory;
  const page = (asked: DuePage) => duePage(memory, asked);
  const due = createDueReader<MemoryRow>({ page, key: dueKey, open }, logger, tell);
  const list = (filter: RecordFilter) => listRows(memory, filter);
  return {
    name: 'memory',
    durable: false,
    insert: (record) => insert(memory, record),
    // One function answers for every kind: a record's `kind` is the kind it was found under.
    find: ((mchid, kind, no) => find(memory, { mchid, kind, no })) as RecordStore['find'],
    replace: (next, expectedVersion) => replace(memory, next, expectedVersion),
    async due(mchid, now, limit, lane, after) {
      mustBeOpen(memory);
      checkLimit(limit);
      return due(mchid, now, limit, lane, after);
    },
    oldestDue: (mchid) => oldestDue(memory, mchid),
    async list(filter) {
      const { items, ...rest } = await list(filter);
      return { ...rest, items: intact(items, open, tell) };
    },
    damaged: (filter) => damagedPage(filter, { rows: list, open, key: listKey }),
    async count(mchid, payer, since) {
      mustBeOpen(memory);
      const own = countedOf(memory, { mchid, payer, from: since });
      return own.filter((row) => row.made_by === 'payer').length;
    },
    active: (mchid, payer, range) => active(memory, { mchid, payer, ...range }),
    reserve: (wanted) => reserve(memory, wanted),
    async reservation(mchid, kind, no) {
      mustBeOpen(memory);
      return memory.reservations.get(identityOf({ mchid, kind, no }));
    },
    reservations: (mchid, kind, range) => reservations(memory, { mchid, kind }, range),
    async migrate() {
      mustBeOpen(memory);
    },
    async ping() {
      mustBeOpen(memory);
    },
    async close() {
      memory.closed = true;
    },
  };
}

function mustBeOpen({ closed }: Memory): void {
  if (closed) throw new StoreError('STORE_UNAVAILABLE', { detail: 'the store is closed' });
}

async function insert(memory: Memory, record: StoredRecord): Promise<'inserted' | 'exists'> {
  mustBeOpen(memory);
  checkNew(record);
  const key = identityOf(record);
  if (memory.records.has(key)) return 'exists';
  memory.records.set(key, rowOf(record, memory.seal(record)));
  return 'inserted';
}

async function find(memory: Memory, identity: Identity): Promise<StoredRecord | undefined> {
  mustBeOpen(memory);
  const row = memory.records.get(identityOf(identity));
  return row === undefined ? undefined : openOrTell(memory.tell, row, memory.open);
}

async function replace(
  memory: Memory,
  next: StoredRecord,
  expectedVersion: number,
): Promise<'replaced' | 'conflict'> {
  mustBeOpen(memory);
  checkNext(next, expectedVersion);
  const key = identityOf(next);
  if (memory.records.get(key)?.version !== expectedVersion) return 'conflict';
  memory.records.set(key, rowOf(next, memory.seal(next)));
  return 'replaced';
}

async function duePage({ records }: Memory, asked: DuePage): Promise<readonly MemoryRow[]> {
  const { mchid, lane, now, limit, after } = asked;
  return [...records.values()]
    .filter((row) => row.mchid === mchid && (row[LANE_COLUMN[lane]] ?? Infinity) <= now)
    .filter((row) => after === undefined || compare(dueKey(row, lane), after) > 0)
    .sort((a, b) => compare(dueKey(a, lane), dueKey(b, lane)))
    .slice(0, limit);
}

async function oldestDue(memory: Memory, merchant: string): Promise<number | undefined> {
  mustBeOpen(memory);
  let oldest: number | undefined;
  for (const { mchid, due_at } of memory.records.values()) {
    if (mchid !== merchant) continue;
    if (due_at !== null && (oldest === undefined || due_at < oldest)) oldest = due_at;
  }
  return oldest;
}

async function listRows(memory: Memory, filter: RecordFilter): Promise<Page<MemoryRow>> {
  mustBeOpen(memory);
  checkLimit(filter.limit);
  const after = filter.after === undefined ? undefined : readCursor(filter.after, 3);
  const rows = [...memory.records.values()]
    .filter((row) => matches(row, filter))
    .filter((row) => after === undefined || compare(placeOf(listKey(row)), placeOf(after)) < 0)
    .sort(newestFirst);
  return pageOf(rows, filter.limit, listKey);
}

interface PayerRange {
  readonly mchid: string;
  readonly payer: string;
  readonly from: number;
}

const countedOf = ({ records }: Memory, { mchid, payer, from }: PayerRange): MemoryRow[] =>
  [...records.values()].filter(
    (row) =>
      (RECORD_KINDS_COUNTED as readonly string[]).includes(row.kind) &&
      row.mchid === mchid &&
      row.payer === payer &&
      row.created_at >= from,
  );

async function active(
  memory: Memory,
  { since, ...range }: PayerRange & { readonly since: number },
): ReturnType<RecordStore['active']> {
  mustBeOpen(memory);
  const rows = countedOf(memory, range)
    .sort(newestFirst)
    .slice(0, ACTIVE_MAX)
    .filter((row) => row.updated_at >= since || WAITING_STATES.includes(row.state));
  return payerRecords(intact(rows, memory.open, memory.tell));
}

async function reserve(
  memory: Memory,
  wanted: Reservation,
): Promise<'reserved' | { readonly owner: string }> {
  mustBeOpen(memory);
  checkReservation(wanted);
  const held = memory.reservations.get(identityOf(wanted));
  if (held === undefined) memory.reservations.set(identityOf(wanted), wanted);
  return held === undefined || held.owner === wanted.owner ? 'reserved' : { owner: held.owner };
}

async function reservations(
  memory: Memory,
  { mchid, kind }: Omit<Identity, 'no'>,
  range: ReservationRange,
): Promise<Page<Reservation>> {
  mustBeOpen(memory);
  checkLimit(range.limit);
  const after = range.after === undefined ? undefined : readCursor(range.after, 1);
  const key = (row: Reservation): Cursor => [row.at, row.no];
  const rows = [...memory.reservations.values()]
    .filter((row) => row.mchid === mchid && row.kind === kind)
    .filter((row) => within(row.at, range.from, range.to))
    .filter((row) => after === undefined || compare(key(row), after) > 0)
    .sort((a, b) => compare(key(a), key(b)));
  return pageOf(rows, range.limit, key);
}
