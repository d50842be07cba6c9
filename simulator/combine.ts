import {
  APPID,
  checkAppid,
  checkMchid,
  checkNotifyUrl,
  checkOpenid,
  compact,
  MCHID,
  OUT_TRADE_NO,
} from './common';
import { ApiError, invalidRequest, paramError } from './errors';
import {
  changedRepeat,
  checkPayable,
  checkRepeat,
  expiryOf,
  findOrder,
  H5_INFO,
  orderNotExist,
  orderPaid,
  prepayReply,
  settlePayment,
  type Order,
  type Product,
} from './orders';
import { array, bool, canonical, checkFields, int, object, R, refuseEmoji, text } from './schema';
import type { Fields } from './schema';
import { rfc3339 } from './time';
import type { PayOptions, Plain } from './types';
import type { ApiReply, ApiRequest, Route, World } from './world';

/** Several orders paid at once: all or none. */
export interface Combination {
  readonly combine_appid: string;
  readonly combine_mchid: string;
  readonly combine_out_trade_no: string;
  readonly product: Exclude<Product, 'codepay'>;
  readonly notify_url: string;
  readonly openid: string | undefined;
  readonly device_id: string | undefined;
  readonly fingerprint: string;
  readonly orders: readonly Order[];
  readonly prepays: { id: string; atMs: number }[];
}

/** 10 million yuan. */
const SUB_TOTAL_MAX_FEN = 1_000_000_000;

const SUB_ORDER = object('子单', {
  mchid: MCHID,
  attach: text('附加数据', 128),
  amount: object(
    '订单金额',
    {
      total_amount: int('标价金额', { ...R, min: 1, max: SUB_TOTAL_MAX_FEN }),
      currency: text('标价币种', 16, { ...R, oneOf: ['CNY'] }),
    },
    R,
  ),
  out_trade_no: OUT_TRADE_NO,
  goods_tag: text('订单优惠标记', 32),
  description: text('商品描述', 127, R),
  detail: text('商品详情', 6000),
  settle_info: object('结算信息', {
    profit_sharing: bool('是否指定分账'),
    subsidy_amount: int('补差金额', { min: 0 }),
  }),
});

function combineFields(product: Exclude<Product, 'codepay'>): Fields {
  const h5 = product === 'h5';
  return {
    combine_appid: { ...APPID, label: '合单商户appid' },
    combine_mchid: { ...MCHID, label: '合单商户号' },
    combine_out_trade_no: { ...OUT_TRADE_NO, label: '合单商户订单号' },
    combine_payer_info: object(
      '支付者',
      { openid: text('用户标识', 128, product === 'jsapi' ? R : {}) },
      product === 'jsapi' ? R : {},
    ),
    scene_info: object(
      '场景信息',
      {
        device_id: text('商户端设备号', 16),
        payer_client_ip: text('用户终端IP', 45, R),
        h5_info: { ...H5_INFO, required: h5 },
      },
      h5 ? R : {},
    ),
    sub_orders: array('子单信息', SUB_ORDER, { ...R, min: 2, max: 10 }),
    time_start: text('交易起始时间', 32),
    time_expire: text('交易结束时间', 32),
    notify_url: text('通知地址', 255, R),
  };
}

interface CombineBody {
  combine_appid: string;
  combine_mchid: string;
  combine_out_trade_no: string;
  combine_payer_info?: { openid?: string };
  scene_info?: { device_id?: string };
  sub_orders: {
    mchid: string;
    attach?: string;
    amount: { total_amount: number };
    out_trade_no: string;
    description: string;
  }[];
  time_expire?: string;
  notify_url: string;
}

function check(world: World, body: Plain, product: Exclude<Product, 'codepay'>): CombineBody {
  checkFields(body, combineFields(product));
  if (world.switches.emoji === 'refuse') refuseEmoji(body);
  const typed = body as unknown as CombineBody;
  checkMchid(world, typed.combine_mchid);
  checkAppid(world, typed.combine_appid);
  checkNotifyUrl(world, typed.notify_url);
  const openid = typed.combine_payer_info?.openid;
  if (openid !== undefined) checkOpenid(world, openid, typed.combine_appid);
  const numbers = new Set(typed.sub_orders.map((sub) => sub.out_trade_no));
  if (numbers.size !== typed.sub_orders.length) throw paramError('子单商户订单号重复');
  return typed;
}

