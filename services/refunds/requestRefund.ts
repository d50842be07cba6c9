/**
 * Refunds: the intent is recorded and the amount reserved before WeChat is asked; the number never changes;
 * the same bytes every time. A refusal that is not proven changes nothing and frees nothing.
 */
import { createHash } from 'node:crypto';
import { refundAnswer, refusedRefund, type RefundAnswer } from './refundAnswer';
import { createRefundSender, type RefundSender, type RefundSenderDeps } from './sendRefund';
import { syncPayable, syncRefund } from './syncRefund';
import type { Caller } from '../access/caller';
import { accountsOf, isInReach } from '../access/ownership';
import { isPartView } from '../ledger/combinationState';
import type { OrderRecord, Refund, Source } from '../ledger/record';
import { isUnsettled } from '../ledger/refundAsking';
import { heldRefund } from '../ledger/refundMoney';
import type { Applied } from '../orderService';
import { applyTransaction, fromReply } from '../orders/syncOrder';
import { conflictError } from '../records/conflictError';
import { askAccounts } from '../wechat/askAccounts';
import type { AccountRef } from '../wechat/dialect';
import { asText } from '../wechat/readFacts';
import { guardNumbers, transactionsOf } from '../wechat/replyNumbers';
import { bodyOrThrow, refusalOf } from '../wechat/wechatErrors';
import { ConflictError, NotFoundError, ValidationError } from '../../utils/errors';

export interface RefundInput {
  readonly out_trade_no?: string;
  readonly transaction_id?: string;
  readonly out_refund_no: string;
  readonly reason?: string;
  /** Required, but for a release. */
  readonly amount?: { readonly refund: number; readonly total: number; readonly currency?: 'CNY' };
  readonly funds_account?: string;
  readonly goods_detail?: readonly Readonly<Record<string, unknown>>[];
  /** true: nothing is sent; the amount is freed once WeChat proves that it has no such refund. */
  readonly release?: boolean;
}
type RefundOrder = RefundInput & { readonly amount: NonNullable<RefundInput['amount']> };

export interface Refunds {
  request(input: RefundInput, caller: Caller): Promise<RefundAnswer>;
  /** Sends the stored bytes again; used by the sweep. */
  readonly repeat: RefundSender['send'];
}

interface Deps extends RefundSenderDeps {
  readonly sender: RefundSender;
}

export function createRefunds(parts: RefundSenderDeps): Refunds {
  const sender = createRefundSender(parts);
  const deps: Deps = Object.assign({}, parts, { sender });
  return {
    request: (input, caller) =>
      input.release === true ? release(deps, input, caller) : request(deps, input, caller),
    repeat: sender.send,
  };
}

/**
 * The order to refund: held, or adopted from a proven answer because an operator asks for it. Named both
 * ways it must be one order, known as such before anything is recorded or sent.
 */
async function orderOf(deps: Deps, input: RefundInput, caller: Caller): Promise<OrderRecord> {
  const { transaction_id: id } = input;
  let record = inReach(await heldOf(deps, input), caller);
  // WeChat knows a part by its combination alone.
  if (record !== undefined && record.payment === undefined && isPartView(record)) {
    record = await syncPayable(deps, record.no);
    if (record?.payment === undefined) throw new ConflictError('ORDER_NOT_PAID');
  }
  // Not known as paid here: WeChat may know better.
  if (record?.payment === undefined) record = await askedOf(deps, input, { record, caller });
  const paid = record.payment;
  if (id !== undefined && paid !== undefined && paid.transaction_id !== id) throw twoOrders();
  return record;
}

async function heldOf(
  { orders, ownerOf }: Deps,
  input: RefundInput,
): Promise<OrderRecord | undefined> {
  const { out_trade_no: no, transaction_id: id } = input;
  if (no !== undefined) return orders.findRefundable(no);
  const owner = id === undefined ? undefined : await ownerOf('transaction', id);
  const record = owner === undefined ? undefined : await orders.findRefundable(owner);
  // A reservation without its fact proves nothing.
  const holds = id !== undefined && record !== undefined && transactionsOf(record).includes(id);
  return holds ? record : undefined;
}

/** Another's is treated like one that we do not hold: WeChat is asked about the caller's own shop. */
const inReach = (record: OrderRecord | undefined, caller: Caller): OrderRecord | undefined =>
  record !== undefined && isInReach(record, caller) ? record : undefined;

async function askedOf(
  deps: Deps,
  input: RefundInput,
  { record, caller }: { readonly record: OrderRecord | undefined; readonly caller: Caller },
): Promise<OrderRecord> {
  const { api, dialect } = deps;
  const accounts: readonly AccountRef[] =
    record === undefined ? accountsOf(dialect.accounts, caller) : [record];
  const { out_trade_no: no, transaction_id: id = '' } = input;
  const reply = await askAccounts(accounts, (account) =>
    no === undefined ? api.queryTransaction(account, id) : api.queryOrder({ ...account, no }),
  );
  const body = bodyOrThrow(reply, () => new NotFoundError('ORDER_NOT_FOUND'));
  guardNumbers(body, no === undefined ? { transaction_id: id } : { out_trade_no: no });
  const told = asText(body.transaction_id);
  if (input.transaction_id !== undefined && told !== undefined && told !== id) throw twoOrders();
  const now = await applyTransaction(deps, body, fromReply('query'), { absent: 'adopt' });
  if (now === undefined) throw new ConflictError('ORDER_NOT_PAID');
  if (!isInReach(now, caller)) throw new NotFoundError('ORDER_NOT_FOUND');
  return now;
}

