/**
 * A shop in the middle of its day, to be attacked: an order that is paid and partly refunded, one that waits for its
 * payer, one that the merchant prepared, a combination, and a transfer that waits for its receiver. All are PAYER's.
 */
import { combineBody } from './bodies';
import {
  OPERATOR_KEY,
  orderBody,
  PAYER,
  READ_KEY,
  refundBody,
  startStage,
  SWEEP_KEY,
  transferBody,
  type Answer,
  type Stage,
} from './stage';

export const PAID = 'T20260102000001';
export const OPEN = 'T20260102000002';
export const PREPARED = 'T20260102000003';
export const COMBINED = 'C20260102000001';
export const PART = 'T20260102000004';
export const REFUND = 'R20260102000001';
export const TRANSFER = 'B20260102000001';
/** Made and paid by another system of the merchant's: WeChat knows it, we do not. */
export const ELSEWHERE = 'T20260102000008';
export const TEXT = 'plantedDescription7Qx';

export interface Facts {
  readonly transaction_id: string;
  readonly transfer_bill_no: string;
  readonly elsewhere_id: string;
  /** What a stranger must never read, in no answer at all. */
  readonly secrets: readonly string[];
}

async function ok(asked: Promise<Answer>): Promise<Answer> {
  const answer = await asked;
  if (answer.status !== 200) throw new Error(`${String(answer.status)} ${answer.text}`);
  return answer;
}

export async function setScene(stage: Stage): Promise<Facts> {
  const { simulator } = stage;
  const paid = await stage.paid(PAID, 100);
  await ok(stage.asPayer('wxpay_order', { ...orderBody(OPEN), description: TEXT, attach: TEXT }));
  const fixed = { ...orderBody(PREPARED, 500), payer: { openid: PAYER }, description: TEXT };
  await ok(stage.asOperator('wxpay_prepare_order', fixed));
  const combined = {
    ...combineBody(COMBINED, [PART, `${PART}5`]),
    type: 'jsapi',
    combine_payer_info: { openid: PAYER },
  };
  await ok(stage.asPayer('wxpay_order_combine', combined));
  await ok(stage.asOperator('wxpay_refund', refundBody(PAID, REFUND, 30)));
  await ok(stage.asOperator('wxpay_transfer', { ...transferBody(TRANSFER), user_name: '张三丰' }));
  const system = await startStage({ at: simulator });
  const elsewhere = await system.paid(ELSEWHERE);
  await system.close();
  const order = await stage.order(PAID);
  const transfer = await stage.transfer(TRANSFER);
  const open = await stage.order(OPEN);
  const { apiV3Key, privateKey, wxPayPublicKey } = simulator.credentials;
  const facts = [
    paid.payment?.transaction_id,
    order?.refunds[0]?.refund_id,
    transfer?.transfer_bill_no,
    open?.prepay?.prepay_id,
    elsewhere.payment?.transaction_id,
  ].map((fact) => {
    if (fact === undefined) throw new Error('the scene is not set');
    return fact;
  });
  const lines = [privateKey, wxPayPublicKey].flatMap((pem) => pem.split('\n').slice(1, -2));
  return {
    transaction_id: facts[0] ?? '',
    transfer_bill_no: facts[2] ?? '',
    elsewhere_id: facts[4] ?? '',
    secrets: [...facts, ...lines, apiV3Key, OPERATOR_KEY, READ_KEY, SWEEP_KEY, PAYER, TEXT],
  };
}

/** What WeChat holds, as one text: all the money there is. A name is sealed again whenever it is shown. */
export const ledger = ({ simulator }: Stage): string =>
  JSON.stringify(
    [simulator.orders(), simulator.refunds(), simulator.transfers()],
    (key, value: unknown) => (key === 'user_name' ? undefined : value),
  );

/** An order from its first call to its refund, told of by genuine callbacks as the mode has them. */
export async function genuine(stage: Stage, mode: string, no: string): Promise<void> {
  const { simulator } = stage;
  simulator.switches.refundOutcome = 'never';
  const tell = async (kind: 'payment' | 'refund', plain: Record<string, unknown>) => {
    const path = kind === 'payment' ? '/wechatpay/order' : '/wechatpay/refund';
    const [to, m] =
      mode === 'gateway'
        ? ['/', { headers: {}, ...simulator.makeForward(kind, plain) }]
        : [path, simulator.makeNotification(kind, plain)];
    const { body: raw, headers } = m;
    const answer = await ok(stage.call(to, undefined, { raw, headers }));
    expect(answer.json).toEqual({ code: 'SUCCESS', message: '成功' });
  };
  await ok(stage.asPayer('wxpay_order', orderBody(no)));
  await tell('payment', simulator.pay(no, { deliver: 'never' }));
  expect(await stage.order(no)).toMatchObject({ state: 'PAID' });
  await ok(stage.asPayer('wxpay_query_order_by_out_trade_no', { out_trade_no: no }));
  await ok(stage.asOperator('wxpay_refund', refundBody(no, `R${no}`)));
  simulator.settleRefund(`R${no}`, 'SUCCESS', { deliver: 'never' });
  await tell('refund', {
    ...simulator.refund(`R${no}`),
    status: undefined,
    refund_status: 'SUCCESS',
    mchid: simulator.credentials.merchantId,
  });
  expect(await stage.order(no)).toMatchObject({ state: 'REFUNDED' });
}
