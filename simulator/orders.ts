import {
  APPID,
  checkAppid,
  checkMchid,
  checkNotifyUrl,
  checkOpenid,
  checkQueryMchid,
  compact,
  MCHID,
  OUT_TRADE_NO,
} from './common';
import { ApiError, invalidRequest, NUMERIC, paramError, SimulatorError } from './errors';
import { array, bool, canonical, checkFields, int, object, refuseEmoji, text, R } from './schema';
import type { Fields } from './schema';
import { DAY_MS, HOUR_MS, MINUTE_MS, parseRfc3339, rfc3339 } from './time';
import type { PayOptions, Plain } from './types';
import { refuseProvider } from './shops';
import { paymentXml } from './v2/notices';
import type { ApiReply, ApiRequest, Route, World } from './world';

export type Product = 'jsapi' | 'app' | 'h5' | 'native' | 'codepay';

export type TradeState =
  'NOTPAY' | 'USERPAYING' | 'SUCCESS' | 'REFUND' | 'CLOSED' | 'REVOKED' | 'PAYERROR';

export interface Order {
  /** Made over API v2, and known to no other; how its requests were signed. */
  readonly api?: { readonly type: 'MD5' | 'HMAC-SHA256' };
  readonly product: Product;
  readonly appid: string;
  readonly mchid: string;
  /** Of a service provider's order: `appid` and `mchid` are the provider's. */
  readonly sub_mchid?: string | undefined;
  /** The shop's own app, where the payment opens there: the payer's openid is of this app. */
  readonly sub_appid?: string | undefined;
  readonly out_trade_no: string;
  readonly description: string;
  readonly attach: string | undefined;
  readonly notify_url: string;
  readonly total: number;
  /** The openid the order names; the phone that pays must have it. */
  readonly openid: string | undefined;
  readonly device_id: string | undefined;
  /** The request in canonical form: a repeat must be equal to it. */
  readonly fingerprint: string;
  readonly createdMs: number;
  readonly expireMs: number;
  /** Set on a part of a combination: basic query and close do not know it. */
  readonly combine_out_trade_no: string | undefined;
  readonly prepays: { id: string; atMs: number }[];
  state: TradeState;
  closedMs?: number;
  payment?: {
    transaction_id: string;
    atMs: number;
    openid: string;
    payer_total: number;
    bank_type: string;
    trade_type: string;
  };
  refundNos: string[];
  lastRefundMs?: number;
}

export const TRADE_TYPE: Record<Product, string> = {
  jsapi: 'JSAPI',
  app: 'APP',
  h5: 'MWEB',
  native: 'NATIVE',
  codepay: 'MICROPAY',
};

const STATE_WORDS: Record<TradeState, string> = {
  NOTPAY: '订单未支付',
  USERPAYING: '用户支付中',
  SUCCESS: '支付成功',
  REFUND: '订单发生过退款，退款详情请查询退款单',
  CLOSED: '订单已关闭',
  REVOKED: '订单已撤销',
  PAYERROR: '支付失败',
};

const AUTO_CLOSE_MS = 7 * DAY_MS;
const EXPIRE_MIN_MS = MINUTE_MS;
const EXPIRE_MAX_MS = 90 * DAY_MS;

/** Of the whole of `detail`. */
export const DETAIL_BYTES_MAX = 6144;

const GOODS = array(
  '单品列表',
  object('单品', {
    merchant_goods_id: text('商户侧商品编码', 32, R),
    wechatpay_goods_id: text('微信支付商品编码', 32),
    goods_name: text('商品名称', 256),
    quantity: int('商品数量', { ...R, min: 1 }),
    unit_price: int('商品单价', { ...R, min: 0 }),
  }),
);

export const STORE_INFO = object('商户门店信息', {
  id: text('门店编号', 32, R),
  name: text('门店名称', 256),
  area_code: text('地区编码', 32),
  address: text('详细地址', 512),
});

export const H5_INFO = object('H5场景信息', {
  type: text('场景类型', 32, R),
  app_name: text('应用名称', 64),
  app_url: text('网站URL', 128),
  bundle_id: text('iOS平台BundleID', 128),
  package_name: text('Android平台PackageName', 128),
});

export const AMOUNT = object(
  '订单金额',
  {
    total: int('总金额', { ...R, min: 1, max: 1_000_000_000_00 }),
    currency: text('货币类型', 16, { oneOf: ['CNY'] }),
  },
  R,
);

const IDENTITY = object('实名信息', {
  type: text('证件类型', 32, R),
  number: text('证件号', 1024, R),
  name: text('姓名', 1024, R),
});

