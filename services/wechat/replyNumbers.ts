/**
 * Whether a proven answer is about what was asked. A signature says who wrote an answer, not which question
 * it answers: another order's answer, delivered in ours' place, would move the wrong money. So every number
 * in it is compared with what was asked or is recorded, before anything learns from it.
 */
import type { RefundFacts } from '../ledger/refundSeen';
import type { OrderRecord, TransferRecord } from '../ledger/record';
import { UpstreamError } from '../../utils/errors';
import type { Json } from '../../utils/json';

/** What a number must be: one text, one of several, or anything where nothing is known of it yet. */
type Expected = string | readonly string[] | undefined;

const isOneOf = (told: unknown, expected: string | readonly string[]): boolean =>
  typeof told === 'string' &&
  (typeof expected === 'string' ? told === expected : expected.includes(told));

const isAbsent = (told: unknown): boolean => told === undefined || told === null || told === '';

/** The outcome of what was asked stays unknown: the same number is asked again. */
export const otherAnswer = (field: string): UpstreamError =>
  new UpstreamError('WECHATPAY_UNPROVEN', {
    detail: `应答中的 ${field} 与所问不符 / the reply is about another ${field}`,
  });

export const isOtherAnswer = (error: unknown): boolean =>
  error instanceof UpstreamError && error.code === 'WECHATPAY_UNPROVEN';

/**
 * @param must what the answer has to name, and to name so. @param may what it need not name.
 * @throws UpstreamError WECHATPAY_UNPROVEN: nothing may be learned from this answer.
 */
export function guardNumbers(
  body: Json,
  must: Readonly<Record<string, Expected>>,
  may: Readonly<Record<string, Expected>> = {},
): void {
  for (const [field, expected] of Object.entries(must)) {
    if (expected !== undefined && !isOneOf(body[field], expected)) throw otherAnswer(field);
  }
  for (const [field, expected] of Object.entries(may)) {
    if (expected === undefined || isAbsent(body[field])) continue;
    if (!isOneOf(body[field], expected)) throw otherAnswer(field);
  }
}

/** An answer about an order of one shop of a service provider names no other. */
export const guardShop = (body: Json, held: { readonly sub_mchid?: string } | undefined): void => {
  guardNumbers(body, {}, { sub_mchid: held?.sub_mchid });
};

/** The same body, known to have these texts. @throws UpstreamError WECHATPAY_UNPROVEN where one is missing. */
export function withTexts<K extends string>(
  body: Json,
  ...fields: readonly K[]
): Json & Readonly<Record<K, string>> {
  const missing = fields.find((field) => typeof body[field] !== 'string');
  if (missing !== undefined) throw otherAnswer(missing);
  return body as Json & Readonly<Record<K, string>>;
}

/** Every transaction_id that this order's money is known by. */
export const transactionsOf = (
  record: Pick<OrderRecord, 'payment' | 'contradictions'>,
): readonly string[] =>
  [record.payment, ...record.contradictions].flatMap((paid) => paid?.transaction_id ?? []);

/** A proven refund must be of this order's money, and the one that is known under its number. */
export function guardRefund(facts: RefundFacts, record: OrderRecord): void {
  const held = record.refunds.find((refund) => refund.out_refund_no === facts.out_refund_no);
  const transactions = transactionsOf(record);
  const { transaction_id, refund_id } = facts;
  guardNumbers(
    { transaction_id, refund_id },
    {},
    {
      transaction_id: transactions.length === 0 ? undefined : transactions,
      refund_id: held?.refund_id,
    },
  );
}

/** What else an answer about a transfer we hold says of it. Its own number is compared where it is asked. */
export function guardTransferReply(
  body: Json,
  record: TransferRecord | undefined,
  mchid: string,
): void {
  guardNumbers(
    body,
    {},
    {
      mch_id: mchid,
      transfer_bill_no: record?.transfer_bill_no,
      openid: record?.payer,
      appid: record?.appid === '' ? undefined : record?.appid,
    },
  );
}
