/**
 * Records in CloudBase's document database, over HTTPS through `@cloudbase/node-sdk`. No server to rent, and the same promises:
 * insert-once is the primary key `_id`, the conditional replace one update with the version in its condition.
 *
 * A reply that got lost leaves the outcome open. So every write carries a token of its own: what the document then holds
 * tells whose write it was.
 *
 * The record travels as text: a document of it would be merged field by field by an update, not replaced.
 * Indexes cannot be made through the SDK; docs/operations.md lists those of `cloudbaseIndexes`.
 */
import { randomUUID } from 'node:crypto';
import { SCHEMA_VERSION } from '../../ledger/record';
import type { StoredRecord } from '../../ledger/record';
import { StoreError } from '../../../utils/errors';
import {
  connect,
  dueConditions,
  listConditions,
  TIMEOUT_MS,
  type CloudbaseOptions,
  type Doc,
  type Query,
} from './cloudbaseDatabase';
import { carriedRecord, ownMchid, type CarryDeps } from '../carriedRecord';
import { intact, createDamageAlarm, DamagedError, nameOf } from '../damage';
import { createDueReader } from '../dueReader';
import type { Page, RecordFilter, RecordStore, Reservation, ReservationKind } from '../orderStore';
import { createSealing, type Sealing } from '../sealing';
import { codeOf, storeError, withTimeout } from '../sql/sqlDriver';
import {
  LANE_COLUMN,
  PAGE_MAX,
  RECORD_KINDS_COUNTED,
  WAITING_STATES,
  checkLimit,
  checkNew,
  checkNext,
  checkReservation,
  columnsOf,
  damaged,
  damagedPage,
  identityOf,
  isKey,
  pageOf,
  payerRecords,
  placeAt,
  readCursor,
  type Cursor,
  type Identity,
} from '../storeRules';

/** The SDK's limit is one of silence; this one, beyond it, holds for an answer that trickles, too. */
const GRACE_MS = 1000;
const RECORDS = 'pay_record';
const RESERVATIONS = 'pay_reservation';
const MIGRATIONS = 'pay_migration';
const MIGRATION_VERSION = 3;
/** Versions 1 and 2 knew one merchant only: their builds would find and write without an mchid. */
const MIN_READER = 3;
const LANES_COLUMNS = Object.values(LANE_COLUMN);
/** The database gives 1000 documents at most, and one of them only says that there is a next page. */
const PAGE_SIZE_MAX = PAGE_MAX - 1;

/** To be made in the console; without them the database searches whole collections. */
export const cloudbaseIndexes: Readonly<Record<string, readonly string[]>> = {
  [RECORDS]: [
    'mchid,due_at',
    ...LANES_COLUMNS.map((lane) => `mchid,${lane},kind,no`),
    'mchid,created_at,kind,no',
    'mchid,kind,created_at',
    'mchid,payer,created_at',
    'mchid,success_at',
    'mchid,state,created_at',
  ],
  [RESERVATIONS]: ['mchid,kind,at,no'],
};

function isDuplicate(error: unknown): boolean {
  const said = `${codeOf(error)} ${error instanceof Error ? error.message : ''}`;
  return /DATABASE_DUPLICATE_WRITE|E11000|duplicate/i.test(said);
}

/** The database's own words stay in `cause`. */
function failed(what: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return storeError('STORE_UNAVAILABLE', `cloudbase: ${what} failed (${codeOf(error)})`, error);
}

const documentOf = (record: StoredRecord, body: string, token: string): object => ({
  mchid: record.mchid,
  kind: record.kind,
  no: record.no,
  version: record.version,
  ...columnsOf(record),
  body,
  write_token: token,
});

