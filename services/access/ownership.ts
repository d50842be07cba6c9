/** Whose a record is. To anyone else it does not exist: he is answered as if nobody had the number. */
import { actsAsOperator, type Caller } from './caller';
import type { ForeignQueryLimit } from './foreignQueryLimit';

interface Owned {
  readonly payer?: string;
}

export const isPayer = (caller: Caller, openid: string | undefined): boolean =>
  caller.role === 'payer' && openid !== undefined && caller.openid === openid;

export const mayRead = (record: Owned, caller: Caller): boolean =>
  actsAsOperator(caller) || isPayer(caller, record.payer);

/** Reading and refunding is all that an operator's openid adds to a payer: the rest is for keys. */
export const mayAct = (record: Owned, caller: Caller): boolean =>
  caller.role === 'operator' || isPayer(caller, record.payer);

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
