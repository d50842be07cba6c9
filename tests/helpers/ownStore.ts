/** One merchant's view of a store, with what concerns all merchants beside it. */
import { merchantStore } from '../../services/merchants/merchantStore';
import type { OrderStore, RecordStore } from '../../services/stores/orderStore';

/** The merchant of the environment in tests, and of `storeRecords`. */
export const MCHID = '1900000001';

export type OwnStore = OrderStore & Pick<RecordStore, 'migrate' | 'ping' | 'close'>;

export const ownStore = (store: RecordStore, mchid = MCHID): OwnStore =>
  Object.assign(merchantStore(store, mchid), {
    migrate: store.migrate.bind(store),
    ping: store.ping.bind(store),
    close: store.close.bind(store),
  });
