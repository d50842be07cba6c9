/** What is remembered of a refund: it stands in the record of its order, or of the part it belongs to. */
import type { Proof, Source, WechatRequest } from './record';

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
    | 'more_than_is_left'
    | 'number_of_another_order'
    | 'another_transaction'
    | 'another_sub_merchant'
    | 'too_many';
  readonly sub_mchid?: string;
  readonly transaction_id?: string;
  readonly refund_id?: string;
  readonly success_time?: string;
  readonly seen_at: number;
  readonly source: Source;
  readonly proof: Proof;
}
