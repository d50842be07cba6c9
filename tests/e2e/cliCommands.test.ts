/** Every command but the doctor, on a real service beside the simulator. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { progressText } from '../../cli/reconcile';
import type { Simulator } from '../../simulator';
import {
  afterTest,
  number,
  OPERATOR_KEY,
  orderBody,
  payer,
  placeAndPay,
  placePaid,
  READ_KEY,
  refundBody,
  operator,
  serviceEnv,
  startService,
  startSim,
  type Running,
} from '../helpers/service';
import { migrations } from '../../services/stores/sql/sqlSchema';
import { anOrder } from '../helpers/storeRecords';
import { cli } from './cliSupport';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'pay-common-cli-'));
  afterTest(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

interface Shop {
  readonly sim: Simulator;
  readonly run: Running;
  readonly env: Record<string, string | undefined>;
  readonly cwd: string;
}

/** A service that runs, and the settings under which a command finds the same database. */
async function shop(more: Record<string, string> = {}): Promise<Shop> {
  const sim = await startSim({ switches: { billReady: 'always' } });
  const cwd = folder();
  const databaseUrl = `file:${join(cwd, 'orders.db')}`;
  const run = await startService({ sim, env: { databaseUrl, ...more } });
  return { sim, run, cwd, env: serviceEnv(sim, { databaseUrl, ...more }) };
}

describe('words', () => {
  it.each([
    [[], 0],
    [['help'], 0],
    [['help', 'sweep'], 0],
    [['doctor', '--help'], 0],
    [['--version'], 0],
    [['dance'], 2],
    [['constructor'], 2],
    [['sweep', '--fast'], 2],
    [['sweep', '--once', '--until-done'], 2],
    [['sweep', 'now'], 2],
    [['reconcile'], 2],
    [['reconcile', '2026-1-2'], 2],
    [['records', 'delete', 'order', 'X'], 2],
    [['records', 'get', 'order'], 2],
    [['records', '--url', 'http://shop.example.com'], 2],
    [['records', '--env', 'not-there.env'], 2],
    [['trigger', 'payment'], 2],
    [['trigger', 'gift', 'X'], 2],
    [['trigger', 'payment', 'X', '--sim', 'https://api.mch.weixin.qq.com'], 2],
    [
      [
        'trigger',
        'payment',
        'X',
        '--sim',
        'http://127.0.0.1:1',
        '--to',
        'https://shop.example.com',
      ],
      2,
    ],
    [['trigger', 'payment', 'X', '--sim', 'http://127.0.0.1:9'], 1],
    [['replay'], 2],
    [['replay', '--kind', 'gift', '--sim', 'http://127.0.0.1:9'], 2],
    [['replay', '--kind', 'echo', '--sim', 'http://127.0.0.1:9'], 1],
    [['doctor', '--echo-url', 'https://x.example.com/'], 2],
    [['simulator', '--port-number', '1'], 2],
    [['simulator', '--port', 'x'], 2],
    [['simulator', '--scheme', 'both-of-them'], 2],
    [['simulator', '--help'], 0],
    [['help', 'simulator'], 0],
  ])('%j ends with %i', async (argv, code) => {
    const ran = await cli(argv, { env: {} });
    expect(ran.code).toBe(code);
    expect(code === 0 ? ran.out : ran.err).not.toBe('');
    expect(code === 0 ? ran.err : ran.out).toBe('');
  });

  const commands = 'doctor migrate sweep reconcile records trigger replay dev simulator'.split(' ');

  it('helps in both languages with every command', async () => {
    const { out } = await cli(['help']);
    const named = [...out.matchAll(/^ {2}([a-z]+)( |$)/gm)].map(([, name]) => name);
    expect(named).toEqual([...commands, 'help']);
    for (const name of commands) {
      const help = await cli(['help', name]);
      expect(help.out).toContain(`pay-common ${name}`);
      expect(help.out).toMatch(/[\u4e00-\u9fff].* {3}[a-z]/);
      expect((await cli([name, '-h'])).out).toBe(help.out);
    }
    expect(out).toMatch(/检查设置.*checks settings/);
  });

  it.each(commands)('%s understands every option that its help names', async (name) => {
    const { out } = await cli(['help', name]);
    const options = new Set(out.match(/--[a-z][a-z-]*/g));
    expect(options.size).toBeGreaterThan(1);
    for (const option of options) {
      // The second one is never understood, so that nothing is done.
      const { code, err } = await cli([name, `${option}=1`, '--no-such-option'], { env: {} });
      expect(code).toBe(2);
      expect(err).not.toContain(`Unknown option '${option}'`);
    }
  });
});

