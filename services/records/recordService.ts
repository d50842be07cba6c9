/** What operators do with records: list, read, deliver an effect again. */
import { redeliver } from '../ledger/outbox';
import { nextVersion } from '../ledger/decision';
import type { RecordKind, StoredRecord } from '../ledger/record';
import { viewRecord } from './recordView';
import type { RecordWriter } from './recordWriter';
import type { DamagedRow } from '../stores/damage';
import type { OrderStore, RecordFilter } from '../stores/orderStore';
import type { Clock } from '../../utils/clock';
import { ConflictError, NotFoundError } from '../../utils/errors';
import { toRfc3339 } from '../../utils/time';

type Json = Readonly<Record<string, unknown>>;

export interface RecordService {
  list(filter: RecordFilter): Promise<{ records: readonly Json[]; next: string | null }>;
  get(kind: RecordKind, no: string): Promise<Json>;
  /** Puts an effect, or all dead ones, back on the agenda. */
  redeliver(kind: RecordKind, no: string, effectId: string | undefined): Promise<Json>;
}

/** Not a state that any record has: the records that are not believed. */
const DAMAGED = 'damaged';

/** Of what stands in such a record nothing is shown: it is nobody's word. */
const viewDamaged = ({ created_at, ...row }: DamagedRow): Json => ({
  ...row,
  state: DAMAGED,
  created_at: created_at === undefined ? null : toRfc3339(created_at),
});

export function createRecordService(deps: {
  store: Pick<OrderStore, 'find' | 'list' | 'damaged'>;
  writer: RecordWriter;
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
      const done = await deps.writer.change({ kind, no }, (record) => {
        if (effectId !== undefined && !record.effects.some((e) => e.id === effectId)) {
          throw new NotFoundError('RECORD_NOT_FOUND', { detail: 'effect_id' });
        }
        const at = clock.now();
        const line = { at, what: 'redeliver', source: 'operator', proof: 'none' } as const;
        return { kind: 'next', record: nextVersion(redeliver(record, effectId, at), line) };
      });
      if (done.outcome === 'absent') throw new NotFoundError('RECORD_NOT_FOUND');
      return viewRecord(done.record);
    },
  };
}
