/** What is remembered of an order and of a combination (合单). */
import type { Proof, RecordBase, Source, WechatRequest } from './record';
import type { Refund, RefundContradiction } from './refundRecord';

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

/** WeChat's facts of a payment, in WeChat's spelling; amounts in fen. */
export interface PaymentFacts {
  readonly transaction_id: string;
  readonly total: number;
  /** What the payer paid himself: `total` without coupons. */
  readonly payer_total?: number;
  readonly currency: string;
  readonly appid: string;
  readonly mchid: string;
  /** The shop of a service provider (服务商) that got the money. */
  readonly sub_mchid?: string;
  readonly openid?: string;
  readonly trade_type?: string;
  readonly bank_type?: string;
  readonly success_time?: string;
  /** Coupons, as WeChat states them. */
  readonly promotion_detail?: readonly Readonly<Record<string, unknown>>[];
}

export interface Payment extends PaymentFacts {
  readonly proof: Proof;
  readonly source: Source;
}

export interface Prepay {
  readonly at: number;
  readonly prepay_id?: string;
  readonly h5_url?: string;
  readonly code_url?: string;
}

/** What an order and a combination are alike in: asked for, paid by one payer, refused or closed. */
interface Placed extends RecordBase {
  readonly state: OrderState;
  readonly product: RecordedProduct;
  /** Of the app in which the payment opens: `payer` is an openid of this app. */
  readonly appid: string;
  /** The version of WeChat's API in which it was made; absent = v3. */
  readonly api?: 'v3' | 'v2';
  /** true: the request to WeChat named this payer, so the paying openid is compared. */
  readonly payer_named: boolean;
  readonly made_by: 'payer' | 'operator' | 'adopted';
  /** Hash of what the caller chose: tells a repeat from another order under the same number. */
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
  readonly refunded_elsewhere?: boolean;
  readonly last_hint_at?: number;
  /** WeChat's last refusal, as shown to the caller. */
  readonly refusal?: { readonly code: string; readonly message: string; readonly proven: boolean };
}

export interface OrderRecord extends Placed {
  readonly kind: 'order';
  /** The shop of a service provider (服务商) that it is ordered for. */
  readonly sub_mchid?: string;
  readonly description: string;
  readonly attach?: string;
  readonly amount: { readonly total: number; readonly currency: 'CNY' };
  readonly prepared: boolean;
  readonly expire_minutes?: number;
  /** Prepared without a time_expire of its own: closed then, if nobody has asked for it. */
  readonly idle_until?: number;
  readonly payment?: Payment;
  /** Genuine facts that contradict the payment above. */
  readonly contradictions: readonly Payment[];
  readonly refunds: readonly Refund[];
  readonly refund_contradictions?: readonly RefundContradiction[];
  /** Fields that a prepared order adds to the request: goods_tag, detail, … */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** When the reversal of a payment code order was committed. */
  readonly reversing_at?: number;
  /** When WeChat was seen to have reversed a paid order that we did not reverse. */
  readonly revoked_at?: number;
}

export interface SubOrder {
  readonly mchid: string;
  /** As an order's. */
  readonly sub_mchid?: string;
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
export interface CombinationRecord extends Placed {
  readonly kind: 'combination';
  readonly sub_orders: readonly SubOrder[];
  /** Part numbers ever taken under this number; absent: those of `sub_orders`. */
  readonly parts_taken?: number;
  /** Genuine payments that contradict those of the parts, or of parts we do not hold. */
  readonly contradictions?: readonly Payment[];
}
