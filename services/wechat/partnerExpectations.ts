/**
 * What a stored request of a service provider must be to fit its record: as a merchant's own, and for a shop that is
 * on the list, in an app that is the provider's or that shop's.
 */
import {
  NOTHING,
  type DialectExpectations,
  type Expected,
  type Pair,
  type PartnerSettings,
} from './dialect';
import {
  createDirectExpectations,
  inside,
  isPlaced,
  isProduct,
  ORDER_FURTHER,
} from './directExpectations';
import { appsOf, attachOf } from './partnerRequests';
import { asObject } from './readFacts';
import { combinePath, partnerOrderPath } from './v3Paths';
import type { CombinationRecord, OrderRecord } from '../ledger/record';
import type { Json } from '../../utils/json';

export function createPartnerExpectations(settings: PartnerSettings): DialectExpectations {
  const direct = createDirectExpectations(settings);
  const withShop = (expected: Expected, { sub_mchid }: OrderRecord, body: Json): Expected => ({
    ...expected,
    pairs: [...expected.pairs, ['sub_mchid', body['sub_mchid'], listed(settings, sub_mchid)]],
  });
  return {
    transfer: (record, body) => direct.transfer(record, body),
    order: (record, body) => orderExpected(record, body, settings),
    combination: (record, body) => combinationExpected(record, body, settings),
    refund: (record, no, body) => withShop(direct.refund(record, no, body), record, body),
    abnormalRefund: (record, held, body) =>
      withShop(direct.abnormalRefund(record, held, body), record, body),
  };
}

const listed = (
  { subMerchants }: PartnerSettings,
  sub_mchid: string | undefined,
): string | typeof NOTHING =>
  subMerchants.find((shop) => shop.sub_mchid === sub_mchid)?.sub_mchid ?? NOTHING;

/** The apps of a request: one of the provider's, or its first and the app of every shop named. */
function appsExpected(
  settings: PartnerSettings,
  appid: string,
  shops: readonly (string | undefined)[],
): { readonly sp_appid: unknown; readonly sub_appid: unknown } {
  const apps = appsOf(settings, appid);
  const theirs = shops.every((no) =>
    settings.subMerchants.some((shop) => shop.sub_mchid === no && shop.sub_appid === appid),
  );
  return apps.sub_appid === undefined || theirs ? apps : { ...apps, sub_appid: NOTHING };
}

function payerPair(
  name: string,
  own: string,
  body: Json,
  { appid, openid }: { readonly appid: string; readonly openid: string | undefined },
  settings: PartnerSettings,
): Pair {
  const field = appsOf(settings, appid).sub_appid === undefined ? own : 'sub_openid';
  return [`${name}.${field}`, inside(body, name, field), openid];
}

function orderExpected(record: OrderRecord, body: Json, settings: PartnerSettings): Expected {
  const { product, amount, appid, sub_mchid } = record;
  const code = product === 'codepay';
  const openid = product === 'jsapi' ? record.payer : undefined;
  const apps = appsExpected(settings, appid, [sub_mchid]);
  const payer = payerPair('payer', 'sp_openid', body, { appid, openid }, settings);
  return {
    path: isProduct(product) ? partnerOrderPath(product) : undefined,
    pairs: [
      ['sp_appid', body['sp_appid'], apps.sp_appid],
      ['sub_appid', body['sub_appid'], apps.sub_appid],
      ['sp_mchid', body['sp_mchid'], record.mchid === settings.mchid ? settings.mchid : NOTHING],
      ['sub_mchid', body['sub_mchid'], listed(settings, sub_mchid)],
      ['out_trade_no', body['out_trade_no'], record.no],
      ['description', body['description'], record.description],
      ['attach', body['attach'], record.attach],
      ['amount.total', inside(body, 'amount', 'total'), amount.total],
      ['amount.currency', inside(body, 'amount', 'currency'), amount.currency],
      ...(code ? [] : [payer]),
    ],
    further: code ? [...ORDER_FURTHER, 'payer'] : [...ORDER_FURTHER, 'notify_url'],
  };
}

function combinationExpected(
  record: CombinationRecord,
  body: Json,
  settings: PartnerSettings,
): Expected {
  const { appid, product, sub_orders } = record;
  const openid = product === 'jsapi' ? record.payer : undefined;
  const parts: readonly unknown[] = Array.isArray(body['sub_orders']) ? body['sub_orders'] : [];
  const shops = sub_orders.map(({ sub_mchid }) => sub_mchid);
  const apps = appsExpected(settings, appid, shops);
  const ours = record.mchid === settings.mchid ? settings.mchid : NOTHING;
  return {
    path: isPlaced(product) ? combinePath(product) : undefined,
    pairs: [
      ['combine_appid', body['combine_appid'], apps.sp_appid],
      ['combine_mchid', body['combine_mchid'], ours],
      ['combine_out_trade_no', body['combine_out_trade_no'], record.no],
      payerPair('combine_payer_info', 'openid', body, { appid, openid }, settings),
      ['sub_orders', parts.length, sub_orders.length],
      ...sub_orders.flatMap((sub, i): readonly Pair[] => {
        const part = asObject(parts[i]) ?? {};
        const { total_amount, currency } = sub.amount;
        return [
          ['sub_orders.mchid', part['mchid'], sub.mchid === settings.mchid ? sub.mchid : NOTHING],
          ['sub_orders.sub_mchid', part['sub_mchid'], listed(settings, sub.sub_mchid)],
          ['sub_orders.sub_appid', part['sub_appid'], apps.sub_appid],
          ['sub_orders.description', part['description'], sub.description],
          ['sub_orders.attach', part['attach'], attachOf(sub)],
          ['sub_orders.out_trade_no', part['out_trade_no'], sub.out_trade_no],
          ['sub_orders.amount', inside(part, 'amount', 'total_amount'), total_amount],
          ['sub_orders.currency', inside(part, 'amount', 'currency'), currency],
        ];
      }),
    ],
    further: ['time_expire', 'scene_info', 'notify_url'],
  };
}
