/**
 * What happened to orders and transfers: writes records, once, whoever asks and however often.
 * The pure part decides (`orderState`, `transferState`); this part reads, writes conditionally and,
 * when another was faster, reads and decides again.
 */
import type { DecideContext, Decision } from './ledger/decision';
import { decide, type OrderEvent } from './ledger/orderState';
import {
  decideCombination,
  isPaidCombination,
  isPartEvent,
  isPartView,
  partAsOrder,
  type CombinationEvent,
  type PartEvent,
} from './ledger/combinationState';
import { createPartNumbers, holderOfPart, type PartNumbers } from './combinations/partNumbers';
import { decideTransfer, type TransferEvent } from './ledger/transferState';
import type { CombinationRecord, OrderRecord, StoredRecord, TransferRecord } from './ledger/record';
import type { OrderStore } from './stores/orderStore';
import type { Clock } from '../utils/clock';
import { StoreError, UpstreamError, type ErrorCode } from '../utils/errors';
import type { Logger } from '../utils/logger';

/** Writers racing on one record: each lost race means that another one got on. */
const TRIES_MAX = 40;

export type Applied<R> =
  | { readonly outcome: 'applied'; readonly record: R }
  | { readonly outcome: 'ignored'; readonly record: R; readonly why: string }
  | {
      readonly outcome: 'conflict';
      readonly record: R;
      readonly code: ErrorCode;
      readonly why: string;
    }
  | { readonly outcome: 'absent' };

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
   * @param known the record as just read or written: saves the first read.
   * @throws StoreError STORE_CONTENTION when others keep winning · UpstreamError past `deadline`.
   */
  apply(
    no: string,
    event: OrderEvent,
    options?: ApplyOptions<OrderRecord>,
  ): Promise<Applied<OrderRecord>>;
  applyTransfer(
    no: string,
    event: TransferEvent,
    options?: ApplyOptions<TransferRecord>,
  ): Promise<Applied<TransferRecord>>;
  applyCombination(
    no: string,
    event: CombinationEvent,
    options?: ApplyOptions<CombinationRecord>,
  ): Promise<Applied<CombinationRecord>>;
  context(): DecideContext;
}

export interface ApplyOptions<R> {
  readonly known?: R;
  /** Milliseconds since 1970. */
  readonly deadline?: number;
}

export interface OrderServiceDeps {
  readonly store: OrderStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Is anyone to be told of effects? */
  readonly sink: boolean;
}

