/** Makes CloudBase's collections, and brings documents of earlier versions to today's form. */
import { randomUUID } from 'node:crypto';
import { SCHEMA_VERSION } from '../../ledger/record';
import { carriedRecord, ownMchid, type CarryDeps } from '../carriedRecord';
import { codeOf } from '../sql/sqlDriver';
import { identityIn, identityOf, PAGE_MAX, wholeNumber } from '../storeRules';
import { addOnce, attempt, failed, read, readOne, type CloudbaseClient } from './cloudbaseClient';
import type { Doc } from './cloudbaseDatabase';
import { StoreError } from '../../../utils/errors';

export const RECORDS = 'pay_record';
export const RESERVATIONS = 'pay_reservation';
const MIGRATIONS = 'pay_migration';
const MIGRATION_VERSION = 3;
/** Versions 1 and 2 knew one merchant only: their builds would find and write without an mchid. */
const MIN_READER = 3;

export async function migrate(db: CloudbaseClient, carry: CarryDeps, now: number): Promise<void> {
  for (const name of [MIGRATIONS, RECORDS, RESERVATIONS]) await createCollection(db, name);
  await checkSchemaVersion(db);
  const _id = `migration:${String(MIGRATION_VERSION)}`;
  if ((await readOne(db, MIGRATIONS, _id)) !== undefined) return;
  await carryOver(db, RECORDS, (doc) => carriedDoc(doc, carry));
  await carryOver(db, RESERVATIONS, (doc) => ({ ...doc, mchid: ownMchid(carry) }));
  const facts = { version: MIGRATION_VERSION, min_reader: MIN_READER, applied_at: now };
  await addOnce(db, MIGRATIONS, { _id, add_token: randomUUID(), ...facts });
}

/** @throws StoreError STORE_NEWER where a newer build demands a newer reader. */
export async function checkSchemaVersion(db: CloudbaseClient): Promise<void> {
  const query = db.collection(MIGRATIONS).where({ min_reader: db.command.gt(SCHEMA_VERSION) });
  const [newer] = await read(db, 'a ping', query.limit(1));
  if (newer === undefined) return;
  throw new StoreError('STORE_NEWER', {
    detail: `the collections need a reader of version ${String(newer['min_reader'])}`,
  });
}

/**
 * Documents of versions 1 and 2 under today's ids. Each is added under its new id before it is removed under its old one,
 * so an interrupted run starts again.
 */
async function carryOver(
  db: CloudbaseClient,
  collection: string,
  carried: (doc: Doc) => Doc,
): Promise<void> {
  for (let last = ''; ;) {
    const further = db.collection(collection).where({ _id: db.command.gt(last) });
    const docs = await read(db, 'a read', further.orderBy('_id', 'asc').limit(PAGE_MAX));
    for (const doc of docs) {
      if (doc['mchid'] !== undefined) continue;
      const next = carried(doc);
      const _id = identityOf(identityIn(next));
      await addOnce(db, collection, { ...next, _id, add_token: randomUUID() });
      const old = db.collection(collection).where({ _id: doc['_id'] });
      await attempt(db, 'a removal', () => old.remove());
    }
    if (docs.length < PAGE_MAX) return;
    last = String(docs.at(-1)?.['_id']);
  }
}

function carriedDoc(doc: Doc, deps: CarryDeps): Doc {
  const { kind, no, body, due_at } = doc;
  const key = { kind: String(kind), no: String(no), version: wholeNumber(doc, 'version') };
  const { lanes, ...named } = carriedRecord(key, body, deps);
  const places = lanes ?? { deliver_at: due_at, act_at: due_at, ask_at: due_at };
  return { ...doc, ...named, ...places };
}

/** Asks first: creating what exists is an error, and its code is documented nowhere. */
async function createCollection(db: CloudbaseClient, name: string): Promise<void> {
  const look = () => db.within(db.collection(name).limit(1).get());
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
    await db.within(db.createCollection(name));
  } catch (error) {
    refusal = error; // another instance may have been faster: then it is there
  }
  try {
    await look();
  } catch (error) {
    throw failed(`creating the collection ${name}`, refusal ?? error);
  }
}
