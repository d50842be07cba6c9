/**
 * A whole service over real HTTP beside a simulated WeChat Pay. What a test opens is closed after it; a
 * socket, server, store or temporary folder left behind fails the test that left it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Overrides, Service } from '../../bin/assemble';
import type { OrderRecord, TransferRecord } from '../../services/ledger/record';
import type { RecordStore } from '../../services/stores/orderStore';
import { createSimulator, type Simulator, type SimulatorOptions } from '../../simulator';
import type { Clock } from '../../utils/clock';
import type { LogFields, Logger } from '../../utils/logger';
import { startHere, type Answer, type Door, type Json } from './core';
import { askDocumented } from './documented';
import { ownStore, type OwnStore } from './ownStore';

export type { Answer, Json } from './core';

export const PAYER = 'oPayer_0000000000000000001';
export const OTHER = 'oOther_0000000000000000002';
/** One of `operatorOpenids`. */
export const CLERK = 'oClerk_0000000000000000003';
export const OPERATOR_KEY = 'operator-key-of-all-scopes-0123456789';
export const READ_KEY = 'operator-key-that-only-reads-01234567';
export const SWEEP_KEY = 'operator-key-that-only-sweeps-0123456';

type Headers = Readonly<Record<string, string>>;

export const payer = (openid = PAYER): Headers => ({ 'x-wx-openid': openid });
export const operator = (key = OPERATOR_KEY): Headers => ({ 'x-api-key': key });

/** `data.data` of a success envelope: WeChat's body, or ours. */
export const dataOf = (answer: Answer): Json =>
  ((answer.body.data as Json | null)?.data ?? {}) as Json;

export interface LogLine extends LogFields {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
}

export interface Running {
  readonly url: string;
  readonly service: Service;
  readonly server: Server;
  readonly logs: LogLine[];
  /** The store under the service, wrapped or not, and the merchant's view of it. */
  readonly records: RecordStore;
  readonly store: OwnStore;
  /** POST with a JSON body. */
  call(path: string, body?: unknown, headers?: Headers): Promise<Answer>;
  get(path: string, headers?: Headers): Promise<Answer>;
  /** Raw bytes, any method, headers as given. */
  send(method: string, path: string, body?: string | Buffer, headers?: Headers): Promise<Answer>;
  order(no: string): Promise<OrderRecord>;
  transfer(no: string): Promise<TransferRecord>;
  /** Types of the effects of a record, in their order. */
  effects(no: string, kind?: 'order' | 'transfer'): Promise<string[]>;
  alarms(): LogLine[];
  close(): Promise<void>;
}

export interface ServiceOptions {
  readonly sim: Simulator;
  readonly mode?: 'sdk' | 'gateway';
  readonly env?: Record<string, string | undefined>;
  readonly store?: RecordStore;
  readonly clock?: Clock;
  readonly wait?: (ms: number) => Promise<void>;
}

/** `shortcut`: as it is deployed (bin/listen.ts). `express`: the app alone, as another Express app mounts it. */
let door: Door = 'shortcut';
/** For all services that this test file starts from now on. */
export const useDoor = (chosen: Door): void => {
  door = chosen;
};

const closers: (() => Promise<void> | void)[] = [];
/** Whatever a test opens besides: closed after it, last opened first. */
export const afterTest = (close: () => Promise<void> | void): void => void closers.push(close);

const SOCKETS = new Set(['TCPServerWrap', 'TCPSocketWrap', 'ProcessWrap']);
const openSockets = (): string[] =>
  process.getActiveResourcesInfo().filter((name) => SOCKETS.has(name));