async function request(deps: Deps, input: RefundInput, caller: Caller): Promise<RefundAnswer> {
  const { orders, dialect } = deps;
  guardInput(input);
  const source = caller.role;
  const record = await orderOf(deps, input, caller);
  const owner = await deps.ownerOf('refund', input.out_refund_no);
  if (owner !== undefined && owner !== record.no) throw new ConflictError('REFUND_NUMBER_TAKEN');
  const { out_refund_no, reason, amount, funds_account, goods_detail } = input;
  const stored = dialect.requests.refund(record, {
    transaction_id: record.payment?.transaction_id,
    out_refund_no,
    refund: amount.refund,
    total: amount.total,
    reason,
    funds_account,
    goods_detail,
  });
  await deps.strategy.requireFor(stored);
  const asked = await orders.apply(
    record.no,
    {
      type: 'refund_request',
      refund: {
        out_refund_no,
        refund: amount.refund,
        total: amount.total,
        ...(reason === undefined ? {} : { reason }),
        facts_hash: hashOf(input),
        request: stored,
      },
      source,
      proof: 'none',
    },
    { known: record },
  );
  return answer(deps, recordOf(asked), out_refund_no, source);
}

/** Sends it where that is still to be done, and answers from what is recorded afterwards. */
async function answer(
  { orders, sender }: Deps,
  record: OrderRecord,
  no: string,
  source: Source,
): Promise<RefundAnswer> {
  const held = heldRefund(record, no);
  if (held !== undefined && !isUnsettled(held)) return refundAnswer(record, held);
  const reply = await sender.send(record, no, source);
  const after = (await orders.findRefundable(record.no)) ?? record;
  const now = heldRefund(after, no);
  // Whatever the reply was, a proven fact recorded meanwhile is the better answer.
  const proven = now !== undefined && !isUnsettled(now) && now.verdict === undefined;
  if (proven) return refundAnswer(after, now);
  if (reply !== undefined && refusalOf(reply) !== undefined) throw refusedRefund(reply, now);
  if (now === undefined) throw new NotFoundError('REFUND_NOT_FOUND');
  return refundAnswer(after, now);
}

/** Frees the amount of a refund that WeChat proves not to have. What it does have is told instead. */
async function release(deps: Deps, input: RefundInput, caller: Caller): Promise<RefundAnswer> {
  const { orders } = deps;
  const no = input.out_refund_no;
  const owner = await deps.ownerOf('refund', no);
  const found = owner === undefined ? undefined : await orders.findRefundable(owner);
  const record = inReach(found, caller);
  const held = record === undefined ? undefined : heldRefund(record, no);
  if (record === undefined || held === undefined) throw new NotFoundError('REFUND_NOT_FOUND');
  guardSame(input, record, held);
  const wished = recordOf(
    await orders.apply(record.no, {
      type: 'refund_release',
      out_refund_no: no,
      source: caller.role,
      proof: 'none',
    }),
  );
  const open = heldRefund(wished, no)?.releasing_at !== undefined;
  const { record: now = wished } = open ? await syncRefund(deps, wished, no) : {};
  return refundAnswer(now, heldRefund(now, no) ?? held);
}

function guardInput(input: RefundInput): asserts input is RefundOrder {
  if (input.out_trade_no === undefined && input.transaction_id === undefined) {
    throw new ValidationError('PARAM_INVALID', {
      detail: 'out_trade_no 与 transaction_id 须有其一 / one of the two is required',
    });
  }
  if (input.amount === undefined) {
    throw new ValidationError('PARAM_INVALID', { detail: 'amount: 必填 / required' });
  }
}

/** Whatever a release names besides the refund's number must be that refund's. */
function guardSame(input: RefundInput, record: OrderRecord, held: Refund): void {
  const { out_trade_no, transaction_id, amount } = input;
  const other =
    (out_trade_no ?? record.no) !== record.no
      ? 'out_trade_no'
      : (transaction_id ?? record.payment?.transaction_id) !== record.payment?.transaction_id
        ? 'transaction_id'
        : (amount?.refund ?? held.refund) !== held.refund
          ? 'amount.refund'
          : (amount?.total ?? held.total) !== held.total
            ? 'amount.total'
            : undefined;
  if (other !== undefined) throw new ConflictError('REFUND_PARAMS_DIFFER', { detail: other });
}

function recordOf(applied: Applied<OrderRecord>): OrderRecord {
  if (applied.outcome === 'absent') throw new NotFoundError('ORDER_NOT_FOUND');
  if (applied.outcome !== 'conflict') return applied.record;
  throw conflictError(applied);
}

function hashOf(input: RefundOrder): string {
  const facts = [input.amount.refund, input.amount.total, input.reason ?? null];
  const rest = [input.funds_account ?? null, input.goods_detail ?? null];
  return createHash('sha256')
    .update(JSON.stringify([...facts, ...rest]))
    .digest('base64url');
}

const twoOrders = (): ConflictError =>
  new ConflictError('REFUND_PARAMS_DIFFER', {
    detail:
      'out_trade_no 与 transaction_id 不是同一订单，请核对 / they name two orders: check both numbers',
  });
