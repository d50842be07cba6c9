/** Who may use a route: one table, deny by default. */
import type { Caller } from '../services/access/caller';
import { AuthError } from '../utils/errors';

export type Access =
  /** Payers for themselves, operators for anyone. */
  | 'payer'
  /** The owner of the record, and operators, also with a reading key. */
  | 'owner'
  /** Like `owner`, for routes that change something: a reading key is not enough. */
  | 'ownerActs'
  /** Refunds: an operator's key, or an operator's proven openid. */
  | 'operator'
  /** Reads the merchant's records and bills: a reading key is enough. */
  | 'operatorReads'
  /** Only an operator's key, never an openid. */
  | 'operatorKey'
  | 'sweep';

export interface OperatorSettings {
  readonly keys: boolean;
  readonly openids: boolean;
}

const OPERATOR_ONLY: ReadonlySet<Access> = new Set<Access>([
  'operator',
  'operatorReads',
  'operatorKey',
  'sweep',
]);

/** Before identity: a route that nobody could use says how to enable it. */
export function guardEnabled(access: Access, settings: OperatorSettings): void {
  if (!OPERATOR_ONLY.has(access)) return;
  const byOpenid = access === 'operator' || access === 'operatorReads';
  if (!settings.keys && !(byOpenid && settings.openids)) throw new AuthError('OPERATOR_DISABLED');
}

function allowed(access: Access, caller: Caller): boolean {
  if (caller.role === 'payer') {
    if (access === 'payer' || access === 'owner' || access === 'ownerActs') return true;
    return caller.operator && (access === 'operator' || access === 'operatorReads');
  }
  if (caller.scope === 'all') return true;
  if (caller.scope === 'sweep') return access === 'sweep';
  return access === 'owner' || access === 'operatorReads';
}

/** What a route requires of its caller. */
export interface Needs {
  readonly access: Access;
  /** Of the merchant as a whole: not for a key that is bound to one shop of a service provider. */
  readonly whole?: boolean;
}

/** @throws AuthError FORBIDDEN */
export function authorize({ access, whole = access === 'sweep' }: Needs, caller: Caller): void {
  const bound = caller.role === 'operator' && caller.sub_mchid !== undefined;
  if (!allowed(access, caller) || (whole && bound)) throw new AuthError('FORBIDDEN');
}
