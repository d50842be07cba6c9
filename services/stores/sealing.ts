/**
 * How a record becomes the text that a store keeps, and back. With keys the text carries a seal: HMAC-SHA-256 over
 * merchant, kind, number, version and every byte of the rest, so that only the holder of a key can have written it, and only
 * there.
 * The canonical form is the text itself: what is checked is what is parsed, fields unknown to this build included.
 *
 * A seal cannot tell that a row was deleted, or put back as an older version that was sealed once.
 */
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import type { StoredRecord } from '../ledger/record';
import { DamagedError } from './damage';
import { readRecord, type RecordKey } from './storeRules';

/** Versions 1 and 2 sealed without the merchant. */
export type SealedKey = Omit<RecordKey, 'mchid'> & { readonly mchid?: string };

export interface Sealing {
  /** The text of a record, sealed by the first key where there is one. */
  write(record: StoredRecord): string;
  /** Its text without the seal. @throws  DamagedError: not to be trusted. */
  open(key: SealedKey, body: unknown): unknown;
  /** @throws  DamagedError: not to be trusted · StoreError STORE_NEWER (needs a newer reader). */
  read(key: RecordKey, body: unknown): StoredRecord;
}

const BEGIN = '{"seal":"';
/** SHA-256 in base64url. */
const SEAL_LENGTH = 43;
const END = '",';
const REST_AT = BEGIN.length + SEAL_LENGTH + END.length;
/** Separates these seals from anything else that might be signed with the same key. */
const PURPOSE = 'pay-common record 1';

export function createSealing(keys: readonly string[] = [], reader?: number): Sealing {
  const [first, ...older] = keys.map((key) => createSecretKey(Buffer.from(key, 'utf8')));
  const texts = first === undefined ? unsealed : sealedBy([first, ...older]);
  return {
    ...texts,
    read: (key, body) => refuseClients(readRecord(key, texts.open(key, body), reader)),
  };
}

type Texts = Pick<Sealing, 'write' | 'open'>;

const nameOf = ({ kind, no }: SealedKey): string => `${kind} ${no}`;

/** Nobody but this service writes `_openid`, and it never does: the platform stamps it on a client's document. */
function refuseClients(record: StoredRecord): StoredRecord {
  if (!Object.hasOwn(record, '_openid')) return record;
  throw new DamagedError('client', nameOf(record));
}

const unsealed: Texts = {
  write: (record) => JSON.stringify(record),
  open(key, body) {
    // Rewritten by us it would keep a seal that no longer fits.
    if (typeof body === 'string' && body.startsWith(BEGIN)) {
      throw new DamagedError('no_key', nameOf(key));
    }
    return body;
  },
};

type Key = ReturnType<typeof createSecretKey>;

function sealedBy(keys: readonly [Key, ...Key[]]): Texts {
  const sealOf = (key: Key, { mchid, kind, no, version }: SealedKey, text: string): Buffer =>
    createHmac('sha256', key)
      .update(`${PURPOSE}\n${mchid === undefined ? '' : `${mchid}\n`}`)
      .update(`${kind}\n${no}\n${String(version)}\n`)
      .update(text)
      .digest();

  return {
    write(record) {
      const text = JSON.stringify(record);
      const seal = sealOf(keys[0], record, text).toString('base64url');
      return `${BEGIN}${seal}${END}${text.slice(1)}`;
    },
    open(key, body) {
      if (typeof body !== 'string' || !body.startsWith(BEGIN)) {
        throw new DamagedError('unsealed', nameOf(key));
      }
      const seal = Buffer.from(body.slice(BEGIN.length, BEGIN.length + SEAL_LENGTH), 'base64url');
      const text = `{${body.slice(REST_AT)}`;
      const opens = (one: Key): boolean => {
        const own = sealOf(one, key, text);
        return own.length === seal.length && timingSafeEqual(own, seal);
      };
      if (!keys.some(opens)) throw new DamagedError('seal', nameOf(key));
      return text;
    },
  };
}
