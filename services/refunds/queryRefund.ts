/** Asks WeChat how a refund stands, lets its order learn, and tells the answer only to whom the order belongs. */
import { forPayer, refundAnswer, refundWords } from './refundAnswer';
import { applyRefund, syncRefund, type RefundSyncDeps } from './syncRefund';
import type { Answer } from '../access/answer';
import { actsAsOperator, type Caller } from '../access/caller';
import type { ForeignQueryLimit } from '../access/foreignQueryLimit';
import { accountsOf, askable } from '../access/ownership';
import { isUnsettled } from '../ledger/refundAsking';
import { heldRefund } from '../ledger/refundMoney';
import { fromReply } from '../orders/syncOrder';
import { askAccounts } from '../wechat/askAccounts';
import { asText } from '../wechat/readFacts';
import { guardNumbers } from '../wechat/replyNumbers';
import { bodyOrThrow, provenBody, refusalOf, upstreamError } from '../wechat/wechatErrors';
import { NotFoundError } from '../../utils/errors';
import type { RefundReply } from '../../utils/schemas/moneyReplies';

export async function queryRefund(
  deps: RefundSyncDeps & { readonly foreignQueries: ForeignQueryLimit },
  no: string,
  caller: Caller,
): Promise<Answer<RefundReply>> {
  const owner = await deps.ownerOf('refund', no);
  const found = await deps.orders.findRefundable(owner ?? no);
  // A reservation without its fact proves nothing.
  const holds = found !== undefined && heldRefund(found, no) !== undefined;
  const held = askable(deps.foreignQueries, holds ? found : undefined, caller);
  if (held === undefined) {
    if (!actsAsOperator(caller)) throw new NotFoundError('REFUND_NOT_FOUND');
    return queryForeign(deps, no, caller);
  }
  const { reply, record } = await syncRefund(deps, held, no);
  const body = provenBody(reply);
  if (body !== undefined) return { status: 200, data: refundWords(body) };
  const known = record === undefined ? undefined : heldRefund(record, no);
  const over = known?.status === 'SUCCESS' || known?.status === 'CLOSED';
  const waits = known !== undefined && isUnsettled(known) && refusalOf(reply) !== undefined;
  if (record === undefined || known === undefined || !(over || waits)) throw upstreamError(reply);
  const answer = refundAnswer(record, known);
  return actsAsOperator(caller) ? answer : forPayer(answer);
}

/** A refund made elsewhere: taken in with its order. */
async function queryForeign(
  deps: RefundSyncDeps,
  no: string,
  caller: Caller,
): Promise<Answer<RefundReply>> {
  const accounts = accountsOf(deps.dialect.accounts, caller);
  const reply = await askAccounts(accounts, (account) => deps.api.queryRefund(account, no));
  const body = bodyOrThrow(reply, () => new NotFoundError('REFUND_NOT_FOUND'));
  guardNumbers(body, { out_refund_no: no });
  const facts = deps.dialect.readRefund(body);
  const orderNo = asText(body.out_trade_no);
  if (facts !== undefined && orderNo !== undefined) {
    await applyRefund(deps, orderNo, facts, fromReply('query'));
  }
  return { status: 200, data: refundWords(body) };
}
