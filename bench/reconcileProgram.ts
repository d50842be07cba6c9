/**
 * The world around a reconciliation of the built program: a SQLite database with a day's paid orders, their
 * bills, and a WeChat that hands them out, signed. Prints what the program took at most, as Linux counts it
 * for the whole process (VmHWM).
 *
 *   npm run build
 *   npx tsx bench/reconcileProgram.ts 1000000 [cli | service] [FOLDER of the program, .]
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openStore } from '../services/stores';
import { columnsOf } from '../services/stores/storeRules';
import { APPID, DAY, DAY_START } from '../tests/e2e/reconcileSupport';
import {
  API_V3_KEY,
  createKeyPair,
  MERCHANT_ID,
  MERCHANT_SERIAL,
  PUBLIC_KEY_ID,
  wechatHeaders,
} from '../tests/helpers/wechatKeys';
import { silentLogger } from '../utils/logger';
import { billFile, billHash, createDay, writeBills, type MadeUpDay } from './reconcileBills';

export interface Measured {
  readonly peakMiB: number;
  readonly seconds: number;
  readonly report: Readonly<Record<string, unknown>>;
}

const INSERTED_AT_ONCE = 20_000;
const LOOK_MS = 20;
const OPERATOR_KEY = 'operator-key-for-measuring-0123456789';
const databaseOf = (folder: string): string => join(folder, 'books.db');

interface Sqlite {
  exec(sql: string): void;
  close(): void;
  prepare(sql: string): { run(...values: unknown[]): unknown };
}

/** Past the store, in few transactions: this is about reading them. */
async function fill(folder: string, day: MadeUpDay): Promise<void> {
  const url = `file:${databaseOf(folder)}`;
  const clock = { now: () => DAY_START };
  const store = await openStore({ url, clock, logger: silentLogger });
  await store.close();
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const Database = require('libsql') as new (path: string) => Sqlite;
  const db = new Database(databaseOf(folder));
  const names = [
    'mchid',
    'kind',
    'no',
    'version',
    ...Object.keys(columnsOf(day.recordOf(1))),
    'body',
  ];
  const unique = [...new Set(names)];
  const places = unique.map(() => '?').join(', ');
  const insert = db.prepare(`INSERT INTO pay_record (${unique.join(', ')}) VALUES (${places})`);
  for (let i = 0; i < day.rows; i += INSERTED_AT_ONCE) {
    db.exec('BEGIN');
    for (let k = i; k < Math.min(day.rows, i + INSERTED_AT_ONCE); k++) {
      if (!day.isHeld(k)) continue;
      const record = day.recordOf(k);
      const { mchid, kind, no, version } = record;
      const row = { mchid, kind, no, version, ...columnsOf(record), body: JSON.stringify(record) };
      insert.run(...unique.map((name) => (row as Record<string, unknown>)[name]));
    }
    db.exec('COMMIT');
  }
  db.close();
}

