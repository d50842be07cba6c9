/**
 * Payment-code orders (付款码): the payer shows a code, the merchant's till charges it, and the answer says at
 * once how it went, or nothing. WeChat sends no notification of them and they cannot be closed: what is not
 * settled after half a minute of queries is reversed, which gives a paid order's money back.
 *
 * The code is in one place only, the request under way: never in a record, a log or a reply. So a charge
 * is sent once; a repeat of the number asks how it went.
 * Source: 微信支付 APIv3《付款码支付》《撤销订单》.
 */
import { newOrder } from '../ledger/newRecord';
import { createHash } from 'node:crypto';
import { TURNS_MAX, WAIT_MAX_MS, type AskWaiters } from './askWaiters';
import { aboutUs, guardAnswer, reverseOrder, type ReverseAnswer } from './reverseOrder';
import { applyTransaction, syncOrder, type SyncDeps } from './syncOrder';
import { isOpenState } from '../ledger/orderState';
import type { Answer } from '../access/answer';
import type { Caller } from '../access/caller';
import type { Place, Shops } from '../access/shops';
import type { OrderRecord, Payment } from '../ledger/record';
import { isPaidState } from '../ledger/refundMoney';
import { versionOf } from '../wechat/dialect';
import type { RequestGuard } from '../wechat/storedRequest';
import type { PayStrategy, WechatReply } from '../strategies/strategy';
import { asText } from '../wechat/readFacts';
import { withTexts } from '../wechat/replyNumbers';
import { refusalOf, upstreamError } from '../wechat/wechatErrors';
import { ConflictError, NotFoundError } from '../../utils/errors';
import type { Transaction, TransactionUnknown } from '../../utils/schemas/moneyReplies';
import type { Json } from '../../utils/json';

/** A checked request body. */
export interface CodepayInput {
  readonly out_trade_no: string;
  readonly sub_mchid?: string;
  readonly description: string;
  readonly amount: { readonly total: number };
  readonly payer: { readonly auth_code: string };
  readonly scene_info: Json;
  readonly attach?: string;
  readonly goods_tag?: string;
  readonly detail?: Json;
  readonly settle_info?: Json;
  readonly support_fapiao?: boolean;
}

export interface CodepayOrders {
  /** 200 paid, in WeChat's words · 202 not known yet: the same number again asks how it went. */
  pay(input: CodepayInput, caller: Caller): Promise<CodepayAnswer>;
  /** 200 reversed, and proven so · 202 not yet: it is repeated until it is. */
  reverse(no: string, caller: Caller): Promise<ReverseAnswer>;
}

export interface CodepayDeps extends SyncDeps {
  readonly strategy: Pick<PayStrategy, 'requireFor'>;
  readonly requests: RequestGuard;
  readonly waiters: AskWaiters;
  readonly shops: Shops;
  readonly settings: { readonly mchid: string };
}

/** Not settled so long after the charge: reversed. Longer than any charge may take. */
export const CODEPAY_SETTLE_MS = 30_000;
const ASK_MAX_MS = 10_000;
const keyOf = (no: string): string => `order ${no}`;

const BY_REPLY = { source: 'reply', proof: 'signature' } as const;
const UNPROVEN = { source: 'reply', proof: 'none' } as const;

export const createCodepayOrders = (deps: CodepayDeps): CodepayOrders => ({
  pay: (input, caller) => pay(deps, input, caller),
  reverse: (no, caller) => reverseOrder(deps, no, caller),
});

