/**
 * Payment-code orders (付款码): the payer shows a code, the merchant's till charges it, and the answer says at
 * once how it went, or nothing. WeChat sends no notification of them and they cannot be closed: what is not
 * settled after half a minute of queries is reversed, which gives a paid order's money back.
 *
 * The code is in one place only, the request under way: never in a record, a log or a reply. So a charge
 * is sent once; a repeat of the number asks how it went.
 * Source: 微信支付 APIv3《付款码支付》《撤销订单》.
 */
import type { EscalationCode } from '../ledger/reasons';
import { newOrder } from '../ledger/newRecord';
import { createHash } from 'node:crypto';
import { findItem } from '../ledger/agenda';
import { TURNS_MAX, WAIT_MAX_MS, type AskWaiters } from './askWaiters';
import { applyTransaction, fromReply, syncOrder, type SyncDeps } from './syncOrder';
import { isOpenState } from '../ledger/orderState';
import type { Answer } from '../access/answer';
import type { OrderRecord, Payment } from '../ledger/record';
import { REFUND_QUIET_MS } from '../ledger/refundAsking';
import { isPaidState } from '../ledger/refundMoney';
import { otherAnswer } from '../wechat/replyNumbers';
import type { RequestGuard } from '../wechat/storedRequest';
import type { WechatReply } from '../strategies/strategy';
import {
  escalate,
  ladderDelay,
  retriedAt,
  type EscalationDeps,
  type Step,
  type Steps,
} from '../sweep/steps';
import type { CallLimits } from '../wechat/wechatApi';
import { provenBody, refusalOf, saysNotFound, upstreamError } from '../wechat/wechatErrors';
import { ConflictError, NotFoundError } from '../../utils/errors';

type Json = Readonly<Record<string, unknown>>;

