/** The operator's chores: bills, the books of a day, and the sweep. */
import type { Call, Controller } from './types';
import type { BillService } from '../services/reconcile/billService';
import type { Reconciler } from '../services/reconcile/reconciler';
import type { SweepService } from '../services/sweep/sweepService';
import type { BillBody, ReconcileBody } from '../utils/schemas/recordSchemas';

export interface ChoreController {
  readonly bill: Controller;
  readonly reconcile: Controller;
  readonly sweep: Controller;
}

/** Gateways give up on an answer after a minute: what is not asked by then is asked on the next call. */
const ASK_MS = 30_000;

export function createChoreController(deps: {
  billService: BillService;
  sweepService: SweepService;
  reconciler: Reconciler;
}): ChoreController {
  return {
    bill: async (call: Call) => {
      const { stream, hash } = await deps.billService.open(call.body as BillBody);
      return {
        stream,
        headers: { 'content-type': 'text/csv; charset=utf-8', 'x-bill-hash': `SHA1 ${hash}` },
      };
    },
    reconcile: async (call: Call) => {
      const { bill_date } = call.body as ReconcileBody;
      const report = await deps.reconciler.reconcile(bill_date, { askMs: ASK_MS });
      return { status: 200, data: report };
    },
    sweep: async () => ({ status: 200, data: await deps.sweepService.runOnce() }),
  };
}
