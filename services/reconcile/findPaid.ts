/** What was paid under a number: an order, or the part of a combination that has it. */
import { paidOf, paidOfPart, type Paid } from './judge';
import { holderOfPart } from '../records/partNumbers';
import type { OrderStore } from '../stores/orderStore';

export type PaidStore = Pick<OrderStore, 'find' | 'reservation'>;

export async function findPaid(store: PaidStore, no: string): Promise<Paid | undefined> {
  const order = await store.find('order', no);
  if (order !== undefined) return paidOf(order);
  const whole = await holderOfPart(store, no);
  const part = whole?.sub_orders.find((sub) => sub.out_trade_no === no);
  return part === undefined ? undefined : paidOfPart(part, whole?.state ?? '');
}

/** The combination that holds a part of this number. */
export async function wholeOf(store: PaidStore, no: string): Promise<string | undefined> {
  if ((await store.find('order', no)) !== undefined) return undefined;
  return (await holderOfPart(store, no))?.no;
}
