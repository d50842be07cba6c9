/**
 * Processes of a run: the stand-in for WeChat, services, floors. All end with it, whatever
 * happens.
 */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { AMOUNT_FEN, createMerchant, notification } from './keys.mjs';
import { createClient } from './load.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const START_MS_MAX = 20_000;
const POLL_MS = 4;
/** Linux counts processor time in hundredths of a second. */
const CLOCK_TICK_MS = 10;
const PAYER = 'oBenchmark_payer_of_';

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const healthz = (port) =>
  new Promise((resolve, reject) => {
    http
      .get({ port, host: '127.0.0.1', path: '/healthz', agent: false }, (reply) => {
        let text = '';
        reply.on('data', (part) => (text += part));
        reply.on('end', () => resolve(text));
      })
      .on('error', reject);
  });

const firstLine = (stream) =>
  new Promise((resolve) => {
    let text = '';
    stream.on('data', (part) => {
      text += part;
      if (text.includes('\n')) resolve(text);
    });
  });

/** Peak and present resident memory of a process, MiB; undefined where the system does not tell. */
export function memoryOf(pid) {
  try {
    const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
    const mib = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) / 1024;
    return { peak: mib('VmHWM'), now: mib('VmRSS') };
  } catch {
    return undefined;
  }
}

/** Processor milliseconds a process has used so far, all its threads together; 0 where not told. */
function cpuMsOf(pid) {
  try {
    const fields = fs
      .readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS;
  } catch {
    return 0;
  }
}

export class World {
  /** What must be undone even when the run is interrupted: functions that return a promise. */
  undo = new Set();
  /** What was answered to requests that failed → how often. */
  refusals = new Map();
  merchant = createMerchant();
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pay-common-bench-'));
  #children = new Set();
  #orders = 0;

  constructor(dist) {
    // A copy: a build that happens meanwhile must not change what is measured.
    this.dist = path.join(this.folder, 'dist');
    fs.cpSync(dist, this.dist, { recursive: true });
    const packages = path.resolve(here, '../../node_modules');
    if (fs.existsSync(packages)) fs.symlinkSync(packages, path.join(this.folder, 'node_modules'));
    process.on('exit', () => this.#end());
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.once(signal, () => {
        for (const child of this.#children) child.kill('SIGKILL');
        const all = [...this.undo].map((one) => one());
        void Promise.allSettled(all).then(() => process.exit(1));
      });
    }
  }

  #end() {
    for (const child of this.#children) child.kill('SIGKILL');
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  async open() {
    const { platform, ...rest } = this.merchant;
    const file = path.join(here, 'gateway.mjs');
    const child = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.add(child);
    const given = { ...rest, platformKey: platform.privateKey, payerPrefix: PAYER };
    child.stdin.write(`${JSON.stringify(given)}\n`);
    this.wechatUrl = JSON.parse(await firstLine(child.stdout)).url;
  }

  freshFile = (name) => path.join(fs.mkdtempSync(path.join(this.folder, 'data-')), name);

  settings(more) {
    const { merchant } = this;
    return {
      PATH: process.env.PATH,
      HOME: this.folder,
      signMode: 'sdk',
      appId: merchant.appId,
      merchantId: merchant.mchId,
      apiV3Key: merchant.apiV3Key,
      merchantSerialNumber: 'A'.repeat(40),
      privateKey: merchant.own.privateKey,
      wxPayPublicKey: merchant.platform.publicKey,
      wxPayPublicKeyId: merchant.keyId,
      notifyURLPayURL: 'https://pay.example.com/wechatpay/order',
      notifyURLRefundsURL: 'https://pay.example.com/wechatpay/refund',
      wxPayBaseUrl: this.wechatUrl,
      trustWxHeaders: 'true',
      sweepSeconds: '0',
      logLevel: 'warn',
      ...more,
    };
  }

  /** Starts a process and waits for its first answer, timed from the start of the process. */
  async start(args, { env = {}, node = process.execPath, cwd = this.dist } = {}) {
    const port = await freePort();
    const started = performance.now();
    const stdio = ['ignore', 'ignore', 'inherit'];
    const settings = { ...this.settings(env), PORT: String(port) };
    const child = spawn(node, args, { cwd, stdio, env: settings });
    this.#children.add(child);
    let health;
    while (health === undefined) {
      health = await healthz(port).catch(() => undefined);
      const gone = child.exitCode !== null || child.signalCode !== null;
      if (gone || performance.now() - started > START_MS_MAX) throw new Error('it does not start');
      if (health === undefined) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    const startMs = performance.now() - started;
    const stop = (signal = 'SIGKILL') =>
      new Promise((resolve) => {
        child.once('exit', resolve);
        child.kill(signal);
      }).then(() => this.#children.delete(child));
    const { pid } = child;
    const told = { memory: () => memoryOf(pid), cpuMs: () => cpuMsOf(pid) };
    return { port, pid, startMs, health, stop, ...told };
  }

  service(env = {}, options = {}) {
    const databaseUrl = `file:${this.freshFile('pay.db')}`;
    return this.start(['index.js'], { ...options, env: { databaseUrl, ...env } });
  }

  floor() {
    const env = { floorJournal: this.freshFile('floor.journal') };
    return this.start([path.join(here, 'floor.mjs')], { env });
  }

  /** Keeps what the refused ones said: a count alone would not tell a fault from an overload. */
  #good(good, { status, body, error }) {
    if (good) return true;
    const why = `${String(status)} ${error ?? body.error ?? body.message ?? ''}`.trim();
    this.refusals.set(why, (this.refusals.get(why) ?? 0) + 1);
    return false;
  }

  /** So many new orders, each of a payer of its own: nobody's limit is reached. */
  orders(count) {
    return Array.from({ length: count }, () => {
      const tail = String(this.#orders++).padStart(8, '0');
      return { no: `B${String(process.pid)}x${tail}`, payer: PAYER + tail };
    });
  }

  notifications = (orders) => orders.map((order) => notification(this.merchant, order));

  /**
   * @returns a function that places the i-th order and tells whether payment parameters came back.
   */
  placing(client, orders) {
    return async (i) => {
      const { no, payer } = orders[i];
      const amount = { total: AMOUNT_FEN, currency: 'CNY' };
      const body = JSON.stringify({ description: 'bench', out_trade_no: no, amount });
      const headers = { 'x-wx-openid': payer, 'x-wx-appid': this.merchant.appId };
      const reply = await client.post('/wx-pay/wxpay_order', body, headers);
      return this.#good(Boolean(reply.body.data?.data?.paySign), reply);
    };
  }

  notifying = (client, notes) => async (i) => {
    const reply = await client.post('/wechatpay/order', notes[i].body, notes[i].headers);
    return this.#good(reply.body.code === 'SUCCESS', reply);
  };
}

/** Milliseconds from start to end of a process that does nothing. */
export function emptyNodeMs(node = process.execPath) {
  const started = performance.now();
  spawnSync(node, ['-e', '0']);
  return performance.now() - started;
}

/** Runs `work` with a client for these processes, then closes its connections. */
export async function withClient(processes, work) {
  const client = createClient(processes.map(({ port }) => port));
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** Runs `work` and adds what processor time these processes spent on it, a request. */
export async function withCpu(processes, count, work) {
  const used = () => processes.reduce((sum, { cpuMs }) => sum + cpuMs(), 0);
  const before = used();
  const result = await work();
  return { ...result, cpuMs: (used() - before) / count };
}