export function createOrderService(deps: OrderServiceDeps): OrderService {
  const { store, clock, logger } = deps;
  const context = (): DecideContext => ({ now: clock.now(), sink: deps.sink });

  /** The numbers a new record leads from: reserved before the write, harmless if the write never comes. */
  async function reserveNumbers(
    before: StoredRecord | undefined,
    after: StoredRecord,
  ): Promise<void> {
    const now = clock.now();
    await Promise.all(
      numbersOf(after, before).map(async ([kind, no, owner = after.no]) => {
        if ((await store.reserve(kind, no, owner, now)) === 'reserved') return;
        logger.error({ alarm: true, kind, no, reason: 'number of another record' }, 'number taken');
      }),
    );
  }

  /** Reservations come before the fact they lead to: harmless without it, never missing with it. */
  async function write(next: StoredRecord, before: StoredRecord): Promise<'replaced' | 'conflict'> {
    const reserved = reserveNumbers(before, next);
    if (store.inOrder !== true) await reserved;
    const [written] = await Promise.all([store.replace(next, before.version), reserved]);
    return written;
  }

  async function change<R extends OrderRecord | TransferRecord | CombinationRecord>(
    find: () => Promise<R | undefined>,
    decideOn: (record: R) => Decision<R>,
    options: ApplyOptions<R>,
  ): Promise<Applied<R>> {
    let record = options.known ?? (await find());
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (record === undefined) return { outcome: 'absent' };
      if (options.deadline !== undefined && clock.now() >= options.deadline) {
        throw new UpstreamError('STORE_CONTENTION', { detail: 'deadline' });
      }
      const decision = decideOn(record);
      if (decision.kind === 'ignored') return { outcome: 'ignored', record, why: decision.why };
      if (decision.kind === 'conflict') {
        return { outcome: 'conflict', record, code: decision.code, why: decision.why };
      }
      const written = await write(decision.record, record);
      if (written === 'replaced') {
        tell(record, decision);
        return { outcome: 'applied', record: decision.record };
      }
      record = await find();
    }
    throw new StoreError('STORE_CONTENTION');
  }

  function tell(before: StoredRecord, decision: Decision<StoredRecord> & { kind: 'next' }): void {
    const { record, alarm, alarmCode } = decision;
    const fields = {
      kind: record.kind,
      no: record.no,
      state: record.state,
      version: record.version,
    };
    const code = alarmCode === undefined ? {} : { code: alarmCode };
    if (alarm !== undefined) {
      logger.error({ ...fields, ...code, alarm: true, reason: alarm }, 'alarm');
    } else if (before.state !== record.state) logger.info(fields, 'state');
  }

  const applyCombination: OrderService['applyCombination'] = (no, event, options = {}) =>
    change(
      () => store.find('combination', no),
      (record) => decideCombination(record, event, context()),
      options,
    );

  async function applyPart(
    no: string,
    event: PartEvent,
    deadline: number | undefined,
  ): Promise<Applied<OrderRecord>> {
    const whole = await holderOfPart(store, no);
    if (whole === undefined || partAsOrder(whole, no) === undefined) return { outcome: 'absent' };
    const done = await applyCombination(
      whole.no,
      { type: 'part', out_trade_no: no, event },
      { known: whole, ...(deadline === undefined ? {} : { deadline }) },
    );
    const record = done.outcome === 'absent' ? undefined : partAsOrder(done.record, no);
    if (done.outcome === 'absent' || record === undefined) return { outcome: 'absent' };
    return { ...done, record };
  }

  return {
    context,
    applyCombination,
    findCombination: (no) => store.find('combination', no),
    parts: createPartNumbers(deps),
    reserveRefund: async (no, order) =>
      (await store.reserve('refund', no, order, clock.now())) === 'reserved' ? 'ours' : 'another',
    async isPart(no) {
      const whole = await holderOfPart(store, no);
      return whole !== undefined && whole.state !== 'REJECTED';
    },
    async isPayablePart(no) {
      const whole = await holderOfPart(store, no);
      return whole !== undefined && (whole.prepay !== undefined || isPaidCombination(whole));
    },
    async findRefundable(no) {
      const order = await store.find('order', no);
      if (order !== undefined) return order;
      const whole = await holderOfPart(store, no);
      return whole === undefined ? undefined : partAsOrder(whole, no);
    },
    async insert(record) {
      await reserveNumbers(undefined, record);
      const result = await store.insert(record);
      if (result === 'inserted') {
        logger.debug({ kind: record.kind, no: record.no, state: record.state }, 'recorded');
      }
      return result;
    },
    findOrder: (no) => store.find('order', no),
    findTransfer: (no) => store.find('transfer', no),
    async apply(no, event, options = {}) {
      const { known, deadline } = options;
      const part = isPartEvent(event);
      // A view of a part is read anew: what is written is the combination.
      if (part && known !== undefined && isPartView(known)) return applyPart(no, event, deadline);
      const done = await change(
        () => store.find('order', no),
        (record) => decide(record, event, context()),
        options,
      );
      return part && done.outcome === 'absent' ? applyPart(no, event, deadline) : done;
    },
    applyTransfer: (no, event, options = {}) =>
      change(
        () => store.find('transfer', no),
        (record) => decideTransfer(record, event, context()),
        options,
      ),
  };
}

/** Kind and number, and whose it is where that is not the record's own. */
type NumberOf = readonly ['refund' | 'transaction' | 'transfer_bill', string, string?];

/** A part's numbers lead to the part: that is where its refunds are. */
function partNumbers(
  after: CombinationRecord,
  before: CombinationRecord | undefined,
): readonly NumberOf[] {
  return after.sub_orders.flatMap((part) => {
    const { out_trade_no: owner, payment, refunds } = part;
    const was = before?.sub_orders.find((one) => one.out_trade_no === owner);
    const fresh = refunds.filter(
      ({ out_refund_no: no }) => was?.refunds.some((r) => r.out_refund_no === no) !== true,
    );
    const numbers = fresh.map(({ out_refund_no: no }): NumberOf => ['refund', no, owner]);
    return payment === undefined || was?.payment !== undefined
      ? numbers
      : [...numbers, ['transaction', payment.transaction_id, owner] as const];
  });
}

/** Numbers that `after` holds and `before` did not. */
function numbersOf(after: StoredRecord, before: StoredRecord | undefined): readonly NumberOf[] {
  const numbers: NumberOf[] = [];
  if (after.kind === 'combination') {
    return partNumbers(after, before?.kind === 'combination' ? before : undefined);
  }
  if (after.kind === 'order') {
    const was = before?.kind === 'order' ? before : undefined;
    if (after.payment !== undefined && was?.payment === undefined) {
      numbers.push(['transaction', after.payment.transaction_id]);
    }
    for (const payment of after.contradictions.slice(was?.contradictions.length ?? 0)) {
      numbers.push(['transaction', payment.transaction_id]);
    }
    for (const { out_refund_no: no } of after.refunds) {
      if (was?.refunds.some((r) => r.out_refund_no === no) !== true) numbers.push(['refund', no]);
    }
  }
  if (after.kind === 'transfer' && after.transfer_bill_no !== undefined) {
    const was = before?.kind === 'transfer' ? before : undefined;
    if (was?.transfer_bill_no === undefined) {
      numbers.push(['transfer_bill', after.transfer_bill_no]);
    }
  }
  return numbers;
}
