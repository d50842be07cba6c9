/**
 * The only file that writes records. Every change is one conditional write: it counts only if the record still has the
 * version that was read. The writer that loses reads again and decides again, a bounded number of times.
 */
import { findItem, withItem, withoutItem } from '../ledger/agenda';
import { nextVersion, type Decision, type NewLine, type Reason } from '../ledger/decision';
import type { AgendaItem, StoredRecord } from '../ledger/record';
import type { AlarmCode } from '../ledger/reasons';
import { kindOf } from '../ledger/recordKinds';
import type { NumberOf } from '../ledger/reservedNumbers';
import type { OrderStore, ReservationKind } from '../stores/orderStore';
import type { Clock } from '../../utils/clock';
import { StoreError, UpstreamError, type ErrorCode } from '../../utils/errors';
import type { Logger } from '../../utils/logger';

/** Writers racing on one record: each lost race means that another one made progress. */
const TRIES_MAX = 40;

export type Applied<R> =
  | { readonly outcome: 'applied'; readonly record: R }
  | ({ readonly outcome: 'ignored'; readonly record: R } & Reason)
  | ({ readonly outcome: 'conflict'; readonly record: R; readonly code: ErrorCode } & Reason)
  | { readonly outcome: 'absent' };

export interface ChangeOptions<R> {
  /** The record as just read or written: saves the first read. */
  readonly known?: R;
  /** Milliseconds since 1970. */
  readonly deadline?: number;
}

export interface RecordRef<R extends StoredRecord = StoredRecord> {
  readonly kind: R['kind'];
  readonly no: string;
}

export interface RecordWriter {
  /** Reserves the numbers of a new record and inserts it. Never overwrites. */
  create(record: StoredRecord): Promise<'inserted' | 'exists'>;
  /**
   * Reads a record, decides, and writes what was decided; when another writer was faster, once more.
   * @throws StoreError STORE_CONTENTION when others keep winning · UpstreamError past `deadline`.
   */
  change<R extends StoredRecord>(
    ref: RecordRef<R>,
    decide: (record: R) => Decision<R>,
    options?: ChangeOptions<R>,
  ): Promise<Applied<R>>;
  /**
   * Writes fields that bring in no number, once. `line` adds a line to the history and stamps `updated_at`.
   * @returns undefined: another writer was faster, and nothing is written.
   */
  patch<R extends StoredRecord>(
    record: R,
    fields: Partial<R>,
    line?: NewLine,
  ): Promise<R | undefined>;
  /**
   * Takes a record for `ms` (0: does not) and puts an agenda item in its next place: undefined takes it away.
   * @returns undefined: another writer was faster.
   */
  lease<R extends StoredRecord>(
    record: R,
    item: AgendaItem,
    plan: { readonly next: AgendaItem | undefined; readonly ms: number },
  ): Promise<R | undefined>;
  /**
   * Gives this lease back, and no other, so that what else is due need not wait for it to run out.
   * @param back The item to restore, where the try does not count.
   * @returns the record as it is now, as far as it is known.
   */
  release(held: StoredRecord, back?: AgendaItem): Promise<StoredRecord | undefined>;
  /** Makes a number lead to its owner, permanently. @returns the owner it has now. */
  reserve(kind: ReservationKind, no: string, owner: string): Promise<'ours' | 'another'>;
}

/** What the writer needs of a store. */
type WritableStore = Pick<OrderStore, 'find' | 'insert' | 'replace' | 'reserve' | 'inOrder'>;

export interface WriterDeps {
  readonly store: WritableStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createRecordWriter(deps: WriterDeps): RecordWriter {
  return {
    create: (record) => create(deps, record),
    change: (ref, decide, options = {}) => change(deps, ref, decide, options),
    patch: (record, fields, line) => patch(deps, record, fields, line),
    lease: (record, item, plan) => lease(deps, record, item, plan),
    release: (held, back) => release(deps, held, back),
    reserve: (kind, no, owner) => reserve(deps, kind, no, owner),
  };
}

async function create(deps: WriterDeps, record: StoredRecord): Promise<'inserted' | 'exists'> {
  await reserveAll(deps, kindOf(record).numbers(record, undefined), record.no);
  const result = await deps.store.insert(record);
  if (result === 'inserted') {
    deps.logger.debug({ kind: record.kind, no: record.no, state: record.state }, 'recorded');
  }
  return result;
}

async function change<R extends StoredRecord>(
  deps: WriterDeps,
  ref: RecordRef<R>,
  decide: (record: R) => Decision<R>,
  { known, deadline }: ChangeOptions<R>,
): Promise<Applied<R>> {
  let record = known ?? (await read(deps, ref));
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    if (record === undefined) return { outcome: 'absent' };
    if (deadline !== undefined && deps.clock.now() >= deadline) {
      throw new UpstreamError('STORE_CONTENTION', { detail: 'deadline' });
    }
    const decision = decide(record);
    if (decision.kind !== 'next') {
      const { kind: outcome, ...reason } = decision;
      return { outcome, record, ...reason } as Applied<R>;
    }
    if ((await write(deps, decision.record, record)) === 'replaced') {
      logChange(deps, record, decision);
      return { outcome: 'applied', record: decision.record };
    }
    record = await read(deps, ref);
  }
  throw new StoreError('STORE_CONTENTION');
}

