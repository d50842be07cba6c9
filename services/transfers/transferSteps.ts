/** What the sweep does with transfers: asks how they stand, and sends again what never arrived. */
import type { Transfers } from './requestTransfer';
import { syncTransfer } from './syncTransfer';
import type { TransferRecord } from '../ledger/record';
import { TRANSFER_REPEAT_MAX_MS } from '../ledger/transferState';
import type { SyncDeps } from '../wechat/syncDeps';
import {
  escalate,
  ladderDelay,
  ladderOf,
  retriedAt,
  type EscalationDeps,
  type Step,
} from '../sweep/steps';
import { isMissing } from '../wechat/wechatErrors';
import { DAY_MS } from '../../utils/time';

export interface TransferStepsDeps extends SyncDeps, EscalationDeps {
  readonly transfers: Transfers;
}

const TRANSFER_LADDER_MS = ladderOf(1, 1, 2, 5, 10, 30, 60);
/** The receiver has 24 h and WeChat's closing lags; what is not over by then is looked at rarely. */
const TRANSFER_SLOW_AFTER_MS = 2 * DAY_MS;
const TRANSFER_SLOW_MS = 6 * 3600_000;
/** WeChat tells of transfers for 30 days. */
const TRANSFER_END_MS = 31 * DAY_MS;

export function transferStep(deps: TransferStepsDeps): Step<TransferRecord> {
  const { orders, clock } = deps;
  return {
    next: (record, item, now) => {
      const slow = now - record.created_at >= TRANSFER_SLOW_AFTER_MS;
      return retriedAt(
        item,
        now + (slow ? TRANSFER_SLOW_MS : ladderDelay(TRANSFER_LADDER_MS, item.tries)),
      );
    },
    async run(held, item, limits) {
      const { reply, record } = await syncTransfer(deps, held, { limits, source: 'sweep' });
      const age = clock.now() - held.created_at;
      if (record?.state !== 'CREATED') {
        const open = record?.agenda.some((i) => i.do === 'transfer') === true;
        if (open && age >= TRANSFER_END_MS) await escalate(deps, record, item, 'transfer_not_over');
        return reply;
      }
      if (age >= TRANSFER_REPEAT_MAX_MS) {
        const from = { source: 'sweep', proof: 'none' } as const;
        await orders.applyTransfer(held.no, { type: 'unresolved', ...from });
        return reply;
      }
      if (!isMissing(reply)) return reply;
      return (await deps.transfers.repeat(record, 'sweep', limits)) ?? reply;
    },
  };
}
