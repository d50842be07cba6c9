/** Hooks in real threads, from real files of both kinds. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { SETTINGS, type Setting } from '../../config/schema';
import { createHooksSink, hookEnvironment } from '../../services/delivery/hooks/hooksSink';
import type { EffectType } from '../../services/ledger/record';
import { systemClock } from '../../utils/clock';
import { silentLogger, type LogFields } from '../../utils/logger';
import { freeTimers, holdTimers, passTime, until, watched } from '../helpers/waiting';
import { anEvent, OPENID } from '../unit/effects/helpers';

let folder = '';
const opened: { close(): Promise<void> }[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pay-common-hooks-'));
});
afterEach(async () => {
  freeTimers();
  for (const one of opened.splice(0)) await one.close();
  rmSync(folder, { recursive: true, force: true });
});

/** `note(x)` in the module's text writes a line that `notes()` reads. */
function hooks(text: string, options: { name?: string; timeoutMs?: number; env?: object } = {}) {
  const path = join(folder, options.name ?? 'hooks.js');
  const notebook = join(folder, 'notes');
  const append = `appendFileSync(${JSON.stringify(notebook)}, JSON.stringify(x ?? null) + '\\n')`;
  const head = path.endsWith('.mjs')
    ? `import { appendFileSync } from 'node:fs';`
    : `const { appendFileSync } = require('node:fs');`;
  const write = (body: string): void => {
    writeFileSync(path, `${head}\nconst note = (x) => ${append};\n${body}`);
  };
  write(text);
  const logged: { fields: LogFields; event: string }[] = [];
  const log = (fields: LogFields, event: string): void => void logged.push({ fields, event });
  const sink = createHooksSink({
    path,
    env: { PATH: '/usr/bin', ...options.env },
    clock: systemClock,
    logger: { ...silentLogger, info: log, warn: log },
    timeoutMs: options.timeoutMs ?? 60_000,
  });
  opened.push(sink);
  const notes = (): unknown[] => {
    if (!existsSync(notebook)) return [];
    // The thread may be writing: only lines that have ended are read.
    const ended = readFileSync(notebook, 'utf8').split('\n').slice(0, -1);
    return ended.map((line) => JSON.parse(line) as unknown);
  };
  return { sink, notes, logged, write, path };
}

const paid = anEvent('order.paid');

it.each(['hooks.js', 'hooks.cjs', 'hooks.mjs'])('calls the handlers of %s', async (name) => {
  const text = name.endsWith('.mjs') ? 'export const ' : 'exports.';
  const { sink, notes } = hooks(
    `${text}handlerUnifiedTrigger = async (params, meta) => { note([params, meta]); };`,
    { name },
  );
  expect(await sink.deliver(paid)).toBe('delivered');
  expect(notes()).toEqual([
    [
      expect.objectContaining({ out_trade_no: 'ORDER0001', trade_state: 'SUCCESS' }),
      { effectId: paid.id, type: 'order.paid', event: paid },
    ],
  ]);
});

it.each([
  ['an ES default export', 'hooks.mjs', 'export default { handlerUnifiedTrigger() { note(1) } };'],
  [
    'an instance, with its this',
    'hooks.js',
    'class S { x = 1; handlerUnifiedTrigger() { note(this.x) } } module.exports = new S();',
  ],
])('takes %s', async (_what, name, text) => {
  const { sink, notes } = hooks(text, { name });
  await sink.deliver(paid);
  expect(notes()).toEqual([1]);
});

it('gives a transfer its parameters, its result and the effect', async () => {
  const { sink, notes } = hooks('exports.handlerTransfer = (p, r, m) => note([p, r, m.effectId]);');
  const event = anEvent('transfer.accepted');
  await sink.deliver(event);
  expect(notes()).toEqual([
    [
      expect.objectContaining({ out_bill_no: 'BILL0001', transfer_amount: 30, openid: OPENID }),
      expect.objectContaining({ state: 'WAIT_USER_CONFIRM', package_info: expect.any(String) }),
      event.id,
    ],
  ]);
});

