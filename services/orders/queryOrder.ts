/** Asks WeChat how an order stands, lets its record learn, and tells the answer only to whom the order belongs. */
import { applyTransaction, fromReply, type SyncDeps } from './syncOrder';
import type { Answer } from '../access/answer';
import { actsAsOperator, type Caller } from '../access/caller';
import type { ForeignQueryLimit } from '../access/foreignQueryLimit';
import { askable, isPayer, mayRead } from '../access/ownership';
import type { OrderRecord } from '../ledger/record';
import type { WechatReply } from '../strategies/strategy';
import { ownRef, type Json } from '../wechat/dialect';
import { asObject, asText } from '../wechat/readFacts';
import { guardNumbers, otherAnswer, transactionsOf } from '../wechat/replyNumbers';
import { bodyOrThrow } from '../wechat/wechatErrors';
import { NotFoundError } from '../../utils/errors';

export type QueryDeps = SyncDeps & { readonly foreignQueries: ForeignQueryLimit };

export async function queryByOutTradeNo(
  deps: QueryDeps,
  no: string,
  caller: Caller,
): Promise<Answer> {
  const held = askable(deps.foreignQueries, await deps.orders.findOrder(no), caller);
  const reply = await deps.api.queryOrder(held ?? ownRef(deps.dialect, no));
  return tell(deps, reply, caller, { held, must: { out_trade_no: no } });
}

export async function queryByTransactionId(
  deps: QueryDeps,
  id: string,
  caller: Caller,
): Promise<Answer> {
  const owner = await deps.ownerOf('transaction', id);
  // The same reads for an id that leads nowhere: how long they take tells nothing.
  const found = await deps.orders.findOrder(owner ?? id);
  // A reservation without its fact proves nothing.
  const holds = found !== undefined && transactionsOf(found).includes(id);
  const held = askable(deps.foreignQueries, holds ? found : undefined, caller);
  const reply = await deps.api.queryTransaction(held ?? deps.dialect.account, id);
  return tell(deps, reply, caller, { held, must: { transaction_id: id } });
}

interface Asked {
  readonly held: OrderRecord | undefined;
  readonly must: Readonly<Record<string, string>>;
}

/** Applies the answer, and tells it only to whom the order belongs. */
async function tell(
  deps: QueryDeps,
  reply: WechatReply,
  caller: Caller,
  asked: Asked,
): Promise<Answer> {
  const unknown = (): NotFoundError => new NotFoundError('ORDER_NOT_FOUND');
  const body = bodyOrThrow(reply, asked.held === undefined ? unknown : undefined);
  const no = asText(body.out_trade_no);
  if (no === undefined) throw otherAnswer('out_trade_no');
  guardNumbers(body, { out_trade_no: asked.held?.no, ...asked.must });
  const held = asked.held ?? (await deps.orders.findOrder(no));
  const openid = asText(asObject(body.payer)?.openid);
  const owns = held === undefined ? isPayer(caller, openid) : mayRead(held, caller);
  if (!owns && !actsAsOperator(caller)) throw unknown();
  const now = await applyTransaction(deps, body, fromReply('query'), { absent: 'adopt' });
  if (actsAsOperator(caller)) return { status: 200, data: body };
  // Another's payment under the number that he chose: it is none of his.
  if (now?.state === 'MISMATCH' && !isPayer(caller, openid)) throw unknown();
  return { status: 200, data: withoutOtherPayer(body, 'payer', caller) };
}

/** Whoever scanned the owner's code and paid for him is not named to the owner. */
export function withoutOtherPayer(
  body: Json,
  field: 'payer' | 'combine_payer_info',
  caller: Caller,
): Json {
  const openid = asText(asObject(body[field])?.openid);
  if (openid === undefined || isPayer(caller, openid)) return body;
  const { [field]: _other, ...rest } = body;
  return rest;
}
