/** What operators start: bills, the reconciliation of a day, and the sweep. */
import type { Controller, StreamController } from './types';
import type { BillService } from '../services/reconcile/billService';
import type { Reconciler } from '../services/reconcile/reconciler';
import type { SweepService } from '../services/sweep/sweepService';
import type { BillBody, ReconcileBody } from '../utils/schemas/recordSchemas';
import type { Swept, Reconciliation } from '../utils/schemas/operatorReplies';

export interface OperationsController {
  readonly bill: StreamController<BillBody>;
  readonly reconcile: Controller<ReconcileBody, Reconciliation>;
  readonly sweep: Controller<unknown, Swept>;
}

/** Gateways wait at most a minute for an answer: what is not queried by then is queried on the next call. */
const ASK_MS = 30_000;

export function createOperationsController(deps: {
  billService: BillService;
  sweepService: SweepService;
  reconciler: Reconciler;
}): OperationsController {
  return {
    bill: async ({ body, caller }) => {
      const { stream, hash } = await deps.billService.open(body, caller);
      return {
        stream,
        headers: {
          'content-type': 'text/csv; charset=utf-8',
          ...(hash === undefined ? {} : { 'x-bill-hash': `SHA1 ${hash}` }),
        },
      };
    },
    reconcile: async ({ body }) => {
      const report = await deps.reconciler.reconcile(body.bill_date, { askMs: ASK_MS });
      return { status: 200, data: { ...report } };
    },
    sweep: sweepWith(deps.sweepService),
  };
}

/** Runs this sweep once. */
export const sweepWith =
  (sweep: SweepService): OperationsController['sweep'] =>
  async () => ({ status: 200, data: await sweep.runOnce() });
