/** Payment-code orders and their reversal. */
import type { Controller } from './types';
import type { Codepay } from '../services/orders/codepayOrder';
import type { CodepayBody } from '../utils/schemas/codepaySchemas';
import type { OutTradeNoBody } from '../utils/schemas/orderSchemas';

export interface CodepayController {
  readonly pay: Controller<CodepayBody>;
  readonly reverse: Controller<OutTradeNoBody>;
}

export function createCodepayController({ codepay }: { codepay: Codepay }): CodepayController {
  return {
    pay: ({ body }) => codepay.pay(body),
    reverse: ({ body }) => codepay.reverse(body.out_trade_no),
  };
}
