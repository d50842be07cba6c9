/**
 * Abnormal refunds (异常退款): what could not go back to where it came from is sent to a bank card. Recorded in the
 * order before WeChat is asked, asked by one caller at a time, repeated byte for byte. Of the card nothing is kept
 * but the ciphertext as sent and a keyed hash, by which a repeat is told from another account.
 * Source: 微信支付 APIv3《发起异常退款》.
 */
import { createHash, createHmac } from 'node:crypto';
import { applyRefund, syncRefund, type RefundSyncDeps } from './syncRefund';
import { refundWords } from './refundAnswer';
import type { Answer } from '../access/answer';
import type { Caller } from '../access/caller';
import { isInReach } from '../access/ownership';
import { isAbnormal, isQuiet, openIntent } from '../ledger/abnormalState';
import type { OrderRecord, Refund, WechatRequest } from '../ledger/record';
import { heldRefund } from '../ledger/refundMoney';
import { saysNotDone } from '../ledger/refusalCodes';
import { fromReply } from '../orders/syncOrder';
import { conflictError, type Refused } from '../records/conflictError';
import { requireAbility, type PayStrategy, type WechatReply } from '../strategies/strategy';
import { guardNumbers } from '../wechat/replyNumbers';
import type { RequestGuard } from '../wechat/storedRequest';
import { bodyOrThrow, provenBody, refusalOf, upstreamError } from '../wechat/wechatErrors';
import {
  ConflictError,
  NotFoundError,
  StoreError,
  ValidationError,
  type AppError,
} from '../../utils/errors';
import type { RefundReply } from '../../utils/schemas/moneyReplies';

export interface AbnormalInput {
  readonly out_refund_no: string;
  readonly type: 'USER_BANK_CARD' | 'MERCHANT_BANK_CARD';
  readonly bank_type?: string;
  readonly bank_account?: string;
  readonly real_name?: string;
}

/** @throws ConflictError MOVE_FORBIDDEN unless it is ABNORMAL · REFUND_PARAMS_DIFFER for another account. */
export type RequestAbnormalRefund = (
  input: AbnormalInput,
  caller: Caller,
) => Promise<Answer<RefundReply>>;

export interface AbnormalRefundDeps extends RefundSyncDeps {
  readonly requests: RequestGuard;
  readonly strategy: PayStrategy;
  readonly apiV3Key: string;
}

/** Longer than the call may take: who asks is not overtaken. */
const ASK_LEASE_MS = 10_000;

export const createRequestAbnormalRefund =
  (deps: AbnormalRefundDeps): RequestAbnormalRefund =>
  (input, caller) =>
    ask(deps, input, caller);

/** Keyed: a card number has too little in it to hide behind a plain hash. */
function hashOf({ apiV3Key }: AbnormalRefundDeps, facts: readonly unknown[]): string {
  const key = createHash('sha256').update(`bank_account:${apiV3Key}`).digest();
  return createHmac('sha256', key).update(JSON.stringify(facts)).digest('base64url');
}

const factsOf = (deps: AbnormalRefundDeps, input: AbnormalInput): string =>
  hashOf(deps, [
    input.type,
    input.bank_type ?? null,
    input.bank_account ?? null,
    input.real_name ?? null,
  ]);

/** The request as WeChat will get it: made once, stored, repeated byte for byte. */
async function requestOf(
  { strategy, dialect }: AbnormalRefundDeps,
  record: OrderRecord,
  input: AbnormalInput,
  refundId: string,
): Promise<WechatRequest> {
  const { out_refund_no, type, bank_type, bank_account, real_name } = input;
  if (bank_account !== undefined || real_name !== undefined) requireAbility(strategy, 'encrypt');
  const account = bank_account === undefined ? undefined : await strategy.encrypt(bank_account);
  const name = real_name === undefined ? undefined : await strategy.encrypt(real_name);
  // One Wechatpay-Serial names the key of both fields.
  if (account !== undefined && name !== undefined && account.serial !== name.serial) {
    throw new StoreError('KEYS_UNAVAILABLE');
  }
  return dialect.requests.abnormalRefund(record, {
    refund_id: refundId,
    out_refund_no,
    type,
    bank_type,
    bank_account: account?.ciphertext,
    real_name: name?.ciphertext,
    serial: account?.serial ?? name?.serial,
  });
}

async function heldOf(
  { orders, ownerOf }: AbnormalRefundDeps,
  no: string,
  caller: Caller,
): Promise<{ record: OrderRecord; refund: Refund }> {
  const owner = await ownerOf('refund', no);
  const record = owner === undefined ? undefined : await orders.findRefundable(owner);
  const refund = record === undefined ? undefined : heldRefund(record, no);
  if (record === undefined || refund === undefined || !isInReach(record, caller)) {
    throw new NotFoundError('REFUND_NOT_FOUND');
  }
  return { record, refund };
}

/**
 * Another account than the one sent before: once no copy of that can arrive any more, WeChat is asked whether
 * the refund still waits for one.
 */
