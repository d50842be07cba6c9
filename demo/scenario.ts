/** The whole life of an order, and of a transfer, as a shop would live it. Every expectation is checked. */
import { expecter, type Expect } from './expect';
import { dig, textOf, yuan } from './wording';
import type { Reply, Harness } from './harness';
import { words, type Json, type Shown, type Words } from './types';

const MINUTE_MS = 60_000;
export const PRICE_FEN = 1990;
const PART_FEN = 500;
const TRANSFER_FEN = 88;
const TEA = '龙井茶 Longjing tea';

const IDENTITY = words('身份由平台注入', 'identity injected by the platform', 'x-wx-openid');
const OPERATOR = words('运营密钥有效', 'operator key matches', 'X-API-Key');
const OWNER = words('订单属于此用户', 'order belongs to this user');

interface Told {
  readonly harness: Harness;
  readonly expect: Expect;
  readonly no: string;
}

const paramsOf = (reply: Reply): Json => (dig(reply.body, 'data', 'data') ?? {}) as Json;

export function placeOrder(harness: Harness, no: string, body: Json, price: Words): Promise<Reply> {
  return harness.ask({
    from: 'app',
    text: words('下单', 'order', `${no} ${price.code ?? ''}`),
    path: '/wx-pay/wxpay_order',
    body: { out_trade_no: no, ...body },
    headers: harness.as.payer,
    checks: [IDENTITY],
  });
}

async function order({ harness, expect, no }: Told): Promise<void> {
  harness.tell({ type: 'scene', title: words('下单', 'Place an order') });
  harness.receiver.price(no, PRICE_FEN);
  const body = { description: TEA, amount: { total: PRICE_FEN, currency: 'CNY' } };
  const reply = await placeOrder(harness, no, body, words('', '', `¥${yuan(PRICE_FEN)}`));
  const record = await harness.look('order', no);
  expect(words('支付参数可被商户公钥验签', 'paySign verifies with the merchant key'), {
    actual: harness.paySignVerifies(paramsOf(reply)),
    expected: true,
  });
  expect(words('订单待支付', 'order is waiting to be paid'), {
    actual: record?.state,
    expected: 'PENDING',
  });
  const again = await placeOrder(harness, no, body, words('', '', `¥${yuan(PRICE_FEN)}`));
  expect(words('重复下单得到同一预支付单', 'a repeat gets the same prepay_id'), {
    actual: paramsOf(again)['prepay_id'] === paramsOf(reply)['prepay_id'],
    expected: true,
  });
}

/** The phone pays at WeChat Pay: the service is not part of it. */
export function payAsPayer(harness: Harness, no: string): void {
  const paid = harness.simulator.pay(no, { openid: harness.payerOpenid, deliver: 'never' });
  const fen = dig(paid, 'amount', 'total');
  harness.tell({
    type: 'message',
    from: 'app',
    to: 'wechat',
    text: words('输入密码支付', 'pays with a password', `¥${yuan(Number(fen))}`),
    checks: [],
  });
}

async function pay({ harness, expect, no }: Told, ciphertext: boolean): Promise<void> {
  harness.tell({ type: 'scene', title: words('支付与回调（送达两次）', 'Pay, callback twice') });
  payAsPayer(harness, no);
  const first = await harness.deliver({ kind: 'payment', no, ciphertext });
  const paid = await harness.look('order', no);
  expect(words('回调先记录，再应答', 'recorded before it is answered'), {
    actual: `${String(first)} ${paid?.state ?? ''}`,
    expected: '200 PAID',
  });
  expect(words('“已支付”有凭据', '"paid" is proven'), {
    actual: paid?.paidProof,
    expected: ciphertext && harness.mode === 'gateway' ? 'decryption' : 'signature',
  });
  const second = await harness.deliver({ kind: 'payment', no, ciphertext });
  const same = await harness.look('order', no);
  expect(words('第二次回调不改变记录', 'the second one changes nothing'), {
    actual: `${String(second)} v${String(same?.version)}`,
    expected: `200 v${String(paid?.version)}`,
  });
  await harness.sweep();
  await harness.look('order', no);
  const shipped = harness.receiver.received.filter(
    (e) => e.subject === no && e.decision === 'ship',
  );
  expect(words('只发货一次', 'shipped exactly once'), { actual: shipped.length, expected: 1 });
}

