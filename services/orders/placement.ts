/**
 * What placing an order and placing a combination have in common: the right to ask WeChat is taken over by a
 * conditional write, WeChat is asked with the stored bytes, and its answer is recorded before any caller gets it.
 */
import { ASK_LEASE_MS, type AskWaiters } from './askWaiters';
import { EXPIRY_LEFT_MS } from './orderInput';
import { confirmAbsent } from './confirmAbsent';
import type { SyncDeps, Synced } from './syncOrder';
import type { Caller } from '../access/caller';
import type { ForeignQueryLimit } from '../access/foreignQueryLimit';
import type { OrderRate } from '../access/orderRateLimit';
import type { Shops } from '../access/shops';
import type { CombinationRecord, OrderRecord, Prepay, RecordedProduct } from '../ledger/record';
import type { Applied } from '../orderService';
import type { Invocation, PayStrategy, WechatReply } from '../strategies/strategy';
import type { From, PlacedProduct } from '../wechat/dialect';
import { asText } from '../wechat/readFacts';
import type { RequestGuard } from '../wechat/storedRequest';
import { plainCode } from '../ledger/refusalCodes';
import { provenBody, refusalOf, upstreamError } from '../wechat/wechatErrors';
import { ConflictError, StoreError } from '../../utils/errors';
import type { App, H5, Jsapi, Native } from '../../utils/schemas/moneyReplies';
import type { Json } from '../../utils/json';

const PREPAY_LIFE_MS = 2 * 3600_000;
const PREPAY_LEFT_MS = 5 * 60_000;
const H5_LIFE_MS = 5 * 60_000;
const H5_LEFT_MS = 60_000;
/** Refusals that say that the order has moved on at WeChat. */
const STATE_REVEALING_CODES: ReadonlySet<string> = new Set(['ORDERPAID', 'ORDERCLOSED']);

export interface PlacementDeps extends SyncDeps {
  readonly requests: RequestGuard;
  readonly strategy: PayStrategy;
  readonly rate: OrderRate;
  readonly foreignQueries: ForeignQueryLimit;
  readonly waiters: AskWaiters;
  readonly shops: Shops;
  readonly settings: {
    readonly mchid: string;
    readonly expireMinutes: number;
    readonly requirePrepared: boolean;
  };
}

type Placeable = OrderRecord | CombinationRecord;

/** What placing brings about; `Facts` come in with an ask that corrects a refused one. */
type PlacementEvent<Facts> = From &
  (
    | { readonly type: 'prepay'; readonly prepay: Prepay }
    | { readonly type: 'ask_unknown' }
    | {
        readonly type: 'ask_refused';
        readonly proven: boolean;
        readonly repeated: boolean;
        readonly code: string;
        readonly message: string;
      }
    | {
        readonly type: 'ask';
        readonly until: number;
        readonly facts?: Facts;
        readonly absent_at?: number;
      }
  );

/** How orders and combinations differ when they are placed. */
export interface Placed<R extends Placeable, Facts> {
  readonly apply: (known: R, event: PlacementEvent<Facts>) => Promise<Applied<R>>;
  readonly sync: (record: R) => Promise<Synced<R>>;
  /** @throws ConflictError where it cannot be paid any more. */
  readonly guardOpen: (record: R) => void;
}

/** Asks WeChat with the stored bytes and records the answer before any caller gets it. */
export async function askWechat<R extends Placeable, Facts>(
  deps: PlacementDeps,
  placed: Placed<R, Facts>,
  record: R,
): Promise<R> {
  const { api, clock, requests } = deps;
  if (record.request === undefined) throw new ConflictError('MOVE_FORBIDDEN');
  const deadline = clock.now() + ASK_LEASE_MS - 1000;
  const reply = await api.send(requests.prepay(record), { deadline });
  const prepay = readPrepay(record.product, provenBody(reply), clock.now());
  if (prepay === undefined) return askFailed(placed, record, reply);
  const from = { source: 'reply', proof: 'signature' } as const;
  const applied = await placed.apply(record, { type: 'prepay', prepay, ...from });
  if (applied.outcome === 'absent') throw new StoreError('STORE_UNAVAILABLE');
  if (applied.outcome !== 'applied') placed.guardOpen(applied.record);
  return applied.record;
}

/** The prepay inside a proven answer; undefined when it is not there, which makes the outcome unknown. */
function readPrepay(
  product: RecordedProduct,
  body: Json | undefined,
  at: number,
): Prepay | undefined {
  const key = product === 'h5' ? 'h5_url' : product === 'native' ? 'code_url' : 'prepay_id';
  const value = asText(body?.[key]);
  return value === undefined ? undefined : { at, [key]: value };
}

