/** The error for a caller whose event the ledger refused. */
import type { Applied } from './recordWriter';
import { wordsOf } from '../ledger/reasons';
import {
  ConflictError,
  NotFoundError,
  StoreError,
  ValidationError,
  type AppError,
} from '../../utils/errors';

/** An attempt under way ends within so long. */
const BUSY_SECONDS = 10;

export type Refused<R> = Extract<Applied<R>, { readonly outcome: 'conflict' }>;

export function conflictError(refused: Refused<unknown>): AppError {
  const { code } = refused;
  if (code === 'ORDER_BUSY') return new StoreError(code, { retryAfterSeconds: BUSY_SECONDS });
  if (code === 'ORDER_NOT_FOUND' || code === 'REFUND_NOT_FOUND') return new NotFoundError(code);
  const options = { detail: wordsOf(refused) };
  return code === 'PARAM_INVALID'
    ? new ValidationError(code, options)
    : new ConflictError(code, options);
}