async function query({ harness, expect, no }: Told): Promise<void> {
  harness.tell({ type: 'scene', title: words('查询', 'Query') });
  const reply = await harness.ask({
    from: 'app',
    text: words('查询订单', 'query the order', no),
    path: '/wx-pay/wxpay_query_order_by_out_trade_no',
    body: { out_trade_no: no },
    headers: harness.as.payer,
    checks: [IDENTITY, OWNER],
  });
  expect(words('微信证实已支付', 'WeChat Pay proves it paid'), {
    actual: dig(reply.body, 'data', 'data', 'trade_state'),
    expected: 'SUCCESS',
  });
}

async function refund({ harness, expect, no }: Told, ciphertext: boolean): Promise<void> {
  harness.tell({
    type: 'scene',
    title: words('部分退款与回调', 'Partial refund and its callback'),
  });
  const refundNo = `${no}_R1`;
  const ask = (fen: number, number: string): Promise<Reply> =>
    harness.ask({
      from: 'shop',
      text: words('退款', 'refund', `${number} ¥${yuan(fen)}`),
      path: '/wx-pay/wxpay_refund',
      body: {
        out_trade_no: no,
        out_refund_no: number,
        amount: { refund: fen, total: PRICE_FEN, currency: 'CNY' },
      },
      headers: harness.as.operator,
      checks: [OPERATOR, words('退款总额不超过已付', 'sum of refunds within what was paid')],
    });
  const reply = await ask(PART_FEN, refundNo);
  const asked = await harness.look('order', no);
  expect(words('先登记，再请求微信', 'recorded, then asked for'), {
    actual: `${String(reply.status)} ${asked?.state ?? ''}`,
    expected: '200 REFUNDING',
  });
  harness.simulator.settleRefund(refundNo, 'SUCCESS', { deliver: 'never' });
  // Without ciphertext a callback is a hint, and hints are followed at most every five seconds.
  await harness.pass(MINUTE_MS);
  const status = await harness.deliver({ kind: 'refund', no: refundNo, ciphertext });
  const done = await harness.look('order', no);
  expect(words('部分退款完成', 'partly refunded'), {
    actual: `${String(status)} ${done?.state ?? ''}`,
    expected: '200 PARTIALLY_REFUNDED',
  });
  const tooMuch = await ask(PRICE_FEN, `${no}_R2`);
  expect(words('超额退款被拒', 'a refund beyond what was paid is refused'), {
    actual: textOf(tooMuch.body['error']),
    expected: 'REFUND_EXCEEDS',
  });
}

async function closeAnother({ harness, expect, no }: Told): Promise<void> {
  harness.tell({ type: 'scene', title: words('关闭另一未付订单', 'Close another order, unpaid') });
  const other = `${no}_X`;
  const body = { description: TEA, amount: { total: PRICE_FEN } };
  await placeOrder(harness, other, body, words('', '', `¥${yuan(PRICE_FEN)}`));
  await harness.look('order', other);
  const reply = await harness.ask({
    from: 'app',
    text: words('关闭订单', 'close the order', other),
    path: '/wx-pay/wxpay_close_order',
    body: { out_trade_no: other },
    headers: harness.as.payer,
    checks: [IDENTITY, OWNER],
  });
  const closed = await harness.look('order', other);
  expect(words('已关闭，微信也证实', 'closed, and WeChat Pay proves it'), {
    actual: `${String(dig(reply.body, 'data', 'status'))} ${closed?.state ?? ''}`,
    expected: '204 CLOSED',
  });
}

