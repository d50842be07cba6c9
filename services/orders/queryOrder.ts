/** Asks WeChat how an order stands, lets its record learn, and tells the answer only to whom the order belongs. */
import { applyTransaction, fromReply, type SyncDeps } from './syncOrder';
import type { Answer } from '../access/answer';
import { actsAsOperator, type Caller } from '../access/caller';
import type { ForeignQueryLimit } from '../access/foreignQueryLimit';
import { accountsOf, askable, isPayer, mayRead, type Owned } from '../access/ownership';
import type { OrderRecord } from '../ledger/record';
import type { WechatReply } from '../strategies/strategy';
import type { Account } from '../wechat/dialect';
import { askAccounts } from '../wechat/askAccounts';
import { guardNumbers, guardShop, transactionsOf, withTexts } from '../wechat/replyNumbers';
import { bodyOrThrow } from '../wechat/wechatErrors';
import { NotFoundError } from '../../utils/errors';
import type { Transaction } from '../../utils/schemas/moneyReplies';
import type { Json } from '../../utils/json';

export type QueryDeps = SyncDeps & { readonly foreignQueries: ForeignQueryLimit };

export async function queryByOutTradeNo(
  deps: QueryDeps,
  no: string,
  caller: Caller,
): Promise<Answer<Transaction>> {
  const held = askable(deps.foreignQueries, await deps.orders.findOrder(no), caller);
  const reply =
    held === undefined
      ? await askForeign(deps, caller, (account) => deps.api.queryOrder({ no, ...account }))
      : await deps.api.queryOrder(held);
  return tell(deps, reply, caller, { held, must: { out_trade_no: no } });
}

export async function queryByTransactionId(
  deps: QueryDeps,
  id: string,
  caller: Caller,
): Promise<Answer<Transaction>> {
  const owner = await deps.ownerOf('transaction', id);
  // The same reads for an id that leads nowhere: how long they take tells nothing.
  const found = await deps.orders.findOrder(owner ?? id);
  // A reservation without its fact proves nothing.
  const holds = found !== undefined && transactionsOf(found).includes(id);
  const held = askable(deps.foreignQueries, holds ? found : undefined, caller);
  const reply =
    held === undefined
      ? await askForeign(deps, caller, (account) => deps.api.queryTransaction(account, id))
      : await deps.api.queryTransaction(held, id);
  return tell(deps, reply, caller, { held, must: { transaction_id: id } });
}

/** About a number of which he has no record: each account it may be of counts as a question. */
const askForeign = (
  { dialect, foreignQueries }: QueryDeps,
  caller: Caller,
  ask: (account: Account) => Promise<WechatReply>,
): Promise<WechatReply> =>
  askAccounts(accountsOf(dialect.accounts, caller), ask, () => {
    foreignQueries.guard(caller);
  });

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
): Promise<Answer<Transaction>> {
  const unknown = (): NotFoundError => new NotFoundError('ORDER_NOT_FOUND');
  const proven = bodyOrThrow(reply, asked.held === undefined ? unknown : undefined);
  const body = withTexts(proven, 'out_trade_no', 'trade_state');
  const { out_trade_no: no } = body;
  guardNumbers(body, { out_trade_no: asked.held?.no, ...asked.must });
  guardShop(body, asked.held);
  const held = asked.held ?? (await deps.orders.findOrder(no));
  const payer = payerOf(deps, body);
  if (!mayRead(held ?? payer, caller)) throw unknown();
  const now = await applyTransaction(deps, body, fromReply('query'), { absent: 'adopt' });
  if (actsAsOperator(caller)) return { status: 200, data: body };
  // Somebody else's payment under the number that this payer chose: it is not shown.
  if (now?.state === 'MISMATCH' && !isPayer(caller, payer)) throw unknown();
  return { status: 200, data: isPayer(caller, payer) ? body : without(body, 'payer') };
}

/** Who paid, to whom, in WeChat's words. */
export function payerOf({ dialect }: Pick<SyncDeps, 'dialect'>, body: Json): Owned {
  const { openid: payer, ...rest } = dialect.readPayer(body);
  return { payer, ...rest };
}

/** A person who scanned the owner's code and paid is not named to the owner. */
export function without<B extends Json>(body: B, field: 'payer' | 'combine_payer_info'): B {
  const { [field]: _other, ...rest } = body;
  // Who paid is optional in every reply.
  return rest as unknown as B;
}
