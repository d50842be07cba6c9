/** What happens next to a refund that WeChat has not settled: a code for programs, a sentence for people. */
import { findItem } from '../ledger/agenda';
import type { OrderRecord, Refund } from '../ledger/record';
import { isUnresolved, lacksBalance } from '../ledger/refundAsking';
import type { RefundReply } from '../../utils/schemas/moneyReplies';
import { toRfc3339 } from '../../utils/time';

export type RefundNext =
  | 'wait'
  | 'top_up'
  | 'repeat_or_wait'
  | 'repeat_or_release'
  | 'release_pending'
  | 'abnormal_refund'
  | 'new_number'
  | 'none';

export const REFUND_NEXT_MSG: Readonly<Record<RefundNext, string>> = {
  wait:
    '退款处理中，服务会跟进到底；请用同一退款单号查询 / ' +
    'Under way, and followed to its end: query the same refund number',
  top_up:
    '商户余额不足，请充值；7 天内服务会用同一退款单号自动重试，金额保持预留 / ' +
    'The balance is too low: top it up. The service tries the same number again for 7 days; the amount stays reserved',
  repeat_or_wait:
    '拒绝未经证实，金额保持预留；排除原因后用同一退款单号重发，或等待服务查证 / ' +
    'The refusal is not proven and the amount stays reserved: remove its cause and repeat the same number, ' +
    'or wait until the service has proof',
  repeat_or_release:
    '没有经证实的结果，已转人工：用同一退款单号重发（会再次发送），或加 release:true 释放金额 / ' +
    'No proven outcome, left to an operator: repeat the same number (it is sent again), ' +
    'or send release:true to free the amount',
  release_pending:
    '正在释放：距最后一次发送满 10 分钟后，微信支付须两次（间隔 1 分钟以上）以签名证实查无此退款 / ' +
    'Being released: WeChat Pay must prove twice, a minute apart and 10 minutes after the last attempt, ' +
    'that it has no such refund',
  abnormal_refund:
    '退款异常：请用 wxpay_refund_abnormal 退到银行卡 / ' +
    'Abnormal: send it to a bank card with wxpay_refund_abnormal',
  new_number:
    '退款单号已关闭，金额已释放；如需退款请换新退款单号 / ' +
    'This refund number is closed and its amount is free: use a new refund number',
  none: '退款已完成 / Refunded: nothing is left to do',
};

export function refundNext(refund: Refund): RefundNext {
  if (isUnresolved(refund)) return 'repeat_or_release';
  switch (refund.status) {
    case 'SUCCESS':
      return 'none';
    case 'CLOSED':
      return 'new_number';
    case 'ABNORMAL':
      return 'abnormal_refund';
    case 'PROCESSING':
      return 'wait';
    case 'REQUESTED':
      if (refund.releasing_at !== undefined) return 'release_pending';
      if (lacksBalance(refund)) return 'top_up';
      return refund.refusal === undefined ? 'wait' : 'repeat_or_wait';
  }
}

/** `{next, next_msg, next_at}`; `next_at`: when the service looks at it again by itself. */
export function nextOf(
  record: OrderRecord,
  refund: Refund,
): Pick<RefundReply, 'next' | 'next_msg' | 'next_at'> {
  const next = refundNext(refund);
  const item = findItem(record.agenda, 'refund', refund.out_refund_no);
  return {
    next,
    next_msg: REFUND_NEXT_MSG[next],
    ...(item === undefined ? {} : { next_at: toRfc3339(item.at) }),
  };
}
