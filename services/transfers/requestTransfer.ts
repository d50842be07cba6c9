/**
 * Merchant transfers (商家转账): recorded before WeChat is asked, repeated with the same bytes, never
 * renumbered. No error code is a verdict: the end comes from a proven state alone.
 */
import { newRecord } from '../ledger/newRecord';
import { createHash, createHmac } from 'node:crypto';
import type { Following } from '../orders/syncOrder';
import type { OrderService } from '../orderService';
import { type Source, type TransferRecord } from '../ledger/record';
import { guardNumbers, isOtherAnswer } from '../wechat/replyNumbers';
import { sumOfDay } from './transferDay';
import {
  isFinalTransfer,
  TRANSFER_FIRST_POLL_MS,
  TRANSFER_REPEAT_MAX_MS,
} from '../ledger/transferState';
import type { RequestGuard } from '../wechat/storedRequest';
import type { PayStrategy, WechatReply } from '../strategies/strategy';
import type { OrderStore } from '../stores/orderStore';
import { ownRef, type Dialect } from '../wechat/dialect';
import type { CallLimits, WechatApi } from '../wechat/wechatApi';
import { refusalOf, upstreamError } from '../wechat/wechatErrors';
import type { Clock } from '../../utils/clock';
import { AuthError, ConflictError, StoreError, ValidationError } from '../../utils/errors';

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
  readonly data: Readonly<Record<string, unknown>>;
}

export interface TransferringDeps {
  readonly orders: OrderService;
  readonly store: OrderStore;
  readonly api: WechatApi;
  readonly dialect: Dialect;
  readonly requests: RequestGuard;
  readonly strategy: PayStrategy;
  readonly following: Following;
  readonly clock: Clock;
  readonly settings: {
    readonly appId: string;
    readonly serviceAppId: string | undefined;
    readonly mchid: string;
    readonly apiV3Key: string;
    readonly maxFen: number;
    readonly dayFen: number;
  };
}

export interface Transferring {
  transfer(input: TransferInput): Promise<TransferAnswer>;
  cancel(outBillNo: string): Promise<TransferAnswer>;
  /** Sends the stored bytes again; used by the sweep. */
  repeat(
    record: TransferRecord,
    source: Source,
    limits?: CallLimits,
  ): Promise<WechatReply | undefined>;
}

const ASK_LEASE_MS = 10_000;
/** The last signature is made before the lease ends, so that a takeover never meets a fresh copy. */
const ASK_MARGIN_MS = 1000;
/** ≥ 2000 yuan WeChat requires the name; below 0.30 yuan it must not be sent. */
const NAME_REQUIRED_FEN = 200_000;
const NAME_FORBIDDEN_BELOW_FEN = 30;

