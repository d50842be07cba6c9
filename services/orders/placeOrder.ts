/**
 * Places orders: recorded before WeChat is asked, asked by one caller at a time with the very same bytes,
 * answered only after the answer is recorded.
 */
import {
  appidOfAsk,
  EXPIRY_LEFT_MS,
  expiryOfAsk,
  extraOf,
  hashOf,
  openidOfAsk,
} from './orderInput';
import type { AskLimit } from '../access/foreignQueryLimit';
import { takeTurns } from './askTurns';
import { ASK_LEASE_MS, type AskWaiters } from './askWaiters';
import type { Caller } from '../access/caller';
import { withExpiry, type AskFacts } from '../ledger/orderState';
import { isOverdue, type Preparing } from './prepareOrder';
import { isPaidState } from '../ledger/refundMoney';
import { confirmAbsent, wasRefused } from './refusedAsk';
import type { OrderRate } from '../access/orderRateLimit';
import { syncOrder, type SyncDeps } from './syncOrder';
import type { Answer } from '../access/answer';
import { newOrder } from '../ledger/newRecord';
import type {
  CombinationRecord,
  OrderRecord,
  Prepay,
  Product,
  RecordedProduct,
} from '../ledger/record';
import { completeScene } from './scene';
import type { RequestGuard } from '../wechat/storedRequest';
import type { PayStrategy, WechatReply } from '../strategies/strategy';
import type { OrderDraft, PlacedProduct } from '../wechat/dialect';
import { refusalOf, upstreamError, plainCode } from '../wechat/wechatErrors';
import { asText } from '../wechat/readFacts';
import { AuthError, ConflictError, StoreError, ValidationError } from '../../utils/errors';

const PREPAY_LIFE_MS = 2 * 3600_000;
const PREPAY_LEFT_MS = 5 * 60_000;
const H5_LIFE_MS = 5 * 60_000;
const H5_LEFT_MS = 60_000;
/** Refusals that say that the order has moved on at WeChat. */
export const TELLING: ReadonlySet<string> = new Set(['ORDERPAID', 'ORDERCLOSED']);

/** A checked request body. What a payer may send of it is decided by the schemas. */
export interface OrderInput {
  readonly out_trade_no: string;
  readonly description?: string;
  readonly amount?: { readonly total: number; readonly currency?: 'CNY' };
  readonly attach?: string;
  readonly scene_info?: Readonly<Record<string, unknown>>;
  readonly payer?: { readonly openid: string };
  readonly useServiceAccount?: boolean;
  readonly time_expire?: string;
  readonly goods_tag?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly settle_info?: Readonly<Record<string, unknown>>;
  readonly limit_pay?: readonly string[];
  readonly support_fapiao?: boolean;
}

export interface PlacingDeps extends SyncDeps {
  readonly requests: RequestGuard;
  readonly strategy: PayStrategy;
  readonly rate: OrderRate;
  readonly asks: AskLimit;
  readonly waiters: AskWaiters;
  readonly preparing: Pick<Preparing, 'closeOverdue'>;
  readonly settings: {
    readonly appId: string;
    readonly serviceAppId: string | undefined;
    readonly mchid: string;
    readonly expireMinutes: number;
    readonly requirePrepared: boolean;
  };
}

export interface Placing {
  /** @returns what the payer's device needs, good for at least a minute. */
  order(product: PlacedProduct, input: OrderInput, caller: Caller): Promise<Answer>;
}

/** The prepay inside a proven answer; undefined when it is not there, which makes the outcome unknown. */
function readPrepay(
  product: RecordedProduct,
  body: Readonly<Record<string, unknown>>,
  at: number,
): Prepay | undefined {
  const key = product === 'h5' ? 'h5_url' : product === 'native' ? 'code_url' : 'prepay_id';
  const value = asText(body[key]);
  return value === undefined ? undefined : { at, [key]: value };
}