/** Body of the four order calls; payer and scene differ by product. */
export function orderFields(product: Exclude<Product, 'codepay'>): Fields {
  const h5 = product === 'h5';
  const payer = object(
    '支付者',
    { openid: text('用户标识', 128, R), identity: IDENTITY },
    product === 'jsapi' ? R : {},
  );
  return {
    appid: APPID,
    mchid: MCHID,
    description: text('商品描述', 127, R),
    out_trade_no: OUT_TRADE_NO,
    time_expire: text('交易结束时间', 64),
    attach: text('商户数据包', 128),
    notify_url: text('通知地址', 255, R),
    goods_tag: text('订单优惠标记', 32),
    limit_pay: array('指定支付方式', text('支付方式', 32)),
    support_fapiao: bool('电子发票入口开放标识'),
    amount: AMOUNT,
    ...(product === 'jsapi' ? { payer } : {}),
    detail: object(
      '优惠功能',
      {
        cost_price: int('订单原价'),
        invoice_id: text('商品小票ID', 32),
        goods_detail: GOODS,
      },
      { maxBytes: DETAIL_BYTES_MAX },
    ),
    scene_info: object(
      '支付场景描述',
      {
        payer_client_ip: text('用户终端IP', 45, R),
        device_id: text('商户端设备号', 32),
        store_info: STORE_INFO,
        h5_info: { ...H5_INFO, required: h5 },
      },
      h5 ? R : {},
    ),
    settle_info: object('结算信息', { profit_sharing: bool('是否指定分账') }),
  };
}

/** When the payer can pay last; too early and too late are moved, silently, as WeChat does. */
export function expiryOf(world: World, timeExpire: unknown): number {
  const now = world.now();
  if (typeof timeExpire !== 'string') return now + AUTO_CLOSE_MS;
  const wanted = parseRfc3339(timeExpire);
  if (Number.isNaN(wanted)) {
    throw paramError('输入源“/body/time_expire”映射到值字段“交易结束时间”字符串规则校验失败', {
      detail: { location: 'body', value: timeExpire },
    });
  }
  return Math.min(Math.max(wanted, now + EXPIRE_MIN_MS), now + EXPIRE_MAX_MS);
}

/** The order as of now: WeChat closes by itself what was left unpaid for seven days. */
export function findOrder(world: World, no: string): Order | undefined {
  const order = world.orders.get(no);
  if (order?.state === 'NOTPAY' && world.now() >= order.createdMs + AUTO_CLOSE_MS) {
    order.state = 'CLOSED';
    order.closedMs = order.createdMs + AUTO_CLOSE_MS;
  }
  return order;
}

export function orderPaid(world: World, code: string): ApiError {
  const { orderPaidHttp } = world.switches;
  return new ApiError(orderPaidHttp, code, '该订单已支付', { numeric: NUMERIC.orderPaid });
}

export function orderNotExist(world: World): ApiError {
  return new ApiError(404, world.switches.orderNotExistCode, '订单不存在', {
    numeric: NUMERIC.orderNotExist,
  });
}

export function changedRepeat(world: World): ApiError {
  const { changedRepeat: how } = world.switches;
  const o = { numeric: NUMERIC.changedRepeat };
  if (how === 'PARAM_ERROR') return paramError('订单重入参数校验失败', o);
  if (how === 'OUT_TRADE_NO_USED') return new ApiError(403, how, '商户订单号重复', o);
  return invalidRequest('请求重入时，参数与首次请求时不一致', NUMERIC.changedRepeat);
}

/** May this number be ordered (again)? */
export function checkRepeat(world: World, order: Order, fingerprint: string): void {
  if (order.state === 'CLOSED' || order.state === 'REVOKED') {
    throw new ApiError(400, 'ORDER_CLOSED', '该订单已关闭', { numeric: NUMERIC.orderInvalid });
  }
  if (order.payment !== undefined) throw orderPaid(world, world.switches.orderPaidOnOrder);
  if (order.fingerprint !== fingerprint) throw changedRepeat(world);
}

interface OrderBody {
  out_trade_no: string;
  description: string;
  attach?: string;
  notify_url: string;
  amount: { total: number };
  scene_info?: { device_id?: string };
  time_expire?: string;
}

function create(world: World, request: ApiRequest, product: Exclude<Product, 'codepay'>): ApiReply {
  refuseProvider(world);
  checkOrderBody(world, request.body, product);
  const { appid, mchid, payer } = request.body as {
    appid: string;
    mchid: string;
    payer?: { openid: string };
  };
  return place(world, request, { product, appid, mchid, openid: payer?.openid });
}

