/** Where WeChat's API v3 is spoken to. Numbers are encoded where they enter a path. */
import type { PlacedProduct } from './dialect';

const enc = encodeURIComponent;

export const ORDERS = '/v3/pay/transactions';
export const PARTNER_ORDERS = '/v3/pay/partner/transactions';
export const COMBINATIONS = '/v3/combine-transactions';
export const REFUND_PATH = '/v3/refund/domestic/refunds';
export const TRANSFER_PATH = '/v3/fund-app/mch-transfer/transfer-bills';

export const orderPath = (product: PlacedProduct | 'codepay'): string => `${ORDERS}/${product}`;
export const partnerOrderPath = (product: PlacedProduct | 'codepay'): string =>
  `${PARTNER_ORDERS}/${product}`;
export const combinePath = (product: PlacedProduct): string => `${COMBINATIONS}/${product}`;
export const abnormalRefundPath = (refundId: string): string =>
  `${REFUND_PATH}/${enc(refundId)}/apply-abnormal-refund`;
