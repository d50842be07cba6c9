import { checkNotifyUrl } from '../common';
import { ApiError } from '../errors';
import { paymentFields } from './notices';
import {
  checkRepeat,
  expiryOf,
  findOrder,
  prepayReply,
  TRADE_TYPE,
  type Order,
  type Product,
} from '../orders';
import { canonical } from '../schema';
import { rfc3339 } from '../time';
import type { World } from '../world';
import {
  BusinessError,
  check,
  MONEY,
  OUT_TRADE_NO,
  R,
  Unreadable,
  type Rule,
  type V2Request,
} from './checks';
import { parseCompact } from './times';
import type { Fields } from './xml';

const PRODUCTS: Readonly<Record<string, Exclude<Product, 'codepay'>>> = {
  JSAPI: 'jsapi',
  NATIVE: 'native',
  APP: 'app',
  MWEB: 'h5',
};

export const GOODS: Readonly<Record<string, Rule>> = {
  device_info: { max: 32 },
  body: { max: 128, ...R },
  detail: { max: 6000 },
  attach: { max: 127 },
  out_trade_no: OUT_TRADE_NO,
  fee_type: { max: 16, pattern: /^CNY$/ },
  total_fee: MONEY,
  spbill_create_ip: { max: 64, ...R, pattern: /^[0-9a-fA-F:.]+$/ },
  goods_tag: { max: 32 },
  limit_pay: { max: 32, pattern: /^no_credit$/ },
  receipt: { max: 8, pattern: /^Y$/ },
  profit_sharing: { max: 16, pattern: /^[YN]$/ },
  scene_info: { max: 256 },
  time_start: { max: 14 },
  time_expire: { max: 14 },
};

const ORDER: Readonly<Record<string, Rule>> = {
  ...GOODS,
  notify_url: { max: 256, ...R },
  trade_type: { max: 16, ...R, pattern: /^(JSAPI|NATIVE|APP|MWEB)$/ },
  openid: { max: 128 },
  product_id: { max: 32 },
};

/** What must be equal in a repeat: all that was ordered, but for what is new in each request. */
export const fingerprintOf = ({ fields }: V2Request): string => {
  const { nonce_str: _nonce, sign: _sign, sign_type: _type, ...rest } = fields;
  return canonical({ api: 'v2', ...rest });
};

/** An order of v2 is known to v2 alone. */
export function orderOf(world: World, no: string | undefined): Order | undefined {
  const order = findOrder(world, no ?? '');
  return order?.api === undefined ? undefined : order;
}

const asBusiness = (error: unknown): unknown => {
  if (!(error instanceof ApiError)) return error;
  return new BusinessError(error.code.replaceAll('_', ''), error.message);
};

/** Runs a check that speaks in v3's errors. */
export function inV2<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw asBusiness(error);
  }
}

export function unifiedorder(world: World, request: V2Request): Fields {
  check(world, request, ORDER);
  const { fields } = request;
  const product = PRODUCTS[fields.trade_type ?? ''] ?? 'jsapi';
  checkProduct(world, fields, product);
  const fingerprint = fingerprintOf(request);
  const known = findOrder(world, fields.out_trade_no ?? '');
  if (known !== undefined) {
    if (known.api === undefined) throw new BusinessError('OUT_TRADE_NO_USED', '商户订单号重复');
    repeat(world, known, fingerprint);
  }
  const order = known ?? create(world, request, { product, fingerprint });
  const reply = prepayReply(world, product, order.prepays) as Record<string, string>;
  const prepay_id = order.prepays.at(-1)?.id ?? '';
  return {
    trade_type: TRADE_TYPE[product],
    prepay_id,
    ...(reply.code_url === undefined ? {} : { code_url: reply.code_url }),
    ...(reply.h5_url === undefined ? {} : { mweb_url: reply.h5_url }),
  };
}

function checkProduct(world: World, fields: Fields, product: Product): void {
  if (product === 'jsapi' && !fields.openid) throw new Unreadable('缺少参数openid');
  if (product === 'native' && !fields.product_id) throw new Unreadable('缺少参数product_id');
  if (product === 'h5' && !fields.scene_info) throw new Unreadable('缺少参数scene_info');
  for (const name of ['detail', 'scene_info'] as const) checkJson(name, fields[name]);
  inV2(() => {
    checkNotifyUrl(world, fields.notify_url);
  });
  const openid = fields.openid ?? '';
  const owner = world.openids.get(openid);
  if (
    product === 'jsapi' &&
    (openid.startsWith('foreign') || (owner ?? fields.appid) !== fields.appid)
  ) {
    throw new BusinessError('PARAM_ERROR', 'appid和openid不匹配');
  }
}

