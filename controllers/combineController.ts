/** Combined orders: order, query, close. */
import type { Controller } from './types';
import type { Combining } from '../services/combinations/placeCombination';
import type { CombineBody, CombineNoBody } from '../utils/schemas/combineSchemas';

export interface CombineController {
  readonly order: Controller<CombineBody>;
  readonly query: Controller<CombineNoBody>;
  readonly close: Controller<CombineNoBody>;
}

export function createCombineController({
  combining,
}: {
  combining: Combining;
}): CombineController {
  return {
    order: ({ body, caller }) => combining.order(body, caller),
    query: ({ body, caller }) => combining.query(body.combine_out_trade_no, caller),
    close: ({ body, caller }) => combining.close(body.combine_out_trade_no, caller),
  };
}
