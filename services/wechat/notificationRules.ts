/** API v3: how the plaintext of each kind of notification is recognised, and what its envelope must call it. */
import { asObject, asText, refundStatusOf } from './readFacts';
import type { JsonObject } from '../strategies/readJsonObject';
import type { NotificationRules } from '../strategies/labels';

const PAYMENT_EVENT = 'TRANSACTION.SUCCESS';
const TRANSFER_ENDS: ReadonlySet<string> = new Set(['SUCCESS', 'FAIL', 'CANCELLED']);

const own = (plaintext: JsonObject, key: string): unknown =>
  Object.hasOwn(plaintext, key) ? plaintext[key] : undefined;

/** Only success of a payment is ever notified. */
const successOnly = (state: unknown): string | undefined =>
  state === 'SUCCESS' ? 'SUCCESS' : undefined;

/** Paid as a whole: every part must say so. */
function combinationState(plaintext: JsonObject): string | undefined {
  const parts = own(plaintext, 'sub_orders');
  if (!Array.isArray(parts) || parts.length === 0) return undefined;
  const paid = parts.every((part) => own(asObject(part) ?? {}, 'trade_state') === 'SUCCESS');
  return paid ? 'SUCCESS' : undefined;
}

function refundState(plaintext: JsonObject): string | undefined {
  const status = refundStatusOf(asText(own(plaintext, 'refund_status')));
  return status === 'PROCESSING' ? undefined : status;
}

function transferState(plaintext: JsonObject): string | undefined {
  const state = asText(own(plaintext, 'state'));
  return state !== undefined && TRANSFER_ENDS.has(state) ? state : undefined;
}

export const V3_NOTIFICATION_RULES: NotificationRules = {
  combination: {
    originalType: 'transaction',
    number: 'combine_out_trade_no',
    stateOf: combinationState,
    eventOf: () => PAYMENT_EVENT,
  },
  refund: {
    originalType: 'refund',
    number: 'out_refund_no',
    stateOf: refundState,
    eventOf: (state) => `REFUND.${state}`,
  },
  transfer: {
    originalType: 'mch_payment',
    number: 'out_bill_no',
    stateOf: transferState,
    eventOf: () => 'MCHTRANSFER.BILL.FINISHED',
  },
  payment: {
    originalType: 'transaction',
    number: 'out_trade_no',
    stateOf: (plaintext) => successOnly(own(plaintext, 'trade_state')),
    eventOf: () => PAYMENT_EVENT,
  },
};
