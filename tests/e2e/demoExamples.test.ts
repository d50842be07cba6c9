/**
 * The examples that users copy, run in a VM as they stand: a phone whose `wx` sends real HTTP to the real
 * service beside a simulated WeChat Pay. Shows that they pay once, believe the query alone, and retry
 * with the same number.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createContext, runInContext, type Context } from 'node:vm';
import type { Simulator } from '../../simulator';
import {
  operator,
  PAYER,
  startService,
  startSim,
  type Json,
  type Running,
} from '../helpers/service';

const EXAMPLES = join(__dirname, '../../examples');
const MINI = join(EXAMPLES, 'miniprogram');
const read = (path: string): string =>
  readFileSync(path, 'utf8').replaceAll("'your-env-id';", "'test-env';");

interface HttpCall {
  readonly path: string;
  readonly method: string;
  readonly header: Record<string, string>;
  readonly data: Json;
  readonly success: (result: { statusCode: number; data: unknown }) => void;
  readonly fail: (error: { errMsg: string }) => void;
}

interface Screen extends Json {
  readonly package: string;
  readonly success: () => void;
  readonly fail: (error: { errMsg: string }) => void;
}

interface Habits {
  /** What the person does at the payment screen. */
  screen?: (screen: Screen) => void;
  /** The reply reaches the phone as text, as some versions of the library hand it over. */
  asText?: boolean;
  /** So many calls break before they reach the service. */
  broken?: number;
  oldLibrary?: boolean;
}

/** A phone: the platform adds the openid, time passes at once. */
function phone(run: Running, sim: Simulator, habits: Habits = {}) {
  const calls: string[] = [];
  const transfers: Json[] = [];
  const shown: Json[] = [];
  let broken = habits.broken ?? 0;
  let app: Json = {};
  let page: Json = {};
  const callHTTPFunction = (call: HttpCall): void => {
    calls.push(call.path);
    if (broken > 0) {
      broken -= 1;
      call.fail({ errMsg: 'request:fail' });
      return;
    }
    const added = { 'x-wx-openid': PAYER, 'x-wx-appid': sim.credentials.appId };
    run.send(call.method, call.path, JSON.stringify(call.data), { ...call.header, ...added }).then(
      ({ status, text, body }) =>
        call.success({ statusCode: status, data: habits.asText === true ? text : body }),
      () => call.fail({ errMsg: 'request:fail' }),
    );
  };
  const wx = {
    cloud: {
      init: () => undefined,
      ...(habits.oldLibrary === true ? {} : { callHTTPFunction }),
    },
    requestPayment: (screen: Screen) => habits.screen?.(screen),
    requestMerchantTransfer: (request: Json) => {
      transfers.push(request);
      (request.success as () => void)();
    },
    canIUse: (name: string) => name === 'requestMerchantTransfer',
    getAccountInfoSync: () => ({ miniProgram: { appId: sim.credentials.appId } }),
    showToast: (toast: Json) => shown.push(toast),
    showModal: (modal: Json) => shown.push(modal),
  };
  const context = createContext({
    wx,
    App: (definition: Json) => void (app = definition),
    Page: (definition: Json) => void (page = definition),
    getApp: () => app,
    setTimeout: (then: () => void) => setImmediate(then),
  });
  const load = loader(context);
  load(join(MINI, 'app.js'));
  (app.onLaunch as () => void).call(app);
  return { calls, transfers, shown, context, load, page: () => page };
}

/** CommonJS, as the Mini Program's own `require` does it. */
function loader(context: Context) {
  return function load(path: string): Json {
    const module = { exports: {} as Json };
    const wrap = runInContext(
      `(function (module, exports, require) {${read(path)}\n})`,
      context,
    ) as (...args: unknown[]) => void;
    wrap(module, module.exports, (name: string) => load(resolve(dirname(path), `${name}.js`)));
    return module.exports;
  };
}

type Pay = (order: Json) => Promise<string>;
const order = (no: string): Json => ({
  out_trade_no: no,
  description: '测试商品',
  amount: { total: 20, currency: 'CNY' },
});

/** Pays at the screen; the callback comes, or is lost. */
const payer =
  (sim: Simulator, no: string, callback: boolean) =>
  ({ success }: Screen): void => {
    sim.pay(no, { deliver: 'never' });
    if (callback) void sim.deliver('payment', no).then(success);
    else success();
  };

const cancels = ({ fail }: Screen): void => fail({ errMsg: 'requestPayment:fail cancel' });

