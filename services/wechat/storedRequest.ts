/**
 * The last look at a request before it is signed. What is stored may have been written by somebody else, or under other
 * settings: so method and path must be those of its kind, and number, amount and accounts those of the record and of this
 * merchant. What differs is not sent. The notify URL may be an older one of ours: a refund must not get stuck when the
 * setting changes, and what WeChat sends there can be read with the APIv3 key alone. Only this file makes a `CheckedRequest`, and only that can be sent.
 */
import { asObject } from './readFacts';
import { heldRefund } from '../ledger/refundMoney';
import type {
  CombinationRecord,
  OrderRecord,
  Product,
  RecordedProduct,
  Refund,
  StoredRecord,
  TransferRecord,
  WechatRequest,
} from '../ledger/record';
import {
  abnormalRefundPath,
  combinePath,
  orderPath,
  REFUND_PATH,
  TRANSFER_PATH,
} from './wechatApi';
import { AppError, ConflictError } from '../../utils/errors';
import type { Logger } from '../../utils/logger';

declare const checked: unique symbol;
export type CheckedRequest = WechatRequest & { readonly [checked]: true };

export interface RequestSettings {
  readonly mchid: string;
  readonly appids: readonly string[];
  readonly transferMaxFen: number;
}

/** Each throws ConflictError REQUEST_REFUSED, and alarms once, where something differs. */
export interface RequestGuard {
  /** The stored request of an order or a combination. */
  prepay(record: OrderRecord | CombinationRecord): CheckedRequest;
  /** A payment code's request, which is never stored. */
  charge(record: OrderRecord, request: WechatRequest): CheckedRequest;
  /** `record` may be the part of a combination seen as an order. */
  refund(record: OrderRecord, outRefundNo: string): CheckedRequest;
  /** An abnormal refund (异常退款), which sends a refund's money to an account. */
  abnormal(record: OrderRecord, outRefundNo: string): CheckedRequest;
  transfer(record: TransferRecord): CheckedRequest;
  /** Refuses for a reason that only the caller can know. */
  refuse(record: StoredRecord, field: string): never;
}

type Json = Readonly<Record<string, unknown>>;
type Pair = readonly [field: string, sent: unknown, ours: unknown];

/** Ours where nothing that is sent would be right. */
const NOTHING = Symbol('nothing');

/** What to compare of a request, and which further fields it may have. */
interface Expected {
  /** undefined: there is no such request. */
  readonly path: string | undefined;
  readonly pairs: readonly Pair[];
  readonly further: readonly string[];
}

/** Beyond this many some are alarmed again. */
const TOLD_MAX = 10_000;

export const isRequestRefused = (error: unknown): error is AppError =>
  error instanceof AppError && error.code === 'REQUEST_REFUSED';

export function createRequestGuard(settings: RequestSettings, logger: Logger): RequestGuard {
  const told = new Set<string>();

  function refuse({ kind, no }: StoredRecord, field: string): never {
    const key = `${kind} ${no} ${field}`;
    if (!told.has(key)) {
      if (told.size >= TOLD_MAX) told.clear();
      told.add(key);
      logger.error({ alarm: true, kind, no, reason: field }, 'stored request refused');
    }
    throw new ConflictError('REQUEST_REFUSED', { detail: field });
  }

  function check(
    record: StoredRecord,
    request: WechatRequest | undefined,
    expect: (body: Json) => Expected,
  ): CheckedRequest {
    const body = request === undefined ? undefined : bodyOf(request.body);
    if (request === undefined || body === undefined) return refuse(record, 'body');
    const field = differing(request, body, expect(body));
    return field === undefined ? (request as CheckedRequest) : refuse(record, field);
  }

  return {
    refuse,
    prepay: (record) =>
      check(record, record.request, (body) =>
        record.kind === 'order'
          ? orderExpected(record, body, settings)
          : combinationExpected(record, body, settings),
      ),
    charge: (record, request) =>
      check(record, request, (body) => orderExpected(record, body, settings)),
    refund: (record, no) => {
      const held = heldRefund(record, no);
      return check(record, held?.request, (body) => refundExpected(record, no, body, settings));
    },
    abnormal: (record, no) => {
      const held = heldRefund(record, no);
      return check(record, held?.abnormal?.request, (body) =>
        abnormalExpected(record, held, body, settings),
      );
    },
    transfer: (record) =>
      check(record, record.request, (body) => transferExpected(record, body, settings)),
  };
}