describe('records', () => {
  it('lists, pages, filters and shows one', async () => {
    const { sim, run, env, cwd } = await shop();
    const nos = [number('CLI'), number('CLI'), number('CLI')];
    for (const no of nos) await placePaid(run, sim, no);
    const list = await cli(['records', '--json', '--limit', '2', '--state', 'PAID'], { env, cwd });
    const page = JSON.parse(list.out) as { records: { no: string }[]; next: string };
    expect(page.records.map(({ no }) => no)).toEqual([nos[2], nos[1]]);
    const rest = await cli(['records', 'list', '--after', page.next], { env, cwd });
    expect(rest.out).toContain(nos[0]);
    expect(rest.out).not.toContain(nos[1]);
    const one = await cli(['records', 'get', 'order', nos[0] ?? ''], { env, cwd });
    expect(JSON.parse(one.out)).toMatchObject({ kind: 'order', no: nos[0], state: 'PAID' });
    const none = await cli(['records', '--state', 'CLOSED'], { env, cwd });
    expect([none.code, none.out]).toEqual([0, '没有记录 no records\n']);
  });

  it('says what is wrong and ends with 1', async () => {
    const { env, cwd } = await shop();
    const ran = await cli(['records', 'get', 'order', 'NOSUCH'], { env, cwd });
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toContain('RECORD_NOT_FOUND');
    const strange = await cli(['records', '--kind', 'gift'], { env, cwd });
    expect(strange.code).toBe(1);
    expect(strange.err).toContain('PARAM_INVALID');
    const unset = await cli(['records'], { env: {}, cwd });
    expect(unset.code).toBe(1);
    expect(unset.err).toContain('pay-common doctor');
  });

  it('asks a running service, by the key that is given and no other way', async () => {
    const { sim, run, cwd } = await shop();
    const no = number('CLI');
    await placePaid(run, sim, no);
    const argv = ['records', 'get', 'order', no, '--url', run.url];
    const ask = (env: Record<string, string>) => cli(argv, { env, cwd });
    expect((await ask({ PAY_COMMON_KEY: READ_KEY })).code).toBe(0);
    expect((await ask({ operatorKeys: `read:${READ_KEY},${OPERATOR_KEY}` })).code).toBe(0);
    expect((await ask({})).code).toBe(2);
    const wrong = await ask({ PAY_COMMON_KEY: 'x'.repeat(40) });
    expect(wrong.code).toBe(1);
    expect(wrong.err).toContain('UNAUTHENTICATED');
    expect(wrong.err).not.toContain('x'.repeat(40));
  });

  it('reads through `POST /` alone, with the URL and a read key and no merchant setting', async () => {
    const { sim, run, cwd } = await shop();
    const no = number('CLI');
    await placePaid(run, sim, no);
    const paths: string[] = [];
    run.server.prependListener('request', (req) => paths.push(`${req.method} ${req.url}`));
    const env = { PAY_COMMON_KEY: READ_KEY };
    const listed = await cli(['records', '--limit', '5', '--url', run.url], { env, cwd });
    expect(listed).toMatchObject({ code: 0, err: '' });
    expect(listed.out).toContain(no);
    const one = await cli(['records', 'get', 'order', no, '--url', run.url], { env, cwd });
    expect(JSON.parse(one.out)).toMatchObject({ no, state: 'PAID' });
    const again = ['records', 'redeliver', 'order', no, '--url', run.url];
    expect((await cli(again, { env, cwd })).err).toContain('FORBIDDEN');
    expect(new Set(paths)).toEqual(new Set(['POST /']));
  });

  it('shows what a refusal carries, WeChat Pay’s own words included', async () => {
    const { sim, run, cwd } = await shop();
    const env = { PAY_COMMON_KEY: OPERATOR_KEY };
    sim.faults.add({ route: 'GET /v3/bill/tradebill', kind: 'status', status: 403, times: 9 });
    const argv = ['reconcile', '2026-01-02', '--url', run.url];
    const ran = await cli(argv, { env, cwd });
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(/\n {2}status: 403\n {2}code: \S+[^]*requestId: /);
  });

  it('lists a dead effect, on whatever page, and puts it back', async () => {
    const { sim, run, env, cwd } = await shop({
      webhookUrl: 'http://127.0.0.1:9/',
      webhookSecret: `whsec_${Buffer.alloc(24, 1).toString('base64')}`,
    });
    const no = number('CLI');
    await placePaid(run, sim, no);
    const record = await run.order(no);
    const [first, ...others] = record.effects;
    const dead = { ...first!, state: 'dead' as const };
    const next = { ...record, version: record.version + 1, effects: [dead, ...others] };
    expect(await run.store.replace(next, record.version)).toBe('replaced');
    for (let i = 0; i < 101; i++) {
      const other = { ...record, no: number('CLI'), version: 1, agenda: [], effects: [] };
      await run.store.insert({ ...other, created_at: record.created_at + 1 });
    }
    // On the second page, behind newer ones.
    const listed = await cli(['records', 'dead'], { env, cwd });
    expect(listed.out).toContain(`order  ${no}  ${dead.id}`);
    expect(listed.out.trim().split('\n')).toHaveLength(2);
    const machine = await cli(['records', 'dead', '--json', '--progress'], { env, cwd });
    expect(JSON.parse(machine.out)).toMatchObject({
      dead: [{ kind: 'order', no, effect: dead.id, type: dead.type }],
    });
    expect(machine.err).toMatch(/looked at 100.*\n.*looked at 102/);
    const ran = await cli(['records', 'redeliver', 'order', no, dead.id], { env, cwd });
    expect(ran.code).toBe(0);
    expect((await cli(['records', 'dead'], { env, cwd })).out).toContain('no dead effects');
    expect((await run.order(no)).effects[0]?.state).toBe('pending');
  });
});

