/** Takes in a transfer that was made by another system, from WeChat's proven answer alone. */
import { newRecord } from '../ledger/newRecord';
import type { TransferRecord } from '../ledger/record';
import { decideTransfer, type TransferFacts } from '../ledger/transferState';
import type { From } from '../wechat/dialect';
import { asText } from '../wechat/readFacts';
import type { SyncDeps } from '../wechat/syncDeps';
import { invariant } from '../../utils/invariant';
import type { Json } from '../../utils/json';

/** @returns undefined where the answer does not say how much: such a transfer cannot be counted. */
export async function adoptTransfer(
  { orders, clock, dialect }: SyncDeps,
  body: Json,
  facts: TransferFacts,
  from: From,
): Promise<TransferRecord | undefined> {
  if (facts.transfer_amount === undefined) return undefined;
  const bare = {
    kind: 'transfer',
    no: facts.out_bill_no,
    state: 'CREATED',
    appid: asText(body.appid) ?? '',
    mchid: dialect.account.mchid,
    transfer_amount: facts.transfer_amount,
    facts_hash: '',
    attempts: 0,
  } as const;
  const line = { at: clock.now(), what: 'adopted', ...from } as const;
  const seed = newRecord<TransferRecord>(bare, line);
  const event = { type: 'seen', facts, ...from } as const;
  // What was seen makes it version 1.
  const decision = decideTransfer({ ...seed, version: 0 }, event, orders.context());
  invariant(decision.kind === 'next', 'a transfer is adopted by what was seen of it');
  if ((await orders.insert(decision.record)) === 'inserted') return decision.record;
  const again = await orders.applyTransfer(facts.out_bill_no, event);
  return again.outcome === 'absent' ? undefined : again.record;
}
