/** Records and reservations as CloudBase's documents, and the checks when they are read back. */
import type { StoredRecord } from '../../ledger/record';
import { DamagedError, nameOf } from '../damage';
import type { Reservation } from '../orderStore';
import type { Sealing } from '../sealing';
import { columnsOf, damaged, identityOf, placeAt, type Cursor, type Identity } from '../storeRules';
import type { Doc } from './cloudbaseDatabase';

export const documentOf = (record: StoredRecord, body: string, token: string): object => ({
  mchid: record.mchid,
  kind: record.kind,
  no: record.no,
  version: record.version,
  ...columnsOf(record),
  body,
  write_token: token,
});

export const identityIn = ({ mchid, kind, no }: Doc): Identity => ({
  mchid: String(mchid),
  kind: String(kind),
  no: String(no),
});

/** The platform stamps what a client adds with his openid; what the server adds has no such field. */
function refuseClients(doc: Doc): void {
  if (!Object.hasOwn(doc, '_openid')) return;
  throw new DamagedError('client', `${nameOf(doc['kind'])} ${nameOf(doc['no'])}`);
}

export const openerOf =
  (sealing: Sealing) =>
  (doc: Doc): StoredRecord => {
    refuseClients(doc);
    const key = { ...identityIn(doc), version: numberIn(doc, 'version') };
    if (doc['_id'] !== identityOf(key)) throw damaged(identityOf(key));
    return sealing.read(key, doc['body']);
  };

export const listKey = (doc: Doc): Cursor => [
  placeAt(doc['created_at']),
  nameOf(doc['mchid']),
  nameOf(doc['kind']),
  nameOf(doc['no']),
];

export function openReservation(doc: Doc): Reservation {
  refuseClients(doc);
  const { mchid, kind, no, owner } = doc;
  const good = [mchid, kind, no, owner].every((value) => typeof value === 'string');
  if (!good) throw damaged('a reservation');
  return { mchid, kind, no, owner, at: numberIn(doc, 'at') } as Reservation;
}

export function numberIn(doc: Doc, field: string): number {
  const value = doc[field];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw damaged(field);
  return value;
}