describe('sweep', () => {
  it('finds what no callback has told, until nothing is due', async () => {
    const { sim, run, env, cwd } = await shop();
    const nos = [number('CLI'), number('CLI')];
    for (const no of nos) await placeAndPay(run, sim, no);
    const later = { now: () => Date.now() + 8_000 };
    const argv = ['sweep', '--until-done', '--json', '--progress'];
    const ran = await cli(argv, { env, cwd, clock: later });
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.out)).toMatchObject({ left: 0 });
    expect(ran.err).toMatch(/done \d+/);
    for (const no of nos) expect((await run.order(no)).state).toBe('PAID');
    const idle = await cli(['sweep'], { env, cwd });
    expect([idle.code, idle.out, idle.err]).toEqual([0, '已处理 done 0，剩余 left 0\n', '']);
  });

  it('ends with 1 while something due is left, and with 0 when it was done to the end', async () => {
    const { run, env, cwd } = await shop();
    const agenda = [{ do: 'query', at: Date.now() - 60_000, tries: 0 }] as const;
    for (let i = 0; i < 510; i++) await run.store.insert(anOrder(`LEFT${String(i)}`, { agenda }));
    // 500 in one call at most; fewer where its 10 s end before, which is no fault of the command.
    const once = await cli(['sweep', '--json'], { env, cwd });
    const { done, left } = JSON.parse(once.out) as { done: number; left: number };
    expect({ code: once.code, some: left > 0, bounded: done <= 500 }).toEqual({
      code: 1,
      some: true,
      bounded: true,
    });
    const all = await cli(['sweep', '--until-done', '--json'], { env, cwd });
    expect([all.code, JSON.parse(all.out)]).toMatchObject([0, { left: 0 }]);
    expect(await run.store.due(Date.now(), 10)).toEqual([]);
  });
});

