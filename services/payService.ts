/**
 * What callers ask for, and who may ask it: order, query, close, refund, transfer; and the opening of
 * notifications. An order belongs to its payer: to anyone else it does not exist.
 */
import type { AbnormalInput, AbnormalRefunding } from './refunds/requestAbnormalRefund';
import type { AskLimit } from './access/foreignQueryLimit';
import type { Caller } from './access/caller';
import { actsAsOperator } from './access/caller';
import { asObject, asText } from './wechat/readFacts';
import type { Following } from './orders/syncOrder';
import { createHintFollowing } from './notifications/followHint';
import type { OrderService } from './orderService';
import type { OrderInput, Placing } from './orders/placeOrder';
import { ownRef, type Dialect, type PlacedProduct } from './wechat/dialect';
import type { PrepareInput, Preparing } from './orders/prepareOrder';
import type { OrderRecord, TransferRecord } from './ledger/record';
import { forPayer, refundAnswer, type RefundAnswer } from './refunds/refundAnswer';
import { isUnsettled } from './ledger/refundAsking';
import { findRefund, type RefundInput, type Refunding } from './refunds/requestRefund';
import { guardNumbers, otherAnswer, transactionsOf } from './wechat/replyNumbers';
import type { NotificationInput, PayStrategy } from './strategies/strategy';
import type { TransferAnswer, TransferInput, Transferring } from './transfers/requestTransfer';
import type { WechatApi } from './wechat/wechatApi';
import { refusalOf, saysNotFound, upstreamError } from './wechat/wechatErrors';
import type { Clock } from '../utils/clock';
import {
  AppError,
  ConflictError,
  NotFoundError,
  UpstreamError,
  type ErrorCode,
} from '../utils/errors';
import type { Logger } from '../utils/logger';

type Json = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly status: number;
  readonly data: Json | null;
}

export interface PayServiceDeps {
  readonly strategy: PayStrategy;
  readonly orders: OrderService;
  readonly api: WechatApi;
  readonly dialect: Dialect;
  readonly placing: Placing;
  readonly preparing: Preparing;
  readonly refunding: Refunding;
  readonly abnormal: AbnormalRefunding;
  readonly transferring: Transferring;
  readonly following: Following;
  readonly asks: AskLimit;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ownerOf: (
    kind: 'refund' | 'transaction' | 'transfer_bill',
    no: string,
  ) => Promise<string | undefined>;
}

export interface PayService {
  order(product: PlacedProduct, input: OrderInput, caller: Caller): Promise<Answer>;
  prepare(input: PrepareInput): Promise<Answer>;
  queryByOutTradeNo(no: string, caller: Caller): Promise<Answer>;
  queryByTransactionId(id: string, caller: Caller): Promise<Answer>;
  close(no: string, caller: Caller): Promise<Answer>;
  refund(input: RefundInput, caller: Caller): Promise<RefundAnswer>;
  refundAbnormal(input: AbnormalInput, caller: Caller): Promise<Answer>;
  refundQuery(no: string, caller: Caller): Promise<Answer>;
  transfer(input: TransferInput): Promise<TransferAnswer>;
  transferCancel(no: string): Promise<TransferAnswer>;
  transferQuery(no: string, caller: Caller): Promise<Answer>;
  transferQueryByNo(billNo: string, caller: Caller): Promise<Answer>;
  /** Proves, applies and records a notification. Resolves only after the commit. */
  notify(input: NotificationInput): Promise<void>;
}

const QUERY_FROM = { source: 'query', proof: 'signature' } as const;

/** What the payer's device needs to open the payment. */
export async function paymentOf(
  strategy: PayStrategy,
  record: Pick<OrderRecord, 'prepay' | 'appid' | 'product'>,
): Promise<Json> {
  const { prepay, appid } = record;
  const prepay_id = prepay?.prepay_id;
  if (record.product === 'h5') return { h5_url: prepay?.h5_url };
  if (record.product === 'native') return { code_url: prepay?.code_url };
  if (prepay_id === undefined) throw new ConflictError('MOVE_FORBIDDEN');
  if (record.product === 'app') return strategy.signApp({ appid, prepay_id });
  return { ...(await strategy.signJsapi({ appid, prepay_id })) };
}

/**
 * A notification may make us ask WeChat. That WeChat refused our question (too many, or unproven) says nothing about
 * the notification: its sender must come again, so the answer is never a 4xx.
 */
function askedInVain(error: unknown): unknown {
  if (!(error instanceof UpstreamError) || error.code !== 'WECHATPAY_REJECTED') return error;
  return new UpstreamError('WECHATPAY_UNAVAILABLE', { cause: error });
}