it('counts a missing handler as delivered', async () => {
  const { sink } = hooks('exports.somethingElse = 1;');
  expect(await sink.deliver(paid)).toBe('delivered');
  expect(await sink.deliver(anEvent('order.mismatch'))).toBe('delivered');
});

it('takes a path from the working folder', async () => {
  const { notes, path } = hooks('exports.handlerUnifiedTrigger = () => note(1);');
  const sink = createHooksSink({
    path: relative(process.cwd(), path),
    env: {},
    clock: systemClock,
    logger: silentLogger,
  });
  opened.push(sink);
  await sink.deliver(paid);
  expect(notes()).toEqual([1]);
});

const GOOD = 'exports.handlerRefund = () => note("fine");';

it.each([
  ['throws', 'throw new Error("no stock for ' + OPENID + '");', 'hook failed: Error: no stock'],
  ['rejects with nothing', 'return Promise.reject();', 'hook failed'],
  ['calls process.exit()', 'process.exit(0);', 'ended its thread: 0'],
  [
    'crashes later',
    'setTimeout(() => { throw new Error("late"); }); return new Promise(() => {});',
    'hook crashed: Error: late',
  ],
  [
    'crashes with no error',
    'setTimeout(() => { throw undefined; }); return new Promise(() => {});',
    'hook crashed',
  ],
  [
    'forgets a rejection',
    'Promise.reject(new Error("lost")); return new Promise(() => {});',
    'hook crashed: Error: lost',
  ],
])('that %s fails and harms nothing', async (_what, body, reason) => {
  const { sink, notes } = hooks(`${GOOD}\nexports.handlerUnifiedTrigger = () => { ${body} };`);
  const error = await sink.deliver(paid).then(
    () => undefined,
    (e: unknown) => e as Error,
  );
  expect(error?.message).toContain(reason);
  expect(error?.message).not.toContain(OPENID);
  expect(await sink.deliver(anEvent('refund.requested'))).toBe('delivered');
  expect(notes()).toEqual(['fine']);
});

it.each([
  ['in a loop', 'for (;;);'],
  ['in a promise', 'return new Promise(() => {});'],
])('that hangs %s is ended, and called again in a new thread', async (_what, body) => {
  const { sink, notes } = hooks(
    `note('start'); ${GOOD}\nexports.handlerUnifiedTrigger = () => { note('hang'); ${body} };`,
    { timeoutMs: 400 },
  );
  holdTimers();
  const called = watched(sink.deliver(paid));
  // This thread goes on meanwhile, or it would never see this.
  await until('the hook hangs', () => notes().includes('hang'));
  await passTime(399);
  expect(called.settled()).toBe(false);
  await passTime(1);
  await expect(called.work).rejects.toThrow('no answer in time: 400 ms');
  expect(await sink.deliver(anEvent('refund.requested'))).toBe('delivered');
  expect(notes()).toEqual(['start', 'hang', 'start', 'fine']);
});

it('that takes all memory loses its thread alone', async () => {
  const { sink } = hooks(
    `${GOOD}\nexports.handlerUnifiedTrigger = () => { const a = []; for (;;) a.push(new Array(1e5).fill({})); };`,
  );
  await expect(sink.deliver(paid)).rejects.toThrow(/crashed|ended its thread/);
  expect(await sink.deliver(anEvent('refund.requested'))).toBe('delivered');
});

it('that does not load fails, and is read again the next time', async () => {
  const { sink, notes, write } = hooks('syntax error here');
  await expect(sink.deliver(paid)).rejects.toThrow('failed to load');
  write('exports.handlerUnifiedTrigger = () => note(1);');
  expect(await sink.deliver(paid)).toBe('delivered');
  expect(notes()).toEqual([1]);
});

