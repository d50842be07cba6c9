/**
 * `wechatpay-axios-plugin`, which this project did not write, against the simulator's API v2, unmodified; and the same
 * operations by it and by us: what WeChat would see is equal but for nonce and signature.
 */
import { gunzipSync } from 'node:zlib';
import { Wechatpay, Hash } from 'wechatpay-axios-plugin';
import type { Simulator } from '../../simulator';
import { parseXml, type Fields } from '../../simulator/v2/xml';
import {
  number,
  operator,
  orderBody,
  payer,
  PAYER,
  refundBody,
  startSim,
} from '../helpers/service';
import { startV2 } from '../helpers/v2';

interface Chain {
  post(data: Fields, config?: object): Promise<{ data: Fields & Buffer }>;
}
type Chained = Readonly<Record<string, Chain>>;
interface Client {
  readonly v2: { readonly pay: Chained; readonly secapi: { readonly pay: Chained } };
}

function clientOf(sim: Simulator): Client {
  const c = sim.credentials;
  return new Wechatpay({
    mchid: c.merchantId,
    serial: c.merchantSerialNumber,
    privateKey: c.privateKey,
    certs: { [c.wxPayPublicKeyId]: c.wxPayPublicKey },
    secret: c.apiKeyV2,
    merchant: { cert: '', key: '' },
    baseURL: sim.url,
  }) as unknown as Client;
}

const NOTIFY = 'https://pay.example.com/wechatpay';
let sim: Simulator;
let client: Client;
const own = (): Fields => ({ appid: sim.credentials.appId, mch_id: sim.credentials.merchantId });
const chain = (chained: Chained, name: string): Chain => chained[name] as Chain;
const pay = (name: string, data: Fields, config?: object) =>
  chain(client.v2.pay, name).post({ ...own(), ...data }, config);
const secured = (name: string, data: Fields) =>
  chain(client.v2.secapi.pay, name).post({ ...own(), ...data });

beforeEach(async () => {
  sim = await startSim({ switches: { billReady: 'always', reverseMinMs: 0 } });
  client = clientOf(sim);
});

const order = (out_trade_no: string, more: Fields = {}): Fields => ({
  body: '测试<商品>',
  out_trade_no,
  total_fee: '100',
  spbill_create_ip: '203.0.113.7',
  notify_url: `${NOTIFY}/order`,
  trade_type: 'JSAPI',
  openid: PAYER,
  ...more,
});

describe.each(['MD5', 'HMAC-SHA256'] as const)('a stranger by %s', (sign_type) => {
  const typed = { sign_type };

  test('orders, queries, is told, refunds, queries the refund, reads the bill', async () => {
    const no = number('X');
    const { data: made } = await pay('unifiedorder', order(no, typed));
    expect(made).toMatchObject({ result_code: 'SUCCESS', trade_type: 'JSAPI' });
    expect(made.prepay_id).toMatch(/^wx/);
    sim.pay(no);
    const { data: seen } = await pay('orderquery', { out_trade_no: no, ...typed });
    expect(seen).toMatchObject({ trade_state: 'SUCCESS', total_fee: '100', out_trade_no: no });
    const notice = parseXml(sim.makeXmlPayment(no, { type: sign_type }).body) ?? {};
    const { sign, ...fields } = notice;
    expect(Hash.sign(sign_type, fields, sim.credentials.apiKeyV2)).toBe(sign);
    const out_refund_no = number('Y');
    const { data: back } = await secured('refund', {
      transaction_id: seen.transaction_id ?? '',
      out_refund_no,
      total_fee: '100',
      refund_fee: '40',
      ...typed,
    });
    expect(back).toMatchObject({ result_code: 'SUCCESS', refund_fee: '40', out_refund_no });
    const { data: asked } = await pay('refundquery', { out_refund_no, ...typed });
    expect(asked).toMatchObject({
      refund_count: '1',
      out_refund_no_0: out_refund_no,
      refund_fee_0: '40',
    });
    const day = String(sim.order(no)?.success_time).slice(0, 10);
    const bill = await pay(
      'downloadbill',
      { bill_date: day.replaceAll('-', ''), bill_type: 'ALL', tar_type: 'GZIP', ...typed },
      { responseType: 'arraybuffer', transformResponse: [] },
    );
    expect(gunzipSync(bill.data).toString()).toBe(sim.bill(day).ALL);
  });

  test('orders every way, closes, charges a code and reverses it', async () => {
    const scene_info = JSON.stringify({
      h5_info: { type: 'Wap', wap_url: 'https://shop.example.com', wap_name: '店' },
    });
    for (const [trade_type, field, more] of [
      ['NATIVE', 'code_url', { product_id: '1' }],
      ['APP', 'prepay_id', {}],
      ['MWEB', 'mweb_url', { scene_info }],
    ] as const) {
      const no = number('X');
      const { data } = await pay('unifiedorder', order(no, { ...typed, ...more, trade_type }));
      expect(data[field]).toBeTruthy();
      expect((await pay('closeorder', { out_trade_no: no, ...typed })).data.result_code).toBe(
        'SUCCESS',
      );
    }
    const no = number('X');
    const code = {
      body: '茶',
      out_trade_no: no,
      total_fee: '1',
      spbill_create_ip: '10.0.0.9',
      auth_code: '130000000000000001',
      ...typed,
    };
    expect((await pay('micropay', code)).data).toMatchObject({
      trade_type: 'MICROPAY',
      total_fee: '1',
    });
    expect((await secured('reverse', { out_trade_no: no, ...typed })).data.recall).toBe('N');
    expect((await pay('orderquery', { out_trade_no: no, ...typed })).data.trade_state).toBe(
      'REVOKED',
    );
  });

  test('is refused as WeChat refuses: bytes, signatures, unknown numbers', async () => {
    const failed = async (sent: Promise<unknown>): Promise<Fields> => {
      const error: unknown = await sent.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      return (error as { response: { data: Fields } }).response.data;
    };
    const long = await failed(
      pay('unifiedorder', order(number('X'), { ...typed, body: '汉'.repeat(43) })),
    );
    expect(long).toMatchObject({ return_code: 'FAIL', return_msg: 'body参数长度有误' });
    expect(long.sign).toBeUndefined();
    const unknown = await failed(pay('orderquery', { out_trade_no: 'NONE123', ...typed }));
    expect(unknown).toMatchObject({ return_code: 'SUCCESS', err_code: 'ORDERNOTEXIST' });
    expect(unknown.sign).toBeTruthy();
    const other = new Wechatpay({
      mchid: sim.credentials.merchantId,
      serial: 'S',
      privateKey: sim.credentials.privateKey,
      certs: { any: sim.credentials.wxPayPublicKey },
      secret: 'x'.repeat(32),
      merchant: { cert: '', key: '' },
      baseURL: sim.url,
    }) as unknown as Client;
    const forged = await failed(
      chain(other.v2.pay, 'orderquery').post({ ...own(), out_trade_no: 'NONE123', ...typed }),
    );
    expect(forged).toMatchObject({ return_code: 'FAIL', return_msg: '签名错误，请检查后再试' });
  });
});

