/**
 * The rest of the simulated world: transfers, combined and code payments, faults on the way, the
 * control surface, and that one seed plays one way.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Wechatpay, Rsa, Aes } from 'wechatpay-axios-plugin';
import { createSimulator, defaultSwitches } from '../../simulator/index';
import { run } from '../../simulator/main';
import { freeTimers, holdTimers, passTime, until, watched } from '../helpers/waiting';
import type { Plain, Simulator, SimulatorOptions } from '../../simulator/index';

const DAY = 86_400_000;
const OPENID = 'oUser0000000000000000000001';
const TRANSFERS = '/v3/fund-app/mch-transfer/transfer-bills';

interface Reply {
  status: number;
  data: Plain;
  headers: Record<string, string>;
}

interface Client {
  request(path: string, method: string, data?: unknown, config?: unknown): Promise<Reply>;
}
interface Sealed {
  ciphertext: string;
  nonce: string;
  associated_data: string;
}

let simulator: Simulator;

async function start(options: SimulatorOptions = {}): Promise<void> {
  simulator = await createSimulator({ switches: { wireClock: 'real' }, ...options });
}

afterEach(async () => {
  freeTimers();
  await simulator.close();
});

function call(
  method: string,
  path: string,
  data?: unknown,
  o: { serial?: boolean; timeout?: number } = {},
): Promise<Reply> {
  const c = simulator.credentials;
  const wechatpay = new Wechatpay({
    mchid: c.merchantId,
    serial: c.merchantSerialNumber,
    privateKey: c.privateKey,
    certs: { [c.wxPayPublicKeyId]: c.wxPayPublicKey },
    baseURL: simulator.url,
  });
  return (wechatpay.client as unknown as Client)
    .request(path, method, data, {
      ...(o.serial ? { headers: { 'Wechatpay-Serial': c.wxPayPublicKeyId } } : {}),
      ...(o.timeout === undefined ? {} : { timeout: o.timeout }),
    })
    .catch((caught: unknown) => {
      const error = caught as { response?: Reply };
      if (error.response === undefined || error.response.status < 300) throw caught;
      return error.response;
    });
}

const secret = (text: string): string =>
  Rsa.encrypt(text, Rsa.from(simulator.credentials.wxPayPublicKey, Rsa.KEY_TYPE_PUBLIC));

/** Plaintexts of all callbacks, opened with the APIv3 key. */
function opened(): Plain[] {
  return simulator.callbacks.map(({ body }) => {
    const { resource } = JSON.parse(body) as { resource: Sealed };
    const { apiV3Key } = simulator.credentials;
    return JSON.parse(
      Aes.AesGcm.decrypt(resource.ciphertext, apiV3Key, resource.nonce, resource.associated_data),
    ) as Plain;
  });
}

function transfer(no: string, over: Plain = {}): Promise<Reply> {
  const body = {
    appid: simulator.credentials.appId,
    out_bill_no: no,
    transfer_scene_id: '1000',
    openid: OPENID,
    transfer_amount: 100,
    transfer_remark: '活动奖励',
    notify_url: 'https://pay.example.com/wechatpay/transfer',
    transfer_scene_report_infos: [
      { info_type: '活动名称', info_content: '新会员有礼' },
      { info_type: '奖励说明', info_content: '注册会员抽奖一等奖' },
    ],
    ...over,
  };
  return call('post', TRANSFERS, body, { serial: true });
}
const bill = (no: string): Promise<Reply> => call('get', `${TRANSFERS}/out-bill-no/${no}`);

