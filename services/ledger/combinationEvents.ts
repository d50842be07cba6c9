/** What can happen to a combination (合单): the vocabulary of `decideCombination`. */
import type { From } from './decision';
import type { AskFacts, EventOf, OrderEvent } from './orderEvents';
import type { CombinationRecord, Payment } from './record';

/** A part as WeChat proved it paid; `refunded`: its trade_state was REFUND. */
export interface PaidPart {
  readonly out_trade_no: string;
  readonly payment: Payment;
  readonly refunded: boolean;
}

/** Events of one part: its refunds, and hints about them. */
export type PartEvent = EventOf<
  | 'refund_request'
  | 'refund_attempt'
  | 'refund_seen'
  | 'refund_refused'
  | 'refund_unanswered'
  | 'refund_missing'
  | 'refund_unresolved'
  | 'refund_withdrawn'
  | 'refund_release'
  | 'abnormal_ask'
  | 'abnormal_refused'
  | 'hinted'
>;

export type CombinationAskFacts = AskFacts & Pick<CombinationRecord, 'sub_orders'>;

export type CombinationEvent =
  | ({
      readonly type: 'ask';
      readonly until: number;
      readonly facts?: CombinationAskFacts;
      /** As of an order's ask. */
      readonly absent_at?: number;
    } & From)
  | EventOf<'prepay' | 'ask_refused' | 'ask_unknown' | 'closed' | 'unpaid' | 'hinted'>
  | ({ readonly type: 'paid'; readonly parts: readonly PaidPart[] } & From)
  | { readonly type: 'part'; readonly out_trade_no: string; readonly event: PartEvent };

export type CombinationEventType = CombinationEvent['type'];

const PART_EVENTS: ReadonlySet<string> = new Set<PartEvent['type']>([
  'refund_request',
  'refund_attempt',
  'refund_seen',
  'refund_refused',
  'refund_unanswered',
  'refund_missing',
  'refund_unresolved',
  'refund_withdrawn',
  'refund_release',
  'abnormal_ask',
  'abnormal_refused',
  'hinted',
]);
export const isPartEvent = (event: OrderEvent): event is PartEvent => PART_EVENTS.has(event.type);
