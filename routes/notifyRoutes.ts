/** Paths on which WeChat speaks, and what each may say. Raw bytes, no login: the content is the proof. */
import type { NotificationKind } from '../services/strategies/strategy';

export const NOTIFY_ROUTES: Readonly<Record<string, NotificationKind>> = {
  '/wechatpay/order': 'payment',
  '/wechatpay/refund': 'refund',
  '/wechatpay/transfer': 'transfer',
  '/wechatpay/echo': 'echo',
  '/wx-pay/unifiedOrderTrigger': 'payment',
  '/wx-pay/refundTrigger': 'refund',
  '/wx-pay/transferTrigger': 'transfer',
};
