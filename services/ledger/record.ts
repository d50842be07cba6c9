/**
 * What the service remembers. One record holds facts, history, agenda and effects together, so that one
 * conditional write moves all of it. Moments ending in `_at`/`until`/`at` inside a record are milliseconds
 * since 1970; WeChat's own times keep WeChat's text. Unknown fields are kept by every write.
 */

import type { CombinationRecord, OrderRecord } from './orderRecord';
import type { TransferRecord } from './transferRecord';

export * from './orderRecord';
export * from './refundRecord';
export * from './transferRecord';

/** The format this build writes. A record whose `min_reader` is above it is refused, never rewritten. */
export const SCHEMA_VERSION = 3;

export type RecordKind = 'order' | 'combination' | 'transfer' | 'report';

export type Source = 'payer' | 'operator' | 'reply' | 'callback' | 'query' | 'sweep' | 'system';
/** How a fact was proven: WeChat's signature over it, the AES-GCM tag, or not at all (our own doing). */
export type Proof = 'signature' | 'decryption' | 'none';

export interface HistoryEntry {
  readonly at: number;
  /** A `HistoryCode`; records of earlier versions hold sentences. */
  readonly what: string;
  readonly source: Source;
  readonly proof: Proof;
  readonly detail?: string;
}

export type AgendaVerb =
  | 'deliver' // the first effect not yet settled
  | 'query' // payment ladder
  | 'expire' // query → close → query
  | 'refund' // follow or repeat the refund `key`
  | 'transfer' // follow or repeat the transfer
  | 'reverse'; // repeat the reversal of a payment code order

export interface AgendaItem {
  readonly do: AgendaVerb;
  /** out_refund_no, where `do` is `refund`. */
  readonly key?: string;
  readonly at: number;
  readonly tries: number;
}

export type EffectType =
  | 'order.created'
  | 'order.paid'
  | 'order.paid_after_close'
  | 'order.closed'
  | 'order.mismatch'
  | 'order.adopted'
  | 'order.refunded_elsewhere'
  | 'refund.requested'
  | 'refund.succeeded'
  | 'refund.abnormal'
  | 'refund.unresolved'
  | 'refund.closed'
  | 'transfer.accepted'
  | 'transfer.succeeded'
  | 'transfer.failed'
  | 'transfer.cancelled';

export type EffectState = 'pending' | 'delivered' | 'dead' | 'skipped';

export interface Effect {
  /** Stable: the same for every delivery and redelivery. */
  readonly id: string;
  readonly type: EffectType;
  readonly at: number;
  /** Amounts, payer, our state and WeChat's facts as they were at that moment. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly state: EffectState;
  readonly tries: number;
  readonly settled_at?: number;
  /** A `DeliveryCode`; records of earlier versions hold sentences. */
  readonly error?: string;
  readonly error_detail?: string;
}

/** A record is identified by `(mchid, kind, no)`: numbers are unique within a merchant. */
export interface RecordBase {
  /** Whose it is. A combination: combine_mchid. */
  readonly mchid: string;
  readonly kind: RecordKind;
  /** out_trade_no, combine_out_trade_no, out_bill_no, or the report's name. */
  readonly no: string;
  readonly state: string;
  readonly schema: number;
  readonly min_reader?: number;
  /** 1 after the insert, one more with every replace. */
  readonly version: number;
  readonly created_at: number;
  readonly updated_at: number;
  /** openid of the payer (transfer: of the receiver), once bound. */
  readonly payer?: string;
  readonly history: readonly HistoryEntry[];
  readonly agenda: readonly AgendaItem[];
  readonly lease_until?: number;
  readonly effects: readonly Effect[];
  /** Effects made so far: names the next effect's id. */
  readonly effect_seq: number;
}

export interface WechatRequest {
  readonly method: 'POST';
  readonly path: string;
  readonly body: string;
  /** Wechatpay-Serial of the key that encrypted fields in the body. */
  readonly serial?: string;
}

export interface ReportRecord extends RecordBase {
  readonly kind: 'report';
  readonly bill_date: string;
  readonly report: Readonly<Record<string, unknown>>;
}

export type StoredRecord = OrderRecord | TransferRecord | CombinationRecord | ReportRecord;

export type RecordOf<K extends RecordKind> = Extract<StoredRecord, { readonly kind: K }>;
