/** Handlers take every handlerUnifiedTrigger for a payment: nothing that is none may reach it. */
import { hookCall, openidsOf } from '../../../services/delivery/hooks/hookCall';
import { EFFECT_TYPES } from '../../../services/ledger/effectTypes';
import { aCombination, anEvent, aPaidOrder, aPayment, eventOf, OPENID } from './helpers';

type Params = Record<string, unknown>;
const paramsOf = (call: { readonly args: readonly unknown[] }): Params => call.args[0] as Params;

it.each([
  ['order.created', 'handlerUnified'],
  ['order.paid', 'handlerUnifiedTrigger'],
  ['order.paid_after_close', 'handlerUnifiedTrigger'],
  ['order.closed', 'handlerOther'],
  ['order.mismatch', 'handlerOther'],
  ['order.refunded_elsewhere', 'handlerOther'],
  ['refund.requested', 'handlerRefund'],
  ['refund.succeeded', 'handlerRefundTrigger'],
  ['refund.abnormal', 'handlerRefundTrigger'],
  ['refund.closed', 'handlerRefundTrigger'],
  ['refund.unresolved', 'handlerOther'],
  ['transfer.accepted', 'handlerTransfer'],
  ['transfer.succeeded', 'handlerTransferTrigger'],
  ['transfer.failed', 'handlerTransferTrigger'],
  ['transfer.cancelled', 'handlerTransferTrigger'],
] as const)('%s calls %s, the effect id last', (type, handler) => {
  const event = anEvent(type);
  const call = hookCall(event);
  expect(call.handler).toBe(handler);
  expect(call.args.at(-1)).toEqual({ effectId: event.id, type, event });
  expect(call.args).toHaveLength(type === 'transfer.accepted' ? 3 : 2);
});

it('gives a payment as WeChat notifies it, with the proven amount', () => {
  const order = aPaidOrder({ amount: { total: 500, currency: 'CNY' } });
  expect(paramsOf(hookCall(eventOf(order, 'order.paid')))).toEqual({
    mchid: '1900000001',
    appid: 'wx0000000000000001',
    out_trade_no: 'ORDER0001',
    transaction_id: '4200001234202601020000000001',
    trade_state: 'SUCCESS',
    trade_type: 'JSAPI',
    bank_type: 'OTHERS',
    attach: 'shop 1',
    description: '测试商品',
    success_time: '2026-01-02T03:04:05+08:00',
    amount: { total: 100, payer_total: 90, currency: 'CNY', payer_currency: 'CNY' },
    payer: { openid: OPENID },
    prepared: false,
  });
});

it('says SUCCESS of an order only where money was proven and belongs to it', () => {
  const success = EFFECT_TYPES.filter((type) => type.startsWith('order.')).filter(
    (type) => paramsOf(hookCall(anEvent(type)))['trade_state'] === 'SUCCESS',
  );
  expect(success).toEqual(['order.paid', 'order.paid_after_close']);
});

it.each([
  ['paid', aPaidOrder(), 'handlerUnifiedTrigger', 'SUCCESS'],
  ['refunded elsewhere', aPaidOrder({ refunded_elsewhere: true }), 'handlerOther', undefined],
  ['closed', aPaidOrder({ state: 'CLOSED' }), 'handlerOther', undefined],
])('calls for an adopted order that is %s accordingly', (_what, order, handler, state) => {
  const call = hookCall(eventOf(order, 'order.adopted'));
  expect(call.handler).toBe(handler);
  expect(paramsOf(call)['trade_state']).toBe(state);
});

it.each([
  ['refund.succeeded', 'refund_status', 'SUCCESS'],
  ['refund.abnormal', 'refund_status', 'ABNORMAL'],
  ['refund.closed', 'refund_status', 'CLOSED'],
  ['transfer.succeeded', 'state', 'SUCCESS'],
  ['transfer.failed', 'state', 'FAIL'],
  ['transfer.cancelled', 'state', 'CANCELLED'],
] as const)('%s says %s %s', (type, field, value) => {
  expect(paramsOf(hookCall(anEvent(type)))[field]).toBe(value);
});

it('gives the parts of a combination as its notification does', () => {
  const params = paramsOf(hookCall(eventOf(aCombination(), 'order.paid')));
  expect(params).toMatchObject({
    combine_out_trade_no: 'COMB1',
    trade_state: 'SUCCESS',
    sub_orders: [
      {
        out_trade_no: 'SUB1',
        trade_state: 'SUCCESS',
        amount: { total_amount: 60, payer_amount: 60 },
      },
      { out_trade_no: 'SUB2' },
    ],
  });
  expect(params).not.toHaveProperty('out_trade_no');
});

it('finds every openid, so that none of them is logged', () => {
  const order = aPaidOrder({
    payment: aPayment({ openid: 'another-openid-00001' }),
    contradictions: [aPayment({ openid: 'another-openid-00002' })],
  });
  expect(openidsOf(eventOf(order, 'order.mismatch'))).toEqual([
    OPENID,
    'another-openid-00001',
    'another-openid-00002',
  ]);
});