/** Hands out the bills, and knows of no order. */
async function serve(folder: string, privateKey: string): Promise<http.Server> {
  const server = http.createServer((req, res) => {
    const url = new URL(req.url ?? '/', 'http://localhost');
    const name = url.searchParams.get('name') === 'fundflowbill' ? 'fundflowbill' : 'tradebill';
    if (url.pathname === '/v3/billdownload/file') {
      createReadStream(billFile(folder, name)).pipe(res);
      return;
    }
    const told = /^\/v3\/bill\/(tradebill|fundflowbill)$/.exec(url.pathname)?.[1];
    const download_url = `http://${req.headers.host ?? ''}/v3/billdownload/file?name=${told ?? ''}`;
    const body =
      told === undefined
        ? { code: 'ORDER_NOT_EXIST', message: '订单不存在' }
        : {
            hash_type: 'SHA1',
            hash_value: billHash(folder, told as 'tradebill'),
            download_url,
          };
    const raw = JSON.stringify(body);
    const key = { serial: PUBLIC_KEY_ID, privateKey };
    res.writeHead(told === undefined ? 404 : 200, wechatHeaders({ key, raw, at: Date.now() }));
    res.end(raw);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function peakOf(child: ChildProcess): number {
  try {
    const status = readFileSync(`/proc/${String(child.pid)}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

async function outputOf(child: ChildProcess): Promise<string> {
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((done) => child.once('close', done));
  return Buffer.concat(chunks).toString();
}

async function ask(port: number): Promise<Measured['report']> {
  for (let tries = 0; ; tries++) {
    try {
      const reply = await fetch(`http://127.0.0.1:${String(port)}/wx-pay/wxpay_reconcile`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': OPERATOR_KEY },
        body: JSON.stringify({ bill_date: DAY }),
      });
      const { data } = (await reply.json()) as { data: { data: Measured['report'] } };
      return data.data;
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((wait) => setTimeout(wait, 100));
    }
  }
}

/** Runs the built program once over the day, with Node's defaults. */
async function run(
  how: 'cli' | 'service',
  program: string,
  env: NodeJS.ProcessEnv,
): Promise<Measured> {
  const start = performance.now();
  let peakMiB = 0;
  const args = how === 'cli' ? ['bin/pay-common', 'reconcile', DAY, '--json'] : ['bin/www'];
  const [file = '', ...rest] = args;
  const child = spawn(process.execPath, [join(program, file), ...rest], {
    cwd: program,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const timer = setInterval(() => {
    peakMiB = Math.max(peakMiB, peakOf(child));
    if (process.env['TRACE'] !== undefined) process.stderr.write(`${peakMiB.toFixed(0)} `);
  }, LOOK_MS);
  const output = outputOf(child);
  try {
    const asked = how === 'service' ? await ask(Number(env['PORT'])) : undefined;
    peakMiB = Math.max(peakMiB, peakOf(child));
    if (how === 'service') child.kill();
    const text = await output;
    const report = asked ?? (JSON.parse(text) as Measured['report']);
    return { peakMiB, seconds: (performance.now() - start) / 1000, report };
  } finally {
    clearInterval(timer);
    child.kill();
  }
}

async function freePort(): Promise<number> {
  const server = http.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

/** @param program A folder with bin/, index.js and dist/. */
export async function measure(
  rows: number,
  how: 'cli' | 'service',
  program: string,
  keep?: string,
): Promise<Measured> {
  const folder = keep ?? mkdtempSync(join(tmpdir(), 'pay-common-books-'));
  mkdirSync(folder, { recursive: true });
  const wechat = createKeyPair();
  const server = await serve(folder, wechat.privateKey);
  try {
    if (!existsSync(databaseOf(folder))) {
      const day = createDay(rows);
      await writeBills(folder, day);
      await fill(folder, day);
    }
    const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    return await run(how, program, {
      PATH: process.env['PATH'],
      ...(process.env['NODE_OPTIONS'] === undefined
        ? {}
        : { NODE_OPTIONS: process.env['NODE_OPTIONS'] }),
      PORT: String(await freePort()),
      appId: APPID,
      merchantId: MERCHANT_ID,
      apiV3Key: API_V3_KEY,
      merchantSerialNumber: MERCHANT_SERIAL,
      privateKey: createKeyPair().privateKey,
      wxPayPublicKey: wechat.publicKey,
      wxPayPublicKeyId: PUBLIC_KEY_ID,
      notifyURLPayURL: 'https://pay.example.com/wechatpay/order',
      notifyURLRefundsURL: 'https://pay.example.com/wechatpay/refund',
      wxPayBaseUrl: url,
      databaseUrl: `file:${databaseOf(folder)}`,
      operatorKeys: OPERATOR_KEY,
      sweepSeconds: '0',
      logLevel: 'error',
    });
  } finally {
    server.closeAllConnections();
    server.close();
    if (keep === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

async function main([rows = '1000000', how = 'cli', program = '.', keep]: string[]): Promise<void> {
  const way = how === 'service' ? 'service' : 'cli';
  const { peakMiB, seconds, report } = await measure(Number(rows), way, resolve(program), keep);
  process.stdout.write(
    `${way}: ${JSON.stringify(report['by_class'])} of ${String(report['compared'])} rows in ` +
      `${seconds.toFixed(1)} s, resident at most ${peakMiB.toFixed(1)} MiB\n`,
  );
}

if (require.main === module) void main(process.argv.slice(2));
