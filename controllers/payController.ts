/** Orders, refunds and transfers: reads a checked request, calls the service, shapes the reply. */
import type { Controller } from './types';
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
import type {
  Jsapi,
  H5,
  Native,
  App,
  Prepared,
  Transaction,
  RefundReply,
  Transfer,
  TransferTaken,
} from '../utils/schemas/moneyReplies';

export interface PayController {
  readonly order: Controller<OrderBody, Jsapi>;
  readonly orderH5: Controller<OrderBody, H5>;
  readonly orderNative: Controller<OrderBody, Native>;
  readonly orderApp: Controller<OrderBody, App>;
  readonly prepare: Controller<PrepareBody, Prepared>;
  readonly queryByOutTradeNo: Controller<OutTradeNoBody, Transaction>;
  readonly queryByTransactionId: Controller<TransactionIdBody, Transaction>;
  readonly close: Controller<OutTradeNoBody, null>;
  readonly refund: Controller<RefundBody, RefundReply>;
  readonly refundAbnormal: Controller<RefundAbnormalBody, RefundReply>;
  readonly refundQuery: Controller<RefundQueryBody, RefundReply>;
  readonly transfer: Controller<TransferBody, TransferTaken>;
  readonly transferCancel: Controller<OutBillNoBody, Transfer>;
  readonly transferQuery: Controller<OutBillNoBody, Transfer>;
  readonly transferQueryByNo: Controller<TransferBillNoBody, Transfer>;
}

export function createPayController({
  payService: pay,
}: {
  payService: PayService;
}): PayController {
  return {
    order: ({ body, caller }) => pay.order('jsapi', body, caller),
    orderH5: ({ body, caller }) => pay.order('h5', body, caller),
    orderNative: ({ body, caller }) => pay.order('native', body, caller),
    orderApp: ({ body, caller }) => pay.order('app', body, caller),
    prepare: ({ body, caller }) => pay.prepare(body, caller),
    queryByOutTradeNo: ({ body, caller }) => pay.queryByOutTradeNo(body.out_trade_no, caller),
    queryByTransactionId: ({ body, caller }) =>
      pay.queryByTransactionId(body.transaction_id, caller),
    close: ({ body, caller }) => pay.close(body.out_trade_no, caller),
    refund: ({ body, caller }) => pay.refund(body, caller),
    refundAbnormal: ({ body, caller }) => pay.refundAbnormal(body, caller),
    refundQuery: ({ body, caller }) => pay.refundQuery(body.out_refund_no, caller),
    transfer: ({ body }) => pay.transfer(body),
    transferCancel: ({ body }) => pay.transferCancel(body.out_bill_no),
    transferQuery: ({ body, caller }) => pay.transferQuery(body.out_bill_no, caller),
    transferQueryByNo: ({ body, caller }) => pay.transferQueryByNo(body.transfer_bill_no, caller),
  };
}
