/**
 * Records in CloudBase's document database, over HTTPS through `@cloudbase/node-sdk`. No server to rent, and the same promises:
 * insert-once is the primary key `_id`, the conditional replace one update with the version in its condition.
 *
 * A reply that got lost leaves the outcome open. So every write carries a token of its own: what the document then holds
 * tells whose write it was.
 *
 * The record travels as text: a document of it would be merged field by field by an update, not replaced.
 * Indexes cannot be made through the SDK: docs/operations.md lists those to make in the console.
 */
import { randomUUID } from 'node:crypto';
import type { StoredRecord } from '../../ledger/record';
import { createDamageAlarm, intact, nameOf, openOrTell, type TellDamage } from '../damage';
import { createDueReader } from '../dueReader';
import type { Page, RecordFilter, RecordStore, Reservation, ReservationRange } from '../orderStore';
import { createSealing, type Sealing } from '../sealing';
import {
  checkLimit,
  checkNew,
  checkNext,
  checkReservation,
  damagedPage,
  identityIn,
  identityOf,
  isKey,
  LANE_COLUMN,
  listKey,
  PAGE_MAX,
  pageOf,
  payerRecords,
  placeAt,
  readCursor,
  RECORD_KINDS_COUNTED,
  rowOf,
  WAITING_STATES,
  wholeNumber,
  type Identity,
} from '../storeRules';
import {
  addOnce,
  attempt,
  failed,
  openClient,
  read,
  readOne,
  type CloudbaseClient,
} from './cloudbaseClient';
import {
  dueConditions,
  listConditions,
  type CloudbaseOptions,
  type Doc,
} from './cloudbaseDatabase';
import { openerOf, openReservation } from './cloudbaseDocuments';
import { checkSchemaVersion, migrate, RECORDS, RESERVATIONS } from './cloudbaseMigrating';

/** The database gives 1000 documents at most, and one of them only says that there is a next page. */
const PAGE_SIZE_MAX = PAGE_MAX - 1;

interface StoreDeps {
  readonly db: CloudbaseClient;
  readonly sealing: Sealing;
  readonly open: (doc: Doc) => StoredRecord;
  readonly tell: TellDamage;
}

export async function openCloudbaseOrderStore(options: CloudbaseOptions): Promise<RecordStore> {
  const { clock, logger, mchid } = options;
  const sealing = createSealing(options.recordKeys);
  const tell = createDamageAlarm(logger);
  const db = await openClient(options);
  const deps: StoreDeps = { db, sealing, open: openerOf(sealing), tell };
  const due = createDueReader<Doc>(
    {
      page: (asked) => {
        const query = db
          .collection(RECORDS)
          .where(dueConditions(db.command, asked))
          .orderBy(LANE_COLUMN[asked.lane], 'asc')
          .orderBy('kind', 'asc')
          .orderBy('no', 'asc');
        return read(db, 'a read', query.limit(asked.limit));
      },
      key: (doc, lane) => {
        const { kind, no } = identityIn(doc);
        return [Number(doc[LANE_COLUMN[lane]]), kind, no];
      },
      open: deps.open,
    },
    logger,
    tell,
  );
  const list = (filter: RecordFilter) => listDocs(db, filter);
  return {
    name: 'cloudbase',
    durable: true,
    insert: (record) => insert(deps, record),
    // One function answers for every kind: a record's `kind` is the kind it was found under.
    find: ((merchant, kind, no) =>
      find(deps, { mchid: merchant, kind, no })) as RecordStore['find'],
    replace: (next, expectedVersion) => replace(deps, next, expectedVersion),
    async due(merchant, now, limit, lane, after) {
      checkLimit(limit);
      return due(merchant, now, limit, lane, after);
    },
    oldestDue: (merchant) => oldestDue(db, merchant),
    async list(filter) {
      const { items, ...rest } = await list(filter);
      return { ...rest, items: intact(items, deps.open, tell) };
    },
    damaged: (filter) => damagedPage(filter, { rows: list, open: deps.open, key: listKey }),
    count: (merchant, payer, since) => count(db, { mchid: merchant, payer, since }),
    active: (merchant, payer, range) => active(deps, { mchid: merchant, payer, ...range }),
    reserve: (wanted) => reserve(deps, wanted),
    async reservation(merchant, kind, no) {
      const id = { mchid: merchant, kind, no };
      const doc = isKey(no) ? await readOne(db, RESERVATIONS, identityOf(id)) : undefined;
      return doc === undefined ? undefined : openOrTell(tell, doc, openReservation);
    },
    reservations: (merchant, kind, range) => reservations(deps, { mchid: merchant, kind }, range),
    migrate: () => migrate(db, { sealing, mchid }, clock.now()),
    ping: () => checkSchemaVersion(db),
    async close() {
      db.close();
    },
  };
}

async function find(deps: StoreDeps, id: Identity): Promise<StoredRecord | undefined> {
  const doc = isKey(id.no) ? await readOne(deps.db, RECORDS, identityOf(id)) : undefined;
  return doc === undefined ? undefined : openOrTell(deps.tell, doc, deps.open);
}

