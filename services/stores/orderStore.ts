/**
 * Where records live. The interface is small on purpose: everything a database must promise is here.
 *
 * glossary: *record* – facts, history, agenda and effects of one number; *identity* – `(mchid, kind, no)`, of records and
 * of reservations; *version* – 1 after insert, +1 with every replace, and the fence of every lease; *due_at* – when the
 * sweep should look (see `dueAt`); *reservation* – a number (refund, transaction, …) that leads to the record owning it.
 *
 * A store holds the records of all merchants (`RecordStore`). Services see one merchant's alone (`OrderStore`, made by
 * `merchantStore`).
 *
 * Every promise below is tested by `describeOrderStore`; passing that suite is what makes a store a store.
 * Errors: anything the database does wrong is a StoreError `STORE_UNAVAILABLE` (retryable), never a false
 * result. A record whose `min_reader` is above SCHEMA_VERSION → StoreError `STORE_NEWER`. A row that cannot be trusted
 * (see `damage`) → DamagedError: `RECORD_DAMAGED`, or `STORE_UNAVAILABLE` if it is not a complete record.
 */
import type { Lane } from '../ledger/agenda';
import type {
  CombinationRecord,
  OrderRecord,
  RecordKind,
  RecordOf,
  StoredRecord,
} from '../ledger/record';
import type { DamagedRow } from './damage';

export type ReservationKind = 'refund' | 'transaction' | 'transfer_bill' | 'sub_order';

export interface Reservation {
  readonly mchid: string;
  readonly kind: ReservationKind;
  readonly no: string;
  readonly owner: string;
  readonly at: number;
}

export interface RecordFilter {
  /** undefined: of all merchants. */
  readonly mchid?: string;
  readonly kind?: RecordKind;
  readonly state?: string;
  readonly payer?: string;
  /** Milliseconds, from inclusive, to exclusive. */
  readonly created_from?: number;
  readonly created_to?: number;
  readonly success_from?: number;
  readonly success_to?: number;
  /** 1 to 1000. */
  readonly limit: number;
  /** Opaque: `next` of the page before. */
  readonly after?: string;
}

/** Milliseconds since 1970. */
export interface ActiveRange {
  readonly from: number;
  readonly since: number;
}

export interface ReservationRange {
  /** Milliseconds, from inclusive, to exclusive. */
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  readonly after?: string;
}

export type PayerRecord = OrderRecord | CombinationRecord;

export interface Page<T> {
  readonly items: readonly T[];
  /** Hand in as `after`; absent on the last page. */
  readonly next?: string;
}

export interface RecordStore {
  /** e.g. `sqlite`, `mysql`: for logs and /healthz. */
  readonly name: string;
  /** false: what is written may be lost when the process ends. */
  readonly durable: boolean;
  /**
   * true: writes are committed in the order in which they are handed in, so a caller may hand in a
   * reservation and the `replace` that needs it without waiting between the two.
   */
  readonly inOrder?: boolean;
  /** Writes a new record (its `version` must be 1), or says that the number exists. Never overwrites. Durable on return. */
  insert(record: StoredRecord): Promise<'inserted' | 'exists'>;
  find<K extends RecordKind>(mchid: string, kind: K, no: string): Promise<RecordOf<K> | undefined>;
  /**
   * Replaces the record if its stored version is `expectedVersion`; `next.version` must be one more.
   * One conditional statement, atomic over all processes, durable on return. Fields unknown to this build survive.
   */
  replace(next: StoredRecord, expectedVersion: number): Promise<'replaced' | 'conflict'>;
  /**
   * Records of this merchant that are due, earliest first, past damaged ones. Reads only: the lease is taken by `replace`.
   *
   * @param lane  Only what is due in this lane, found without reading what is due in others or to others. A record
   *   may be due in several. undefined: in any, each record once.
   * @param after With a lane: the last record of the page before.
   */
  due(
    mchid: string,
    now: number,
    limit: number,
    lane?: Lane,
    after?: StoredRecord,
  ): Promise<readonly StoredRecord[]>;
  /** Earliest due_at of this merchant, for the sweep and /healthz. */
  oldestDue(mchid: string): Promise<number | undefined>;
  /**
   * Merchant by merchant, newest created first, stable under concurrent inserts. Damaged rows are left out: a page may
   * be short.
   */
  list(filter: RecordFilter): Promise<Page<StoredRecord>>;
  /**
   * The damaged rows among those of the filter. Each call looks at a bounded number of rows, so a page with few or no
   * items may still have a `next`.
   */
  damaged(filter: RecordFilter): Promise<Page<DamagedRow>>;
  /** How many orders (and combinations) this payer made since (inclusive). */
  count(mchid: string, payer: string, since: number): Promise<number>;
  /**
   * Orders and combinations of this payer that wait for payment (CREATED, PENDING) or were written since
   * `since` (inclusive). Looks at the newest ACTIVE_MAX that were made since `from` (inclusive), so its cost
   * is bounded whatever the payer did.
   */
  active(mchid: string, payer: string, range: ActiveRange): Promise<readonly PayerRecord[]>;
  /** Reserves a number for an owner, once and permanently; the same owner gets 'reserved' again. */
  reserve(wanted: Reservation): Promise<'reserved' | { readonly owner: string }>;
  /** Who holds a number. */
  reservation(mchid: string, kind: ReservationKind, no: string): Promise<Reservation | undefined>;
  /** By `at`, stable paging. */
  reservations(
    mchid: string,
    kind: ReservationKind,
    range: ReservationRange,
  ): Promise<Page<Reservation>>;
  /** Creates or extends the schema; only adds; safe to run at once from many instances. */
  migrate(): Promise<void>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The store as one merchant's services see it: each method means that merchant's records and numbers alone. */
export interface OrderStore extends Pick<
  RecordStore,
  'name' | 'durable' | 'inOrder' | 'insert' | 'replace' | 'list' | 'damaged'
> {
  find<K extends RecordKind>(kind: K, no: string): Promise<RecordOf<K> | undefined>;
  due(
    now: number,
    limit: number,
    lane?: Lane,
    after?: StoredRecord,
  ): Promise<readonly StoredRecord[]>;
  oldestDue(): Promise<number | undefined>;
  count(payer: string, since: number): Promise<number>;
  active(payer: string, range: ActiveRange): Promise<readonly PayerRecord[]>;
  reserve(
    kind: ReservationKind,
    no: string,
    owner: string,
    at: number,
  ): Promise<'reserved' | { readonly owner: string }>;
  reservation(kind: ReservationKind, no: string): Promise<Reservation | undefined>;
  reservations(kind: ReservationKind, range: ReservationRange): Promise<Page<Reservation>>;
}
