/**
 * Which handler of a merchant's `orderService` an effect calls, and with what. Pure. The handlers and what
 * they may rely on are those of the generated function; the fields are WeChat's, in WeChat's spelling.
 *
 * Handlers written for that function take every call of `handlerUnifiedTrigger` for a payment. So it is
 * called for proven payments alone, always with `trade_state: 'SUCCESS'`; what else happens to an order
 * (closed, mismatch, refunded elsewhere, adopted unpaid) goes to `handlerOther`, which is ours and optional.
 */
import type {
  CloudEvent,
  MismatchData,
  OrderData,
  PaidOrderData,
  PaymentFacts,
  RefundData,
  TransferData,
} from '../../ledger/effectTypes';

export const HANDLERS = [
  'handlerUnified',
  'handlerUnifiedTrigger',
  'handlerRefund',
  'handlerRefundTrigger',
  'handlerTransfer',
  'handlerTransferTrigger',
  'handlerOther',
] as const;

export type HandlerName = (typeof HANDLERS)[number];

/** The last argument of every call. `effectId` is what a hook must remember with its own work. */
export interface HookMeta {
  readonly effectId: string;
  readonly type: CloudEvent['type'];
  readonly event: CloudEvent;
}

export interface HookCall {
  readonly handler: HandlerName;
  readonly args: readonly unknown[];
}

type Params = Readonly<Record<string, unknown>>;

export function hookCall(event: CloudEvent): HookCall {
  const meta: HookMeta = { effectId: event.id, type: event.type, event };
  const call = (handler: HandlerName, ...params: readonly Params[]): HookCall => ({
    handler,
    args: [...params, meta],
  });
  switch (event.type) {
    case 'order.created':
      return call('handlerUnified', ordered(event.data));
    case 'order.paid':
    case 'order.paid_after_close':
      return call('handlerUnifiedTrigger', paid(event.data));
    case 'order.adopted':
      return adoptedPaid(event.data)
        ? call('handlerUnifiedTrigger', paid(event.data))
        : call('handlerOther', unpaid(event.data));
    case 'order.closed':
      return call('handlerOther', { ...unpaid(event.data), trade_state: 'CLOSED' });
    case 'order.refunded_elsewhere':
      return call('handlerOther', { ...unpaid(event.data), trade_state: 'REFUND' });
    case 'order.mismatch':
      return call('handlerOther', unpaid(event.data));
    case 'refund.requested':
      return call('handlerRefund', refunded(event.data, 'PROCESSING'));
    case 'refund.succeeded':
      return call('handlerRefundTrigger', refunded(event.data, 'SUCCESS'));
    case 'refund.abnormal':
      return call('handlerRefundTrigger', refunded(event.data, 'ABNORMAL'));
    case 'refund.unresolved':
      // Not WeChat's word: a handler of its results must not take it for one.
      return call('handlerOther', refunded(event.data, 'PROCESSING'));
    case 'refund.closed':
      return call('handlerRefundTrigger', refunded(event.data, 'CLOSED'));
    case 'transfer.accepted':
      return call('handlerTransfer', transferAsked(event.data), transferResult(event.data));
    case 'transfer.succeeded':
      return call('handlerTransferTrigger', transferred(event.data, 'SUCCESS'));
    case 'transfer.failed':
      return call('handlerTransferTrigger', transferred(event.data, 'FAIL'));
    case 'transfer.cancelled':
      return call('handlerTransferTrigger', transferred(event.data, 'CANCELLED'));
  }
}

/** openids in the event: what a hook prints is kept out of the log. */
export function openidsOf(event: CloudEvent): readonly string[] {
  const data = event.data as Partial<MismatchData>;
  const found = [
    data.payer?.openid,
    data.payment?.openid,
    ...(data.contradictions ?? []).map(({ openid }) => openid),
    ...(data.sub_orders ?? []).map(({ payment }) => payment?.openid),
  ];
  return [...new Set(found.filter((openid): openid is string => openid !== undefined))];
}

