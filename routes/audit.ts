/** Who acted for the merchant, on what, and how it ended: one log line for each attempt that passed its checks. */
import type { Exchange } from './exchange';
import type { RouteSpec } from './route';
import type { Reply } from '../controllers/types';
import type { Caller } from '../services/access/caller';
import { AppError } from '../utils/errors';
import type { LogFields, Logger } from '../utils/logger';
import type { Json } from '../utils/json';

const NUMBERS = ['out_trade_no', 'out_refund_no', 'out_bill_no', 'combine_out_trade_no', 'no'];

/** Reading leaves no line; what moves money or changes a record does. */
const acts = ({ access }: RouteSpec, caller: Caller): boolean =>
  access === 'operator' ||
  access === 'operatorKey' ||
  (access === 'ownerActs' && caller.role === 'operator');

/** In fen: of a refund what goes back, else what the order or the transfer is about. */
function amountOf(body: Json): unknown {
  const asked = (typeof body['amount'] === 'object' ? body['amount'] : {}) as Json | null;
  return asked?.['refund'] ?? asked?.['total'] ?? body['transfer_amount'];
}

/** Of an openid the logger leaves the beginning. */
const whoOf = (caller: Caller): LogFields =>
  caller.role === 'operator' ? { name: caller.name } : { openid: caller.openid };

/** Runs an action and writes the line, whether it succeeds or fails. */
export async function audited(
  { logger, spec, caller, body }: Audited,
  { requestId, merchant }: Exchange,
  run: () => Promise<Reply>,
): Promise<Reply> {
  if (!acts(spec, caller)) return run();
  const line = {
    ...whoOf(caller),
    ...(merchant === undefined ? {} : { merchant }),
    route: spec.name,
    ...Object.fromEntries(NUMBERS.filter((no) => no in body).map((no) => [no, body[no]])),
    amount: amountOf(body),
    requestId,
  };
  try {
    const done = await run();
    logger.info({ ...line, status: 'status' in done ? done.status : 200 }, 'operator acted');
    return done;
  } catch (error) {
    const code = error instanceof AppError ? error.code : 'INVARIANT_BROKEN';
    logger.info({ ...line, error: code }, 'operator acted');
    throw error;
  }
}

interface Audited {
  readonly logger: Logger;
  readonly spec: RouteSpec;
  readonly caller: Caller;
  readonly body: Json;
}
