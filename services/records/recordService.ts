/** What operators do with records: list, read, deliver an effect again. */
import { redeliver } from '../ledger/outbox';
import { stepped } from '../ledger/decision';
import type { RecordKind, StoredRecord } from '../ledger/record';
import { viewRecord } from './recordView';
import type { DamagedRow } from '../stores/damage';
import type { OrderStore, RecordFilter } from '../stores/orderStore';
import type { Clock } from '../../utils/clock';
import { ConflictError, NotFoundError, StoreError } from '../../utils/errors';
import { toRfc3339 } from '../../utils/time';

type Json = Readonly<Record<string, unknown>>;

export interface RecordService {
  list(filter: RecordFilter): Promise<{ records: readonly Json[]; next: string | null }>;
  get(kind: RecordKind, no: string): Promise<Json>;
  /** Puts an effect, or all dead ones, back on the agenda. */
  redeliver(kind: RecordKind, no: string, effectId: string | undefined): Promise<Json>;
}

const TRIES_MAX = 20;
/** Not a state that any record has: the records that are not believed. */
const DAMAGED = 'damaged';

/** Of what stands in such a record nothing is shown: it is nobody's word. */
const viewDamaged = ({ created_at, ...row }: DamagedRow): Json => ({
  ...row,
  state: DAMAGED,
  created_at: created_at === undefined ? null : toRfc3339(created_at),
});

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
      if (filter.state === DAMAGED) {
        const page = await store.damaged(filter);
        return { records: page.items.map(viewDamaged), next: page.next ?? null };
      }
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