/** A store finds under a kind only records of that kind. */
const read = <R extends StoredRecord>(
  { store }: WriterDeps,
  { kind, no }: RecordRef<R>,
): Promise<R | undefined> => store.find(kind, no) as Promise<R | undefined>;

/** Reservations come before the fact that they lead to: harmless without it, never missing with it. */
async function write(
  deps: WriterDeps,
  next: StoredRecord,
  before: StoredRecord,
): Promise<'replaced' | 'conflict'> {
  const { store } = deps;
  const numbers = kindOf(next).numbers(next, before);
  if (numbers.length === 0) return store.replace(next, before.version);
  const reserved = reserveAll(deps, numbers, next.no);
  if (store.inOrder !== true) await reserved;
  const [written] = await Promise.all([store.replace(next, before.version), reserved]);
  return written;
}

const reserveAll = (deps: WriterDeps, numbers: readonly NumberOf[], no: string): Promise<unknown> =>
  Promise.all(numbers.map(([kind, number, owner = no]) => reserveOne(deps, kind, number, owner)));

async function reserveOne(
  deps: WriterDeps,
  kind: ReservationKind,
  no: string,
  owner: string,
): Promise<void> {
  if ((await reserve(deps, kind, no, owner)) === 'ours') return;
  const code: AlarmCode = 'record.number_taken';
  const fields = { alarm: true, code, kind, no };
  deps.logger.error(fields, 'number taken');
}

const reserve = async (
  { store, clock }: WriterDeps,
  kind: ReservationKind,
  no: string,
  owner: string,
): Promise<'ours' | 'another'> =>
  (await store.reserve(kind, no, owner, clock.now())) === 'reserved' ? 'ours' : 'another';

function logChange(
  { logger }: WriterDeps,
  before: StoredRecord,
  decision: Decision<StoredRecord> & { readonly kind: 'next' },
): void {
  const { record, alarm, reason } = decision;
  const { kind, no, state, version } = record;
  const fields = { kind, no, state, version };
  if (alarm !== undefined) {
    const more = reason === undefined ? {} : { reason };
    logger.error({ ...fields, alarm: true, code: alarm, ...more }, 'alarm');
  } else if (before.state !== state) logger.info(fields, 'state');
}

async function patch<R extends StoredRecord>(
  { store }: WriterDeps,
  record: R,
  fields: Partial<R>,
  line?: NewLine,
): Promise<R | undefined> {
  // See `nextVersion` for why this is not a spread.
  const next: R =
    line === undefined
      ? Object.assign({}, record, fields, { version: record.version + 1 })
      : nextVersion(record, line, fields);
  return (await store.replace(next, record.version)) === 'replaced' ? next : undefined;
}

function lease<R extends StoredRecord>(
  deps: WriterDeps,
  record: R,
  item: AgendaItem,
  { next, ms }: { readonly next: AgendaItem | undefined; readonly ms: number },
): Promise<R | undefined> {
  const now = deps.clock.now();
  const agenda =
    next === undefined
      ? withoutItem(record.agenda, item.do, item.key)
      : withItem(record.agenda, next);
  const fields: Partial<StoredRecord> = { agenda, updated_at: now };
  const held = ms === 0 ? fields : { ...fields, lease_until: now + ms };
  return patch<R>(deps, record, held as Partial<R>);
}

async function release(
  deps: WriterDeps,
  held: StoredRecord,
  back: AgendaItem | undefined,
): Promise<StoredRecord | undefined> {
  const record = await read(deps, held);
  if (record?.lease_until === undefined || record.lease_until !== held.lease_until) return record;
  const { lease_until: _lease, ...rest } = record;
  // Nobody wrote since: then it is there again even where this was its last try. Else it may be settled.
  const again =
    back !== undefined &&
    (record.version === held.version || findItem(record.agenda, back.do, back.key) !== undefined);
  const agenda = again ? withItem(record.agenda, back) : record.agenda;
  return patch(deps, rest as StoredRecord, { agenda });
}
