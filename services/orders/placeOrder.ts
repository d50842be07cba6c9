/**
 * Places orders: recorded before WeChat is asked, asked by one caller at a time with the very same bytes,
 * answered only after the answer is recorded.
 */
import { takeTurns } from './askTurns';
import {
  draftOf,
  factsToAsk,
  recordOf,
  type Draft,
  type OrderInput,
  type Placement,
} from './orderDraft';
import {
  askWechat,
  freshPrepay,
  isExpired,
  paymentOf,
  type PaymentOf,
  takeOver,
  type Placed,
  type PlacementDeps,
} from './placement';
import { isOverdue, type PreparedOrders } from './prepareOrder';
import { syncOrder } from './syncOrder';
import type { Answer } from '../access/answer';
import type { Caller } from '../access/caller';
import { isInReach, isPayer } from '../access/ownership';
import type { AskFacts } from '../ledger/orderEvents';
import { wasRefused } from '../ledger/refusedAsk';
import type { OrderRecord } from '../ledger/record';
import { isPaidState } from '../ledger/refundMoney';
import type { PlacedProduct } from '../wechat/dialect';
import { AuthError, ConflictError, StoreError, ValidationError } from '../../utils/errors';

export interface PlaceOrderDeps extends PlacementDeps {
  readonly preparedOrders: Pick<PreparedOrders, 'closeOverdue'>;
}

/** @returns what the payer's device needs, good for at least a minute. */
export type PlaceOrder = <P extends PlacedProduct>(
  product: P,
  input: OrderInput,
  caller: Caller,
) => Promise<Answer<PaymentOf[P]>>;

export function createPlaceOrder(deps: PlaceOrderDeps): PlaceOrder {
  const placed: Placed<OrderRecord, AskFacts> = {
    apply: (known, event) => deps.orders.apply(known.no, event, { known }),
    sync: (record) => syncOrder(deps, record),
    guardOpen: (record) => {
      guardOpen(record, deps.clock.now());
    },
  };
  return async (product, input, caller) => {
    const draft = draftOf(deps, product, input, caller);
    const preparedOnly = deps.settings.requirePrepared && caller.role === 'payer';
    const placement = { product, input, caller, draft, preparedOnly };
    const record = await place(deps, placed, placement);
    return { status: 200, data: await paymentOf(deps.strategy, product, record) };
  };
}

/** @returns the record, PENDING, with a prepay good for at least a minute. */
function place(
  deps: PlaceOrderDeps,
  placed: Placed<OrderRecord, AskFacts>,
  placement: Placement,
): Promise<OrderRecord> {
  const { orders, clock } = deps;
  const { draft, caller, preparedOnly } = placement;
  const { out_trade_no: no } = placement.input;
  return takeTurns(deps, {
    key: `order ${no}`,
    caller,
    find: () => orders.findOrder(no),
    insert: draft === undefined || preparedOnly ? undefined : () => insert(deps, draft, caller),
    absent: () => absent(deps, placement),
    judge(held) {
      guardOwner(deps, held, placement);
      if (isOverdue(held, clock.now())) {
        return { claim: () => deps.preparedOrders.closeOverdue(held, caller.role) };
      }
      const facts = factsToAsk(deps, held, placement);
      placed.guardOpen(held);
      if (facts === undefined && freshPrepay(held, clock.now())) return { answer: held };
      const opens = held.state === 'PREPARED' || held.state === 'REJECTED';
      const corrects = facts !== undefined && wasRefused(held);
      return {
        claim: () => takeOver(deps, placed, { held, caller, units: 1, opens, corrects, facts }),
      };
    },
    ask: (mine) => askWechat(deps, placed, mine),
  });
}

/** @returns undefined: the number exists. */
async function insert(
  deps: PlaceOrderDeps,
  draft: Draft,
  caller: Caller,
): Promise<OrderRecord | undefined> {
  const { orders } = deps;
  const record = recordOf(deps, draft, caller);
  const { no } = record;
  const made = await deps.rate.within({
    caller,
    key: `order ${no}`,
    units: 1,
    opens: true,
    guard: () => guardPart(deps, no, caller),
    instead: async () => ((await orders.findOrder(no)) === undefined ? undefined : 'exists'),
    run: () => orders.insert(record),
  });
  return made === 'inserted' ? record : undefined;
}

/** WeChat has one number space for both, and refuses the second one in a race. */
async function guardPart(
  { orders, foreignQueries }: PlaceOrderDeps,
  no: string,
  caller: Caller,
): Promise<void> {
  if (!(await orders.isPart(no))) return;
  if ((await orders.findOrder(no)) !== undefined) return;
  foreignQueries.guard(caller);
  throw new ConflictError('ORDER_TAKEN');
}

/** Why a number that is not there, or not this caller's, cannot be placed; counted as a question. */
function absent(
  { foreignQueries }: PlaceOrderDeps,
  { input, caller, draft, preparedOnly }: Placement,
): Error {
  foreignQueries.guard(caller);
  if (preparedOnly) return new AuthError('ORDER_NOT_PREPARED');
  if (draft !== undefined) return new StoreError('STORE_UNAVAILABLE');
  const { description, amount } = input;
  const alone = description === undefined && amount === undefined;
  if (alone && caller.role === 'payer') return notYours();
  return new ValidationError('PARAM_INVALID', {
    detail: `${description === undefined ? 'description' : 'amount'} 必填 / is required`,
  });
}

/**
 * Another's number is answered like one that does not exist. Only who would make it, or bind a prepared one,
 * learns that it is taken; that is counted like any question about numbers.
 */
function guardOwner(deps: PlaceOrderDeps, record: OrderRecord, placement: Placement): void {
  const { caller, draft, preparedOnly } = placement;
  if (caller.role === 'operator') {
    if (!isInReach(record, caller)) throw new ConflictError('ORDER_TAKEN');
    return;
  }
  // The payer's own price, placed before the setting was turned on, is not the merchant's price.
  if (preparedOnly && !record.prepared && record.made_by === 'payer') throw absent(deps, placement);
  const unbound = record.payer === undefined && record.state === 'PREPARED';
  if ((unbound && deps.shops.mayOpen(record, caller)) || isPayer(caller, record)) return;
  if (draft === undefined && !record.prepared) throw absent(deps, placement);
  deps.foreignQueries.guard(caller);
  // Prepared, and no payer came in time.
  const over = record.payer === undefined && record.prepared && record.state === 'CLOSED';
  if (draft === undefined && !over) throw notYours();
  throw new ConflictError(over ? 'ORDER_CLOSED' : 'ORDER_TAKEN');
}

function guardOpen(record: OrderRecord, now: number): void {
  if (record.payment !== undefined || isPaidState(record.state))
    throw new ConflictError('ORDER_PAID');
  if (record.state === 'CLOSED' || record.state === 'REVERSING' || record.product === 'codepay') {
    throw new ConflictError('ORDER_CLOSED');
  }
  const fixed = record.prepared && record.idle_until === undefined;
  const waiting = record.state === 'PREPARED' || (wasRefused(record) && !fixed);
  if (!waiting && isExpired(record, now)) {
    throw new ConflictError('ORDER_CLOSED', { detail: '已过期 / expired' });
  }
}

/** For a number alone: the same words whether somebody else has the number or nobody. */
const notYours = (): ConflictError =>
  new ConflictError('ORDER_TAKEN', {
    detail:
      '该单号不是为你预下的单；新订单须带 description 与 amount / ' +
      'not prepared for you: a new order needs description and amount',
  });