/** As we write it: a name that stands there twice would be read one way here and another way by WeChat. */
function bodyOf(text: string): Json | undefined {
  try {
    const body = asObject(JSON.parse(text));
    return body !== undefined && JSON.stringify(body) === text ? body : undefined;
  } catch {
    return undefined; // the caller says so
  }
}

/** The first thing that is not as it must be. */
function differing(
  request: WechatRequest,
  body: Json,
  { path, pairs, further }: Expected,
): string | undefined {
  // A row that was written by somebody else may hold any text.
  if ((request.method as string) !== 'POST') return 'method';
  if (request.path !== path) return 'path';
  const known = new Set([
    ...pairs.flatMap(([field]) => [field, field.split('.', 1)[0]]),
    ...further,
  ]);
  const unknown = namesOf(body, further).find((name) => !known.has(name));
  if (unknown !== undefined) return unknown;
  return pairs.find(([, sent, ours]) => sent !== ours)?.[0];
}

/** Names of the fields, and of those inside them, but for what may hold anything. */
function namesOf(body: Json, further: readonly string[]): readonly string[] {
  return Object.entries(body).flatMap(([name, value]) => {
    const inner = further.includes(name) ? undefined : asObject(value);
    return inner === undefined ? [name] : Object.keys(inner).map((one) => `${name}.${one}`);
  });
}

const inside = (body: Json, name: string, field: string): unknown => asObject(body[name])?.[field];

/** The account a request names is the record's, and the record's is ours. */
const account = (
  [appid, mchid]: readonly [string, string],
  body: Json,
  record: { readonly appid: string; readonly mchid: string },
  { appids, mchid: own }: RequestSettings,
): readonly Pair[] => [
  [appid, body[appid], appids.includes(record.appid) ? record.appid : NOTHING],
  [mchid, body[mchid], record.mchid === own ? own : NOTHING],
];

const PLACED: ReadonlySet<string> = new Set<Product>(['jsapi', 'h5', 'native', 'app']);
const isPlaced = (product: RecordedProduct): product is Product => PLACED.has(product);
const isProduct = (product: RecordedProduct): product is Product =>
  product === 'codepay' || isPlaced(product);

const ORDER_FURTHER = [
  'time_expire',
  'scene_info',
  'goods_tag',
  'detail',
  'settle_info',
  'limit_pay',
  'support_fapiao',
] as const;

function orderExpected(record: OrderRecord, body: Json, settings: RequestSettings): Expected {
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
  settings: RequestSettings,
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
  settings: RequestSettings,
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
  settings: RequestSettings,
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

function transferExpected(record: TransferRecord, body: Json, settings: RequestSettings): Expected {
  const { transfer_amount: amount } = record;
  return {
    path: TRANSFER_PATH,
    pairs: [
      ['mchid', record.mchid, settings.mchid],
      ['appid', body['appid'], settings.appids.includes(record.appid) ? record.appid : NOTHING],
      ['out_bill_no', body['out_bill_no'], record.no],
      ['openid', body['openid'], record.payer ?? NOTHING],
      ['transfer_amount', body['transfer_amount'], amount],
      ['transferMaxFen', amount <= settings.transferMaxFen, true],
      ['transfer_scene_id', body['transfer_scene_id'], record.transfer_scene_id],
      ['transfer_remark', body['transfer_remark'], record.transfer_remark],
    ],
    further: TRANSFER_FURTHER,
  };
}
