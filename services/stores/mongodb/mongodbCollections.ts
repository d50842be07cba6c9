/**
 * What is said to the database, in its own terms: documents by `_id`, pages, and two conditional writes whose outcome is
 * known or said to be unknown.
 */
import { randomUUID } from 'node:crypto';
import type { Collection, Document } from 'mongodb';
import { SCHEMA_VERSION } from '../../ledger/record';
import { StoreError } from '../../../utils/errors';
import { failed, type Connection } from './mongodbConnection';
import {
  recordIndexes,
  reservationIndexes,
  type Doc,
  type Query,
  type Sort,
} from './mongodbQueries';

type Docs = Collection<{ _id: string }>;

interface Added extends Doc {
  readonly _id: string;
}

interface PageQuery {
  readonly filter: Query;
  readonly sort: Sort;
  readonly limit: number;
}

/** Counted as the SQL stores count theirs. */
const MIGRATION_VERSION = 4;
const MIN_READER = 3;

export type Collections = ReturnType<typeof createCollections>;

export function createCollections({ db, maxTimeMS, run, attempt }: Connection) {
  const records: Docs = db.collection('pay_record');
  const reservations: Docs = db.collection('pay_reservation');
  const migrations: Docs = db.collection('pay_migration');

  async function one(from: Docs, _id: string): Promise<Doc | undefined> {
    const reading = { maxTimeMS, readConcern: { level: 'linearizable' as const } };
    return (await run('a read', () => from.findOne<Doc>({ _id }, reading))) ?? undefined;
  }

  /** Adds a document once; a lost answer is told from another writer by the token. */
  async function add(to: Docs, doc: Added): Promise<'added' | Doc> {
    const add_token = randomUUID();
    try {
      await attempt(() => to.insertOne({ ...doc, add_token } as Added, { maxTimeMS }));
      return 'added';
    } catch (error) {
      const held = await one(to, doc._id);
      if (held?.['add_token'] === add_token) return 'added';
      if (held !== undefined) return held;
      throw failed('a write', error);
    }
  }

  /** @throws StoreError STORE_NEWER where a newer build demands a newer reader. */
  async function checkDemand(): Promise<void> {
    const demanding = { min_reader: { $gt: SCHEMA_VERSION } } as Query;
    const newer = await run('a ping', () => migrations.findOne<Doc>(demanding, { maxTimeMS }));
    if (newer === null) return;
    throw new StoreError('STORE_NEWER', {
      detail: `the collections need a reader of version ${String(newer['min_reader'])}`,
    });
  }

  return {
    records,
    reservations,
    one,
    add,
    checkDemand,

    page: (from: Docs, { filter, sort, limit }: PageQuery): Promise<readonly Doc[]> =>
      run('a list', () =>
        from
          .find<Doc>(filter, { maxTimeMS, batchSize: limit })
          .sort({ ...sort })
          .limit(limit)
          .toArray(),
      ),

    stages: (from: Docs, stages: Document[]): Promise<readonly Doc[]> =>
      run('a list', () => from.aggregate<Doc>(stages, { maxTimeMS }).toArray()),

    count: (from: Docs, filter: Query): Promise<number> =>
      run('a count', () => from.countDocuments(filter, { maxTimeMS })),

    /** Changes the document at this version. */
    async replace(_id: string, expectedVersion: number, changes: Doc) {
      const write_token = randomUUID();
      // A record that requires a newer reader is not rewritten, no matter who wrote it since it was read.
      const wanted = { _id, version: expectedVersion, min_reader: { $lte: SCHEMA_VERSION } };
      let lost: unknown;
      try {
        const update = { $set: { ...changes, write_token } };
        const work = () => records.updateOne(wanted, update, { maxTimeMS });
        if ((await attempt(work)).matchedCount === 1) return 'replaced';
      } catch (error) {
        lost = error;
      }
      const held = await one(records, _id);
      if (held?.['write_token'] === write_token) return 'replaced';
      // Nobody can have built on a write of ours that never was: at its version, another's won.
      const settled = held === undefined || held['version'] === expectedVersion + 1;
      if (lost === undefined || settled) return 'conflict';
      throw failed('a write', lost);
    },

    /** Only adds. Any number of instances at once: the server makes an index once. */
    async migrate(now: number): Promise<boolean> {
      await checkDemand();
      const _id = `migration:${String(MIGRATION_VERSION)}`;
      if ((await one(migrations, _id)) !== undefined) return false;
      await run('making indexes', () => records.createIndexes(recordIndexes));
      await run('making indexes', () => reservations.createIndexes(reservationIndexes));
      const facts = { version: MIGRATION_VERSION, min_reader: MIN_READER, applied_at: now };
      return (await add(migrations, { _id, ...facts })) === 'added';
    },
  } as const;
}
