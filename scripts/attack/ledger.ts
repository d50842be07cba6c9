/** Judges by WeChat's own books and by what the shop was told, never by the service's records. */
import type { Simulator } from '../../simulator';
import type { Arrival } from '../../tests/crash/receiver';
import type { Books } from './genuine';

const amountOf = (thing: object, field: string): number => {
  const amount = (thing as Record<string, unknown>)['amount'] as Record<string, number> | undefined;
  return amount?.[field] ?? 0;
};

/** Money that moved at WeChat, in fen, and that neither a payer nor an operator has moved. */
export function stolenFen(simulator: Simulator, { paid, refunds, transfers }: Books): number {
  let fen = 0;
  for (const one of simulator.refunds()) {
    const asked = refunds.get(String(one['out_refund_no']));
    const same = asked?.no === one['out_trade_no'] && asked?.fen === amountOf(one, 'refund');
    if (!same) fen += amountOf(one, 'refund');
  }
  for (const one of simulator.transfers()) {
    const asked = transfers.get(String(one['out_bill_no']));
    const sum = Number(one['transfer_amount']);
    if (asked?.openid !== one['openid'] || asked?.fen !== sum) fen += sum;
  }
  for (const one of simulator.orders()) {
    // Paid by nobody here, or for another price.
    const open = one['trade_state'] === 'NOTPAY' || one['trade_state'] === 'CLOSED';
    if (!open && paid.get(String(one['out_trade_no'])) !== amountOf(one, 'total')) {
      fen += amountOf(one, 'total');
    }
  }
  return fen;
}

export interface Effects {
  /** Facts that the shop was never told. */
  readonly lost: readonly string[];
  /** Facts told under two ids. */
  readonly doubled: readonly string[];
  /** Delivered, and not true: a shop that believes it ships goods that nobody paid. */
  readonly untrue: readonly string[];
}

const TOLD = ['order.paid', 'refund.succeeded', 'transfer.succeeded'];

function factOf({ event }: Arrival): string {
  const { out_refund_no } = event.data as { readonly out_refund_no?: string };
  return `${event.type} ${event.subject}${out_refund_no === undefined ? '' : ` ${out_refund_no}`}`;
}

export function effectsOf(arrivals: readonly Arrival[], books: Books): Effects {
  const ids = new Map<string, Set<string>>();
  for (const arrival of arrivals.filter(({ event }) => TOLD.includes(event.type))) {
    const fact = factOf(arrival);
    ids.set(fact, (ids.get(fact) ?? new Set()).add(arrival.id));
  }
  const true_ = new Set([
    ...[...books.paid.keys()].map((no) => `order.paid ${no}`),
    ...[...books.refunds].map(([refundNo, { no }]) => `refund.succeeded ${no} ${refundNo}`),
    ...[...books.transfers.keys()].map((no) => `transfer.succeeded ${no}`),
  ]);
  const facts = [...ids.keys()];
  return {
    lost: [...true_].filter((fact) => !ids.has(fact)),
    doubled: facts.filter((fact) => (ids.get(fact)?.size ?? 0) > 1),
    untrue: facts.filter((fact) => !true_.has(fact)),
  };
}
