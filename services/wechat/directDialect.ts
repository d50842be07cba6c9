/**
 * A merchant of its own (直连商户) in API v3. What a reference says of accounts is not used here: the wing speaks for
 * one mchid, and a stored row may have been written by somebody else.
 */
import type { DialectCalls, DialectSettings, V3Dialect } from './dialect';
import { createDirectExpectations } from './directExpectations';
import { createDirectRequests } from './directRequests';
import { V3_NOTIFICATION_RULES } from './notificationRules';
import { readCombination } from './readCombination';
import { readPayer, readRefund, readTransaction, readTransfer } from './readFacts';
import { COMBINATIONS, ORDERS, REFUND_PATH, TRANSFER_PATH } from './v3Paths';
import type { WechatCall } from '../strategies/strategy';
import type { Json } from '../../utils/json';

const enc = encodeURIComponent;

export const get = (path: string): WechatCall => ({ method: 'GET', path });
export const post = (path: string, body: Json): WechatCall => ({
  method: 'POST',
  path,
  body: JSON.stringify(body),
});

/** The names under which a plaintext may tell whose it is. */
const MERCHANT_NAMES = ['mchid', 'mch_id', 'combine_mchid'] as const;

export function createDirectDialect(settings: DialectSettings): V3Dialect {
  const { mchid } = settings;
  return {
    account: { mchid },
    accounts: [{ mchid }],
    requests: createDirectRequests(settings),
    expected: createDirectExpectations(settings),
    ...createCalls(mchid),
    readTransaction,
    readRefund,
    readTransfer,
    readCombination,
    readPayer,
    notificationRules: V3_NOTIFICATION_RULES,
    merchantOf(plaintext) {
      const named = MERCHANT_NAMES.filter((name) => Object.hasOwn(plaintext, name));
      if (named.length === 0) return 'unnamed';
      return named.every((name) => plaintext[name] === mchid) ? 'ours' : 'foreign';
    },
  };
}

export function createCalls(mchid: string): DialectCalls {
  const own = `mchid=${enc(mchid)}`;
  const byNo = (no: string): string => `/out-trade-no/${enc(no)}`;
  return {
    queryOrder: ({ no }) => get(`${ORDERS}${byNo(no)}?${own}`),
    queryTransaction: (_account, id) => get(`${ORDERS}/id/${enc(id)}?${own}`),
    closeOrder: ({ no }) => post(`${ORDERS}${byNo(no)}/close`, { mchid }),
    reverseOrder: ({ no, appid }) => post(`${ORDERS}${byNo(no)}/reverse`, { appid, mchid }),
    queryRefund: (_account, no) => get(`${REFUND_PATH}/${enc(no)}`),
    queryCombination: ({ no }) => get(`${COMBINATIONS}${byNo(no)}`),
    closeCombination: ({ no, appid, sub_orders }) =>
      post(`${COMBINATIONS}${byNo(no)}/close`, {
        combine_appid: appid,
        sub_orders: sub_orders.map((sub) => ({ mchid: sub.mchid, out_trade_no: sub.out_trade_no })),
      }),
    queryTransfer: ({ no }) => get(`${TRANSFER_PATH}/out-bill-no/${enc(no)}`),
    queryTransferByNo: (_account, no) => get(`${TRANSFER_PATH}/transfer-bill-no/${enc(no)}`),
    // A POST without a body: the fifth line of the signed text is empty.
    cancelTransfer: ({ no }) => ({
      method: 'POST',
      path: `${TRANSFER_PATH}/out-bill-no/${enc(no)}/cancel`,
    }),
    bill: (kind, query) => get(`/v3/bill/${kind}?${new URLSearchParams(query).toString()}`),
  };
}
