/** Records and reservations as CloudBase's documents, and the checks when they are read back. */
import type { StoredRecord } from '../../ledger/record';
import { DamagedError, nameOf } from '../damage';
import type { Reservation } from '../orderStore';
import type { Sealing } from '../sealing';
import { damaged, identityIn, identityOf, reservationIn, wholeNumber } from '../storeRules';
import type { Doc } from './cloudbaseDatabase';

/** The platform stamps what a client adds with his openid; what the server adds has no such field. */
function refuseClients(doc: Doc): void {
  if (!Object.hasOwn(doc, '_openid')) return;
  throw new DamagedError('client', `${nameOf(doc['kind'])} ${nameOf(doc['no'])}`);
}

export const openerOf =
  (sealing: Sealing) =>
  (doc: Doc): StoredRecord => {
    refuseClients(doc);
    const key = { ...identityIn(doc), version: wholeNumber(doc, 'version') };
    if (doc['_id'] !== identityOf(key)) throw damaged(identityOf(key));
    return sealing.read(key, doc['body']);
  };

export function openReservation(doc: Doc): Reservation {
  refuseClients(doc);
  return reservationIn(doc, wholeNumber(doc, 'at'));
}
