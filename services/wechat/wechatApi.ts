/** WeChat Pay's calls by name: method, path and body of each. What the answers mean is decided elsewhere. */
import type { CombinationRecord, Product } from '../ledger/record';
import type { CheckedRequest } from './storedRequest';
import type { PayStrategy, WechatCall, WechatReply } from '../strategies/strategy';

type Json = Readonly<Record<string, unknown>>;
/** Bounds of one call: a notification's query must fit into its 4 seconds. */
export type CallLimits = Pick<WechatCall, 'deadline' | 'totalMs' | 'retriesMax'>;

export interface WechatApi {
  /** Sends stored bytes as they are: the only way anything that moves money is sent. */
  send(request: CheckedRequest, limits?: CallLimits): Promise<WechatReply>;
  queryOrder(outTradeNo: string, limits?: CallLimits): Promise<WechatReply>;
  queryTransaction(transactionId: string, limits?: CallLimits): Promise<WechatReply>;
  closeOrder(outTradeNo: string, limits?: CallLimits): Promise<WechatReply>;
  queryRefund(outRefundNo: string, limits?: CallLimits): Promise<WechatReply>;
  queryTransfer(outBillNo: string, limits?: CallLimits): Promise<WechatReply>;
  queryTransferByNo(transferBillNo: string, limits?: CallLimits): Promise<WechatReply>;
  cancelTransfer(outBillNo: string): Promise<WechatReply>;
  queryCombination(combineOutTradeNo: string, limits?: CallLimits): Promise<WechatReply>;
  /** Names exactly all of its parts: WeChat refuses any other list. */
  closeCombination(
    record: Pick<CombinationRecord, 'no' | 'appid' | 'sub_orders'>,
    limits?: CallLimits,
  ): Promise<WechatReply>;
  reverse(outTradeNo: string, appid: string, limits?: CallLimits): Promise<WechatReply>;
  /** `tradebill` or `fundflowbill` with its query. */
  bill(
    kind: 'tradebill' | 'fundflowbill',
    query: Readonly<Record<string, string>>,
  ): Promise<WechatReply>;
}

const ORDER_PATH: Readonly<Record<Product, string>> = {
  jsapi: '/v3/pay/transactions/jsapi',
  h5: '/v3/pay/transactions/h5',
  native: '/v3/pay/transactions/native',
  app: '/v3/pay/transactions/app',
  codepay: '/v3/pay/transactions/codepay',
};

export const combinePath = (product: Product): string => `/v3/combine-transactions/${product}`;
export const orderPath = (product: Product): string => ORDER_PATH[product];
export const REFUND_PATH = '/v3/refund/domestic/refunds';
export const abnormalRefundPath = (refundId: string): string =>
  `${REFUND_PATH}/${encodeURIComponent(refundId)}/apply-abnormal-refund`;
export const TRANSFER_PATH = '/v3/fund-app/mch-transfer/transfer-bills';

export function createWechatApi(deps: { strategy: PayStrategy; mchid: string }): WechatApi {
  const { strategy } = deps;
  const enc = encodeURIComponent;
  const mchid = `mchid=${enc(deps.mchid)}`;
  // Not spread: see `stepped`. What is sent wins over the limits.
  const send = (request: WechatCall, limits?: CallLimits): Promise<WechatReply> =>
    strategy.call(Object.assign({}, limits, request));
  const get = (path: string, limits?: CallLimits): Promise<WechatReply> =>
    send({ method: 'GET', path }, limits);
  const post = (path: string, body: Json, limits?: CallLimits): Promise<WechatReply> =>
    send({ method: 'POST', path, body: JSON.stringify(body) }, limits);

  return {
    send,
    queryOrder: (no, limits) =>
      get(`/v3/pay/transactions/out-trade-no/${enc(no)}?${mchid}`, limits),
    queryTransaction: (id, limits) => get(`/v3/pay/transactions/id/${enc(id)}?${mchid}`, limits),
    closeOrder: (no, limits) =>
      post(`/v3/pay/transactions/out-trade-no/${enc(no)}/close`, { mchid: deps.mchid }, limits),
    queryRefund: (no, limits) => get(`${REFUND_PATH}/${enc(no)}`, limits),
    queryTransfer: (no, limits) => get(`${TRANSFER_PATH}/out-bill-no/${enc(no)}`, limits),
    queryTransferByNo: (no, limits) => get(`${TRANSFER_PATH}/transfer-bill-no/${enc(no)}`, limits),
    // A POST without a body: the fifth line of the signed text is empty.
    cancelTransfer: (no) =>
      strategy.call({ method: 'POST', path: `${TRANSFER_PATH}/out-bill-no/${enc(no)}/cancel` }),
    queryCombination: (no, limits) =>
      get(`/v3/combine-transactions/out-trade-no/${enc(no)}`, limits),
    closeCombination: ({ no, appid, sub_orders }, limits) =>
      post(
        `/v3/combine-transactions/out-trade-no/${enc(no)}/close`,
        {
          combine_appid: appid,
          sub_orders: sub_orders.map(({ mchid: sub, out_trade_no }) => ({
            mchid: sub,
            out_trade_no,
          })),
        },
        limits,
      ),
    reverse: (no, appid, limits) =>
      post(
        `/v3/pay/transactions/out-trade-no/${enc(no)}/reverse`,
        { appid, mchid: deps.mchid },
        limits,
      ),
    bill: (kind, query) => get(`/v3/bill/${kind}?${new URLSearchParams(query).toString()}`),
  };
}
