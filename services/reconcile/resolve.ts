/**
 * Asks WeChat once about each difference, a few at a time, and lets the record learn from a proven answer.
 * What then no longer differs is resolved; the rest is for people.
 */
import type { AlarmCode } from '../ledger/reasons';
import { judgePayment, judgeRefund, type Paid } from './judge';
import type { TradeRow } from './billRows';
import type { Difference, DifferenceClass, Facts } from './report';
import { asObject, asText } from '../wechat/readFacts';
import { applyTransaction } from '../orders/syncOrder';
import { applyRefund, type RefundSyncDeps } from '../refunds/syncRefund';
import { guardNumbers } from '../wechat/replyNumbers';
import type { WechatReply } from '../strategies/strategy';
import { askAccounts } from '../wechat/askAccounts';
import type { RefundRef } from '../wechat/dialect';
import { isLimited, provenBody, refusalOf } from '../wechat/wechatErrors';
import { AppError } from '../../utils/errors';
import { beijingDay, fromRfc3339 } from '../../utils/time';
import type { Json } from '../../utils/json';

/** A difference as found, with the row it came from, where there is one. */
export interface Found {
  readonly class: DifferenceClass;
  readonly out_trade_no: string;
  readonly out_refund_no?: string;
  readonly here: Facts | null;
  readonly wechat: Facts | null;
  readonly row?: TradeRow;
}

export interface ResolveDeps extends RefundSyncDeps {
  /** The combination that holds a part of this number. */
  readonly wholeOf: (outTradeNo: string) => Promise<string | undefined>;
  readonly find: (outTradeNo: string) => Promise<Paid | undefined>;
  readonly wait: (ms: number) => Promise<void>;
  readonly atOnce: number;
  /** Least time between two questions. */
  readonly gapMs: number;
}

const FROM = { source: 'query', proof: 'signature' } as const;
const QUERY = { retriesMax: 1 } as const;

export interface ResolveOptions {
  readonly bill_date: string;
  readonly signal?: AbortSignal;
  /** true: no more questions (time is over). */
  readonly enough: () => boolean;
  readonly onDone: (done: number, total: number) => void;
}

export type Resolver = (all: readonly Found[], options: ResolveOptions) => Promise<Difference[]>;

/** What the answer about a combination says of this part; undefined for any other answer. */
function partOf(body: Json | undefined, no: string): Json | undefined {
  const parts: readonly unknown[] = Array.isArray(body?.sub_orders) ? body.sub_orders : [];
  return parts.map(asObject).find((part) => part?.out_trade_no === no);
}

interface Run {
  readonly bill_date: string;
  /** WeChat wants fewer questions: what is left is reported as it was found, and asked about next time. */
  braked: boolean;
}

export const createResolver =
  (deps: ResolveDeps): Resolver =>
  (all, options) =>
    resolve(deps, all, options);

async function resolve(
  deps: ResolveDeps,
  all: readonly Found[],
  options: ResolveOptions,
): Promise<Difference[]> {
  const results: (Difference | undefined)[] = all.map(asFound);
  let next = 0;
  let done = 0;
  const run: Run = { bill_date: options.bill_date, braked: false };
  const worker = async (): Promise<void> => {
    while (next < all.length && !run.braked && !options.enough()) {
      options.signal?.throwIfAborted();
      const at = next++;
      const found = all[at];
      if (found === undefined) return;
      if (deps.gapMs > 0 && found.class !== 'fee') await deps.wait(deps.gapMs * deps.atOnce);
      results[at] = await resolveOne(deps, run, found);
      options.onDone(++done, all.length);
    }
  };
  await Promise.all(Array.from({ length: deps.atOnce }, worker));
  return results.filter((d) => d !== undefined);
}

const asFound = ({ row: _row, ...rest }: Found): Difference => ({ ...rest, resolved: false });

const isRefund = (found: Found): boolean => found.class.startsWith('refund_');

async function resolveOne(
  deps: ResolveDeps,
  run: Run,
  found: Found,
): Promise<Difference | undefined> {
  // A query tells nothing of fees.
  if (found.class === 'fee') return asFound(found);
  try {
    const reply = await (isRefund(found) ? askRefund(deps, found) : askPayment(deps, found));
    run.braked ||= isLimited(reply);
    return await judge(deps, found, { reply, bill_date: run.bill_date });
  } catch (error) {
    const code = error instanceof AppError ? error.code : 'UNKNOWN';
    deps.logger.warn({ no: found.out_trade_no, error: code }, 'difference not resolved');
    return { ...asFound(found), wechat: { ...found.wechat, answer: code } };
  }
}