export async function openCloudbaseOrderStore(options: CloudbaseOptions): Promise<RecordStore> {
  const { clock, logger } = options;
  const limitMs = (options.timeoutMs ?? TIMEOUT_MS) + GRACE_MS;
  const sealing = createSealing(options.recordKeys);
  const tell = createDamageAlarm(logger);
  const openDoc = openerOf(sealing);
  const carry = { sealing, mchid: options.mchid };
  const db = await connect(options);
  let closed = false;
  const records = (): Query => collection(RECORDS);
  const reserved = (): Query => collection(RESERVATIONS);

  function collection(name: string): Query {
    if (closed) throw storeError('STORE_UNAVAILABLE', 'cloudbase: the store is closed');
    return db.collection(name);
  }

  async function read(what: string, query: Query): Promise<readonly Doc[]> {
    try {
      return (await withTimeout(query.get(), limitMs)).data;
    } catch (error) {
      throw failed(what, error);
    }
  }

  async function one(from: () => Query, _id: string): Promise<Doc | undefined> {
    const [doc] = await read('a read', from().where({ _id }).limit(1));
    return doc;
  }

  /** Adds a document once; a lost or repeated request is told from another writer by the token. */
  async function addOnce(
    to: () => Query,
    doc: { readonly _id: string; readonly add_token: string },
  ): Promise<'added' | Doc> {
    const target = to();
    try {
      await withTimeout(target.add(doc), limitMs);
      return 'added';
    } catch (error) {
      const held = await one(to, doc._id);
      if (held?.['add_token'] === doc.add_token) return 'added';
      if (held !== undefined) return held;
      if (isDuplicate(error)) throw failed('reading the number again', error);
      throw failed('a write', error);
    }
  }

  const due = createDueReader<Doc>(
    {
      page: (asked) => {
        const query = records()
          .where(dueConditions(db.command, asked))
          .orderBy(LANE_COLUMN[asked.lane], 'asc')
          .orderBy('kind', 'asc')
          .orderBy('no', 'asc');
        return read('a read', query.limit(asked.limit));
      },
      key: (doc, lane) => {
        const { kind, no } = identityIn(doc);
        return [Number(doc[LANE_COLUMN[lane]]), kind, no];
      },
      open: openDoc,
    },
    logger,
    tell,
  );

  /** What is asked for by its number is alarmed, too. */
  function opened<T>(doc: Doc, open: (doc: Doc) => T): T {
    try {
      return open(doc);
    } catch (error) {
      if (error instanceof DamagedError) tell(doc, error);
      throw error;
    }
  }

  async function listDocs(filter: RecordFilter): Promise<Page<Doc>> {
    checkLimit(filter.limit);
    const query = records()
      .where(listConditions(db.command, filter))
      .orderBy('mchid', 'desc')
      .orderBy('created_at', 'desc')
      .orderBy('kind', 'desc')
      .orderBy('no', 'desc');
    const size = Math.min(filter.limit, PAGE_SIZE_MAX);
    return pageOf(await read('a list', query.limit(size + 1)), size, listKey);
  }

  async function reservation(
    mchid: string,
    kind: ReservationKind,
    no: string,
  ): Promise<Reservation | undefined> {
    const doc = isKey(no) ? await one(reserved, identityOf({ mchid, kind, no })) : undefined;
    return doc === undefined ? undefined : opened(doc, openReservation);
  }

  async function find(mchid: string, kind: string, no: string): Promise<StoredRecord | undefined> {
    const doc = isKey(no) ? await one(records, identityOf({ mchid, kind, no })) : undefined;
    return doc === undefined ? undefined : opened(doc, openDoc);
  }

  return {
    name: 'cloudbase',
    durable: true,

    async insert(record) {
      checkNew(record);
      const add_token = randomUUID();
      const doc = {
        _id: identityOf(record),
        add_token,
        ...documentOf(record, sealing.write(record), add_token),
      };
      return (await addOnce(records, doc)) === 'added' ? 'inserted' : 'exists';
    },

    // One function answers for every kind: a record's `kind` is the kind it was found under.
    find: find as RecordStore['find'],

    async replace(next, expectedVersion) {
      checkNext(next, expectedVersion);
      const _id = identityOf(next);
      const token = randomUUID();
      const target = records().where({ _id, version: expectedVersion });
      let lost: unknown;
      try {
        const sent = target
          .options({ multiple: false })
          .update(documentOf(next, sealing.write(next), token));
        const { updated } = await withTimeout(sent, limitMs);
        if (updated === 1) return 'replaced';
      } catch (error) {
        lost = error;
      }
      const held = await one(records, _id);
      if (held?.['write_token'] === token) return 'replaced';
      // Nobody can have built on a write of ours that never was: at its version, another's won.
      const settled = held === undefined || held['version'] === next.version;
      if (lost === undefined || settled) return 'conflict';
      throw failed('a write', lost);
    },

    async due(mchid, now, limit, lane, after) {
      checkLimit(limit);
      return due(mchid, now, limit, lane, after);
    },

    async oldestDue(mchid) {
      const query = records().where({ mchid, due_at: db.command.gt(-1) });
      const [doc] = await read('a read', query.orderBy('due_at', 'asc').limit(1));
      return doc === undefined ? undefined : placeAt(doc['due_at']);
    },

    async list(filter) {
      const { items, ...rest } = await listDocs(filter);
      return { ...rest, items: intact(items, openDoc, tell) };
    },

    damaged: (filter) => damagedPage(filter, { rows: listDocs, open: openDoc, key: listKey }),

    async count(mchid, payer, since) {
      const { gte, in: oneOf } = db.command;
      const query = records().where({
        mchid,
        payer,
        made_by: 'payer',
        created_at: gte(since),
        kind: oneOf(RECORD_KINDS_COUNTED),
      });
      try {
        return number({ ...(await withTimeout(query.count(), limitMs)) }, 'total');
      } catch (error) {
        throw failed('a count', error);
      }
    },

    async active(mchid, payer, { from, since }) {
      const { and, or, gte, in: oneOf } = db.command;
      const kind = oneOf(RECORD_KINDS_COUNTED);
      const wanted = or([{ updated_at: gte(since) }, { state: oneOf(WAITING_STATES) }]);
      const query = records()
        .where(and([{ mchid, payer, created_at: gte(from), kind }, wanted]))
        .orderBy('created_at', 'desc')
        .limit(PAGE_SIZE_MAX);
      return payerRecords(intact(await read('a list', query), openDoc, tell));
    },

    async reserve(wanted) {
      checkReservation(wanted);
      const doc = { _id: identityOf(wanted), add_token: randomUUID(), ...wanted };
      const result = await addOnce(reserved, doc);
      if (result === 'added') return 'reserved';
      const held = opened(result, openReservation);
      return held.owner === wanted.owner ? 'reserved' : { owner: held.owner };
    },

    reservation,

    async reservations(mchid, kind, { from, to, limit, after }) {
      checkLimit(limit);
      const { and, or, gt, gte, lt } = db.command;
      const conditions: object[] = [{ mchid, kind, at: gte(from).and(lt(to)) }];
      if (after !== undefined) {
        const [at, no = ''] = readCursor(after, 1);
        conditions.push(or([{ at: gt(at) }, { at, no: gt(no) }]));
      }
      const query = reserved().where(and(conditions)).orderBy('at', 'asc').orderBy('no', 'asc');
      const size = Math.min(limit, PAGE_SIZE_MAX);
      const docs = await read('a list', query.limit(size + 1));
      const shown = pageOf(docs, size, (doc) => [placeAt(doc['at']), nameOf(doc['no'])]);
      return { ...shown, items: intact(shown.items, openReservation, tell) };
    },

    async migrate() {
      for (const name of [MIGRATIONS, RECORDS, RESERVATIONS]) await createCollection(name);
      await schemaVersion();
      const _id = `migration:${String(MIGRATION_VERSION)}`;
      if ((await one(() => collection(MIGRATIONS), _id)) !== undefined) return;
      await carryOver(records, (doc) => carriedDoc(doc, carry));
      await carryOver(reserved, (doc) => ({ ...doc, mchid: ownMchid(carry) }));
      const facts = { version: MIGRATION_VERSION, min_reader: MIN_READER, applied_at: clock.now() };
      await addOnce(() => collection(MIGRATIONS), { _id, add_token: randomUUID(), ...facts });
    },

    async ping() {
      await schemaVersion();
    },

    async close() {
      closed = true;
    },
  };

  /** @throws StoreError STORE_NEWER where a newer build demands a newer reader. */
  async function schemaVersion(): Promise<void> {
    const query = collection(MIGRATIONS).where({ min_reader: db.command.gt(SCHEMA_VERSION) });
    const [newer] = await read('a ping', query.limit(1));
    if (newer === undefined) return;
    throw new StoreError('STORE_NEWER', {
      detail: `the collections need a reader of version ${String(newer['min_reader'])}`,
    });
  }

  /**
   * Documents of versions 1 and 2 under today's ids. Each is added under its new id before it is removed under its old one,
   * so whoever is interrupted begins again.
   */
  async function carryOver(of: () => Query, carried: (doc: Doc) => Doc): Promise<void> {
    for (let last = ''; ;) {
      const further = of().where({ _id: db.command.gt(last) });
      const docs = await read('a read', further.orderBy('_id', 'asc').limit(PAGE_MAX));
      for (const doc of docs) {
        if (doc['mchid'] !== undefined) continue;
        const next = carried(doc);
        const _id = identityOf(identityIn(next));
        await addOnce(of, { ...next, _id, add_token: randomUUID() });
        await remove(of().where({ _id: doc['_id'] }));
      }
      if (docs.length < PAGE_MAX) return;
      last = String(docs.at(-1)?.['_id']);
    }
  }

  async function remove(query: Query): Promise<void> {
    try {
      await withTimeout(query.remove(), limitMs);
    } catch (error) {
      throw failed('a removal', error);
    }
  }

  /** Asks first: creating what exists is an error, and its code is documented nowhere. */
  async function createCollection(name: string): Promise<void> {
    const look = () => withTimeout(collection(name).limit(1).get(), limitMs);
    try {
      await look();
      return;
    } catch (error) {
      if (codeOf(error) !== 'DATABASE_COLLECTION_NOT_EXIST') {
        throw failed(`looking at ${name}`, error);
      }
    }
    let refusal: unknown;
    try {
      await withTimeout(db.createCollection(name), limitMs);
    } catch (error) {
      refusal = error; // another instance may have been faster: then it is there
    }
    try {
      await look();
    } catch (error) {
      throw failed(`creating the collection ${name}`, refusal ?? error);
    }
  }
}

