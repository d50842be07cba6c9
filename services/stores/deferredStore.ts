/**
 * A store that is opened on its first use and, where that fails, on the next one again: the process
 * starts and answers /healthz while its database does not.
 */
import type { RecordStore } from './orderStore';
import { AppError, StoreError } from '../../utils/errors';

/** A caller waits this long for the store to open; the opening itself goes on. */
export const OPEN_WAIT_MS = 5_000;

export interface DeferredOptions {
  readonly name: string;
  readonly durable: boolean;
  readonly open: () => Promise<RecordStore>;
}

export interface DeferredStore extends RecordStore {
  /** Opens it now; resolves to false instead of throwing. */
  warm(): Promise<boolean>;
  /** Opened, and if not, why not: for /healthz, which waits for no database. */
  opening(): { readonly opened: boolean; readonly error?: string };
}

export function createDeferredStore(options: DeferredOptions): DeferredStore {
  let opening: Promise<RecordStore> | undefined;
  let opened: RecordStore | undefined;
  let closed = false;
  let failure: string | undefined;

  function store(): Promise<RecordStore> {
    opening ??= options.open().then(
      (s) => (opened = s),
      (error: unknown) => {
        opening = undefined;
        failure = error instanceof AppError ? error.message : 'STORE_UNAVAILABLE';
        throw error;
      },
    );
    return withinOpenWait(opening);
  }

  // A disk or a server that does not answer must not keep requests waiting without an answer.
  async function withinOpenWait(work: Promise<RecordStore>): Promise<RecordStore> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new StoreError('STORE_UNAVAILABLE', { detail: 'it does not open' });
        failure = error.message;
        reject(error);
      }, OPEN_WAIT_MS);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    get name() {
      return opened?.name ?? options.name;
    },
    get durable() {
      return opened?.durable ?? options.durable;
    },
    get inOrder() {
      return opened?.inOrder ?? false;
    },
    find: async (mchid, kind, no) => (opened ?? (await store())).find(mchid, kind, no),
    insert: async (record) => (opened ?? (await store())).insert(record),
    replace: async (next, version) => (opened ?? (await store())).replace(next, version),
    due: async (mchid, now, limit, lane, after) =>
      (opened ?? (await store())).due(mchid, now, limit, lane, after),
    oldestDue: async (mchid) => (opened ?? (await store())).oldestDue(mchid),
    list: async (filter) => (opened ?? (await store())).list(filter),
    damaged: async (filter) => (opened ?? (await store())).damaged(filter),
    count: async (mchid, payer, since) => (opened ?? (await store())).count(mchid, payer, since),
    active: async (mchid, payer, range) => (opened ?? (await store())).active(mchid, payer, range),
    reserve: async (wanted) => (opened ?? (await store())).reserve(wanted),
    reservation: async (mchid, kind, no) =>
      (opened ?? (await store())).reservation(mchid, kind, no),
    reservations: async (mchid, kind, range) =>
      (opened ?? (await store())).reservations(mchid, kind, range),
    migrate: async () => (opened ?? (await store())).migrate(),
    ping: async () => (opened ?? (await store())).ping(),
    opening: () => ({
      opened: opened !== undefined,
      ...(failure === undefined || opened !== undefined ? {} : { error: failure }),
    }),
    async warm() {
      try {
        await store();
        return true;
      } catch {
        return false;
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      if (opened !== undefined || opening === undefined) return opened?.close();
      const pending = await withinOpenWait(opening).catch(() => undefined);
      await pending?.close();
    },
  };
}
