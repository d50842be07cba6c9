/** Payment-code orders and their reversal. */
import type { Controller } from './types';
import type { Codepay } from '../services/orders/codepayOrder';
import type { CodepayBody } from '../utils/schemas/codepaySchemas';
import type { OutTradeNoBody } from '../utils/schemas/orderSchemas';

export interface CodepayController {
  readonly pay: Controller;
  readonly reverse: Controller;
}

export function createCodepayController(deps: { codepay: Codepay }): CodepayController {
  return {
    pay: (call) => deps.codepay.pay(call.body as CodepayBody),
    reverse: (call) => deps.codepay.reverse((call.body as OutTradeNoBody).out_trade_no),
  };
}