function adoptedPaid(data: PaidOrderData): boolean {
  const payments = data.sub_orders?.map((part) => part.payment) ?? [data.payment];
  return (
    data.state === 'PAID' &&
    data.refunded_elsewhere !== true &&
    payments.every((payment) => payment !== undefined)
  );
}

function ordered(data: OrderData): Params {
  const parts = data.sub_orders?.map(({ payment: _, ...part }) => part);
  return prune({
    mchid: data.mchid,
    appid: data.appid,
    out_trade_no: data.out_trade_no,
    combine_out_trade_no: data.combine_out_trade_no,
    sub_orders: parts,
    description: data.description,
    attach: data.attach,
    amount: data.amount,
    payer: data.payer,
    prepared: data.prepared,
  });
}

/** As WeChat notifies a payment: the amount is the proven one, not the one asked for. */
function paid(data: PaidOrderData): Params {
  return prune({
    ...ordered(data),
    ...(data.payment === undefined ? {} : money(data.payment)),
    sub_orders: data.sub_orders?.map((part) => ({
      ...part,
      ...(part.payment === undefined ? {} : subMoney(part.payment)),
      payment: undefined,
    })),
    trade_state: 'SUCCESS',
  });
}

/** The proven money beside the order, but nothing that reads like a payment to be served. */
function unpaid(data: MismatchData): Params {
  return prune({
    ...ordered(data),
    transaction_id: data.payment?.transaction_id,
    payment: data.payment,
    contradictions: data.contradictions,
    sub_orders: data.sub_orders,
  });
}

function money(payment: PaymentFacts): Params {
  const { transaction_id, trade_type, bank_type, success_time, openid } = payment;
  const { promotion_detail } = payment;
  const { total, payer_total, currency } = payment;
  return {
    transaction_id,
    trade_type,
    bank_type,
    success_time,
    appid: payment.appid,
    promotion_detail,
    amount: prune({ total, payer_total: payer_total ?? total, currency, payer_currency: currency }),
    ...(openid === undefined ? {} : { payer: { openid } }),
  };
}

function subMoney(payment: PaymentFacts): Params {
  const { transaction_id, trade_type, bank_type, success_time, promotion_detail } = payment;
  const { total, payer_total, currency } = payment;
  return {
    transaction_id,
    trade_type,
    bank_type,
    success_time,
    ...(promotion_detail === undefined ? {} : { promotion_detail }),
    trade_state: 'SUCCESS',
    amount: {
      total_amount: total,
      currency,
      payer_amount: payer_total ?? total,
      payer_currency: currency,
    },
  };
}

function refunded(data: RefundData, status: string): Params {
  return prune({
    mchid: data.mchid,
    out_trade_no: data.out_trade_no,
    combine_out_trade_no: data.combine_out_trade_no,
    transaction_id: data.transaction_id,
    out_refund_no: data.out_refund_no,
    refund_id: data.refund_id,
    refund_status: status,
    reason: data.reason,
    success_time: data.success_time,
    user_received_account: data.user_received_account,
    amount: data.amount,
    promotion_detail: data.promotion_detail,
    payer: data.payer,
  });
}

function transferAsked(data: TransferData): Params {
  return prune({
    appid: data.appid,
    out_bill_no: data.out_bill_no,
    transfer_scene_id: data.transfer_scene_id,
    openid: data.payer?.openid,
    transfer_amount: data.transfer_amount,
    transfer_remark: data.transfer_remark,
  });
}

function transferResult(data: TransferData): Params {
  return prune({
    out_bill_no: data.out_bill_no,
    transfer_bill_no: data.transfer_bill_no,
    state: data.state,
    package_info: data.package_info,
  });
}

function transferred(data: TransferData, state: string): Params {
  return prune({
    ...transferAsked(data),
    mch_id: data.mchid,
    transfer_bill_no: data.transfer_bill_no,
    state,
    fail_reason: data.fail_reason,
    update_time: data.update_time,
    success_time: data.success_time,
  });
}

function prune(value: Params): Params {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined));
}
