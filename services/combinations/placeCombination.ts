/**
 * Combined orders (合单): several orders paid at once, all or none. Placed like an order (`placeOrder`): recorded
 * before WeChat is asked, asked by one caller at a time with the very same bytes. The parts' numbers are
 * reserved first: WeChat has one number space for them and for orders.
 * Source: 微信支付 APIv3《合单支付》.
 */
import { createHash } from 'node:crypto';
import { appidOfAsk, expiryOfAsk, openidOfAsk } from '../orders/orderInput';
import type { AskLimit } from '../access/foreignQueryLimit';
import { takeTurns } from '../orders/askTurns';
import { ASK_LEASE_MS, type AskWaiters } from '../orders/askWaiters';
import { actsAsOperator, type Caller } from '../access/caller';
import {
  isPaidCombination,
  partsTaken,
  type CombinationAskFacts,
} from '../ledger/combinationState';
import { asObject, asText } from '../wechat/readFacts';
import type { SyncDeps } from '../orders/syncOrder';
import { applyCombination, closeCombination, syncCombination } from './syncCombination';
import type { OrderRate } from '../access/orderRateLimit';
import { withExpiry } from '../ledger/orderState';
import { unitsOf } from '../ledger/payerAsks';
import type { Answer } from '../access/answer';
import { isPayer, mayAct, mayRead } from '../access/ownership';
import { withoutOtherPayer } from '../orders/queryOrder';
import { freshPrepay, askPrepay, paymentOf, TELLING, type PlacingDeps } from '../orders/placeOrder';
import { newRecord } from '../ledger/newRecord';
import type { CombinationRecord, SubOrder } from '../ledger/record';
import { guardNumbers } from '../wechat/replyNumbers';
import { confirmAbsent, wasRefused } from '../orders/refusedAsk';
import { completeScene } from '../orders/scene';
import type { RequestGuard } from '../wechat/storedRequest';
import type { PayStrategy, WechatReply } from '../strategies/strategy';
import { ownRef, type CombinationDraft, type PlacedProduct } from '../wechat/dialect';
import { bodyOrThrow, plainCode, refusalOf, upstreamError } from '../wechat/wechatErrors';
import {
  AuthError,
  ConflictError,
  NotFoundError,
  StoreError,
  ValidationError,
} from '../../utils/errors';

type Json = Readonly<Record<string, unknown>>;

/** A checked request body. What a payer may send of it is decided by the schemas. */
export interface CombineInput {
  readonly type: PlacedProduct;
  readonly combine_out_trade_no: string;
  readonly sub_orders: readonly SubOrderInput[];
  readonly combine_payer_info?: { readonly openid: string };
  readonly scene_info?: Json;
  readonly useServiceAccount?: boolean;
  readonly time_expire?: string;
}

interface SubOrderInput {
  readonly mchid?: string;
  readonly out_trade_no: string;
  readonly description: string;
  readonly amount: { readonly total_amount: number };
  readonly attach?: string;
  readonly goods_tag?: string;
  readonly detail?: string;
  readonly settle_info?: Json;
}

export interface Combining {
  order(input: CombineInput, caller: Caller): Promise<Answer>;
  query(no: string, caller: Caller): Promise<Answer>;
  close(no: string, caller: Caller): Promise<Answer>;
}

export interface CombiningDeps extends SyncDeps {
  readonly requests: RequestGuard;
  readonly strategy: PayStrategy;
  readonly rate: OrderRate;
  readonly asks: AskLimit;
  readonly waiters: AskWaiters;
  readonly settings: PlacingDeps['settings'];
}

/** Part numbers that one combination may ever take: each signed refusal may bring in others. */
const PARTS_TAKEN_MAX = 50;

interface Draft extends CombinationDraft {
  readonly input: CombineInput;
}

