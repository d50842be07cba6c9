import { checkNotifyUrl, compact } from './common';
import { oaepDecrypt } from './crypto';
import { ApiError, invalidRequest, NUMERIC, paramError, SimulatorError } from './errors';
import { magicOutcome } from './magic';
import { findOrder, type Order } from './orders';
import { array, canonical, checkFields, int, object, R, refuseEmoji, text } from './schema';
import type { Fields } from './schema';
import { checkShopOf, checkShopOfBody, shopOfQuery, withShop } from './shops';
import { DAY_MS, rfc3339 } from './time';
import type { Plain, SettleOptions } from './types';
import { refundXml } from './v2/notices';
import type { ApiReply, ApiRequest, Route, World } from './world';

export type RefundStatus = 'PROCESSING' | 'SUCCESS' | 'CLOSED' | 'ABNORMAL';

export interface Refund {
  /** Asked for over API v2: told in its form. */
  readonly api?: 'v2';
  readonly refund_id: string;
  readonly out_refund_no: string;
  readonly order: Order;
  readonly amount: number;
  readonly reason: string | undefined;
  readonly notify_url: string;
  readonly funds_account: string;
  readonly from: unknown;
  readonly fingerprint: string;
  readonly createdMs: number;
  status: RefundStatus;
  successMs?: number;
  channel: string;
  user_received_account: string;
}

const REFUNDS_MAX = 50;
const REFUND_AGE_MAX_MS = 365 * DAY_MS;

const FIELDS: Fields = {
  transaction_id: text('微信支付订单号', 32),
  out_trade_no: text('商户订单号', 32),
  out_refund_no: text('商户退款单号', 64, { ...R, pattern: /^[0-9A-Za-z_\-|*@]+$/ }),
  reason: text('退款原因', 80),
  notify_url: text('退款结果回调url', 256),
  funds_account: text('退款资金来源', 32, { oneOf: ['AVAILABLE', 'UNSETTLED'] }),
  amount: object(
    '金额信息',
    {
      refund: int('退款金额', { ...R, min: 1 }),
      from: array(
        '退款出资账户及金额',
        object('出资账户', {
          account: text('出资账户类型', 32, { ...R, oneOf: ['AVAILABLE', 'UNAVAILABLE'] }),
          amount: int('出资金额', { ...R, min: 1 }),
        }),
      ),
      total: int('原订单金额', { ...R, min: 1 }),
      currency: text('退款币种', 16, { ...R, oneOf: ['CNY'] }),
    },
    R,
  ),
  goods_detail: array(
    '退款商品',
    object('商品', {
      merchant_goods_id: text('商户侧商品编码', 32, R),
      wechatpay_goods_id: text('微信支付商品编码', 32),
      goods_name: text('商品名称', 256),
      unit_price: int('商品单价', R),
      refund_amount: int('商品退款金额', R),
      refund_quantity: int('商品退货数量', R),
    }),
  ),
};

interface RefundBody {
  transaction_id?: string;
  out_trade_no?: string;
  out_refund_no: string;
  reason?: string | undefined;
  notify_url?: string | undefined;
  funds_account?: string | undefined;
  amount: { refund: number; total: number; from?: { amount: number }[] };
}

const notFound = (message: string): ApiError =>
  new ApiError(404, 'RESOURCE_NOT_EXISTS', message, { numeric: NUMERIC.orderNotExist });

/** What has gone back or may still go back. */
function refundedFen(world: World, order: Order): number {
  return order.refundNos
    .map((no) => world.refunds.get(no))
    .filter((r) => r !== undefined && r.status !== 'CLOSED')
    .reduce((sum, r) => sum + (r?.amount ?? 0), 0);
}

function paidOrder(world: World, body: RefundBody): Order {
  if (body.transaction_id === undefined && body.out_trade_no === undefined) {
    throw paramError('transaction_id和out_trade_no必须二选一');
  }
  // WeChat's own number wins where both are sent (v2's rule; unconfirmed for v3).
  const order =
    body.transaction_id !== undefined
      ? world.ordersByTransaction.get(body.transaction_id)
      : findOrder(world, body.out_trade_no ?? '');
  if (order?.payment === undefined || order.state === 'REVOKED') throw notFound('订单不存在');
  return order;
}

