/**
 * What a receiver gets: CloudEvents 1.0, told apart by `type`. Published as JSON Schema in
 * `docs/effects.schema.json`; a test holds the two together. Amounts are integers in fen (分). Fields may
 * be added to `data`, never taken away or given another meaning.
 */
import type {
  EffectType,
  OrderState,
  PaymentFacts,
  RecordedProduct,
  RefundAmounts,
  RefundStatus,
  TransferState,
} from './record';

export type { PaymentFacts } from './record';

interface Common {
  readonly mchid: string;
  readonly appid: string;
  /** Our state of the record at that moment. */
  readonly state: string;
  /** openid of the payer (transfer: of the receiver), where known. */
  readonly payer?: { readonly openid: string };
}

/** A coupon as WeChat states it: `coupon_id` or `promotion_id`, `amount`, of a refund `refund_amount`, … */
export type Coupon = Readonly<Record<string, unknown>>;

/** One part of a combined order. */
export interface SubOrderData {
  readonly out_trade_no: string;
  readonly mchid: string;
  readonly sub_mchid?: string;
  readonly description: string;
  readonly amount: { readonly total_amount: number; readonly currency: 'CNY' };
  readonly attach?: string;
  readonly payment?: PaymentFacts;
}

export interface OrderData extends Common {
  /** A combination's number stands in `combine_out_trade_no`, and its parts in `sub_orders`. */
  readonly kind: 'order' | 'combination';
  /** The shop of a service provider (服务商); of a combination each part has its own. */
  readonly sub_mchid?: string;
  readonly state: OrderState;
  /** How it was ordered; of an adopted payment that came another way, WeChat's trade_type. */
  readonly product: RecordedProduct;
  readonly out_trade_no?: string;
  readonly combine_out_trade_no?: string;
  readonly description?: string;
  readonly attach?: string;
  /** What was asked for. Who chose it tells `prepared`. */
  readonly amount: { readonly total: number; readonly currency: 'CNY' };
  /** true: the price was fixed by an operator. false: the client chose it, so compare it. */
  readonly prepared: boolean;
  readonly made_by: 'payer' | 'operator' | 'adopted';
  readonly sub_orders?: readonly SubOrderData[];
}

/** An order with the money that was proven to have come in. */
export interface PaidOrderData extends OrderData {
  readonly payment?: PaymentFacts;
  /** true: WeChat speaks of a refund that was not made here; nothing is to be delivered for it. */
  readonly refunded_elsewhere?: boolean;
}

/** Genuine facts that do not fit the order: nothing may be delivered for it. */
export interface MismatchData extends PaidOrderData {
  /** What came later and contradicts `payment`. */
  readonly contradictions?: readonly PaymentFacts[];
}

export interface RefundData extends Common {
  readonly kind: 'order' | 'combination';
  readonly sub_mchid?: string;
  readonly out_trade_no: string;
  readonly combine_out_trade_no?: string;
  readonly transaction_id?: string;
  readonly out_refund_no: string;
  readonly refund_id?: string;
  readonly refund_status: RefundStatus;
  /** With what the payer paid and got back himself, where WeChat stated it: `payer_total`, `payer_refund`, … */
  readonly amount: RefundAmounts & {
    readonly refund: number;
    readonly total: number;
    readonly currency: 'CNY';
  };
  /** Coupons given back. */
  readonly promotion_detail?: readonly Coupon[];
  readonly reason?: string;
  /** Our own verdict, where WeChat gave none: `rejected`, `released`, `number_taken`, `unresolved`. */
  readonly verdict?: string;
  readonly success_time?: string;
  readonly user_received_account?: string;
}

export interface TransferData extends Common {
  readonly kind: 'transfer';
  readonly state: TransferState;
  readonly out_bill_no: string;
  readonly transfer_bill_no?: string;
  readonly transfer_amount: number;
  readonly transfer_scene_id?: string;
  readonly transfer_remark?: string;
  readonly fail_reason?: string;
  readonly update_time?: string;
  readonly success_time?: string;
  /** Whether the receiver has to confirm: hand it to `wx.requestMerchantTransfer`. */
  readonly package_info?: string;
}

export interface EffectDataOf {
  readonly 'order.created': OrderData;
  readonly 'order.paid': PaidOrderData;
  readonly 'order.paid_after_close': PaidOrderData;
  readonly 'order.closed': OrderData;
  readonly 'order.mismatch': MismatchData;
  readonly 'order.adopted': PaidOrderData;
  readonly 'order.refunded_elsewhere': PaidOrderData;
  readonly 'refund.requested': RefundData;
  readonly 'refund.succeeded': RefundData;
  readonly 'refund.abnormal': RefundData;
  readonly 'refund.unresolved': RefundData;
  readonly 'refund.closed': RefundData;
  readonly 'transfer.accepted': TransferData;
  readonly 'transfer.succeeded': TransferData;
  readonly 'transfer.failed': TransferData;
  readonly 'transfer.cancelled': TransferData;
}

interface Envelope<T extends EffectType> {
  readonly specversion: '1.0';
  /** The effect's id: remember it, and a second delivery does no harm. */
  readonly id: string;
  readonly type: T;
  /** `/pay-common/<mchid>`. */
  readonly source: string;
  /** The record's number: out_trade_no, combine_out_trade_no or out_bill_no. */
  readonly subject: string;
  /** RFC 3339, +08:00: when the effect was made, not when it was sent. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: EffectDataOf[T];
}

/** Told apart by `type`: a `switch` over it narrows `data`. */
export type CloudEvent = { readonly [T in EffectType]: Envelope<T> }[EffectType];

/** Every type once; the compiler refuses the list when one is missing. */
const TYPES: Readonly<Record<EffectType, true>> = {
  'order.created': true,
  'order.paid': true,
  'order.paid_after_close': true,
  'order.closed': true,
  'order.mismatch': true,
  'order.adopted': true,
  'order.refunded_elsewhere': true,
  'refund.requested': true,
  'refund.succeeded': true,
  'refund.abnormal': true,
  'refund.unresolved': true,
  'refund.closed': true,
  'transfer.accepted': true,
  'transfer.succeeded': true,
  'transfer.failed': true,
  'transfer.cancelled': true,
};

export const EFFECT_TYPES = Object.keys(TYPES) as readonly EffectType[];
