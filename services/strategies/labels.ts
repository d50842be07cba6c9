import { textOf, type JsonObject } from './readJsonObject';
import type { NotificationKind } from './strategy';

/** What the envelope calls it. Not covered by the AES-GCM tag: may agree with the plaintext, never lead. */
export interface Labels {
  /** Every `event_type` found, wherever it stood. */
  readonly eventTypes: readonly unknown[];
  readonly originalTypes: readonly unknown[];
  /** Covered by the tag: where it is one of WeChat's type words, the strongest label of all. */
  readonly associatedData: unknown;
}

export interface NotificationRule {
  readonly originalType: string;
  /** The field that tells this kind from the others. */
  readonly number: string;
  /** The plaintext's state in v3 words; `undefined` where it is missing or none that is notified. */
  readonly stateOf: (plaintext: JsonObject) => string | undefined;
  /** The one event that announces this state. */
  readonly eventOf: (state: string) => string;
}

export type NotificationRules = Readonly<
  Record<Exclude<NotificationKind, 'echo'>, NotificationRule>
>;

/** What a strategy must know of the merchant's dialect to open a notification. */
export interface NotificationWords {
  readonly notificationRules: NotificationRules;
  /** What a notification of API v2 says, in the words of v3; undefined where it names no state that is notified. */
  readXmlNotice(kind: 'payment' | 'refund', fields: JsonObject): JsonObject | undefined;
  /** The merchant that a plaintext names, under each name it uses. */
  merchantOf(plaintext: JsonObject): 'ours' | 'foreign' | 'unnamed';
}

const ECHO_EVENT = 'SECURITY_ECHO.SUCCESS';
const KNOWN_TYPES: ReadonlySet<string> = new Set([
  'transaction',
  'refund',
  'mch_payment',
  'profitsharing',
  'security',
]);

/** In the order of the decision: a refund also names the order it belongs to, so it is asked for first. */
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
export function kindOf(
  n: LabelledNotification,
  rules: NotificationRules,
): { kind: NotificationKind } | { fault: string } {
  const rule = KINDS.find((kind) => textOf(n.plaintext, rules[kind].number) !== undefined);
  if (rule === undefined) return echoOf(n);
  const { originalType, stateOf, eventOf } = rules[rule];
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