export function createTransferring(deps: TransferringDeps): Transferring {
  const { orders, store, api, strategy, following, clock, settings } = deps;

  function guardInput(input: TransferInput): void {
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

  async function guardDay(extraFen: number): Promise<void> {
    if (settings.dayFen === 0) return;
    if ((await sumOfDay(store, clock.now())) + extraFen > settings.dayFen) {
      throw new AuthError('TRANSFER_LIMIT', {
        detail: `transferDayFen=${String(settings.dayFen)}`,
      });
    }
  }

  /** At every attempt: the limit may be lower by now, and the record another's work. */
  async function guardDayOf(record: TransferRecord): Promise<void> {
    if (settings.dayFen === 0) return;
    const others = await sumOfDay(store, record.created_at, record.no);
    if (others + record.transfer_amount > settings.dayFen) {
      deps.requests.refuse(record, 'transferDayFen');
    }
  }

  async function recordOf(input: TransferInput, facts_hash: string): Promise<TransferRecord> {
    const now = clock.now();
    const name = input.user_name;
    const encrypted = name === undefined ? undefined : await strategy.encrypt(name);
    const appid = appidOf(input);
    const line = { at: now, what: 'created', source: 'operator', proof: 'none' } as const;
    const facts = {
      kind: 'transfer',
      no: input.out_bill_no,
      state: 'CREATED',
      payer: input.openid,
      agenda: [{ do: 'transfer', at: now + TRANSFER_FIRST_POLL_MS, tries: 0 }],
      appid,
      mchid: settings.mchid,
      transfer_amount: input.transfer_amount,
      transfer_scene_id: input.transfer_scene_id,
      transfer_remark: input.transfer_remark,
      facts_hash,
      request: deps.dialect.requests.transfer({
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
    return newRecord<TransferRecord>(facts, line);
  }

  function appidOf(input: TransferInput): string {
    if (input.useServiceAccount !== true) return settings.appId;
    if (settings.serviceAppId === undefined) {
      throw new ValidationError('PARAM_INVALID', { detail: 'service_app_id' });
    }
    return settings.serviceAppId;
  }

  /** Keyed, for a name has too little in it to hide behind a plain hash. */
  const hashOf = (input: TransferInput): string => {
    const key = createHash('sha256').update(`user_name:${settings.apiV3Key}`).digest();
    const { user_name: name, transfer_scene_report_infos: infos, ...rest } = input;
    const facts = [
      appidOf(input),
      rest.openid,
      rest.transfer_amount,
      rest.transfer_scene_id,
      rest.transfer_remark,
      rest.user_recv_perception ?? null,
      infos.map((info) => [info.info_type, info.info_content]),
      name ?? null,
    ];
    return createHmac('sha256', key).update(JSON.stringify(facts)).digest('base64url');
  };

  async function transfer(input: TransferInput): Promise<TransferAnswer> {
    guardInput(input);
    const facts_hash = hashOf(input);
    const held = await orders.findTransfer(input.out_bill_no);
    if (held !== undefined) return again(held, input);
    await guardDay(input.transfer_amount);
    const record = await recordOf(input, facts_hash);
    if ((await orders.insert(record)) === 'exists') {
      const other = await orders.findTransfer(input.out_bill_no);
      if (other === undefined) throw new StoreError('STORE_CONTENTION');
      return again(other, input);
    }
    await guardDayAgain(record);
    return send(record);
  }

  /** Two at once may each have seen room for itself: the sum with both recorded decides, before sending. */
  async function guardDayAgain(record: TransferRecord): Promise<void> {
    try {
      await guardDay(0);
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      const facts = { out_bill_no: record.no, state: 'FAIL', fail_reason: 'DAY_LIMIT' } as const;
      const ours = { type: 'seen', facts, source: 'system', proof: 'none' } as const;
      const ended = await orders.applyTransfer(record.no, ours);
      // Another caller of this number found room and has sent it: then it is on its way.
      if (ended.outcome === 'absent' || ended.record.state === 'FAIL') throw error;
    }
  }

  /** The same facts as far as they are known: of a transfer made elsewhere we know only what WeChat tells. */
  function sameFacts(held: TransferRecord, input: TransferInput): boolean {
    if (held.facts_hash !== '') return held.facts_hash === hashOf(input);
    const receiver = held.payer ?? input.openid;
    return held.transfer_amount === input.transfer_amount && receiver === input.openid;
  }

  async function again(held: TransferRecord, input: TransferInput): Promise<TransferAnswer> {
    if (!sameFacts(held, input)) throw new ConflictError('TRANSFER_PARAMS_DIFFER');
    if (held.state !== 'CREATED') return known(held);
    if (clock.now() - held.created_at >= TRANSFER_REPEAT_MAX_MS) return tooOld(held);
    if (held.attempts === 0) await guardDayAgain(held);
    return send(held);
  }

  /**
   * WeChat knows a number again for some days only: after one, the same bytes might be a second transfer.
   * What became of it can still be asked; to send money is the operator's own decision, with a new number.
   */
  async function tooOld(held: TransferRecord): Promise<TransferAnswer> {
    const { record } = await following.syncTransfer(held.no);
    if (record !== undefined && record.state !== 'CREATED') return known(record);
    throw new ConflictError('MOVE_FORBIDDEN', {
      detail:
        '首次请求已超过 24 小时，请在商户平台核实后换新单号 / first sent over 24 h ago: ' +
        'check it on the merchant platform, then use a new number',
    });
  }

  async function send(record: TransferRecord): Promise<TransferAnswer> {
    const reply = await repeat(record, 'operator');
    const now = (await orders.findTransfer(record.no)) ?? record;
    if (now.state !== 'CREATED') return known(now);
    if (reply !== undefined && refusalOf(reply) !== undefined) throw upstreamError(reply);
    return { status: 202, data: { ...view(now), state: 'PROCESSING' } };
  }

  const underWay = new Map<string, Promise<WechatReply | undefined>>();

  /** One asker at a time: in this process by its promise, over all instances by the lease in the record. */
  const repeat: Transferring['repeat'] = (record, source, limits = {}) => {
    const { no } = record;
    const running = underWay.get(no);
    if (running !== undefined) return running;
    const sending = attempt(record, source, limits).finally(() => underWay.delete(no));
    underWay.set(no, sending);
    return sending;
  };

  async function attempt(
    record: TransferRecord,
    source: Source,
    limits: CallLimits,
  ): Promise<WechatReply | undefined> {
    // Before an attempt is counted: what is not sent was never under way.
    if (record.request !== undefined) deps.requests.transfer(record);
    await guardDayOf(record);
    const until = clock.now() + ASK_LEASE_MS;
    const event = { type: 'attempt', until, source, proof: 'none' } as const;
    const sent = await orders.applyTransfer(record.no, event);
    if (sent.outcome !== 'applied' || sent.record.request === undefined) return undefined;
    // A process that was frozen after that write must not sign anew when it wakes.
    const deadline = Math.min(limits.deadline ?? Infinity, until - ASK_MARGIN_MS);
    const request = deps.requests.transfer(sent.record);
    const reply = await api.send(request, { ...limits, deadline });
    try {
      await learn(sent.record, reply);
    } catch (error) {
      // An answer about another transfer says nothing of this one: the next may ask.
      const its = { attempt: sent.record.attempts, source: 'reply', proof: 'none' } as const;
      if (isOtherAnswer(error))
        await orders.applyTransfer(record.no, { type: 'unanswered', ...its });
      throw error;
    }
    return reply;
  }

  async function learn({ no, attempts }: TransferRecord, reply: WechatReply): Promise<void> {
    const proven = reply.kind === 'proven' && reply.status === 200;
    if (proven) guardNumbers(reply.body, { out_bill_no: no });
    if (proven && deps.dialect.readTransfer(reply.body) !== undefined) {
      const from = { source: 'reply', proof: 'signature' } as const;
      await following.applyTransfer(reply.body, from, { absent: 'ignore' });
      return;
    }
    const refusal = refusalOf(reply);
    const its = { attempt: attempts, source: 'reply' } as const;
    await orders.applyTransfer(
      no,
      refusal === undefined
        ? { type: 'unanswered', ...its, proof: 'none' }
        : {
            type: 'refused',
            ...its,
            code: refusal.code,
            proof: refusal.proven ? 'signature' : 'none',
          },
    );
  }

  async function cancel(outBillNo: string): Promise<TransferAnswer> {
    const held = await orders.findTransfer(outBillNo);
    if (held !== undefined && isFinalTransfer(held.state)) return known(held);
    const reply = await api.cancelTransfer(held ?? ownRef(deps.dialect, outBillNo));
    const from = { source: 'reply', proof: 'signature' } as const;
    if (reply.kind === 'proven' && reply.status === 200) {
      guardNumbers(reply.body, { out_bill_no: outBillNo });
      await following.applyTransfer(reply.body, from, { absent: 'ignore' });
      return { status: 200, data: reply.body };
    }
    const synced = await following.syncTransfer(outBillNo);
    if (synced.record !== undefined && isFinalTransfer(synced.record.state)) {
      return known(synced.record);
    }
    throw upstreamError(reply);
  }

  const view = (record: TransferRecord): Readonly<Record<string, unknown>> => ({
    out_bill_no: record.no,
    ...(record.transfer_bill_no === undefined ? {} : { transfer_bill_no: record.transfer_bill_no }),
    mchId: settings.mchid,
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

  return { transfer, cancel, repeat };
}
