/** Orders, refunds and transfers: reads a checked request, calls the service, shapes the reply. */
import type { Call, Controller, Reply } from './types';
import type { PayService } from '../services/payService';
import type {
  OrderBody,
  OutTradeNoBody,
  PrepareBody,
  TransactionIdBody,
} from '../utils/schemas/orderSchemas';
import type {
  RefundAbnormalBody,
  RefundBody,
  RefundQueryBody,
} from '../utils/schemas/refundSchemas';
import type {
  OutBillNoBody,
  TransferBillNoBody,
  TransferBody,
} from '../utils/schemas/transferSchemas';

export interface PayController {
  readonly order: Controller;
  readonly orderH5: Controller;
  readonly orderNative: Controller;
  readonly orderApp: Controller;
  readonly prepare: Controller;
  readonly queryByOutTradeNo: Controller;
  readonly queryByTransactionId: Controller;
  readonly close: Controller;
  readonly refund: Controller;
  readonly refundAbnormal: Controller;
  readonly refundQuery: Controller;
  readonly transfer: Controller;
  readonly transferCancel: Controller;
  readonly transferQuery: Controller;
  readonly transferQueryByNo: Controller;
}

/** The route's schema has checked the body; this only names its type. */
const bodyOf = <T>(call: Call): T => call.body as T;

export function createPayController(deps: { payService: PayService }): PayController {
  const pay = deps.payService;
  const orderOf =
    (product: 'jsapi' | 'h5' | 'native' | 'app'): Controller =>
    (call): Promise<Reply> =>
      pay.order(product, bodyOf<OrderBody>(call), call.caller);

  return {
    order: orderOf('jsapi'),
    orderH5: orderOf('h5'),
    orderNative: orderOf('native'),
    orderApp: orderOf('app'),
    prepare: (call) => pay.prepare(bodyOf<PrepareBody>(call)),
    queryByOutTradeNo: (call) =>
      pay.queryByOutTradeNo(bodyOf<OutTradeNoBody>(call).out_trade_no, call.caller),
    queryByTransactionId: (call) =>
      pay.queryByTransactionId(bodyOf<TransactionIdBody>(call).transaction_id, call.caller),
    close: (call) => pay.close(bodyOf<OutTradeNoBody>(call).out_trade_no, call.caller),
    refund: (call) => pay.refund(bodyOf<RefundBody>(call), call.caller),
    refundAbnormal: (call) => pay.refundAbnormal(bodyOf<RefundAbnormalBody>(call), call.caller),
    refundQuery: (call) =>
      pay.refundQuery(bodyOf<RefundQueryBody>(call).out_refund_no, call.caller),
    transfer: (call) => pay.transfer(bodyOf<TransferBody>(call)),
    transferCancel: (call) => pay.transferCancel(bodyOf<OutBillNoBody>(call).out_bill_no),
    transferQuery: (call) =>
      pay.transferQuery(bodyOf<OutBillNoBody>(call).out_bill_no, call.caller),
    transferQueryByNo: (call) =>
      pay.transferQueryByNo(bodyOf<TransferBillNoBody>(call).transfer_bill_no, call.caller),
  };
}