/** Sends the stored bytes of an order or a combination, within the lease of whoever asks. */
export async function askPrepay(
  { api, clock, requests }: Pick<PlacingDeps, 'api' | 'clock' | 'requests'>,
  record: OrderRecord | CombinationRecord,
): Promise<{ readonly reply: WechatReply; readonly prepay: Prepay | undefined }> {
  if (record.request === undefined) throw new ConflictError('MOVE_FORBIDDEN');
  const reply = await api.send(requests.prepay(record), {
    deadline: clock.now() + ASK_LEASE_MS - 1000,
  });
  const told = reply.kind === 'proven' && reply.status === 200;
  return { reply, prepay: told ? readPrepay(record.product, reply.body, clock.now()) : undefined };
}

interface Draft extends OrderDraft {
  readonly input: OrderInput;
}

export function createPlacing(deps: PlacingDeps): Placing {
  const { orders, clock, settings } = deps;

  const expiryOf = (input: OrderInput, minutes: number): number =>
    expiryOfAsk(input.time_expire, minutes, clock.now());
  const appidOf = (input: OrderInput): string => appidOfAsk(input.useServiceAccount, settings);
  const openidOf = (product: Product, input: OrderInput, caller: Caller): string | undefined =>
    openidOfAsk(caller, input.payer?.openid, {
      field: 'payer.openid',
      required: product === 'jsapi',
    });

  const sceneOf = (product: Product, input: OrderInput, caller: Caller): OrderDraft['scene'] =>
    completeScene(input.scene_info, { caller, h5: product === 'h5' });

  /** Hash of what the caller chose; what we add (expiry, notify URL) is not his. */
  const factsOf = (draft: Draft): string =>
    hashOf([
      draft.product,
      draft.appid,
      draft.openid ?? null,
      draft.description,
      draft.total,
      draft.attach ?? null,
      draft.input.scene_info ?? null,
      draft.input.time_expire ?? null,
      draft.extra,
    ]);

  function draftOf(product: PlacedProduct, input: OrderInput, caller: Caller): Draft | undefined {
    const openid = openidOf(product, input, caller);
    const appid = appidOf(input);
    if (input.description === undefined || input.amount === undefined) return undefined;
    return {
      no: input.out_trade_no,
      product,
      input,
      openid,
      appid,
      expires_at: expiryOf(input, settings.expireMinutes),
      description: input.description,
      total: input.amount.total,
      attach: input.attach,
      extra: extraOf(input),
      scene: sceneOf(product, input, caller),
    };
  }

  function recordOf(draft: Draft, caller: Caller): OrderRecord {
    const now = clock.now();
    const line = { at: now, what: 'created', source: caller.role, proof: 'none' } as const;
    const facts = {
      no: draft.input.out_trade_no,
      state: 'CREATED',
      ...(draft.openid === undefined ? {} : { payer: draft.openid }),
      agenda: withExpiry([], draft.expires_at),
      product: draft.product,
      appid: draft.appid,
      mchid: settings.mchid,
      description: draft.description,
      ...(draft.attach === undefined ? {} : { attach: draft.attach }),
      amount: { total: draft.total, currency: 'CNY' },
      payer_named: draft.product === 'jsapi',
      made_by: caller.role,
      prepared: false,
      facts_hash: factsOf(draft),
      expires_at: draft.expires_at,
      request: deps.dialect.requests.order(draft),
      asking_until: now + ASK_LEASE_MS,
    } as const;
    return newOrder(facts, line);
  }

  /** WeChat has one number space for both, and refuses whichever comes second in a race. */
  async function guardPart(no: string, caller?: Caller): Promise<void> {
    if (!(await orders.isPart(no))) return;
    if ((await orders.findOrder(no)) !== undefined) return;
    if (caller !== undefined) deps.asks.guard(caller);
    throw new ConflictError('ORDER_TAKEN');
  }

  interface Repeat {
    readonly product: PlacedProduct;
    readonly input: OrderInput;
    readonly caller: Caller;
    readonly draft: Draft | undefined;
    /** A payer may pay only what the merchant prepared. */
    readonly preparedOnly: boolean;
  }

  async function place(
    product: PlacedProduct,
    input: OrderInput,
    caller: Caller,
  ): Promise<OrderRecord> {
    const draft = draftOf(product, input, caller);
    const preparedOnly = settings.requirePrepared && caller.role === 'payer';
    const repeat = { product, input, caller, draft, preparedOnly };
    const { out_trade_no: no } = input;
    return takeTurns(deps, {
      key: `order ${no}`,
      caller,
      find: () => orders.findOrder(no),
      insert: draft === undefined || preparedOnly ? undefined : () => insert(draft, caller),
      absent: () => absent(repeat),
      judge(held) {
        guardOwner(held, repeat);
        if (isOverdue(held, clock.now())) {
          return { claim: () => deps.preparing.closeOverdue(held, caller.role) };
        }
        const facts = factsToAsk(held, repeat);
        guardOpen(held);
        if (facts === undefined && freshPrepay(held, clock.now())) return { answer: held };
        return { claim: () => takeOver(held, facts, caller) };
      },
      ask,
    });
  }

  /** @returns undefined: the number exists. */
  async function insert(draft: Draft, caller: Caller): Promise<OrderRecord | undefined> {
    const record = recordOf(draft, caller);
    const { no } = record;
    const made = await deps.rate.within({
      caller,
      key: `order ${no}`,
      units: 1,
      opens: true,
      guard: () => guardPart(no, caller),
      instead: async () => ((await orders.findOrder(no)) === undefined ? undefined : 'exists'),
      run: () => orders.insert(record),
    });
    return made === 'inserted' ? record : undefined;
  }

  /** Why a number that is not there, or not this caller's, cannot be placed; counted as a question. */
  function absent({ input, caller, draft, preparedOnly }: Repeat): Error {
    deps.asks.guard(caller);
    if (preparedOnly) return new AuthError('ORDER_NOT_PREPARED');
    if (draft !== undefined) return new StoreError('STORE_UNAVAILABLE');
    const { description, amount } = input;
    const alone = description === undefined && amount === undefined;
    if (alone && caller.role === 'payer') return notYours();
    return new ValidationError('PARAM_INVALID', {
      detail: `${description === undefined ? 'description' : 'amount'} 必填 / is required`,
    });
  }

  /** The record with the right to ask, or undefined while another caller has it. */
  async function takeOver(
    record: OrderRecord,
    facts: AskFacts | undefined,
    caller: Caller,
  ): Promise<OrderRecord | undefined> {
    const { no } = record;
    const corrects = facts !== undefined && wasRefused(record);
    const asked = await deps.rate.within({
      caller,
      key: `order ${no}`,
      units: 1,
      opens: record.state === 'PREPARED' || record.state === 'REJECTED',
      run: async () => {
        const absent_at = corrects ? await absentAt(record) : undefined;
        const event = {
          type: 'ask',
          until: clock.now() + ASK_LEASE_MS,
          ...(facts === undefined ? {} : { facts }),
          ...(absent_at === undefined ? {} : { absent_at }),
          source: caller.role,
          proof: 'none',
        } as const;
        return orders.apply(no, event, { known: record });
      },
    });
    if (asked.outcome === 'applied') return asked.record;
    // Another caller moved it between our look and our write: look again, then say what it is now.
    const moved = asked.outcome === 'absent' || asked.record.version !== record.version;
    if (asked.outcome === 'conflict' && asked.code !== 'ORDER_BUSY' && !moved) {
      throw new ConflictError(asked.code);
    }
    return undefined;
  }

  const absentAt = (record: OrderRecord): Promise<number | undefined> =>
    confirmAbsent(record, {
      now: clock.now(),
      query: async () => (await syncOrder(deps, record)).reply,
    });

  /**
   * Another's number is answered like one that does not exist. Only who would make it, or bind a prepared one,
   * learns that it is taken; that is counted like any question about numbers.
   */
  function guardOwner(record: OrderRecord, repeat: Repeat): void {
    const { caller, draft, preparedOnly } = repeat;
    if (caller.role === 'operator') return;
    // His own price, placed before the setting was turned on, is no price of the merchant's.
    if (preparedOnly && !record.prepared && record.made_by === 'payer') throw absent(repeat);
    const unbound = record.payer === undefined && record.state === 'PREPARED';
    if (unbound || record.payer === caller.openid) return;
    if (draft === undefined && !record.prepared) throw absent(repeat);
    deps.asks.guard(caller);
    // Prepared for whoever comes, and nobody came in time.
    const over = record.payer === undefined && record.prepared && record.state === 'CLOSED';
    if (draft === undefined && !over) throw notYours();
    throw new ConflictError(over ? 'ORDER_CLOSED' : 'ORDER_TAKEN');
  }

  function guardOpen(record: OrderRecord): void {
    if (record.payment !== undefined || isPaidState(record.state))
      throw new ConflictError('ORDER_PAID');
    if (record.state === 'CLOSED' || record.state === 'REVERSING' || record.product === 'codepay') {
      throw new ConflictError('ORDER_CLOSED');
    }
    const fixed = record.prepared && record.idle_until === undefined;
    const waiting = record.state === 'PREPARED' || (wasRefused(record) && !fixed);
    if (!waiting && isExpired(record)) {
      throw new ConflictError('ORDER_CLOSED', { detail: '已过期 / expired' });
    }
  }

  /** Facts that the next `ask` brings in, undefined for a plain repeat. Throws where they differ. */
  function factsToAsk(record: OrderRecord, repeat: Repeat): AskFacts | undefined {
    if (record.prepared) return preparedFacts(record, repeat);
    const { draft } = repeat;
    if (draft === undefined) {
      guardSent(record, repeat);
      return undefined;
    }
    const same = factsOf(draft) === record.facts_hash && record.state !== 'REJECTED';
    // The stored bytes of a refused order name a time that may be over: then it is asked for anew.
    if (same && !(wasRefused(record) && isExpired(record))) return undefined;
    if (!wasRefused(record)) throw new ConflictError('ORDER_PARAMS_DIFFER');
    return {
      product: draft.product,
      appid: draft.appid,
      description: draft.description,
      ...(draft.attach === undefined ? {} : { attach: draft.attach }),
      amount: { total: draft.total, currency: 'CNY' },
      ...(draft.openid === undefined ? {} : { payer: draft.openid }),
      payer_named: draft.product === 'jsapi',
      facts_hash: factsOf(draft),
      expires_at: draft.expires_at,
      request: deps.dialect.requests.order(draft),
    };
  }

  /** What a payer repeats of an order must be what stands in it. */
  function guardSent(record: OrderRecord, { input, caller }: Repeat): void {
    const differs =
      (input.description !== undefined && input.description !== record.description) ||
      (input.amount !== undefined && input.amount.total !== record.amount.total) ||
      (input.attach !== undefined && input.attach !== record.attach);
    if (!differs) return;
    // Bound to nobody, and not by this attempt: a guess at a number, so it counts as one.
    if (record.payer === undefined) deps.asks.guard(caller);
    throw new ConflictError('ORDER_PARAMS_DIFFER');
  }

  function preparedFacts(record: OrderRecord, repeat: Repeat): AskFacts | undefined {
    const { input, product, caller } = repeat;
    guardSent(record, repeat);
    if (record.state !== 'PREPARED' && !wasRefused(record)) {
      if (record.product !== product) throw new ConflictError('ORDER_PARAMS_DIFFER');
      return undefined;
    }
    const openid = record.payer ?? openidOf(product, input, caller);
    const draft: OrderDraft = {
      no: record.no,
      product,
      openid,
      appid: input.useServiceAccount === undefined ? record.appid : appidOf(input),
      expires_at: preparedExpiry(record),
      description: record.description,
      total: record.amount.total,
      attach: record.attach,
      extra: record.extra ?? {},
      scene: sceneOf(product, input, caller),
    };
    const request = deps.dialect.requests.order(draft);
    const { request: sent } = record;
    const same = sent?.body === request.body && sent.path === request.path;
    if (same && record.state === 'CREATED') return undefined;
    return {
      product,
      appid: draft.appid,
      ...(openid === undefined ? {} : { payer: openid }),
      payer_named: product === 'jsapi',
      expires_at: draft.expires_at,
      request,
    };
  }

  const isExpired = (record: OrderRecord): boolean =>
    record.expires_at !== undefined && record.expires_at <= clock.now();

  /** A time that the operator fixed stands; minutes count from the payer's first ask that may be taken. */
  function preparedExpiry(record: OrderRecord): number {
    const { expires_at: at } = record;
    const fixed = record.idle_until === undefined || record.state === 'CREATED';
    if (at !== undefined && fixed && !isExpired(record)) return at;
    return clock.now() + (record.expire_minutes ?? settings.expireMinutes) * 60_000;
  }

  /** Asks WeChat with the stored bytes and records the answer before anyone hears it. */
  async function ask(record: OrderRecord): Promise<OrderRecord> {
    const { reply, prepay } = await askPrepay(deps, record);
    if (prepay === undefined) return askFailed(record, reply);
    const applied = await orders.apply(
      record.no,
      { type: 'prepay', prepay, source: 'reply', proof: 'signature' },
      { known: record },
    );
    if (applied.outcome === 'absent') throw new StoreError('STORE_UNAVAILABLE');
    if (applied.outcome === 'applied') return applied.record;
    guardOpen(applied.record);
    return applied.record;
  }

  async function askFailed(record: OrderRecord, reply: WechatReply): Promise<never> {
    const refusal = refusalOf(reply);
    const from = {
      source: 'reply',
      proof: refusal?.proven === true ? 'signature' : 'none',
    } as const;
    if (refusal === undefined) {
      await orders.apply(record.no, { type: 'ask_unknown', ...from }, { known: record });
      // A proven 200 without a prepay is as unknown as no answer.
      throw upstreamError(reply);
    }
    const { code, message, proven, repeated } = refusal;
    await orders.apply(
      record.no,
      { type: 'ask_refused', proven, repeated, code, message, ...from },
      { known: record },
    );
    if (TELLING.has(plainCode(code))) {
      // Unproven, but worth a question; its proven answer is what the caller is told.
      await syncOrder(deps, record);
      guardOpen((await orders.findOrder(record.no)) ?? record);
    }
    throw upstreamError(reply);
  }

  return {
    async order(product, input, caller) {
      const record = await place(product, input, caller);
      return { status: 200, data: await paymentOf(deps.strategy, record) };
    },
  };
}

