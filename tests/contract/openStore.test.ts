import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openStore } from '../../services/stores';
import { createConnectionPool } from '../../services/stores/sql/connectionPool';
import { readDatabaseUrl } from '../../services/stores/sql/databaseUrl';
import { withTimeout } from '../../services/stores/sql/sqlDriver';
import { createDueReader } from '../../services/stores/dueReader';
import { columnsOf } from '../../services/stores/storeRules';
import type { CombinationRecord, Payment } from '../../services/ledger/record';
import { systemClock } from '../../utils/clock';
import { StoreError } from '../../utils/errors';
import { silentLogger } from '../../utils/logger';
import { aRefund, aTransfer, anOrder } from '../helpers/storeRecords';
import { MCHID } from '../helpers/ownStore';

const open = (url: string) => openStore({ url, clock: systemClock, logger: silentLogger });

describe('openStore', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pay common-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('opens what the URL names, and makes the folder of a file', async () => {
    const path = join(folder, 'a b/c.db');
    for (const [url, name] of [
      [pathToFileURL(path).href, 'sqlite'],
      [`file:${join(folder, 'other%20one.db')}`, 'sqlite'],
      ['memory:', 'memory'],
    ] as const) {
      const store = await open(url);
      expect(store.name).toBe(name);
      await store.close();
    }
    expect(existsSync(path)).toBe(true);
    expect(existsSync(join(folder, 'other one.db'))).toBe(true);
  });

  it('refuses every other URL without repeating it', async () => {
    const bad = [
      '',
      'file:',
      'file::memory:',
      'mongodb://u:topsecret@h',
      'mongodb://u:topsecret@h/?replicaSet=rs0',
      'mongodb://u:topsecret@h/%zz',
      'mongodb://u:topsecret@h/a.b',
      'mongodb://u:topsecret@h/d?nosuch=1',
      'mongodb://u:topsecret@h/d?tls=maybe',
      'mongodb://u:topsecret@h:x/d',
      'mongodb+srv://u:topsecret@h:1/d',
      'redis://u:topsecret@h/0',
      'mysql://u:topsecret@h',
      'mysql://u:topsecret@h/d?ssl=maybe',
      'mysql://u:topsecret@h/d?connections=0',
      'mysql://u:topsecret@10.0.0.5/d?ssl=true',
      'postgres://u:topsecret@h/d?sslmode=prefer',
      'postgres://u:topsecret@h/d?sslrootcert=/ca.pem',
      'postgres://u:topsecret@h/d?sslmode=verify-full&sslrootcert=/no/such/ca.pem',
      'postgres://u:top%secret@h/d',
      'cloudbase:',
    ];
    for (const url of bad) {
      const error: unknown = await open(url).catch((reason: unknown) => reason);
      expect([url, error]).toMatchObject([url, { code: 'CONFIG_INVALID' }]);
      expect(String(error)).not.toMatch(/top%?secret/);
    }
  });

  it('names the package to install where the native part of libsql is missing', async () => {
    jest.resetModules();
    jest.doMock('libsql', () => {
      throw Object.assign(new Error("Cannot find module '@libsql/x'"), {
        code: 'MODULE_NOT_FOUND',
      });
    });
    try {
      await expect(open(`file:${folder}/x.db`)).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringMatching(/npm install libsql/) as string,
      });
    } finally {
      jest.dontMock('libsql');
    }
  });

  it('loads no driver before a store on its database opens', () => {
    const script =
      "const s = require('./services/stores/index.ts');" +
      "const names = ['libsql', 'mysql2', 'pg', 'mongodb', '@cloudbase'];" +
      'const loaded = () => names.filter((n) => Object.keys(require.cache)' +
      ".some((f) => f.includes('node_modules/' + n + '/')));" +
      'const quiet = () => undefined;' +
      'const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };' +
      "s.openStore({ url: 'memory:', clock: Date, logger })" +
      '.then(() => console.log(JSON.stringify(loaded())));';
    const root = join(__dirname, '../..');
    const said = execFileSync(process.execPath, ['--import', 'tsx', '-e', script], { cwd: root });
    expect(JSON.parse(said.toString())).toEqual([]);
  });
});

