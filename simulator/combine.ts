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
import { checkShop, checkSubAppid, isProvider, SUB_APPID, SUB_MCHID } from './shops';
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

const SUB_FIELDS: Fields = {
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
};

/** A service provider's part names its shop, and always has an attach. */
const PARTNER_SUB_FIELDS: Fields = {
  ...SUB_FIELDS,
  sub_mchid: SUB_MCHID,
  sub_appid: SUB_APPID,
  attach: text('附加数据', 128, R),
};

function combineFields(world: World, product: Exclude<Product, 'codepay'>): Fields {
  const h5 = product === 'h5';
  const provider = isProvider(world);
  const openid = text('用户标识', 128, product === 'jsapi' && !provider ? R : {});
  const payer = provider ? { openid, sub_openid: text('用户子标识', 128) } : { openid };
  const parts = object('子单', provider ? PARTNER_SUB_FIELDS : SUB_FIELDS);
  return {
    combine_appid: { ...APPID, label: '合单商户appid' },
    combine_mchid: { ...MCHID, label: '合单商户号' },
    combine_out_trade_no: { ...OUT_TRADE_NO, label: '合单商户订单号' },
    combine_payer_info: object('支付者', payer, product === 'jsapi' ? R : {}),
    scene_info: object(
      '场景信息',
      {
        device_id: text('商户端设备号', 16),
        payer_client_ip: text('用户终端IP', 45, R),
        h5_info: { ...H5_INFO, required: h5 },
      },
      h5 ? R : {},
    ),
    sub_orders: array('子单信息', parts, { ...R, min: 2, max: provider ? 50 : 10 }),
    time_start: text('交易起始时间', 32),
    time_expire: text('交易结束时间', 32),
    notify_url: text('通知地址', 255, R),
  };
}

interface CombineBody {
  combine_appid: string;
  combine_mchid: string;
  combine_out_trade_no: string;
  combine_payer_info?: { openid?: string; sub_openid?: string };
  scene_info?: { device_id?: string };
  sub_orders: {
    mchid: string;
    sub_mchid?: string;
    sub_appid?: string;
    attach?: string;
    amount: { total_amount: number };
    out_trade_no: string;
    description: string;
  }[];
  time_expire?: string;
  notify_url: string;
}

function check(world: World, body: Plain, product: Exclude<Product, 'codepay'>): CombineBody {
  checkFields(body, combineFields(world, product));
  if (world.switches.emoji === 'refuse') refuseEmoji(body);
  const typed = body as unknown as CombineBody;
  checkMchid(world, typed.combine_mchid);
  checkAppid(world, typed.combine_appid);
  checkNotifyUrl(world, typed.notify_url);
  const { openid, sub_openid } = typed.combine_payer_info ?? {};
  if (openid !== undefined) checkOpenid(world, openid, typed.combine_appid);
  if (isProvider(world)) {
    for (const sub of typed.sub_orders) {
      checkShop(world, sub.sub_mchid);
      checkSubAppid(world, sub.sub_mchid, sub.sub_appid);
      if (sub_openid === undefined) continue;
      if (sub.sub_appid === undefined) throw paramError('传入sub_openid时，sub_appid必填');
      checkOpenid(world, sub_openid, sub.sub_appid);
    }
    if (product === 'jsapi' && (openid === undefined) === (sub_openid === undefined)) {
      throw paramError('openid和sub_openid必须二选一');
    }
  }
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
  const openid = body.combine_payer_info?.sub_openid ?? body.combine_payer_info?.openid;
  const orders = body.sub_orders.map((sub): Order => ({
    product,
    appid: body.combine_appid,
    mchid: sub.mchid,
    sub_mchid: sub.sub_mchid,
    sub_appid: sub.sub_appid,
    out_trade_no: sub.out_trade_no,
    description: sub.description,
    attach: sub.attach,
    notify_url: '',
    total: sub.amount.total_amount,
    openid,
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
    openid,
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
    sub_mchid: order.sub_mchid,
    sub_appid: order.sub_appid,
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
  const [first] = combination.orders;
  const openid = first?.payment?.openid ?? combination.openid;
  const field = first?.sub_appid === undefined ? 'openid' : 'sub_openid';
  return compact({
    combine_appid: combination.combine_appid,
    combine_mchid: combination.combine_mchid,
    combine_out_trade_no: combination.combine_out_trade_no,
    combine_payer_info: openid === undefined ? undefined : { [field]: openid },
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

type Closed = Pick<Order, 'mchid' | 'sub_mchid' | 'sub_appid' | 'out_trade_no'>;

const closeFields = (world: World): Fields => ({
  mchid: MCHID,
  out_trade_no: OUT_TRADE_NO,
  ...(isProvider(world) ? { sub_mchid: SUB_MCHID, sub_appid: SUB_APPID } : {}),
});

function close(world: World, request: ApiRequest): ApiReply {
  checkFields(request.body, {
    combine_appid: { ...APPID, label: '合单商户appid' },
    sub_orders: array('子单信息', object('子单', closeFields(world)), R),
  });
  const known = world.combinations.has(request.params.no ?? '');
  if (!known && world.switches.closeUnknown === 204) return { status: 204 };
  const combination = find(world, request);
  if (request.body.combine_appid !== combination.combine_appid) {
    throw invalidRequest('合单商户appid与下单时不一致');
  }
  const subs = request.body.sub_orders as Closed[];
  const key = (sub: Closed): string =>
    [sub.mchid, sub.sub_mchid, sub.sub_appid, sub.out_trade_no].join('|');
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