/** What the payer's device needs to open the payment. */
export async function paymentOf(
  strategy: PayStrategy,
  record: Pick<OrderRecord, 'prepay' | 'appid' | 'product'>,
): Promise<Readonly<Record<string, unknown>>> {
  const { prepay, appid } = record;
  const prepay_id = prepay?.prepay_id;
  if (record.product === 'h5') return { h5_url: prepay?.h5_url };
  if (record.product === 'native') return { code_url: prepay?.code_url };
  if (prepay_id === undefined) throw new ConflictError('MOVE_FORBIDDEN');
  if (record.product === 'app') return strategy.signApp({ appid, prepay_id });
  return { ...(await strategy.signJsapi({ appid, prepay_id })) };
}

/** For a number alone: the same words whether another has it or nobody. */
const notYours = (): ConflictError =>
  new ConflictError('ORDER_TAKEN', {
    detail:
      '该单号不是为您预下的单；新订单须带 description 与 amount / ' +
      'not prepared for you: a new order needs description and amount',
  });

/** "≥ 5 min of its 2 h and ≥ 1 min of time_expire are left". */
export function freshPrepay(
  record: Pick<OrderRecord, 'prepay' | 'product' | 'expires_at'>,
  now: number,
): boolean {
  const { prepay } = record;
  if (prepay === undefined) return false;
  const life = record.product === 'h5' ? H5_LIFE_MS - H5_LEFT_MS : PREPAY_LIFE_MS - PREPAY_LEFT_MS;
  if (now - prepay.at > life) return false;
  return record.expires_at === undefined || record.expires_at - now >= EXPIRY_LEFT_MS;
}
