/**
 * Merchant transfers (商家转账): recorded before WeChat is asked, repeated with the same bytes, never
 * renumbered. No error code is a verdict: the end comes from a proven state alone.
 */
import { newRecord } from '../ledger/newRecord';
import { createHash, createHmac } from 'node:crypto';
import { createTransferSender, type TransferSender } from './sendTransfer';
import { applyTransfer, syncTransfer } from './syncTransfer';
import { sumOfDay } from './transferDay';
import type { Answer } from '../access/answer';
import type { TransferRecord } from '../ledger/record';
import {
  isFinalTransfer,
  TRANSFER_FIRST_POLL_MS,
  TRANSFER_REPEAT_MAX_MS,
} from '../ledger/transferState';
import { fromReply, type SyncDeps } from '../wechat/syncDeps';
import type { OrderStore } from '../stores/orderStore';
import { requireAbility, type PayStrategy } from '../strategies/strategy';
import { ownRef } from '../wechat/dialect';
import { guardNumbers, withTexts } from '../wechat/replyNumbers';
import type { RequestGuard } from '../wechat/storedRequest';
import { provenBody, refusalOf, upstreamError } from '../wechat/wechatErrors';
import { AuthError, ConflictError, StoreError, ValidationError } from '../../utils/errors';
import type { Transfer, TransferTaken } from '../../utils/schemas/moneyReplies';

export interface TransferInput {
  readonly out_bill_no: string;
  readonly transfer_scene_id: string;
  readonly openid: string;
  readonly user_name?: string;
  readonly transfer_amount: number;
  readonly transfer_remark: string;
  readonly user_recv_perception?: string;
  readonly transfer_scene_report_infos: readonly {
    readonly info_type: string;
    readonly info_content: string;
  }[];
  readonly useServiceAccount?: boolean;
}

export interface TransferAnswer {
  readonly status: 200 | 202;
  readonly data: TransferTaken;
}

export interface TransfersDeps extends SyncDeps {
  readonly store: OrderStore;
  readonly requests: RequestGuard;
  readonly strategy: PayStrategy;
  readonly settings: {
    readonly appId: string;
    readonly serviceAppId: string | undefined;
    readonly apiV3Key: string;
    readonly maxFen: number;
    readonly dayFen: number;
  };
}

export interface Transfers {
  request(input: TransferInput): Promise<TransferAnswer>;
  cancel(outBillNo: string): Promise<Answer<Transfer>>;
  /** Sends the stored bytes again; used by the sweep. */
  readonly repeat: TransferSender['send'];
}

interface Deps extends TransfersDeps {
  readonly sender: TransferSender;
}

/** ≥ 2000 yuan WeChat requires the name; below 0.30 yuan it must not be sent. */
const NAME_REQUIRED_FEN = 200_000;
const NAME_FORBIDDEN_BELOW_FEN = 30;

export function createTransfers(parts: TransfersDeps): Transfers {
  const guardDay = (record: TransferRecord): Promise<void> => guardDayOf(parts, record);
  const sender = createTransferSender(Object.assign({}, parts, { guardDay }));
  const deps: Deps = Object.assign({}, parts, { sender });
  return {
    request: (input) => transfer(deps, input),
    cancel: (no) => cancel(deps, no),
    repeat: (record, source, limits) => sender.send(record, source, limits),
  };
}

function guardInput({ settings }: Deps, input: TransferInput): void {
  const named = input.user_name !== undefined;
  if (!named && input.transfer_amount >= NAME_REQUIRED_FEN) {
    throw new ValidationError('PARAM_INVALID', {
      detail: 'user_name: 2000 元及以上必填 / required from 2000 yuan',
    });
  }
  if (named && input.transfer_amount < NAME_FORBIDDEN_BELOW_FEN) {
    throw new ValidationError('PARAM_INVALID', {
      detail: 'user_name: 0.30 元以下不可填 / not allowed below 0.30 yuan',
    });
  }
  if (input.transfer_amount > settings.maxFen) {
    throw new AuthError('TRANSFER_LIMIT', {
      detail: `transferMaxFen=${String(settings.maxFen)}`,
    });
  }
}

