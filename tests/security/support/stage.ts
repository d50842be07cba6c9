/**
 * The whole service on a port of its own, WeChat Pay played by the simulator, one clock for both. Calls go
 * over real HTTP, as a stranger's would. A test file that imports `built` has the built service instead; with
 * `STAGE=built` in the environment all of them have.
 */
import { Agent, type IncomingHttpHeaders } from 'node:http';
import type { Overrides, Service } from '../../../bin/assemble';
import type { OrderRecord, TransferRecord } from '../../../services/ledger/record';
import { createSimulator, type Simulator, type SimulatorOptions } from '../../../simulator';
import type { OrderStore } from '../../../services/stores/orderStore';
import { createLogger } from '../../../utils/jsonLogger';
import { startHere } from '../../helpers/core';
import { askDocumented } from '../../helpers/documented';
import { until } from '../../helpers/waiting';
import { builtRunner, type Started, type StartOptions } from './runner';
import { ownStore } from '../../helpers/ownStore';

export const PAYER = 'oTestsOwnPayer_xb1Q9zNjWeS6o';
export const OTHER = 'oUpF8uN95-Ptaags6E_roPHg7AG0';
export const OPERATOR_KEY = 'all-key-0123456789-abcdefghij-0123456';
export const READ_KEY = 'read-key-0123456789-abcdefghij-012345';
export const SWEEP_KEY = 'sweep-key-0123456789-abcdefghij-01234';
export const START_MS = Date.parse('2026-01-02T10:00:00+08:00');

if (process.env.STAGE === 'built') jest.requireActual('./built');

/** For what reaches into the service itself: there is no such thing where it is another process. */
export const inProcess: jest.It = builtRunner() === undefined ? test : test.skip;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Parsed body; {} where it is no JSON object. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface StageOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly simulator?: SimulatorOptions;
  readonly overrides?: Overrides;
  /** WeChat's address, where something stands between. */
  readonly baseUrl?: (simulator: Simulator) => string;
  /** Another system at the same WeChat, which outlives it. */
  readonly at?: Simulator;
  /** Where the token issuer's own name leads, for the built service. */
  readonly issuerPort?: number;
}

export interface CallOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Sent as they are. */
  readonly raw?: string | Buffer;
}

export interface Stage {
  readonly simulator: Simulator;
  /** Assembled in this process; a built one has none of it to show. */
  readonly service: Service;
  readonly port: number;
  readonly logs: string[];
  /** Waits for a line with this in it: a log is written a moment after what it tells of. */
  logged(text: string): Promise<void>;
  call(path: string, body?: unknown, o?: CallOptions): Promise<Answer>;
  /** As PAYER, or another openid, by the platform's header. */
  asPayer(name: string, body: unknown, openid?: string): Promise<Answer>;
  asOperator(name: string, body: unknown, key?: string): Promise<Answer>;
  order(no: string): Promise<OrderRecord | undefined>;
  transfer(no: string): Promise<TransferRecord | undefined>;
  /** Every record of every kind and who holds which number, as one text: equal texts, equal records. */
  dump(): Promise<string>;
  /** Orders, pays at WeChat and lets the service learn of it by a genuine callback. */
  paid(no: string, total?: number): Promise<OrderRecord>;
  close(): Promise<void>;
}

export async function startStage(o: StageOptions = {}): Promise<Stage> {
  const alone = { nowMs: START_MS, frozen: true, autoDeliver: false, ...o.simulator };
  const simulator = o.at ?? (await createSimulator(alone));
  const env = simulator.env({
    databaseUrl: 'memory:',
    operatorKeys: `${OPERATOR_KEY},read:${READ_KEY},sweep:${SWEEP_KEY}`,
    trustWxHeaders: 'true',
    sweepSeconds: '0',
    logLevel: 'debug',
    ...(o.baseUrl === undefined ? {} : { wxPayBaseUrl: o.baseUrl(simulator) }),
    ...o.env,
  });
  const { issuerPort } = o;
  const options = { env, nowMs: simulator.clock.now() };
  const run = builtRunner() ?? startInProcess(simulator, o.overrides);
  const started = await run({ ...options, ...(issuerPort === undefined ? {} : { issuerPort }) });
  return stageOf(simulator, o.at === undefined ? follow(simulator, started) : started, {
    ends: o.at === undefined,
  });
}

/** One clock for both: anyone who moves WeChat's moves the service's. */
function follow(simulator: Simulator, started: Here): Here {
  const { clock } = simulator;
  for (const name of ['advance', 'set'] as const) {
    const move = clock[name].bind(clock);
    clock[name] = async (ms) => {
      await move(ms);
      await started.setTime(clock.now());
    };
  }
  return started;
}

type Here = Started & { readonly service?: Service };

const startInProcess =
  (simulator: Simulator, overrides: Overrides = {}) =>
  async ({ env }: StartOptions): Promise<Here> => {
    const clock = { now: () => simulator.clock.now() };
    const logs: string[] = [];
    const stream = { write: (line: string) => logs.push(line) };
    const logger = createLogger({ level: 'debug', stream, clock });
    const { service, port, drop } = await startHere(
      env,
      { clock, logger, ...overrides },
      'express',
    );
    return {
      port,
      logs,
      service,
      store: () =>
        service.store === undefined
          ? Promise.reject(new Error('this service has no store'))
          : Promise.resolve(ownStore(service.store)),
      setTime: () => Promise.resolve(),
      async stop() {
        await drop();
        return 0;
      },
    };
  };

