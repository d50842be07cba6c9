/**
 * Refunds: the intent is recorded and the amount reserved before WeChat is asked; one number for ever;
 * the same bytes every time. A refusal that is not proven changes nothing and frees nothing.
 */
import { createHash } from 'node:crypto';
import { isPartView } from './combinationState';
import { asText, readRefund } from './facts';
import type { Following } from './following';
import type { OrderService } from './orderService';
import type { OrderRecord, Refund, Source } from './records';
import { guardNumbers, transactionsOf } from './replyNumbers';
import type { WechatReply } from './strategies/strategy';
import { REFUND_PATH, type CallLimits, type WechatApi } from './wechatApi';
import { refusalOf, saysNotDone, saysNotFound, upstreamError } from './wechatErrors';
import { ConflictError, NotFoundError, ValidationError } from '../utils/errors';

export interface RefundInput {
  readonly out_trade_no?: string;
  readonly transaction_id?: string;
  readonly out_refund_no: string;
  readonly reason?: string;
  readonly amount: { readonly refund: number; readonly total: number; readonly currency?: 'CNY' };
  readonly funds_account?: string;
  readonly goods_detail?: readonly Readonly<Record<string, unknown>>[];
}

export interface RefundAnswer {
  /** 200 as WeChat said, 202 when the outcome is not known yet. */
  readonly status: 200 | 202;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface RefundingDeps {
  readonly orders: OrderService;
  readonly api: WechatApi;
  readonly following: Following;
  readonly notifyUrl: string;
  readonly ownerOf: (kind: 'refund' | 'transaction', no: string) => Promise<string | undefined>;
}

export interface Refunding {
  refund(input: RefundInput, source: Source): Promise<RefundAnswer>;
  /** Sends the stored bytes again; used by the sweep. */
  repeat(
    record: OrderRecord,
    outRefundNo: string,
    source: Source,
    limits?: CallLimits,
  ): Promise<WechatReply | undefined>;
}

export function createRefunding(deps: RefundingDeps): Refunding {
  const { orders, api, following } = deps;

  /**
   * The order to refund: held, or adopted from a proven answer because an operator asks for it. Named both
   * ways it must be one order, known as such before anything is recorded or sent.
   */
  async function orderOf(input: RefundInput): Promise<OrderRecord> {
    const { transaction_id: id } = input;
    let record = await heldOf(input);
    // WeChat knows a part by its combination alone.
    if (record !== undefined && record.payment === undefined && isPartView(record)) {
      record = await following.syncPayable(record.no);
      if (record?.payment === undefined) throw new ConflictError('ORDER_NOT_PAID');
    }
    // Not known as paid here: WeChat may know better.
    if (record?.payment === undefined) record = await askedOf(input);
    const paid = record.payment;
    if (id !== undefined && paid !== undefined && paid.transaction_id !== id) throw twoOrders();
    return record;
  }

  async function heldOf(input: RefundInput): Promise<OrderRecord | undefined> {
    const { out_trade_no: no, transaction_id: id } = input;
    if (no !== undefined) return orders.findRefundable(no);
    const owner = id === undefined ? undefined : await deps.ownerOf('transaction', id);
    const record = owner === undefined ? undefined : await orders.findRefundable(owner);
    // A reservation without its fact proves nothing.
    const holds = id !== undefined && record !== undefined && transactionsOf(record).includes(id);
    return holds ? record : undefined;
  }

  async function askedOf(input: RefundInput): Promise<OrderRecord> {
    const { out_trade_no: no, transaction_id: id = '' } = input;
    const reply = no === undefined ? await api.queryTransaction(id) : await api.queryOrder(no);
    if (reply.kind !== 'proven' || reply.status !== 200) {
      const refusal = refusalOf(reply);
      if (refusal !== undefined && saysNotFound(refusal))
        throw new NotFoundError('ORDER_NOT_FOUND');
      throw upstreamError(reply);
    }
    const { body } = reply;
    guardNumbers(body, no === undefined ? { transaction_id: id } : { out_trade_no: no });
    const told = asText(body.transaction_id);
    if (input.transaction_id !== undefined && told !== undefined && told !== id) throw twoOrders();
    const from = { source: 'query', proof: 'signature' } as const;
    const now = await following.applyTransaction(body, from, { absent: 'adopt' });
    if (now === undefined) throw new ConflictError('ORDER_NOT_PAID');
    return now;
  }

  function requestOf(input: RefundInput, record: OrderRecord): Refund['request'] {
    const body = {
      transaction_id: record.payment?.transaction_id,
      out_refund_no: input.out_refund_no,
      ...(input.reason === undefined ? {} : { reason: input.reason }),
      notify_url: deps.notifyUrl,
      ...(input.funds_account === undefined ? {} : { funds_account: input.funds_account }),
      amount: { refund: input.amount.refund, total: input.amount.total, currency: 'CNY' },
      ...(input.goods_detail === undefined ? {} : { goods_detail: input.goods_detail }),
    };
    return { method: 'POST', path: REFUND_PATH, body: JSON.stringify(body) };
  }

  async function refund(input: RefundInput, source: Source): Promise<RefundAnswer> {
    if (input.out_trade_no === undefined && input.transaction_id === undefined) {
      throw new ValidationError('PARAM_INVALID', {
        detail: 'out_trade_no 与 transaction_id 须有其一 / one of the two is required',
      });
    }
    const record = await orderOf(input);
    const owner = await deps.ownerOf('refund', input.out_refund_no);
    if (owner !== undefined && owner !== record.no) throw new ConflictError('REFUND_NUMBER_TAKEN');
    const request = requestOf(input, record);
    if (request === undefined) throw new ConflictError('ORDER_NOT_PAID');
    const facts = [input.amount.refund, input.amount.total, input.reason ?? null];
    const rest = [input.funds_account ?? null, input.goods_detail ?? null];
    const facts_hash = createHash('sha256')
      .update(JSON.stringify([...facts, ...rest]))
      .digest('base64url');
    const asked = await orders.apply(
      record.no,
      {
        type: 'refund_request',
        refund: {
          out_refund_no: input.out_refund_no,
          refund: input.amount.refund,
          total: input.amount.total,
          ...(input.reason === undefined ? {} : { reason: input.reason }),
          facts_hash,
          request,
        },
        source,
        proof: 'none',
      },
      { known: record },
    );
    if (asked.outcome === 'absent') throw new NotFoundError('ORDER_NOT_FOUND');
    if (asked.outcome === 'conflict') {
      const Kind = asked.code === 'PARAM_INVALID' ? ValidationError : ConflictError;
      throw new Kind(asked.code, { detail: asked.why });
    }
    await guardNumber(asked.record, input.out_refund_no);
    return answer(asked.record, input.out_refund_no, source);
  }

  /**
   * Two orders asking for one refund number at once may both have found it free. The reservation made with
   * the intent decides; the other's intent was never sent, and ends by our own word.
   */
  async function guardNumber(record: OrderRecord, no: string): Promise<void> {
    const owner = await deps.ownerOf('refund', no);
    if (owner === undefined || owner === record.no) return;
    if (findRefund(record, no)?.attempts === 0) {
      await orders.apply(record.no, {
        type: 'refund_refused',
        out_refund_no: no,
        verdict: true,
        code: 'REFUND_NUMBER_TAKEN',
        source: 'system',
        proof: 'none',
      });
    }
    throw new ConflictError('REFUND_NUMBER_TAKEN');
  }

  async function answer(record: OrderRecord, no: string, source: Source): Promise<RefundAnswer> {
    const held = findRefund(record, no);
    if (held !== undefined && held.status !== 'REQUESTED') return known(record, held);
    const reply = await repeat(record, no, source);
    const now = findRefund((await orders.findRefundable(record.no)) ?? record, no);
    // Whatever the reply was, a proven fact recorded meanwhile is the better answer.
    if (now !== undefined && now.status !== 'REQUESTED' && now.verdict !== 'rejected') {
      return known(record, now);
    }
    if (reply !== undefined) {
      const refusal = refusalOf(reply);
      if (refusal !== undefined) throw upstreamError(reply);
    }
    return { status: 202, data: { ...view(record, now ?? held, no), status: 'PROCESSING' } };
  }

  const repeat: Refunding['repeat'] = async (record, no, source, limits = {}) => {
    const sent = await orders.apply(record.no, {
      type: 'refund_attempt',
      out_refund_no: no,
      source,
      proof: 'none',
    });
    if (sent.outcome !== 'applied') return undefined;
    const held = findRefund(sent.record, no);
    if (held?.request === undefined) return undefined;
    const reply = await api.send(held.request, limits);
    await learn(sent.record, held, reply);
    return reply;
  };

  async function learn(record: OrderRecord, held: Refund, reply: WechatReply): Promise<void> {
    const no = held.out_refund_no;
    if (reply.kind === 'proven' && reply.status === 200) {
      guardNumbers(reply.body, { out_refund_no: no, out_trade_no: record.no });
      const facts = readRefund(reply.body);
      if (facts === undefined) return;
      await following.applyRefund(record.no, facts, { source: 'reply', proof: 'signature' });
      return;
    }
    const refusal = refusalOf(reply);
    if (refusal === undefined) return;
    const { code, proven, repeated } = refusal;
    // A verdict only when proven, of a known meaning, and no earlier copy can have gone through.
    const verdict = proven && !repeated && held.attempts === 1 && saysNotDone(code);
    await orders.apply(record.no, {
      type: 'refund_refused',
      out_refund_no: no,
      verdict,
      code,
      source: 'reply',
      proof: proven ? 'signature' : 'none',
    });
  }

  return { refund, repeat };
}

export const findRefund = (record: OrderRecord, no: string): Refund | undefined =>
  record.refunds.find((r) => r.out_refund_no === no);

const twoOrders = (): ConflictError =>
  new ConflictError('REFUND_PARAMS_DIFFER', {
    detail:
      'out_trade_no 与 transaction_id 不是同一订单，请核对 / they name two orders: check both numbers',
  });

/** A refund in WeChat's words, from what is recorded. */
function view(
  record: OrderRecord,
  refund: Refund | undefined,
  no: string,
): Readonly<Record<string, unknown>> {
  return {
    out_trade_no: record.no,
    transaction_id: record.payment?.transaction_id,
    out_refund_no: no,
    ...(refund?.refund_id === undefined ? {} : { refund_id: refund.refund_id }),
    ...(refund === undefined
      ? {}
      : { amount: { refund: refund.refund, total: refund.total, currency: 'CNY' } }),
  };
}

function known(record: OrderRecord, refund: Refund): RefundAnswer {
  const status = refund.status === 'REQUESTED' ? 'PROCESSING' : refund.status;
  const wechat = refund.wechat ?? {};
  const { refund_status: _told, ...rest } = wechat;
  return { status: 200, data: { ...view(record, refund, refund.out_refund_no), ...rest, status } };
}
