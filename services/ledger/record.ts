/**
 * What the service remembers. One record holds facts, history, agenda and effects together, so that one
 * conditional write moves all of it. Moments ending in `_at`/`until`/`at` inside a record are milliseconds
 * since 1970; WeChat's own times keep WeChat's text. Unknown fields are kept by every write.
 */

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
  readonly error?: string;
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

export type Product = 'jsapi' | 'h5' | 'native' | 'app' | 'codepay';
/** Of an adopted payment that came another way: WeChat's trade_type as it stands, `UNKNOWN` where it names none. */
export type RecordedProduct = Product | (string & {});

export type OrderState =
  | 'PREPARED'
  | 'CREATED'
  | 'PENDING'
  | 'PAID'
  | 'REFUNDING'
  | 'PARTIALLY_REFUNDED'
  | 'REFUNDED'
  | 'CLOSED'
  | 'REJECTED'
  | 'MISMATCH'
  | 'REVERSING';

export const ORDER_STATES: readonly OrderState[] = [
  'PREPARED',
  'CREATED',
  'PENDING',
  'PAID',
  'REFUNDING',
  'PARTIALLY_REFUNDED',
  'REFUNDED',
  'CLOSED',
  'REJECTED',
  'MISMATCH',
  'REVERSING',
];

/** How often its payer made us ask WeChat in the minute that began at `since`. */
export interface PayerAsks {
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly count: number;
}

export interface Payment {
  readonly transaction_id: string;
  readonly total: number;
  readonly payer_total?: number;
  readonly currency: string;
  readonly appid: string;
  readonly mchid: string;
  readonly openid?: string;
  readonly trade_type?: string;
  readonly bank_type?: string;
  readonly success_time?: string;
  /** Coupons, as WeChat states them; amounts in fen. */
  readonly promotion_detail?: readonly Readonly<Record<string, unknown>>[];
  readonly proof: Proof;
  readonly source: Source;
}

/** An abnormal refund that is sent on to an account (异常退款): recorded before it was sent. */
export interface AbnormalIntent {
  readonly type: 'USER_BANK_CARD' | 'MERCHANT_BANK_CARD';
  readonly bank_type?: string;
  /** Keyed hash of bank_account. */
  readonly account_hash?: string;
  /** Keyed hash of all that was asked: tells a repeat from another account. */
  readonly facts_hash: string;
  /** Role of the caller, and how it was proven: `operator key`. */
  readonly asked_by: string;
  /** As first sent, repeated byte for byte; card and name are ciphertext. */
  readonly request: WechatRequest;
  readonly requested_at: number;
  readonly attempts: number;
  readonly last_attempt_at: number;
  /** Until then one attempt is under way, and nobody else sends it. */
  readonly asking_until?: number;
  /** It came to nothing: WeChat refused it, or the refund became ABNORMAL again after it. */
  readonly over?: boolean;
}

/** What WeChat states of a refund besides its amount, in fen: of the payer's money, of coupons, of settlement. */
export interface RefundAmounts {
  readonly payer_total?: number;
  readonly payer_refund?: number;
  readonly settlement_total?: number;
  readonly settlement_refund?: number;
  readonly discount_refund?: number;
  readonly refund_fee?: number;
}

export type RefundStatus = 'REQUESTED' | 'PROCESSING' | 'SUCCESS' | 'CLOSED' | 'ABNORMAL';

