/** Asks WeChat how a combination stands, lets its record learn, and tells the answer only to whom it belongs. */
import { applyCombination } from './syncCombination';
import type { Answer } from '../access/answer';
import { actsAsOperator, type Caller } from '../access/caller';
import { askable, isPayer, mayRead } from '../access/ownership';
import { payerOf, without, type QueryDeps } from '../orders/queryOrder';
import { fromReply } from '../orders/syncOrder';
import { ownRef } from '../wechat/dialect';
import { asObject } from '../wechat/readFacts';
import { guardNumbers, otherAnswer, withTexts } from '../wechat/replyNumbers';
import { bodyOrThrow } from '../wechat/wechatErrors';
import { NotFoundError } from '../../utils/errors';
import type { Combination } from '../../utils/schemas/moneyReplies';
import type { Json } from '../../utils/json';

export async function queryCombination(
  deps: QueryDeps,
  no: string,
  caller: Caller,
): Promise<Answer<Combination>> {
  const { orders, api, dialect } = deps;
  const found = await orders.findCombination(no);
  const held = askable(deps.foreignQueries, found, caller);
  const reply = await api.queryCombination(held ?? ownRef(dialect, no));
  const unknown = (): NotFoundError => new NotFoundError('ORDER_NOT_FOUND');
  const body = bodyOrThrow(reply, held === undefined ? unknown : undefined);
  guardNumbers(body, { combine_out_trade_no: no });
  const payer = payerOf(deps, body);
  // One we do not hold is taken in for operators, and for the payer whom WeChat names.
  if (!mayRead(found ?? payer, caller)) throw unknown();
  await applyCombination(deps, body, fromReply('query'), { absent: 'adopt' });
  const all = actsAsOperator(caller) || isPayer(caller, payer);
  const told = combinationOf(body);
  return { status: 200, data: all ? told : without(told, 'combine_payer_info') };
}

/** @throws UpstreamError WECHATPAY_UNPROVEN for a body that does not say how each part stands. */
function combinationOf(body: Json): Combination {
  if (!Array.isArray(body.sub_orders)) throw otherAnswer('sub_orders');
  const sub_orders = body.sub_orders.map((sub: unknown) =>
    withTexts(asObject(sub) ?? {}, 'out_trade_no', 'trade_state'),
  );
  return { ...withTexts(body, 'combine_out_trade_no'), sub_orders };
}
