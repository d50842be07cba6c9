/** Brings transfers up to date: asks WeChat, and lets a record learn from proven answers only. */
import type { AlarmCode } from '../ledger/reasons';
import type { TransferRecord } from '../ledger/record';
import { adoptTransfer } from './adoptTransfer';
import {
  fromReply,
  type LearnOptions,
  type SyncDeps,
  type Synced,
  type SyncOptions,
} from '../wechat/syncDeps';
import type { From, OrderRef } from '../wechat/dialect';
import { asText } from '../wechat/readFacts';
import { guardNumbers, guardTransferReply } from '../wechat/replyNumbers';
import { provenBody } from '../wechat/wechatErrors';
import type { Json } from '../../utils/json';

/** Queries a transfer and applies the proven answer. Adopts nothing. */
export async function syncTransfer(
  deps: SyncDeps,
  transfer: OrderRef,
  { source = 'query', limits = {} }: SyncOptions = {},
): Promise<Synced<TransferRecord>> {
  const { no } = transfer;
  const reply = await deps.api.queryTransfer(transfer, limits);
  const body = provenBody(reply);
  if (body === undefined) return { reply, record: await deps.orders.findTransfer(no) };
  guardNumbers(body, { out_bill_no: no });
  const options = { absent: 'ignore' } as const;
  return { reply, record: await applyTransfer(deps, body, fromReply(source), options) };
}

/** Applies a proven transfer object; adopts an unknown one where told to. */
export async function applyTransfer(
  deps: SyncDeps,
  body: Json,
  from: From,
  options: LearnOptions<TransferRecord>,
): Promise<TransferRecord | undefined> {
  const { orders, dialect } = deps;
  const facts = dialect.readTransfer(body);
  if (facts === undefined) {
    const code: AlarmCode = 'wechat.unknown_transfer_state';
    const state = asText(body.state);
    deps.logger.error({ alarm: true, code, state }, 'unknown transfer state');
    return undefined;
  }
  const known = options.known ?? (await orders.findTransfer(facts.out_bill_no));
  if (from.source !== 'callback') guardTransferReply(body, known, dialect.account.mchid);
  const applied = await orders.applyTransfer(
    facts.out_bill_no,
    { type: 'seen', facts, ...from },
    known === undefined ? options : { ...options, known },
  );
  if (applied.outcome !== 'absent') return applied.record;
  if (options.absent === 'ignore') return undefined;
  return adoptTransfer(deps, body, facts, from);
}
