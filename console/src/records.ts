/** Records as the service shows them (docs/openapi.json leaves their facts open, since they grow), and how they are read. */
import { call } from './api';
import { dayOf } from './format';

export type Kind = 'order' | 'combination' | 'transfer' | 'report';

export interface HistoryLine {
  readonly at: string;
  readonly what: string;
  readonly what_zh: string;
  readonly what_en: string;
  readonly source: string;
  readonly proof: string;
  readonly detail?: string;
}

export interface EffectLine {
  readonly id: string;
  readonly type: string;
  readonly at: string;
  readonly state: 'pending' | 'delivered' | 'dead' | 'skipped';
  readonly tries: number;
  /** A code, or a sentence of an earlier version. */
  readonly error?: string;
  readonly error_zh?: string;
  readonly error_en?: string;
  readonly error_detail?: string;
}

export interface RefundLine {
  readonly out_refund_no: string;
  readonly status: string;
  /** In fen. */
  readonly refund: number;
  readonly reason?: string;
  readonly success_time?: string;
}

export interface PaymentLine {
  readonly transaction_id: string;
  /** In fen. */
  readonly total: number;
  readonly payer_total?: number;
  readonly success_time?: string;
  readonly trade_type?: string;
  readonly bank_type?: string;
  readonly proof: string;
  readonly source: string;
}

export interface ShownRecord {
  readonly kind: Kind;
  readonly no: string;
  readonly state: string;
  readonly version: number;
  readonly mchid: string;
  readonly created_at: string;
  readonly payer?: string;
  readonly description?: string;
  readonly product?: string;
  readonly amount?: { readonly total: number };
  readonly transfer_amount?: number;
  readonly fail_reason?: string;
  readonly payment?: PaymentLine;
  readonly contradictions?: readonly PaymentLine[];
  readonly refunds?: readonly RefundLine[];
  readonly sub_orders?: readonly {
    readonly out_trade_no: string;
    readonly amount: { readonly total_amount: number };
    readonly payment?: PaymentLine;
    readonly refunds: readonly RefundLine[];
  }[];
  readonly history: readonly HistoryLine[];
  readonly effects: readonly EffectLine[];
  readonly due_at: string | null;
}

export interface Filter {
  readonly kind?: Kind | undefined;
  readonly state?: string | undefined;
  readonly payer?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

const PAGE = 100;

export interface RecordPage {
  readonly records: readonly ShownRecord[];
  readonly next: string | null;
}

export async function page(filter: Filter, key: string, after?: string): Promise<RecordPage> {
  const given = Object.entries({ ...filter, after }).filter(([, value]) => value);
  const body = { ...Object.fromEntries(given), limit: PAGE };
  const { data } = await call('wxpay_records', body, key);
  return data as unknown as RecordPage;
}

export interface All {
  readonly records: readonly ShownRecord[];
  /** true: there are more than were read. */
  readonly cut: boolean;
}

/** Reads page after page, at most `max` records; `onProgress` hears how many so far. */
export async function all(
  filter: Filter,
  key: string,
  max: number,
  onProgress: (count: number) => void = () => undefined,
): Promise<All> {
  const records: ShownRecord[] = [];
  let after: string | undefined;
  while (records.length < max) {
    const { records: found, next } = await page(filter, key, after);
    records.push(...found);
    onProgress(records.length);
    if (next === null) return { records, cut: false };
    after = next;
  }
  return { records, cut: true };
}

export async function one(kind: Kind, no: string, key: string): Promise<ShownRecord> {
  const { data } = await call('wxpay_record', { kind, no }, key);
  return data as unknown as ShownRecord;
}

/** What the record is about, in fen. */
export function fenOf(record: ShownRecord): number | undefined {
  if (record.sub_orders !== undefined) {
    return record.sub_orders.reduce((sum, part) => sum + part.amount.total_amount, 0);
  }
  return record.amount?.total ?? record.transfer_amount;
}

const paymentsOf = (record: ShownRecord): readonly PaymentLine[] =>
  [record.payment, ...(record.sub_orders ?? []).map((part) => part.payment)].filter(
    (payment) => payment !== undefined,
  );

export const refundsOf = (record: ShownRecord): readonly RefundLine[] => [
  ...(record.refunds ?? []),
  ...(record.sub_orders ?? []).flatMap((part) => part.refunds),
];

/** What was paid, in fen; 0 where nothing was. */
export const paidFen = (record: ShownRecord): number =>
  paymentsOf(record).reduce((sum, payment) => sum + payment.total, 0);

/** What went back, in fen. */
export const refundedFen = (record: ShownRecord): number =>
  refundsOf(record)
    .filter(({ status }) => status === 'SUCCESS')
    .reduce((sum, { refund }) => sum + refund, 0);

/** What may still be refunded, in fen. */
export const refundableFen = (record: ShownRecord): number =>
  paidFen(record) -
  refundsOf(record)
    .filter(({ status }) => status !== 'CLOSED')
    .reduce((sum, { refund }) => sum + refund, 0);

export interface DayFigures {
  readonly day: string;
  orders: number;
  paid: number;
  paidFen: number;
  refundedFen: number;
}

/** Sums by the Beijing day on which the record was made. */
export function figuresByDay(
  records: readonly ShownRecord[],
  days: readonly string[],
): DayFigures[] {
  const figures = new Map(
    days.map((day) => [day, { day, orders: 0, paid: 0, paidFen: 0, refundedFen: 0 }]),
  );
  for (const record of records) {
    const sum = figures.get(dayOf(record.created_at));
    if (sum === undefined) continue;
    const fen = paidFen(record);
    sum.orders += 1;
    sum.paid += fen > 0 ? 1 : 0;
    sum.paidFen += fen;
    sum.refundedFen += refundedFen(record);
  }
  return [...figures.values()];
}

/** Why an effect was not delivered, in the reader's language. */
export const effectError = (effect: EffectLine, language: 'zh' | 'en'): string =>
  [(language === 'zh' ? effect.error_zh : effect.error_en) ?? effect.error, effect.error_detail]
    .filter((part) => part !== undefined)
    .join(' ');