async function guardDay({ store, clock, settings }: Deps, extraFen: number): Promise<void> {
  if (settings.dayFen === 0) return;
  if ((await sumOfDay(store, clock.now())) + extraFen > settings.dayFen) {
    throw new AuthError('TRANSFER_LIMIT', {
      detail: `transferDayFen=${String(settings.dayFen)}`,
    });
  }
}

/** At every attempt: the limit may be lower by now, and the record another's work. */
async function guardDayOf(
  { store, requests, settings }: TransfersDeps,
  record: TransferRecord,
): Promise<void> {
  if (settings.dayFen === 0) return;
  const others = await sumOfDay(store, record.created_at, record.no);
  if (others + record.transfer_amount > settings.dayFen) {
    requests.refuse(record, 'transferDayFen');
  }
}

async function recordOf(
  { strategy, dialect, clock, settings }: Deps,
  input: TransferInput,
  facts_hash: string,
): Promise<TransferRecord> {
  const now = clock.now();
  const name = input.user_name;
  const encrypted = name === undefined ? undefined : await strategy.encrypt(name);
  const appid = appidOf(settings, input);
  const facts = {
    kind: 'transfer',
    no: input.out_bill_no,
    state: 'CREATED',
    payer: input.openid,
    agenda: [{ do: 'transfer', at: now + TRANSFER_FIRST_POLL_MS, tries: 0 }],
    appid,
    mchid: dialect.account.mchid,
    transfer_amount: input.transfer_amount,
    transfer_scene_id: input.transfer_scene_id,
    transfer_remark: input.transfer_remark,
    facts_hash,
    request: dialect.requests.transfer({
      no: input.out_bill_no,
      appid,
      transfer_scene_id: input.transfer_scene_id,
      openid: input.openid,
      transfer_amount: input.transfer_amount,
      transfer_remark: input.transfer_remark,
      user_recv_perception: input.user_recv_perception,
      transfer_scene_report_infos: input.transfer_scene_report_infos,
      user_name: encrypted?.ciphertext,
      serial: encrypted?.serial,
    }),
    attempts: 0,
  } as const;
  return newRecord<TransferRecord>(facts, {
    at: now,
    what: 'created',
    source: 'operator',
    proof: 'none',
  });
}

function appidOf(settings: Deps['settings'], input: TransferInput): string {
  if (input.useServiceAccount !== true) return settings.appId;
  if (settings.serviceAppId === undefined) {
    throw new ValidationError('PARAM_INVALID', { detail: 'service_app_id' });
  }
  return settings.serviceAppId;
}

/** Keyed, for a name has too little in it to hide behind a plain hash. */
function hashOf({ settings }: Deps, input: TransferInput): string {
  const key = createHash('sha256').update(`user_name:${settings.apiV3Key}`).digest();
  const { user_name: name, transfer_scene_report_infos: infos, ...rest } = input;
  const facts = [
    appidOf(settings, input),
    rest.openid,
    rest.transfer_amount,
    rest.transfer_scene_id,
    rest.transfer_remark,
    rest.user_recv_perception ?? null,
    infos.map((info) => [info.info_type, info.info_content]),
    name ?? null,
  ];
  return createHmac('sha256', key).update(JSON.stringify(facts)).digest('base64url');
}

async function transfer(deps: Deps, input: TransferInput): Promise<TransferAnswer> {
  const { orders } = deps;
  requireAbility(deps.strategy, 'transfer');
  guardInput(deps, input);
  const facts_hash = hashOf(deps, input);
  const held = await orders.findTransfer(input.out_bill_no);
  if (held !== undefined) return again(deps, held, input);
  await guardDay(deps, input.transfer_amount);
  const record = await recordOf(deps, input, facts_hash);
  if ((await orders.insert(record)) === 'exists') {
    const other = await orders.findTransfer(input.out_bill_no);
    if (other === undefined) throw new StoreError('STORE_CONTENTION');
    return again(deps, other, input);
  }
  await guardDayAgain(deps, record);
  return send(deps, record);
}

