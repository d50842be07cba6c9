/**
 * The whole service on a port of its own, WeChat Pay played by the simulator, one clock for both. Calls go
 * over real HTTP, as a stranger's would.
 */
import { Agent, createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { assemble, type Overrides, type Service } from '../../../bin/server';
import type { OrderRecord, TransferRecord } from '../../../services/records';
import { createSimulator, type Simulator, type SimulatorOptions } from '../../../simulator';
import { createLogger } from '../../../utils/jsonLogger';

export const PAYER = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';
export const OTHER = 'oUpF8uN95-Ptaags6E_roPHg7AG0';
export const OPERATOR_KEY = 'all-key-0123456789-abcdefghij-0123456';
export const READ_KEY = 'read-key-0123456789-abcdefghij-012345';
export const SWEEP_KEY = 'sweep-key-0123456789-abcdefghij-01234';
export const START_MS = Date.parse('2026-01-02T10:00:00+08:00');

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
}

export interface CallOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Sent as they are. */
  readonly raw?: string | Buffer;
}

export interface Stage {
  readonly simulator: Simulator;
  readonly service: Service;
  readonly server: Server;
  readonly port: number;
  readonly logs: string[];
  call(path: string, body?: unknown, o?: CallOptions): Promise<Answer>;
  /** As PAYER, or another openid, by the platform's header. */
  asPayer(name: string, body: unknown, openid?: string): Promise<Answer>;
  asOperator(name: string, body: unknown, key?: string): Promise<Answer>;
  order(no: string): Promise<OrderRecord | undefined>;
  transfer(no: string): Promise<TransferRecord | undefined>;
  /** Orders, pays at WeChat and lets the service learn of it by a genuine callback. */
  paid(no: string, total?: number): Promise<OrderRecord>;
  close(): Promise<void>;
}

export async function startStage(o: StageOptions = {}): Promise<Stage> {
  const simulator = await createSimulator({
    nowMs: START_MS,
    frozen: true,
    autoDeliver: false,
    ...o.simulator,
  });
  const logs: string[] = [];
  const clock = { now: () => simulator.clock.now() };
  const env = simulator.env({
    databaseUrl: 'memory:',
    operatorKeys: `${OPERATOR_KEY},read:${READ_KEY},sweep:${SWEEP_KEY}`,
    trustWxHeaders: 'true',
    sweepSeconds: '0',
    logLevel: 'debug',
    ...(o.baseUrl === undefined ? {} : { wxPayBaseUrl: o.baseUrl(simulator) }),
    ...o.env,
  });
  const stream = { write: (line: string) => logs.push(line) };
  const service = assemble(env, {
    clock,
    logger: createLogger({ level: 'debug', stream, clock }),
    ...o.overrides,
  });
  await service.start();
  const server = createServer(service.app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return stageOf({ simulator, service, server, port, logs });
}

type Parts = Pick<Stage, 'simulator' | 'service' | 'server' | 'port' | 'logs'>;

function stageOf(parts: Parts): Stage {
  const { simulator, service, server, port } = parts;
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });

  const call: Stage['call'] = (path, body, options = {}) =>
    send({ port, agent, path, body }, options);
  const route = (name: string): string => (name.startsWith('/') ? name : `/wx-pay/${name}`);
  const asPayer: Stage['asPayer'] = (name, body, openid = PAYER) =>
    call(route(name), body, { headers: { 'x-wx-openid': openid } });
  const order: Stage['order'] = async (no) => service.store?.find('order', no);

  return {
    ...parts,
    call,
    asPayer,
    asOperator: (name, body, key = OPERATOR_KEY) =>
      call(route(name), body, { headers: { 'x-api-key': key } }),
    order,
    transfer: async (no) => service.store?.find('transfer', no),
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
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      await service.close();
      await simulator.close();
    },
  };
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

function send({ port, agent, path, body }: Target, o: CallOptions): Promise<Answer> {
  const raw = o.raw ?? (body === undefined ? '' : JSON.stringify(body));
  const method = o.method ?? (body === undefined && o.raw === undefined ? 'GET' : 'POST');
  const headers = {
    ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
    ...lower(o.headers ?? {}),
    ...(method === 'GET' ? {} : { 'content-length': String(Buffer.byteLength(raw)) }),
  };
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, path, method, agent, headers }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: res.statusCode ?? 0, headers: res.headers, text, json: parsed(text) });
      });
    });
    req.on('error', reject);
    // Node frames no body of a GET: its bytes would be read as the next request.
    req.end(method === 'GET' ? undefined : raw);
  });
}

const lower = (headers: NonNullable<CallOptions['headers']>): Record<string, string | string[]> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** A record as plain data, for a deep comparison of before and after. */
export const frozen = (record: unknown): unknown => structuredClone(record);

/** What moves money at WeChat, as the simulator saw it. */
export const moneyCalls = (simulator: Simulator): number =>
  simulator.requests.filter(
    (r) =>
      r.method === 'POST' &&
      (r.path.startsWith('/v3/refund/') || r.path.startsWith('/v3/fund-app/')),
  ).length;
