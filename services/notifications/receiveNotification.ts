/**
 * Where a callback goes: opened and proven by the strategy, then applied to its record by the wing of its kind. One
 * that proves nothing is followed as a hint. Resolves only after the commit.
 */
import { QUERY_IN_CALLBACK, type HintFollower } from './followHint';
import { applyCombination } from '../combinations/syncCombination';
import { applyTransaction } from '../orders/syncOrder';
import { applyRefund, type RefundSyncDeps } from '../refunds/syncRefund';
import type {
  NotificationInput,
  NotificationKind,
  OpenedNotification,
  PayStrategy,
} from '../strategies/strategy';
import { applyTransfer } from '../transfers/syncTransfer';
import type { From } from '../wechat/dialect';
import { asText } from '../wechat/readFacts';
import { AppError, UpstreamError, type ErrorCode } from '../../utils/errors';

export interface NotificationDeps extends RefundSyncDeps {
  readonly strategy: Pick<PayStrategy, 'openNotification'>;
  readonly hints: HintFollower;
}

/** @returns false: genuine, but with facts that cannot be read, so it is neither recorded nor acknowledged. */
type Applier = (
  deps: RefundSyncDeps,
  n: OpenedNotification,
  from: From,
  deadline: number,
) => Promise<boolean>;

const APPLIERS: Readonly<Record<NotificationKind, Applier>> = {
  async payment(deps, { plaintext, api }, from, deadline) {
    const options = { absent: 'adopt', deadline, api } as const;
    const record = await applyTransaction(deps, plaintext, from, options);
    return record !== undefined && deps.dialect.readTransaction(plaintext, from) !== undefined;
  },
  async combination(deps, { plaintext }, from, deadline) {
    const options = { absent: 'adopt', deadline } as const;
    const record = await applyCombination(deps, plaintext, from, options);
    return record !== undefined && deps.dialect.readCombination(plaintext, from) !== undefined;
  },
  async refund(deps, { plaintext }, from, deadline) {
    const facts = deps.dialect.readRefund(plaintext);
    const no = asText(plaintext.out_trade_no);
    if (facts === undefined || no === undefined) return false;
    const limits = { deadline, ...QUERY_IN_CALLBACK };
    await applyRefund(deps, no, facts, from, { deadline, limits });
    return true;
  },
  async transfer(deps, { plaintext }, from, deadline) {
    const options = { absent: 'adopt', deadline } as const;
    return (await applyTransfer(deps, plaintext, from, options)) !== undefined;
  },
  /** WeChat's self-test: there is nothing to record. */
  echo: () => Promise.resolve(true),
};

/** Proves, applies and records a notification. @throws when it is not recorded: the sender must come again. */
export async function receiveNotification(
  deps: NotificationDeps,
  input: NotificationInput,
): Promise<void> {
  try {
    const opened = await deps.strategy.openNotification(input);
    if (opened.proven) await applyNotification(deps, opened, input.deadline);
    else await deps.hints.follow(opened, input.deadline);
  } catch (error) {
    const code: ErrorCode | 'UNKNOWN' = error instanceof AppError ? error.code : 'UNKNOWN';
    deps.logger.info({ error: code, kind: input.expected ?? 'any' }, 'notification refused');
    throw asRetryable(error);
  }
}

async function applyNotification(
  deps: RefundSyncDeps,
  n: OpenedNotification,
  deadline: number,
): Promise<void> {
  const from: From = { source: 'callback', proof: n.proof };
  if (await APPLIERS[n.kind](deps, n, from, deadline)) return;
  throw new UpstreamError('NOTIFICATION_REFUSED', { status: 400 });
}

/**
 * A notification may make us ask WeChat. That WeChat refused our question (too many, or unproven) says nothing about
 * the notification: its sender must come again, so the answer is never a 4xx.
 */
function asRetryable(error: unknown): unknown {
  if (!(error instanceof UpstreamError) || error.code !== 'WECHATPAY_REJECTED') return error;
  return new UpstreamError('WECHATPAY_UNAVAILABLE', { cause: error });
}