describe('a transfer', () => {
  beforeEach(() => start());

  test('waits for the user, succeeds, and is notified with mch_id', async () => {
    const made = await transfer('B1');
    expect([made.status, made.data.state]).toEqual([200, 'WAIT_USER_CONFIRM']);
    expect(typeof made.data.package_info).toBe('string');
    simulator.confirmTransfer('B1');
    await simulator.clock.advance(0);
    expect((await bill('B1')).data).toMatchObject({ state: 'SUCCESS', mch_id: '1900000001' });
    const byId = `${TRANSFERS}/transfer-bill-no/${String(made.data.transfer_bill_no)}`;
    expect((await call('get', byId)).data.out_bill_no).toBe('B1');
    const labels = JSON.parse(simulator.callbacks[0]?.body ?? '{}') as Plain;
    expect(labels.event_type).toBe('MCHTRANSFER.BILL.FINISHED');
    expect(opened()[0]).toMatchObject({ mch_id: '1900000001', state: 'SUCCESS', openid: OPENID });
    expect(() => simulator.failTransfer('B1', 'OTHER_FAIL_REASON_TYPE')).toThrow('final');
  });

  test('left alone fails some time after its day, not at once', async () => {
    await transfer('B1');
    await simulator.clock.advance(DAY + 1000);
    expect((await bill('B1')).data.state).toBe('WAIT_USER_CONFIRM');
    expect(() => simulator.confirmTransfer('B1')).toThrow('cannot be confirmed');
    await simulator.clock.advance(3_600_000);
    expect((await bill('B1')).data).toMatchObject({ state: 'FAIL', fail_reason: 'OVERDUE_CLOSE' });
  });

  test('is cancelled in two steps', async () => {
    simulator.switches.cancelSettleMs = 5000;
    await transfer('B1');
    const path = `${TRANSFERS}/out-bill-no/B1/cancel`;
    expect((await call('post', path)).data.state).toBe('CANCELING');
    await simulator.clock.advance(5000);
    expect((await bill('B1')).data.state).toBe('CANCELLED');
    expect((await call('post', path)).data.state).toBe('CANCELLED');
    await transfer('B2');
    simulator.confirmTransfer('B2');
    const late = await call('post', `${TRANSFERS}/out-bill-no/B2/cancel`);
    expect(late.data.code).toBe('INVALID_REQUEST');
  });

  test('opens the encrypted name, takes no plain one, and knows a repeat by the name', async () => {
    const plain = await transfer('B1', { user_name: '张三' });
    expect(plain.data.message).toContain('密文');
    expect((await transfer('B1', { user_name: secret('张三') })).status).toBe(200);
    expect((await transfer('B1', { user_name: secret('张三') })).status).toBe(200);
    expect(simulator.requests.at(-1)?.idempotentReplay).toBe(true);
    expect((await transfer('B1', { user_name: secret('李四') })).data.message).toContain('不一致');
    const { user_name } = (await bill('B1')).data;
    const key = Rsa.from(simulator.credentials.privateKey, Rsa.KEY_TYPE_PRIVATE);
    expect(Rsa.decrypt(String(user_name), key)).toBe('张三');
  });

  test.each([
    ['a hyphen in the number', { out_bill_no: 'B-1' }, 'PARAM_ERROR'],
    ['half a report', { transfer_scene_report_infos: [] }, 'PARAM_ERROR'],
    ['nine fen', { transfer_amount: 9 }, 'INVALID_REQUEST'],
    ['more than allowed', { transfer_amount: 20_001 }, 'INVALID_REQUEST'],
    ['a perception of another scene', { user_recv_perception: '退款' }, 'INVALID_REQUEST'],
    ['an mchid in the body', { mchid: '1900000001' }, 'PARAM_ERROR'],
    ['a foreign openid', { openid: 'foreign-openid-1' }, 'PARAM_ERROR'],
  ])('with %s is refused', async (_what, over, code) => {
    const refused = await transfer('B1', over);
    expect([refused.status, refused.data.code]).toEqual([400, code]);
  });

  test('that is unknown answers as the switch says', async () => {
    expect(await bill('B9')).toMatchObject({ status: 404, data: { code: 'NOT_FOUND' } });
    simulator.switches.transferNotFound = '400 INVALID_REQUEST';
    expect(await bill('B9')).toMatchObject({ status: 400, data: { code: 'INVALID_REQUEST' } });
  });
});

