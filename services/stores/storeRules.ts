/** What all stores have in common: checks of records on their way in and out, cursors, columns. */
import { dueAt, type Lane } from '../ledger/agenda';
import type { PayerRecord } from './orderStore';
import { SCHEMA_VERSION } from '../ledger/record';
import type { RecordKind, StoredRecord } from '../ledger/record';
import { kindOf, type ReportColumns } from '../ledger/recordKinds';
import { StoreError, ValidationError } from '../../utils/errors';
import { invariant } from '../../utils/invariant';
import { DamagedError, nameOf, type DamagedRow } from './damage';
import type { Page, RecordFilter, Reservation } from './orderStore';

export const PAGE_MAX = 1000;
/**
 * Numbers are printable ASCII without blanks. So every database compares and orders them alike: MySQL's binary
 * collations ignore trailing blanks, PostgreSQL refuses NUL, SQLite's driver cuts a text at it.
 */
const KEY = /^[\x21-\x7e]{1,128}$/;
const MCHID = /^\w{1,32}$/;
const OWNER_LENGTH_MAX = 255;
/** Columns are for reports; the record itself is in the body, so a text that does not fit is left out. */
const TEXT_LENGTH_MAX = 128;

export const isKey = (no: string): boolean => KEY.test(no);
export const isMchid = (mchid: unknown): mchid is string =>
  typeof mchid === 'string' && MCHID.test(mchid);

export interface Identity {
  readonly mchid: string;
  readonly kind: string;
  readonly no: string;
}

/** One text for each identity: neither an mchid nor a kind holds a colon. */
export const identityOf = ({ mchid, kind, no }: Identity): string => `${mchid}:${kind}:${no}`;

/** A row or a document as a database gives it. */
export type StoredRow = Readonly<Record<string, unknown>>;

export const identityIn = ({ mchid, kind, no }: StoredRow): Identity => ({
  mchid: String(mchid),
  kind: String(kind),
  no: String(no),
});

/** A record as a row: what an insert and a replace both write. */
export const rowOf = (record: StoredRecord, body: string) => ({
  mchid: record.mchid,
  kind: record.kind,
  no: record.no,
  version: record.version,
  ...columnsOf(record),
  body,
});

/** Where a row stands in a list. */
export const listKey = (row: StoredRow): Cursor => [
  placeAt(row['created_at']),
  nameOf(row['mchid']),
  nameOf(row['kind']),
  nameOf(row['no']),
];

/** @throws DamagedError where the field holds no whole number. */
export function wholeNumber(row: StoredRow, field: string): number {
  const value = row[field];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw damaged(field);
  return value;
}

export function reservationIn(row: StoredRow, at: number): Reservation {
  const { mchid, kind, no, owner } = row;
  const good = [mchid, kind, no, owner].every((value) => typeof value === 'string');
  if (!good) throw damaged('a reservation');
  return { mchid, kind, no, owner, at } as Reservation;
}

/** @param reader  The newest `min_reader` that this build understands. */
export function checkNew(record: StoredRecord, reader = SCHEMA_VERSION): void {
  invariant(record.version === 1, `a new record has version 1, not ${String(record.version)}`);
  checkWritten(record, reader);
}

export function checkNext(
  next: StoredRecord,
  expectedVersion: number,
  reader = SCHEMA_VERSION,
): void {
  invariant(
    Number.isSafeInteger(expectedVersion) && next.version === expectedVersion + 1,
    `version ${String(next.version)} cannot replace ${String(expectedVersion)}`,
  );
  checkWritten(next, reader);
}

function checkWritten(record: StoredRecord, reader: number): void {
  invariant(isMchid(record.mchid), `${record.kind} ${record.no} names no merchant`);
  invariant(isKey(record.no), `${record.kind}: a number is 1 to 128 printable ASCII characters`);
  invariant(
    Number.isSafeInteger(record.created_at) && Number.isSafeInteger(record.updated_at),
    `${record.kind} ${record.no}: times are whole milliseconds`,
  );
  refuseNewer(record, reader);
}

export function checkReservation({ mchid, no, owner, at }: Reservation): void {
  invariant(isMchid(mchid), 'a reservation names its merchant');
  invariant(isKey(no), 'a reserved number is 1 to 128 printable ASCII characters');
  invariant(
    owner.length > 0 && owner.length <= OWNER_LENGTH_MAX,
    'an owner has 1 to 255 characters',
  );
  invariant(Number.isSafeInteger(at), 'a reservation has a time in whole milliseconds');
}

export function checkLimit(limit: number): void {
  invariant(
    Number.isInteger(limit) && limit >= 1 && limit <= PAGE_MAX,
    `a page has 1 to ${String(PAGE_MAX)} items, not ${String(limit)}`,
  );
}

function refuseNewer(record: StoredRecord, reader: number): void {
  if ((record.min_reader ?? 0) <= reader) return;
  throw new StoreError('STORE_NEWER', {
    detail: `${record.kind} ${record.no} needs a reader of version ${String(record.min_reader)}`,
  });
}

export interface RecordKey extends Identity {
  readonly version: number;
}

/**
 * The record in a row, checked: it parses, is whole, and says of itself what its key columns say.
 *
 * @throws  StoreError STORE_NEWER (needs a newer reader) · DamagedError `unreadable` (never guessed at).
 */
export function readRecord(key: RecordKey, body: unknown, reader = SCHEMA_VERSION): StoredRecord {
  const record = parseObject(body);
  const whole =
    record !== undefined &&
    record['mchid'] === key.mchid &&
    record['kind'] === key.kind &&
    record['no'] === key.no &&
    record['version'] === key.version &&
    Number.isSafeInteger(record['created_at']) &&
    Array.isArray(record['history']) &&
    Array.isArray(record['agenda']) &&
    Array.isArray(record['effects']);
  if (!whole) throw damaged(`${key.kind} ${key.no}`);
  // Checked above as far as every record is alike; what a kind adds is written by this service alone.
  const stored = record as unknown as StoredRecord;
  refuseNewer(stored, reader);
  return stored;
}

