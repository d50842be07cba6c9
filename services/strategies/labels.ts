import { isJsonObject, textOf, type JsonObject } from './readJsonObject';
import type { NotificationKind } from './strategy';

/** What the envelope calls it. Not covered by the AES-GCM tag: may agree with the plaintext, never lead. */
export interface Labels {
  /** Every `event_type` found, wherever it stood. */
  readonly eventTypes: readonly unknown[];
  readonly originalTypes: readonly unknown[];
  /** Covered by the tag: where it is one of WeChat's type words, the strongest label of all. */
  readonly associatedData: unknown;
}

interface Rule {
  readonly originalType: string;
  /** The field that tells this kind from the others. */
  readonly number: string;
  /** The plaintext's state in v3 words; `undefined` where it is missing or none that is notified. */
  readonly stateOf: (plaintext: JsonObject) => string | undefined;
  /** The one event that announces this state. */
  readonly eventOf: (state: string) => string;
}

const PAYMENT_EVENT = 'TRANSACTION.SUCCESS';
const ECHO_EVENT = 'SECURITY_ECHO.SUCCESS';
/** v2's words for refunds, still seen. */
const REFUND_STATES: Readonly<Record<string, string | undefined>> = {
  SUCCESS: 'SUCCESS',
  CLOSED: 'CLOSED',
  ABNORMAL: 'ABNORMAL',
  CHANGE: 'ABNORMAL',
  REFUNDCLOSE: 'CLOSED',
};
const TRANSFER_STATES: ReadonlySet<string> = new Set(['SUCCESS', 'FAIL', 'CANCELLED']);
const KNOWN_TYPES: ReadonlySet<string> = new Set([
  'transaction',
  'refund',
  'mch_payment',
  'profitsharing',
  'security',
]);

/** In the order of the decision: a refund also names the order it belongs to, so it is asked for first. */
const RULES: Readonly<Record<Exclude<NotificationKind, 'echo'>, Rule>> = {
  combination: {
    originalType: 'transaction',
    number: 'combine_out_trade_no',
    stateOf: combinationState,
    eventOf: () => PAYMENT_EVENT,
  },
  refund: {
    originalType: 'refund',
    number: 'out_refund_no',
    stateOf: (plaintext) => ownOf(REFUND_STATES, textOf(plaintext, 'refund_status')),
    eventOf: (state) => `REFUND.${state}`,
  },
  transfer: {
    originalType: 'mch_payment',
    number: 'out_bill_no',
    stateOf: (plaintext) => {
      const state = textOf(plaintext, 'state');
      return state !== undefined && TRANSFER_STATES.has(state) ? state : undefined;
    },
    eventOf: () => 'MCHTRANSFER.BILL.FINISHED',
  },
  payment: {
    originalType: 'transaction',
    number: 'out_trade_no',
    stateOf: (plaintext) => successOnly(textOf(plaintext, 'trade_state')),
    eventOf: () => PAYMENT_EVENT,
  },
};
const KINDS = ['combination', 'refund', 'transfer', 'payment'] as const;

export interface LabelledNotification {
  readonly plaintext: JsonObject;
  readonly labels: Labels;
  /** What the route says; undefined on `/`. */
  readonly expected: NotificationKind | undefined;
  /** true: both labels must be there, as in WeChat's own envelope. */
  readonly complete: boolean;
}

/**
 * The kind, by the plaintext alone; then every label that is there must say the same. The tag does not
 * cover them, so a genuine refund under the label of a payment is a forgery.
 *
 * @returns the kind, or in words what contradicts what (holding no secret).
 */
export function kindOf(n: LabelledNotification): { kind: NotificationKind } | { fault: string } {
  const rule = KINDS.find((kind) => textOf(n.plaintext, RULES[kind].number) !== undefined);
  if (rule === undefined) return echoOf(n);
  const { originalType, stateOf, eventOf } = RULES[rule];
  const state = stateOf(n.plaintext);
  if (state === undefined) return { fault: `no state of a ${rule} notification` };
  const fault = contradiction(n, { kind: rule, event: eventOf(state), originalType });
  return fault === undefined ? { kind: rule } : { fault };
}

/** The self-test has no number of its own: known by its labels, which then must be complete. */
function echoOf(n: LabelledNotification): { kind: NotificationKind } | { fault: string } {
  const { eventTypes } = n.labels;
  if (!eventTypes.includes(ECHO_EVENT)) return { fault: 'the plaintext is of no known kind' };
  const target = { kind: 'echo', event: ECHO_EVENT, originalType: 'security' } as const;
  const fault = contradiction({ ...n, complete: true }, target);
  return fault === undefined ? { kind: 'echo' } : { fault };
}

function contradiction(
  { labels, expected, complete }: LabelledNotification,
  target: { kind: NotificationKind; event: string; originalType: string },
): string | undefined {
  const { eventTypes, originalTypes, associatedData } = labels;
  if (complete && (eventTypes.length === 0 || originalTypes.length === 0)) {
    return 'event_type or original_type is missing';
  }
  if (eventTypes.some((type) => type !== target.event)) {
    return 'event_type differs from the plaintext';
  }
  if (originalTypes.some((type) => type !== target.originalType)) {
    return 'original_type differs from the plaintext';
  }
  const word = typeof associatedData === 'string' && KNOWN_TYPES.has(associatedData);
  if (word && associatedData !== target.originalType) {
    return 'associated_data differs from the plaintext';
  }
  // A combination is announced at the payment route: WeChat has one notify_url for both.
  const route = expected === 'payment' && target.kind === 'combination' ? 'combination' : expected;
  if (route !== undefined && route !== target.kind) return 'the route is of another kind';
  return undefined;
}

/** The merchant a plaintext names must be ours, under each name it uses; `required`: it must name one. */
export function merchantAgrees(
  plaintext: JsonObject,
  merchantId: string,
  required: boolean,
): boolean {
  const named = ['mchid', 'mch_id', 'combine_mchid'].filter((key) => Object.hasOwn(plaintext, key));
  if (named.length === 0) return !required;
  return named.every((key) => plaintext[key] === merchantId);
}

/** Paid as a whole: every part must say so. */
function combinationState(plaintext: JsonObject): string | undefined {
  const parts = plaintext['sub_orders'];
  if (!Array.isArray(parts) || parts.length === 0) return undefined;
  const paid = (parts as readonly unknown[]).every(
    (part) => isJsonObject(part) && textOf(part, 'trade_state') === 'SUCCESS',
  );
  return paid ? 'SUCCESS' : undefined;
}

/** Only success of a payment is ever notified. */
function successOnly(state: string | undefined): string | undefined {
  return state === 'SUCCESS' ? state : undefined;
}

function ownOf(
  table: Readonly<Record<string, string | undefined>>,
  key: string | undefined,
): string | undefined {
  return key !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
}
