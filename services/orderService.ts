/**
 * The plug: insert, find, apply. An event is decided by the pure part (`ledger`) and written by the one writer
 * (`records/recordWriter`), once, however often it is asked.
 */
import type { DecideContext } from './ledger/decision';
import type { OrderEvent } from './ledger/orderState';
import {
  isPaidCombination,
  isPartEvent,
  isPartView,
  partAsOrder,
  type CombinationEvent,
  type PartEvent,
} from './ledger/combinationState';
import type { TransferEvent } from './ledger/transferState';
import { RECORD_KINDS } from './ledger/recordKinds';
import type { CombinationRecord, OrderRecord, StoredRecord, TransferRecord } from './ledger/record';
import { createPartNumbers, holderOfPart, type PartNumbers } from './records/partNumbers';
import type { Applied, ChangeOptions, RecordWriter } from './records/recordWriter';
import type { OrderStore } from './stores/orderStore';
import type { Clock } from '../utils/clock';

export type { Applied } from './records/recordWriter';

export interface OrderService {
  insert(record: StoredRecord): Promise<'inserted' | 'exists'>;
  findOrder(no: string): Promise<OrderRecord | undefined>;
  findTransfer(no: string): Promise<TransferRecord | undefined>;
  findCombination(no: string): Promise<CombinationRecord | undefined>;
  /** Numbers of parts: which are free, and taking them. */
  readonly parts: PartNumbers;
  /** Makes a refund's number lead to this order. @returns whose it is now. */
  reserveRefund(no: string, order: string): Promise<'ours' | 'another'>;
  /** Whether a combination we hold, and WeChat did not provably refuse, has a part of this number. */
  isPart(no: string): Promise<boolean>;
  /** As `isPart`, of a combination that could be paid from here: an order of this number is its money. */
  isPayablePart(no: string): Promise<boolean>;
  /** What can be refunded under this number: an order, or the part of a combination seen as one. */
  findRefundable(no: string): Promise<OrderRecord | undefined>;
  /**
   * Applies an event to an order, once; a refund's also to the part of a combination with that number.
   * @throws StoreError STORE_CONTENTION when others keep winning · UpstreamError past `deadline`.
   */
  apply(
    no: string,
    event: OrderEvent,
    options?: ChangeOptions<OrderRecord>,
  ): Promise<Applied<OrderRecord>>;
  applyTransfer(
    no: string,
    event: TransferEvent,
    options?: ChangeOptions<TransferRecord>,
  ): Promise<Applied<TransferRecord>>;
  applyCombination(
    no: string,
    event: CombinationEvent,
    options?: ChangeOptions<CombinationRecord>,
  ): Promise<Applied<CombinationRecord>>;
  context(): DecideContext;
}

export interface OrderServiceDeps {
  readonly store: Pick<OrderStore, 'find' | 'reservation'>;
  readonly writer: RecordWriter;
  readonly clock: Clock;
  /** Is anyone to be told of effects? */
  readonly sink: boolean;
}

export function createOrderService(deps: OrderServiceDeps): OrderService {
  const { store, writer } = deps;
  return {
    insert: (record) => writer.create(record),
    findOrder: (no) => store.find('order', no),
    findTransfer: (no) => store.find('transfer', no),
    findCombination: (no) => store.find('combination', no),
    parts: createPartNumbers(deps),
    reserveRefund: (no, order) => writer.reserve('refund', no, order),
    async isPart(no) {
      const whole = await holderOfPart(store, no);
      return whole !== undefined && whole.state !== 'REJECTED';
    },
    async isPayablePart(no) {
      const whole = await holderOfPart(store, no);
      return whole !== undefined && (whole.prepay !== undefined || isPaidCombination(whole));
    },
    findRefundable: async (no) => (await store.find('order', no)) ?? findPart(deps, no),
    apply: (no, event, options) => applyToOrder(deps, no, event, options),
    applyTransfer: (no, event, options) =>
      writer.change<TransferRecord>(
        { kind: 'transfer', no },
        (record) => RECORD_KINDS.transfer.decide(record, event, contextOf(deps)),
        options,
      ),
    applyCombination: (no, event, options) => applyToCombination(deps, no, event, options),
    context: () => contextOf(deps),
  };
}

const contextOf = ({ clock, sink }: OrderServiceDeps): DecideContext => ({
  now: clock.now(),
  sink,
});

async function findPart({ store }: OrderServiceDeps, no: string): Promise<OrderRecord | undefined> {
  const whole = await holderOfPart(store, no);
  return whole === undefined ? undefined : partAsOrder(whole, no);
}

async function applyToOrder(
  deps: OrderServiceDeps,
  no: string,
  event: OrderEvent,
  options: ChangeOptions<OrderRecord> = {},
): Promise<Applied<OrderRecord>> {
  const { known, deadline } = options;
  const part = isPartEvent(event);
  // A view of a part is made again: the record that is written is the combination.
  if (part && known !== undefined && isPartView(known)) {
    return applyToPart(deps, no, event, deadline);
  }
  const done = await deps.writer.change<OrderRecord>(
    { kind: 'order', no },
    (record) => RECORD_KINDS.order.decide(record, event, contextOf(deps)),
    options,
  );
  return part && done.outcome === 'absent' ? applyToPart(deps, no, event, deadline) : done;
}

const applyToCombination = (
  deps: OrderServiceDeps,
  no: string,
  event: CombinationEvent,
  options?: ChangeOptions<CombinationRecord>,
): Promise<Applied<CombinationRecord>> =>
  deps.writer.change<CombinationRecord>(
    { kind: 'combination', no },
    (record) => RECORD_KINDS.combination.decide(record, event, contextOf(deps)),
    options,
  );

async function applyToPart(
  deps: OrderServiceDeps,
  no: string,
  event: PartEvent,
  deadline: number | undefined,
): Promise<Applied<OrderRecord>> {
  const whole = await holderOfPart(deps.store, no);
  if (whole === undefined || partAsOrder(whole, no) === undefined) return { outcome: 'absent' };
  const done = await applyToCombination(
    deps,
    whole.no,
    { type: 'part', out_trade_no: no, event },
    { known: whole, ...(deadline === undefined ? {} : { deadline }) },
  );
  const record = done.outcome === 'absent' ? undefined : partAsOrder(done.record, no);
  if (done.outcome === 'absent' || record === undefined) return { outcome: 'absent' };
  return { ...done, record };
}