export function checkRefundable(
  world: World,
  order: Order,
  body: Pick<RefundBody, 'amount'>,
): void {
  const now = world.now();
  if (body.amount.total !== order.total) {
    throw invalidRequest('订单金额或退款金额与之前请求不一致，请核实后再试');
  }
  if (body.amount.refund + refundedFen(world, order) > order.total) {
    throw invalidRequest('申请退款金额超过订单可退金额');
  }
  const from = body.amount.from ?? [];
  const fromSum = from.reduce((sum, item) => sum + item.amount, 0);
  if (from.length > 0 && fromSum !== body.amount.refund) {
    throw paramError('出资账户金额之和与退款金额不一致');
  }
  if (order.refundNos.length >= REFUNDS_MAX) throw invalidRequest('部分退款次数超过限制');
  if (now > (order.payment?.atMs ?? now) + REFUND_AGE_MAX_MS) {
    throw invalidRequest('订单已超过可退款的最大期限');
  }
  const sinceMs = now - (order.lastRefundMs ?? -Infinity);
  if (sinceMs < world.switches.refundIntervalMs) {
    throw new ApiError(429, world.switches.rateCode, '请求过于频繁，请稍后再试', {
      numeric: NUMERIC.rateLimit,
    });
  }
}

function create(world: World, request: ApiRequest): ApiReply {
  checkFields(request.body, withShop(world, FIELDS));
  checkShopOfBody(world, request);
  if (world.switches.emoji === 'refuse') refuseEmoji(request.body);
  checkNotifyUrl(world, request.body.notify_url);
  const body = request.body as unknown as RefundBody;
  const known = world.refunds.get(body.out_refund_no);
  if (known !== undefined) return replay(world, request, known, body);
  const order = paidOrder(world, body);
  checkShopOf(order, request.body.sub_mchid);
  checkRefundable(world, order, body);
  const refund = newRefund(world, order, body);
  return { status: 200, body: refundOf(refund) };
}

/** Takes it in; it ends by itself, as the switches say. */
export function newRefund(
  world: World,
  order: Order,
  body: Omit<RefundBody, 'transaction_id' | 'out_trade_no'> & { readonly api?: 'v2' },
): Refund {
  const refund: Refund = {
    ...(body.api === undefined ? {} : { api: body.api }),
    refund_id: world.number('5030', 29),
    out_refund_no: body.out_refund_no,
    order,
    amount: body.amount.refund,
    reason: body.reason,
    notify_url: body.notify_url ?? world.switches.refundNotifyUrl,
    funds_account: body.funds_account ?? 'UNSETTLED',
    from: body.amount.from,
    fingerprint: fingerprintOf(order, body),
    createdMs: world.now(),
    status: 'PROCESSING',
    channel: 'ORIGINAL',
    user_received_account: '支付用户零钱',
  };
  world.refunds.set(refund.out_refund_no, refund);
  order.refundNos.push(refund.out_refund_no);
  order.lastRefundMs = world.now();
  order.state = 'REFUND';
  const { refundOutcome } = world.switches;
  settleLater(world, refund, magicOutcome(world, 'refund', refund.amount) ?? refundOutcome);
  return refund;
}

const fingerprintOf = (order: Order, body: Pick<RefundBody, 'amount'>): string =>
  canonical([order.out_trade_no, body.amount.refund, body.amount.total]);

function replay(world: World, request: ApiRequest, known: Refund, body: RefundBody): ApiReply {
  const order = paidOrder(world, body);
  checkShopOf(order, request.body.sub_mchid);
  if (fingerprintOf(order, body) !== known.fingerprint) {
    throw invalidRequest('订单金额或退款金额与之前请求不一致，请核实后再试');
  }
  request.replay = true;
  return { status: 200, body: refundOf(known) };
}

function settleLater(world: World, refund: Refund, outcome: string): void {
  if (outcome === 'never') return;
  world.clock.schedule(world.now() + world.switches.refundSettleMs, () => {
    if (refund.status === 'PROCESSING') settleRefund(world, refund, outcome as RefundStatus);
  });
}

/** The refund object: answer of create, query, and abnormal refund. */
export function refundOf(refund: Refund): Plain {
  const { order } = refund;
  const payerTotal = order.payment?.payer_total ?? order.total;
  // The payer gets back his share; discounts go back to those who gave them.
  const payerRefund = Math.floor((refund.amount * payerTotal) / order.total);
  return compact({
    refund_id: refund.refund_id,
    out_refund_no: refund.out_refund_no,
    transaction_id: order.payment?.transaction_id,
    out_trade_no: order.out_trade_no,
    channel: refund.channel,
    user_received_account: refund.user_received_account,
    success_time: refund.successMs === undefined ? undefined : rfc3339(refund.successMs),
    create_time: rfc3339(refund.createdMs),
    status: refund.status,
    funds_account: refund.funds_account,
    amount: {
      total: order.total,
      refund: refund.amount,
      from: refund.from ?? [],
      payer_total: payerTotal,
      payer_refund: payerRefund,
      settlement_refund: refund.amount,
      settlement_total: order.total,
      discount_refund: refund.amount - payerRefund,
      currency: 'CNY',
    },
    promotion_detail: [],
  });
}

