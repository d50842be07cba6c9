/** Payment-code orders and their reversal. */
import type { Controller } from './types';
import type { CodepayOrders } from '../services/orders/codepayOrder';
import type { CodepayBody } from '../utils/schemas/codepaySchemas';
import type { OutTradeNoBody } from '../utils/schemas/orderSchemas';
import type { Transaction, TransactionUnknown, Reversed } from '../utils/schemas/moneyReplies';

export interface CodepayController {
  readonly pay: Controller<CodepayBody, Transaction | TransactionUnknown>;
  readonly reverse: Controller<OutTradeNoBody, Reversed | TransactionUnknown>;
}

export function createCodepayController({
  codepayOrders,
}: {
  codepayOrders: CodepayOrders;
}): CodepayController {
  return {
    pay: ({ body, caller }) => codepayOrders.pay(body, caller),
    reverse: ({ body, caller }) => codepayOrders.reverse(body.out_trade_no, caller),
  };
}
