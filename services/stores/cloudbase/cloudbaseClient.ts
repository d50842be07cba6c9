/** Requests to CloudBase's database: each within its time, and failing in our own words. */
import { StoreError } from '../../../utils/errors';
import { codeOf, storeError, withTimeout } from '../sql/sqlDriver';
import {
  connect,
  TIMEOUT_MS,
  type CloudbaseOptions,
  type Database,
  type Doc,
  type Query,
} from './cloudbaseDatabase';

/** The SDK's limit is one of silence; this one, beyond it, holds for an answer that trickles, too. */
const GRACE_MS = 1000;

export interface CloudbaseClient extends Database {
  /** @throws StoreError after `close`. */
  collection(name: string): Query;
  /** Ends what takes longer than a request may. */
  within<T>(work: Promise<T>): Promise<T>;
  close(): void;
}

export async function openClient(options: CloudbaseOptions): Promise<CloudbaseClient> {
  const limitMs = (options.timeoutMs ?? TIMEOUT_MS) + GRACE_MS;
  const db = await connect(options);
  let closed = false;
  return {
    command: db.command,
    collection(name) {
      if (closed) throw storeError('STORE_UNAVAILABLE', 'cloudbase: the store is closed');
      return db.collection(name);
    },
    createCollection: (name) => db.createCollection(name),
    within: (work) => withTimeout(work, limitMs),
    close() {
      closed = true;
    },
  };
}

/** The database's own words stay in `cause`. */
export function failed(what: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return storeError('STORE_UNAVAILABLE', `cloudbase: ${what} failed (${codeOf(error)})`, error);
}

/** @throws StoreError STORE_UNAVAILABLE, which says what failed. */
export async function attempt<T>(
  db: CloudbaseClient,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await db.within(work());
  } catch (error) {
    throw failed(what, error);
  }
}

export const read = async (
  db: CloudbaseClient,
  what: string,
  query: Query,
): Promise<readonly Doc[]> => (await attempt(db, what, () => query.get())).data;

export async function readOne(
  db: CloudbaseClient,
  collection: string,
  _id: string,
): Promise<Doc | undefined> {
  const [doc] = await read(db, 'a read', db.collection(collection).where({ _id }).limit(1));
  return doc;
}

function isDuplicate(error: unknown): boolean {
  const said = `${codeOf(error)} ${error instanceof Error ? error.message : ''}`;
  return /DATABASE_DUPLICATE_WRITE|E11000|duplicate/i.test(said);
}

/** Adds a document once; a lost or repeated request is told from another writer by the token. */
export async function addOnce(
  db: CloudbaseClient,
  collection: string,
  doc: { readonly _id: string; readonly add_token: string },
): Promise<'added' | Doc> {
  const target = db.collection(collection);
  try {
    await db.within(target.add(doc));
    return 'added';
  } catch (error) {
    const held = await readOne(db, collection, doc._id);
    if (held?.['add_token'] === doc.add_token) return 'added';
    if (held !== undefined) return held;
    if (isDuplicate(error)) throw failed('reading the number again', error);
    throw failed('a write', error);
  }
}
