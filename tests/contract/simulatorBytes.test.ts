/**
 * The simulator refuses a text that is too long in bytes as WeChat does, in every product, asked by a client
 * that this project did not write. Its table is its own: nothing here comes from the service.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Wechatpay } from 'wechatpay-axios-plugin';
import { createSimulator, type Plain, type Simulator } from '../../simulator/index';

interface Client {
  request(path: string, method: string, data?: unknown, config?: unknown): Promise<Reply>;
}
interface Reply {
  readonly status: number;
  readonly data: Plain;
}

const NOTIFY = 'https://pay.example.com/wechatpay/order';
const OPENID = 'oPayer_0000000000000000001';
const han = (count: number): string => '字'.repeat(count);

let simulator: Simulator;
beforeAll(async () => {
  simulator = await createSimulator();
});
afterAll(() => simulator.close());

async function post(path: string, data: Plain): Promise<Reply> {
  const c = simulator.credentials;
  const pay = new Wechatpay({
    mchid: c.merchantId,
    serial: c.merchantSerialNumber,
    privateKey: c.privateKey,
    certs: { [c.wxPayPublicKeyId]: c.wxPayPublicKey },
    baseURL: simulator.url,
  });
  const client = pay.client as unknown as Client;
  return client.request(path, 'POST', data).catch((caught: unknown) => {
    const { response } = caught as { response?: Reply };
    if (response === undefined) throw caught;
    return response;
  });
}

let sequence = 0;
const number = (): string => `B2026${String((sequence += 1)).padStart(8, '0')}`;

const order = (over: Plain): Plain => ({
  appid: simulator.credentials.appId,
  mchid: simulator.credentials.merchantId,
  description: '茶',
  out_trade_no: number(),
  notify_url: NOTIFY,
  amount: { total: 1 },
  payer: { openid: OPENID },
  ...over,
});

const code = (over: Plain): Plain => {
  const { notify_url: _none, ...body } = order({});
  return { ...body, payer: { auth_code: '130061098828009406' }, scene_info: {}, ...over };
};

const combination = (over: Plain): Plain => {
  const { appId, merchantId } = simulator.credentials;
  const part = (more: Plain): Plain => ({
    mchid: merchantId,
    out_trade_no: number(),
    description: '茶',
    amount: { total_amount: 1, currency: 'CNY' },
    ...more,
  });
  return {
    combine_appid: appId,
    combine_mchid: merchantId,
    combine_out_trade_no: number(),
    notify_url: NOTIFY,
    sub_orders: [part({}), part(over)],
  };
};

const refund = (over: Plain): Plain => ({
  out_trade_no: number(),
  out_refund_no: number(),
  amount: { refund: 1, total: 1, currency: 'CNY' },
  ...over,
});

const transfer = (over: Plain): Plain => ({
  appid: simulator.credentials.appId,
  out_bill_no: number(),
  transfer_scene_id: '1000',
  openid: OPENID,
  transfer_amount: 30,
  transfer_remark: '奖励',
  transfer_scene_report_infos: [
    { info_type: '活动名称', info_content: '有礼' },
    { info_type: '奖励说明', info_content: '奖励' },
  ],
  ...over,
});

const ORDERS = '/v3/pay/transactions';
const REFUNDS = '/v3/refund/domestic/refunds';
const TRANSFERS = '/v3/fund-app/mch-transfer/transfer-bills';
const report = (info_content: string): Plain => ({
  transfer_scene_report_infos: [
    { info_type: '活动名称', info_content },
    { info_type: '奖励说明', info_content: '奖励' },
  ],
});

test('in WeChat’s own words', async () => {
  const file = join(__dirname, '../fixtures/errorBytes.json');
  const reply = await post(`${ORDERS}/jsapi`, order({ description: han(45) }));
  expect(reply).toMatchObject({ status: 400 });
  expect(reply.data).toEqual(JSON.parse(readFileSync(file, 'utf8')));
});

test.each<[string, string, (over: Plain) => Plain, Plain, number]>([
  ['description', `${ORDERS}/native`, order, { payer: undefined, description: han(43) }, 127],
  ['attach', `${ORDERS}/jsapi`, order, { attach: han(43) }, 128],
  ['goods_tag', `${ORDERS}/jsapi`, order, { goods_tag: han(11) }, 32],
  ['description', `${ORDERS}/codepay`, code, { description: han(43) }, 127],
  ['device_id', `${ORDERS}/codepay`, code, { scene_info: { device_id: han(11) } }, 32],
  ['description', '/v3/combine-transactions/native', combination, { description: han(43) }, 127],
  ['reason', REFUNDS, refund, { reason: han(27) }, 80],
  ['transfer_remark', TRANSFERS, transfer, { transfer_remark: han(11) }, 32],
  ['info_content', TRANSFERS, transfer, report(han(11)), 32],
])('%s to %s', async (field, path, make, over, max) => {
  const reply = await post(path, JSON.parse(JSON.stringify(make(over))) as Plain);
  expect(reply).toMatchObject({ status: 400, data: { code: 'PARAM_ERROR' } });
  expect(reply.data.message).toContain(`/${field}`);
  expect(reply.data.message).toMatch(new RegExp(`字节数 \\d+，大于最大值 ${String(max)}$`));
});

test('as many bytes as are allowed pass', async () => {
  const reply = await post(`${ORDERS}/jsapi`, order({ description: `${han(42)}x` }));
  expect(reply.status).toBe(200);
});