describe('a combined order', () => {
  const sub = (no: string, fen: number): Plain => ({
    mchid: '1900000001',
    out_trade_no: no,
    description: no,
    attach: no,
    amount: { total_amount: fen, currency: 'CNY' },
  });
  const path = '/v3/combine-transactions/out-trade-no/COMBINE01';

  beforeEach(async () => {
    await start();
    const { appId, merchantId } = simulator.credentials;
    const made = await call('post', '/v3/combine-transactions/jsapi', {
      combine_appid: appId,
      combine_mchid: merchantId,
      combine_out_trade_no: 'COMBINE01',
      combine_payer_info: { openid: OPENID },
      sub_orders: [sub('PART0001', 100), sub('PART0002', 200)],
      notify_url: 'https://pay.example.com/wechatpay/order',
    });
    expect(made.data.prepay_id).toMatch(/^wx/);
  });

  test('is paid as a whole, told once, and refunded in parts', async () => {
    expect(() => simulator.pay('PART0001')).toThrow('part of COMBINE01');
    simulator.pay('COMBINE01');
    await simulator.clock.advance(0);
    expect(opened()).toEqual([(await call('get', path)).data]);
    const parts = opened()[0]?.sub_orders as Plain[];
    expect(parts.map(({ trade_state }) => trade_state)).toEqual(['SUCCESS', 'SUCCESS']);
    const single = `/v3/pay/transactions/out-trade-no/PART0001?mchid=1900000001`;
    expect((await call('get', single)).data.code).toBe('ORDER_NOT_EXIST');
    const refunded = await call('post', '/v3/refund/domestic/refunds', {
      transaction_id: parts[1]?.transaction_id,
      out_refund_no: 'R1',
      amount: { refund: 200, total: 200, currency: 'CNY' },
    });
    expect(refunded.data.out_trade_no).toBe('PART0002');
  });

  test('is closed by naming exactly its parts', async () => {
    const close = (parts: string[]): Promise<Reply> =>
      call('post', `${path}/close`, {
        combine_appid: simulator.credentials.appId,
        sub_orders: parts.map((out_trade_no) => ({ mchid: '1900000001', out_trade_no })),
      });
    expect((await close(['PART0001'])).status).toBe(500);
    expect((await close(['PART0002', 'PART0001'])).status).toBe(204);
    expect(() => simulator.pay('COMBINE01')).toThrow('CLOSED');
  });
});

describe('a payment code', () => {
  const pay = (no: string, auth_code: string): Promise<Reply> =>
    call('post', '/v3/pay/transactions/codepay', {
      appid: simulator.credentials.appId,
      mchid: simulator.credentials.merchantId,
      description: 'tea',
      out_trade_no: no,
      payer: { auth_code },
      amount: { total: 100 },
      scene_info: { store_info: { id: '1' } },
    });
  const reverse = (no: string): Promise<Reply> =>
    call('post', `/v3/pay/transactions/out-trade-no/${no}/reverse`, {
      appid: simulator.credentials.appId,
      mchid: simulator.credentials.merchantId,
    });

  test('answers at once, works once, and is reversed after 15 seconds', async () => {
    await start();
    expect((await pay('CODE0001', '130000000000000001')).data.trade_state).toBe('SUCCESS');
    expect((await pay('CODE0002', '130000000000000001')).data.message).toContain('付款码');
    expect((await reverse('CODE0001')).data.code).toBe('TRADE_ERROR');
    await simulator.clock.advance(15_000);
    expect((await reverse('CODE0001')).status).toBe(200);
    expect((await reverse('CODE0001')).status).toBe(200);
    expect(simulator.order('CODE0001')?.trade_state).toBe('REVOKED');
    expect(simulator.callbacks).toEqual([]);
  });

  test('may have to wait for the payer', async () => {
    await start({ switches: { wireClock: 'real', codepayResult: 'USERPAYING_202' } });
    expect((await pay('CODE0001', '130000000000000001')).status).toBe(202);
    expect(simulator.order('CODE0001')?.trade_state).toBe('USERPAYING');
    simulator.pay('CODE0001');
    expect(simulator.order('CODE0001')?.trade_state).toBe('SUCCESS');
  });
});

