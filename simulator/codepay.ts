import { APPID, checkAppid, checkMchid, MCHID, OUT_TRADE_NO } from './common';
import { ApiError, invalidRequest } from './errors';
import { magicOutcome } from './magic';
import {
  AMOUNT,
  changedRepeat,
  DETAIL_BYTES_MAX,
  findOrder,
  orderNotExist,
  settlePayment,
  transactionOf,
  type Order,
} from './orders';
import { array, bool, canonical, checkFields, int, object, R, refuseEmoji, text } from './schema';
import type { Fields } from './schema';
import { refuseProvider } from './shops';
import { DAY_MS } from './time';
import type { ApiReply, ApiRequest, Route, World } from './world';

const REVERSE_AGE_MAX_MS = 7 * DAY_MS;

/** Of a payment code's order, but for whose it is. */
export const CODEPAY_FIELDS: Fields = {
  description: text('商品描述', 127, R),
  out_trade_no: OUT_TRADE_NO,
  attach: text('商户数据包', 128),
  goods_tag: text('订单优惠标记', 32),
  support_fapiao: bool('电子发票入口开放标识'),
  payer: object(
    '支付者',
    { auth_code: text('付款码', 32, { ...R, pattern: /^1[0-5]\d{16}$/ }) },
    R,
  ),
  amount: AMOUNT,
  scene_info: object(
    '场景信息',
    {
      device_id: text('商户端设备号', 32),
      device_ip: text('商户端设备IP', 45),
      store_info: object('商户门店信息', {
        id: text('门店编号', 32),
        out_id: text('商户门店编号', 32),
      }),
    },
    R,
  ),
  detail: object(
    '优惠功能',
    {
      cost_price: int('订单原价'),
      invoice_id: text('商品小票ID', 32),
      goods_detail: array(
        '单品列表',
        object('单品', {
          merchant_goods_id: text('商户侧商品编码', 32, R),
          wxpay_goods_id: text('微信支付商品编码', 32),
          goods_name: text('商品名称', 256),
          quantity: int('商品数量', { ...R, min: 1 }),
          unit_price: int('商品单价', { ...R, min: 0 }),
        }),
      ),
    },
    { maxBytes: DETAIL_BYTES_MAX },
  ),
  settle_info: object('结算信息', { profit_sharing: bool('是否指定分账') }),
};

const FIELDS: Fields = { appid: APPID, mchid: MCHID, ...CODEPAY_FIELDS };

interface CodepayBody {
  description: string;
  out_trade_no: string;
  attach?: string;
  payer: { auth_code: string };
  amount: { total: number };
  scene_info: { device_id?: string };
}

/** The payer shows his code; the answer says at once how it went, or that he must confirm. */
function codepay(world: World, request: ApiRequest): ApiReply {
  refuseProvider(world);
  checkFields(request.body, FIELDS);
  const { appid, mchid } = request.body as { appid: string; mchid: string };
  checkMchid(world, mchid);
  checkAppid(world, appid);
  return charge(world, request, { appid, mchid });
}

/** Charges a code; the body was found good. */
export function charge(
  world: World,
  request: ApiRequest,
  whose: Pick<Order, 'appid' | 'mchid' | 'sub_mchid' | 'sub_appid'>,
): ApiReply {
  if (world.switches.emoji === 'refuse') refuseEmoji(request.body);
  const body = request.body as unknown as CodepayBody;
  const fingerprint = canonical({ product: 'codepay', body });
  const known = findOrder(world, body.out_trade_no);
  if (known !== undefined) {
    if (known.fingerprint !== fingerprint) throw changedRepeat(world);
    request.replay = true;
    return answer(world, known);
  }
  if (world.authCodes.has(body.payer.auth_code))
    throw invalidRequest('付款码已使用过，请刷新后再试');
  world.authCodes.add(body.payer.auth_code);
  const order: Order = {
    product: 'codepay',
    ...whose,
    out_trade_no: body.out_trade_no,
    description: body.description,
    attach: body.attach,
    notify_url: '',
    total: body.amount.total,
    openid: undefined,
    device_id: body.scene_info.device_id,
    fingerprint,
    createdMs: world.now(),
    expireMs: Infinity,
    combine_out_trade_no: undefined,
    prepays: [],
    state: 'USERPAYING',
    refundNos: [],
  };
  world.orders.set(order.out_trade_no, order);
  const codepayResult = magicOutcome(world, 'codepay', order.total) ?? world.switches.codepayResult;
  if (codepayResult === 'SUCCESS') settlePayment(world, order, {});
  if (codepayResult === 'PAYERROR') order.state = 'PAYERROR';
  return answer(world, order);
}

function answer(world: World, order: Order): ApiReply {
  if (order.state === 'USERPAYING' && world.switches.codepayResult === 'USERPAYING_202') {
    return { status: 202, body: { code: 'USERPAYING', message: '用户支付中，需要输入密码' } };
  }
  return { status: 200, body: transactionOf(world, order) };
}

/** Gives a paid order's money back in full, ends an unpaid one; may be repeated. */
function reverse(world: World, request: ApiRequest): ApiReply {
  refuseProvider(world);
  checkFields(request.body, { appid: APPID, mchid: MCHID });
  checkMchid(world, request.body.mchid);
  checkAppid(world, request.body.appid);
  const { appid, mchid, out_trade_no } = reverseKnown(world, request, () => undefined);
  return { status: 200, body: { appid, mchid, out_trade_no } };
}

/** @param check  What else must hold for the order to be reversed. */
export function reverseKnown(
  world: World,
  request: ApiRequest,
  check: (order: Order) => void,
): Order {
  const order = findOrder(world, request.params.no ?? '');
  if (order === undefined || order.combine_out_trade_no !== undefined || order.api !== undefined) {
    throw orderNotExist(world);
  }
  check(order);
  if (order.product !== 'codepay') throw invalidRequest('当前交易不允许撤销');
  const ageMs = world.now() - order.createdMs;
  if (order.state === 'REVOKED') request.replay = true;
  else if (ageMs < world.switches.reverseMinMs) {
    throw new ApiError(403, 'TRADE_ERROR', '支付后15秒内不允许撤销，请稍后再试');
  } else if (ageMs > REVERSE_AGE_MAX_MS) throw invalidRequest('订单已超过可撤销的期限');
  else if (order.refundNos.length > 0) throw invalidRequest('订单已发生退款，不允许撤销');
  if (order.state !== 'REVOKED') order.closedMs = world.now();
  order.state = 'REVOKED';
  return order;
}

export const codepayRoutes: readonly Route[] = [
  { method: 'POST', path: '/v3/pay/transactions/codepay', handle: codepay },
  { method: 'POST', path: '/v3/pay/transactions/out-trade-no/{no}/reverse', handle: reverse },
];
