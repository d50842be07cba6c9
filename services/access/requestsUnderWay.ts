/**
 * How many requests of one payer may be in progress at once. Above that they are refused at once: what he sends
 * faster than WeChat answers is not kept here. In memory, by openid, and gone when the last one ends.
 */
import type { Caller } from './caller';
import { AppError } from '../../utils/errors';

/** A Mini Program sends at most 10 at once. */
export const REQUESTS_OF_PAYER_MAX = 64;

export interface RequestsUnderWay {
  /** @throws AppError RATE_LIMITED; operators are not limited. */
  run<T>(caller: Caller, work: () => Promise<T>): Promise<T>;
}

export function createRequestsUnderWay(): RequestsUnderWay {
  const payers = new Map<string, number>();

  return {
    async run(caller, work) {
      if (caller.role !== 'payer') return work();
      const { openid } = caller;
      const now = payers.get(openid) ?? 0;
      if (now >= REQUESTS_OF_PAYER_MAX) {
        throw new AppError('RATE_LIMITED', {
          retryAfterSeconds: 1,
          detail: '同时进行的请求过多 / too many requests at once',
        });
      }
      payers.set(openid, now + 1);
      try {
        return await work();
      } finally {
        const left = (payers.get(openid) ?? 1) - 1;
        if (left > 0) payers.set(openid, left);
        else payers.delete(openid);
      }
    },
  };
}
