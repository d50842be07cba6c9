/**
 * The final check of an order or a combination that was closed on a bare 204: WeChat took the close and said
 * neither that the order is closed nor that it knows it, so a late copy of our request may have been paid.
 * It ends with the first answer. While WeChat is out of reach, or still lets it be paid, it is repeated a
 * few times; left to the day's books alone it would be found a day late.
 */
import { withoutItem } from '../ledger/agenda';
import { asObject, asText, OPEN_TRADES } from '../wechat/readFacts';
import { QUERY_LADDER_MS } from '../ledger/orderState';
import type { AgendaItem, CombinationRecord, OrderRecord } from '../ledger/record';
import type { RecordWriter } from '../records/recordWriter';
import type { WechatReply } from '../strategies/strategy';
import { isLimited, provenBody, refusalOf, saysNotFound } from '../wechat/wechatErrors';

type Closable = OrderRecord | CombinationRecord;

/** After each check without an answer; 7 h in all, past WeChat's longest outages. */
const AGAIN_MS = [1, 10, 60, 360].map((minutes) => minutes * 60_000);

/** `orderState` writes it beyond the ladder's end; before the close the ladder's own items are shorter. */
export const isFinalCheck = (record: Closable, item: AgendaItem): boolean =>
  record.state === 'CLOSED' && item.tries >= QUERY_LADDER_MS.length;

/** undefined: it is the last one. */
export function nextFinalCheck(item: AgendaItem, now: number): AgendaItem | undefined {
  const pause = AGAIN_MS[item.tries - QUERY_LADDER_MS.length];
  return pause === undefined ? undefined : { ...item, at: now + pause, tries: item.tries + 1 };
}

/**
 * `told`: it is known what became of it. `open`: WeChat answers that it may yet be paid. Not a matter of
 * proof: WeChat seldom signs its "no such order", and nothing is recorded of it here.
 */
function answerOf(reply: WechatReply): 'told' | 'open' | 'none' {
  const refusal = refusalOf(reply);
  if (refusal !== undefined) return saysNotFound(refusal) ? 'told' : 'none';
  const body = provenBody(reply);
  if (body === undefined) return 'none';
  const { trade_state, sub_orders } = body;
  const parts = Array.isArray(sub_orders) ? sub_orders.map((part) => asObject(part)) : [];
  const states = [trade_state, ...parts.map((part) => part?.trade_state)];
  return states.some((state) => OPEN_TRADES.has(asText(state) ?? '')) ? 'open' : 'told';
}

/** `unanswered`: that was the last one, and nothing is known. */
export async function concludeFinalCheck(
  writer: RecordWriter,
  item: AgendaItem,
  { reply, record }: { readonly reply: WechatReply; readonly record: Closable | undefined },
): Promise<'over' | 'again' | 'unanswered'> {
  // Paid after all: the write that recorded it has ended the check as well.
  if (record?.state !== 'CLOSED') return 'over';
  // Such a try does not count: the sweep puts the item back as it was.
  if (isLimited(reply)) return 'again';
  const answer = answerOf(reply);
  if (answer !== 'told' && nextFinalCheck(item, 0) !== undefined) return 'again';
  if (answer === 'none') return 'unanswered';
  const agenda = withoutItem(record.agenda, 'query');
  // Another's write in between keeps the item: it is checked once more, which is harmless.
  await writer.patch(record, { agenda });
  return 'over';
}