function stageOf(simulator: Simulator, started: Here, { ends }: { ends: boolean }): Stage {
  const { port, logs } = started;
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });

  const call: Stage['call'] = (path, body, options = {}) =>
    send({ port, agent, path, body }, options);
  const route = (name: string): string => (name.startsWith('/') ? name : `/wx-pay/${name}`);
  const asPayer: Stage['asPayer'] = (name, body, openid = PAYER) =>
    call(route(name), body, { headers: { 'x-wx-openid': openid } });
  const order: Stage['order'] = async (no) => (await started.store()).find('order', no);

  return {
    simulator,
    port,
    logs,
    async logged(text) {
      const written = (): boolean => logs.some((line) => line.includes(text));
      await until(`the log says ${text}`, written, LOOK_MS);
    },
    get service() {
      if (started.service === undefined) throw new Error('the built service is another process');
      return started.service;
    },
    call,
    asPayer,
    asOperator: (name, body, key = OPERATOR_KEY) =>
      call(route(name), body, { headers: { 'x-api-key': key } }),
    order,
    transfer: async (no) => (await started.store()).find('transfer', no),
    dump: async () => dumpOf(await started.store()),
    async paid(no, total = 100) {
      const placed = await asPayer('wxpay_order', orderBody(no, total));
      if (placed.status !== 200) throw new Error(`order: ${placed.text}`);
      const plain = simulator.pay(no, { deliver: 'never' });
      const { body, headers } = simulator.makeNotification('payment', plain);
      const told = await call('/wechatpay/order', undefined, { raw: body, headers });
      if (told.status !== 200) throw new Error(`callback: ${told.text}`);
      const record = await order(no);
      if (record?.state !== 'PAID') throw new Error(`state ${String(record?.state)}`);
      return record;
    },
    async close() {
      agent.destroy();
      const code = await started.stop();
      if (ends) await simulator.close();
      if (code !== 0) throw new Error(`the service ended with ${String(code)}`);
    },
  };
}

const LOOK_MS = 5;
const DUMP_MAX = 500;
const KINDS = ['order', 'combination', 'transfer', 'report'] as const;
const NUMBERS = ['refund', 'transaction', 'transfer_bill', 'sub_order'] as const;

async function dumpOf(store: OrderStore): Promise<string> {
  const records = await Promise.all(KINDS.map((kind) => store.list({ kind, limit: DUMP_MAX })));
  const range = { from: 0, to: Number.MAX_SAFE_INTEGER, limit: DUMP_MAX };
  const numbers = await Promise.all(NUMBERS.map((kind) => store.reservations(kind, range)));
  return JSON.stringify([...records, ...numbers]);
}

export const orderBody = (no: string, total = 100): Record<string, unknown> => ({
  out_trade_no: no,
  description: '测试商品',
  amount: { total },
});

export const refundBody = (no: string, refundNo: string, refund = 100, total = 100): object => ({
  out_trade_no: no,
  out_refund_no: refundNo,
  amount: { refund, total },
});

export const transferBody = (no: string, amount = 100): Record<string, unknown> => ({
  out_bill_no: no,
  transfer_scene_id: '1000',
  openid: PAYER,
  transfer_amount: amount,
  transfer_remark: '活动奖励',
  transfer_scene_report_infos: [
    { info_type: '活动名称', info_content: '新会员有礼' },
    { info_type: '奖励说明', info_content: '注册会员抽奖一等奖' },
  ],
});

interface Target {
  readonly port: number;
  readonly agent: Agent;
  readonly path: string;
  readonly body: unknown;
}

async function send({ port, agent, path, body }: Target, o: CallOptions): Promise<Answer> {
  const raw = o.raw ?? (body === undefined ? '' : JSON.stringify(body));
  const method = o.method ?? (body === undefined && o.raw === undefined ? 'GET' : 'POST');
  const type = method === 'GET' ? {} : { 'content-type': 'application/json' };
  const length = method === 'GET' ? {} : { 'content-length': String(Buffer.byteLength(raw)) };
  const { body: json, ...answer } = await askDocumented({
    method,
    url: `http://127.0.0.1:${String(port)}`,
    path,
    agent,
    headers: { ...type, ...lower(o.headers ?? {}), ...length },
    // Node frames no body of a GET: its bytes would be read as the next request.
    body: method === 'GET' ? undefined : raw,
  });
  return { ...answer, json };
}

const lower = (headers: NonNullable<CallOptions['headers']>): Record<string, string | string[]> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

/** A record as plain data, for a deep comparison of before and after. */
export const frozen = (record: unknown): unknown => structuredClone(record);

/** What moves money at WeChat, as the simulator saw it. */
export const moneyCalls = (simulator: Simulator): number =>
  simulator.requests.filter(
    (r) =>
      r.method === 'POST' &&
      (r.path.startsWith('/v3/refund/') || r.path.startsWith('/v3/fund-app/')),
  ).length;