describe('what WeChat sees', () => {
  const bare = (body: string): Fields => {
    const { nonce_str: _nonce, sign: _sign, time_expire: _time, ...rest } = parseXml(body) ?? {};
    return rest;
  };

  test('is the same from the stranger and from us', async () => {
    const typed = { sign_type: 'HMAC-SHA256', fee_type: 'CNY' };
    const run = await startV2(sim);
    const [theirs, ours] = [number('X'), number('Z')];
    await pay('unifiedorder', order(theirs, { ...typed, body: '测试商品' }));
    await run.call('/wx-pay/wxpay_order', { ...orderBody(ours), description: '测试商品' }, payer());
    for (const no of [theirs, ours]) sim.pay(no, { deliver: 'never' });
    await pay('orderquery', { out_trade_no: theirs, sign_type: 'HMAC-SHA256' });
    await run.call('/wx-pay/wxpay_query_order_by_out_trade_no', { out_trade_no: ours }, payer());
    const refunds = [number('R'), number('R')] as const;
    await secured('refund', {
      transaction_id: String(sim.order(theirs)?.transaction_id),
      out_refund_no: refunds[0],
      total_fee: '100',
      refund_fee: '40',
      refund_fee_type: 'CNY',
      refund_desc: '不要了',
      notify_url: `${NOTIFY}/refund`,
      sign_type: 'HMAC-SHA256',
    });
    await run.call('/wx-pay/wxpay_refund', refundBody(ours, refunds[1], 40), operator());
    await pay('refundquery', { out_refund_no: refunds[0], sign_type: 'HMAC-SHA256' });
    await run.call('/wx-pay/wxpay_refund_query', { out_refund_no: refunds[1] }, operator());
    const named = (text: string): string =>
      [theirs, ours]
        .reduce(
          (all, no) => all.replaceAll(no, 'NO'),
          refunds.reduce((all, no) => all.replaceAll(no, 'RNO'), text),
        )
        .replace(/<transaction_id>.*?<\/transaction_id>/, '')
        .replace(/<spbill_create_ip>.*?<\/spbill_create_ip>/, '');
    const of = (path: string) =>
      sim.requests.filter((one) => one.path === path).map(({ body }) => bare(named(body)));
    for (const path of [
      '/pay/unifiedorder',
      '/pay/orderquery',
      '/secapi/pay/refund',
      '/pay/refundquery',
    ]) {
      const [first, second] = of(path);
      expect(second).toEqual(first);
    }
  });
});
