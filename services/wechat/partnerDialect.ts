/**
 * A service provider (服务商) in API v3: it signs with its own keys, and the money goes to a shop of its list. A number
 * is unique within the provider; each question about one names the shop.
 */
import type { AccountRef, DialectCalls, PartnerSettings, V3Dialect } from './dialect';
import { createCalls, get, post } from './directDialect';
import { V3_NOTIFICATION_RULES } from './notificationRules';
import { createPartnerExpectations } from './partnerExpectations';
import { appsOf, createPartnerRequests } from './partnerRequests';
import { PARTNER_READERS } from './partnerWords';
import { partsOf } from './readCombination';
import { readTransfer } from './readFacts';
import { COMBINATIONS, PARTNER_ORDERS, REFUND_PATH } from './v3Paths';
import { InvariantError } from '../../utils/errors';
import type { Json } from '../../utils/json';

const enc = encodeURIComponent;

/** The names under which a plaintext may tell the provider. */
const PROVIDER_NAMES = ['sp_mchid', 'mchid', 'mch_id', 'combine_mchid'] as const;

export function createPartnerDialect(settings: PartnerSettings): V3Dialect {
  const { mchid, subMerchants } = settings;
  const shops = new Set<unknown>(subMerchants.map(({ sub_mchid }) => sub_mchid));
  const isShop = (told: Json | undefined): boolean =>
    told !== undefined && (!Object.hasOwn(told, 'sub_mchid') || shops.has(told.sub_mchid));
  return {
    account: { mchid },
    accounts: subMerchants.map(({ sub_mchid, sub_appid }) =>
      Object.assign({ mchid, sub_mchid }, sub_appid === undefined ? {} : { sub_appid }),
    ),
    requests: createPartnerRequests(settings),
    expected: createPartnerExpectations(settings),
    ...createCalls(mchid),
    ...createPartnerCalls(settings),
    ...PARTNER_READERS,
    readTransfer,
    notificationRules: V3_NOTIFICATION_RULES,
    merchantOf(plaintext) {
      const named = PROVIDER_NAMES.filter((name) => Object.hasOwn(plaintext, name));
      if (named.length === 0) return 'unnamed';
      const ours = named.every((name) => plaintext[name] === mchid);
      return ours && isShop(plaintext) && partsOf(plaintext).every(isShop) ? 'ours' : 'foreign';
    },
  };
}

type PartnerCalls = Omit<
  DialectCalls,
  'queryCombination' | 'queryTransfer' | 'queryTransferByNo' | 'cancelTransfer' | 'bill'
>;

function createPartnerCalls(settings: PartnerSettings): PartnerCalls {
  const { mchid } = settings;
  const byNo = (no: string): string => `${PARTNER_ORDERS}/out-trade-no/${enc(no)}`;
  const own = (account: AccountRef): string =>
    `sp_mchid=${enc(mchid)}&sub_mchid=${enc(shopOf(account))}`;
  return {
    queryOrder: (order) => get(`${byNo(order.no)}?${own(order)}`),
    queryTransaction: (account, id) => get(`${PARTNER_ORDERS}/id/${enc(id)}?${own(account)}`),
    closeOrder: (order) =>
      post(`${byNo(order.no)}/close`, { sp_mchid: mchid, sub_mchid: shopOf(order) }),
    reverseOrder(order) {
      const { sp_appid, sub_appid } = appsOf(settings, order.appid);
      const accounts = { sp_appid, sp_mchid: mchid, sub_appid, sub_mchid: shopOf(order) };
      return post(`${byNo(order.no)}/reverse`, accounts);
    },
    queryRefund: (account, no) =>
      get(`${REFUND_PATH}/${enc(no)}?sub_mchid=${enc(shopOf(account))}`),
    closeCombination({ no, appid, sub_orders }) {
      const { sp_appid, sub_appid } = appsOf(settings, appid);
      return post(`${COMBINATIONS}/out-trade-no/${enc(no)}/close`, {
        combine_appid: sp_appid,
        sub_orders: sub_orders.map((sub) => ({
          mchid: sub.mchid,
          out_trade_no: sub.out_trade_no,
          sub_mchid: sub.sub_mchid,
          sub_appid,
        })),
      });
    },
  };
}

/** A query without a shop asks about each of `accounts` in turn. */
function shopOf({ sub_mchid }: AccountRef): string {
  if (sub_mchid === undefined) throw new InvariantError('a question to WeChat names no sub_mchid');
  return sub_mchid;
}
