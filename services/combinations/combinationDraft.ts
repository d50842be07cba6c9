/** What a caller asks for, as a combination's facts: of a new one, or of a corrected one. */
import { createHash } from 'node:crypto';
import type { Caller } from '../access/caller';
import type { CombinationAskFacts } from '../ledger/combinationState';
import { newRecord } from '../ledger/newRecord';
import { withExpiry } from '../ledger/orderState';
import type { CombinationRecord, SubOrder } from '../ledger/record';
import { ASK_LEASE_MS } from '../orders/askWaiters';
import { expiryOfAsk, openidOfAsk } from '../orders/orderInput';
import type { PlacementDeps } from '../orders/placement';
import { completeScene } from '../orders/scene';
import type { Place } from '../access/shops';
import type { CombinationDraft, PlacedProduct, SubOrderDraft } from '../wechat/dialect';
import { ValidationError } from '../../utils/errors';
import { invariant } from '../../utils/invariant';
import type { Json } from '../../utils/json';

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
  readonly sub_mchid?: string;
  readonly out_trade_no: string;
  readonly description: string;
  readonly amount: { readonly total_amount: number };
  readonly attach?: string;
  readonly goods_tag?: string;
  readonly detail?: string;
  readonly settle_info?: Json;
}

export interface Draft extends CombinationDraft {
  readonly input: CombineInput;
}

export function draftOf(
  { clock, settings, shops }: PlacementDeps,
  input: CombineInput,
  caller: Caller,
): Draft {
  const numbers = input.sub_orders.map((sub) => sub.out_trade_no);
  if (new Set(numbers).size !== numbers.length) throw invalid('sub_orders.out_trade_no 重复');
  const foreign = input.sub_orders.some(
    ({ mchid }) => mchid !== undefined && mchid !== settings.mchid,
  );
  if (foreign) throw invalid('sub_orders.mchid 须为本商户号 / must be ours');
  if (input.type === 'h5' && input.scene_info?.h5_info === undefined) {
    throw invalid('scene_info.h5_info 必填 / is required');
  }
  const { useServiceAccount } = input;
  const placed = input.sub_orders.map((sub) => {
    const place = shops.placeOf({ sub_mchid: sub.sub_mchid, useServiceAccount }, caller);
    return { place, sub: withShop(sub, place) };
  });
  const [first] = placed;
  invariant(first !== undefined, 'a combination has parts');
  return {
    input,
    no: input.combine_out_trade_no,
    product: input.type,
    sub_orders: placed.map(({ sub }) => sub),
    openid: openidOfAsk(caller, input.combine_payer_info?.openid, {
      field: 'combine_payer_info.openid',
      required: input.type === 'jsapi',
    }),
    // He comes from one app, so all parts open in it.
    appid: first.place.appid,
    expires_at: expiryOfAsk(input.time_expire, settings.expireMinutes, clock.now()),
    scene: completeScene(input.scene_info, { caller, h5: input.type === 'h5' }),
  };
}

/** Nothing is added where there are no shops: the bytes stay as they were. */
const withShop = (sub: SubOrderInput, { sub_mchid }: Place): SubOrderDraft =>
  sub_mchid === undefined ? sub : { ...sub, sub_mchid };

/** What an order at WeChat is made of; also what a corrected one replaces. */
export function factsOf(
  { dialect, settings }: PlacementDeps,
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
    request: dialect.requests.combination(draft),
    sub_orders: draft.sub_orders.map((sub): SubOrder => ({
      mchid: settings.mchid,
      ...(sub.sub_mchid === undefined ? {} : { sub_mchid: sub.sub_mchid }),
      out_trade_no: sub.out_trade_no,
      description: sub.description,
      amount: { total_amount: sub.amount.total_amount, currency: 'CNY' },
      ...(sub.attach === undefined ? {} : { attach: sub.attach }),
      refunds: [],
    })),
  };
}

export function recordOf(deps: PlacementDeps, draft: Draft, caller: Caller): CombinationRecord {
  const now = deps.clock.now();
  const { expires_at, ...facts } = { ...factsOf(deps, draft), expires_at: draft.expires_at };
  const line = { at: now, what: 'created', source: caller.role, proof: 'none' } as const;
  const given = {
    kind: 'combination',
    no: draft.input.combine_out_trade_no,
    state: 'CREATED',
    agenda: withExpiry([], expires_at),
    mchid: deps.settings.mchid,
    made_by: caller.role,
    expires_at,
    asking_until: now + ASK_LEASE_MS,
  } as const;
  return newRecord<CombinationRecord>(Object.assign({}, given, facts), line);
}

const invalid = (detail: string): ValidationError =>
  new ValidationError('PARAM_INVALID', { detail });

/** Hash of what the caller chose; what we add (expiry, notify URL) is not his. */
export function hashOf({ input, sub_orders, openid, appid }: Draft): string {
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
  const shops = sub_orders.flatMap((sub) => sub.sub_mchid ?? []);
  const facts = [input.type, appid, openid ?? null, parts, ...rest, ...shops];
  return createHash('sha256').update(JSON.stringify(facts)).digest('base64url');
}
