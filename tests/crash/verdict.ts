/**
 * What must hold whatever happened. Every fault in words with its number, so that an empty list is the proof;
 * what is right is computed here again, from WeChat's books and the receiver's, not by the service's code.
 */
import type { Effect, OrderRecord, Refund, StoredRecord } from '../../services/ledger/record';
import type { Arrival } from './receiver';
import { judgeCombination, judgeTransfer } from './wider';
import type { World } from './world';

type Faults = string[];

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Loud failures of our own: a line with alarm, a process that wrote to stderr. */
export const alarmsOf = (world: World): readonly string[] =>
  world.instances.flatMap((one) =>
    one.troubles.filter((line) => line['alarm'] === true).map((line) => JSON.stringify(line)),
  );

/**
 * @param unpaid  Orders that nobody pays: they have their expiry before them.
 * @returns every fault found; [] = nothing paid was lost and nothing done twice.
 */
export async function verdict(
  world: World,
  unpaid: readonly string[] = [],
): Promise<readonly string[]> {
  const faults: Faults = [];
  const records = await world.records();
  const known = new Set(records.flatMap(numbersOf));
  for (const record of records) {
    judgeFacts(world, record, faults);
    judgeDelivered(world, record, faults);
    judgeRest(record, unpaid.includes(record.no), faults);
    if (record.kind === 'order') await judgeNumbers(world, record, faults);
  }
  for (const there of world.sim.transfers()) {
    const no = String(there['out_bill_no']);
    if (!known.has(no)) faults.push(`${no}: at WeChat, and not here`);
  }
  for (const order of world.sim.orders()) {
    const no = String(order['out_trade_no']);
    if (!known.has(no)) faults.push(`${no}: at WeChat, and not here`);
  }
  judgeReceiver(world, records, faults);
  return [...faults, ...alarmsOf(world)];
}

const numbersOf = (record: StoredRecord): readonly string[] =>
  record.kind === 'combination'
    ? [record.no, ...record.sub_orders.map((sub) => sub.out_trade_no)]
    : [record.no];

function judgeFacts(world: World, record: StoredRecord, faults: Faults): void {
  if (record.kind === 'transfer') judgeTransfer(world, record, faults);
  if (record.kind === 'combination') judgeCombination(world, record, faults);
  if (record.kind !== 'order') return;
  judgePayment(world, record, faults);
  judgeRefunds(world, record, faults);
  judgeTypes(record, faults);
}

function judgePayment(world: World, record: OrderRecord, faults: Faults): void {
  const { no, payment } = record;
  const there = world.sim.order(no);
  const paid = there?.['trade_state'] === 'SUCCESS' || there?.['trade_state'] === 'REFUND';
  if (paid !== (payment !== undefined)) {
    faults.push(`${no}: WeChat says ${String(there?.['trade_state'])}, here ${record.state}`);
  }
  if (payment === undefined) return;
  if (payment.transaction_id !== there?.['transaction_id']) faults.push(`${no}: transaction_id`);
  if (payment.total !== (there?.['amount'] as { total: number }).total)
    faults.push(`${no}: amount`);
  if (record.contradictions.length > 0) faults.push(`${no}: contradictions`);
  const wanted = stateOf(payment.total, record.refunds);
  if (record.state !== wanted) faults.push(`${no}: is ${record.state}, should be ${wanted}`);
}

function stateOf(paidFen: number, refunds: readonly Refund[]): string {
  if (refunds.some(({ status }) => status !== 'SUCCESS' && status !== 'CLOSED')) return 'REFUNDING';
  const back = sum(refunds.filter((r) => r.status === 'SUCCESS').map((r) => r.refund));
  if (back === 0) return 'PAID';
  return back < paidFen ? 'PARTIALLY_REFUNDED' : 'REFUNDED';
}

function judgeRefunds(world: World, record: OrderRecord, faults: Faults): void {
  const { no } = record;
  const theirs = world.sim.refunds().filter((one) => one['out_trade_no'] === no);
  const paid = record.payment?.total ?? 0;
  const ours = sum(record.refunds.filter((r) => r.status !== 'CLOSED').map((r) => r.refund));
  const given = sum(theirs.map((one) => (one['amount'] as { refund: number }).refund));
  const asked = sum([...askedRefunds(world, record.payment?.transaction_id).values()]);
  if (ours > paid) faults.push(`${no}: refunds of ${ours} for ${paid} paid, here`);
  if (given > paid) faults.push(`${no}: refunds of ${given} for ${paid} paid, at WeChat`);
  // WeChat would refuse it; we must not even ask for it.
  if (asked > paid) faults.push(`${no}: asked WeChat for refunds of ${asked} for ${paid} paid`);
  for (const refund of record.refunds) {
    const there = theirs.find((one) => one['out_refund_no'] === refund.out_refund_no);
    if (there?.['status'] === refund.status && there['refund_id'] === refund.refund_id) continue;
    const said = String(there?.['status']);
    faults.push(`${refund.out_refund_no}: ${refund.status} here, ${said} at WeChat`);
  }
  for (const there of theirs) {
    const name = String(there['out_refund_no']);
    const held = record.refunds.some((one) => one.out_refund_no === name);
    if (!held) faults.push(`${name}: refunded at WeChat, unknown here`);
  }
}

