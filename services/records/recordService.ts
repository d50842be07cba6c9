/** What operators do with records: list, read, deliver an effect again. */
import type { Caller } from '../access/caller';
import { isInReach } from '../access/ownership';
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
import type { RecordListReply, RecordReply } from '../../utils/schemas/operatorReplies';

export interface RecordService {
  /** A caller that sees only one shop of a service provider may get fewer than requested, and goes on with `next`. */
  list(filter: RecordFilter, caller: Caller): Promise<RecordListReply>;
  get(kind: RecordKind, no: string, caller: Caller): Promise<RecordReply>;
  /** Puts an effect, or all dead ones, back on the agenda. */
  redeliver(named: Named, effectId: string | undefined, caller: Caller): Promise<RecordReply>;
}

export interface Named {
  readonly kind: RecordKind;
  readonly no: string;
}

/** Pages that one question reads at most, to find the records of one shop among all. */
const PAGES_MAX = 10;

/** Not a state of any record: selects the damaged records. */
const DAMAGED = 'damaged' as const;

/** Nothing of the content of such a record is shown: it proves nothing. */
const viewDamaged = ({ created_at, ...row }: DamagedRow) => ({
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

  async function find(kind: RecordKind, no: string, caller: Caller): Promise<StoredRecord> {
    const record = await store.find(kind, no);
    if (record === undefined || !isInReach(record, caller))
      throw new NotFoundError('RECORD_NOT_FOUND');
    return record;
  }

  return {
    async list(filter, caller) {
      if (filter.state === DAMAGED) {
        // A damaged record belongs to no shop.
        if (!isInReach({}, caller)) return { records: [], next: null };
        const page = await store.damaged(filter);
        return { records: page.items.map(viewDamaged), next: page.next ?? null };
      }
      const page = await listInReach(store, filter, caller);
      return { records: page.items.map(viewRecord), next: page.next ?? null };
    },
    get: async (kind, no, caller) => viewRecord(await find(kind, no, caller)),
    async redeliver({ kind, no }, effectId, caller) {
      await find(kind, no, caller);
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

/** Read page by page, each no longer than what is still wanted: no record is passed over. */
async function listInReach(
  store: Pick<OrderStore, 'list'>,
  filter: RecordFilter,
  caller: Caller,
): ReturnType<OrderStore['list']> {
  const items: StoredRecord[] = [];
  let { after } = filter;
  for (let page = 0; page < PAGES_MAX; page++) {
    const limit = filter.limit - items.length;
    const from = after === undefined ? {} : { after };
    const read = await store.list({ ...filter, ...from, limit });
    items.push(...read.items.filter((record) => isInReach(record, caller)));
    after = read.next;
    if (after === undefined || items.length >= filter.limit) break;
  }
  return { items, ...(after === undefined ? {} : { next: after }) };
}
