/** Asks WeChat how a combination stands, lets its record learn, and tells the answer only to whom it belongs. */
import { applyCombination } from './syncCombination';
import type { Answer } from '../access/answer';
import { actsAsOperator, type Caller } from '../access/caller';
import { askable, isPayer } from '../access/ownership';
import { withoutOtherPayer, type QueryDeps } from '../orders/queryOrder';
import { fromReply } from '../orders/syncOrder';
import { ownRef } from '../wechat/dialect';
import { asObject, asText } from '../wechat/readFacts';
import { guardNumbers } from '../wechat/replyNumbers';
import { bodyOrThrow } from '../wechat/wechatErrors';
import { NotFoundError } from '../../utils/errors';

export async function queryCombination(
  deps: QueryDeps,
  no: string,
  caller: Caller,
): Promise<Answer> {
  const { orders, api, dialect } = deps;
  const found = await orders.findCombination(no);
  const held = askable(deps.foreignQueries, found, caller);
  const reply = await api.queryCombination(held ?? ownRef(dialect, no));
  const unknown = (): NotFoundError => new NotFoundError('ORDER_NOT_FOUND');
  const body = bodyOrThrow(reply, held === undefined ? unknown : undefined);
  guardNumbers(body, { combine_out_trade_no: no });
  const payer = asText(asObject(body.combine_payer_info)?.openid);
  // One we do not hold is taken in for operators, and for the payer whom WeChat names.
  const named = found === undefined && isPayer(caller, payer);
  const owns = held !== undefined || named;
  if (!owns && !actsAsOperator(caller)) throw unknown();
  await applyCombination(deps, body, fromReply('query'), { absent: 'adopt' });
  return {
    status: 200,
    data: actsAsOperator(caller) ? body : withoutOtherPayer(body, 'combine_payer_info', caller),
  };
}