async function askFailed<R extends Placeable, Facts>(
  { apply, sync, guardOpen }: Placed<R, Facts>,
  record: R,
  reply: WechatReply,
): Promise<never> {
  const refusal = refusalOf(reply);
  const proof = refusal?.proven === true ? 'signature' : 'none';
  const from = { source: 'reply', proof } as const;
  if (refusal === undefined) {
    // A proven 200 without a prepay is as unknown as no answer.
    await apply(record, { type: 'ask_unknown', ...from });
    throw upstreamError(reply);
  }
  const { code, message, proven, repeated } = refusal;
  await apply(record, { type: 'ask_refused', proven, repeated, code, message, ...from });
  // Unproven, but worth a query; the caller gets its proven answer.
  if (STATE_REVEALING_CODES.has(plainCode(code))) guardOpen((await sync(record)).record ?? record);
  throw upstreamError(reply);
}

export interface TakeOver<R extends Placeable, Facts> {
  readonly held: R;
  readonly caller: Caller;
  /** Orders that the caller's rate counts. */
  readonly units: number;
  /** It was not open until now. */
  readonly opens: boolean;
  /** Corrects what WeChat refused: only once WeChat is known not to hold it. */
  readonly corrects: boolean;
  readonly facts: Facts | undefined;
  /** What a correction has to do before its ask is written. */
  readonly before?: () => Promise<void>;
}

/** @returns the record with the right to ask; undefined while another caller has it, or when it has moved. */
export async function takeOver<R extends Placeable, Facts>(
  { clock, rate }: PlacementDeps,
  { apply, sync }: Placed<R, Facts>,
  { held, caller, units, opens, corrects, facts, before }: TakeOver<R, Facts>,
): Promise<R | undefined> {
  const query = async (): Promise<WechatReply> => (await sync(held)).reply;
  const key = `${held.kind} ${held.no}`;
  const run = async (): Promise<Applied<R>> => {
    const now = clock.now();
    const absent_at = corrects ? await confirmAbsent(held, { now, query }) : undefined;
    await before?.();
    return apply(held, {
      type: 'ask',
      until: clock.now() + ASK_LEASE_MS,
      ...(facts === undefined ? {} : { facts }),
      ...(absent_at === undefined ? {} : { absent_at }),
      source: caller.role,
      proof: 'none',
    });
  };
  const asked = await rate.within({ caller, key, units, opens, run });
  if (asked.outcome === 'applied') return asked.record;
  // Another caller moved it between our look and our write: look again, then say what it is now.
  const refused = asked.outcome === 'conflict' && asked.code !== 'ORDER_BUSY';
  if (refused && asked.record.version === held.version) throw new ConflictError(asked.code);
  return undefined;
}

export const isExpired = (
  { expires_at: at }: { readonly expires_at?: number },
  now: number,
): boolean => at !== undefined && at <= now;

/** What the payer's device needs to open the payment, by product. */
export interface PaymentOf {
  readonly jsapi: Jsapi;
  readonly h5: H5;
  readonly native: Native;
  readonly app: App;
}

type Opened = Pick<OrderRecord, 'prepay' | 'appid' | 'api' | 'sub_mchid'>;

const PAYMENTS: {
  readonly [P in PlacedProduct]: (strategy: PayStrategy, opened: Opened) => Promise<PaymentOf[P]>;
} = {
  jsapi: async (strategy, opened) => ({ ...(await strategy.signJsapi(invocationOf(opened))) }),
  app: async (strategy, opened) => {
    const partnerid = opened.sub_mchid;
    return { ...(await strategy.signApp({ ...invocationOf(opened), partnerid })) };
  },
  h5: async (_strategy, { prepay }) => ({ h5_url: need(prepay?.h5_url) }),
  native: async (_strategy, { prepay }) => ({ code_url: need(prepay?.code_url) }),
};

const invocationOf = ({ prepay, appid, api = 'v3' }: Opened): Invocation => ({
  appid,
  prepay_id: need(prepay?.prepay_id),
  api,
});

function need(text: string | undefined): string {
  if (text === undefined) throw new ConflictError('MOVE_FORBIDDEN');
  return text;
}

export const paymentOf = <P extends PlacedProduct>(
  strategy: PayStrategy,
  product: P,
  opened: Opened,
): Promise<PaymentOf[P]> => PAYMENTS[product](strategy, opened);

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
