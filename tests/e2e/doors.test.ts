/**
 * The ways in that callers of the old function use: other spellings on `POST /`, callbacks with a slash at
 * the end, notifications that reach us on a path of somebody else's. Whatever the way, the same proof is asked.
 */
import type { Simulator } from '../../simulator';
import {
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  PAYER,
  startService,
  startSim,
  type Running,
} from '../helpers/service';

const ORDER = '/wx-pay/wxpay_order';
const STRAYS = ['/notify', '/wx-pay/nothing', '/wechatpay', '/a/b/c?x=1', '/wechatpay/order/extra'];

let sim: Simulator;
let run: Running;

async function start(mode: 'sdk' | 'gateway'): Promise<void> {
  sim = await startSim();
  run = await startService({ sim, mode });
}

async function paidAtWechat(): Promise<string> {
  const no = number('D');
  expect((await run.call(ORDER, orderBody(no), payer())).status).toBe(200);
  sim.pay(no);
  return no;
}

describe('the old dispatch on POST /', () => {
  const body = (no: string) => ({ ...orderBody(no), payer: { openid: PAYER } });

  beforeEach(() => start('sdk'));

  test.each([
    { path: ORDER, method: 'POST' },
    { path: '/api/v1/wx-pay/wxpay_order' },
    { path: 'https://shop.example.com/wx-pay/wxpay_order', method: 'post' },
    { _action: '/wx-pay/wxpay_order' },
    { _action: 'wxpay_order' },
  ])('%j finds its route', async (asked) => {
    const answer = await run.call('/', { ...asked, ...body(number('D')) }, operator());
    expect(answer.status).toBe(200);
    expect(dataOf(answer).prepay_id).toEqual(expect.any(String));
  });

  test.each([
    { path: '/api/wechatpay/order' },
    { path: '/wx-pay/wxpay_order/x' },
    { path: '/wx-pay/WXPAY_ORDER' },
    { path: '/wx-pay/wxpay_order?x=1' },
    { path: '/api/wx-pay/unifiedOrderTrigger', method: 'POST' },
    { path: ['/wx-pay/wxpay_order'] },
    { _action: '/api/wx-pay/wxpay_order' },
    { _action: '/wx-pay//wx-pay/wxpay_order' },
    { _action: 'wxpay_order', method: 'POST' },
    { _action: 'wxpay_order', path: ORDER },
    { method: 'POST', path: '' },
  ])('%j is 400, and WeChat is not asked', async (asked) => {
    const answer = await run.call('/', { ...asked, ...body(number('D')) }, operator());
    expect(answer).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
    expect(sim.requests).toHaveLength(0);
  });

  test('no spelling gets past the key or token', async () => {
    const asked = { path: '/api/wx-pay/wxpay_order', method: 'POST', ...body(number('D')) };
    expect((await run.call('/', asked, payer())).status).toBe(401);
  });
});

describe.each(['sdk', 'gateway'] as const)('notifications in %s mode', (mode) => {
  beforeEach(() => start(mode));

  test.each(['/wechatpay/order/', '/wx-pay/unifiedOrderTrigger/'])(
    '%s is the callback path without its slash',
    async (path) => {
      const no = await paidAtWechat();
      const [sent] = await sim.deliver('payment', no, { url: `${run.url}${path}` });
      expect(sent?.statusAnswered).toBe(200);
      expect((await run.order(no)).state).toBe('PAID');
      const refused = await run.send('POST', path, '{}');
      expect(refused.body).toEqual({ code: 'FAIL', message: expect.any(String) });
    },
  );

  test.each(STRAYS)('a genuine one that reaches %s is recorded', async (path) => {
    const no = await paidAtWechat();
    const [sent] = await sim.deliver('payment', no, { url: `${run.url}${path}` });
    expect(sent?.statusAnswered).toBe(200);
    expect((await run.order(no)).state).toBe('PAID');
  });

  test('plaintext on another path is asked about, as on /', async () => {
    const no = await paidAtWechat();
    const asked = sim.requests.length;
    const content = { out_trade_no: no, mchid: sim.credentials.merchantId, trade_state: 'SUCCESS' };
    const forward = { rawData: { event_type: 'TRANSACTION.SUCCESS' }, ParsedContent: content };
    expect((await run.call('/somewhere', forward)).status).toBe(200);
    expect((await run.order(no)).payment?.proof).toBe('signature');
    expect(sim.requests).toHaveLength(asked + 1);
  });

  test('a forged one on another path is refused in the voice of callbacks', async () => {
    const no = await paidAtWechat();
    for (const forged of [
      {
        event_type: 'TRANSACTION.SUCCESS',
        resource: { ciphertext: 'AAAA', nonce: '123456789012' },
      },
      { rawData: { resource: { ciphertext: 'AAAA', nonce: '123456789012' } } },
      { ParsedNotify: {} },
    ]) {
      const answer = await run.call('/somewhere', forged);
      expect(answer.status).toBe(401);
      expect(answer.body).toMatchObject({ code: 'FAIL' });
    }
    expect((await run.order(no)).state).toBe('PENDING');
  });

  test.each([
    ['no notification', '{"out_trade_no":"x"}'],
    ['half of one', '{"resource":{}}'],
    ['broken JSON', '{"rawData":'],
    ['nothing', ''],
    ['too much', `{"rawData":"${'x'.repeat(300 * 1024)}"}`],
  ])('%s on another path is an unknown route', async (_name, body) => {
    const answer = await run.send('POST', '/somewhere', body);
    expect(answer).toMatchObject({ status: 404, body: { error: 'ROUTE_NOT_FOUND' } });
  });

  test('a path of ours stays what it is, whatever the body looks like', async () => {
    const body = { rawData: {}, ParsedNotify: {} };
    const answer = await run.call(ORDER, body, payer());
    expect(answer).toMatchObject({ status: 400, body: { error: 'PARAM_INVALID' } });
  });
});
