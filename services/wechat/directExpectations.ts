/**
 * What a stored request must be to fit its record and this merchant: path, number, amount and accounts.
 * Beside it stands how it was made, in `directRequests.ts`.
 */
import {
  NOTHING,
  type DialectExpectations,
  type DialectSettings,
  type Expected,
  type Pair,
  type PlacedProduct,
} from './dialect';
import { asObject } from './readFacts';
import { abnormalRefundPath, combinePath, orderPath, REFUND_PATH, TRANSFER_PATH } from './v3Paths';
import { heldRefund } from '../ledger/refundMoney';
import type {
  CombinationRecord,
  OrderRecord,
  RecordedProduct,
  Refund,
  TransferRecord,
} from '../ledger/record';
import type { Json } from '../../utils/json';

export const createDirectExpectations = (settings: DialectSettings): DialectExpectations => ({
  order: (record, body) => orderExpected(record, body, settings),
  combination: (record, body) => combinationExpected(record, body, settings),
  refund: (record, no, body) => refundExpected(record, no, body, settings),
  abnormalRefund: (record, held, body) => abnormalExpected(record, held, body, settings),
  transfer: (record, body) => transferExpected(record, body, settings),
});

export const inside = (body: Json, name: string, field: string): unknown =>
  asObject(body[name])?.[field];

/** The account a request names is the record's, and the record's is ours. */
const account = (
  [appid, mchid]: readonly [string, string],
  body: Json,
  record: { readonly appid: string; readonly mchid: string },
  { appids, mchid: own }: DialectSettings,
): readonly Pair[] => [
  [appid, body[appid], appids.includes(record.appid) ? record.appid : NOTHING],
  [mchid, body[mchid], record.mchid === own ? own : NOTHING],
];

const PLACED: ReadonlySet<string> = new Set<PlacedProduct>(['jsapi', 'h5', 'native', 'app']);
export const isPlaced = (product: RecordedProduct): product is PlacedProduct => PLACED.has(product);
export const isProduct = (product: RecordedProduct): product is PlacedProduct | 'codepay' =>
  product === 'codepay' || isPlaced(product);

export const ORDER_FURTHER = [
  'time_expire',
  'scene_info',
  'goods_tag',
  'detail',
  'settle_info',
  'limit_pay',
  'support_fapiao',
] as const;

function orderExpected(record: OrderRecord, body: Json, settings: DialectSettings): Expected {
  const { product, amount } = record;
  const code = product === 'codepay';
  const openid = product === 'jsapi' ? record.payer : undefined;
  return {
    path: isProduct(product) ? orderPath(product) : undefined,
    pairs: [
      ...account(['appid', 'mchid'], body, record, settings),
      ['out_trade_no', body['out_trade_no'], record.no],
      ['description', body['description'], record.description],
      ['attach', body['attach'], record.attach],
      ['amount.total', inside(body, 'amount', 'total'), amount.total],
      ['amount.currency', inside(body, 'amount', 'currency'), amount.currency],
      ...(code ? [] : [['payer.openid', inside(body, 'payer', 'openid'), openid] as const]),
    ],
    further: code ? [...ORDER_FURTHER, 'payer'] : [...ORDER_FURTHER, 'notify_url'],
  };
}

function combinationExpected(
  record: CombinationRecord,
  body: Json,
  settings: DialectSettings,
): Expected {
  const openid = record.product === 'jsapi' ? record.payer : undefined;
  const parts: readonly unknown[] = Array.isArray(body['sub_orders']) ? body['sub_orders'] : [];
  return {
    path: isPlaced(record.product) ? combinePath(record.product) : undefined,
    pairs: [
      ...account(['combine_appid', 'combine_mchid'], body, record, settings),
      ['combine_out_trade_no', body['combine_out_trade_no'], record.no],
      ['combine_payer_info.openid', inside(body, 'combine_payer_info', 'openid'), openid],
      ['sub_orders', parts.length, record.sub_orders.length],
      ...record.sub_orders.flatMap((sub, i): readonly Pair[] => {
        const part = asObject(parts[i]) ?? {};
        const { total_amount, currency } = sub.amount;
        return [
          ['sub_orders.mchid', part['mchid'], sub.mchid === settings.mchid ? sub.mchid : NOTHING],
          ['sub_orders.description', part['description'], sub.description],
          ['sub_orders.attach', part['attach'], sub.attach],
          ['sub_orders.out_trade_no', part['out_trade_no'], sub.out_trade_no],
          ['sub_orders.amount', inside(part, 'amount', 'total_amount'), total_amount],
          ['sub_orders.currency', inside(part, 'amount', 'currency'), currency],
        ];
      }),
    ],
    further: ['time_expire', 'scene_info', 'notify_url'],
  };
}

function refundExpected(
  record: OrderRecord,
  no: string,
  body: Json,
  settings: DialectSettings,
): Expected {
  const { payment } = record;
  const held = heldRefund(record, no);
  const paid = payment?.total ?? 0;
  const within = held !== undefined && held.refund <= paid;
  return {
    path: REFUND_PATH,
    pairs: [
      ['mchid', record.mchid, settings.mchid],
      ['out_refund_no', body['out_refund_no'], no],
      ['transaction_id', body['transaction_id'], payment?.transaction_id ?? NOTHING],
      ['amount.refund', inside(body, 'amount', 'refund'), within ? held.refund : NOTHING],
      ['amount.total', inside(body, 'amount', 'total'), paid],
      ['amount.currency', inside(body, 'amount', 'currency'), 'CNY'],
      ['reason', body['reason'], held?.reason],
    ],
    further: ['funds_account', 'goods_detail', 'notify_url'],
  };
}

function abnormalExpected(
  record: OrderRecord,
  held: Refund | undefined,
  body: Json,
  settings: DialectSettings,
): Expected {
  const { refund_id } = held ?? {};
  return {
    path: refund_id === undefined ? undefined : abnormalRefundPath(refund_id),
    pairs: [
      ['mchid', record.mchid, settings.mchid],
      ['out_refund_no', body['out_refund_no'], held?.out_refund_no],
      ['type', body['type'], held?.abnormal?.type],
      ['bank_type', body['bank_type'], held?.abnormal?.bank_type],
    ],
    // Ciphertext: which account it names is told by its hash alone.
    further: ['bank_account', 'real_name'],
  };
}

const TRANSFER_FURTHER = [
  'user_name',
  'user_recv_perception',
  'transfer_scene_report_infos',
  'notify_url',
] as const;

function transferExpected(record: TransferRecord, body: Json, settings: DialectSettings): Expected {
  return {
    path: TRANSFER_PATH,
    pairs: [
      ['mchid', record.mchid, settings.mchid],
      ['appid', body['appid'], settings.appids.includes(record.appid) ? record.appid : NOTHING],
      ['out_bill_no', body['out_bill_no'], record.no],
      ['openid', body['openid'], record.payer ?? NOTHING],
      ['transfer_amount', body['transfer_amount'], record.transfer_amount],
      ['transfer_scene_id', body['transfer_scene_id'], record.transfer_scene_id],
      ['transfer_remark', body['transfer_remark'], record.transfer_remark],
    ],
    further: TRANSFER_FURTHER,
  };
}
