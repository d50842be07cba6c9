/**
 * Reads bodies as leniently as the contract says, and no more: fields that front ends of the old function send without
 * effect are removed before the schema checks the body. Pure; the schema itself never edits.
 */
import type { Json } from './json';

/** Values that no caller may choose: one that is equal to these is ignored, any other is refused by the schema. */
export interface Ours {
  readonly appId: string;
  readonly serviceAppId: string | undefined;
  readonly mchid: string;
  readonly notifyUrls: Readonly<Record<NotifyUrlOf, string | undefined>>;
}

export type NotifyUrlOf = 'order' | 'refund' | 'transfer';

/** What a field would have to be equal to. */
interface Chosen {
  readonly appid: string | undefined;
  readonly mchid: string;
  readonly notifyUrl: string | undefined;
}

/** @returns the value to use; undefined leaves the field out. */
type Rule = (value: unknown, chosen: Chosen) => unknown;

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['payer', withoutEmptyPayer],
  ['combine_payer_info', withoutEmptyPayer],
  ['attach', withoutEmptyText],
  ['useServiceAccount', asFlag],
  ['notify_url', (value, { notifyUrl }) => without(value, notifyUrl)],
  ['mchid', (value, { mchid }) => without(value, mchid)],
  ['combine_mchid', (value, { mchid }) => without(value, mchid)],
  ['appid', (value, { appid }) => without(value, appid)],
  ['combine_appid', (value, { appid }) => without(value, appid)],
  ['sub_orders', withoutEmptyAttaches],
]);

/**
 * @param notify  whose notify URL may stand in the body; undefined: none.
 * @returns the body itself where nothing is to be changed, else a new one.
 */
export function normalizeInput(body: Json, ours: Ours, notify: NotifyUrlOf | undefined): Json {
  const service = asFlag(body.useServiceAccount) === true;
  const chosen: Chosen = {
    appid: service ? ours.serviceAppId : ours.appId,
    mchid: ours.mchid,
    notifyUrl: notify === undefined ? undefined : ours.notifyUrls[notify],
  };
  let changed: Record<string, unknown> | undefined;
  for (const key of Object.keys(body)) {
    const rule = RULES.get(key);
    if (rule === undefined) continue;
    const value = rule(body[key], chosen);
    if (value === body[key]) continue;
    changed ??= { ...body };
    if (value === undefined) Reflect.deleteProperty(changed, key);
    else changed[key] = value;
  }
  return changed ?? body;
}

function without(value: unknown, ours: unknown): unknown {
  return value === ours ? undefined : value;
}

function withoutEmptyText(value: unknown): unknown {
  return value === '' ? undefined : value;
}

/** `null`, `{}` and `{openid: ""}` name nobody. */
function withoutEmptyPayer(value: unknown): unknown {
  if (value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.entries(value).every(([key, inner]) => key === 'openid' && inner === '')
    ? undefined
    : value;
}

function withoutEmptyAttaches(parts: unknown): unknown {
  return Array.isArray(parts) ? parts.map(withoutEmptyAttach) : parts;
}

function withoutEmptyAttach(part: unknown): unknown {
  if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
  const { attach, ...rest } = part as Json;
  return attach === '' ? rest : part;
}

function asFlag(value: unknown): unknown {
  if (value === 'true') return true;
  return value === 'false' ? false : value;
}
