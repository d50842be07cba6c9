/** Refunds nobody is told of, to their end: closed, abnormal, abnormal and sent on to a bank card. */
import { createStage, DAY, HOUR, MINUTE, orderBody, type Stage } from './sweepSupport';

const NO = 'REFUND0001';
let stage: Stage;
afterEach(() => stage.close());

async function refunded(outcome: 'ABNORMAL' | 'CLOSED'): Promise<void> {
  stage = await createStage({
    simulator: { switches: { refundSettleMs: 3 * HOUR, refundOutcome: outcome } },
  });
  await stage.post('wxpay_order', orderBody(NO, 0));
  stage.simulator.pay(NO, { deliver: 'never' });
  await stage.pass(10_000);
  const amount = { refund: 60, total: 100 };
  const asked = await stage.post('wxpay_refund', { out_trade_no: NO, out_refund_no: 'R1', amount });
  expect([asked.status, asked.body.error]).toEqual([200, undefined]);
  await stage.pass(DAY, HOUR);
}

const told = (): string[] =>
  stage.receiver.events.map(({ type }) => type).filter((type) => type.startsWith('refund.'));

test('one that WeChat closes gives its money free, and is over', async () => {
  await refunded('CLOSED');
  const record = await stage.store.find('order', NO);
  expect(record).toMatchObject({ state: 'PAID', agenda: [], refunds: [{ status: 'CLOSED' }] });
  expect(told()).toEqual(['refund.requested', 'refund.closed']);
});

test('an abnormal one is told of once, asked about for long, and followed to the card', async () => {
  await refunded('ABNORMAL');
  expect(await stage.store.find('order', NO)).toMatchObject({
    state: 'REFUNDING',
    refunds: [{ status: 'ABNORMAL' }],
    agenda: [{ do: 'refund', key: 'R1' }],
  });
  expect(told()).toEqual(['refund.requested', 'refund.abnormal']);
  await stage.pass(10 * DAY, 6 * HOUR);
  expect(told()).toHaveLength(2);

  stage.simulator.switches.refundOutcome = 'SUCCESS';
  const card = {
    out_refund_no: 'R1',
    type: 'USER_BANK_CARD',
    bank_type: 'ICBC_DEBIT',
    bank_account: '6222020200012345678',
    real_name: '张三',
  };
  const sent = await stage.post('wxpay_refund_abnormal', card);
  expect([sent.status, sent.body.error]).toEqual([200, undefined]);
  expect(await stage.store.find('order', NO)).toMatchObject({
    refunds: [{ status: 'PROCESSING' }],
  });
  await stage.pass(DAY, 10 * MINUTE);
  expect(await stage.store.find('order', NO)).toMatchObject({
    state: 'PARTIALLY_REFUNDED',
    refunds: [{ status: 'SUCCESS' }],
    agenda: [],
  });
  expect(told()).toEqual(['refund.requested', 'refund.abnormal', 'refund.succeeded']);
  expect(await stage.store.oldestDue()).toBeUndefined();
  // Of the card nothing is kept.
  const records = JSON.stringify(await stage.store.find('order', NO));
  expect(records).not.toMatch(/6222020200012345678|张三/);
});