afterEach(async () => {
  const failures: unknown[] = [];
  for (const close of closers.splice(0).reverse()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  // A closed socket leaves the list a few turns of the event loop later.
  for (let turn = 0; turn < 200 && openSockets().length > 0; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect({ failures, open: openSockets() }).toEqual({ failures: [], open: [] });
});

/** A simulated WeChat Pay that sends a notification only when the test says so. */
export async function startSim(options: SimulatorOptions = {}): Promise<Simulator> {
  const sim = await createSimulator({ autoDeliver: false, ...options });
  afterTest(() => sim.close());
  return sim;
}

/** `file:` URL of a database in a folder that goes when the test ends. */
export function temporaryDatabase(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pay-common-'));
  afterTest(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return `file:${join(folder, 'orders.db')}`;
}

/** Moved by hand; a test of waiting does not wait. */
export interface HandClock extends Clock {
  advance(ms: number): void;
}

export function handClock(startMs = Date.now()): HandClock {
  let at = startMs;
  return {
    now: () => at,
    advance(ms) {
      at += ms;
    },
  };
}

/** Runs beside real time, off by what a test says. */
export function skewedClock(): Clock & { offsetMs: number } {
  return {
    offsetMs: 0,
    now() {
      return Date.now() + this.offsetMs;
    },
  };
}

export function captureLogger(logs: LogLine[]): Logger {
  const at = (level: LogLine['level']) => (fields: LogFields, event: string) => {
    logs.push({ ...fields, level, event });
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export function serviceEnv(
  sim: Simulator,
  more: Record<string, string | undefined> = {},
): Record<string, string | undefined> {
  return {
    ...sim.env(),
    databaseUrl: 'memory:',
    trustWxHeaders: 'true',
    operatorKeys: `${OPERATOR_KEY},read:${READ_KEY},sweep:${SWEEP_KEY}`,
    sweepSeconds: '0',
    PORT: '0',
    ...more,
  };
}

/** Starts the service and points the simulator's notifications at it. */
export async function startService(options: ServiceOptions): Promise<Running> {
  const { sim, mode = 'sdk', store, clock, wait } = options;
  const running = await startBare(serviceEnv(sim, { signMode: mode, ...options.env }), {
    ...(store === undefined ? {} : { store }),
    ...(clock === undefined ? {} : { clock }),
    ...(wait === undefined ? {} : { wait }),
  });
  sim.callbackTarget = running.url;
  sim.mode = mode === 'gateway' ? 'gateway' : 'direct';
  return running;
}

/** Starts the service from an environment, whatever is in it. */
export async function startBare(
  env: Readonly<Record<string, string | undefined>>,
  overrides: Overrides = {},
): Promise<Running> {
  const logs: LogLine[] = [];
  const here = await startHere(env, { logger: captureLogger(logs), ...overrides }, door);
  const { service, server, url, close } = here;
  afterTest(close);
  const records = (): RecordStore => {
    if (service.store === undefined) throw new Error('this service has no store');
    return service.store;
  };
  const store = (): OwnStore => ownStore(records());
  const order = async (no: string): Promise<OrderRecord> => found(await store().find('order', no));
  const transfer = async (no: string): Promise<TransferRecord> =>
    found(await store().find('transfer', no));
  return {
    url,
    service,
    server,
    logs,
    get records() {
      return records();
    },
    get store() {
      return store();
    },
    send: (method, path, body, headers) => send(method, `${url}${path}`, body, headers),
    call: (path, body = {}, headers = {}) =>
      send('POST', `${url}${path}`, JSON.stringify(body), {
        'content-type': 'application/json',
        ...headers,
      }),
    get: (path, headers) => send('GET', `${url}${path}`, undefined, headers),
    order,
    transfer,
    async effects(no, kind = 'order') {
      const record = kind === 'order' ? await order(no) : await transfer(no);
      return record.effects.map((effect) => effect.type);
    },
    alarms: () => logs.filter((line) => line.alarm === true),
    close,
  };
}

function found<T>(record: T | undefined): T {
  if (record === undefined) throw new Error('no such record');
  return record;
}

/** One request on a connection of its own, so that nothing is kept open by the test itself. */
export const send = (
  method: string,
  url: string,
  body?: string | Buffer,
  headers: Headers = {},
): Promise<Answer> => askDocumented({ method, url, body, headers });

let sequence = 0;
/** A number no other test uses. */
export function number(prefix: string): string {
  sequence += 1;
  return `${prefix}${String(process.pid)}${String(Date.now()).slice(-8)}${String(sequence)}`;
}

/** The body of an ordinary order. */
export const orderBody = (out_trade_no: string, total = 100): Json => ({
  out_trade_no,
  description: '测试商品',
  amount: { total, currency: 'CNY' },
});

export const refundBody = (
  out_trade_no: string,
  out_refund_no: string,
  refund: number,
  total = 100,
): Json => ({ out_trade_no, out_refund_no, reason: '不要了', amount: { refund, total } });

export const transferBody = (out_bill_no: string, openid = PAYER): Json => ({
  out_bill_no,
  transfer_scene_id: '1000',
  openid,
  transfer_amount: 30,
  transfer_remark: '活动奖励',
  transfer_scene_report_infos: [
    { info_type: '活动名称', info_content: '新会员有礼' },
    { info_type: '奖励说明', info_content: '注册奖励' },
  ],
});

/** Orders and pays; the payment is known at WeChat alone. */
export async function placeAndPay(run: Running, sim: Simulator, no: string): Promise<void> {
  const placed = await run.call('/wx-pay/wxpay_order', orderBody(no), payer());
  expect(placed.status).toBe(200);
  sim.pay(no);
}

/** Orders, pays and delivers the notification: PAID here. */
export async function placePaid(run: Running, sim: Simulator, no: string): Promise<void> {
  await placeAndPay(run, sim, no);
  const [sent] = await sim.deliver('payment', no);
  expect(sent?.statusAnswered).toBe(200);
}
