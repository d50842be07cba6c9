/** What the sweep does with combinations; a part's refund is followed like an order's. */
import { closeCombination, syncCombination } from './syncCombination';
import { partAsOrder, partOfRefund } from '../ledger/combinationState';
import type { AgendaItem, CombinationRecord, OrderRecord } from '../ledger/record';
import { heldRefund } from '../ledger/refundMoney';
import { expireStep, queryStep, type OrderStepsDeps } from '../orders/orderSteps';
import { REFUND_END_MS, refundStep, type RefundStepsDeps } from '../refunds/refundSteps';
import { escalate, type Step, type Steps } from '../sweep/steps';

export const combinationSteps = (deps: OrderStepsDeps & RefundStepsDeps): Steps => ({
  'combination.query': queryStep<CombinationRecord>(deps, (held, limits) =>
    syncCombination(deps, held, { limits, source: 'sweep' }),
  ),
  'combination.expire': expireStep<CombinationRecord>(deps, {
    find: (no) => deps.store.find('combination', no),
    close: (held, limits) => closeCombination(deps, held, { source: 'sweep', limits }),
  }),
  'combination.refund': partRefundStep(deps),
});

/** The part that an item's refund belongs to, as the order that it is to refunds. */
const viewOf = (whole: CombinationRecord, item: AgendaItem): OrderRecord | undefined => {
  const part = partOfRefund(whole, item.key ?? '');
  return part === undefined ? undefined : partAsOrder(whole, part.out_trade_no);
};

function partRefundStep(deps: RefundStepsDeps): Step<CombinationRecord> {
  const ofOrder = refundStep(deps);
  return {
    next(record, item, now) {
      const view = viewOf(record, item);
      return view === undefined ? item : ofOrder.next(view, item, now);
    },
    async run(held, item, limits) {
      const view = viewOf(held, item);
      const asked = view === undefined ? undefined : heldRefund(view, item.key ?? '');
      const age = asked === undefined ? Infinity : deps.clock.now() - asked.requested_at;
      if (view === undefined || age >= REFUND_END_MS) {
        await escalate(deps, held, item, 'refund_not_over');
        return undefined;
      }
      return ofOrder.run(view, item, limits);
    },
  };
}