function carriedDoc(doc: Doc, deps: CarryDeps): Doc {
  const { kind, no, body, due_at } = doc;
  const key = { kind: String(kind), no: String(no), version: number(doc, 'version') };
  const { lanes, ...named } = carriedRecord(key, body, deps);
  const places = lanes ?? { deliver_at: due_at, act_at: due_at, ask_at: due_at };
  return { ...doc, ...named, ...places };
}

const identityIn = ({ mchid, kind, no }: Doc): Identity => ({
  mchid: String(mchid),
  kind: String(kind),
  no: String(no),
});

/** The platform stamps what a client adds with his openid; what the server adds has no such field. */
function refuseClients(doc: Doc): void {
  if (!Object.hasOwn(doc, '_openid')) return;
  throw new DamagedError('client', `${nameOf(doc['kind'])} ${nameOf(doc['no'])}`);
}

const openerOf =
  (sealing: Sealing) =>
  (doc: Doc): StoredRecord => {
    refuseClients(doc);
    const key = { ...identityIn(doc), version: number(doc, 'version') };
    if (doc['_id'] !== identityOf(key)) throw damaged(identityOf(key));
    return sealing.read(key, doc['body']);
  };

const listKey = (doc: Doc): Cursor => [
  placeAt(doc['created_at']),
  nameOf(doc['mchid']),
  nameOf(doc['kind']),
  nameOf(doc['no']),
];

function openReservation(doc: Doc): Reservation {
  refuseClients(doc);
  const { mchid, kind, no, owner } = doc;
  const good = [mchid, kind, no, owner].every((value) => typeof value === 'string');
  if (!good) throw damaged('a reservation');
  return { mchid, kind, no, owner, at: number(doc, 'at') } as Reservation;
}

function number(doc: Doc, field: string): number {
  const value = doc[field];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw damaged(field);
  return value;
}