/** Places an order whose body was found good, or finds it placed already. */
export function place(
  world: World,
  request: ApiRequest,
  whose: Pick<Order, 'product' | 'appid' | 'mchid' | 'sub_mchid' | 'sub_appid' | 'openid'>,
): ApiReply {
  const { product } = whose;
  const body = request.body as unknown as OrderBody;
  const fingerprint = canonical({ product, body });
  let order = findOrder(world, body.out_trade_no);
  if (order === undefined) {
    order = {
      ...whose,
      out_trade_no: body.out_trade_no,
      description: body.description,
      attach: body.attach,
      notify_url: body.notify_url,
      total: body.amount.total,
      device_id: body.scene_info?.device_id,
      fingerprint,
      createdMs: world.now(),
      expireMs: expiryOf(world, body.time_expire),
      combine_out_trade_no: undefined,
      prepays: [],
      state: 'NOTPAY',
      refundNos: [],
    };
    world.orders.set(order.out_trade_no, order);
  } else {
    checkRepeat(world, order, fingerprint);
    request.replay = true;
  }
  return { status: 200, body: prepayReply(world, product, order.prepays) };
}

function checkOrderBody(world: World, body: Plain, product: Exclude<Product, 'codepay'>): void {
  const payer = body.payer as { openid?: unknown } | undefined;
  if (product === 'jsapi' && payer?.openid === undefined && body.payer !== null) {
    // Told apart from other missing fields by its own number.
    const message =
      '输入源“/body/payer/openid”映射到字段“用户标识”必填性规则校验失败，此字段为必填项';
    const detail = { location: 'body', value: '' };
    const known = { ...body, payer: { openid: '-' } };
    checkFields(known, orderFields(product));
    throw paramError(message, { detail, numeric: NUMERIC.openidMissing });
  }
  checkFields(body, orderFields(product));
  if (world.switches.emoji === 'refuse') refuseEmoji(body);
  checkMchid(world, body.mchid);
  checkAppid(world, body.appid);
  checkNotifyUrl(world, body.notify_url);
  expiryOf(world, body.time_expire);
  if (payer !== undefined) checkOpenid(world, payer.openid as string, body.appid as string);
}

/** prepay_id, h5_url, or code_url; remembers it, for the phone will show one of them. */
export function prepayReply(
  world: World,
  product: Product,
  prepays: { id: string; atMs: number }[],
): Plain {
  const last = prepays.at(-1);
  const keep = world.switches.repeatPrepay === 'same' && last !== undefined;
  const id = keep ? last.id : world.number('wx', 36);
  if (!keep) prepays.push({ id, atMs: world.now() });
  if (product === 'native') {
    return { code_url: `weixin://wxpay/bizpayurl?pr=${id.slice(-15)}` };
  }
  if (product === 'h5') {
    const base = 'https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb';
    return { h5_url: `${base}?prepay_id=${id}&package=${id.slice(-10)}` };
  }
  return { prepay_id: id };
}

/** The transaction object: answer of a query, plaintext of a notification. */
export function transactionOf(world: World, order: Order): Plain {
  const { payment } = order;
  const common = {
    ...accountsOf(order),
    out_trade_no: order.out_trade_no,
    trade_state: order.state,
    trade_state_desc: STATE_WORDS[order.state],
  };
  const scene_info = order.device_id === undefined ? undefined : { device_id: order.device_id };
  if (payment === undefined) {
    return compact({
      ...common,
      trade_type: world.switches.tradeTypeUnpaid === 'empty' ? '' : undefined,
      amount: { total: order.total, currency: 'CNY' },
      scene_info,
    });
  }
  return compact({
    ...common,
    transaction_id: payment.transaction_id,
    trade_type: payment.trade_type,
    bank_type: payment.bank_type,
    attach: order.attach ?? '',
    success_time: rfc3339(payment.atMs),
    payer: payerOf(world, order, payment.openid),
    amount: {
      total: order.total,
      payer_total: payment.payer_total,
      currency: 'CNY',
      payer_currency: 'CNY',
    },
    scene_info,
  });
}

function accountsOf({ appid, mchid, sub_appid, sub_mchid }: Order): Plain {
  if (sub_mchid === undefined) return { appid, mchid };
  return { sp_appid: appid, sp_mchid: mchid, sub_appid, sub_mchid };
}

/** To a service provider: who it is in its own app, and in the shop's where he paid there. */
function payerOf(world: World, { sub_mchid, sub_appid }: Order, openid: string): Plain {
  if (sub_mchid === undefined) return { openid };
  if (sub_appid === undefined) return { sp_openid: openid };
  const told = world.switches.partnerSpOpenid === 'present';
  return { ...(told ? { sp_openid: `oSp_${openid}`.slice(0, 28) } : {}), sub_openid: openid };
}

/** How long what the phone opens stays good. */
const PREPAY_LIFE_MS: Record<Product, number> = {
  jsapi: 2 * HOUR_MS,
  app: 2 * HOUR_MS,
  native: 2 * HOUR_MS,
  h5: 5 * MINUTE_MS,
  codepay: 2 * HOUR_MS,
};

