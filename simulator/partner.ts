/** The calls of a service provider (服务商): as those of a merchant of its own, with the shop in each. */
import { checkAppid, checkMchid, checkNotifyUrl, checkOpenid, MCHID, APPID } from './common';
import { charge, CODEPAY_FIELDS, reverseKnown } from './codepay';
import { paramError } from './errors';
import {
  closeKnown,
  expiryOf,
  findOrder,
  orderFields,
  orderNotExist,
  place,
  transactionOf,
  type Order,
  type Product,
} from './orders';
import { checkFields, object, queryText, R, refuseEmoji, text, type Fields } from './schema';
import {
  checkShop,
  checkShopOf,
  checkSubAppid,
  requireProvider,
  SUB_APPID,
  SUB_MCHID,
} from './shops';
import type { Plain } from './types';
import type { ApiReply, ApiRequest, Route, World } from './world';

type Placed = Exclude<Product, 'codepay'>;

const SP_MCHID = { ...MCHID, label: '服务商户号' };
const SP_APPID = { ...APPID, label: '服务商应用ID' };

const ACCOUNTS: Fields = {
  sp_appid: SP_APPID,
  sp_mchid: SP_MCHID,
  sub_appid: SUB_APPID,
  sub_mchid: SUB_MCHID,
};

function fieldsOf(product: Placed): Fields {
  const { appid: _a, mchid: _m, payer, ...rest } = orderFields(product);
  const identity = payer?.fields?.identity;
  const partners = object(
    '支付者',
    {
      sp_openid: text('用户服务标识', 128),
      sub_openid: text('用户子标识', 128),
      ...(identity === undefined ? {} : { identity }),
    },
    R,
  );
  return { ...ACCOUNTS, ...rest, ...(payer === undefined ? {} : { payer: partners }) };
}

type Whose = Pick<Order, 'appid' | 'mchid' | 'sub_mchid' | 'sub_appid'>;

/** Whose it is, every number checked against the others. */
function checkAccounts(world: World, body: Plain): Whose {
  checkMchid(world, body.sp_mchid);
  checkShop(world, body.sub_mchid);
  if (body.sp_appid !== undefined) checkAppid(world, body.sp_appid);
  checkSubAppid(world, body.sub_mchid, body.sub_appid);
  return {
    appid: (body.sp_appid as string | undefined) ?? world.appid,
    mchid: body.sp_mchid as string,
    sub_mchid: body.sub_mchid as string,
    sub_appid: body.sub_appid as string | undefined,
  };
}

/** The openid in the app where the payment opens. */
function checkPayer(world: World, body: Plain, whose: Whose): string | undefined {
  const { payer } = body;
  if (payer === undefined) return undefined;
  const { sp_openid, sub_openid } = payer as { sp_openid?: string; sub_openid?: string };
  if ((sp_openid === undefined) === (sub_openid === undefined)) {
    throw paramError('sp_openid和sub_openid必须二选一');
  }
  if (sub_openid === undefined) {
    checkOpenid(world, sp_openid as string, whose.appid);
    return sp_openid;
  }
  if (whose.sub_appid === undefined) throw paramError('传入sub_openid时，sub_appid必填');
  checkOpenid(world, sub_openid, whose.sub_appid);
  return sub_openid;
}

function create(world: World, request: ApiRequest, product: Placed): ApiReply {
  requireProvider(world);
  const { body } = request;
  checkFields(body, fieldsOf(product));
  if (world.switches.emoji === 'refuse') refuseEmoji(body);
  const whose = checkAccounts(world, body);
  checkNotifyUrl(world, body.notify_url);
  expiryOf(world, body.time_expire);
  const openid = checkPayer(world, body, whose);
  return place(world, request, { product, ...whose, openid });
}

/** A question names both; the order must be of that shop. */
function answer(world: World, request: ApiRequest, order: Order | undefined): ApiReply {
  requireProvider(world);
  checkMchid(world, queryText(request.query, 'sp_mchid', SP_MCHID));
  const sub_mchid = queryText(request.query, 'sub_mchid', SUB_MCHID);
  checkShop(world, sub_mchid);
  if (order === undefined || order.combine_out_trade_no !== undefined) throw orderNotExist(world);
  checkShopOf(order, sub_mchid);
  return { status: 200, body: transactionOf(world, order) };
}

function close(world: World, request: ApiRequest): ApiReply {
  requireProvider(world);
  const { body } = request;
  checkFields(body, { sp_mchid: SP_MCHID, sub_mchid: SUB_MCHID });
  checkMchid(world, body.sp_mchid);
  checkShop(world, body.sub_mchid);
  return closeKnown(world, request, (order) => {
    checkShopOf(order, body.sub_mchid);
  });
}

/** Unlike elsewhere, WeChat does without sp_appid here. */
const CODE_ACCOUNTS: Fields = { ...ACCOUNTS, sp_appid: text('服务商应用ID', 32) };

const STORE = object(
  '商户门店信息',
  { id: text('门店编号', 32), out_id: text('商户门店编号', 32) },
  R,
);

function codepay(world: World, request: ApiRequest): ApiReply {
  requireProvider(world);
  const { scene_info: scene, ...rest } = CODEPAY_FIELDS;
  const fields = { ...scene?.fields, store_info: STORE };
  checkFields(request.body, {
    ...CODE_ACCOUNTS,
    ...rest,
    scene_info: object('场景信息', fields, R),
  });
  return charge(world, request, checkAccounts(world, request.body));
}

function reverse(world: World, request: ApiRequest): ApiReply {
  requireProvider(world);
  checkFields(request.body, CODE_ACCOUNTS);
  const { sub_mchid } = checkAccounts(world, request.body);
  const order = reverseKnown(world, request, (one) => {
    checkShopOf(one, sub_mchid);
  });
  const { appid: sp_appid, mchid: sp_mchid, out_trade_no } = order;
  return { status: 200, body: { sp_appid, sp_mchid, sub_mchid, out_trade_no } };
}

const ORDERS = '/v3/pay/partner/transactions';
const PRODUCTS = ['jsapi', 'app', 'h5', 'native'] as const;

export const partnerRoutes: readonly Route[] = [
  ...PRODUCTS.map((product): Route => ({
    method: 'POST',
    path: `${ORDERS}/${product}`,
    handle: (world, request) => create(world, request, product),
  })),
  {
    method: 'GET',
    path: `${ORDERS}/out-trade-no/{no}`,
    handle: (world, request) => answer(world, request, findOrder(world, request.params.no ?? '')),
  },
  {
    method: 'GET',
    path: `${ORDERS}/id/{id}`,
    handle: (world, request) =>
      answer(world, request, world.ordersByTransaction.get(request.params.id ?? '')),
  },
  { method: 'POST', path: `${ORDERS}/out-trade-no/{no}/close`, handle: close },
  { method: 'POST', path: `${ORDERS}/codepay`, handle: codepay },
  { method: 'POST', path: `${ORDERS}/out-trade-no/{no}/reverse`, handle: reverse },
];
