/** A body that passes, for every POST of this service that takes one of ours. */
import { orderBody, PAYER, refundBody, transferBody } from './stage';

export type Body = Readonly<Record<string, unknown>>;

export const NO = 'T20260102000001';
const H5 = { scene_info: { payer_client_ip: '203.0.113.7', h5_info: { type: 'Wap' } } };

const part = (no: string): Body => ({
  out_trade_no: no,
  description: '测试商品',
  amount: { total_amount: 50, currency: 'CNY' },
});

export const combineBody = (no: string, parts: readonly string[]): Body => ({
  type: 'native',
  combine_out_trade_no: no,
  sub_orders: parts.map(part),
});

/** By name of the route below `/wx-pay/`. */
export const VALID: Readonly<Record<string, Body>> = {
  wxpay_order: orderBody(NO),
  wxpay_order_h5: { ...orderBody(NO), ...H5 },
  wxpay_order_native: orderBody(NO),
  wxpay_order_app: orderBody(NO),
  wxpay_order_combine: combineBody('C20260102000001', [NO, 'T20260102000002']),
  wxpay_combine_query: { combine_out_trade_no: 'C20260102000001' },
  wxpay_combine_close: { combine_out_trade_no: 'C20260102000001' },
  wxpay_order_codepay: {
    ...orderBody(NO),
    payer: { auth_code: '130061098828009406' },
    scene_info: { store_info: { id: '0001' } },
  },
  wxpay_reverse: { out_trade_no: NO },
  wxpay_prepare_order: orderBody(NO),
  wxpay_query_order_by_out_trade_no: { out_trade_no: NO },
  wxpay_query_order_by_transaction_id: { transaction_id: '4200000000202601021234567890' },
  wxpay_close_order: { out_trade_no: NO },
  wxpay_refund: refundBody(NO, 'R1') as Body,
  wxpay_refund_query: { out_refund_no: 'R1' },
  wxpay_refund_abnormal: { out_refund_no: 'R1', type: 'USER_BANK_CARD' },
  wxpay_transfer: transferBody('B1'),
  wxpay_transfer_cancel: { out_bill_no: 'B1' },
  wxpay_transfer_bill_query: { out_bill_no: 'B1' },
  wxpay_transfer_batch_query: { out_bill_no: 'B1' },
  wxpay_transfer_bill_query_by_no: { transfer_bill_no: 'X1' },
  wxpay_bill: { bill_date: '2026-01-01' },
  wxpay_reconcile: { bill_date: '2026-01-01' },
  wxpay_sweep: {},
  wxpay_records: { limit: 1 },
  wxpay_record: { kind: 'order', no: NO },
  wxpay_redeliver: { kind: 'order', no: NO },
  [`records/order/${NO}/redeliver`]: {},
};

/** The name in the table of routes → the one that is asked for. */
export const askedName = (name: string): string =>
  name.replace(':kind', 'order').replace(':no', NO);

export const validBody = (name: string): Body => {
  const body = VALID[askedName(name)];
  if (body === undefined) throw new Error(`no body for ${name}: add one to support/bodies.ts`);
  return body;
};

/** Where the payer is named in the body, if at all. */
export const withPayer = (name: string, openid = PAYER): Body =>
  name === 'wxpay_order_combine' ? { combine_payer_info: { openid } } : { payer: { openid } };
