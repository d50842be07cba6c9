/** What a caller asks for, as an order's facts: of a new one, of a corrected one, of a prepared one. */
import { ASK_LEASE_MS } from './askWaiters';
import { expiryOfAsk, extraOf, hashOf, openidOfAsk } from './orderInput';
import { isExpired, type PlacementDeps } from './placement';
import { completeScene } from './scene';
import type { Caller } from '../access/caller';
import { newOrder } from '../ledger/newRecord';
import { withExpiry, type AskFacts } from '../ledger/orderState';
import { wasRefused } from '../ledger/refusedAsk';
import type { OrderRecord, Product } from '../ledger/record';
import { versionOf, type OrderDraft, type PlacedProduct } from '../wechat/dialect';
import { ConflictError } from '../../utils/errors';

/** A checked request body. What a payer may send of it is decided by the schemas. */
export interface OrderInput {
  readonly out_trade_no: string;
  readonly sub_mchid?: string;
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

type Deps = Pick<PlacementDeps, 'foreignQueries' | 'clock' | 'dialect' | 'settings' | 'shops'>;

export interface Draft extends OrderDraft {
  readonly input: OrderInput;
}

/** One request to place an order. */
export interface Placement {
  readonly product: PlacedProduct;
  readonly input: OrderInput;
  readonly caller: Caller;
  /** undefined: a number alone, of an order that exists. */
  readonly draft: Draft | undefined;
  /** A payer may pay only what the merchant prepared. */
  readonly preparedOnly: boolean;
}

const openidOf = (product: Product, input: OrderInput, caller: Caller): string | undefined =>
  openidOfAsk(caller, input.payer?.openid, {
    field: 'payer.openid',
    required: product === 'jsapi',
  });

const sceneOf = (product: Product, input: OrderInput, caller: Caller): OrderDraft['scene'] =>
  completeScene(input.scene_info, { caller, h5: product === 'h5' });

const addressOf = (caller: Caller): Pick<OrderDraft, 'address'> =>
  caller.role === 'payer' ? { address: caller.address } : {};

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
    // Nothing where there are no shops: what earlier versions recorded must hash as it did.
    ...(draft.sub_mchid === undefined ? [] : [draft.sub_mchid]),
  ]);

export function draftOf(
  { clock, settings, shops }: Deps,
  product: PlacedProduct,
  input: OrderInput,
  caller: Caller,
): Draft | undefined {
  const openid = openidOf(product, input, caller);
  if (input.description === undefined || input.amount === undefined) {
    shops.check(input, caller);
    return undefined;
  }
  const { sub_mchid, appid } = shops.placeOf(input, caller);
  return {
    no: input.out_trade_no,
    product,
    input,
    openid,
    sub_mchid,
    appid,
    expires_at: expiryOfAsk(input.time_expire, settings.expireMinutes, clock.now()),
    description: input.description,
    total: input.amount.total,
    attach: input.attach,
    extra: extraOf(input),
    scene: sceneOf(product, input, caller),
    ...addressOf(caller),
  };
}

export function recordOf(
  { clock, dialect, settings }: Deps,
  draft: Draft,
  caller: Caller,
): OrderRecord {
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
    ...versionOf(dialect),
    ...(draft.sub_mchid === undefined ? {} : { sub_mchid: draft.sub_mchid }),
    description: draft.description,
    ...(draft.attach === undefined ? {} : { attach: draft.attach }),
    amount: { total: draft.total, currency: 'CNY' },
    payer_named: draft.product === 'jsapi',
    made_by: caller.role,
    prepared: false,
    facts_hash: factsOf(draft),
    expires_at: draft.expires_at,
    request: dialect.requests.order(draft),
    asking_until: now + ASK_LEASE_MS,
  } as const;
  return newOrder(facts, line);
}

/** Facts that the next `ask` brings in, undefined for a plain repeat. Throws where they differ. */
export function factsToAsk(
  deps: Deps,
  record: OrderRecord,
  placement: Placement,
): AskFacts | undefined {
  if (record.prepared) return preparedFacts(deps, record, placement);
  const { draft } = placement;
  if (draft === undefined) {
    guardSent(deps, record, placement);
    return undefined;
  }
  const same = factsOf(draft) === record.facts_hash && record.state !== 'REJECTED';
  // The stored bytes of a refused order name a time that may be over: then it is ordered again.
  if (same && !(wasRefused(record) && isExpired(record, deps.clock.now()))) return undefined;
  if (!wasRefused(record)) throw new ConflictError('ORDER_PARAMS_DIFFER');
  return {
    product: draft.product,
    appid: draft.appid,
    ...(draft.sub_mchid === undefined ? {} : { sub_mchid: draft.sub_mchid }),
    description: draft.description,
    ...(draft.attach === undefined ? {} : { attach: draft.attach }),
    amount: { total: draft.total, currency: 'CNY' },
    ...(draft.openid === undefined ? {} : { payer: draft.openid }),
    payer_named: draft.product === 'jsapi',
    facts_hash: factsOf(draft),
    expires_at: draft.expires_at,
    request: deps.dialect.requests.order(draft),
    ...versionOf(deps.dialect),
  };
}

/** What a payer repeats of an order must be what stands in it. */
function guardSent(
  { foreignQueries }: Deps,
  record: OrderRecord,
  { input, caller }: Placement,
): void {
  const differs =
    (input.description !== undefined && input.description !== record.description) ||
    (input.amount !== undefined && input.amount.total !== record.amount.total) ||
    (input.attach !== undefined && input.attach !== record.attach) ||
    (input.sub_mchid !== undefined && input.sub_mchid !== record.sub_mchid);
  if (!differs) return;
  // Bound to nobody, and not by this attempt: a guess at a number, so it counts as one.
  if (record.payer === undefined) foreignQueries.guard(caller);
  throw new ConflictError('ORDER_PARAMS_DIFFER');
}

function preparedFacts(
  deps: Deps,
  record: OrderRecord,
  placement: Placement,
): AskFacts | undefined {
  const { input, product, caller } = placement;
  guardSent(deps, record, placement);
  if (record.state !== 'PREPARED' && !wasRefused(record)) {
    if (record.product !== product) throw new ConflictError('ORDER_PARAMS_DIFFER');
    return undefined;
  }
  const openid = record.payer ?? openidOf(product, input, caller);
  const draft: OrderDraft = {
    no: record.no,
    product,
    openid,
    sub_mchid: record.sub_mchid,
    appid: deps.shops.appidOf(record, input, caller),
    expires_at: preparedExpiry(deps, record),
    description: record.description,
    total: record.amount.total,
    attach: record.attach,
    extra: record.extra ?? {},
    scene: sceneOf(product, input, caller),
    ...addressOf(caller),
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
    ...versionOf(deps.dialect),
  };
}

/** A time that the operator fixed stands; minutes count from the payer's first ask that may be taken. */
function preparedExpiry({ clock, settings }: Deps, record: OrderRecord): number {
  const now = clock.now();
  const { expires_at: at } = record;
  const fixed = record.idle_until === undefined || record.state === 'CREATED';
  if (at !== undefined && fixed && !isExpired(record, now)) return at;
  return now + (record.expire_minutes ?? settings.expireMinutes) * 60_000;
}
