/** Reads what a caller asks for when he places or prepares an order: whose it is, for which app, until when. */
import { createHash } from 'node:crypto';
import type { Caller } from '../access/caller';
import type { OrderInput } from './orderDraft';
import { ValidationError } from '../../utils/errors';

/** So much of its time must be left to an order that is asked for. */
export const EXPIRY_LEFT_MS = 60_000;

const EXTRA = ['goods_tag', 'detail', 'settle_info', 'limit_pay', 'support_fapiao'] as const;

/** Fields that go to WeChat as they are, where an operator may send them. */
export const extraOf = (input: OrderInput): Readonly<Record<string, unknown>> => {
  const extra: Record<string, unknown> = {};
  for (const key of EXTRA) if (input[key] !== undefined) extra[key] = input[key];
  return extra;
};

export const hashOf = (facts: unknown): string =>
  createHash('sha256').update(JSON.stringify(facts)).digest('base64url');

/** A time_expire of the operator, or `minutes` from now. */
export function expiryOfAsk(timeExpire: string | undefined, minutes: number, now: number): number {
  if (timeExpire === undefined) return now + minutes * 60_000;
  const at = Date.parse(timeExpire);
  if (Number.isNaN(at) || at < now + EXPIRY_LEFT_MS) {
    throw new ValidationError('PARAM_INVALID', {
      detail: 'time_expire 须为至少 1 分钟之后的 RFC 3339 时间 / at least 1 minute from now',
    });
  }
  return at;
}

/**
 * Whose order it will be: a payer's is his own; an operator may name whom he likes.
 * @param required  the field's name, where an operator must name somebody.
 */
export function openidOfAsk(
  caller: Caller,
  named: string | undefined,
  { field, required }: { readonly field: string; readonly required: boolean },
): string | undefined {
  if (caller.role === 'payer') {
    if (named !== undefined && named !== caller.openid) {
      throw new ValidationError('PARAM_INVALID', {
        detail: `${field} 只能是本人 / may only be your own`,
      });
    }
    return caller.openid;
  }
  if (required && named === undefined) {
    throw new ValidationError('PARAM_INVALID', { detail: `${field} 必填 / is required` });
  }
  return named;
}
