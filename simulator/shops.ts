/** The shops of a service provider (服务商): that it names one, and that this one is its own. */
import { ApiError, invalidRequest, NUMERIC, switchedError } from './errors';
import type { Order } from './orders';
import { queryText, text, type Field, type Fields } from './schema';
import type { ApiRequest, World } from './world';

export const SUB_MCHID: Field = text('子商户号', 32, { pattern: /^[1-9]\d*$/ });
export const SUB_APPID: Field = text('子商户应用ID', 32);

export const isProvider = (world: World): boolean => world.shops.size > 0;

const missing = (): ApiError =>
  invalidRequest('受理机构必须传入sub_mch_id', NUMERIC.subMchidMissing);

/** A service provider's number is not good for the paths of a merchant of its own. */
export function refuseProvider(world: World): void {
  if (isProvider(world)) throw missing();
}

/** A merchant of its own has no partner paths. */
export function requireProvider(world: World): void {
  if (!isProvider(world)) throw new ApiError(403, 'NO_AUTH', '商户号没有服务商权限');
}

/** Must be named, be another than the provider, and have authorised it. */
export function checkShop(world: World, sub_mchid: unknown): void {
  if (typeof sub_mchid !== 'string' || sub_mchid === '') throw missing();
  if (sub_mchid === world.mchid) {
    throw invalidRequest('子商户mchid不能与自身mchid相同', NUMERIC.subMchidOwn);
  }
  const shop = world.shops.get(sub_mchid);
  if (shop !== undefined && shop.related !== false) return;
  throw switchedError(world.switches.relationError, '受理关系不存在', NUMERIC.noRelation);
}

export function checkSubAppid(world: World, sub_mchid: unknown, sub_appid: unknown): void {
  if (sub_appid === undefined) return;
  if (world.shops.get(sub_mchid as string)?.sub_appid === sub_appid) return;
  throw invalidRequest('sub_mch_id与sub_appid不匹配');
}

export function checkShopOf(order: Order, sub_mchid: unknown): void {
  if (order.sub_mchid === undefined || order.sub_mchid === sub_mchid) return;
  throw invalidRequest('子商户号和订单信息不匹配', NUMERIC.otherShop);
}

/** Fields of a call that both kinds of merchants make at one path. */
export const withShop = (world: World, fields: Fields): Fields =>
  isProvider(world) ? { sub_mchid: SUB_MCHID, ...fields } : fields;

export function checkShopOfBody(world: World, request: ApiRequest): void {
  if (isProvider(world)) checkShop(world, request.body.sub_mchid);
}

/** undefined: a merchant of its own. */
export function shopOfQuery(world: World, request: ApiRequest): string | undefined {
  if (!isProvider(world)) return undefined;
  const sub_mchid = queryText(request.query, 'sub_mchid', SUB_MCHID);
  checkShop(world, sub_mchid);
  return sub_mchid;
}
