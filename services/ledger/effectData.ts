/**
 * The `data` of an effect, from the record as it is after the change. Pure. To add an effect, take
 * it from here, so that what is sent is what `effectTypes.ts` and the published schema say.
 */
import type { EffectOf } from './outbox';
import type {
  CombinationRecord,
  EffectType,
  OrderRecord,
  Payment,
  Refund,
  SubOrder,
  TransferRecord,
} from './record';
import { exactOptional } from '../../utils/exactOptional';
import { sumFen } from '../../utils/money';
import type {
  MismatchData,
  PaymentFacts,
  RefundData,
  SubOrderData,
  TransferData,
} from './effectTypes';

type Effect<R> = (type: EffectType) => EffectOf<R>;

export const orderEffect: Effect<OrderRecord> = (type) => ({ type, data: orderEffectData });
export const combinationEffect: Effect<CombinationRecord> = (type) => ({
  type,
  data: combinationEffectData,
});
export const transferEffect: Effect<TransferRecord> = (type) => ({
  type,
  data: transferEffectData,
});
/** `part`: the part of a combination that it belongs to. */
export const refundEffect = (
  type: EffectType,
  refund: Refund,
  part?: SubOrder,
): EffectOf<OrderRecord | CombinationRecord> => ({
  type,
  data: (record) => refundEffectData(record, refund, part),
});

/** The payment without our notes on where it came from. */
export function paymentFacts(payment: Payment): PaymentFacts {
  return exactOptional<PaymentFacts>({
    transaction_id: payment.transaction_id,
    total: payment.total,
    payer_total: payment.payer_total,
    currency: payment.currency,
    appid: payment.appid,
    mchid: payment.mchid,
    sub_mchid: payment.sub_mchid,
    openid: payment.openid,
    trade_type: payment.trade_type,
    bank_type: payment.bank_type,
    success_time: payment.success_time,
    promotion_detail: payment.promotion_detail,
  });
}

/** Of every `order.*` effect of an order; `payment` where one is known. */
export function orderEffectData(order: OrderRecord): MismatchData {
  const { payment, contradictions } = order;
  return exactOptional<MismatchData>({
    kind: 'order',
    state: order.state,
    product: order.product,
    mchid: order.mchid,
    sub_mchid: order.sub_mchid,
    appid: order.appid,
    out_trade_no: order.no,
    description: order.description,
    attach: order.attach,
    amount: order.amount,
    payer: payerOf(order.payer, payment),
    prepared: order.prepared,
    made_by: order.made_by,
    payment: payment === undefined ? undefined : paymentFacts(payment),
    refunded_elsewhere: order.refunded_elsewhere,
    contradictions: contradictions.length === 0 ? undefined : contradictions.map(paymentFacts),
    combine_out_trade_no: undefined,
    sub_orders: undefined,
  });
}

/** Of every `order.*` effect of a combination: each part carries its own payment. */
export function combinationEffectData(combination: CombinationRecord): MismatchData {
  const { sub_orders: parts, contradictions } = combination;
  const total = sumFen(parts.map((part) => part.amount.total_amount));
  return exactOptional<MismatchData>({
    kind: 'combination',
    state: combination.state,
    product: combination.product,
    mchid: combination.mchid,
    sub_mchid: undefined, // each part has its own
    appid: combination.appid,
    combine_out_trade_no: combination.no,
    amount: { total, currency: 'CNY' },
    payer: payerOf(combination.payer, parts[0]?.payment),
    prepared: false,
    made_by: combination.made_by,
    sub_orders: parts.map(subOrderData),
    refunded_elsewhere: combination.refunded_elsewhere,
    contradictions: contradictions?.map(paymentFacts),
    payment: undefined,
    out_trade_no: undefined,
    description: undefined,
    attach: undefined,
  });
}

/** Of every `refund.*` effect. For a combination's refund hand in the part it belongs to. */
export function refundEffectData(
  record: OrderRecord | CombinationRecord,
  refund: Refund,
  part?: SubOrder,
): RefundData {
  const payment = record.kind === 'order' ? record.payment : part?.payment;
  return exactOptional<RefundData>({
    kind: record.kind,
    state: record.state,
    mchid: part?.mchid ?? record.mchid,
    sub_mchid: record.kind === 'order' ? record.sub_mchid : part?.sub_mchid,
    appid: record.appid,
    payer: payerOf(record.payer, payment),
    out_trade_no: part?.out_trade_no ?? record.no,
    combine_out_trade_no: record.kind === 'combination' ? record.no : undefined,
    transaction_id: payment?.transaction_id,
    out_refund_no: refund.out_refund_no,
    refund_id: refund.refund_id,
    refund_status: refund.status,
    amount: { refund: refund.refund, total: refund.total, currency: 'CNY', ...refund.amounts },
    promotion_detail: refund.promotion_detail,
    reason: refund.reason,
    verdict: refund.verdict,
    success_time: refund.success_time,
    user_received_account: refund.user_received_account,
  });
}

/** Of every `transfer.*` effect. `payer` is the receiving openid. */
export function transferEffectData(transfer: TransferRecord): TransferData {
  return exactOptional<TransferData>({
    kind: 'transfer',
    state: transfer.state,
    mchid: transfer.mchid,
    appid: transfer.appid,
    payer: payerOf(transfer.payer, undefined),
    out_bill_no: transfer.no,
    transfer_bill_no: transfer.transfer_bill_no,
    transfer_amount: transfer.transfer_amount,
    transfer_scene_id: transfer.transfer_scene_id,
    transfer_remark: transfer.transfer_remark,
    fail_reason: transfer.fail_reason,
    update_time: transfer.update_time,
    success_time: transfer.success_time,
    package_info: transfer.package_info,
  });
}

function subOrderData(part: SubOrder): SubOrderData {
  return exactOptional<SubOrderData>({
    out_trade_no: part.out_trade_no,
    mchid: part.mchid,
    sub_mchid: part.sub_mchid,
    description: part.description,
    amount: part.amount,
    attach: part.attach,
    payment: part.payment === undefined ? undefined : paymentFacts(part.payment),
  });
}

function payerOf(
  bound: string | undefined,
  payment: Payment | undefined,
): { readonly openid: string } | undefined {
  const openid = bound ?? payment?.openid;
  return openid === undefined ? undefined : { openid };
}
