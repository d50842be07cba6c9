/** The merchant's requests, one line each. Who may ask for what, and what happens then, stands in the wings. */
import type { Answer } from './access/answer';
import type { Caller } from './access/caller';
import { createHintFollower } from './notifications/followHint';
import { receiveNotification } from './notifications/receiveNotification';
import { closeFor } from './orders/closeOrder';
import type { OrderInput } from './orders/orderDraft';
import type { PlaceOrder } from './orders/placeOrder';
import type { PaymentOf } from './orders/placement';
import type { PrepareInput, PreparedOrders } from './orders/prepareOrder';
import { queryByOutTradeNo, queryByTransactionId, type QueryDeps } from './orders/queryOrder';
import { queryRefund } from './refunds/queryRefund';
import type { RefundAnswer } from './refunds/refundAnswer';
import type { AbnormalInput, RequestAbnormalRefund } from './refunds/requestAbnormalRefund';
import type { RefundInput, Refunds } from './refunds/requestRefund';
import type { RefundSyncDeps } from './refunds/syncRefund';
import type { NotificationInput, PayStrategy } from './strategies/strategy';
import { queryTransfer, queryTransferByNo } from './transfers/queryTransfer';
import type { TransferAnswer, TransferInput, Transfers } from './transfers/requestTransfer';
import type { PlacedProduct } from './wechat/dialect';
import type { Prepared, Transaction, RefundReply, Transfer } from '../utils/schemas/moneyReplies';

export interface PayServiceDeps extends QueryDeps, RefundSyncDeps {
  readonly strategy: PayStrategy;
  readonly placeOrder: PlaceOrder;
  readonly preparedOrders: PreparedOrders;
  readonly refunds: Refunds;
  readonly requestAbnormalRefund: RequestAbnormalRefund;
  readonly transfers: Transfers;
}

export interface PayService {
  order<P extends PlacedProduct>(
    product: P,
    input: OrderInput,
    caller: Caller,
  ): Promise<Answer<PaymentOf[P]>>;
  prepare(input: PrepareInput, caller: Caller): Promise<Answer<Prepared>>;
  queryByOutTradeNo(no: string, caller: Caller): Promise<Answer<Transaction>>;
  queryByTransactionId(id: string, caller: Caller): Promise<Answer<Transaction>>;
  close(no: string, caller: Caller): Promise<Answer<null>>;
  refund(input: RefundInput, caller: Caller): Promise<RefundAnswer>;
  refundAbnormal(input: AbnormalInput, caller: Caller): Promise<Answer<RefundReply>>;
  refundQuery(no: string, caller: Caller): Promise<Answer<RefundReply>>;
  transfer(input: TransferInput): Promise<TransferAnswer>;
  transferCancel(no: string): Promise<Answer<Transfer>>;
  transferQuery(no: string, caller: Caller): Promise<Answer<Transfer>>;
  transferQueryByNo(billNo: string, caller: Caller): Promise<Answer<Transfer>>;
  /** Proves, applies and records a notification. Resolves only after the commit. */
  notify(input: NotificationInput): Promise<void>;
}

export function createPayService(deps: PayServiceDeps): PayService {
  const { placeOrder, preparedOrders, refunds, requestAbnormalRefund, transfers } = deps;
  const notified = Object.assign({}, deps, { hints: createHintFollower(deps) });
  return {
    order: placeOrder,
    prepare: (input, caller) => preparedOrders.prepare(input, caller),
    queryByOutTradeNo: (no, caller) => queryByOutTradeNo(deps, no, caller),
    queryByTransactionId: (id, caller) => queryByTransactionId(deps, id, caller),
    close: (no, caller) => closeFor(deps, no, caller),
    refund: (input, caller) => refunds.request(input, caller),
    refundAbnormal: requestAbnormalRefund,
    refundQuery: (no, caller) => queryRefund(deps, no, caller),
    transfer: (input) => transfers.request(input),
    transferCancel: (no) => transfers.cancel(no),
    transferQuery: (no, caller) => queryTransfer(deps, no, caller),
    transferQueryByNo: (billNo, caller) => queryTransferByNo(deps, billNo, caller),
    notify: (input) => receiveNotification(notified, input),
  };
}
