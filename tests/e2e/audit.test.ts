/** Each attempt to act for the merchant leaves one log line: who, what, how much, how it ended. Reading leaves none. */
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  READ_KEY,
  refundBody,
  startService,
  startSim,
  transferBody,
  type LogLine,
  type Running,
} from '../helpers/service';

const ANN = 'ann-s-key-0123456789-0123456789-0123';
const SECOND = 'key-without-a-name-0123456789-012345';

const acted = ({ logs }: Running): LogLine[] =>
  logs.filter(({ event }) => event === 'operator acted');

async function start() {
  const sim = await startSim();
  const env = { operatorKeys: `ann=${ANN},${SECOND},read:${READ_KEY}` };
  const run = await startService({ sim, env });
  const no = number('A');
  await run.call('/wx-pay/wxpay_order', orderBody(no, 500), payer());
  sim.pay(no);
  await sim.deliver('payment', no);
  return { sim, run, no };
}

test('a refund and a transfer name the key, the number and the amount', async () => {
  const { run, no } = await start();
  const [refundNo, billNo] = [number('R'), number('T')];
  await run.call('/wx-pay/wxpay_refund', refundBody(no, refundNo, 200, 500), operator(ANN));
  await run.call('/wx-pay/wxpay_transfer', transferBody(billNo), operator(SECOND));
  expect(acted(run)).toMatchObject([
    {
      level: 'info',
      name: 'ann',
      route: 'wxpay_refund',
      out_trade_no: no,
      out_refund_no: refundNo,
      amount: 200,
      status: 200,
    },
    { name: '#2', route: 'wxpay_transfer', out_bill_no: billNo, amount: 30, status: 200 },
  ]);
});

test('what is refused leaves a line with its code', async () => {
  const { run, no } = await start();
  const body = refundBody(no, number('R'), 600, 500);
  const refused = await run.call('/wx-pay/wxpay_refund', body, operator(ANN));
  expect(refused.status).toBeGreaterThanOrEqual(400);
  expect(acted(run)).toMatchObject([{ name: 'ann', amount: 600, error: refused.body.error }]);
});

test('closing an order is an act of the operator, and no act of its payer', async () => {
  const { run } = await start();
  const [mine, theirs] = [number('A'), number('A')];
  for (const no of [mine, theirs]) {
    await run.call('/wx-pay/wxpay_order', orderBody(no, 500), payer());
  }
  await run.call('/wx-pay/wxpay_close_order', { out_trade_no: mine }, payer());
  await run.call('/wx-pay/wxpay_close_order', { out_trade_no: theirs }, operator(ANN));
  expect(acted(run)).toMatchObject([{ route: 'wxpay_close_order', out_trade_no: theirs }]);
});

test('reading leaves no line, and no line holds a key', async () => {
  const { run, no } = await start();
  const query = '/wx-pay/wxpay_query_order_by_out_trade_no';
  expect(dataOf(await run.call(query, { out_trade_no: no }, operator(ANN)))).toBeTruthy();
  await run.get('/wx-pay/records', operator(READ_KEY));
  await run.call('/wx-pay/wxpay_refund', refundBody(no, number('R'), 1, 500), operator(READ_KEY));
  expect(acted(run)).toEqual([]);
  await run.call('/wx-pay/wxpay_refund', refundBody(no, number('R'), 1, 500), operator(ANN));
  expect(JSON.stringify(run.logs)).not.toMatch(new RegExp(`${ANN}|${SECOND}|${READ_KEY}`));
});