/** A checked request body. */
export interface CodepayInput {
  readonly out_trade_no: string;
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

export interface Codepay {
  /** 200 paid, in WeChat's words · 202 not known yet: the same number again asks how it went. */
  pay(input: CodepayInput): Promise<Answer>;
  /** 200 reversed, and proven so · 202 not yet: it is repeated until it is. */
  reverse(no: string): Promise<Answer>;
  /** What the sweep does with these orders. */
  steps(deps: Pick<EscalationDeps, 'writer' | 'logger'>): Steps;
}

export interface CodepayDeps extends SyncDeps {
  readonly requests: RequestGuard;
  readonly waiters: AskWaiters;
  readonly settings: { readonly appId: string; readonly mchid: string };
}

/** Unsettled so long after the charge: reversed. Longer than any charge may be under way. */
export const CODEPAY_SETTLE_MS = 30_000;
/** WeChat refuses a reversal sooner than this after the charge. */
export const REVERSE_MIN_MS = 15_000;
const REVERSE_MAX_MS = 7 * 24 * 3600_000;
const UNPROVEN_MAX_MS = 24 * 3600_000;
const REVERSE_LADDER_MS = [15, 15, 30, 60, 120, 300, 600, 1800, 3600].map((s) => s * 1000);
const ASK_MAX_MS = 10_000;
const keyOf = (no: string): string => `order ${no}`;

const BY_REPLY = { source: 'reply', proof: 'signature' } as const;
const UNPROVEN = { source: 'reply', proof: 'none' } as const;

export function createCodepay(deps: CodepayDeps): Codepay {
  const { orders, api, clock, settings } = deps;

  function recordOf(input: CodepayInput): OrderRecord {
    const now = clock.now();
    const { attach } = input;
    const line = { at: now, what: 'created', source: 'operator', proof: 'none' } as const;
    const facts = {
      no: input.out_trade_no,
      state: 'CREATED',
      // Written before the charge: whoever dies in it leaves the question and the reversal behind.
      agenda: [
        { do: 'query', at: now + 5000, tries: 0 },
        { do: 'reverse', at: now + CODEPAY_SETTLE_MS, tries: 0 },
      ],
      product: 'codepay',
      appid: settings.appId,
      mchid: settings.mchid,
      description: input.description,
      ...(attach === undefined ? {} : { attach }),
      amount: { total: input.amount.total, currency: 'CNY' },
      payer_named: false,
      made_by: 'operator',
      prepared: false,
      facts_hash: factsOf(input),
      asking_until: now + ASK_MAX_MS,
    } as const;
    return newOrder(facts, line);
  }

  async function pay(input: CodepayInput): Promise<Answer> {
    const record = recordOf(input);
    const part = await orders.isPart(record.no);
    if (part && (await orders.findOrder(record.no)) === undefined) {
      throw new ConflictError('ORDER_TAKEN');
    }
    const charged = await deps.waiters.during(keyOf(record.no), {
      claim: async () => ((await orders.insert(record)) === 'inserted' ? record : undefined),
      ask: (mine) => charge(mine, input),
    });
    return charged ?? repeat(record);
  }

  /** One call, never repeated: what became of it is asked. */
  async function charge(record: OrderRecord, input: CodepayInput): Promise<Answer> {
    const { out_trade_no: no, amount, ...fields } = input;
    const { total } = amount;
    const request = deps.dialect.requests.charge({ no, appid: record.appid, total, fields });
    const reply = without(
      input.payer.auth_code,
      await api.send(deps.requests.charge(record, request), {
        retriesMax: 0,
        deadline: clock.now() + ASK_MAX_MS - 1000,
      }),
    );
    const now = await learn(record, reply);
    // What was recorded meanwhile is proven, and the better answer.
    const refusal = isOpenState(now.state) ? refusalOf(reply) : undefined;
    if (refusal !== undefined) throw upstreamError(reply);
    if (isOpenState(now.state)) guardAnswer(reply, record);
    return answerOf(now, aboutUs(reply, record));
  }

  async function learn(record: OrderRecord, reply: WechatReply): Promise<OrderRecord> {
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
    const applied = await orders.apply(record.no, event);
    return applied.outcome === 'absent' ? record : applied.record;
  }

  /** The same number again never charges again. */
  async function repeat(asked: OrderRecord): Promise<Answer> {
    const { no } = asked;
    const until = clock.now() + WAIT_MAX_MS;
    const read = (): Promise<OrderRecord | undefined> => orders.findOrder(no);
    let held = await read();
    for (let turn = 0; turn < TURNS_MAX && held !== undefined; turn++) {
      if (held.product !== 'codepay' || !sameFacts(held, asked)) {
        throw new ConflictError('ORDER_PARAMS_DIFFER');
      }
      if (!isAsking(held)) break;
      const ended = await deps.waiters.end({ key: keyOf(no), caller: undefined, until, read });
      if (ended === undefined) break;
      if (!ended.still) held = ended.record;
    }
    if (held === undefined) throw new NotFoundError('ORDER_NOT_FOUND');
    if (!isOpenState(held.state) || isAsking(held)) return answerOf(held, undefined);
    const { reply, record } = await syncOrder(deps, held);
    return answerOf(record ?? held, aboutUs(reply, held));
  }

  const isAsking = (record: OrderRecord): boolean =>
    record.asking_until !== undefined && record.asking_until > clock.now();

  async function reverse(no: string): Promise<Answer> {
    const held = await orders.findOrder(no);
    if (held === undefined) throw new NotFoundError('ORDER_NOT_FOUND');
    if (held.state === 'CLOSED' && held.reversing_at !== undefined) return reversed(held);
    if (held.product === 'codepay' && held.state !== 'REVERSING') guardAge(held);
    const marked = await orders.apply(
      no,
      { type: 'reversing', source: 'operator', proof: 'none' },
      { known: held },
    );
    if (marked.outcome === 'absent') throw new NotFoundError('ORDER_NOT_FOUND');
    if (marked.outcome === 'conflict') throw new ConflictError(marked.code, { detail: marked.why });
    if (marked.record.state !== 'REVERSING') return answerReverse(marked.record, undefined);
    const { reply, record } = await sendReverse(marked.record, {}, 'reply');
    return answerReverse(record, reply);
  }

  function guardAge(record: OrderRecord): void {
    const age = clock.now() - record.created_at;
    if (age < REVERSE_MIN_MS) {
      throw new ConflictError('MOVE_FORBIDDEN', {
        detail: '支付 15 秒后才能撤销 / 15 s after the charge at the earliest',
        retryAfterSeconds: Math.ceil((REVERSE_MIN_MS - age) / 1000),
      });
    }
    if (age >= REVERSE_MAX_MS) {
      throw new ConflictError('MOVE_FORBIDDEN', {
        detail: '超过 7 天，请改用退款 / older than 7 days: refund it',
      });
    }
  }

  /**
   * Asks for the reversal; only what is proven ends it: the reversal's own answer about our number, or a
   * query that finds it reversed.
   */
  async function sendReverse(
    record: OrderRecord,
    limits: CallLimits,
    source: 'reply' | 'sweep',
  ): Promise<{ reply: WechatReply; record: OrderRecord }> {
    const { no } = record;
    const reply = await api.reverseOrder(record, limits);
    const refusal = refusalOf(reply);
    const missing = refusal?.proven === true && saysNotFound(refusal);
    // No charge can arrive any more that was signed so long ago: WeChat's 5-minute window fences it.
    const never = missing && clock.now() - record.created_at >= REFUND_QUIET_MS;
    if (aboutUs(reply, record) !== undefined || never) {
      const trade_state = never ? 'ORDER_NOT_EXIST' : 'REVOKED';
      const from = { source, proof: 'signature' } as const;
      const closed = await orders.apply(no, { type: 'closed', trade_state, ...from });
      return { reply, record: closed.outcome === 'absent' ? record : closed.record };
    }
    if (reply.kind === 'unknown') return { reply, record };
    const asker = source === 'sweep' ? 'sweep' : 'query';
    const synced = await syncOrder(deps, record, { limits, source: asker });
    const paid = provenBody(synced.reply)?.trade_state === 'SUCCESS';
    if (!paid || clock.now() - record.created_at < REVERSE_MAX_MS) {
      return { reply, record: synced.record ?? record };
    }
    const kept = await orders.apply(no, { type: 'reversal_over', ...fromReply(asker) });
    return { reply, record: kept.outcome === 'absent' ? record : kept.record };
  }

  function answerReverse(record: OrderRecord, reply: WechatReply | undefined): Answer {
    if (record.state === 'CLOSED') return reversed(record);
    if (reply !== undefined && refusalOf(reply) !== undefined) throw upstreamError(reply);
    if (reply !== undefined) guardAnswer(reply, record);
    return { status: 202, data: { out_trade_no: record.no, state: 'PROCESSING' } };
  }

  const steps: Codepay['steps'] = (sweep) => {
    const step: Step<OrderRecord> = {
      next: (_record, item, now) =>
        retriedAt(item, now + ladderDelay(REVERSE_LADDER_MS, item.tries)),
      async run(held, item, limits) {
        let record = held;
        if (record.state !== 'REVERSING') {
          const synced = await syncOrder(deps, held, { limits, source: 'sweep' });
          // Only what is still open: what was proven paid meanwhile stays paid.
          const marked = await orders.apply(held.no, {
            type: 'reversing',
            onlyIfOpen: true,
            source: 'sweep',
            proof: 'none',
          });
          if (marked.outcome !== 'applied') return synced.reply;
          record = marked.record;
        }
        const done = await sendReverse(record, limits, 'sweep');
        const why = endOfReversal(done, clock.now());
        const left = findItem(done.record.agenda, item.do);
        if (why !== undefined && left !== undefined) {
          await escalate({ ...sweep, clock }, done.record, left, why);
        }
        return done.reply;
      },
    };
    return { 'order.reverse': step };
  };

  return { pay, reverse, steps };
}

/** WeChat's proven answer, if it is about this order. */
function aboutUs(reply: WechatReply, record: OrderRecord): Json | undefined {
  if (reply.kind !== 'proven' || reply.status !== 200) return undefined;
  const { out_trade_no, mchid = record.mchid } = reply.body;
  return out_trade_no === record.no && mchid === record.mchid ? reply.body : undefined;
}

/** A proven answer about another order leaves the outcome unknown, and the caller is told so. */
function guardAnswer(reply: WechatReply, record: OrderRecord): void {
  const proven = reply.kind === 'proven' && reply.status === 200;
  if (proven && aboutUs(reply, record) === undefined) throw otherAnswer('out_trade_no');
}

/** Whatever WeChat quotes in its answer, the code goes no further. */
function without(code: string, reply: WechatReply): WechatReply {
  return JSON.parse(JSON.stringify(reply).replaceAll(code, '*'.repeat(code.length))) as WechatReply;
}

/** The same facts as far as they are known: of an order made elsewhere we know the amount alone. */
const sameFacts = (held: OrderRecord, asked: OrderRecord): boolean =>
  held.made_by === 'adopted'
    ? held.amount.total === asked.amount.total
    : held.facts_hash === asked.facts_hash;

/** Hash of what the till chose, but for the code, which is new every minute. */
function factsOf(input: CodepayInput): string {
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
  ];
  return createHash('sha256').update(JSON.stringify(facts)).digest('base64url');
}