/** Two at once may each have seen room for itself: the sum with both recorded decides, before sending. */
async function guardDayAgain(deps: Deps, record: TransferRecord): Promise<void> {
  try {
    await guardDay(deps, 0);
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    const facts = { out_bill_no: record.no, state: 'FAIL', fail_reason: 'DAY_LIMIT' } as const;
    const ours = { type: 'seen', facts, source: 'system', proof: 'none' } as const;
    const ended = await deps.orders.applyTransfer(record.no, ours);
    // Another caller of this number found room and has sent it: then it is on its way.
    if (ended.outcome === 'absent' || ended.record.state === 'FAIL') throw error;
  }
}

/** The same facts as far as they are known: of a transfer made elsewhere we know only what WeChat tells. */
function sameFacts(deps: Deps, held: TransferRecord, input: TransferInput): boolean {
  if (held.facts_hash !== '') return held.facts_hash === hashOf(deps, input);
  const receiver = held.payer ?? input.openid;
  return held.transfer_amount === input.transfer_amount && receiver === input.openid;
}

async function again(
  deps: Deps,
  held: TransferRecord,
  input: TransferInput,
): Promise<TransferAnswer> {
  if (!sameFacts(deps, held, input)) throw new ConflictError('TRANSFER_PARAMS_DIFFER');
  if (held.state !== 'CREATED') return known(held);
  if (deps.clock.now() - held.created_at >= TRANSFER_REPEAT_MAX_MS) return tooOld(deps, held);
  if (held.attempts === 0) await guardDayAgain(deps, held);
  return send(deps, held);
}

/**
 * WeChat knows a number again for some days only: after one, the same bytes might be a second transfer.
 * What became of it can still be asked; to send money is the operator's own decision, with a new number.
 */
async function tooOld(deps: Deps, held: TransferRecord): Promise<TransferAnswer> {
  const { record } = await syncTransfer(deps, held);
  if (record !== undefined && record.state !== 'CREATED') return known(record);
  throw new ConflictError('MOVE_FORBIDDEN', {
    detail:
      '首次请求已超过 24 小时，请在商户平台核实后换新单号 / first sent over 24 h ago: ' +
      'check it on the merchant platform, then use a new number',
  });
}

async function send(deps: Deps, record: TransferRecord): Promise<TransferAnswer> {
  const reply = await deps.sender.send(record, 'operator');
  const now = (await deps.orders.findTransfer(record.no)) ?? record;
  if (now.state !== 'CREATED') return known(now);
  if (reply !== undefined && refusalOf(reply) !== undefined) throw upstreamError(reply);
  return { status: 202, data: { ...view(now), state: 'PROCESSING' } };
}

async function cancel(deps: Deps, outBillNo: string): Promise<Answer<Transfer>> {
  const { orders, api, dialect } = deps;
  const held = await orders.findTransfer(outBillNo);
  if (held !== undefined && isFinalTransfer(held.state)) return known(held);
  const ref = held ?? ownRef(dialect, outBillNo);
  const reply = await api.cancelTransfer(ref);
  const body = provenBody(reply);
  if (body !== undefined) {
    guardNumbers(body, { out_bill_no: outBillNo });
    await applyTransfer(deps, body, fromReply('reply'), { absent: 'ignore' });
    return { status: 200, data: withTexts(body, 'out_bill_no', 'state') };
  }
  const synced = await syncTransfer(deps, ref);
  if (synced.record !== undefined && isFinalTransfer(synced.record.state)) {
    return known(synced.record);
  }
  throw upstreamError(reply);
}

const view = (record: TransferRecord) => ({
  out_bill_no: record.no,
  ...(record.transfer_bill_no === undefined ? {} : { transfer_bill_no: record.transfer_bill_no }),
  mchId: record.mchid,
});

const known = (record: TransferRecord): TransferAnswer => ({
  status: 200,
  data: {
    ...record.wechat,
    ...view(record),
    state: record.state,
    ...(record.package_info === undefined ? {} : { package_info: record.package_info }),
    ...(record.fail_reason === undefined ? {} : { fail_reason: record.fail_reason }),
  },
});
