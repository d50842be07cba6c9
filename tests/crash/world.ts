/**
 * Everything there is around some instances of the service: one database, WeChat Pay, the merchant's receiver.
 * No test framework in here: `npm run soak` uses it, too.
 */
import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Libsql from 'libsql';
import type { StoredRecord } from '../../services/ledger/record';
import { openStore } from '../../services/stores';
import type { OrderStore } from '../../services/stores/orderStore';
import { createSimulator, type NotificationKind, type Simulator } from '../../simulator';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { hasServer, useServer, type ServerKind } from '../helpers/databases';
import { hasPrivateServer, startPrivateServer } from '../helpers/privateServer';
import { startMongodbServer } from '../helpers/mongodbServer';
import { HANG_MS } from '../helpers/waiting';
import { createAmqpReceiver } from './amqpReceiver';
import { createInstance, freePort, type Instance, type Json, type Reply } from './instance';
import { createRandom, type Random } from './random';
import { createReceiver, type Receiver } from './receiver';
import { ownStore } from '../helpers/ownStore';

export const DATABASES = ['sqlite', 'mysql', 'postgres'] as const;
export type SqlKind = (typeof DATABASES)[number];
/** MongoDB: a stand-in for its wire, in this process. */
export type DatabaseKind = SqlKind | 'mongodb';
export const OPERATOR_KEY = 'operator-key-of-the-crash-tests-01234567';
/** Past every lease (30 s) and a refund's first question (60 s), inside every signature's 5 minutes. */
export const LATER_MS = 120_000;

export interface Database {
  readonly kind: DatabaseKind;
  readonly url: string;
  /** Ends every connection. A file has none. */
  cut(): Promise<void>;
  /** SIGKILL to the server, and a new one on its files. A file has none; a shared server is cut off only. */
  restart(): Promise<void>;
  /** How often the server was killed. */
  readonly restarts: number;
  /** One statement, past the service and its store. */
  run(sql: string): Promise<readonly Json[]>;
  drop(): Promise<void>;
}

/** Which databases can be had here. @throws where CI is set and one of them cannot be had. */
export const databasesHere = (): readonly SqlKind[] =>
  DATABASES.filter((kind) => kind === 'sqlite' || hasPrivateServer(kind) || hasServer(kind));

export async function createDatabase(kind: DatabaseKind): Promise<Database> {
  if (kind === 'sqlite') return fileDatabase();
  if (kind === 'mongodb') return mongodbStandIn();
  return hasPrivateServer(kind) ? privateDatabase(kind) : sharedDatabase(kind);
}