/** How it stands, from the record; `told`: WeChat's own proven words of just now. */
function answerOf(record: OrderRecord, told: Json | undefined): Answer {
  const { no, state, payment } = record;
  if (payment !== undefined && isPaidState(state)) {
    const fresh = told !== undefined && told.transaction_id === payment.transaction_id;
    return { status: 200, data: fresh ? told : transactionOf(record, payment) };
  }
  if (state === 'MISMATCH') throw new ConflictError('MOVE_FORBIDDEN', { detail: state });
  if (!isOpenState(state)) {
    const over = told?.trade_state ?? state;
    throw new ConflictError('ORDER_CLOSED', {
      detail: typeof over === 'string' ? over.slice(0, 32) : state,
    });
  }
  const trade_state = told?.trade_state ?? 'USERPAYING';
  return { status: 202, data: { ...told, out_trade_no: no, trade_state, state: 'PROCESSING' } };
}

/** The payment in WeChat's words, from what is recorded. */
function transactionOf(record: OrderRecord, payment: Payment): Json {
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

const reversed = (record: OrderRecord): Answer => ({
  status: 200,
  data: { appid: record.appid, mchid: record.mchid, out_trade_no: record.no },
});

/** Why a reversal is no longer asked for by itself; undefined while it still is. */
function endOfReversal(
  done: { readonly record: OrderRecord; readonly reply: WechatReply },
  now: number,
): EscalationCode | undefined {
  if (done.record.state !== 'REVERSING') return undefined;
  const age = now - done.record.created_at;
  if (age >= REVERSE_MAX_MS) return 'not_reversed_in_time';
  const refusal = refusalOf(done.reply);
  const missing = refusal !== undefined && !refusal.proven && saysNotFound(refusal);
  return missing && age >= UNPROVEN_MAX_MS ? 'unknown_to_wechat' : undefined;
}
