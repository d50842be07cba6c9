/** What the sweep does with refunds: asks how they stand, and sends again what never arrived. */
import type { Refunds } from './requestRefund';
import { syncRefund, type RefundSyncDeps } from './syncRefund';
import type { OrderRecord } from '../ledger/record';
import { lacksBalance, maySendAgain, refundGiveUpAt } from '../ledger/refundAsking';
import { heldRefund } from '../ledger/refundMoney';
import {
  escalate,
  ladderDelay,
  ladderOf,
  retriedAt,
  type EscalationDeps,
  type Step,
} from '../sweep/steps';
import { refusalOf, saysNotFound } from '../wechat/wechatErrors';
import { DAY_MS } from '../../utils/time';

export interface RefundStepsDeps extends RefundSyncDeps, EscalationDeps {
  readonly refunds: Refunds;
}

/** Every minute at first, then slower; bank cards take days. */
const REFUND_LADDER_MS = ladderOf(1, 1, 1, 1, 5, 10, 30, 60, 180, 360, 720, 1440);
/** While the balance is too low a refund is tried at least so often: money may come in at any time. */
const BALANCE_APART_MS = 6 * 3600_000;
/** WeChat tells of refunds that were made within a year. */
export const REFUND_END_MS = 400 * DAY_MS;

/** Of an order, or of the part of a combination seen as one. */
export function refundStep(deps: RefundStepsDeps): Step<OrderRecord> {
  const { orders, clock } = deps;
  return {
    next: (record, item, now) => {
      const asked = heldRefund(record, item.key ?? '');
      const ms = ladderDelay(REFUND_LADDER_MS, item.tries);
      if (asked?.status !== 'REQUESTED') return retriedAt(item, now + ms);
      // Whether it is left to an operator is decided when its time is over, not half a day later.
      const end = refundGiveUpAt(asked);
      const at = now + (lacksBalance(asked) ? Math.min(ms, BALANCE_APART_MS) : ms);
      return retriedAt(item, now < end ? Math.min(at, end) : at);
    },
    async run(held, item, limits) {
      const no = item.key ?? '';
      const asked = heldRefund(held, no);
      if (asked === undefined || clock.now() - asked.requested_at >= REFUND_END_MS) {
        await escalate(deps, held, item, 'refund_not_over');
        return undefined;
      }
      const { reply, record } = await syncRefund(deps, held, no, { source: 'sweep', limits });
      const now = record === undefined ? undefined : heldRefund(record, no);
      if (now?.status !== 'REQUESTED' || record === undefined) return reply;
      const refusal = refusalOf(reply);
      const missing = refusal !== undefined && saysNotFound(refusal);
      // A proven "no such refund" is on its way to a verdict of its own, however late it comes.
      const verdictNear = missing && refusal.proven;
      if (clock.now() >= refundGiveUpAt(now) && !verdictNear) {
        await orders.apply(record.no, {
          type: 'refund_unresolved',
          out_refund_no: no,
          source: 'sweep',
          proof: 'none',
        });
        return reply;
      }
      if (!missing || !maySendAgain(now, clock.now())) return reply;
      return (await deps.refunds.repeat(record, no, 'sweep', limits)) ?? reply;
    },
  };
}