describe('a fault', () => {
  const body = (no: string): Plain => ({
    appid: simulator.credentials.appId,
    mchid: simulator.credentials.merchantId,
    description: 'tea',
    out_trade_no: no,
    notify_url: 'https://pay.example.com/wechatpay/order',
    amount: { total: 1 },
  });
  const native = '/v3/pay/transactions/native';
  const place = (no: string, timeout?: number): Promise<Reply> =>
    call('post', native, body(no), timeout === undefined ? {} : { timeout });

  beforeEach(() => start());

  test('before execution leaves nothing, after it leaves the order', async () => {
    const route = `POST ${native}`;
    simulator.faults.add({ route, kind: 'drop_before' });
    await expect(place('FAULT001')).rejects.toThrow(/ECONNRESET|socket hang up/);
    simulator.faults.add({ route, kind: 'status', status: 429 });
    expect(await place('FAULT001')).toMatchObject({
      status: 429,
      data: { code: 'FREQUENCY_LIMITED' },
    });
    expect(simulator.orders()).toEqual([]);
    simulator.faults.add({ route, kind: 'drop_after' });
    await expect(place('FAULT002')).rejects.toThrow(/ECONNRESET|socket hang up/);
    simulator.faults.add({ route, kind: 'status_after', status: 500 });
    expect(await place('FAULT003')).toMatchObject({ status: 500, data: { code: 'SYSTEM_ERROR' } });
    simulator.faults.add({ route, kind: 'html' });
    expect((await place('FAULT004')).status).toBe(502);
    expect(simulator.orders().map((o) => o.out_trade_no)).toEqual(['FAULT002', 'FAULT003']);
    expect(simulator.requests.map(({ status }) => status)).toEqual([0, 429, 0, 500, 502]);
  });

  test('can make an answer late, short, or endless, and is used up', async () => {
    simulator.faults.add({ route: /native$/, kind: 'latency', ms: 60 });
    simulator.faults.add({ route: /native$/, kind: 'truncate' });
    holdTimers();
    const before = simulator.requests.length;
    const late = watched(place('FAULT005'));
    await until('the request arrives', () => simulator.requests.length > before);
    await passTime(59);
    expect(late.settled()).toBe(false);
    await passTime(1);
    await expect(late.work).rejects.toThrow();
    freeTimers();
    simulator.faults.add({ route: 'POST /v3/pay/*', kind: 'hang' });
    await expect(place('FAULT005', 60)).rejects.toThrow(/timeout/);
    expect((await place('FAULT005')).status).toBe(200);
    simulator.faults.add({ route: /native$/, kind: 'drop_before', times: 99 });
    simulator.faults.clear();
    expect((await place('FAULT005')).status).toBe(200);
  });

  test('of a matter of chance falls alike for the same seed', async () => {
    const play = async (): Promise<number[]> => {
      const fault = { kind: 'status' as const, status: 500, times: 99, probability: 0.5 };
      simulator.faults.add({ route: /native$/, ...fault });
      for (let i = 0; i < 12; i += 1) await place(`CHANCE${i}`);
      return simulator.requests.map(({ status }) => status);
    };
    const first = await play();
    await simulator.close();
    await start();
    expect(await play()).toEqual(first);
    expect(new Set(first)).toEqual(new Set([200, 500]));
  });
});

describe('the echo test', () => {
  test('sends back what it could decrypt', async () => {
    await start();
    const message = { echo_message: 'ping', encrypted_echo_message: secret('秘密') };
    const notify_url = 'https://pay.example.com/wechatpay/echo';
    const body = { ...message, notify_url };
    const reply = await call('post', '/v3/security/echo', body, { serial: true });
    const key = Rsa.from(simulator.credentials.privateKey, Rsa.KEY_TYPE_PRIVATE);
    expect(Rsa.decrypt(String(reply.data.encrypted_echo_message), key)).toBe('秘密');
    await simulator.clock.advance(0);
    expect(simulator.callbacks[0]?.event_type).toBe('SECURITY_ECHO.SUCCESS');
    expect((await call('post', '/v3/security/echo', message)).status).toBe(400);
  });
});