export interface Refund {
  readonly out_refund_no: string;
  readonly status: RefundStatus;
  readonly refund: number;
  readonly total: number;
  readonly refund_id?: string;
  readonly success_time?: string;
  readonly user_received_account?: string;
  readonly amounts?: RefundAmounts;
  readonly abnormal?: AbnormalIntent;
  /** Coupons given back, as WeChat states them; amounts in fen. A notification names none. */
  readonly promotion_detail?: readonly Readonly<Record<string, unknown>>[];
  readonly reason?: string;
  /**
   * Our own verdict, where WeChat gave none. CLOSED: `rejected`, `released`, `number_taken`.
   * `unresolved`: left to an operator (REQUESTED; earlier versions wrote ABNORMAL).
   */
  readonly verdict?: string;
  readonly facts_hash?: string;
  readonly source: Source;
  readonly requested_at: number;
  readonly last_attempt_at?: number;
  /** How often the request went out in all; the latest attempt's own number. */
  readonly attempts: number;
  /** Until then one attempt is under way, and nobody else sends it. */
  readonly asking_until?: number;
  /** Attempts without a proven refusal: they may still arrive, or may have been carried out. */
  readonly open_attempts?: readonly number[];
  /** The latest attempt that this list knows of: an earlier version beside us counts its own, and lists none. */
  readonly listed_attempts?: number;
  /** WeChat's last refusal. `proven`: by its signature. */
  readonly refusal?: { readonly code: string; readonly proven: boolean; readonly at: number };
  /** When an operator last took it up again; its day to be resolved counts from then. */
  readonly resumed_at?: number;
  /** Since then it is to be freed, as soon as WeChat proves that it holds no such refund. */
  readonly releasing_at?: number;
  /** The request as first sent, repeated byte for byte. */
  readonly request?: WechatRequest;
  /** Proven "no such refund" answers since the last attempt: when the first and the latest came. */
  readonly missing_first_at?: number;
  readonly last_hint_at?: number;
  /** WeChat's last proven answer. */
  readonly wechat?: Readonly<Record<string, unknown>>;
}

/** A genuine refund that cannot be one of this payment's: kept, alarmed, and counted in no sum. */
export interface RefundContradiction {
  readonly out_refund_no: string;
  readonly status: RefundStatus;
  readonly refund: number;
  readonly total: number;
  readonly why:
    'more_than_is_left' | 'number_of_another_order' | 'another_transaction' | 'too_many';
  readonly transaction_id?: string;
  readonly refund_id?: string;
  readonly success_time?: string;
  readonly seen_at: number;
  readonly source: Source;
  readonly proof: Proof;
}

export interface WechatRequest {
  readonly method: 'POST';
  readonly path: string;
  readonly body: string;
  /** Wechatpay-Serial of the key that encrypted fields in the body. */
  readonly serial?: string;
}

export interface Prepay {
  readonly at: number;
  readonly prepay_id?: string;
  readonly h5_url?: string;
  readonly code_url?: string;
}

export interface OrderRecord extends RecordBase {
  readonly kind: 'order';
  readonly state: OrderState;
  readonly product: RecordedProduct;
  readonly appid: string;
  readonly description: string;
  readonly attach?: string;
  readonly amount: { readonly total: number; readonly currency: 'CNY' };
  /** true: the request to WeChat named this payer, so the paying openid is compared. */
  readonly payer_named: boolean;
  readonly made_by: 'payer' | 'operator' | 'adopted';
  readonly prepared: boolean;
  /** Hash of what the caller chose: tells a repeat from another order under the same number. */
  readonly facts_hash: string;
  readonly expire_minutes?: number;
  /** Prepared without a time_expire of its own: closed then, if nobody has asked for it. */
  readonly idle_until?: number;
  readonly expires_at?: number;
  readonly request?: WechatRequest;
  readonly asking_until?: number;
  /**
   * WeChat refused the last ask as wrong input, and is not known to have taken any: the number may be asked for
   * again, corrected. A proven refusal makes it REJECTED instead.
   */
  readonly nothing_accepted?: true;
  /** Until then a copy of an ask without an answer may still arrive at WeChat. */
  readonly copies_until?: number;
  /** Absent while only its maker has asked for it, and only once. */
  readonly payer_asks?: PayerAsks;
  readonly prepay?: Prepay;
  readonly payment?: Payment;
  /** Genuine facts that contradict the payment above. */
  readonly contradictions: readonly Payment[];
  readonly refunds: readonly Refund[];
  readonly refund_contradictions?: readonly RefundContradiction[];
  readonly refunded_elsewhere?: boolean;
  /** Fields that a prepared order adds to the request: goods_tag, detail, … */
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly last_hint_at?: number;
  /** When the reversal of a payment code order was committed. */
  readonly reversing_at?: number;
  /** When WeChat was seen to have reversed a paid order that we did not reverse. */
  readonly revoked_at?: number;
  /** WeChat's last refusal, as shown to the caller. */
  readonly refusal?: { readonly code: string; readonly message: string; readonly proven: boolean };
}

