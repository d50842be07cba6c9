/** A refund in WeChat's words, from what is recorded, and what happens next to it. */
import type { OrderRecord, Refund } from '../ledger/record';
import { isUnsettled } from '../ledger/refundAsking';
import { nextOf, refundNext, REFUND_NEXT_MSG } from './refundNext';
import type { WechatReply } from '../strategies/strategy';
import { withTexts } from '../wechat/replyNumbers';
import { upstreamError } from '../wechat/wechatErrors';
import { UpstreamError, type AppError } from '../../utils/errors';
import type { RefundReply } from '../../utils/schemas/moneyReplies';
import type { Json } from '../../utils/json';

export interface RefundAnswer {
  /** 200 as WeChat said, 202 when the outcome is not known yet. */
  readonly status: 200 | 202;
  readonly data: RefundReply;
}

const view = (record: OrderRecord, refund: Refund) => ({
  out_trade_no: record.no,
  ...(record.payment === undefined ? {} : { transaction_id: record.payment.transaction_id }),
  out_refund_no: refund.out_refund_no,
  ...(refund.refund_id === undefined ? {} : { refund_id: refund.refund_id }),
  amount: { refund: refund.refund, total: refund.total, currency: 'CNY' },
});

/** 200 with WeChat's last word, or 202 while WeChat is not known to have it. */
export function refundAnswer(record: OrderRecord, refund: Refund): RefundAnswer {
  const next = nextOf(record, refund);
  if (isUnsettled(refund)) {
    return { status: 202, data: { ...view(record, refund), status: 'PROCESSING', ...next } };
  }
  const { refund_status: _told, ...wechat } = refund.wechat ?? {};
  const { status } = refund;
  const told = status === 'PROCESSING' || status === 'SUCCESS' ? {} : next;
  return { status: 200, data: { ...view(record, refund), ...wechat, status, ...told } };
}

/** WeChat's proven words about a refund. @throws UpstreamError WECHATPAY_UNPROVEN where it does not say how it stands. */
export const refundWords = (body: Json): RefundReply =>
  withTexts(body, 'out_trade_no', 'out_refund_no', 'status');

/** For the payer: how it stands. What the merchant has to do about it is not his to know. */
export function forPayer({ status, data }: RefundAnswer): RefundAnswer {
  const { next: _next, next_msg: _msg, next_at: _at, ...rest } = data;
  return { status, data: rest };
}

/** WeChat's refusal, with what happens next to the refund. */
export function refusedRefund(reply: WechatReply, refund: Refund | undefined): AppError {
  const error = upstreamError(reply);
  const { upstream } = error;
  if (refund === undefined || upstream === undefined) return error;
  const next = refundNext(refund);
  return new UpstreamError(error.code, {
    status: error.status,
    detail: REFUND_NEXT_MSG[next],
    upstream: { ...upstream, next },
  });
}
