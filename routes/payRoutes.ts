/** `/wx-pay/*` as a table: name, who may, what body, which controller. Documents and dispatch follow it. */
import type { Access } from './access';
import type { Controller } from '../controllers/types';
import type { PayController } from '../controllers/payController';
import type { RecordController } from '../controllers/recordController';
import type { ChoreController } from '../controllers/operationsController';
import type { CodepayController } from '../controllers/codepayController';
import type { CombineController } from '../controllers/combineController';
import type { NotifyUrlOf } from '../utils/normalizeInput';
import * as codepay from '../utils/schemas/codepaySchemas';
import * as combine from '../utils/schemas/combineSchemas';
import * as order from '../utils/schemas/orderSchemas';
import * as record from '../utils/schemas/recordSchemas';
import * as refund from '../utils/schemas/refundSchemas';
import * as transfer from '../utils/schemas/transferSchemas';

export interface Controllers {
  readonly pay: PayController;
  readonly records: RecordController;
  readonly chores: ChoreController;
  readonly codepay: CodepayController;
  readonly combine: CombineController;
}

export interface RouteSpec {
  readonly method: 'GET' | 'POST';
  /** Below `/wx-pay/`; a `:name` is a parameter. */
  readonly name: string;
  readonly access: Access;
  /** Body (POST) or query string (GET) of operators, and of everyone where payers have no own. */
  readonly schema: object;
  readonly payerSchema?: object;
  readonly paramsSchema?: object;
  /** Which of our notify URLs belongs to what this route asks WeChat for. */
  readonly notify?: NotifyUrlOf;
  readonly controller: (c: Controllers) => Controller;
  readonly summary: string;
}

const post = (
  name: string,
  access: Access,
  schema: object,
  controller: RouteSpec['controller'],
  summary: string,
  more: Partial<RouteSpec> = {},
): RouteSpec => ({ method: 'POST', name, access, schema, controller, summary, ...more });

const payerOrder = { payerSchema: order.orderPayerSchema, notify: 'order' } as const;
const payerH5 = { payerSchema: order.h5PayerSchema, notify: 'order' } as const;
const byBillNo = (name: string): RouteSpec =>
  post(
    name,
    'owner',
    transfer.outBillNoSchema,
    (c) => c.pay.transferQuery,
    'Transfer by out_bill_no',
  );