/** What the sweep is for: the callback never came. */
async function lostCallback({ harness, expect, no }: Told): Promise<void> {
  harness.tell({ type: 'scene', title: words('回调丢失，自愈', 'A lost callback heals') });
  const lost = `${no}_L`;
  harness.receiver.price(lost, PRICE_FEN);
  const body = { description: TEA, amount: { total: PRICE_FEN } };
  await placeOrder(harness, lost, body, words('', '', `¥${yuan(PRICE_FEN)}`));
  payAsPayer(harness, lost);
  harness.tell({
    type: 'note',
    text: words('回调没有来', 'no callback comes'),
  });
  await harness.pass(MINUTE_MS);
  await harness.sweep();
  const found = await harness.look('order', lost);
  expect(words('巡检查到已支付', 'the sweep finds it paid'), {
    actual: found?.state,
    expected: 'PAID',
  });
}

export const transferBody = (harness: Harness, no: string, fen: number): Json => ({
  out_bill_no: no,
  transfer_scene_id: '1000',
  openid: harness.payerOpenid,
  transfer_amount: fen,
  transfer_remark: '新茶返现',
  transfer_scene_report_infos: [
    { info_type: '活动名称', info_content: '新茶上市' },
    { info_type: '奖励说明', info_content: '返现' },
  ],
});

export function askTransfer(harness: Harness, no: string, fen: number): Promise<Reply> {
  return harness.ask({
    from: 'shop',
    text: words('商家转账', 'transfer', `${no} ¥${yuan(fen)}`),
    path: '/wx-pay/wxpay_transfer',
    body: transferBody(harness, no, fen),
    headers: harness.as.operator,
    checks: [OPERATOR, words('单笔与每日限额', 'limits: single and daily')],
  });
}

export function confirmAsReceiver(harness: Harness, no: string): void {
  harness.simulator.confirmTransfer(no);
  harness.tell({
    type: 'message',
    from: 'app',
    to: 'wechat',
    text: words('确认收款', 'confirms the receipt', 'wx.requestMerchantTransfer'),
    checks: [],
  });
}

async function transfer({ harness, expect, no }: Told): Promise<void> {
  harness.tell({
    type: 'scene',
    title: words('转账与收款确认', 'Transfer, confirmed by its receiver'),
  });
  const bill = `${no.replace(/_/g, '')}T`;
  await askTransfer(harness, bill, TRANSFER_FEN);
  const waiting = await harness.look('transfer', bill);
  expect(words('等待收款人确认', 'waits for the receiver'), {
    actual: waiting?.state,
    expected: 'WAIT_USER_CONFIRM',
  });
  confirmAsReceiver(harness, bill);
  await harness.pass(2 * MINUTE_MS);
  if (harness.mode === 'sdk') await harness.deliver({ kind: 'transfer', no: bill });
  else {
    const text = words('集成中心不转发转账回调：查询', 'not forwarded there: it is polled');
    harness.tell({ type: 'note', text });
    await harness.sweep();
  }
  const done: Shown | undefined = await harness.look('transfer', bill);
  expect(words('转账到账', 'the transfer has arrived'), {
    actual: done?.state,
    expected: 'SUCCESS',
  });
}

/** Runs the loop on one harness. `ciphertext` counts in gateway mode alone. */
export async function runLoop(
  harness: Harness,
  o: {
    no: string;
    ciphertext: boolean;
    tally: Parameters<typeof expecter>[1];
    /** false: this way of speaking to WeChat Pay has none. */
    transfers?: boolean;
  },
): Promise<void> {
  const told: Told = { harness, no: o.no, expect: expecter(harness, o.tally) };
  await order(told);
  await pay(told, o.ciphertext);
  await query(told);
  await refund(told, o.ciphertext);
  if (!o.ciphertext) return;
  await closeAnother(told);
  await lostCallback(told);
  if (o.transfers !== false) await transfer(told);
}
