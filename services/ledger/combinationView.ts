/** A combination seen as orders: as the one that its payer pays, and part by part as refunds see it. Pure. */
import { withoutItem } from './agenda';
import type { CombinationRecord, OrderRecord, SubOrder } from './record';
import { moneyState } from './refundMoney';
import { sumFen } from '../../utils/money';

/** A part seen as an order: what refunds work on. Never written as one. */
export type PartView = OrderRecord & { readonly part_of: string };

export const isPartView = (record: OrderRecord): record is PartView => 'part_of' in record;

export const isPaidCombination = (record: CombinationRecord): boolean =>
  record.sub_orders.some((part) => part.payment !== undefined);

export const combinationTotal = (record: CombinationRecord): number =>
  sumFen(record.sub_orders.map((part) => part.amount.total_amount));

export const paidFen = (parts: readonly SubOrder[]): number =>
  sumFen(parts.map((part) => part.payment?.total ?? 0));

export const allRefunds = (parts: readonly SubOrder[]): OrderRecord['refunds'] =>
  parts.flatMap((part) => part.refunds);

/** What both views share; effects start empty, so that a decision's own effect can be recognised. */
function common(whole: CombinationRecord): Omit<OrderRecord, 'description' | 'amount' | 'refunds'> {
  const { sub_orders: _parts, contradictions: _others, ...rest } = whole;
  return {
    ...rest,
    kind: 'order',
    agenda: withoutItem(whole.agenda, 'deliver'),
    effects: [],
    effect_seq: 0,
    prepared: false,
    contradictions: [],
  };
}

/** The whole as the one order that its payer pays. */
export function asOrder(whole: CombinationRecord): OrderRecord {
  const parts = whole.sub_orders;
  const first = parts.find((part) => part.payment !== undefined)?.payment;
  return {
    ...common(whole),
    description: '',
    amount: { total: combinationTotal(whole), currency: 'CNY' },
    refunds: allRefunds(parts),
    ...(first === undefined ? {} : { payment: { ...first, total: paidFen(parts) } }),
  };
}

/** A part as an order of its own, as far as refunds go; undefined when there is none of that number. */
export function partAsOrder(whole: CombinationRecord, no: string): PartView | undefined {
  const part = whole.sub_orders.find((one) => one.out_trade_no === no);
  if (part === undefined) return undefined;
  const { payment, attach, refunds, refund_contradictions } = part;
  const paid = payment !== undefined && whole.state !== 'MISMATCH';
  const { request: _request, prepay: _prepay, ...shared } = common(whole);
  return {
    ...shared,
    no,
    part_of: whole.no,
    state: paid ? moneyState(payment.total, refunds) : whole.state,
    mchid: part.mchid,
    ...(part.sub_mchid === undefined ? {} : { sub_mchid: part.sub_mchid }),
    description: part.description,
    ...(attach === undefined ? {} : { attach }),
    amount: { total: part.amount.total_amount, currency: part.amount.currency },
    refunds,
    ...(refund_contradictions === undefined ? {} : { refund_contradictions }),
    ...(payment === undefined ? {} : { payment }),
  };
}

/** Where a refund of this number stands in a combination. */
export const partOfRefund = (whole: CombinationRecord, refundNo: string): SubOrder | undefined =>
  whole.sub_orders.find((part) => part.refunds.some((r) => r.out_refund_no === refundNo));
