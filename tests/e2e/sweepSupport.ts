/** A whole service beside the simulator, both on one clock that stands still until it is moved. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { assemble, type Service } from '../../bin/assemble';
import type { RecordStore } from '../../services/stores/orderStore';
import { createSimulator, type Simulator, type SimulatorOptions } from '../../simulator';
import { cut, startHere } from '../helpers/core';
import { createLogBook, type LogLine } from '../helpers/logBook';
import { ownStore, type OwnStore } from '../helpers/ownStore';

export const OPERATOR_KEY = 'operator-key-for-tests-0123456789abcdef';
export const SWEEP_KEY = 'sweep-key-for-tests-0123456789abcdef0123';
/** 2026-03-10 10:00 in Beijing. */
export const START_MS = Date.parse('2026-03-10T10:00:00+08:00');
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Counts what arrives: id → how often, and the types by subject. */
export interface Receiver {
  readonly url: string;
  readonly ids: Map<string, number>;
  readonly events: { readonly type: string; readonly subject: string; readonly data: unknown }[];
  /** Answers 500 while true for this subject. */
  refuse: (subject: string) => boolean;
  close(): Promise<void>;
}

export async function createReceiver(): Promise<Receiver> {
  const ids = new Map<string, number>();
  const events: Receiver['events'] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const event = JSON.parse(Buffer.concat(chunks).toString()) as Receiver['events'][number];
      if (receiver.refuse(event.subject)) {
        res.writeHead(500).end();
        return;
      }
      const id = String(req.headers['webhook-id']);
      ids.set(id, (ids.get(id) ?? 0) + 1);
      events.push(event);
      res.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const receiver: Receiver = {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/effects`,
    ids,
    events,
    refuse: () => false,
    close: () => cut(server),
  };
  return receiver;
}

export interface Stage {
  readonly simulator: Simulator;
  readonly receiver: Receiver;
  readonly service: Service;
  readonly url: string;
  readonly lines: LogLine[];
  readonly store: OwnStore;
  /** The store under the service, of all merchants. */
  readonly records: RecordStore;
  post(name: string, body: object, key?: string): Promise<{ status: number; body: Answer }>;
  /** Moves the clock, sweeping until nothing is left due. */
  pass(ms: number, stepMs?: number): Promise<void>;
  sweepAll(): Promise<number>;
  /** Another instance on the same store; `'own'`: on a connection of its own to the same database. */
  another(store?: 'own'): Promise<Service>;
  close(): Promise<void>;
}

export interface Answer {
  readonly code: number;
  readonly error?: string;
  readonly data: { readonly status: number; readonly data: Record<string, unknown> } | null;
}

export interface StageOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly simulator?: SimulatorOptions;
  readonly store?: RecordStore;
}

export async function createStage(options: StageOptions = {}): Promise<Stage> {
  const simulator = await createSimulator({
    nowMs: START_MS,
    frozen: true,
    autoDeliver: false,
    ...options.simulator,
  });
  const receiver = await createReceiver();
  const { logger, lines } = createLogBook();
  const env = simulator.env({
    databaseUrl: 'memory:',
    operatorKeys: `${OPERATOR_KEY},sweep:${SWEEP_KEY}`,
    webhookUrl: receiver.url,
    webhookSecret: 'a-webhook-secret-of-32-characters',
    sweepSeconds: '0',
    ...options.env,
  });
  const clock = { now: () => simulator.clock.now() };
  const parts = { clock, logger, ...(options.store === undefined ? {} : { store: options.store }) };
  const { service, url, drop } = await startHere(env, parts);
  const { sweep, store: records } = service;
  if (records === undefined || sweep === undefined) {
    throw new Error(`settings: ${JSON.stringify(lines)}`);
  }
  const others: Service[] = [];

  const sweepAll = async (): Promise<number> => {
    for (let done = 0, turn = 0; turn < 200; turn++) {
      const result = await sweep.runOnce();
      done += result.done;
      if (result.left === 0) return done;
    }
    throw new Error('the sweep does not come to an end');
  };

  return {
    simulator,
    receiver,
    service,
    url,
    lines,
    store: ownStore(records),
    records,
    sweepAll,
    async post(name, body, key = OPERATOR_KEY) {
      const reply = await fetch(`${url}/wx-pay/${name}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': key },
        body: JSON.stringify(body),
      });
      return { status: reply.status, body: (await reply.json()) as Answer };
    },
    async pass(ms, stepMs = ms) {
      for (let passed = 0; passed < ms; passed += stepMs) {
        await simulator.clock.advance(Math.min(stepMs, ms - passed));
        await sweepAll();
      }
    },
    async another(own) {
      const other = assemble(env, own === 'own' ? { clock, logger } : { ...parts, store: records });
      others.push(other);
      await other.start();
      return other;
    },
    async close() {
      for (const other of others) await other.close();
      await drop();
      await receiver.close();
      await simulator.close();
    },
  };
}

export const openidOf = (i: number): string => `oPayer${String(i).padStart(22, '0')}`;

export const orderBody = (no: string, i: number, more: object = {}): object => ({
  out_trade_no: no,
  description: `第 ${String(i)} 件`,
  amount: { total: 100 + i },
  payer: { openid: openidOf(i) },
  ...more,
});

/** The calls WeChat's stand-in saw, as `GET /path`, without queries. */
export function callsOf(simulator: Simulator): Map<string, number> {
  const calls = new Map<string, number>();
  for (const { method, path } of simulator.requests) {
    const name = `${method} ${path.split('?', 1)[0] ?? ''}`;
    calls.set(name, (calls.get(name) ?? 0) + 1);
  }
  return calls;
}

export async function inGroups<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  size = 16,
): Promise<void> {
  for (let i = 0; i < items.length; i += size) {
    await Promise.all(items.slice(i, i + size).map(work));
  }
}