describe('databaseUrl', () => {
  it('reads address, account and TLS', () => {
    const full = readDatabaseUrl(
      'mysql://us%40er:p%2Fw@[::1]:3307/pay?ssl=true&connections=3',
      3306,
    );
    expect(full).toEqual({
      host: '::1',
      port: 3307,
      user: 'us@er',
      password: 'p/w',
      database: 'pay',
      connectionsMax: 3,
      tls: { rejectUnauthorized: true, checksName: true, minVersion: 'TLSv1.2' },
    });
    const plain = readDatabaseUrl('postgres://u@h/d', 5432);
    expect(plain).toMatchObject({ port: 5432, password: '', connectionsMax: 10, tls: undefined });
    const mode = (text: string) => readDatabaseUrl(`postgres://u@h/d?sslmode=${text}`, 1).tls;
    expect(mode('require')?.rejectUnauthorized).toBe(false);
    expect(mode('verify-ca')).toMatchObject({ rejectUnauthorized: true, checksName: false });
    expect(mode('verify-full')).toMatchObject({ rejectUnauthorized: true, checksName: true });
  });
});

describe('columnsOf', () => {
  const payment = (facts: Partial<Payment> = {}): Payment => ({
    transaction_id: '4200',
    total: 100,
    currency: 'CNY',
    appid: 'a',
    mchid: 'm',
    success_time: '2026-01-02T03:04:05+08:00',
    proof: 'signature',
    source: 'callback',
    ...facts,
  });
  const paidAt = Date.UTC(2026, 0, 1, 19, 4, 5);

  it('reads an order: what is paid and what was refunded', () => {
    const refunds = [
      aRefund({ refund: 30 }),
      aRefund({ refund: 20, status: 'PROCESSING' }),
      aRefund({ refund: 10 }),
    ];
    expect(columnsOf(anOrder('O', { payment: payment(), refunds }))).toMatchObject({
      total_fen: 100,
      paid_fen: 100,
      refunded_fen: 40,
      transaction_id: '4200',
      success_at: paidAt,
      due_at: null,
      min_reader: 0,
    });
    expect(columnsOf(anOrder('O'))).toMatchObject({ paid_fen: null, success_at: null });
  });

  it('leaves out what does not fit a column', () => {
    const odd = payment({ success_time: 'yesterday', transaction_id: 'x'.repeat(129), total: 1.5 });
    expect(columnsOf(anOrder('O', { payment: odd, payer: 'a\0b' }))).toMatchObject({
      paid_fen: null,
      success_at: null,
      transaction_id: null,
      payer: null,
    });
  });

  it('reads a transfer and a combination', () => {
    const done = aTransfer('T', { state: 'SUCCESS', update_time: '2026-01-02T03:04:05+08:00' });
    expect(columnsOf(done)).toMatchObject({ total_fen: 30, paid_fen: 30, success_at: paidAt });
    const { amount: _, ...base } = anOrder('C');
    const sub = { mchid: 'm', out_trade_no: 'S', description: 'd' };
    const amount = { total_amount: 60, currency: 'CNY' as const };
    const combination = {
      ...base,
      kind: 'combination',
      sub_orders: [
        { ...sub, amount, payment: payment({ total: 60 }), refunds: [aRefund({ refund: 5 })] },
        { ...sub, amount, refunds: [] },
      ],
    } as unknown as CombinationRecord;
    expect(columnsOf(combination)).toMatchObject({
      total_fen: 120,
      paid_fen: 60,
      refunded_fen: 5,
      success_at: paidAt,
      transaction_id: null,
    });
  });
});

describe('due records', () => {
  it('alarms once of each row that cannot be read, and goes on where endless ones ended', async () => {
    const alarms: unknown[] = [];
    let pages = 0;
    let end = Number.POSITIVE_INFINITY;
    const due = createDueReader<number>(
      {
        page: async ({ limit, after }) => {
          pages += 1;
          const rows = Array.from({ length: limit }, (_, i) => (after?.[0] ?? 0) + i + 1);
          return rows.filter((row) => row <= end);
        },
        key: (row) => [row, 'order', String(row)],
        open: (row) => {
          if (row === end) return anOrder('GOOD');
          throw new StoreError('STORE_UNAVAILABLE', { detail: String(row) });
        },
      },
      { ...silentLogger, error: (fields) => void alarms.push(fields['no']) },
    );
    expect(await due(MCHID, 0, 2, 'ask')).toEqual([]);
    expect(await due(MCHID, 0, 2, 'ask')).toEqual([]);
    expect(pages).toBe(200);
    expect(alarms).toEqual(Array.from({ length: 400 }, (_, i) => String(i + 1)));
    // Behind more of them than two calls look at: reached by the third, and by a later one again.
    end = 501;
    expect((await due(MCHID, 0, 2, 'ask')).map(({ no }) => no)).toEqual(['GOOD']);
    expect(await due(MCHID, 0, 2, 'ask')).toEqual([]);
    expect(await due(MCHID, 0, 2, 'ask')).toEqual([]);
    expect((await due(MCHID, 0, 2, 'ask')).map(({ no }) => no)).toEqual(['GOOD']);
    expect(alarms).toHaveLength(500);
  });
});