function fileDatabase(): Database {
  const folder = mkdtempSync(join(tmpdir(), 'pay-common-crash-db-'));
  const file = join(folder, 'orders.db');
  return {
    kind: 'sqlite',
    url: `file:${file}`,
    cut: async () => undefined,
    restart: async () => undefined,
    restarts: 0,
    async run(sql) {
      const database = new Libsql(file);
      try {
        database.exec('PRAGMA busy_timeout = 5000');
        return database.prepare(sql).all() as Json[];
      } finally {
        database.close();
      }
    },
    async drop() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function mongodbStandIn(): Promise<Database> {
  const server = await startMongodbServer();
  const cut = async (): Promise<void> => {
    server.cutConnections();
  };
  return {
    kind: 'mongodb',
    url: server.url(),
    cut,
    restart: cut,
    restarts: 0,
    run: async () => {
      throw new Error('MongoDB speaks no SQL');
    },
    drop: () => server.close(),
  };
}

async function privateDatabase(kind: ServerKind): Promise<Database> {
  const server = await startPrivateServer(kind);
  const { databases } = server;
  let restarts = 0;
  try {
    const url = await databases.create();
    return {
      kind,
      url,
      cut: () => databases.cutConnections(url),
      async restart() {
        restarts += 1;
        await server.kill();
        await server.start();
      },
      get restarts() {
        return restarts;
      },
      run: (sql) => databases.run(url, sql),
      drop: () => server.close(),
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

async function sharedDatabase(kind: ServerKind): Promise<Database> {
  const server = useServer(kind);
  const url = await server.create();
  return {
    kind,
    url,
    cut: () => server.cutConnections(url),
    restart: () => server.cutConnections(url),
    restarts: 0,
    run: (sql) => server.run(url, sql),
    drop: () => server.close(),
  };
}

/** What WeChat tells of. */
export type Told = Exclude<NotificationKind, 'echo'>;

export interface WorldOptions {
  readonly database: DatabaseKind;
  readonly seed: string;
  readonly instances: number;
  /** Effects go to a message broker; all numbers of this world must begin so. */
  readonly amqpPrefix?: string;
}

export interface World {
  readonly database: Database;
  readonly sim: Simulator;
  readonly receiver: Receiver;
  readonly random: Random;
  readonly instances: readonly Instance[];
  /** The test's own look at the database. */
  readonly store: OrderStore;
  readonly env: Readonly<Record<string, string>>;
  readonly agent: Agent;
  /** Numbers whose callback of that kind was answered SUCCESS. */
  readonly acknowledged: Readonly<Record<Told, Set<string>>>;
  any(): Instance;
  order(no: string, body?: Json, at?: Instance): Promise<Reply>;
  operate(path: string, body: Json, at?: Instance): Promise<Reply>;
  /** One copy of the notification to each instance, at once. @returns whether any was answered SUCCESS. */
  notifyAll(kind: Told, no: string): Promise<boolean>;
  records(): Promise<readonly StoredRecord[]>;
  close(): Promise<void>;
}

const PATHS: Readonly<Record<Told, string>> = {
  payment: '/wechatpay/order',
  refund: '/wechatpay/refund',
  transfer: '/wechatpay/transfer',
};

export const payerOf = (no: string): string => `oPayer_${no}`.padEnd(28, '0').slice(0, 28);

export async function createWorld(options: WorldOptions): Promise<World> {
  // WeChat's callbacks share the signal that ends them all: dozens at once are no leak.
  setMaxListeners(200);
  const random = createRandom(`${options.database}|${options.seed}`);
  const database = await createDatabase(options.database);
  const sim = await createSimulator({
    autoDeliver: false,
    seed: random.between(1, 1e9),
    // WeChat hangs up after 5 s, and a slow machine must be able to answer at all.
    switches: { callbackTimeoutMs: HANG_MS },
  });
  const receiver =
    options.amqpPrefix === undefined
      ? await createReceiver(random.fork('receiver'))
      : await createAmqpReceiver(options.amqpPrefix);
  const agent = new Agent({ keepAlive: false });
  const env = {
    ...sim.env(),
    databaseUrl: database.url,
    operatorKeys: OPERATOR_KEY,
    trustWxHeaders: 'true',
    ordersPerMinute: '1000000',
    openOrdersMax: '1000',
    sweepSeconds: '1',
    ...receiver.settings,
  };
  const instances: Instance[] = [];
  for (let i = 0; i < options.instances; i++) {
    const port = await freePort();
    const name = `${database.kind} ${i + 1}`;
    instances.push(createInstance({ name, port, env, agent }));
  }
  const close = async (): Promise<void> => {
    await Promise.all(instances.map((one) => one.kill()));
    agent.destroy();
    await Promise.all([sim.close(), receiver.close()]);
  };
  try {
    // At once: the first migration is raced as well.
    await Promise.all(instances.map((one) => one.start()));
    const store = await openStore({
      url: database.url,
      clock: systemClock,
      logger: silentLogger,
      migrate: false,
    });
    const own = ownStore(store);
    const parts = { database, sim, receiver, random, instances, store: own, env, agent };
    return {
      ...parts,
      ...actions(parts),
      async close() {
        await close();
        await store.close();
        await database.drop();
      },
    };
  } catch (error) {
    await close();
    await database.drop();
    throw error;
  }
}

function actions(parts: Pick<World, 'sim' | 'random' | 'instances' | 'store'>) {
  const { sim, random, instances, store } = parts;
  const acknowledged = {
    payment: new Set<string>(),
    refund: new Set<string>(),
    transfer: new Set<string>(),
  };
  const any = (): Instance => random.pick(instances);
  const send = async (kind: Told, no: string, url: string) => {
    const sent = await sim.deliver(kind, no, { url: `${url}${PATHS[kind]}` });
    const ok = sent.some((one) => one.statusAnswered === 200);
    // At once: anyone who kills the process next may hold us to it.
    if (ok) acknowledged[kind].add(no);
    return ok;
  };
  return {
    acknowledged,
    any,
    order: (no: string, body: Json = {}, at = any()): Promise<Reply> =>
      at.call(
        'POST',
        '/wx-pay/wxpay_order',
        {
          out_trade_no: no,
          description: '测试商品',
          amount: { total: 100, currency: 'CNY' },
          ...body,
        },
        { 'x-wx-openid': payerOf(no) },
      ),
    operate: (path: string, body: Json, at = any()): Promise<Reply> =>
      at.call('POST', `/wx-pay/${path}`, body, { 'x-api-key': OPERATOR_KEY }),
    async notifyAll(kind: Told, no: string): Promise<boolean> {
      const sent = await Promise.all(instances.map((one) => send(kind, no, one.url)));
      return sent.includes(true);
    },
    async records(): Promise<readonly StoredRecord[]> {
      const all: StoredRecord[] = [];
      for (let after: string | undefined; ;) {
        const page = await store.list({ limit: 500, ...(after === undefined ? {} : { after }) });
        all.push(...page.items);
        if (page.next === undefined) return all;
        after = page.next;
      }
    },
  };
}