function recordOf(
  { clock, dialect, settings }: CodepayDeps,
  input: CodepayInput,
  { sub_mchid, appid }: Place,
): OrderRecord {
  const now = clock.now();
  const { attach } = input;
  const line = { at: now, what: 'created', source: 'operator', proof: 'none' } as const;
  const facts = {
    no: input.out_trade_no,
    state: 'CREATED',
    // Written before the charge: after a crash in it, the query and the reversal are still planned.
    agenda: [
      { do: 'query', at: now + 5000, tries: 0 },
      { do: 'reverse', at: now + CODEPAY_SETTLE_MS, tries: 0 },
    ],
    product: 'codepay',
    appid,
    mchid: settings.mchid,
    ...versionOf(dialect),
    ...(sub_mchid === undefined ? {} : { sub_mchid }),
    description: input.description,
    ...(attach === undefined ? {} : { attach }),
    amount: { total: input.amount.total, currency: 'CNY' },
    payer_named: false,
    made_by: 'operator',
    prepared: false,
    facts_hash: factsOf(input, sub_mchid),
    asking_until: now + ASK_MAX_MS,
  } as const;
  return newOrder(facts, line);
}

async function pay(deps: CodepayDeps, input: CodepayInput, caller: Caller): Promise<CodepayAnswer> {
  const { orders } = deps;
  const record = recordOf(deps, input, deps.shops.placeOf(input, caller));
  const part = await orders.isPart(record.no);
  if (part && (await orders.findOrder(record.no)) === undefined) {
    throw new ConflictError('ORDER_TAKEN');
  }
  await requireReversal(deps, record);
  const charged = await deps.waiters.during(keyOf(record.no), {
    claim: async () => ((await orders.insert(record)) === 'inserted' ? record : undefined),
    ask: (mine) => charge(deps, mine, input),
  });
  return charged ?? repeat(deps, record);
}

/** What could never be reversed is not charged. A number that is known is not charged again, only asked about. */
async function requireReversal(deps: CodepayDeps, record: OrderRecord): Promise<void> {
  try {
    await deps.strategy.requireFor(deps.dialect.reverseOrder(record));
  } catch (error) {
    if ((await deps.orders.findOrder(record.no)) === undefined) throw error;
  }
}

type CodepayAnswer = Answer<Transaction | TransactionUnknown>;

/** One call, never repeated: what became of it is asked. */
async function charge(
  deps: CodepayDeps,
  record: OrderRecord,
  input: CodepayInput,
): Promise<CodepayAnswer> {
  const { api, clock } = deps;
  const { out_trade_no: no, sub_mchid: _shop, amount, ...fields } = input;
  const { total } = amount;
  const { appid, sub_mchid } = record;
  const request = deps.dialect.requests.charge({ no, sub_mchid, appid, total, fields });
  const reply = without(
    input.payer.auth_code,
    await api.send(deps.requests.charge(record, request), {
      retriesMax: 0,
      deadline: clock.now() + ASK_MAX_MS - 1000,
    }),
  );
  const now = await learn(deps, record, reply);
  // What was recorded meanwhile is proven, and the better answer.
  const refusal = isOpenState(now.state) ? refusalOf(reply) : undefined;
  if (refusal !== undefined) throw upstreamError(reply);
  if (isOpenState(now.state)) guardAnswer(reply, record);
  return answerOf(now, aboutUs(reply, record));
}

async function learn(
  deps: CodepayDeps,
  record: OrderRecord,
  reply: WechatReply,
): Promise<OrderRecord> {
  const body = aboutUs(reply, record);
  const facts = body === undefined ? undefined : deps.dialect.readTransaction(body, BY_REPLY);
  if (body !== undefined && facts !== undefined && facts.is !== 'unpaid') {
    return (await applyTransaction(deps, body, BY_REPLY, { absent: 'ignore' })) ?? record;
  }
  const refusal = refusalOf(reply);
  const { code, message } = refusal ?? { code: '', message: '' };
  // Not even a signed 4xx is a verdict here: users were charged behind one.
  const event =
    refusal === undefined
      ? ({ type: 'ask_unknown', ...UNPROVEN } as const)
      : ({
          type: 'ask_refused',
          proven: false,
          repeated: false,
          code,
          message,
          ...UNPROVEN,
        } as const);
  const applied = await deps.orders.apply(record.no, event);
  return applied.outcome === 'absent' ? record : applied.record;
}

