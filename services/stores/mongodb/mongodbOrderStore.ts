/**
 * Records in MongoDB (4.2 or later, a replica set). Insert-once is the unique `_id`, the conditional replace is one
 * `updateOne` with the version in its filter; both are acknowledged by a majority, from its journals.
 *
 * A record found by its number is read linearizably: it shows every write that was acknowledged, through whichever
 * instance, and nothing that may be undone. Lists and counts are read at a majority.
 *
 * A write whose outcome is unknown (a broken line, a write concern that was not met) is looked at again and known by its
 * token. What cannot be known is STORE_UNAVAILABLE: the caller repeats the whole request.
 */
import type { StoredRecord } from '../../ledger/record';
import { createDamageAlarm, intact, nameOf, openOrTell, type TellDamage } from '../damage';
import { createDemandGuard } from '../demandGuard';
import { createDueReader, type DueReader } from '../dueReader';
import type { Page, RecordFilter, RecordStore, Reservation, ReservationKind } from '../orderStore';
import { createSealing, type Sealing } from '../sealing';
import {
  LANE_COLUMN,
  checkLimit,
  checkNew,
  checkNext,
  checkReservation,
  damaged,
  damagedPage,
  identityIn,
  identityOf,
  isKey,
  listKey,
  pageOf,
  payerRecords,
  placeAt,
  reservationIn,
  rowOf,
  wholeNumber,
  type Cursor,
} from '../storeRules';
import type { Clock } from '../../../utils/clock';
import type { Logger } from '../../../utils/logger';
import { createCollections, type Collections } from './mongodbCollections';
import { connect, type Connection } from './mongodbConnection';
import {
  LIST_ORDER,
  RESERVATION_ORDER,
  activeStages,
  countFilter,
  dueFilter,
  dueOrder,
  listFilter,
  reservationFilter,
  type Doc,
} from './mongodbQueries';

export interface MongodbOptions {
  /** `databaseUrl`. */
  readonly url: string;
  /** The first seals, any opens. */
  readonly recordKeys?: readonly string[] | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds for one statement. */
  readonly timeoutMs?: number;
}

export async function openMongodbOrderStore(options: MongodbOptions): Promise<RecordStore> {
  return createStore(await connect(options.url, options.timeoutMs), options);
}

function createStore(connection: Connection, options: MongodbOptions): RecordStore {
  const { clock, logger } = options;
  const database = createCollections(connection);
  const { records, reservations } = database;
  const sealing = createSealing(options.recordKeys);
  const tell = createDamageAlarm(logger);
  const openDoc = openerOf(sealing);
  const guard = createDemandGuard({ clock, look: database.checkDemand });
  const due = dueReaderOf(database, openDoc, { logger, tell });

  async function listDocs(filter: RecordFilter): Promise<Page<Doc>> {
    checkLimit(filter.limit);
    const wanted = { filter: listFilter(filter), sort: LIST_ORDER, limit: filter.limit + 1 };
    return pageOf(await database.page(records, wanted), filter.limit, listKey);
  }

  async function find(mchid: string, kind: string, no: string): Promise<StoredRecord | undefined> {
    if (!isKey(no)) return undefined;
    await guard.known();
    const doc = await database.one(records, identityOf({ mchid, kind, no }));
    return doc === undefined ? undefined : openOrTell(tell, doc, openDoc);
  }

  async function reservation(
    mchid: string,
    kind: ReservationKind,
    no: string,
  ): Promise<Reservation | undefined> {
    if (!isKey(no)) return undefined;
    const doc = await database.one(reservations, identityOf({ mchid, kind, no }));
    return doc === undefined ? undefined : openOrTell(tell, doc, openReservation);
  }

  return {
    name: 'mongodb',
    durable: true,

    async insert(record) {
      checkNew(record);
      await guard.known();
      const doc = rowOf(record, sealing.write(record));
      const added = await database.add(records, { _id: identityOf(record), ...doc });
      return added === 'added' ? 'inserted' : 'exists';
    },

    // One function answers for every kind: a record's `kind` is the kind it was found under.
    find: find as RecordStore['find'],

    async replace(next, expectedVersion) {
      checkNext(next, expectedVersion);
      await guard.known();
      const changes = rowOf(next, sealing.write(next));
      return database.replace(identityOf(next), expectedVersion, changes);
    },

    async due(mchid, now, limit, lane, after) {
      checkLimit(limit);
      await guard.known();
      return due(mchid, now, limit, lane, after);
    },

    async oldestDue(mchid) {
      const filter = { mchid, due_at: { $gt: -1 } };
      const [doc] = await database.page(records, { filter, sort: { due_at: 1 }, limit: 1 });
      return doc === undefined ? undefined : placeAt(doc['due_at']);
    },

    async list(filter) {
      const { items, ...rest } = await listDocs(filter);
      return { ...rest, items: intact(items, openDoc, tell) };
    },

    damaged: (filter) => damagedPage(filter, { rows: listDocs, open: openDoc, key: listKey }),

    count: (mchid, payer, since) => database.count(records, countFilter(mchid, payer, since)),

    async active(mchid, payer, range) {
      const docs = await database.stages(records, activeStages(mchid, payer, range));
      return payerRecords(intact(docs, openDoc, tell));
    },

    async reserve(wanted) {
      checkReservation(wanted);
      guard.write();
      const result = await database.add(reservations, { _id: identityOf(wanted), ...wanted });
      if (result === 'added') return 'reserved';
      const held = openOrTell(tell, result, openReservation);
      return held.owner === wanted.owner ? 'reserved' : { owner: held.owner };
    },

    reservation,

    async reservations(mchid, kind, range) {
      checkLimit(range.limit);
      const docs = await database.page(reservations, {
        filter: reservationFilter(mchid, kind, range),
        sort: RESERVATION_ORDER,
        limit: range.limit + 1,
      });
      const shown = pageOf(docs, range.limit, reservationKey);
      return { ...shown, items: intact(shown.items, openReservation, tell) };
    },

    async migrate() {
      if (await database.migrate(clock.now()))
        logger.info({ store: 'mongodb' }, 'migration applied');
      guard.looked();
    },

    ping: database.checkDemand,

    close: () => connection.close(),
  };
}

const dueReaderOf = (
  database: Collections,
  open: (doc: Doc) => StoredRecord,
  { logger, tell }: { readonly logger: Logger; readonly tell: TellDamage },
): DueReader =>
  createDueReader<Doc>(
    {
      page: (asked) => {
        const wanted = { filter: dueFilter(asked), sort: dueOrder(asked.lane), limit: asked.limit };
        return database.page(database.records, wanted);
      },
      key: (doc, lane) => [Number(doc[LANE_COLUMN[lane]]), String(doc['kind']), String(doc['no'])],
      open,
    },
    logger,
    tell,
  );

const openerOf =
  (sealing: Sealing) =>
  (doc: Doc): StoredRecord => {
    const key = { ...identityIn(doc), version: wholeNumber(doc, 'version') };
    if (doc['_id'] !== identityOf(key)) throw damaged(identityOf(key));
    return sealing.read(key, doc['body']);
  };

const reservationKey = (doc: Doc): Cursor => [placeAt(doc['at']), nameOf(doc['no'])];

function openReservation(doc: Doc): Reservation {
  const held = reservationIn(doc, wholeNumber(doc, 'at'));
  if (doc['_id'] !== identityOf(held)) throw damaged('a reservation');
  return held;
}