describe('a time limit', () => {
  it('lets an answer count that came while this process was frozen', async () => {
    const answer = withTimeout(stat(__filename), 5);
    // The answer lies ready, and so does the timer; Node.js looks at timers first.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    expect((await answer).isFile()).toBe(true);
    const never = new Promise<never>(() => undefined);
    await expect(withTimeout(never, 5)).rejects.toMatchObject({ code: 'TIMEOUT' });
  });
});

describe('connection pool', () => {
  interface Line {
    readonly id: number;
    dead: boolean;
  }
  function make(connectionsMax: number, room = Number.POSITIVE_INFINITY) {
    const made: Line[] = [];
    const closed: number[] = [];
    const asked: number[] = [];
    const lost: (() => void)[] = [];
    const clock = { time: 0, now: () => clock.time };
    const pool = createConnectionPool<Line>({
      name: 'test',
      connectionsMax,
      clock,
      connect: async (onLost) => {
        await new Promise((go) => setImmediate(go));
        if (made.length - closed.length >= room) throw new Error('full');
        const line = { id: made.length, dead: false };
        made.push(line);
        lost.push(onLost);
        return line;
      },
      probe: async (line) => {
        asked.push(line.id);
        if (line.dead) throw new Error('dead');
      },
      close: (line) => closed.push(line.id),
      isUsableAfter: (error) => (error as Error).message === 'refused',
      isFull: (error) => (error as Error).message === 'full',
    });
    return { pool, made, closed, asked, lost, clock };
  }
  const fail = (message: string) => () => Promise.reject(new Error(message));

  it('asks a connection that slept, and replaces a dead one unnoticed', async () => {
    const { pool, made, closed, clock } = make(2);
    await pool.use(async (line) => {
      line.dead = true;
    });
    expect(await pool.use(async (line) => line.id)).toBe(0);
    clock.time += 6000;
    expect(await pool.use(async (line) => line.id)).toBe(1);
    expect([made.length, closed]).toEqual([2, [0]]);
    await pool.close();
  });

  it('keeps a connection after a refusal, and not after a break', async () => {
    const { pool, closed } = make(1);
    await expect(pool.use(fail('refused'))).rejects.toThrow('refused');
    expect(await pool.use(async (line) => line.id)).toBe(0);
    await expect(pool.use(fail('broken'))).rejects.toThrow('broken');
    expect(closed).toEqual([0]);
    expect(await pool.use(async (line) => line.id)).toBe(1);
    await pool.close();
  });

  it('drops a connection that ended by itself, idle or in use', async () => {
    const { pool, lost, closed } = make(1);
    await pool.use(async () => undefined);
    lost[0]?.();
    await pool.use(async () => {
      lost[1]?.();
    });
    expect(closed).toEqual([0, 1]);
    expect(await pool.use(async (line) => line.id)).toBe(2);
    await pool.close();
  });

  const atOnce = <T>(count: number, work: () => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: count }, work));
  const aMoment = () => new Promise((go) => setImmediate(go));

  it('asks one of those that slept together, not each in turn, when it does not answer', async () => {
    const { pool, made, asked, closed, clock } = make(10);
    await atOnce(10, () => pool.use(aMoment));
    for (const line of made) line.dead = true;
    clock.time += 6000;
    expect(await pool.use(async (line) => line.id)).toBe(10);
    expect([asked.length, closed.length]).toEqual([1, 10]);
    await pool.close();
  });

  it('asks the idle ones after one broke, whenever they were used last', async () => {
    const { pool, made, asked } = make(2);
    await atOnce(2, () => pool.use(aMoment));
    const [first, second] = made;
    await expect(pool.use(fail('broken'))).rejects.toThrow('broken');
    expect(await pool.use(async (line) => line === first || line === second)).toBe(true);
    expect(asked).toHaveLength(1);
    await pool.close();
  });

  it('shares what it has where the server has no room for more', async () => {
    const { pool, made } = make(10, 2);
    expect(await atOnce(40, () => pool.use(aMoment))).toHaveLength(40);
    expect(made).toHaveLength(2);
    await pool.close();
  });

  it('never makes more than it may, and closes when the work is done', async () => {
    const { pool, made, closed } = make(3);
    let busy = 0;
    let most = 0;
    const work = Array.from({ length: 50 }, () =>
      pool.use(async () => {
        most = Math.max(most, (busy += 1));
        await new Promise((go) => setImmediate(go));
        busy -= 1;
      }),
    );
    await Promise.all(work);
    const last = pool.use(() => new Promise((go) => setImmediate(go)));
    await pool.close();
    await last;
    expect([most, made.length, closed.length]).toEqual([3, 3, 3]);
    await expect(pool.use(async () => 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});