function create(world: World, request: ApiRequest, product: Exclude<Product, 'codepay'>): ApiReply {
  const body = check(world, request.body, product);
  const fingerprint = canonical({ product, body });
  const known = world.combinations.get(body.combine_out_trade_no);
  if (known !== undefined) {
    if (known.fingerprint !== fingerprint) throw changedRepeat(world);
    const first = findOrder(world, known.orders[0]?.out_trade_no ?? '');
    if (first !== undefined) checkRepeat(world, first, first.fingerprint);
    request.replay = true;
    return { status: 200, body: prepayReply(world, product, known.prepays) };
  }
  if (body.sub_orders.some((sub) => world.orders.has(sub.out_trade_no))) {
    throw new ApiError(403, 'OUT_TRADE_NO_USED', '商户订单号重复');
  }
  const expireMs = expiryOf(world, body.time_expire);
  const orders = body.sub_orders.map((sub): Order => ({
    product,
    appid: body.combine_appid,
    mchid: sub.mchid,
    out_trade_no: sub.out_trade_no,
    description: sub.description,
    attach: sub.attach,
    notify_url: '',
    total: sub.amount.total_amount,
    openid: body.combine_payer_info?.openid,
    device_id: undefined,
    fingerprint: `${fingerprint}|${sub.out_trade_no}`,
    createdMs: world.now(),
    expireMs,
    combine_out_trade_no: body.combine_out_trade_no,
    prepays: [],
    state: 'NOTPAY',
    refundNos: [],
  }));
  for (const order of orders) world.orders.set(order.out_trade_no, order);
  const combination: Combination = {
    combine_appid: body.combine_appid,
    combine_mchid: body.combine_mchid,
    combine_out_trade_no: body.combine_out_trade_no,
    product,
    notify_url: body.notify_url,
    openid: body.combine_payer_info?.openid,
    device_id: body.scene_info?.device_id,
    fingerprint,
    orders,
    prepays: [],
  };
  world.combinations.set(combination.combine_out_trade_no, combination);
  return { status: 200, body: prepayReply(world, product, combination.prepays) };
}

function subOrderOf(order: Order): Plain {
  const { payment } = order;
  return compact({
    mchid: order.mchid,
    out_trade_no: order.out_trade_no,
    trade_state: order.state,
    transaction_id: payment?.transaction_id,
    trade_type: payment?.trade_type,
    bank_type: payment?.bank_type,
    attach: payment && (order.attach ?? ''),
    success_time: payment && rfc3339(payment.atMs),
    amount: compact({
      total_amount: order.total,
      currency: 'CNY',
      payer_amount: payment?.payer_total,
      payer_currency: payment && 'CNY',
    }),
  });
}

/** Answer of the query, plaintext of the notification. */
export function combinationOf(combination: Combination): Plain {
  const openid = combination.orders[0]?.payment?.openid ?? combination.openid;
  return compact({
    combine_appid: combination.combine_appid,
    combine_mchid: combination.combine_mchid,
    combine_out_trade_no: combination.combine_out_trade_no,
    combine_payer_info: openid === undefined ? undefined : { openid },
    scene_info:
      combination.device_id === undefined ? undefined : { device_id: combination.device_id },
    sub_orders: combination.orders.map(subOrderOf),
  });
}

/** The phone pays the whole combination; no part can be paid alone. */
export function payCombination(world: World, combination: Combination, o: PayOptions): Plain {
  const atMs = o.atMs ?? world.now();
  for (const order of combination.orders) {
    findOrder(world, order.out_trade_no);
    checkPayable({ ...order, prepays: combination.prepays }, atMs, o);
  }
  for (const order of combination.orders) settlePayment(world, order, o);
  const plain = combinationOf(combination);
  world.notifier.announce('payment', {
    no: combination.combine_out_trade_no,
    plain,
    url: combination.notify_url,
    deliver: o.deliver,
  });
  return plain;
}

function find(world: World, request: ApiRequest): Combination {
  const combination = world.combinations.get(request.params.no ?? '');
  if (combination === undefined) throw orderNotExist(world);
  for (const order of combination.orders) findOrder(world, order.out_trade_no);
  return combination;
}

function close(world: World, request: ApiRequest): ApiReply {
  checkFields(request.body, {
    combine_appid: { ...APPID, label: '合单商户appid' },
    sub_orders: array('子单信息', object('子单', { mchid: MCHID, out_trade_no: OUT_TRADE_NO }), R),
  });
  const known = world.combinations.has(request.params.no ?? '');
  if (!known && world.switches.closeUnknown === 204) return { status: 204 };
  const combination = find(world, request);
  if (request.body.combine_appid !== combination.combine_appid) {
    throw invalidRequest('合单商户appid与下单时不一致');
  }
  const subs = request.body.sub_orders as { mchid: string; out_trade_no: string }[];
  const key = (sub: { mchid: string; out_trade_no: string }): string =>
    `${sub.mchid}|${sub.out_trade_no}`;
  const got = subs.map(key).sort();
  const want = combination.orders.map(key).sort();
  // Seen in reality: a list that is not exactly that of the order ends in a 500.
  if (canonical(got) !== canonical(want)) {
    throw new ApiError(500, 'SYSTEM_ERROR', '系统异常，请稍后重试');
  }
  if (combination.orders.some((order) => order.payment !== undefined)) {
    throw orderPaid(world, world.switches.orderPaidOnClose);
  }
  for (const order of combination.orders) {
    if (order.state === 'CLOSED') request.replay = true;
    else order.closedMs = world.now();
    order.state = 'CLOSED';
  }
  return { status: 204 };
}

const PRODUCTS = ['jsapi', 'app', 'h5', 'native'] as const;

export const combineRoutes: readonly Route[] = [
  ...PRODUCTS.map((product): Route => ({
    method: 'POST',
    path: `/v3/combine-transactions/${product}`,
    handle: (world, request) => create(world, request, product),
  })),
  {
    method: 'GET',
    path: '/v3/combine-transactions/out-trade-no/{no}',
    handle: (world, request) => ({ status: 200, body: combinationOf(find(world, request)) }),
  },
  {
    method: 'POST',
    path: '/v3/combine-transactions/out-trade-no/{no}/close',
    handle: close,
  },
];