export const PAY_ROUTES: readonly RouteSpec[] = [
  post(
    'wxpay_order',
    'payer',
    order.orderOperatorSchema,
    (c) => c.pay.order,
    'JSAPI / Mini Program order → payment parameters',
    payerOrder,
  ),
  post(
    'wxpay_order_h5',
    'payer',
    order.h5OperatorSchema,
    (c) => c.pay.orderH5,
    'H5 order → h5_url',
    payerH5,
  ),
  post(
    'wxpay_order_native',
    'payer',
    order.orderOperatorSchema,
    (c) => c.pay.orderNative,
    'Native order → code_url',
    payerOrder,
  ),
  post(
    'wxpay_order_app',
    'payer',
    order.orderOperatorSchema,
    (c) => c.pay.orderApp,
    'App order → app parameters',
    payerOrder,
  ),
  post(
    'wxpay_order_combine',
    'payer',
    combine.combineOperatorSchema,
    (c) => c.combine.order,
    'Combined order (合单): type says what comes back',
    { payerSchema: combine.combinePayerSchema, notify: 'order' },
  ),
  post(
    'wxpay_combine_query',
    'owner',
    combine.combineNoSchema,
    (c) => c.combine.query,
    'Combined order by combine_out_trade_no',
  ),
  post(
    'wxpay_combine_close',
    'ownerActs',
    combine.combineNoSchema,
    (c) => c.combine.close,
    'Query, close, query, record: all parts at once',
  ),
  post(
    'wxpay_order_codepay',
    'operatorKey',
    codepay.codepaySchema,
    (c) => c.codepay.pay,
    'Payment-code order (付款码): paid at once, or 202',
  ),
  post(
    'wxpay_reverse',
    'operatorKey',
    order.outTradeNoSchema,
    (c) => c.codepay.reverse,
    'Reverses a payment-code order (撤销)',
  ),
  post(
    'wxpay_prepare_order',
    'operatorKey',
    order.prepareSchema,
    (c) => c.pay.prepare,
    'Fixes number, price and description beforehand',
    { notify: 'order' },
  ),
  post(
    'wxpay_query_order_by_out_trade_no',
    'owner',
    order.outTradeNoSchema,
    (c) => c.pay.queryByOutTradeNo,
    'Order by out_trade_no',
  ),
  post(
    'wxpay_query_order_by_transaction_id',
    'owner',
    order.transactionIdSchema,
    (c) => c.pay.queryByTransactionId,
    'Order by transaction_id',
  ),
  post(
    'wxpay_close_order',
    'ownerActs',
    order.outTradeNoSchema,
    (c) => c.pay.close,
    'Query, close, query, record',
  ),
  post('wxpay_refund', 'operator', refund.refundSchema, (c) => c.pay.refund, 'Refund', {
    notify: 'refund',
  }),
  post(
    'wxpay_refund_abnormal',
    'operatorKey',
    refund.refundAbnormalSchema,
    (c) => c.pay.refundAbnormal,
    'Abnormal refund (异常退款)',
  ),
  post(
    'wxpay_refund_query',
    'owner',
    refund.refundQuerySchema,
    (c) => c.pay.refundQuery,
    'Refund by out_refund_no',
  ),
  post(
    'wxpay_transfer',
    'operatorKey',
    transfer.transferSchema,
    (c) => c.pay.transfer,
    'Merchant transfer (商家转账)',
    { notify: 'transfer' },
  ),
  post(
    'wxpay_transfer_cancel',
    'operatorKey',
    transfer.outBillNoSchema,
    (c) => c.pay.transferCancel,
    'Cancels a transfer the receiver has not confirmed',
  ),
  byBillNo('wxpay_transfer_bill_query'),
  byBillNo('wxpay_transfer_batch_query'),
  post(
    'wxpay_transfer_bill_query_by_no',
    'owner',
    transfer.transferBillNoSchema,
    (c) => c.pay.transferQueryByNo,
    'Transfer by transfer_bill_no',
  ),
  post(
    'wxpay_bill',
    'operatorReads',
    record.billSchema,
    (c) => c.chores.bill,
    'Trade or fund bill of a day, as CSV',
  ),
  post(
    'wxpay_reconcile',
    'operatorKey',
    record.reconcileSchema,
    (c) => c.chores.reconcile,
    'Compares a day with WeChat’s bills, repairs, reports',
  ),
  post('wxpay_sweep', 'sweep', record.emptySchema, (c) => c.chores.sweep, 'Runs the sweep once'),
  // The three record routes by POST, for deployments where only `POST /` leads to the function.
  post(
    'wxpay_records',
    'operatorReads',
    record.recordsBodySchema,
    (c) => c.records.listByBody,
    'Records, newest first',
  ),
  post(
    'wxpay_record',
    'operatorReads',
    record.recordPathSchema,
    (c) => c.records.getByBody,
    'One record with its history',
  ),
  post(
    'wxpay_redeliver',
    'operatorKey',
    record.redeliverBodySchema,
    (c) => c.records.redeliverByBody,
    'Delivers an effect again, or all dead ones',
  ),
  {
    method: 'GET',
    name: 'records',
    access: 'operatorReads',
    schema: record.recordsQuerySchema,
    controller: (c) => c.records.list,
    summary: 'Records, newest first',
  },
  {
    method: 'GET',
    name: 'records/:kind/:no',
    access: 'operatorReads',
    schema: record.emptySchema,
    paramsSchema: record.recordPathSchema,
    controller: (c) => c.records.get,
    summary: 'One record with its history',
  },
  post(
    'records/:kind/:no/redeliver',
    'operatorKey',
    record.redeliverSchema,
    (c) => c.records.redeliver,
    'Delivers an effect again, or all dead ones',
    { paramsSchema: record.recordPathSchema },
  ),
];
