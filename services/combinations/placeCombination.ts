/**
 * Combined orders (合单): several orders paid at once, all or none. Placed like an order: recorded before WeChat is
 * asked, asked by one caller at a time with the very same bytes. The parts' numbers are reserved first: WeChat has one
 * number space for them and for orders.
 * Source: 微信支付 APIv3《合单支付》.
 */
import {
  draftOf,
  factsOf,
  hashOf,
  recordOf,
  type CombineInput,
  type Draft,
} from './combinationDraft';
import { queryCombination } from './queryCombination';
import { closeCombination, syncCombination } from './syncCombination';
import type { Answer } from '../access/answer';
import type { Caller } from '../access/caller';
import { mayAct } from '../access/ownership';
import {
  isPaidCombination,
  partsTaken,
  type CombinationAskFacts,
} from '../ledger/combinationState';
import { unitsOf } from '../ledger/payerAsks';
import type { CombinationRecord } from '../ledger/record';
import { takeTurns } from '../orders/askTurns';
import {
  askWechat,
  freshPrepay,
  isExpired,
  paymentOf,
  type PaymentOf,
  takeOver,
  type Placed,
  type PlacementDeps,
} from '../orders/placement';
import { wasRefused } from '../ledger/refusedAsk';
import type { PlacedProduct } from '../wechat/dialect';
import { requireAbility } from '../strategies/strategy';
import { AuthError, ConflictError, NotFoundError, StoreError } from '../../utils/errors';
import type { Combination } from '../../utils/schemas/moneyReplies';

export interface Combinations {
  place(input: CombineInput, caller: Caller): Promise<Answer<PaymentOf[PlacedProduct]>>;
  query(no: string, caller: Caller): Promise<Answer<Combination>>;
  close(no: string, caller: Caller): Promise<Answer<null>>;
}

/** Part numbers that one combination may ever take: each signed refusal may bring in others. */
const PARTS_TAKEN_MAX = 50;

type PlacedCombination = Placed<CombinationRecord, CombinationAskFacts>;

export function createCombinations(deps: PlacementDeps): Combinations {
  const placed: PlacedCombination = {
    apply: (known, event) => deps.orders.applyCombination(known.no, event, { known }),
    sync: (record) => syncCombination(deps, record),
    guardOpen: (record) => {
      guardOpen(record, deps.clock.now());
    },
  };
  return {
    async place(input, caller) {
      requireAbility(deps.strategy, 'combine');
      const record = await place(deps, placed, draftOf(deps, input, caller), caller);
      return { status: 200, data: await paymentOf(deps.strategy, input.type, record) };
    },
    query: (no, caller) => queryCombination(deps, no, caller),
    close: (no, caller) => closeFor(deps, no, caller),
  };
}

function place(
  deps: PlacementDeps,
  placed: PlacedCombination,
  draft: Draft,
  caller: Caller,
): Promise<CombinationRecord> {
  const { orders, clock } = deps;
  const { no } = draft;
  // No combination can be prepared: where prices are the merchant's, an operator places it.
  const merchantOnly = deps.settings.requirePrepared && caller.role === 'payer';
  return takeTurns(deps, {
    key: `combination ${no}`,
    caller,
    find: () => orders.findCombination(no),
    insert: merchantOnly ? undefined : () => insert(deps, draft, caller),
    absent() {
      deps.foreignQueries.guard(caller);
      return merchantOnly
        ? new AuthError('ORDER_NOT_PREPARED')
        : new StoreError('STORE_UNAVAILABLE');
    },
    judge(held) {
      if (merchantOnly && held.made_by !== 'operator') throw new AuthError('ORDER_NOT_PREPARED');
      guardOwner(deps, held, caller);
      const corrects = isCorrection(held, draft, clock.now());
      // What was made elsewhere is known to be paid, and that is the answer: see `guardOpen`.
      const ours = held.made_by !== 'adopted';
      if (ours && !corrects && hashOf(draft) !== held.facts_hash) {
        throw new ConflictError('ORDER_PARAMS_DIFFER');
      }
      placed.guardOpen(held);
      if (!corrects && freshPrepay(held, clock.now())) return { answer: held };
      return { claim: () => claim(deps, placed, held, { draft, caller }) };
    },
    ask: (mine) => askWechat(deps, placed, mine),
  });
}

