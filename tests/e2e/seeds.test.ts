/**
 * The client code of the published guide, as it stands there, against this service: the Mini Program and
 * the WeDa page method run in a VM whose `wx` sends real HTTP. The guide lies beside the checkout where
 * this project is developed; elsewhere there is nothing to run, and the test says so.
 */
import { createVerify } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import type { Simulator } from '../../simulator';
import { PAYER, startService, startSim, type Json, type Running } from '../helpers/service';

const FOLDER = join(__dirname, '../../../shared/seeds');
const file = existsSync(FOLDER)
  ? readdirSync(FOLDER).find((name) => name.startsWith('000'))
  : undefined;
const guide = file === undefined ? undefined : readFileSync(join(FOLDER, file), 'utf8');

/** From the line that begins with `from` up to, and without, the one that begins with `before`. */
function cut(text: string, from: string, before: string): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(from));
  const end = lines.findIndex((line, at) => at > start && line.startsWith(before));
  if (start < 0 || end < 0) throw new Error(`the guide has no ${from}`);
  return lines.slice(start, end).join('\n');
}

interface HttpCall {
  readonly path: string;
  readonly method: string;
  readonly header: Record<string, string>;
  readonly data: Json;
  readonly success: (result: { statusCode: number; data: Json }) => void;
  readonly fail: (error: unknown) => void;
}

/** A phone: the platform adds the openid, as it does for `callHTTPFunction`. */
function phone(run: Running, sim: Simulator) {
  const payments: Json[] = [];
  const toasts: unknown[] = [];
  const initialised: unknown[] = [];
  let app: Json = {};
  const wx = {
    cloud: {
      init: (options: unknown) => initialised.push(options),
      callHTTPFunction: ({ path, method, header, data, success, fail }: HttpCall) => {
        const added = { 'x-wx-openid': PAYER, 'x-wx-appid': sim.credentials.appId };
        run
          .send(method, path, JSON.stringify(data), { ...header, ...added })
          .then((answer) => success({ statusCode: answer.status, data: answer.body }), fail);
      },
    },
    requestPayment: (params: Json) => payments.push(params),
    showToast: (toast: unknown) => toasts.push(toast),
    showModal: (modal: unknown) => toasts.push(modal),
  };
  const context = createContext({
    wx,
    App: (definition: Json) => void (app = definition),
    getApp: () => app,
    console: { log: () => undefined },
    Promise,
    Date,
    String,
  });
  return {
    payments,
    toasts,
    initialised,
    launch: () => (app.onLaunch as () => void).call(app),
    run: (code: string): unknown => runInContext(code, context),
  };
}

function expectPayable(sim: Simulator, params: Json): void {
  const { timeStamp, nonceStr, package: pkg, signType, paySign } = params as Record<string, string>;
  expect(signType).toBe('RSA');
  const parts = [sim.credentials.appId, timeStamp, nonceStr, pkg];
  const text = parts.map((part) => `${part ?? ''}\n`).join('');
  const verify = createVerify('RSA-SHA256').update(text);
  expect(verify.verify(sim.credentials.merchantPublicKey, paySign ?? '', 'base64')).toBe(true);
  expect(sim.orders()).toHaveLength(1);
}

if (guide === undefined) {
  test.skip('SKIPPED: the guide is not beside this checkout (../shared/seeds/000*)', () =>
    undefined);
} else {
  describe.each(['sdk', 'gateway'] as const)('the guide’s client code, signMode %s', (mode) => {
    test('the Mini Program pays', async () => {
      const sim = await startSim();
      const run = await startService({ sim, mode });
      const device = phone(run, sim);
      const source = guide.replaceAll("'your-env-id'\n", "'test-env'\n");
      device.run(cut(source, 'const ENV_ID =', '// ============ Page'));
      device.launch();
      expect(device.initialised).toEqual([{ env: 'test-env', traceUser: true }]);
      const page = cut(source, 'const app = getApp()', 'Implementation notes');
      await (device.run(`${page}\npay()`) as Promise<void>);
      expect(device.toasts).toEqual([]);
      expect(device.payments).toHaveLength(1);
      expectPayable(sim, device.payments[0] ?? {});
    });

    test('the WeDa page method pays', async () => {
      const sim = await startSim();
      const run = await startService({ sim, mode });
      const device = phone(run, sim);
      const code = cut(guide, 'export default async function', 'Troubleshooting:');
      // A page method is a module's default export; a VM script names it instead.
      const named = code.replace('export default async function', 'async function page');
      await (device.run(`${named}\npage({})`) as Promise<void>);
      expect(device.toasts).toEqual([]);
      expect(device.payments).toHaveLength(1);
      expectPayable(sim, device.payments[0] ?? {});
    });
  });
}
