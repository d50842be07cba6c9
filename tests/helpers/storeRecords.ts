/** Records to put into stores: whole ones, of which a test names only what it is about. */
import type {
  OrderRecord,
  Refund,
  ReportRecord,
  TransferRecord,
} from '../../services/ledger/record';
import type { Reservation, ReservationKind } from '../../services/stores/orderStore';

export function anOrder(no: string, facts: Partial<OrderRecord> = {}): OrderRecord {
  return {
    kind: 'order',
    no,
    state: 'CREATED',
    schema: 1,
    version: 1,
    created_at: 1_700_000_000_000,
    updated_at: 1_700_000_000_000,
    history: [],
    agenda: [],
    effects: [],
    effect_seq: 0,
    product: 'jsapi',
    appid: 'wx0000000000000001',
    mchid: '1900000001',
    description: '测试商品',
    amount: { total: 100, currency: 'CNY' },
    payer_named: true,
    made_by: 'payer',
    prepared: false,
    facts_hash: 'hash',
    contradictions: [],
    refunds: [],
    ...facts,
  };
}

export function aTransfer(no: string, facts: Partial<TransferRecord> = {}): TransferRecord {
  return {
    kind: 'transfer',
    no,
    state: 'CREATED',
    schema: 1,
    version: 1,
    created_at: 1_700_000_000_000,
    updated_at: 1_700_000_000_000,
    history: [],
    agenda: [],
    effects: [],
    effect_seq: 0,
    appid: 'wx0000000000000001',
    mchid: '1900000001',
    transfer_amount: 30,
    facts_hash: 'hash',
    attempts: 0,
    ...facts,
  };
}

export function aReport(no: string, facts: Partial<ReportRecord> = {}): ReportRecord {
  return {
    mchid: '1900000001',
    kind: 'report',
    no,
    state: 'DONE',
    schema: 1,
    version: 1,
    created_at: 1_700_000_000_000,
    updated_at: 1_700_000_000_000,
    history: [],
    agenda: [],
    effects: [],
    effect_seq: 0,
    bill_date: '2026-01-02',
    report: {},
    ...facts,
  };
}

export const aRefund = (facts: Partial<Refund> = {}): Refund => ({
  out_refund_no: 'R1',
  status: 'SUCCESS',
  refund: 40,
  total: 100,
  source: 'operator',
  requested_at: 1,
  attempts: 1,
  ...facts,
});

export const aReservation = (
  kind: ReservationKind,
  no: string,
  owner: string,
  at: number,
): Reservation => ({ mchid: '1900000001', kind, no, owner, at });