/** The same number again never charges again. */
async function repeat(deps: CodepayDeps, asked: OrderRecord): Promise<CodepayAnswer> {
  const { orders, clock } = deps;
  const { no } = asked;
  const until = clock.now() + WAIT_MAX_MS;
  const read = (): Promise<OrderRecord | undefined> => orders.findOrder(no);
  let held = await read();
  for (let turn = 0; turn < TURNS_MAX && held !== undefined; turn++) {
    if (held.product !== 'codepay' || !sameFacts(held, asked)) {
      throw new ConflictError('ORDER_PARAMS_DIFFER');
    }
    if (!isAsking(held, clock.now())) break;
    const ended = await deps.waiters.end({ key: keyOf(no), caller: undefined, until, read });
    if (ended === undefined) break;
    if (!ended.still) held = ended.record;
  }
  if (held === undefined) throw new NotFoundError('ORDER_NOT_FOUND');
  if (!isOpenState(held.state) || isAsking(held, clock.now())) return answerOf(held, undefined);
  const { reply, record } = await syncOrder(deps, held);
  return answerOf(record ?? held, aboutUs(reply, held));
}

const isAsking = (record: OrderRecord, now: number): boolean =>
  record.asking_until !== undefined && record.asking_until > now;

/** WeChat may quote the code in its answer; it goes no further. */
function without(code: string, reply: WechatReply): WechatReply {
  return JSON.parse(JSON.stringify(reply).replaceAll(code, '*'.repeat(code.length))) as WechatReply;
}

/** The same facts as far as they are known: of an order made elsewhere we know the amount alone. */
const sameFacts = (held: OrderRecord, asked: OrderRecord): boolean =>
  held.made_by === 'adopted'
    ? held.amount.total === asked.amount.total && held.sub_mchid === asked.sub_mchid
    : held.facts_hash === asked.facts_hash;

/** Hash of what the till chose, but for the code, which is new every minute. */
function factsOf(input: CodepayInput, sub_mchid: string | undefined): string {
  const facts = [
    'codepay',
    input.description,
    input.amount.total,
    input.attach ?? null,
    input.scene_info,
    input.goods_tag ?? null,
    input.detail ?? null,
    input.settle_info ?? null,
    input.support_fapiao ?? null,
    ...(sub_mchid === undefined ? [] : [sub_mchid]),
  ];
  return createHash('sha256').update(JSON.stringify(facts)).digest('base64url');
}

/** Its state, from the record; `told`: WeChat's proven answer of just now. */
function answerOf(record: OrderRecord, told: Json | undefined): CodepayAnswer {
  const { no, state, payment } = record;
  if (payment !== undefined && isPaidState(state)) {
    const fresh = told !== undefined && told.transaction_id === payment.transaction_id;
    const words = fresh ? withTexts(told, 'out_trade_no', 'trade_state') : undefined;
    return { status: 200, data: words ?? transactionOf(record, payment) };
  }
  if (state === 'MISMATCH') throw new ConflictError('MOVE_FORBIDDEN', { detail: state });
  if (!isOpenState(state)) {
    const over = asText(told?.trade_state) ?? state;
    throw new ConflictError('ORDER_CLOSED', { detail: over.slice(0, 32) });
  }
  const trade_state = asText(told?.trade_state) ?? 'USERPAYING';
  return { status: 202, data: { ...told, out_trade_no: no, trade_state, state: 'PROCESSING' } };
}

/** The payment in WeChat's words, from what is recorded. */
function transactionOf(record: OrderRecord, payment: Payment): Transaction {
  const { total, payer_total, currency, openid, source: _s, proof: _p, ...facts } = payment;
  const refunded = record.refunded_elsewhere === true || record.refunds.length > 0;
  return {
    ...facts,
    out_trade_no: record.no,
    trade_state: refunded ? 'REFUND' : 'SUCCESS',
    ...(record.attach === undefined ? {} : { attach: record.attach }),
    ...(openid === undefined ? {} : { payer: { openid } }),
    amount: { total, currency, ...(payer_total === undefined ? {} : { payer_total }) },
  };
}