async function askPayment(deps: ResolveDeps, found: Found): Promise<WechatReply> {
  const { api } = deps;
  const whole = await deps.wholeOf(found.out_trade_no);
  // Asked about alone, a part would be taken in as an order of its own: its money would stand here twice.
  if (whole !== undefined) return deps.syncWhole(whole, QUERY);
  const id = found.class === 'duplicate' ? found.row?.transaction_id : undefined;
  const no = found.out_trade_no;
  const reply = await askAccounts(await accountsOf(deps, found), (account) =>
    id === undefined
      ? api.queryOrder({ ...account, no }, QUERY)
      : api.queryTransaction(account, id, QUERY),
  );
  const body = provenBody(reply);
  if (body !== undefined) {
    guardNumbers(body, { out_trade_no: found.out_trade_no, transaction_id: id });
    await applyTransaction(deps, body, FROM, { absent: 'adopt' });
  }
  return reply;
}

/**
 * The shop that the bill names, else each: what the bill lacks may be of any. What we hold is asked about in the
 * version of the API in which it was made, which need not be the one that the settings name now.
 */
async function accountsOf(
  { dialect: { accounts }, orders }: ResolveDeps,
  { row, out_trade_no }: Found,
): Promise<readonly RefundRef[]> {
  const named = accounts.filter(({ sub_mchid }) => sub_mchid === (row?.sub_mchid ?? ''));
  const asked = named.length === 0 ? accounts : named;
  const held = await orders.findRefundable(out_trade_no);
  if (held === undefined) return asked;
  const { api = 'v3', appid, refunds } = held;
  return asked.map((account) => ({ ...account, api, appid, refunds }));
}

async function askRefund(deps: ResolveDeps, found: Found): Promise<WechatReply> {
  const { api, dialect } = deps;
  const no = found.out_refund_no ?? '';
  const reply = await askAccounts(await accountsOf(deps, found), (account) =>
    api.queryRefund(account, no, QUERY),
  );
  const body = provenBody(reply);
  if (body === undefined) return reply;
  guardNumbers(body, { out_refund_no: no, out_trade_no: found.out_trade_no });
  const facts = dialect.readRefund(body);
  if (facts !== undefined) await applyRefund(deps, found.out_trade_no, facts, FROM);
  return reply;
}

/** What WeChat's answer is called in the report. */
function answerOf(reply: WechatReply, no: string): string {
  const refusal = refusalOf(reply);
  if (refusal !== undefined) return `${refusal.code}${refusal.proven ? '' : ' (unproven)'}`;
  if (reply.kind !== 'proven') return 'unknown';
  const { trade_state, status } = partOf(reply.body, no) ?? reply.body;
  return asText(trade_state) ?? asText(status) ?? 'unknown';
}

/** undefined: the answer shows that there is no difference on this day at all. */
async function judge(
  deps: ResolveDeps,
  found: Found,
  { reply, bill_date }: { readonly reply: WechatReply; readonly bill_date: string },
): Promise<Difference | undefined> {
  const { row, ...rest } = found;
  const wechat = { ...found.wechat, answer: answerOf(reply, found.out_trade_no) };
  if (row === undefined) {
    const whole = provenBody(reply);
    const body = partOf(whole, found.out_trade_no) ?? whole;
    const begun = fromRfc3339(isRefund(found) ? body?.create_time : body?.success_time);
    // It belongs to another day's bill.
    if (begun !== undefined && beijingDay(begun) !== bill_date) return undefined;
    if (!isRefund(found) && asObject(body?.amount) !== undefined && begun === undefined) {
      const code: AlarmCode = 'reconcile.missing_at_wechat';
      deps.logger.error({ alarm: true, code, no: found.out_trade_no }, 'books differ');
    }
    return { ...rest, wechat, resolved: false };
  }
  if (found.class === 'duplicate') return { ...rest, wechat, resolved: false };
  const held = await deps.find(found.out_trade_no);
  const still = isRefund(found) ? judgeRefund(row, held) : judgePayment(row, held);
  if (still !== undefined) return { ...rest, here: still.here, wechat, resolved: false };
  return { ...rest, wechat, resolved: true };
}
