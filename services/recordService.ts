/** What operators do with records: list, read, deliver an effect again. */
import { redeliver } from './effects/apply';
import { stepped } from './decision';
import type { RecordKind, StoredRecord } from './records';
import { viewRecord } from './recordView';
import type { OrderStore, RecordFilter } from './stores/orderStore';
import type { Clock } from '../utils/clock';
import { ConflictError, NotFoundError, StoreError } from '../utils/errors';

type Json = Readonly<Record<string, unknown>>;

export interface RecordService {
  list(filter: RecordFilter): Promise<{ records: readonly Json[]; next: string | null }>;
  get(kind: RecordKind, no: string): Promise<Json>;
  /** Puts an effect, or all dead ones, back on the agenda. */
  redeliver(kind: RecordKind, no: string, effectId: string | undefined): Promise<Json>;
}

const TRIES_MAX = 20;

export function createRecordService(deps: {
  store: OrderStore;
  clock: Clock;
  sink: boolean;
}): RecordService {
  const { store, clock } = deps;

  async function find(kind: RecordKind, no: string): Promise<StoredRecord> {
    const record = await store.find(kind, no);
    if (record === undefined) throw new NotFoundError('RECORD_NOT_FOUND');
    return record;
  }

  return {
    async list(filter) {
      const page = await store.list(filter);
      return { records: page.items.map(viewRecord), next: page.next ?? null };
    },
    get: async (kind, no) => viewRecord(await find(kind, no)),
    async redeliver(kind, no, effectId) {
      if (!deps.sink) {
        throw new ConflictError('MOVE_FORBIDDEN', {
          detail: '未设置 webhookUrl、amqpUrl 或 hooksModule / no sink is configured',
        });
      }
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        const record = await find(kind, no);
        if (effectId !== undefined && !record.effects.some((e) => e.id === effectId)) {
          throw new NotFoundError('RECORD_NOT_FOUND', { detail: 'effect_id' });
        }
        const at = clock.now();
        const again = redeliver(record, effectId, at);
        const what = { at, what: 'redeliver', source: 'operator', proof: 'none' } as const;
        const next = stepped(again, what);
        if ((await store.replace(next, record.version)) === 'replaced') return viewRecord(next);
      }
      throw new StoreError('STORE_CONTENTION');
    },
  };
}
