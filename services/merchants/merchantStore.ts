/**
 * The store that knows one merchant. That no record of one merchant serves another is the property of this file: it adds
 * the mchid to every question, and neither writes nor hands out what says another.
 */
import type { RecordKind, RecordOf, StoredRecord } from '../ledger/record';
import type { DamagedRow } from '../stores/damage';
import type {
  OrderStore,
  Page,
  RecordFilter,
  RecordStore,
  Reservation,
} from '../stores/orderStore';
import { InvariantError } from '../../utils/errors';
import { invariant } from '../../utils/invariant';

type Owned = Pick<StoredRecord | Reservation | DamagedRow, 'mchid' | 'kind' | 'no'>;

export function merchantStore(store: RecordStore, mchid: string): OrderStore {
  function ours<T extends Owned>(one: T): T {
    if (one.mchid === mchid) return one;
    throw new InvariantError(`${one.kind} ${one.no} is not of merchant ${mchid}`);
  }
  const oursIfAny = <T extends Owned>(one: T | undefined): T | undefined =>
    one === undefined ? undefined : ours(one);
  const allOurs = <P extends Page<Owned>>(page: P): P => {
    page.items.forEach(ours);
    return page;
  };
  function narrowed(filter: RecordFilter): RecordFilter {
    invariant((filter.mchid ?? mchid) === mchid, `a list is of merchant ${mchid} alone`);
    return { ...filter, mchid };
  }

  return {
    get name() {
      return store.name;
    },
    get durable() {
      return store.durable;
    },
    get inOrder() {
      return store.inOrder ?? false;
    },
    insert: async (record) => store.insert(ours(record)),
    replace: async (next, expectedVersion) => store.replace(ours(next), expectedVersion),
    find: async <K extends RecordKind>(kind: K, no: string): Promise<RecordOf<K> | undefined> =>
      oursIfAny(await store.find(mchid, kind, no)),
    list: async (filter) => allOurs(await store.list(narrowed(filter))),
    damaged: async (filter) => allOurs(await store.damaged(narrowed(filter))),
    async due(now, limit, lane, after) {
      const records = await store.due(mchid, now, limit, lane, after);
      records.forEach(ours);
      return records;
    },
    oldestDue: () => store.oldestDue(mchid),
    count: (payer, since) => store.count(mchid, payer, since),
    async active(payer, range) {
      const records = await store.active(mchid, payer, range);
      records.forEach(ours);
      return records;
    },
    reserve: (kind, no, owner, at) => store.reserve({ mchid, kind, no, owner, at }),
    reservation: async (kind, no) => oursIfAny(await store.reservation(mchid, kind, no)),
    reservations: async (kind, range) => allOurs(await store.reservations(mchid, kind, range)),
  };
}