async function insert(
  { db, sealing }: StoreDeps,
  record: StoredRecord,
): Promise<'inserted' | 'exists'> {
  checkNew(record);
  const add_token = randomUUID();
  const document = { ...rowOf(record, sealing.write(record)), write_token: add_token };
  const doc = { _id: identityOf(record), add_token, ...document };
  return (await addOnce(db, RECORDS, doc)) === 'added' ? 'inserted' : 'exists';
}

async function replace(
  { db, sealing }: StoreDeps,
  next: StoredRecord,
  expectedVersion: number,
): Promise<'replaced' | 'conflict'> {
  checkNext(next, expectedVersion);
  const _id = identityOf(next);
  const token = randomUUID();
  const target = db.collection(RECORDS).where({ _id, version: expectedVersion });
  let lost: unknown;
  try {
    const document = { ...rowOf(next, sealing.write(next)), write_token: token };
    const sent = target.options({ multiple: false }).update(document);
    const { updated } = await db.within(sent);
    if (updated === 1) return 'replaced';
  } catch (error) {
    lost = error;
  }
  const held = await readOne(db, RECORDS, _id);
  if (held?.['write_token'] === token) return 'replaced';
  // Nobody can have built on a write of ours that never was: at its version, another's won.
  const settled = held === undefined || held['version'] === next.version;
  if (lost === undefined || settled) return 'conflict';
  throw failed('a write', lost);
}

async function oldestDue(db: CloudbaseClient, mchid: string): Promise<number | undefined> {
  const query = db.collection(RECORDS).where({ mchid, due_at: db.command.gt(-1) });
  const [doc] = await read(db, 'a read', query.orderBy('due_at', 'asc').limit(1));
  return doc === undefined ? undefined : placeAt(doc['due_at']);
}

async function listDocs(db: CloudbaseClient, filter: RecordFilter): Promise<Page<Doc>> {
  checkLimit(filter.limit);
  const query = db
    .collection(RECORDS)
    .where(listConditions(db.command, filter))
    .orderBy('mchid', 'desc')
    .orderBy('created_at', 'desc')
    .orderBy('kind', 'desc')
    .orderBy('no', 'desc');
  const size = Math.min(filter.limit, PAGE_SIZE_MAX);
  return pageOf(await read(db, 'a list', query.limit(size + 1)), size, listKey);
}

interface PayerOf {
  readonly mchid: string;
  readonly payer: string;
  readonly since: number;
}

async function count(db: CloudbaseClient, { mchid, payer, since }: PayerOf): Promise<number> {
  const { gte, in: oneOf } = db.command;
  const query = db.collection(RECORDS).where({
    mchid,
    payer,
    made_by: 'payer',
    created_at: gte(since),
    kind: oneOf(RECORD_KINDS_COUNTED),
  });
  return wholeNumber({ ...(await attempt(db, 'a count', () => query.count())) }, 'total');
}

async function active(
  { db, open, tell }: StoreDeps,
  { mchid, payer, from, since }: PayerOf & { readonly from: number },
): Promise<ReturnType<typeof payerRecords>> {
  const { and, or, gte, in: oneOf } = db.command;
  const kind = oneOf(RECORD_KINDS_COUNTED);
  const wanted = or([{ updated_at: gte(since) }, { state: oneOf(WAITING_STATES) }]);
  const query = db
    .collection(RECORDS)
    .where(and([{ mchid, payer, created_at: gte(from), kind }, wanted]))
    .orderBy('created_at', 'desc')
    .limit(PAGE_SIZE_MAX);
  return payerRecords(intact(await read(db, 'a list', query), open, tell));
}

async function reserve(deps: StoreDeps, wanted: Reservation): ReturnType<RecordStore['reserve']> {
  checkReservation(wanted);
  const doc = { _id: identityOf(wanted), add_token: randomUUID(), ...wanted };
  const result = await addOnce(deps.db, RESERVATIONS, doc);
  if (result === 'added') return 'reserved';
  const held = openOrTell(deps.tell, result, openReservation);
  return held.owner === wanted.owner ? 'reserved' : { owner: held.owner };
}

async function reservations(
  { db, tell }: StoreDeps,
  { mchid, kind }: Omit<Identity, 'no'>,
  { from, to, limit, after }: ReservationRange,
): Promise<Page<Reservation>> {
  checkLimit(limit);
  const { and, or, gt, gte, lt } = db.command;
  const conditions: object[] = [{ mchid, kind, at: gte(from).and(lt(to)) }];
  if (after !== undefined) {
    const [at, no = ''] = readCursor(after, 1);
    conditions.push(or([{ at: gt(at) }, { at, no: gt(no) }]));
  }
  const query = db.collection(RESERVATIONS).where(and(conditions));
  const size = Math.min(limit, PAGE_SIZE_MAX);
  const sorted = query
    .orderBy('at', 'asc')
    .orderBy('no', 'asc')
    .limit(size + 1);
  const docs = await read(db, 'a list', sorted);
  const shown = pageOf(docs, size, (doc) => [placeAt(doc['at']), nameOf(doc['no'])]);
  return { ...shown, items: intact(shown.items, openReservation, tell) };
}