describe('examples/miniprogram', () => {
  const start = async () => {
    const sim = await startSim();
    return { sim, run: await startService({ sim }) };
  };

  test.each([true, false])('pays; the callback comes: %s', async (callback) => {
    const { sim, run } = await start();
    const device = phone(run, sim, { screen: payer(sim, 'MINI0001', callback) });
    const { pay } = device.load(join(MINI, 'pay.js')) as { pay: Pay };
    await expect(pay(order('MINI0001'))).resolves.toBe('paid');
    expect((await run.order('MINI0001')).state).toBe('PAID');
  });

  test('believes the query, not the screen', async () => {
    const { sim, run } = await start();
    const device = phone(run, sim, { screen: ({ success }) => success() });
    const { pay } = device.load(join(MINI, 'pay.js')) as { pay: Pay };
    await expect(pay(order('MINI0002'))).resolves.toBe('unknown');
    expect((await run.order('MINI0002')).state).toBe('PENDING');
  });

  test('tells a cancellation, and pays the same number afterwards', async () => {
    const { sim, run } = await start();
    const habits: Habits = { screen: cancels };
    const device = phone(run, sim, habits);
    const { pay } = device.load(join(MINI, 'pay.js')) as { pay: Pay };
    await expect(pay(order('MINI0003'))).resolves.toBe('cancelled');
    habits.screen = payer(sim, 'MINI0003', true);
    await expect(pay(order('MINI0003'))).resolves.toBe('paid');
    await expect(pay(order('MINI0003'))).resolves.toBe('paid');
    expect(sim.orders()).toHaveLength(1);
  });

  test('tries again with the same number when the network breaks', async () => {
    const { sim, run } = await start();
    const habits = { broken: 2, asText: true, screen: payer(sim, 'MINI0004', true) };
    const device = phone(run, sim, habits);
    const { pay } = device.load(join(MINI, 'pay.js')) as { pay: Pay };
    await expect(pay(order('MINI0004'))).resolves.toBe('paid');
    expect(device.calls.filter((path) => path.endsWith('/wxpay_order'))).toHaveLength(3);
    expect(sim.orders()).toHaveLength(1);
  });

  test('says that the base library is too old', async () => {
    const { sim, run } = await start();
    const { pay } = phone(run, sim, { oldLibrary: true }).load(join(MINI, 'pay.js')) as {
      pay: Pay;
    };
    await expect(pay(order('MINI0005'))).rejects.toMatchObject({ code: 'BASE_LIBRARY_TOO_OLD' });
  });

  test('shows the reason of a refusal, and does not repeat it', async () => {
    const { sim, run } = await start();
    const device = phone(run, sim);
    const { pay } = device.load(join(MINI, 'pay.js')) as { pay: Pay };
    const refused = pay({ ...order('MINI0006'), amount: { total: 0 } });
    await expect(refused).rejects.toMatchObject({ code: 'PARAM_INVALID', retryable: false });
    expect(device.calls).toHaveLength(1);
  });

  test('the page pays a number that the shop prepared, without a price', async () => {
    const sim = await startSim();
    const run = await startService({ sim, env: { requirePreparedOrders: 'true' } });
    const body = { ...order('MINI0007'), amount: { total: 1990 } };
    expect((await run.call('/wx-pay/wxpay_prepare_order', body, operator())).status).toBe(200);
    const device = phone(run, sim, { screen: payer(sim, 'MINI0007', true) });
    device.load(join(MINI, 'pages/pay/pay.js'));
    const page = device.page();
    const self = { ...page, data: { ...(page.data as Json) } } as Json & { data: Json };
    self.setData = (change: Json) => void Object.assign(self.data, change);
    (page.onLoad as (q: Json) => void).call(self, { out_trade_no: 'MINI0007' });
    await (page.onPay as () => Promise<void>).call(self);
    expect(self.data).toMatchObject({ says: '支付成功', busy: false });
    expect((await run.order('MINI0007')).amount.total).toBe(1990);
  });

  test('the receiver confirms a transfer', async () => {
    const { sim, run } = await start();
    const device = phone(run, sim);
    const { confirmTransfer } = device.load(join(MINI, 'pay.js')) as {
      confirmTransfer: (transfer: Json) => Promise<boolean>;
    };
    const transfer = { mchId: sim.credentials.merchantId, package_info: 'made-up-package' };
    await expect(confirmTransfer(transfer)).resolves.toBe(true);
    expect(device.transfers[0]).toMatchObject({
      mchId: sim.credentials.merchantId,
      appId: sim.credentials.appId,
      package: 'made-up-package',
    });
  });
});

describe('examples/weda', () => {
  /** A page method is a module's default export; a VM script names it instead. */
  const method = (context: Context): ((input: Json) => Promise<string>) => {
    const code = read(join(EXAMPLES, 'weda/pay.js'));
    const named = code.replace('export default async function', 'async function method');
    return runInContext(`${named}\nmethod`, context) as never;
  };

  test('pays, tells a cancellation, and does not pay twice', async () => {
    const sim = await startSim();
    const run = await startService({ sim, mode: 'gateway' });
    const habits: Habits = { screen: cancels };
    const weda = method(phone(run, sim, habits).context);
    await expect(weda({ data: order('WEDA0001') })).resolves.toBe('cancelled');
    habits.screen = payer(sim, 'WEDA0001', false);
    await expect(weda({ data: order('WEDA0001') })).resolves.toBe('paid');
    await expect(weda({ data: order('WEDA0001') })).resolves.toBe('paid');
    expect((await run.order('WEDA0001')).state).toBe('PAID');
  });
});