export const damaged = (what: string): DamagedError => new DamagedError('unreadable', what);

export function parseObject(text: unknown): Record<string, unknown> | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // the caller says which row it was
  }
}

/** What a merchant reports on, as columns beside the body. `null` = not known (yet). */
export interface RecordColumns extends ReportColumns {
  readonly state: string;
  readonly payer: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly due_at: number | null;
  /** As `due_at`, of one lane alone (see `agenda.ts`). */
  readonly deliver_at: number | null;
  readonly act_at: number | null;
  readonly ask_at: number | null;
  readonly record_schema: number;
  readonly min_reader: number;
}

export const LANE_COLUMN = {
  deliver: 'deliver_at',
  act: 'act_at',
  ask: 'ask_at',
} as const satisfies Record<Lane, keyof RecordColumns>;

/** Every column of a record, from the record alone. Pure. */
export function columnsOf(record: StoredRecord): RecordColumns {
  const facts = kindOf(record).columns(record);
  return {
    state: record.state,
    payer: text(record.payer),
    ...facts,
    transaction_id: text(facts.transaction_id ?? undefined),
    created_at: record.created_at,
    updated_at: record.updated_at,
    due_at: dueAt(record) ?? null,
    deliver_at: dueAt(record, 'deliver') ?? null,
    act_at: dueAt(record, 'act') ?? null,
    ask_at: dueAt(record, 'ask') ?? null,
    record_schema: record.schema,
    min_reader: record.min_reader ?? 0,
  };
}

const text = (value: string | undefined): string | null =>
  value !== undefined && value.length <= TEXT_LENGTH_MAX && !value.includes('\0') ? value : null;

/** A place in a list that stays true while rows are added: the sort key of the last row seen. */
export type Cursor = readonly [at: number, ...keys: string[]];

export const writeCursor = (cursor: Cursor): string =>
  Buffer.from(JSON.stringify(cursor)).toString('base64url');

/** @throws ValidationError PARAM_INVALID: a cursor comes from the caller. */
export function readCursor(after: string, keyCount: number): Cursor {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(after, 'base64url').toString('utf8'));
  } catch {
    value = undefined; // said below, as for any other text that is no cursor
  }
  const good =
    Array.isArray(value) &&
    value.length === keyCount + 1 &&
    Number.isSafeInteger(value[0]) &&
    value.slice(1).every((key: unknown) => typeof key === 'string' && nameOf(key) === key);
  if (!good) throw new ValidationError('PARAM_INVALID', { detail: 'after is not a page cursor' });
  return value as Cursor;
}

/** A row's time as a place in a list, also where a stranger wrote something else there: a list goes on. */
export function placeAt(value: unknown): number {
  const at = Math.floor(Number(value));
  if (Number.isNaN(at)) return 0;
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, at));
}

/** One page of rows read with one more than its size: that one only says that there is a next page. */
export function pageOf<T>(
  rows: readonly T[],
  size: number,
  cursor: (row: T) => Cursor,
): { readonly items: readonly T[]; readonly next?: string } {
  const items = rows.slice(0, size);
  const last = items.at(-1);
  if (rows.length <= size || last === undefined) return { items };
  return { items, next: writeCursor(cursor(last)) };
}

export interface ListSource<Row> {
  readonly rows: (filter: RecordFilter) => Promise<Page<Row>>;
  /** @throws DamagedError if the row is not to be trusted. */
  readonly open: (row: Row) => unknown;
  readonly key: (row: Row) => Cursor;
}

/** See `RecordStore.damaged`. The state or payer of a damaged row proves nothing: filters ignore them. */
export async function damagedPage<Row>(
  filter: RecordFilter,
  { rows, open, key }: ListSource<Row>,
): Promise<Page<DamagedRow>> {
  checkLimit(filter.limit);
  const { state: _state, payer: _payer, ...asked } = filter;
  // One less than a store gives at most, which may need the last one to see whether there is more.
  const page = await rows({ ...asked, limit: PAGE_MAX - 1 });
  const items: DamagedRow[] = [];
  for (const row of page.items) {
    const damage = damageOf(row, open);
    if (damage === undefined) continue;
    const [at, mchid = '', kind = '', no = ''] = key(row);
    items.push({ mchid, kind, no, damage, ...(isMoment(at) ? { created_at: at } : {}) });
    if (items.length === filter.limit) return { items, next: writeCursor(key(row)) };
  }
  return page.next === undefined ? { items } : { items, next: page.next };
}

/** Up to the year 9999: what a stranger wrote there may be no moment at all. */
const MOMENT_MAX = 253_402_271_999_000;
const isMoment = (at: number): boolean => at >= 0 && at <= MOMENT_MAX;

function damageOf<Row>(row: Row, open: (row: Row) => unknown): DamagedError['damage'] | undefined {
  try {
    open(row);
    return undefined;
  } catch (error) {
    if (error instanceof DamagedError) return error.damage;
    // Whole, but for a newer build to read.
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

export const RECORD_KINDS_COUNTED: readonly RecordKind[] = ['order', 'combination'];

/** How many of a payer's newest records `active` looks at. */
export const ACTIVE_MAX = 1000;
export const WAITING_STATES: readonly string[] = ['CREATED', 'PENDING'];

/** What `active` read: only kinds that a payer asks for. */
export const payerRecords = (records: readonly StoredRecord[]): readonly PayerRecord[] =>
  records.filter((record) => record.kind === 'order' || record.kind === 'combination');
