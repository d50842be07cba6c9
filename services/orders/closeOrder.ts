/** Closes orders: query → close → query → record. Nothing is closed here that WeChat still lets be paid. */
import { guardUnasked } from './confirmAbsent';
import { neverTaken } from '../ledger/refusedAsk';
import { syncOrder, type SyncDeps, type Synced, type SyncOptions } from './syncOrder';
import type { Answer } from '../access/answer';
import type { Caller } from '../access/caller';
import type { ForeignQueryLimit } from '../access/foreignQueryLimit';
import { accountsOf, mayAct } from '../access/ownership';
import type { CombinationRecord, OrderRecord, Source } from '../ledger/record';
import type { Applied } from '../orderService';
import type { WechatReply } from '../strategies/strategy';
import { askAccounts } from '../wechat/askAccounts';
import { isUnknown, provenBody, refusalOf, upstreamError } from '../wechat/wechatErrors';
import type { Clock } from '../../utils/clock';
import { ConflictError, NotFoundError } from '../../utils/errors';

type Closable = OrderRecord | CombinationRecord;

export interface ClosedEvent {
  readonly type: 'closed';
  readonly trade_state: string;
  readonly source: Source;
  readonly proof: 'signature';
}

/** How orders and combinations differ when they are closed. */
export interface CloseSteps<R extends Closable> {
  readonly sync: () => Promise<Synced<R>>;
  readonly close: (known: R) => Promise<WechatReply>;
  readonly apply: (event: ClosedEvent, known?: R) => Promise<Applied<R>>;
  /** Paid or closed: nothing is left to close. */
  readonly isOver: (record: R) => boolean;
}

/** Closes what WeChat may hold, whether an order or a combination. @returns the record: closed, or paid after all. */
export async function closeAtWechat<R extends Closable>(
  { clock }: { readonly clock: Clock },
  record: R,
  source: Source,
  { sync, close, apply, isOver }: CloseSteps<R>,
): Promise<R> {
  const closedAs = (trade_state: string): ClosedEvent => ({
    type: 'closed',
    trade_state,
    source,
    proof: 'signature',
  });
  const before = await sync();
  const known = before.record ?? record;
  if (isOver(known)) return known;
  guardUnasked(known, clock.now());
  if (provenBody(before.reply) !== undefined && neverTaken(known, clock.now())) {
    return recordOf(await apply(closedAs('REFUSED'), known)) ?? known;
  }
  const answered = before.reply.kind === 'proven' || refusalOf(before.reply) !== undefined;
  if (!answered) throw upstreamError(before.reply);
  const closed = await close(known);
  const after = (await sync()).record ?? known;
  if (isOver(after)) return after;
  if (closed.kind !== 'proven' || closed.status !== 204) throw upstreamError(closed);
  return recordOf(await apply(closedAs('204'))) ?? after;
}

/** @returns the record: closed, or paid after all. */
export async function closeOrder(
  deps: SyncDeps,
  record: OrderRecord,
  { source = 'query', limits = {} }: SyncOptions,
): Promise<OrderRecord> {
  const { orders, api } = deps;
  const { no } = record;
  if (record.state === 'PREPARED') {
    // WeChat was never asked; the conditional write is all there is to close.
    const event = { type: 'closed', trade_state: 'PREPARED', source, proof: 'none' } as const;
    const now = recordOf(await orders.apply(no, event, { known: record })) ?? record;
    // A payer asked for it meanwhile: it is closed like any other then.
    return now.state === 'CLOSED' ? now : closeOrder(deps, now, { source, limits });
  }
  return closeAtWechat(deps, record, source, {
    sync: () => syncOrder(deps, record, { source, limits }),
    close: (known) => api.closeOrder(known, limits),
    apply: (event, known) => orders.apply(no, event, known === undefined ? {} : { known }),
    isOver: (known) => known.state === 'CLOSED' || known.payment !== undefined,
  });
}

/** Closes an order for its payer, or for an operator. */
export async function closeFor(
  deps: SyncDeps & { readonly foreignQueries: ForeignQueryLimit },
  no: string,
  caller: Caller,
): Promise<Answer<null>> {
  const found = await deps.orders.findOrder(no);
  const held = found !== undefined && mayAct(found, caller) ? found : undefined;
  if (held === undefined) {
    if (caller.role === 'operator') return closeForeign(deps, no, caller);
    deps.foreignQueries.guard(caller);
    throw new NotFoundError('ORDER_NOT_FOUND');
  }
  if (held.product === 'codepay') {
    throw new ConflictError('MOVE_FORBIDDEN', {
      detail: '付款码订单只能撤销 / a payment code order is reversed: wxpay_reverse',
    });
  }
  const record = await closeOrder(deps, held, { source: caller.role });
  if (record.payment !== undefined) throw new ConflictError('ORDER_PAID');
  return { status: 204, data: null };
}

/** An order of another system, closed for an operator: nothing of ours learns from it. */
async function closeForeign(
  { api, dialect }: SyncDeps,
  no: string,
  caller: Caller,
): Promise<Answer<null>> {
  const reply = await askAccounts(accountsOf(dialect.accounts, caller), (account) =>
    api.closeOrder({ no, ...account }),
  );
  if (reply.kind === 'proven' && reply.status === 204) return { status: 204, data: null };
  throw isUnknown(reply) ? new NotFoundError('ORDER_NOT_FOUND') : upstreamError(reply);
}

const recordOf = <R>(applied: Applied<R>): R | undefined =>
  applied.outcome === 'absent' ? undefined : applied.record;
