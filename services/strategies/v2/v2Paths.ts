/** Where WeChat's API v2 is spoken to. */
export const V2_PATHS = {
  order: '/pay/unifiedorder',
  charge: '/pay/micropay',
  query: '/pay/orderquery',
  close: '/pay/closeorder',
  refund: '/secapi/pay/refund',
  refundQuery: '/pay/refundquery',
  reverse: '/secapi/pay/reverse',
  bill: '/pay/downloadbill',
  fundBill: '/pay/downloadfundflow',
} as const;