export function createPayService(deps: PayServiceDeps): PayService {
  const { strategy, orders, api, dialect, placing, following, asks, clock, logger } = deps;
  const hints = createHintFollowing({ orders, following, clock });

  const mayRead = (record: { readonly payer?: string }, caller: Caller): boolean =>
    actsAsOperator(caller) || (caller.role === 'payer' && record.payer === caller.openid);

  /** Reading and refunding is all that an operator's openid adds to a payer: the rest is for keys. */
  const mayAct = (record: { readonly payer?: string }, caller: Caller): boolean =>
    caller.role === 'operator' || record.payer === caller.openid;

  async function order(product: PlacedProduct, input: OrderInput, caller: Caller): Promise<Answer> {
    const record = await placing.place(product, input, caller);
    return { status: 200, data: await paymentOf(strategy, record) };
  }

  async function queryByOutTradeNo(no: string, caller: Caller): Promise<Answer> {
    const held = askable(await orders.findOrder(no), caller);
    return judge(await api.queryOrder(ownRef(dialect, no)), caller, {
      held,
      must: { out_trade_no: no },
    });
  }

  async function queryByTransactionId(id: string, caller: Caller): Promise<Answer> {
    const owner = await deps.ownerOf('transaction', id);
    // The same reads for an id that leads nowhere: how long they take tells nothing.
    const found = await orders.findOrder(owner ?? id);
    // A reservation without its fact proves nothing.
    const holds = found !== undefined && transactionsOf(found).includes(id);
    const held = askable(holds ? found : undefined, caller);
    return judge(await api.queryTransaction(held ?? dialect.account, id), caller, {
      held,
      must: { transaction_id: id },
    });
  }

  /**
   * The record, for whoever may read it. Another's order is treated like one that we do not hold: the question
   * counts, WeChat is asked, and the answer is the same.
   */
  function askable<R extends { readonly payer?: string }>(
    held: R | undefined,
    caller: Caller,
  ): R | undefined {
    if (held !== undefined && mayRead(held, caller)) return held;
    asks.guard(caller);
    return undefined;
  }

  /** Applies a query's answer, and tells it only to whom the order belongs. */
  async function judge(
    reply: Awaited<ReturnType<WechatApi['queryOrder']>>,
    caller: Caller,
    asked: {
      readonly held: OrderRecord | undefined;
      readonly must: Readonly<Record<string, string>>;
    },
  ): Promise<Answer> {
    if (reply.kind !== 'proven' || reply.status !== 200) {
      const refusal = refusalOf(reply);
      if (asked.held === undefined && refusal !== undefined && saysNotFound(refusal)) {
        throw new NotFoundError('ORDER_NOT_FOUND');
      }
      throw upstreamError(reply);
    }
    const { body } = reply;
    const no = asText(body.out_trade_no);
    if (no === undefined) throw otherAnswer('out_trade_no');
    guardNumbers(body, { out_trade_no: asked.held?.no, ...asked.must });
    const held = asked.held ?? (await orders.findOrder(no));
    const openid = asText(asObject(body.payer)?.openid);
    const owns = held === undefined ? isPayer(caller, openid) : mayRead(held, caller);
    if (!owns && !actsAsOperator(caller)) throw new NotFoundError('ORDER_NOT_FOUND');
    const now = await following.applyTransaction(body, QUERY_FROM, { absent: 'adopt' });
    if (actsAsOperator(caller)) return { status: 200, data: body };
    // Another's payment under the number that he chose: it is none of his.
    if (now?.state === 'MISMATCH' && !isPayer(caller, openid)) {
      throw new NotFoundError('ORDER_NOT_FOUND');
    }
    return { status: 200, data: withoutStranger(body, caller) };
  }

  /** Whoever scanned the owner's code and paid for him is nobody the owner is told of. */
  function withoutStranger(body: Json, caller: Caller): Json {
    const openid = asText(asObject(body.payer)?.openid);
    if (openid === undefined || isPayer(caller, openid)) return body;
    const { payer: _stranger, ...rest } = body;
    return rest;
  }

  const isPayer = (caller: Caller, openid: string | undefined): boolean =>
    caller.role === 'payer' && openid !== undefined && caller.openid === openid;

  async function close(no: string, caller: Caller): Promise<Answer> {
    const held = await orders.findOrder(no);
    if (held === undefined && caller.role === 'operator') return closeForeign(no);
    if (held === undefined || !mayAct(held, caller)) {
      asks.guard(caller);
      throw new NotFoundError('ORDER_NOT_FOUND');
    }
    if (held.product === 'codepay') {
      throw new ConflictError('MOVE_FORBIDDEN', {
        detail: '付款码订单只能撤销 / a payment code order is reversed: wxpay_reverse',
      });
    }
    const record = await following.closeOrder(held, caller.role);
    if (record.payment !== undefined) throw new ConflictError('ORDER_PAID');
    return { status: 204, data: null };
  }

  /** An order of another system, closed for an operator: nothing of ours learns from it. */
  async function closeForeign(no: string): Promise<Answer> {
    const reply = await api.closeOrder(ownRef(dialect, no));
    if (reply.kind === 'proven' && reply.status === 204) return { status: 204, data: null };
    throw upstreamError(reply);
  }

  async function refundQuery(no: string, caller: Caller): Promise<Answer> {
    const owner = await deps.ownerOf('refund', no);
    const found = await orders.findRefundable(owner ?? no);
    // A reservation without its fact proves nothing.
    const holds = found !== undefined && findRefund(found, no) !== undefined;
    const held = askable(holds ? found : undefined, caller);
    if (held === undefined) {
      if (!actsAsOperator(caller)) throw new NotFoundError('REFUND_NOT_FOUND');
      return refundQueryForeign(no);
    }
    const { reply, record } = await following.syncRefund(held, no);
    if (reply.kind === 'proven' && reply.status === 200) return { status: 200, data: reply.body };
    const known = record === undefined ? undefined : findRefund(record, no);
    const over = known?.status === 'SUCCESS' || known?.status === 'CLOSED';
    const waits = known !== undefined && isUnsettled(known) && refusalOf(reply) !== undefined;
    if (record === undefined || known === undefined || !(over || waits)) throw upstreamError(reply);
    const answer = refundAnswer(record, known);
    return actsAsOperator(caller) ? answer : forPayer(answer);
  }

  /** A refund made elsewhere: taken in with its order. */
  async function refundQueryForeign(no: string): Promise<Answer> {
    const reply = await api.queryRefund(dialect.account, no);
    if (reply.kind !== 'proven' || reply.status !== 200) {
      const refusal = refusalOf(reply);
      if (refusal !== undefined && saysNotFound(refusal)) {
        throw new NotFoundError('REFUND_NOT_FOUND');
      }
      throw upstreamError(reply);
    }
    const { body } = reply;
    guardNumbers(body, { out_refund_no: no });
    const facts = dialect.readRefund(body);
    const order_no = asText(body.out_trade_no);
    if (facts !== undefined && order_no !== undefined) {
      await following.applyRefund(order_no, facts, QUERY_FROM);
    }
    return { status: 200, data: body };
  }

  async function transferQuery(no: string, caller: Caller): Promise<Answer> {
    const held = await orders.findTransfer(no);
    guardTransfer(held, caller);
    return judgeTransfer(await api.queryTransfer(ownRef(dialect, no)), held, { out_bill_no: no });
  }

  async function transferQueryByNo(billNo: string, caller: Caller): Promise<Answer> {
    const owner = await deps.ownerOf('transfer_bill', billNo);
    const found = await orders.findTransfer(owner ?? billNo);
    const held = found?.transfer_bill_no === billNo ? found : undefined;
    guardTransfer(held, caller);
    const must = { transfer_bill_no: billNo, out_bill_no: held?.no };
    return judgeTransfer(await api.queryTransferByNo(held ?? dialect.account, billNo), held, must);
  }

  function guardTransfer(held: TransferRecord | undefined, caller: Caller): void {
    // A receiver learns of his own transfers, and only of those recorded here.
    if (askable(held, caller) === undefined && !actsAsOperator(caller)) {
      throw new NotFoundError('TRANSFER_NOT_FOUND');
    }
  }

  async function judgeTransfer(
    reply: Awaited<ReturnType<WechatApi['queryTransfer']>>,
    held: TransferRecord | undefined,
    must: Readonly<Record<string, string | undefined>>,
  ): Promise<Answer> {
    if (reply.kind !== 'proven' || reply.status !== 200) {
      const refusal = refusalOf(reply);
      if (held === undefined && refusal !== undefined && saysNotFound(refusal)) {
        throw new NotFoundError('TRANSFER_NOT_FOUND');
      }
      throw upstreamError(reply);
    }
    guardNumbers(reply.body, must);
    await following.applyTransfer(reply.body, QUERY_FROM, { absent: 'adopt' });
    const { user_name: _name, ...data } = reply.body;
    return { status: 200, data };
  }

  async function notify(input: NotificationInput): Promise<void> {
    const opened = await strategy.openNotification(input);
    if (opened.proven) {
      await following.applyNotification(opened, input.deadline);
      return;
    }
    await hints.follow(opened, input.deadline);
  }

  return {
    order,
    async prepare(input) {
      const record = await deps.preparing.prepare(input);
      return { status: 200, data: { out_trade_no: record.no, state: record.state } };
    },
    queryByOutTradeNo,
    queryByTransactionId,
    close,
    refund: (input, caller) => deps.refunding.refund(input, caller.role),
    refundAbnormal: (input, caller) => deps.abnormal.ask(input, caller),
    refundQuery,
    transfer: (input) => deps.transferring.transfer(input),
    transferCancel: (no) => deps.transferring.cancel(no),
    transferQuery,
    transferQueryByNo,
    async notify(input) {
      try {
        await notify(input);
      } catch (error) {
        const code: ErrorCode | 'UNKNOWN' = error instanceof AppError ? error.code : 'UNKNOWN';
        logger.info({ error: code, kind: input.expected ?? 'any' }, 'notification refused');
        throw askedInVain(error);
      }
    },
  };
}
