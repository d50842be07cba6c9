/** Combined orders: order, query, close. */
import type { Call, Controller } from './types';
import type { Combining } from '../services/combinations/placeCombination';
import type { CombineBody, CombineNoBody } from '../utils/schemas/combineSchemas';

export interface CombineController {
  readonly order: Controller;
  readonly query: Controller;
  readonly close: Controller;
}

const noOf = (call: Call): string => (call.body as CombineNoBody).combine_out_trade_no;

export function createCombineController(deps: { combining: Combining }): CombineController {
  const { combining } = deps;
  return {
    order: (call) => combining.order(call.body as CombineBody, call.caller),
    query: (call) => combining.query(noOf(call), call.caller),
    close: (call) => combining.close(noOf(call), call.caller),
  };
}
