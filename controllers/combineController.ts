/** Combined orders: order, query, close. */
import type { Controller } from './types';
import type { Combinations } from '../services/combinations/placeCombination';
import type { CombineBody, CombineNoBody } from '../utils/schemas/combineSchemas';
import type { Jsapi, H5, Native, App, Combination } from '../utils/schemas/moneyReplies';

export interface CombineController {
  readonly order: Controller<CombineBody, Jsapi | H5 | Native | App>;
  readonly query: Controller<CombineNoBody, Combination>;
  readonly close: Controller<CombineNoBody, null>;
}

export function createCombineController({
  combinations,
}: {
  combinations: Combinations;
}): CombineController {
  return {
    order: ({ body, caller }) => combinations.place(body, caller),
    query: ({ body, caller }) => combinations.query(body.combine_out_trade_no, caller),
    close: ({ body, caller }) => combinations.close(body.combine_out_trade_no, caller),
  };
}
