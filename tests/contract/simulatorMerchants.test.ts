/** Several merchants at one simulated WeChat Pay: the signature says who asks, and nobody sees another's. */
import { Aes, Wechatpay } from 'wechatpay-axios-plugin';
import { createSimulator, type Plain, type Simulator } from '../../simulator/index';

const OTHER = '1900000002';
const THIRD = '1900000003';
const NO = 'SAME_NUMBER_1';
const PAYER = 'oUser0000000000000000000001';

interface Reply {
  status: number;
  data: Plain;
}
interface Client {
  request(path: string, method: string, data?: unknown): Promise<Reply>;
}

let simulator: Simulator;
let shops: Simulator[];

beforeEach(async () => {
  simulator = await createSimulator({
    switches: { wireClock: 'real', billReady: 'always' },
    merchants: [{ mchid: OTHER, appid: 'wx00000000000000b2' }, { mchid: THIRD }],
  });
  shops = [simulator, simulator.merchant(OTHER), simulator.merchant(THIRD)];
});
afterEach(() => simulator.close());

/** `signer` signs in the name of `as`. */
function call(
  signer: Simulator,
  request: { method: string; path: string; data?: unknown },
  as = signer.credentials,
): Promise<Reply> {
  const wechatpay = new Wechatpay({
    mchid: as.merchantId,
    serial: as.merchantSerialNumber,
    privateKey: signer.credentials.privateKey,
    certs: { [as.wxPayPublicKeyId]: as.wxPayPublicKey },
    baseURL: simulator.url,
  });
  return (wechatpay.client as unknown as Client)
    .request(request.path, request.method, request.data)
    .catch((caught: unknown) => {
      const error = caught as { response?: Reply };
      if (error.response === undefined || error.response.status < 300) throw caught;
      return error.response;
    });
}

const place = (shop: Simulator, mchid = shop.credentials.merchantId): Promise<Reply> =>
  call(shop, {
    method: 'post',
    path: '/v3/pay/transactions/jsapi',
    data: {
      appid: shop.credentials.appId,
      mchid,
      description: 'x',
      out_trade_no: NO,
      notify_url: 'https://pay.example.com/wechatpay/order',
      amount: { total: 1 },
      payer: { openid: PAYER },
    },
  });

const query = (shop: Simulator, mchid = shop.credentials.merchantId): Promise<Reply> =>
  call(shop, {
    method: 'get',
    path: `/v3/pay/transactions/out-trade-no/${NO}?mchid=${mchid}`,
  });

describe('several merchants', () => {
  test('each uses the same number for an order of its own', async () => {
    for (const shop of shops) expect((await place(shop)).status).toBe(200);
    const [first, second, third] = shops as [Simulator, Simulator, Simulator];
    const paid = [first, second].map((shop) => shop.pay(NO, { deliver: 'never' }));
    expect(paid.map((plain) => plain.mchid)).toEqual(['1900000001', OTHER]);
    expect(paid[0]?.transaction_id).not.toBe(paid[1]?.transaction_id);
    expect((await query(first)).data.trade_state).toBe('SUCCESS');
    expect((await query(third)).data.trade_state).toBe('NOTPAY');
    const today = new Date(simulator.clock.now() + 8 * 3600_000).toISOString().slice(0, 10);
    expect(second.bill(today).ALL).toContain(OTHER);
    expect(second.bill(today).ALL).not.toContain('1900000001');
    expect(third.bill(today).ALL).not.toContain(NO);
  });

  test('no one signs, orders or asks in the name of another', async () => {
    for (const shop of shops) await place(shop);
    for (const mine of shops) {
      for (const theirs of shops.filter((shop) => shop !== mine)) {
        const { credentials } = theirs;
        const path = `/v3/pay/transactions/out-trade-no/${NO}?mchid=${credentials.merchantId}`;
        expect((await call(mine, { method: 'get', path }, credentials)).status).toBe(401);
        expect((await query(mine, credentials.merchantId)).status).toBe(400);
        expect((await place(mine, credentials.merchantId)).status).toBe(400);
        const { body } = theirs.makeNotification('payment', { out_trade_no: NO });
        const { resource } = JSON.parse(body) as {
          resource: { ciphertext: string; nonce: string; associated_data: string };
        };
        expect(() =>
          Aes.AesGcm.decrypt(
            resource.ciphertext,
            mine.credentials.apiV3Key,
            resource.nonce,
            resource.associated_data,
          ),
        ).toThrow();
      }
    }
  });

  test('the first merchant has the keys it has alone; a merchant given twice is an error', async () => {
    const alone = await createSimulator();
    expect(alone.credentials).toEqual(simulator.credentials);
    await alone.close();
    const twice = createSimulator({ merchants: [{ mchid: '1900000001' }] });
    await expect(twice).rejects.toThrow('given twice');
    expect(() => simulator.merchant('1')).toThrow('unknown merchant 1');
  });
});