it('keeps one thread for many calls, also at once', async () => {
  const { sink, notes } = hooks(
    `note('start'); exports.handlerUnifiedTrigger = async (p, { effectId }) => {
      await new Promise(setImmediate);
      if (effectId === 'ef_bad') throw new Error('bad');
    };`,
  );
  const outcomes = await Promise.allSettled(
    ['ef_1', 'ef_bad', 'ef_3'].map((id) => sink.deliver({ ...paid, id })),
  );
  expect(outcomes.map((o) => o.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(notes()).toEqual(['start']);
});

it('logs what is printed, bounded and without openids', async () => {
  const { sink, logged } = hooks(
    `exports.handlerUnifiedTrigger = (params) => {
      console.log(params);
      console.error('x'.repeat(5000));
      for (let i = 0; i < 500; i++) console.log('line', i);
      process.stdout.write('y'.repeat(100000));
    };`,
  );
  await sink.deliver(paid);
  const output = () => logged.filter((l) => l.event === 'hook output');
  await until('what was printed is logged', () => output().length > 10);
  await sink.close();
  const lines = output().map((l) => l.fields['detail']);
  expect(lines.length).toBeLessThanOrEqual(100);
  expect(lines.every((line) => String(line).length <= 1000)).toBe(true);
  expect(JSON.stringify(lines)).toContain('[openid]');
  expect(JSON.stringify(lines)).not.toContain(OPENID);
});

it('sees its own settings and none of our secrets', async () => {
  const secrets = {
    privateKey: 's1',
    apiV3Key: 's2',
    operatorKeys: 's3',
    webhookSecret: 's4',
    databaseUrl: 's5',
    amqpUrl: 's6',
    CLOUDBASE_APIKEY: 's7',
    recordKey: 's8',
    NODE_OPTIONS: '--max-old-space-size=64',
  };
  const { sink, notes } = hooks('exports.handlerUnifiedTrigger = () => note(process.env);', {
    env: { ...secrets, SHOP_DB: 'mysql://shop' },
  });
  await sink.deliver(paid);
  expect(notes()).toEqual([{ PATH: '/usr/bin', SHOP_DB: 'mysql://shop' }]);
  expect(hookEnvironment({ PRIVATEKEY: 'x', A: undefined, B: '1' })).toEqual({ B: '1' });
});

it('stops when it is told to, and when it is closed', async () => {
  const { sink } = hooks('exports.handlerUnifiedTrigger = () => new Promise(() => {});');
  const stop = new AbortController();
  const first = sink.deliver(paid, stop.signal);
  setTimeout(() => {
    stop.abort();
  }, 50);
  await expect(first).rejects.toThrow('stopped');
  const second = sink.deliver({ ...paid, id: 'ef_2' });
  setTimeout(() => void sink.close(), 100);
  await expect(second).rejects.toThrow('closed');
  await expect(sink.deliver(paid)).rejects.toThrow('closed');
});

it('has a handler for every type or none by decision', async () => {
  const types: EffectType[] = ['order.created', 'order.closed', 'refund.closed', 'transfer.failed'];
  const { sink, notes } = hooks(
    `for (const name of ['handlerUnified', 'handlerOther', 'handlerRefundTrigger', 'handlerTransferTrigger'])
      exports[name] = (_p, { type }) => note([name, type]);`,
  );
  for (const type of types) await sink.deliver(anEvent(type));
  expect(notes()).toEqual([
    ['handlerUnified', 'order.created'],
    ['handlerOther', 'order.closed'],
    ['handlerRefundTrigger', 'refund.closed'],
    ['handlerTransferTrigger', 'transfer.failed'],
  ]);
});

it('is kept from every setting that the settings call secret', () => {
  const secrets = (SETTINGS as readonly Setting[]).filter((setting) => setting.secret === true);
  expect(secrets.length).toBeGreaterThan(5);
  const env = Object.fromEntries(secrets.map(({ name }) => [name, 'x']));
  expect(hookEnvironment(env)).toEqual({});
});
