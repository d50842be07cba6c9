/** Records and events to deliver; one of every type. */
import { addEffect } from '../../../services/ledger/outbox';
import { toCloudEvent } from '../../../services/ledger/cloudEvent';
import {
  combinationEffectData,
  orderEffectData,
  refundEffectData,
  transferEffectData,
} from '../../../services/ledger/effectData';
import type { CloudEvent } from '../../../services/ledger/effectTypes';
import type {
  CombinationRecord,
  EffectType,
  OrderRecord,
  Payment,
  Refund,
  StoredRecord,
  TransferRecord,
} from '../../../services/ledger/record';
import { aRefund, aTransfer, anOrder } from '../../helpers/storeRecords';

export const T0 = 1_767_294_245_000; // 2026-01-02T03:04:05+08:00
export const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';

export const aPayment = (facts: Partial<Payment> = {}): Payment => ({
  transaction_id: '4200001234202601020000000001',
  total: 100,
  payer_total: 90,
  currency: 'CNY',
  appid: 'wx0000000000000001',
  mchid: '1900000001',
  openid: OPENID,
  trade_type: 'JSAPI',
  bank_type: 'OTHERS',
  success_time: '2026-01-02T03:04:05+08:00',
  proof: 'signature',
  source: 'callback',
  ...facts,
});

export const aPaidOrder = (facts: Partial<OrderRecord> = {}): OrderRecord =>
  anOrder('ORDER0001', {
    state: 'PAID',
    payer: OPENID,
    attach: 'shop 1',
    payment: aPayment(),
    ...facts,
  });

export const aFullRefund = (): Refund =>
  aRefund({
    refund_id: '50300001',
    reason: 'broken',
    verdict: 'unresolved',
    success_time: '2026-01-02T03:04:05+08:00',
    user_received_account: 'CMB 0403',
    amounts: {
      payer_total: 90,
      payer_refund: 54,
      settlement_total: 100,
      settlement_refund: 60,
      discount_refund: 6,
      refund_fee: 1,
    },
    promotion_detail: [{ promotion_id: '109519', type: 'CASH', amount: 10, refund_amount: 6 }],
  });

export const aFullTransfer = (facts: Partial<TransferRecord> = {}): TransferRecord =>
  aTransfer('BILL0001', {
    state: 'WAIT_USER_CONFIRM',
    payer: OPENID,
    transfer_bill_no: '1330000071100999991182020050700019480001',
    transfer_scene_id: '1000',
    transfer_remark: 'thanks',
    fail_reason: 'ACCOUNT_FROZEN',
    update_time: '2026-01-02T03:04:05+08:00',
    success_time: '2026-01-02T03:04:05+08:00',
    package_info: 'affffddafdfafddffda==',
    ...facts,
  });

export function aCombination(facts: Partial<CombinationRecord> = {}): CombinationRecord {
  const { kind: _k, amount: _a, description: _d, contradictions: _c, ...order } = anOrder('COMB1');
  const { prepared: _p, refunds: _r, ...base } = order;
  const part = (no: string, total: number) => ({
    mchid: '1900000001',
    out_trade_no: no,
    description: 'part',
    amount: { total_amount: total, currency: 'CNY' as const },
    attach: 'a',
    payment: aPayment({ total, payer_total: total, transaction_id: `42000${no}` }),
    refunds: [],
  });
  return {
    ...base,
    kind: 'combination',
    state: 'PAID',
    payer: OPENID,
    sub_orders: [part('SUB1', 60), part('SUB2', 40)],
    ...facts,
  };
}

/** The record with an effect of this type, pending and due. */
export function withEffect<R extends StoredRecord>(record: R, type: EffectType, at = T0): R {
  const data = dataOf(record, type);
  return addEffect(record, { type, at, data: { ...data }, sink: true });
}

function dataOf(record: StoredRecord, type: EffectType): object {
  if (record.kind === 'transfer') return transferEffectData(record);
  if (record.kind === 'combination')
    return type.startsWith('refund.')
      ? refundEffectData(record, aFullRefund(), record.sub_orders[0])
      : combinationEffectData(record);
  if (record.kind !== 'order') throw new Error('a report has no effects');
  return type.startsWith('refund.')
    ? refundEffectData(record, aFullRefund())
    : orderEffectData(record);
}

export function eventOf(record: StoredRecord, type: EffectType): CloudEvent {
  const effect = withEffect(record, type).effects.at(-1);
  if (effect === undefined) throw new Error('no effect');
  return toCloudEvent(record, effect);
}

/** An event of any type, with every field that it can have. */
export function anEvent(type: EffectType): CloudEvent {
  if (type.startsWith('transfer.')) return eventOf(aFullTransfer(), type);
  const extra = {
    refunded_elsewhere: true,
    contradictions: [aPayment({ transaction_id: '42000other' })],
  };
  return eventOf(aPaidOrder(type === 'order.paid' ? {} : extra), type);
}