export type TransferState =
  | 'CREATED'
  | 'ACCEPTED'
  | 'PROCESSING'
  | 'WAIT_USER_CONFIRM'
  | 'TRANSFERING'
  | 'SUCCESS'
  | 'FAIL'
  | 'CANCELING'
  | 'CANCELLED';

export const TRANSFER_STATES: readonly TransferState[] = [
  'CREATED',
  'ACCEPTED',
  'PROCESSING',
  'WAIT_USER_CONFIRM',
  'TRANSFERING',
  'SUCCESS',
  'FAIL',
  'CANCELING',
  'CANCELLED',
];

export interface TransferRecord extends RecordBase {
  readonly kind: 'transfer';
  readonly state: TransferState;
  readonly appid: string;
  readonly transfer_amount: number;
  readonly transfer_scene_id?: string;
  readonly transfer_remark?: string;
  readonly facts_hash: string;
  readonly request?: WechatRequest;
  readonly attempts: number;
  readonly last_attempt_at?: number;
  /** Until then one attempt is under way, and nobody else sends it. */
  readonly asking_until?: number;
  readonly transfer_bill_no?: string;
  readonly package_info?: string;
  readonly fail_reason?: string;
  readonly update_time?: string;
  readonly success_time?: string;
  readonly last_hint_at?: number;
  readonly wechat?: Readonly<Record<string, unknown>>;
}

export interface SubOrder {
  readonly mchid: string;
  readonly out_trade_no: string;
  readonly description: string;
  readonly amount: { readonly total_amount: number; readonly currency: 'CNY' };
  readonly attach?: string;
  readonly trade_state?: string;
  readonly payment?: Payment;
  readonly refunds: readonly Refund[];
  readonly refund_contradictions?: readonly RefundContradiction[];
}

/** A combined order: states as an order's; paid when every sub-order is. */
export interface CombinationRecord extends RecordBase {
  readonly kind: 'combination';
  readonly state: OrderState;
  readonly product: RecordedProduct;
  readonly appid: string;
  readonly payer_named: boolean;
  readonly made_by: 'payer' | 'operator' | 'adopted';
  readonly facts_hash: string;
  readonly expires_at?: number;
  readonly request?: WechatRequest;
  readonly asking_until?: number;
  /**
   * WeChat refused the last ask as wrong input, and is not known to have taken any: the number may be asked for
   * again, corrected. A proven refusal makes it REJECTED instead.
   */
  readonly nothing_accepted?: true;
  /** Until then a copy of an ask without an answer may still arrive at WeChat. */
  readonly copies_until?: number;
  /** Absent while only its maker has asked for it, and only once. */
  readonly payer_asks?: PayerAsks;
  readonly prepay?: Prepay;
  readonly sub_orders: readonly SubOrder[];
  /** Part numbers ever taken under this number; absent: those of `sub_orders`. */
  readonly parts_taken?: number;
  /** Genuine payments that contradict those of the parts, or of parts we do not hold. */
  readonly contradictions?: readonly Payment[];
  readonly refunded_elsewhere?: boolean;
  readonly last_hint_at?: number;
  readonly refusal?: { readonly code: string; readonly message: string; readonly proven: boolean };
}

export interface ReportRecord extends RecordBase {
  readonly kind: 'report';
  readonly bill_date: string;
  readonly report: Readonly<Record<string, unknown>>;
}

export type StoredRecord = OrderRecord | TransferRecord | CombinationRecord | ReportRecord;

export type RecordOf<K extends RecordKind> = Extract<StoredRecord, { readonly kind: K }>;