describe('reconcile', () => {
  const today = (): string => new Date(Date.now() + 8 * 3600_000).toISOString().slice(0, 10);

  it('shows what differed and was repaired, as table, CSV and JSON', async () => {
    const { sim, run, env, cwd } = await shop();
    const [told, untold] = [number('CLI'), number('CLI')];
    await placePaid(run, sim, told);
    await placeAndPay(run, sim, untold);
    const first = await cli(['reconcile', today(), '--csv', 'day.csv'], { env, cwd });
    expect(first.err).toBe('');
    expect(first.code).toBe(0);
    expect(first.out).toContain(untold);
    expect(first.out).not.toContain(told);
    expect(readFileSync(join(cwd, 'day.csv'), 'utf8')).toContain(untold);
    expect((await run.order(untold)).state).toBe('PAID');
    const again = await cli(['reconcile', today(), '--json'], { env, cwd });
    expect(JSON.parse(again.out)).toMatchObject({ compared: 2, differences: [] });
    expect(again.code).toBe(0);
  });

  it('tells a terminal how far it is, and a pipe or a machine nothing', async () => {
    const { sim, run, env, cwd } = await shop();
    await placePaid(run, sim, number('CLI'));
    const slow = (): void => {
      sim.faults.add({ route: 'GET /v3/bill/tradebill', kind: 'latency', ms: 1300, times: 1 });
    };
    slow();
    const seen = await cli(['reconcile', today()], { env, cwd, terminal: true });
    expect(seen.err).toMatch(/reconciling \d{4}-\d\d-\d\d 1 s 下载账单 downloading/);
    slow();
    expect((await cli(['reconcile', today(), '--json'], { env, cwd, terminal: true })).err).toBe(
      '',
    );
    expect((await cli(['reconcile', today()], { env, cwd })).err).toBe('');
  });

  it('says it in rows and records', () => {
    expect(progressText(undefined)).toBe('');
    expect(progressText({ phase: 'bill', done: 120_000 })).toContain('bill rows read 120000');
    expect(progressText({ phase: 'records', done: 5 })).toContain('records compared 5');
    expect(progressText({ phase: 'questions', done: 2, total: 9 })).toMatch(/2\/9$/);
  });

  it('ends with 1 where a difference stays', async () => {
    const { sim, run, env, cwd } = await shop();
    const no = number('CLI');
    await placePaid(run, sim, no);
    const record = await run.order(no);
    const payment = { ...record.payment!, total: 99 };
    const next = { ...record, version: record.version + 1, payment };
    expect(await run.store.replace(next, record.version)).toBe('replaced');
    const ran = await cli(['reconcile', today()], { env, cwd });
    expect(ran.code).toBe(1);
    expect(ran.out).toMatch(new RegExp(`amount.*${no}`));
  });

  it('knows yesterday', async () => {
    const { env, cwd } = await shop();
    const ran = await cli(['reconcile', 'yesterday', '--json'], { env, cwd });
    const day = new Date(Date.now() - 16 * 3600_000).toISOString().slice(0, 10);
    expect(JSON.parse(ran.out)).toMatchObject({ bill_date: day });
  });
});

