/** What no setting shows: the FAQ's silent failures leave traces in the records. */
import type { OrderRecord } from '../../services/ledger/record';
import type { RecordStore } from '../../services/stores/orderStore';
import { found, type Finding } from './findings';

const ORDERS_LOOKED_AT = 50;
/** Fewer prove nothing. */
const ORDERS_MIN = 5;
/** 0.1 yuan, as the FAQ advises. */
const TINY_FEN = 10;
const BEHIND_MS = 10 * 60_000;
const MINUTE_MS = 60_000;

export async function checkRecordSymptoms(
  store: RecordStore,
  mchid: string,
  nowMs: number,
): Promise<Finding[]> {
  const { items } = await store.list({ mchid, kind: 'order', limit: ORDERS_LOOKED_AT });
  const orders = items as readonly OrderRecord[];
  return [
    ...behind(await store.oldestDue(mchid), nowMs),
    ...callbacks(orders),
    ...payments(orders),
    ...refusals(orders),
    ...dead(orders),
  ];
}

function behind(oldestDue: number | undefined, nowMs: number): Finding[] {
  if (oldestDue === undefined || nowMs - oldestDue < BEHIND_MS) return [];
  const minutes = Math.floor((nowMs - oldestDue) / MINUTE_MS);
  return [found('sweep.behind', { params: { minutes } })];
}

function callbacks(orders: readonly OrderRecord[]): Finding[] {
  const sources = orders.flatMap(({ payment }) => payment?.source ?? []);
  if (sources.length < ORDERS_MIN || sources.includes('callback')) return [];
  return [found('callbacks.never', { params: { count: sources.length } })];
}

/** There was a prepay, and the payer never got to a payment: the cause lies in front of the service. */
function payments(orders: readonly OrderRecord[]): Finding[] {
  const asked = orders.filter((order) => order.state !== 'PREPARED' && order.state !== 'REJECTED');
  const settled = asked.filter((order) => order.state === 'CLOSED');
  if (settled.length < ORDERS_MIN || settled.length < asked.length) return [];
  const tiny = settled.every(({ amount }) => amount.total < TINY_FEN);
  const params = { count: settled.length };
  return [found(tiny ? 'payments.tiny' : 'payments.never', { params })];
}

/** WeChat's last refusal is kept in the order. It is no verdict, but it is a hint. */
function refusals(orders: readonly OrderRecord[]): Finding[] {
  const refused = orders.flatMap(({ refusal }) => refusal ?? []);
  const bound = refused.some(({ code, message }) => {
    const plain = code.replaceAll('_', '');
    return plain === 'OPENIDMISMATCH' || plain === 'APPIDMCHIDNOTMATCH' || /openid/i.test(message);
  });
  const shop = refused.find(({ message }) => SHOP_REFUSED.test(message));
  return [
    ...(bound ? [found('orders.appid_refused')] : []),
    ...(shop === undefined
      ? []
      : [found('orders.shop_refused', { params: { message: shop.message } })]),
  ];
}

/** What WeChat says where a shop and its service provider, or its app, do not belong together. */
const SHOP_REFUSED = /受理关系|产品授权已被解除|未授权服务商|sub_mch_id与sub_appid|子商户/;

function dead(orders: readonly OrderRecord[]): Finding[] {
  const count = orders.flatMap((order) =>
    order.effects.filter((one) => one.state === 'dead'),
  ).length;
  return count === 0 ? [] : [found('effects.dead', { params: { count } })];
}