/** The record with the right to ask, or undefined while another caller has it. */
function claim(
  deps: PlacementDeps,
  placed: PlacedCombination,
  held: CombinationRecord,
  { draft, caller }: { readonly draft: Draft; readonly caller: Caller },
): Promise<CombinationRecord | undefined> {
  const corrects = isCorrection(held, draft, deps.clock.now());
  return takeOver(deps, placed, {
    held,
    caller,
    units: draft.sub_orders.length,
    opens: held.state === 'REJECTED',
    corrects,
    facts: corrects ? factsOf(deps, draft) : undefined,
    before: async () => {
      if (corrects) await takeNumbers(deps, draft, caller, held);
    },
  });
}

/** @returns undefined: the number exists. */
async function insert(
  deps: PlacementDeps,
  draft: Draft,
  caller: Caller,
): Promise<CombinationRecord | undefined> {
  const { orders } = deps;
  const record = recordOf(deps, draft, caller);
  const { no } = record;
  const made = await deps.rate.within({
    caller,
    key: `combination ${no}`,
    units: unitsOf(record),
    opens: true,
    instead: async () => ((await orders.findCombination(no)) === undefined ? undefined : 'exists'),
    run: async () => {
      // Looked at first: a repeat takes no numbers.
      if ((await orders.findCombination(no)) !== undefined) return 'exists';
      // Within the limit: otherwise he could take numbers without end.
      await takeNumbers(deps, draft, caller, undefined);
      return orders.insert(record);
    },
  });
  return made === 'inserted' ? record : undefined;
}

/** The parts' numbers, for this combination alone: looked at first, so that a refusal takes none. */
async function takeNumbers(
  { orders, foreignQueries }: PlacementDeps,
  draft: Draft,
  caller: Caller,
  held: CombinationRecord | undefined,
): Promise<void> {
  const { combine_out_trade_no: no, sub_orders } = draft.input;
  if (held !== undefined && partsTaken(held, sub_orders) > PARTS_TAKEN_MAX) {
    throw new ConflictError('MOVE_FORBIDDEN', {
      detail: '该合单号更换子单号过多，请换新合单号 / too many parts so far: use a new number',
    });
  }
  const parts = sub_orders.map((sub) => sub.out_trade_no);
  const taken = (part: string): ConflictError => {
    foreignQueries.guard(caller);
    return new ConflictError('ORDER_TAKEN', { detail: part });
  };
  await Promise.all(
    parts.map(async (part) => {
      const looks = [orders.findOrder(part), orders.parts.isFree(part, no)] as const;
      const [order, free] = await Promise.all(looks);
      if (order !== undefined || !free) throw taken(part);
    }),
  );
  await Promise.all(
    parts.map(async (part) => {
      if (!(await orders.parts.take(part, no))) throw taken(part);
    }),
  );
}

/** Other facts than WeChat refused, or the same when their time is over. */
function isCorrection(held: CombinationRecord, draft: Draft, now: number): boolean {
  if (held.state === 'REJECTED') return true;
  return wasRefused(held) && (isExpired(held, now) || hashOf(draft) !== held.facts_hash);
}

function guardOwner(
  { foreignQueries }: PlacementDeps,
  record: CombinationRecord,
  caller: Caller,
): void {
  if (mayAct(record, caller)) return;
  foreignQueries.guard(caller);
  throw new ConflictError('ORDER_TAKEN');
}

function guardOpen(record: CombinationRecord, now: number): void {
  if (isPaidCombination(record)) throw new ConflictError('ORDER_PAID');
  if (record.state === 'CLOSED') throw new ConflictError('ORDER_CLOSED');
  if (!wasRefused(record) && isExpired(record, now)) {
    throw new ConflictError('ORDER_CLOSED', { detail: '已过期 / expired' });
  }
}

async function closeFor(deps: PlacementDeps, no: string, caller: Caller): Promise<Answer<null>> {
  const held = await deps.orders.findCombination(no);
  if (held === undefined || !mayAct(held, caller)) {
    deps.foreignQueries.guard(caller);
    throw new NotFoundError('ORDER_NOT_FOUND');
  }
  const record = await closeCombination(deps, held, { source: caller.role });
  if (isPaidCombination(record)) throw new ConflictError('ORDER_PAID');
  return { status: 204, data: null };
}