async function checkedOf(
  deps: AbnormalRefundDeps,
  record: OrderRecord,
  refund: Refund,
  facts: string,
): Promise<boolean> {
  const before = openIntent(refund);
  if (before === undefined || before.facts_hash === facts) return false;
  if (!isQuiet(before, deps.clock.now())) return false;
  const { reply, record: now } = await syncRefund(deps, record, refund.out_refund_no);
  bodyOrThrow(reply);
  const held = now === undefined ? undefined : heldRefund(now, refund.out_refund_no);
  return held !== undefined && isAbnormal(held);
}

async function ask(
  deps: AbnormalRefundDeps,
  input: AbnormalInput,
  caller: Caller,
): Promise<Answer<RefundReply>> {
  const { orders, clock } = deps;
  const no = input.out_refund_no;
  const { record, refund } = await heldOf(deps, no, caller);
  guardInput(input);
  const facts_hash = factsOf(deps, input);
  const checked = await checkedOf(deps, record, refund, facts_hash);
  const before = openIntent(refund);
  const refundId = refund.refund_id ?? '';
  const request =
    before?.facts_hash === facts_hash
      ? before.request
      : await requestOf(deps, record, input, refundId);
  const { type, bank_type, bank_account } = input;
  const asked = await orders.apply(record.no, {
    type: 'abnormal_ask',
    out_refund_no: no,
    until: clock.now() + ASK_LEASE_MS,
    intent: {
      type,
      ...(bank_type === undefined ? {} : { bank_type }),
      ...(bank_account === undefined ? {} : { account_hash: hashOf(deps, [bank_account]) }),
      facts_hash,
      asked_by: `${caller.role} ${caller.via}`,
      request,
    },
    checked,
    source: 'operator',
    proof: 'none',
  });
  if (asked.outcome === 'absent') throw new NotFoundError('REFUND_NOT_FOUND');
  if (asked.outcome === 'conflict') throw refusedError(asked);
  const now = heldRefund(asked.record, no) ?? refund;
  if (asked.outcome === 'ignored') return answerOf(asked.record, now);
  return send(deps, asked.record, no);
}

async function send(
  deps: AbnormalRefundDeps,
  record: OrderRecord,
  no: string,
): Promise<Answer<RefundReply>> {
  const { api, dialect, clock } = deps;
  const stored = heldRefund(record, no)?.abnormal?.request;
  if (stored === undefined) throw new ConflictError('MOVE_FORBIDDEN');
  const request = deps.requests.abnormal(record, no);
  const reply = await api.send(request, { deadline: clock.now() + ASK_LEASE_MS - 1000 });
  const body = provenBody(reply);
  if (body !== undefined) {
    const { refund_id } = heldRefund(record, no) ?? {};
    guardNumbers(body, { out_refund_no: no, out_trade_no: record.no, refund_id });
    const facts = dialect.readRefund(body);
    if (facts !== undefined) await applyRefund(deps, record.no, facts, fromReply('reply'));
    return { status: 200, data: refundWords(body) };
  }
  await refused(deps, record, no, reply);
  throw upstreamError(reply);
}

async function refused(
  { orders }: AbnormalRefundDeps,
  record: OrderRecord,
  no: string,
  reply: WechatReply,
): Promise<void> {
  const refusal = refusalOf(reply);
  if (refusal === undefined) return;
  const { proven, repeated, code } = refusal;
  await orders.apply(record.no, {
    type: 'abnormal_refused',
    out_refund_no: no,
    nothing: proven && !repeated && saysNotDone(code),
    code,
    source: 'reply',
    proof: proven ? 'signature' : 'none',
  });
}

function guardInput(input: AbnormalInput): void {
  if (input.type !== 'USER_BANK_CARD') return;
  for (const field of ['bank_type', 'bank_account', 'real_name'] as const) {
    if (input[field] !== undefined) continue;
    throw new ValidationError('PARAM_INVALID', {
      detail: `${field}: USER_BANK_CARD 时必填 / required for USER_BANK_CARD`,
    });
  }
}

function refusedError(refused: Refused<OrderRecord>): AppError {
  const { code } = refused;
  if (code !== 'REFUND_PARAMS_DIFFER') return conflictError(refused);
  return new ConflictError(code, {
    detail:
      '该笔异常退款已发往另一账户；请用首次的账户重发。10 分钟后若微信支付仍称其异常，可换账户 / ' +
      'it was sent to another account: repeat that one. After 10 minutes, if WeChat Pay still calls it abnormal, ' +
      'another account is taken',
  });
}

/** A refund in WeChat's words, from what is recorded. */
function answerOf(record: OrderRecord, refund: Refund): Answer<RefundReply> {
  const { refund_status: _told, ...wechat } = refund.wechat ?? {};
  return {
    status: 200,
    data: {
      ...wechat,
      out_trade_no: record.no,
      out_refund_no: refund.out_refund_no,
      ...(refund.refund_id === undefined ? {} : { refund_id: refund.refund_id }),
      status: refund.status,
    },
  };
}
