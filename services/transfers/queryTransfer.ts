/** Asks WeChat how a transfer stands, lets its record learn, and tells the answer only to its receiver. */
import { applyTransfer } from './syncTransfer';
import type { Answer } from '../access/answer';
import { actsAsOperator, type Caller } from '../access/caller';
import { askable } from '../access/ownership';
import type { TransferRecord } from '../ledger/record';
import type { ForeignQueryLimit } from '../access/foreignQueryLimit';
import { fromReply, type SyncDeps } from '../wechat/syncDeps';
import type { WechatReply } from '../strategies/strategy';
import { ownRef } from '../wechat/dialect';
import { guardNumbers, withTexts } from '../wechat/replyNumbers';
import { bodyOrThrow } from '../wechat/wechatErrors';
import { NotFoundError } from '../../utils/errors';
import type { Transfer } from '../../utils/schemas/moneyReplies';

type QueryDeps = SyncDeps & { readonly foreignQueries: ForeignQueryLimit };

export async function queryTransfer(
  deps: QueryDeps,
  no: string,
  caller: Caller,
): Promise<Answer<Transfer>> {
  const held = await deps.orders.findTransfer(no);
  guardReceiver(deps, held, caller);
  const reply = await deps.api.queryTransfer(held ?? ownRef(deps.dialect, no));
  return tell(deps, reply, held, { out_bill_no: no });
}

export async function queryTransferByNo(
  deps: QueryDeps,
  billNo: string,
  caller: Caller,
): Promise<Answer<Transfer>> {
  const owner = await deps.ownerOf('transfer_bill', billNo);
  const found = await deps.orders.findTransfer(owner ?? billNo);
  const held = found?.transfer_bill_no === billNo ? found : undefined;
  guardReceiver(deps, held, caller);
  const reply = await deps.api.queryTransferByNo(held ?? deps.dialect.account, billNo);
  return tell(deps, reply, held, { transfer_bill_no: billNo, out_bill_no: held?.no });
}

/** A receiver learns of his own transfers, and only of those recorded here. */
function guardReceiver(deps: QueryDeps, held: TransferRecord | undefined, caller: Caller): void {
  if (askable(deps.foreignQueries, held, caller) === undefined && !actsAsOperator(caller)) {
    throw new NotFoundError('TRANSFER_NOT_FOUND');
  }
}

async function tell(
  deps: QueryDeps,
  reply: WechatReply,
  held: TransferRecord | undefined,
  must: Readonly<Record<string, string | undefined>>,
): Promise<Answer<Transfer>> {
  const unknown = (): NotFoundError => new NotFoundError('TRANSFER_NOT_FOUND');
  const proven = bodyOrThrow(reply, held === undefined ? unknown : undefined);
  const body = withTexts(proven, 'out_bill_no', 'state');
  guardNumbers(body, must);
  await applyTransfer(deps, body, fromReply('query'), { absent: 'adopt' });
  const { user_name: _name, ...data } = body;
  return { status: 200, data };
}