describe('migrate', () => {
  it('needs the database alone, and is done the second time', async () => {
    const cwd = folder();
    const env = { databaseUrl: `file:${join(cwd, 'new.db')}` };
    const first = await cli(['migrate', '--json'], { env, cwd });
    const applied = migrations.map(({ version }) => version);
    expect(JSON.parse(first.out)).toEqual({ store: 'sqlite', applied });
    const again = await cli(['migrate', '--json'], { env, cwd });
    expect(JSON.parse(again.out)).toEqual({ store: 'sqlite', applied: [] });
  });

  it('says what is wrong with the database', async () => {
    const wrong = await cli(['migrate'], { env: { databaseUrl: 'redis://x' } });
    expect(wrong.code).toBe(1);
    expect(wrong.err).toContain('databaseUrl');
    const away = await cli(['migrate'], {
      env: { databaseUrl: 'postgres://u:hush@127.0.0.1:9/d' },
    });
    expect(away.code).toBe(1);
    expect(away.err).toContain('STORE_UNAVAILABLE');
    expect(away.err).not.toContain('hush');
  });

  it('reads its settings from the file that is named', async () => {
    const cwd = folder();
    writeFileSync(join(cwd, 'test.env'), `databaseUrl=file:${join(cwd, 'named.db')}\n`);
    const env = { databaseUrl: 'redis://x' };
    expect((await cli(['migrate', '--env', 'test.env'], { env, cwd })).code).toBe(0);
    expect(existsSync(join(cwd, 'named.db'))).toBe(true);
  });
});

describe('trigger and replay', () => {
  it('pays at the simulator and delivers what is truly signed', async () => {
    const { sim, run, env, cwd } = await shop();
    const no = number('CLI');
    expect((await run.call('/wx-pay/wxpay_order', orderBody(no), payer())).status).toBe(200);
    const ran = await cli(['trigger', 'payment', '--order', no, '--sim', sim.url], { env, cwd });
    expect(ran.err).toBe('');
    expect(ran.code).toBe(0);
    expect(ran.out).toContain('TRANSACTION.SUCCESS');
    expect((await run.order(no)).state).toBe('PAID');
    const refundNo = number('R');
    await run.call('/wx-pay/wxpay_refund', refundBody(no, refundNo, 40), operator());
    const refund = await cli(['trigger', 'refund', refundNo, '--times', '2', '--json'], {
      env,
      cwd,
    });
    expect((JSON.parse(refund.out) as { ok: boolean }[]).map(({ ok }) => ok)).toEqual([true, true]);
    expect((await run.order(no)).state).toBe('PARTIALLY_REFUNDED');
  });

  it('is refused by a service that has other keys', async () => {
    const { sim, env, cwd } = await shop();
    const stranger = await startSim({ seed: 7 });
    const elsewhere = await startService({ sim: stranger });
    const no = number('CLI');
    const first = await startService({ sim });
    await first.call('/wx-pay/wxpay_order', orderBody(no), payer());
    const argv = ['trigger', 'payment', no, '--sim', sim.url, '--to', elsewhere.url];
    const ran = await cli(argv, { env, cwd });
    expect(ran.code).toBe(1);
    expect(ran.out).toContain('401');
  });

  it('says that an order is unknown', async () => {
    const { env, cwd } = await shop();
    const ran = await cli(['trigger', 'payment', 'NOSUCH1'], { env, cwd });
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('NOSUCH1');
  });

  it('sends all again in order, to a service that lost them, and twice changes nothing', async () => {
    const { sim, run, env, cwd } = await shop();
    const nos = [number('CLI'), number('CLI')];
    await placePaid(run, sim, number('CLI'));
    sim.callbackTarget = 'http://127.0.0.1:9';
    for (const no of nos) {
      await placeAndPay(run, sim, no);
      await sim.deliver('payment', no);
    }
    for (const no of nos) expect((await run.order(no)).state).toBe('PENDING');
    const argv = ['replay', '--failed', '--to', run.url, '--json'];
    const ran = await cli([...argv, '--progress'], { env, cwd });
    expect(ran.err).toMatch(/sent 1\/2\n.*sent 2\/2/);
    expect((JSON.parse(ran.out) as { no: string }[]).map(({ no }) => no)).toEqual(nos);
    expect(ran.code).toBe(0);
    const effects = await run.effects(nos[0] ?? '');
    expect(effects).toContain('order.paid');
    expect((await cli(argv, { env, cwd })).code).toBe(0);
    expect(await run.effects(nos[0] ?? '')).toEqual(effects);
    const none = await cli(['replay', '--kind', 'transfer'], { env, cwd });
    expect([none.code, none.out]).toEqual([0, '没有可发送的回调 nothing to send\n']);
  });
});
