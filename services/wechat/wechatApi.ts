/** WeChat Pay's calls by name, as the merchant's dialect words them. What the answers mean is decided elsewhere. */
import type { AccountRef, BillKind, Dialect, DialectCalls, OrderRef, RefundRef } from './dialect';
import type { CheckedRequest } from './storedRequest';
import type { BillAnswer } from '../strategies/bill';
import type { PayStrategy, WechatCall, WechatReply } from '../strategies/strategy';

/** Bounds of one call: a notification's query must fit into its 4 seconds. */
export type CallLimits = Pick<WechatCall, 'deadline' | 'totalMs' | 'retriesMax'>;

type Call<What> = (what: What, limits?: CallLimits) => Promise<WechatReply>;
type CallBy<Account = AccountRef> = (
  account: Account,
  no: string,
  limits?: CallLimits,
) => Promise<WechatReply>;

export interface WechatApi {
  /** Sends stored bytes as they are: the only way anything that moves money is sent. */
  readonly send: Call<CheckedRequest>;
  readonly queryOrder: Call<OrderRef>;
  readonly queryTransaction: CallBy;
  readonly closeOrder: Call<OrderRef>;
  readonly reverseOrder: Call<Parameters<DialectCalls['reverseOrder']>[0]>;
  readonly queryRefund: CallBy<RefundRef>;
  readonly queryCombination: Call<OrderRef>;
  readonly closeCombination: Call<Parameters<DialectCalls['closeCombination']>[0]>;
  readonly queryTransfer: Call<OrderRef>;
  readonly queryTransferByNo: CallBy;
  readonly cancelTransfer: Call<OrderRef>;
  bill(kind: BillKind, query: Readonly<Record<string, string>>): Promise<BillAnswer>;
}

export interface WechatApiDeps {
  readonly strategy: Pick<PayStrategy, 'call' | 'bill'>;
  readonly dialect: Dialect;
}

export function createWechatApi({ strategy, dialect }: WechatApiDeps): WechatApi {
  // Not spread: see `nextVersion`. What is sent wins over the limits.
  const send = async (call: WechatCall, limits?: CallLimits): Promise<WechatReply> =>
    dialect.hear(call, await strategy.call(Object.assign({}, limits, call)));
  return {
    send,
    queryOrder: (order, limits) => send(dialect.queryOrder(order), limits),
    queryTransaction: (account, id, limits) => send(dialect.queryTransaction(account, id), limits),
    closeOrder: (order, limits) => send(dialect.closeOrder(order), limits),
    reverseOrder: (order, limits) => send(dialect.reverseOrder(order), limits),
    queryRefund: (account, no, limits) => send(dialect.queryRefund(account, no), limits),
    queryCombination: (whole, limits) => send(dialect.queryCombination(whole), limits),
    closeCombination: (whole, limits) => send(dialect.closeCombination(whole), limits),
    queryTransfer: (transfer, limits) => send(dialect.queryTransfer(transfer), limits),
    queryTransferByNo: (account, no, limits) =>
      send(dialect.queryTransferByNo(account, no), limits),
    cancelTransfer: (transfer, limits) => send(dialect.cancelTransfer(transfer), limits),
    bill: async (kind, query) => {
      const call = dialect.bill(kind, query);
      const answer = await strategy.bill(call);
      return answer.kind === 'bill' ? answer : dialect.hear(call, answer);
    },
  };
}
