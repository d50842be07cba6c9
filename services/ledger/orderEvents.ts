/** What can happen to an order: the vocabulary of `decide`. */
import type { AbnormalEvent } from './abnormalState';
import type { DecideContext, Decision, From } from './decision';
import type { OrderRecord, Payment, Prepay } from './record';
import type { RefundAskingEvent } from './refundAsking';
import type { RefundSeenEvent } from './refundSeen';

export type OrderEvent =
  /** Somebody takes the right to ask WeChat, until then; new facts where the state allows a correction. */
  | ({
      readonly type: 'ask';
      readonly until: number;
      readonly facts?: AskFacts;
      /** The version at which WeChat was asked for the number and did not know it. */
      readonly absent_at?: number;
    } & From)
  /** An operator prepares a number again that WeChat refused. */
  | ({
      readonly type: 'prepare';
      readonly facts: PreparedFacts;
      readonly absent_at?: number;
    } & From)
  | ({ readonly type: 'prepay'; readonly prepay: Prepay } & From)
  | ({
      readonly type: 'ask_refused';
      readonly proven: boolean;
      readonly code: string;
      readonly message: string;
      /** An attempt before the refused one had no answer. */
      readonly repeated: boolean;
    } & From)
  | ({ readonly type: 'ask_unknown' } & From)
  /** A proven SUCCESS; `refunded`: the trade_state was REFUND. */
  | ({
      readonly type: 'paid';
      readonly payment: Payment;
      readonly refunded: boolean;
      /** The version in which a notification told it. */
      readonly api?: 'v3' | 'v2';
    } & From)
  /** A proven CLOSED, REVOKED or PAYERROR, or the proven 204 of a close. */
  | ({ readonly type: 'closed'; readonly trade_state: string } & From)
  | ({ readonly type: 'unpaid'; readonly trade_state: string } & From)
  | RefundAskingEvent
  | RefundSeenEvent
  | AbnormalEvent
  /** `onlyIfOpen`: an order found paid meanwhile is left alone. */
  | ({ readonly type: 'reversing'; readonly onlyIfOpen?: boolean } & From)
  /** WeChat reverses nothing any more, and proves that the order is still paid. */
  | ({ readonly type: 'reversal_over' } & From)
  /** A hint is about to be followed: about the payment, or about the refund it names. */
  | ({ readonly type: 'hinted'; readonly out_refund_no?: string } & From);

/** What `ask` may change on an order WeChat has not taken: prepared ones and refused ones. */
export type AskFacts = Partial<
  Pick<
    OrderRecord,
    | 'description'
    | 'attach'
    | 'amount'
    | 'payer'
    | 'payer_named'
    | 'facts_hash'
    | 'request'
    | 'expires_at'
    | 'product'
    | 'appid'
    | 'api'
    | 'sub_mchid'
  >
>;

/** What an operator fixes beforehand. */
export type PreparedFacts = Pick<
  OrderRecord,
  | 'payer'
  | 'appid'
  | 'sub_mchid'
  | 'description'
  | 'attach'
  | 'amount'
  | 'extra'
  | 'facts_hash'
  | 'expire_minutes'
  | 'idle_until'
  | 'expires_at'
>;

export type OrderEventType = OrderEvent['type'];

export type EventOf<T extends OrderEventType> = Extract<OrderEvent, { type: T }>;

export type Handler<T extends OrderEventType> = (
  record: OrderRecord,
  event: EventOf<T>,
  ctx: DecideContext,
) => Decision<OrderRecord>;