/** Brings a refund to a state and tells the merchant. */
export function settleRefund(
  world: World,
  refund: Refund,
  status: RefundStatus,
  o: SettleOptions = {},
): Plain {
  if (refund.status === 'SUCCESS' || refund.status === 'CLOSED') {
    throw new SimulatorError(`refund ${refund.out_refund_no} is final: ${refund.status}`);
  }
  refund.status = status;
  if (o.user_received_account !== undefined) refund.user_received_account = o.user_received_account;
  if (status === 'SUCCESS') refund.successMs = world.now();
  const full = refundOf(refund) as { amount: Record<string, unknown> } & Plain;
  const { total, refund: amount, payer_total, payer_refund } = full.amount;
  const plain = compact({
    ...noticeAccounts(world, refund.order),
    transaction_id: full.transaction_id,
    out_trade_no: full.out_trade_no,
    refund_id: refund.refund_id,
    out_refund_no: refund.out_refund_no,
    refund_status: status,
    success_time: full.success_time,
    user_received_account: refund.user_received_account,
    amount: { total, refund: amount, payer_total, payer_refund },
  });
  world.notifier.announce('refund', {
    no: refund.out_refund_no,
    plain,
    ...(refund.api === undefined ? {} : { xml: () => refundXml(world, refund) }),
    url: refund.notify_url,
    deliver: o.deliver,
  });
  return full;
}

/** The official text names both numbers, its sample one. */
function noticeAccounts(world: World, { mchid, sub_mchid }: Order): Plain {
  const both = sub_mchid !== undefined && world.switches.partnerRefundNotice === 'sp_mchid';
  return both ? { sp_mchid: mchid, sub_mchid } : { mchid };
}

function query(world: World, request: ApiRequest): ApiReply {
  const sub_mchid = shopOfQuery(world, request);
  const refund = world.refunds.get(request.params.no ?? '');
  if (refund === undefined) throw notFound('退款单不存在');
  checkShopOf(refund.order, sub_mchid);
  return { status: 200, body: refundOf(refund) };
}

const ABNORMAL_FIELDS: Fields = {
  out_refund_no: text('商户退款单号', 64, R),
  type: text('异常退款处理方式', 32, { ...R, oneOf: ['USER_BANK_CARD', 'MERCHANT_BANK_CARD'] }),
  bank_type: text('开户银行', 16),
  bank_account: text('收款银行卡号', 1024),
  real_name: text('收款用户姓名', 1024),
};

/** Decrypts a sensitive field, or refuses it as WeChat does. */
export function openSensitive(world: World, request: ApiRequest, value: string): string {
  const key = world.keys.find(request.serial);
  if (key === undefined) throw paramError('Wechatpay-Serial缺失或与加密所用的密钥不符');
  const plain = oaepDecrypt(value, key.privateKey);
  if (plain === undefined) throw paramError('请确认待处理的消息是否为加密后的密文');
  return plain;
}

function applyAbnormal(world: World, request: ApiRequest): ApiReply {
  checkFields(request.body, withShop(world, ABNORMAL_FIELDS));
  checkShopOfBody(world, request);
  const refund = world.refunds.get(request.body.out_refund_no as string);
  if (refund === undefined || refund.refund_id !== request.params.id) {
    throw notFound('退款单不存在');
  }
  checkShopOf(refund.order, request.body.sub_mchid);
  if (request.body.type === 'USER_BANK_CARD') {
    for (const key of ['bank_type', 'bank_account', 'real_name']) {
      if (request.body[key] === undefined) {
        throw paramError(`输入源“/body/${key}”必填性规则校验失败，此字段为必填项`, {
          detail: { location: 'body', value: '' },
        });
      }
    }
    openSensitive(world, request, request.body.bank_account as string);
    openSensitive(world, request, request.body.real_name as string);
  }
  if (refund.status === 'PROCESSING') {
    request.replay = true;
    return { status: 200, body: refundOf(refund) };
  }
  if (refund.status !== 'ABNORMAL') throw invalidRequest('退款单状态不是异常，不能发起异常退款');
  refund.status = 'PROCESSING';
  refund.channel = 'OTHER_BANKCARD';
  settleLater(world, refund, world.switches.refundOutcome === 'never' ? 'never' : 'SUCCESS');
  return { status: 200, body: refundOf(refund) };
}

export const refundRoutes: readonly Route[] = [
  { method: 'POST', path: '/v3/refund/domestic/refunds', handle: create },
  {
    method: 'GET',
    path: '/v3/refund/domestic/refunds/{no}',
    handle: query,
  },
  {
    method: 'POST',
    path: '/v3/refund/domestic/refunds/{id}/apply-abnormal-refund',
    handle: applyAbnormal,
  },
];
