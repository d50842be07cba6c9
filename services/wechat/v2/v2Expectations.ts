/** What a stored request of API v2 must be to fit its record and this merchant. How it was made: `v2Requests.ts`. */
import { NOTHING, type DialectSettings, type Expected, type Pair } from '../dialect';
import { FUNDS, ownAppid, TRADE_TYPES } from './v2Requests';
import { V2_PATHS } from '../../strategies/v2/v2Paths';
import { heldRefund } from '../../ledger/refundMoney';
import type { OrderRecord } from '../../ledger/record';
import type { Json } from '../../../utils/json';

const FURTHER = [
  'detail',
  'goods_tag',
  'limit_pay',
  'profit_sharing',
  'receipt',
  'device_info',
  'spbill_create_ip',
  'scene_info',
] as const;

const merchant = (
  body: Json,
  { mchid: named }: Pick<OrderRecord, 'mchid'>,
  { mchid }: DialectSettings,
): Pair => ['mch_id', body.mch_id, named === mchid ? mchid : NOTHING];

export function v2OrderExpected(
  record: OrderRecord,
  body: Json,
  settings: DialectSettings,
): Expected {
  const { product, amount } = record;
  const code = product === 'codepay';
  const placed = Object.hasOwn(TRADE_TYPES, product)
    ? TRADE_TYPES[product as keyof typeof TRADE_TYPES]
    : undefined;
  const openid = product === 'jsapi' ? record.payer : undefined;
  return {
    path: code ? V2_PATHS.charge : placed === undefined ? undefined : V2_PATHS.order,
    pairs: [
      ['appid', body.appid, settings.appids.includes(record.appid) ? record.appid : NOTHING],
      merchant(body, record, settings),
      ['out_trade_no', body.out_trade_no, record.no],
      ['body', body.body, record.description],
      ['attach', body.attach, record.attach],
      ['total_fee', body.total_fee, amount.total],
      ['fee_type', body.fee_type, amount.currency],
      ...(code
        ? []
        : ([
            ['trade_type', body.trade_type, placed],
            ['openid', body.openid, openid],
            ['product_id', body.product_id, product === 'native' ? record.no : undefined],
          ] as const)),
    ],
    further: code ? [...FURTHER, 'auth_code'] : [...FURTHER, 'time_expire', 'notify_url'],
  };
}

export function v2RefundExpected(
  record: OrderRecord,
  no: string,
  body: Json,
  settings: DialectSettings,
): Expected {
  const { payment } = record;
  const held = heldRefund(record, no);
  const paid = payment?.total ?? 0;
  const within = held !== undefined && held.refund <= paid;
  const source = body.refund_account;
  const known = source === undefined || Object.values(FUNDS).includes(source as string);
  return {
    path: V2_PATHS.refund,
    pairs: [
      ['appid', body.appid, ownAppid(settings, record.appid)],
      merchant(body, record, settings),
      ['out_refund_no', body.out_refund_no, no],
      ['transaction_id', body.transaction_id, payment?.transaction_id ?? NOTHING],
      ['refund_fee', body.refund_fee, within ? held.refund : NOTHING],
      ['total_fee', body.total_fee, paid],
      ['refund_fee_type', body.refund_fee_type, 'CNY'],
      ['refund_desc', body.refund_desc, held?.reason],
      ['refund_account', source, known ? source : NOTHING],
    ],
    further: ['notify_url'],
  };
}