export function createCombining(deps: CombiningDeps): Combining {
  const { orders, api, strategy, clock, settings } = deps;

  function draftOf(input: CombineInput, caller: Caller): Draft {
    const numbers = input.sub_orders.map((sub) => sub.out_trade_no);
    if (new Set(numbers).size !== numbers.length) throw invalid('sub_orders.out_trade_no 重复');
    const foreign = input.sub_orders.some(
      ({ mchid }) => mchid !== undefined && mchid !== settings.mchid,
    );
    if (foreign) throw invalid('sub_orders.mchid 须为本商户号 / must be ours');
    if (input.type === 'h5' && input.scene_info?.h5_info === undefined) {
      throw invalid('scene_info.h5_info 必填 / is required');
    }
    return {
      input,
      no: input.combine_out_trade_no,
      product: input.type,
      sub_orders: input.sub_orders,
      openid: openidOfAsk(caller, input.combine_payer_info?.openid, {
        field: 'combine_payer_info.openid',
        required: input.type === 'jsapi',
      }),
      appid: appidOfAsk(input.useServiceAccount, settings),
      expires_at: expiryOfAsk(input.time_expire, settings.expireMinutes, clock.now()),
      scene: completeScene(input.scene_info, { caller, h5: input.type === 'h5' }),
    };
  }

  /** What an order at WeChat is made of; also what a corrected one replaces. */
  function factsOf(
    draft: Draft,
  ): Required<
    Pick<CombinationAskFacts, 'product' | 'appid' | 'payer_named' | 'facts_hash' | 'request'>
  > &
    CombinationAskFacts {
    const { input, openid, appid } = draft;
    return {
      product: input.type,
      appid,
      ...(openid === undefined ? {} : { payer: openid }),
      payer_named: input.type === 'jsapi',
      facts_hash: hashOf(draft),
      expires_at: draft.expires_at,
      request: deps.dialect.requests.combination(draft),
      sub_orders: input.sub_orders.map((sub): SubOrder => ({
        mchid: settings.mchid,
        out_trade_no: sub.out_trade_no,
        description: sub.description,
        amount: { total_amount: sub.amount.total_amount, currency: 'CNY' },
        ...(sub.attach === undefined ? {} : { attach: sub.attach }),
        refunds: [],
      })),
    };
  }

  function recordOf(draft: Draft, caller: Caller): CombinationRecord {
    const now = clock.now();
    const { expires_at, ...facts } = { ...factsOf(draft), expires_at: draft.expires_at };
    const line = { at: now, what: 'created', source: caller.role, proof: 'none' } as const;
    const given = {
      kind: 'combination',
      no: draft.input.combine_out_trade_no,
      state: 'CREATED',
      agenda: withExpiry([], expires_at),
      mchid: settings.mchid,
      made_by: caller.role,
      expires_at,
      asking_until: now + ASK_LEASE_MS,
    } as const;
    return newRecord<CombinationRecord>(Object.assign({}, given, facts), line);
  }

  /** The parts' numbers, for this combination alone: looked at first, so that a refusal takes none. */
  async function takeNumbers(
    draft: Draft,
    caller: Caller,
    held: CombinationRecord | undefined,
  ): Promise<void> {
    const { combine_out_trade_no: no, sub_orders } = draft.input;
    if (held !== undefined && partsTaken(held, sub_orders) > PARTS_TAKEN_MAX) {
      throw new ConflictError('MOVE_FORBIDDEN', {
        detail: '该合单号更换子单号过多，请换新合单号 / too many parts so far: use a new number',
      });
    }
    const parts = sub_orders.map((sub) => sub.out_trade_no);
    const taken = (part: string): ConflictError => {
      deps.asks.guard(caller);
      return new ConflictError('ORDER_TAKEN', { detail: part });
    };
    await Promise.all(
      parts.map(async (part) => {
        const looks = [orders.findOrder(part), orders.parts.isFree(part, no)] as const;
        const [order, free] = await Promise.all(looks);
        if (order !== undefined || !free) throw taken(part);
      }),
    );
    await Promise.all(
      parts.map(async (part) => {
        if (!(await orders.parts.take(part, no))) throw taken(part);
      }),
    );
  }

  async function place(input: CombineInput, caller: Caller): Promise<CombinationRecord> {
    const draft = draftOf(input, caller);
    const no = input.combine_out_trade_no;
    // No combination can be prepared: where prices are the merchant's, an operator places it.
    const merchantOnly = settings.requirePrepared && caller.role === 'payer';
    return takeTurns(deps, {
      key: `combination ${no}`,
      caller,
      find: () => orders.findCombination(no),
      insert: merchantOnly ? undefined : () => insert(draft, caller),
      absent() {
        deps.asks.guard(caller);
        return merchantOnly
          ? new AuthError('ORDER_NOT_PREPARED')
          : new StoreError('STORE_UNAVAILABLE');
      },
      judge(held) {
        if (merchantOnly && held.made_by !== 'operator') throw new AuthError('ORDER_NOT_PREPARED');
        guardOwner(held, caller);
        const corrects = isCorrection(held, draft);
        // What was made elsewhere is known to be paid, and that is the answer: see `guardOpen`.
        const ours = held.made_by !== 'adopted';
        if (ours && !corrects && hashOf(draft) !== held.facts_hash) {
          throw new ConflictError('ORDER_PARAMS_DIFFER');
        }
        guardOpen(held);
        if (!corrects && freshPrepay(held, clock.now())) return { answer: held };
        return { claim: () => takeOver(held, draft, caller) };
      },
      ask,
    });
  }

  /** Other facts than WeChat refused, or the same when their time is over. */
  function isCorrection(held: CombinationRecord, draft: Draft): boolean {
    if (held.state === 'REJECTED') return true;
    const expired = held.expires_at !== undefined && held.expires_at <= clock.now();
    return wasRefused(held) && (expired || hashOf(draft) !== held.facts_hash);
  }

  /** @returns undefined: the number exists. */
  async function insert(draft: Draft, caller: Caller): Promise<CombinationRecord | undefined> {
    const record = recordOf(draft, caller);
    const { no } = record;
    const made = await deps.rate.within({
      caller,
      key: `combination ${no}`,
      units: unitsOf(record),
      opens: true,
      instead: async () =>
        (await orders.findCombination(no)) === undefined ? undefined : 'exists',
      run: async () => {
        // Looked at first: a repeat takes no numbers.
        if ((await orders.findCombination(no)) !== undefined) return 'exists';
        // Within the limit: otherwise he could take numbers without end.
        await takeNumbers(draft, caller, undefined);
        return orders.insert(record);
      },
    });
    return made === 'inserted' ? record : undefined;
  }

  /** The record with the right to ask, or undefined while another caller has it. */
  async function takeOver(
    held: CombinationRecord,
    draft: Draft,
    caller: Caller,
  ): Promise<CombinationRecord | undefined> {
    const corrects = isCorrection(held, draft);
    const query = async () => (await syncCombination(deps, held)).reply;
    const asked = await deps.rate.within({
      caller,
      key: `combination ${held.no}`,
      units: draft.input.sub_orders.length,
      opens: held.state === 'REJECTED',
      run: async () => {
        const now = clock.now();
        const absent_at = corrects ? await confirmAbsent(held, { now, query }) : undefined;
        if (corrects) await takeNumbers(draft, caller, held);
        const event = {
          type: 'ask',
          until: clock.now() + ASK_LEASE_MS,
          ...(corrects ? { facts: factsOf(draft) } : {}),
          ...(absent_at === undefined ? {} : { absent_at }),
          source: caller.role,
          proof: 'none',
        } as const;
        return orders.applyCombination(held.no, event, { known: held });
      },
    });
    if (asked.outcome === 'applied') return asked.record;
    const lost = asked.outcome === 'conflict' && asked.code !== 'ORDER_BUSY';
    if (lost && asked.record.version === held.version) throw new ConflictError(asked.code);
    return undefined;
  }

  function guardOwner(record: CombinationRecord, caller: Caller): void {
    if (caller.role !== 'payer' || record.payer === caller.openid) return;
    deps.asks.guard(caller);
    throw new ConflictError('ORDER_TAKEN');
  }

  function guardOpen(record: CombinationRecord): void {
    if (isPaidCombination(record)) throw new ConflictError('ORDER_PAID');
    if (record.state === 'CLOSED') throw new ConflictError('ORDER_CLOSED');
    const expired = record.expires_at !== undefined && record.expires_at <= clock.now();
    if (!wasRefused(record) && expired) {
      throw new ConflictError('ORDER_CLOSED', { detail: '已过期 / expired' });
    }
  }

  /** Asks WeChat with the stored bytes and records the answer before anyone hears it. */
  async function ask(record: CombinationRecord): Promise<CombinationRecord> {
    const { reply, prepay } = await askPrepay(deps, record);
    if (prepay === undefined) return askFailed(record, reply);
    const applied = await orders.applyCombination(
      record.no,
      { type: 'prepay', prepay, source: 'reply', proof: 'signature' },
      { known: record },
    );
    if (applied.outcome === 'absent') throw new StoreError('STORE_UNAVAILABLE');
    if (applied.outcome !== 'applied') guardOpen(applied.record);
    return applied.record;
  }

  async function askFailed(record: CombinationRecord, reply: WechatReply): Promise<never> {
    const refusal = refusalOf(reply);
    const proof = refusal?.proven === true ? 'signature' : 'none';
    const from = { source: 'reply', proof } as const;
    if (refusal === undefined) {
      await orders.applyCombination(record.no, { type: 'ask_unknown', ...from });
      throw upstreamError(reply);
    }
    const { code, message, proven, repeated } = refusal;
    await orders.applyCombination(record.no, {
      type: 'ask_refused',
      proven,
      repeated,
      code,
      message,
      ...from,
    });
    if (TELLING.has(plainCode(code))) {
      // Unproven, but worth a question; its proven answer is what the caller is told.
      guardOpen((await syncCombination(deps, record)).record ?? record);
    }
    throw upstreamError(reply);
  }

  async function query(no: string, caller: Caller): Promise<Answer> {
    const found = await orders.findCombination(no);
    const held = found !== undefined && mayRead(found, caller) ? found : undefined;
    // Another's is treated like one that we do not hold: it counts, WeChat is asked, the answer is the same.
    if (held === undefined) deps.asks.guard(caller);
    const reply = await api.queryCombination(held ?? ownRef(deps.dialect, no));
    const unknown = (): NotFoundError => new NotFoundError('ORDER_NOT_FOUND');
    const body = bodyOrThrow(reply, held === undefined ? unknown : undefined);
    guardNumbers(body, { combine_out_trade_no: no });
    const payer = asText(asObject(body.combine_payer_info)?.openid);
    // One we do not hold is taken in for operators, and for the payer whom WeChat names.
    const named = found === undefined && isPayer(caller, payer);
    const owns = held !== undefined || named;
    if (!owns && !actsAsOperator(caller)) throw new NotFoundError('ORDER_NOT_FOUND');
    const from = { source: 'query', proof: 'signature' } as const;
    await applyCombination(deps, body, from, { absent: 'adopt' });
    return {
      status: 200,
      data: actsAsOperator(caller) ? body : withoutOtherPayer(body, 'combine_payer_info', caller),
    };
  }

  async function close(no: string, caller: Caller): Promise<Answer> {
    const held = await orders.findCombination(no);
    if (held === undefined || !mayAct(held, caller)) {
      deps.asks.guard(caller);
      throw new NotFoundError('ORDER_NOT_FOUND');
    }
    const record = await closeCombination(deps, held, { source: caller.role });
    if (isPaidCombination(record)) throw new ConflictError('ORDER_PAID');
    return { status: 204, data: null };
  }

  return {
    async order(input, caller) {
      const record = await place(input, caller);
      return { status: 200, data: await paymentOf(strategy, record) };
    },
    query,
    close,
  };
}

const invalid = (detail: string): ValidationError =>
  new ValidationError('PARAM_INVALID', { detail });

/** Hash of what the caller chose; what we add (expiry, notify URL) is not his. */
function hashOf({ input, openid, appid }: Draft): string {
  const parts = input.sub_orders.map((sub) => [
    sub.out_trade_no,
    sub.description,
    sub.amount.total_amount,
    sub.attach ?? null,
    sub.goods_tag ?? null,
    sub.detail ?? null,
    sub.settle_info ?? null,
  ]);
  const rest = [input.scene_info ?? null, input.time_expire ?? null];
  const facts = [input.type, appid, openid ?? null, parts, ...rest];
  return createHash('sha256').update(JSON.stringify(facts)).digest('base64url');
}
