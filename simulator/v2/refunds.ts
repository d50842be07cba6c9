import { checkNotifyUrl } from '../common';
import { invalidRequest } from '../errors';
import { checkRefundable, newRefund, refundOf, type Refund, type RefundStatus } from '../refunds';
import { billTime } from '../time';
import type { World } from '../world';
import { BusinessError, check, MONEY, R, Unreadable, type V2Request } from './checks';
import { inV2 } from './orders';
import type { Fields } from './xml';

const STATUS_WORDS: Readonly<Record<RefundStatus, string>> = {
  PROCESSING: 'PROCESSING',
  SUCCESS: 'SUCCESS',
  CLOSED: 'REFUNDCLOSE',
  ABNORMAL: 'CHANGE',
};

const FUNDS: Readonly<Record<string, string>> = {
  REFUND_SOURCE_RECHARGE_FUNDS: 'AVAILABLE',
  REFUND_SOURCE_UNSETTLED_FUNDS: 'UNSETTLED',
};

export function refund(world: World, request: V2Request): Fields {
  check(world, request, {
    transaction_id: { max: 32 },
    out_trade_no: { max: 32 },
    out_refund_no: { max: 64, ...R, pattern: /^[0-9A-Za-z_\-|*@]+$/ },
    total_fee: MONEY,
    refund_fee: MONEY,
    refund_fee_type: { max: 8, pattern: /^CNY$/ },
    refund_desc: { max: 80 },
    refund_account: { max: 30, pattern: /^REFUND_SOURCE_(UNSETTLED|RECHARGE)_FUNDS$/ },
    notify_url: { max: 256 },
  });
  const { fields } = request;
  const no = fields.out_refund_no ?? '';
  const order = fields.transaction_id
    ? world.ordersByTransaction.get(fields.transaction_id)
    : world.orders.get(fields.out_trade_no ?? '');
  if (!fields.transaction_id && !fields.out_trade_no) throw new Unreadable('缺少参数');
  if (order?.payment === undefined || order.state === 'REVOKED') {
    throw new BusinessError('ORDERNOTEXIST', '订单不存在');
  }
  inV2(() => {
    checkNotifyUrl(world, fields.notify_url || undefined);
  });
  const amount = { refund: Number(fields.refund_fee), total: Number(fields.total_fee) };
  const known = world.refunds.get(no);
  if (known !== undefined) {
    const same =
      known.order === order && known.amount === amount.refund && order.total === amount.total;
    if (!same) {
      throw new BusinessError(
        'INVALID_REQUEST',
        '订单金额或退款金额与之前请求不一致，请核实后再试',
      );
    }
    return refundFields(known);
  }
  inV2(() => {
    if (amount.total !== order.total) throw invalidRequest('订单金额不一致');
    checkRefundable(world, order, { amount });
  });
  const made = newRefund(world, order, {
    api: 'v2',
    out_refund_no: no,
    amount,
    reason: fields.refund_desc,
    notify_url: fields.notify_url,
    funds_account: FUNDS[fields.refund_account ?? ''],
  });
  return refundFields(made);
}

function refundFields(one: Refund): Fields {
  const { order } = one;
  const { amount } = refundOf(one) as { amount: Record<string, number> };
  return {
    transaction_id: order.payment?.transaction_id ?? '',
    out_trade_no: order.out_trade_no,
    out_refund_no: one.out_refund_no,
    refund_id: one.refund_id,
    refund_fee: String(one.amount),
    settlement_refund_fee: String(one.amount),
    total_fee: String(order.total),
    settlement_total_fee: String(order.total),
    fee_type: 'CNY',
    cash_fee: String(amount.payer_total),
    cash_refund_fee: String(amount.payer_refund),
    coupon_refund_fee: String(amount.discount_refund),
    coupon_refund_count: '0',
  };
}

/** Ten refunds an answer. */
const PAGE = 10;

export function refundquery(world: World, request: V2Request): Fields {
  check(world, request, {
    refund_id: { max: 32 },
    out_refund_no: { max: 64 },
    transaction_id: { max: 32 },
    out_trade_no: { max: 32 },
    offset: { max: 10, pattern: /^\d+$/ },
  });
  const { fields } = request;
  const all = [...world.refunds.values()].filter((one) => matches(one, fields));
  const [first] = all;
  if (first === undefined) throw new BusinessError('REFUNDNOTEXIST', '退款订单查询失败');
  const page = all.slice(Number(fields.offset ?? 0)).slice(0, PAGE);
  const { order } = first;
  return {
    transaction_id: order.payment?.transaction_id ?? '',
    out_trade_no: order.out_trade_no,
    total_fee: String(order.total),
    fee_type: 'CNY',
    cash_fee: String(order.payment?.payer_total ?? order.total),
    total_refund_count: String(all.length),
    refund_count: String(page.length),
    ...Object.assign({}, ...page.map(listed)),
  } as Fields;
}

/** The more specific number counts. */
function matches(one: Refund, fields: Fields): boolean {
  if (fields.refund_id) return one.refund_id === fields.refund_id;
  if (fields.out_refund_no) return one.out_refund_no === fields.out_refund_no;
  if (fields.transaction_id) {
    return one.order.payment?.transaction_id === fields.transaction_id;
  }
  if (fields.out_trade_no) return one.order.out_trade_no === fields.out_trade_no;
  throw new Unreadable('缺少参数');
}

function listed(one: Refund, i: number): Fields {
  const n = `_${String(i)}`;
  return {
    [`out_refund_no${n}`]: one.out_refund_no,
    [`refund_id${n}`]: one.refund_id,
    [`refund_channel${n}`]: one.channel === 'OTHER_BANKCARD' ? 'OTHER_BANKCARD' : 'ORIGINAL',
    [`refund_fee${n}`]: String(one.amount),
    [`settlement_refund_fee${n}`]: String(one.amount),
    [`coupon_refund_fee${n}`]: '0',
    [`refund_status${n}`]: STATUS_WORDS[one.status],
    [`refund_account${n}`]: 'REFUND_SOURCE_UNSETTLED_FUNDS',
    // Spelled so by WeChat.
    [`refund_recv_accout${n}`]: one.user_received_account,
    ...(one.successMs === undefined
      ? {}
      : { [`refund_success_time${n}`]: billTime(one.successMs) }),
  };
}

/** What a refund notice says inside its ciphertext. */
export const noticeFields = (one: Refund): Fields => ({
  transaction_id: one.order.payment?.transaction_id ?? '',
  out_trade_no: one.order.out_trade_no,
  refund_id: one.refund_id,
  out_refund_no: one.out_refund_no,
  total_fee: String(one.order.total),
  refund_fee: String(one.amount),
  settlement_refund_fee: String(one.amount),
  settlement_total_fee: String(one.order.total),
  refund_status: STATUS_WORDS[one.status],
  ...(one.successMs === undefined ? {} : { success_time: billTime(one.successMs) }),
  refund_recv_accout: one.user_received_account,
  refund_account: 'REFUND_SOURCE_UNSETTLED_FUNDS',
  refund_request_source: 'API',
});