function checkJson(name: string, text: string | undefined): void {
  if (text === undefined || text === '') return;
  try {
    JSON.parse(text);
  } catch {
    throw new Unreadable(`${name}参数格式错误`);
  }
}

function repeat(world: World, order: Order, fingerprint: string): void {
  if (order.payment !== undefined) throw new BusinessError('ORDERPAID', '该订单已支付');
  if (order.state === 'CLOSED') throw new BusinessError('ORDERCLOSED', '该订单已关闭');
  if (order.fingerprint !== fingerprint) {
    throw new BusinessError('OUT_TRADE_NO_USED', '商户订单号重复');
  }
  inV2(() => {
    checkRepeat(world, order, fingerprint);
  });
}

export function create(
  world: World,
  { fields, type }: V2Request,
  o: { readonly product: Product; readonly fingerprint: string },
): Order {
  const expireMs = parseCompact(fields.time_expire ?? '');
  if (fields.time_expire && Number.isNaN(expireMs)) throw new Unreadable('time_expire参数格式错误');
  const order: Order = {
    api: { type },
    product: o.product,
    appid: fields.appid ?? '',
    mchid: world.mchid,
    out_trade_no: fields.out_trade_no ?? '',
    description: fields.body ?? '',
    attach: fields.attach,
    notify_url: fields.notify_url ?? '',
    total: Number(fields.total_fee),
    openid: o.product === 'jsapi' ? fields.openid : undefined,
    device_id: fields.device_info,
    fingerprint: o.fingerprint,
    createdMs: world.now(),
    expireMs: expiryOf(world, fields.time_expire ? rfc3339(expireMs) : undefined),
    combine_out_trade_no: undefined,
    prepays: [],
    state: 'NOTPAY',
    refundNos: [],
  };
  world.orders.set(order.out_trade_no, order);
  return order;
}

const notExist = (): BusinessError => new BusinessError('ORDERNOTEXIST', '订单不存在');

export function orderquery(world: World, request: V2Request): Fields {
  check(world, request, { transaction_id: { max: 32 }, out_trade_no: { max: 32 } });
  const { transaction_id, out_trade_no } = request.fields;
  if (!transaction_id && !out_trade_no) throw new Unreadable('缺少参数');
  const no = transaction_id
    ? world.ordersByTransaction.get(transaction_id)?.out_trade_no
    : out_trade_no;
  const order = orderOf(world, no);
  if (order === undefined) throw notExist();
  return {
    trade_state: order.state,
    trade_state_desc: STATE_WORDS[order.state] ?? order.state,
    out_trade_no: order.out_trade_no,
    ...(order.attach === undefined ? {} : { attach: order.attach }),
    ...(order.device_id === undefined ? {} : { device_info: order.device_id }),
    ...paymentFields(order),
  };
}

const STATE_WORDS: Readonly<Record<string, string>> = {
  SUCCESS: '支付成功',
  REFUND: '订单发生过退款，退款详情请查询退款单',
  NOTPAY: '订单未支付',
  CLOSED: '订单已关闭',
  REVOKED: '订单已撤销',
  USERPAYING: '需要用户输入支付密码',
  PAYERROR: '支付失败',
};

export function closeorder(world: World, request: V2Request): Fields {
  check(world, request, { out_trade_no: OUT_TRADE_NO });
  const order = orderOf(world, request.fields.out_trade_no);
  if (order === undefined) throw notExist();
  if (order.product === 'codepay') throw new BusinessError('TRADE_STATE_ERROR', '付款码订单请撤销');
  if (order.payment !== undefined) throw new BusinessError('ORDERPAID', '该订单已支付');
  if (order.state === 'CLOSED') throw new BusinessError('ORDERCLOSED', '订单已关闭');
  order.state = 'CLOSED';
  order.closedMs = world.now();
  return { result_msg: 'OK' };
}
