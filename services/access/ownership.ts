/** Whose a record is. For anyone else it does not exist: the answer is the same as for an unknown number. */
import { actsAsOperator, type Caller } from './caller';
import type { ForeignQueryLimit } from './foreignQueryLimit';

/** A record, or what WeChat says of a number that we hold no record of. */
export interface Owned {
  readonly payer?: string | undefined;
  /** Of the app in which `payer` is somebody. */
  readonly appid?: string | undefined;
  readonly sub_mchid?: string | undefined;
  /** Of a combination: each part may be of another shop. */
  readonly sub_orders?: readonly { readonly sub_mchid?: string | undefined }[];
}

/** An openid means somebody only together with its app. */
export const isPayer = (caller: Caller, { payer, appid }: Owned): boolean =>
  caller.role === 'payer' &&
  payer !== undefined &&
  caller.openid === payer &&
  (caller.apps === undefined || (appid !== undefined && caller.apps.includes(appid)));

/** A key that is bound to one shop of a service provider sees what is that shop's as a whole. */
export function isInReach({ sub_mchid, sub_orders }: Owned, caller: Caller): boolean {
  if (caller.role !== 'operator' || caller.sub_mchid === undefined) return true;
  const shops = sub_orders?.map((part) => part.sub_mchid) ?? [sub_mchid];
  return shops.every((shop) => shop === caller.sub_mchid);
}

export const mayRead = (record: Owned, caller: Caller): boolean =>
  actsAsOperator(caller) ? isInReach(record, caller) : isPayer(caller, record);

/** Reading and refunding is all that an operator's openid adds to a payer: the rest is for keys. */
export const mayAct = (record: Owned, caller: Caller): boolean =>
  caller.role === 'operator' ? isInReach(record, caller) : isPayer(caller, record);

/**
 * The record, for a caller that may read it. Another's is treated like one that we do not hold: the question counts,
 * WeChat is asked, and the answer is the same.
 */
export function askable<R extends Owned>(
  foreignQueries: ForeignQueryLimit,
  held: R | undefined,
  caller: Caller,
): R | undefined {
  if (held !== undefined && mayRead(held, caller)) return held;
  foreignQueries.guard(caller);
  return undefined;
}

/** Under which of our accounts this caller may ask about a number that he has no record of. */
export function accountsOf<A extends { readonly sub_mchid?: string; readonly sub_appid?: string }>(
  accounts: readonly A[],
  caller: Caller,
): readonly A[] {
  if (caller.role === 'operator') return accounts.filter((account) => isInReach(account, caller));
  const own = accounts.filter(
    ({ sub_appid }) => sub_appid !== undefined && caller.apps?.includes(sub_appid) === true,
  );
  return own.length === 0 ? accounts : own;
}