/** Refuses what the payer's phone would refuse. */
export function checkPayable(order: Order, atMs: number, o: PayOptions): void {
  const { out_trade_no: no } = order;
  if (order.state !== 'NOTPAY' && order.state !== 'USERPAYING') {
    throw new SimulatorError(`${no} cannot be paid: ${order.state}`);
  }
  if (atMs > order.expireMs) throw new SimulatorError(`${no} cannot be paid: time_expire passed`);
  const prepay = order.prepays.at(-1);
  if (prepay !== undefined && atMs > prepay.atMs + PREPAY_LIFE_MS[order.product]) {
    throw new SimulatorError(`${no} cannot be paid: its prepay is too old`);
  }
  if (order.openid !== undefined && o.openid !== undefined && o.openid !== order.openid) {
    throw new SimulatorError(`${no} cannot be paid: 下单账号与支付账号不一致`);
  }
}

/** The openid of the one phone of this world, where an order names none. */
export const DEFAULT_OPENID = 'oSimulatedPayer0000000000001';

/** Marks one order paid, without telling anybody yet. */
export function settlePayment(world: World, order: Order, o: PayOptions): void {
  order.state = 'SUCCESS';
  order.payment = {
    transaction_id: world.number('4200', 28),
    atMs: o.atMs ?? world.now(),
    openid: o.openid ?? order.openid ?? DEFAULT_OPENID,
    payer_total: o.payer_total ?? order.total,
    bank_type: o.bank_type ?? 'OTHERS',
    trade_type: o.trade_type ?? TRADE_TYPE[order.product],
  };
  world.ordersByTransaction.set(order.payment.transaction_id, order);
}

export function payOrder(world: World, order: Order, o: PayOptions): Plain {
  checkPayable(order, o.atMs ?? world.now(), o);
  settlePayment(world, order, o);
  const plain = transactionOf(world, order);
  world.notifier.announce('payment', {
    no: order.out_trade_no,
    plain,
    ...(order.api === undefined ? {} : { xml: () => paymentXml(world, order) }),
    url: order.notify_url,
    deliver: o.deliver,
  });
  return plain;
}

/** An order of API v2 is asked about and closed there. */
function v3Order(world: World, request: ApiRequest): Order | undefined {
  const order = findOrder(world, request.params.no ?? '');
  return order?.api === undefined ? order : undefined;
}

function query(world: World, request: ApiRequest): ApiReply {
  refuseProvider(world);
  checkQueryMchid(world, request);
  const order = v3Order(world, request);
  if (order === undefined || order.combine_out_trade_no !== undefined) throw orderNotExist(world);
  return { status: 200, body: transactionOf(world, order) };
}

function queryById(world: World, request: ApiRequest): ApiReply {
  refuseProvider(world);
  checkQueryMchid(world, request);
  const order = world.ordersByTransaction.get(request.params.id ?? '');
  if (order === undefined || order.api !== undefined || order.combine_out_trade_no !== undefined)
    throw orderNotExist(world);
  return { status: 200, body: transactionOf(world, order) };
}

function close(world: World, request: ApiRequest): ApiReply {
  refuseProvider(world);
  checkFields(request.body, { mchid: MCHID });
  checkMchid(world, request.body.mchid);
  return closeKnown(world, request, () => undefined);
}

/** @param check  What else must hold for the order to be closed. */
export function closeKnown(
  world: World,
  request: ApiRequest,
  check: (order: Order) => void,
): ApiReply {
  const order = v3Order(world, request);
  if (order === undefined || order.combine_out_trade_no !== undefined) {
    if (world.switches.closeUnknown === 204) return { status: 204 };
    throw orderNotExist(world);
  }
  check(order);
  if (order.product === 'codepay') {
    throw invalidRequest('当前交易不允许进行普通关单（只能撤销）', NUMERIC.closeCodepay);
  }
  if (order.payment !== undefined) throw orderPaid(world, world.switches.orderPaidOnClose);
  if (order.state === 'CLOSED') request.replay = true;
  else order.closedMs = world.now();
  order.state = 'CLOSED';
  return { status: 204 };
}

const PRODUCTS = ['jsapi', 'app', 'h5', 'native'] as const;

export const orderRoutes: readonly Route[] = [
  ...PRODUCTS.map((product): Route => ({
    method: 'POST',
    path: `/v3/pay/transactions/${product}`,
    handle: (world, request) => create(world, request, product),
  })),
  { method: 'GET', path: '/v3/pay/transactions/out-trade-no/{no}', handle: query },
  { method: 'GET', path: '/v3/pay/transactions/id/{id}', handle: queryById },
  { method: 'POST', path: '/v3/pay/transactions/out-trade-no/{no}/close', handle: close },
];
