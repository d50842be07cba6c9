/**
 * A merchant of its own in API v2: XML fields of other names, all calls by POST, numbers in the body. Heard and read
 * in the words of v3. Transfers and combined orders do not exist here.
 */
import type { AccountRef, BillKind, DialectSettings, VersionDialect } from './dialect';
import { readCombination } from './readCombination';
import { readPayer, readRefund, readTransaction, readTransfer } from './readFacts';
import { v2OrderExpected, v2RefundExpected } from './v2/v2Expectations';
import { hearV2 } from './v2/v2Replies';
import { ownAppid, v2Charge, v2Order, v2Refund } from './v2/v2Requests';
import { V2_PATHS } from '../strategies/v2/v2Paths';
import type { WechatCall } from '../strategies/strategy';
import type { Json } from '../../utils/json';

const post = (path: string, body: Json): WechatCall => ({
  method: 'POST',
  path,
  body: JSON.stringify(body),
});

/** What both versions have. */
export function createV2Dialect(settings: DialectSettings): VersionDialect {
  const own = ({ appid }: Pick<AccountRef, 'appid'>): Json => ({
    appid: ownAppid(settings, appid),
    mch_id: settings.mchid,
  });
  return {
    hear: (call, reply) => hearV2(settings.mchid, call, reply),
    requests: {
      order: (draft) => v2Order(draft, settings),
      charge: (draft) => v2Charge(draft, settings),
      refund: (order, draft) => v2Refund(own(order), draft, settings),
    },
    expected: {
      order: (record, body) => v2OrderExpected(record, body, settings),
      refund: (record, no, body) => v2RefundExpected(record, no, body, settings),
    },
    queryOrder: (order) => post(V2_PATHS.query, { ...own(order), out_trade_no: order.no }),
    queryTransaction: (account, transaction_id) =>
      post(V2_PATHS.query, { ...own(account), transaction_id }),
    closeOrder: (order) => post(V2_PATHS.close, { ...own(order), out_trade_no: order.no }),
    reverseOrder: (order) => post(V2_PATHS.reverse, { ...own(order), out_trade_no: order.no }),
    queryRefund: (account, out_refund_no) =>
      post(V2_PATHS.refundQuery, { ...own(account), out_refund_no }),
    bill: (kind, query) => billCall(kind, own({}), query),
    readTransaction,
    readPayer,
    readRefund,
    readTransfer,
    readCombination,
  };
}

/** A day is written without dashes, an account with one capital. */
function billCall(kind: BillKind, own: Json, query: Readonly<Record<string, string>>): WechatCall {
  const { bill_date = '', bill_type, account_type = 'BASIC', tar_type } = query;
  const date = bill_date.replaceAll('-', '');
  if (kind === 'tradebill') {
    return post(V2_PATHS.bill, {
      ...own,
      bill_date: date,
      bill_type: bill_type ?? 'ALL',
      tar_type,
    });
  }
  const account = `${account_type.slice(0, 1)}${account_type.slice(1).toLowerCase()}`;
  return post(V2_PATHS.fundBill, { ...own, bill_date: date, account_type: account, tar_type });
}