/** Refund number → fen, of all requests that ever left for WeChat. Different bytes under one number count. */
export function askedRefunds(world: World, transactionId: string | undefined): Map<string, number> {
  const asked = new Map<string, number>();
  for (const { method, path, body } of world.sim.requests) {
    if (method !== 'POST' || path !== '/v3/refund/domestic/refunds') continue;
    const sent = JSON.parse(body) as {
      transaction_id: string;
      out_refund_no: string;
      amount: { refund: number };
    };
    if (sent.transaction_id !== transactionId) continue;
    asked.set(`${sent.out_refund_no} ${body}`, sent.amount.refund);
  }
  return asked;
}

/** Which effects these facts must have had, in any number but these not twice. */
function wantedTypes(record: OrderRecord): string[] {
  const refunds = record.refunds.flatMap(({ status }) => [
    'refund.requested',
    ...(status === 'SUCCESS' ? ['refund.succeeded'] : []),
  ]);
  return [...(record.payment === undefined ? [] : ['order.paid']), ...refunds].sort();
}

function judgeTypes(record: OrderRecord, faults: Faults): void {
  const { no, effects } = record;
  const types = effects.map(({ type }) => type).filter((type) => type !== 'order.created');
  const got = types.sort().join(' ');
  const wanted = wantedTypes(record).join(' ');
  if (got !== wanted) faults.push(`${no}: effects are [${got}], should be [${wanted}]`);
}

function judgeDelivered(world: World, record: StoredRecord, faults: Faults): void {
  const { no, effects } = record;
  if (effects.filter(({ type }) => type === 'order.created').length > 1) {
    faults.push(`${no}: order.created twice`);
  }
  for (const { id, state, type } of effects) {
    if (state !== 'delivered') faults.push(`${no}: ${type} ${id} is ${state}`);
  }
  judgeOrder(
    no,
    effects,
    world.receiver.arrivals.filter(({ event }) => event.subject === no),
    faults,
  );
}

/** One by one: nothing of an effect may arrive before the one before it was kept. */
function judgeOrder(
  no: string,
  effects: readonly Effect[],
  arrivals: readonly Arrival[],
  faults: Faults,
): void {
  const place = new Map(effects.map(({ id }, index) => [id, index]));
  const kept = new Set<string>();
  for (const { id, event, kept: taken } of arrivals) {
    const index = place.get(id);
    const effect = effects[index ?? -1];
    if (index === undefined || effect === undefined) {
      faults.push(`${no}: ${id} arrived and is not in the record`);
      continue;
    }
    if (event.type !== effect.type) faults.push(`${no}: ${id} arrived as ${event.type}`);
    const early = effects.slice(0, index).find((before) => !kept.has(before.id));
    if (early !== undefined) faults.push(`${no}: ${effect.type} came before ${early.type}`);
    if (taken) kept.add(id);
  }
  for (const { id, type } of effects) {
    if (!kept.has(id)) faults.push(`${no}: ${type} ${id} never arrived`);
  }
}

function judgeRest(record: StoredRecord, isUnpaid: boolean, faults: Faults): void {
  if (record.agenda.length === 0) return;
  const waits = record.agenda.some((item) => item.do === 'expire');
  if (isUnpaid && record.state === 'PENDING' && waits) return;
  const left = record.agenda.map((item) => `${item.do} ${item.key ?? ''}`).join(', ');
  faults.push(`${record.no}: ${record.state}, still to do: ${left}`);
}

/** Refunds and queries find their order by these. */
async function judgeNumbers(world: World, record: OrderRecord, faults: Faults): Promise<void> {
  const numbers = [
    ...(record.payment === undefined
      ? []
      : [['transaction', record.payment.transaction_id] as const]),
    ...record.refunds.map((one) => ['refund', one.out_refund_no] as const),
  ];
  for (const [kind, no] of numbers) {
    const held = await world.store.reservation(kind, no);
    if (held?.owner !== record.no) faults.push(`${record.no}: ${kind} ${no} does not lead here`);
  }
}

function judgeReceiver(world: World, records: readonly StoredRecord[], faults: Faults): void {
  const { arrivals, forged } = world.receiver;
  if (forged.length > 0) faults.push(`${forged.length} deliveries not verified: ${forged[0]}`);
  const texts = new Map<string, string>();
  for (const { id, text, event } of arrivals) {
    if (event.id !== id) faults.push(`${id}: webhook-id and event id differ`);
    const before = texts.get(id) ?? text;
    if (before !== text) faults.push(`${id}: delivered again with other content`);
    texts.set(id, before);
  }
  const ids = records.flatMap((record) => record.effects.map(({ id }) => id));
  if (new Set(ids).size !== ids.length) faults.push('one effect id stands for two effects');
}

/** What was answered SUCCESS must be in the database, while every process that said so is dead. */
export async function acknowledgedAndLost(world: World): Promise<readonly string[]> {
  const records = await world.records();
  const facts = records.flatMap(provenBy);
  return (['payment', 'refund', 'transfer'] as const).flatMap((kind) =>
    [...world.acknowledged[kind]].filter((no) => !facts.includes(`${kind} ${no}`)),
  );
}

/** What this record knows of as proven by WeChat: `payment ORDER0001`, … */
function provenBy(record: StoredRecord): readonly string[] {
  const over = (refunds: readonly Refund[]): readonly string[] =>
    refunds
      .filter(({ status }) => status === 'SUCCESS')
      .map((one) => `refund ${one.out_refund_no}`);
  if (record.kind === 'transfer')
    return record.state === 'SUCCESS' ? [`transfer ${record.no}`] : [];
  if (record.kind === 'report') return [];
  const parts = record.kind === 'order' ? [record] : record.sub_orders;
  const paid = parts.every((part) => part.payment !== undefined);
  return [
    ...(paid ? [`payment ${record.no}`] : []),
    ...parts.flatMap((part) => over(part.refunds)),
  ];
}