describe('made-up messages', () => {
  test('can carry any plaintext and any label', async () => {
    await start();
    const made = simulator.makeNotification(
      'payment',
      { trade_state: 'NOTPAY' },
      { event_type: 'TRANSACTION.FAIL', serial: 'F'.repeat(40), timestamp: 1 },
    );
    expect(JSON.parse(made.body)).toMatchObject({ event_type: 'TRANSACTION.FAIL' });
    expect(made.headers['Wechatpay-Serial']).toBe('F'.repeat(40));
    expect(made.headers['Wechatpay-Timestamp']).toBe('1');
    const o = { ciphertext: true, rawDataAsString: true };
    const forward = JSON.parse(simulator.makeForward('refund', {}, o).body) as Plain;
    expect(JSON.parse(forward.rawData as string)).toMatchObject({
      event_type: 'REFUND.SUCCESS',
      resource: { original_type: 'refund' },
    });
  });
});

describe('the process and its control surface', () => {
  test('does over HTTP what the API does', async () => {
    const write = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    const got: string[] = [];
    const merchant = createServer((request, response) => {
      got.push(request.url ?? '');
      response.end();
    });
    await new Promise<void>((resolve) => merchant.listen(0, '127.0.0.1', resolve));
    const { port } = merchant.address() as AddressInfo;
    try {
      const target = `http://127.0.0.1:${port}`;
      simulator = (await run(['--seed', '7', '--callback-target', target])) as Simulator;
      const line = JSON.parse(String(write.mock.calls[0]?.[0])) as { url: string; env: Plain };
      expect(line.env).toEqual(simulator.env());
      expect(line.env).toMatchObject({ wxPayBaseUrl: line.url, signMode: 'sdk' });
      const sim = async (path: string, body?: unknown): Promise<Plain> => {
        const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
        return (await (await fetch(`${line.url}/_sim/${path}`, init)).json()) as Plain;
      };
      expect(await sim('switches', { signErrors: true })).toMatchObject({ signErrors: true });
      expect(await sim('switches', { nonsense: true })).toEqual({ error: 'no switch nonsense' });
      const faults = [{ route: '/native/', kind: 'status', status: 500 }];
      expect(await sim('faults', { faults })).toEqual({ faults: 1, callbackFaults: 0 });
      const place = (): Promise<Reply> =>
        call('post', '/v3/pay/transactions/native', {
          appid: simulator.credentials.appId,
          mchid: simulator.credentials.merchantId,
          description: 'tea',
          out_trade_no: 'CONTROL01',
          notify_url: 'https://pay.example.com/wechatpay/order',
          amount: { total: 1 },
        });
      expect((await place()).status).toBe(500);
      expect((await place()).status).toBe(200);
      const paid = await sim('pay', { out_trade_no: 'CONTROL01' });
      expect(paid.trade_state).toBe('SUCCESS');
      expect((await sim('pay', { out_trade_no: 'CONTROL01' })).error).toContain('cannot be paid');
      await sim('clock', { advanceMs: 0 });
      await sim('deliver', { kind: 'payment', no: 'CONTROL01' });
      expect(got).toEqual(['/wechatpay/order', '/wechatpay/order']);
      expect(await sim('callbacks')).toHaveLength(2);
      expect(await sim('state')).toMatchObject({ orders: [{ out_trade_no: 'CONTROL01' }] });
    } finally {
      write.mockRestore();
      merchant.closeAllConnections();
      merchant.close();
    }
  });

  test('two simulators of one seed have one set of keys, and the default switches', async () => {
    await start({ seed: 3, switches: {} });
    const twin = await createSimulator({ seed: 3 });
    await twin.close();
    expect(twin.credentials).toEqual(simulator.credentials);
    expect(simulator.switches).toEqual(defaultSwitches());
    expect(simulator.credentials.apiV3Key).toHaveLength(32);
  });
});
