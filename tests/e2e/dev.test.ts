/**
 * `pay-common dev`: three programs on one clock, settings written for other programs, a phone page that pays. And the
 * amounts that provoke what is rare: each does to the real service what its line in docs/local.md says.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'dotenv';
import { MAGIC_AMOUNTS } from '../../simulator/magic';
import { ask, type Answer, type Json } from '../helpers/core';
import {
  afterTest,
  dataOf,
  number,
  operator,
  orderBody,
  payer,
  refundBody,
  skewedClock,
  startService,
  startSim,
  transferBody,
} from '../helpers/service';
import { until } from '../helpers/waiting';
import { ioOf } from './cliSupport';
import { run as runCli } from '../../cli/run';

const JSON_TYPE = { 'content-type': 'application/json' };

interface Local {
  readonly folder: string;
  readonly said: () => string;
  readonly url: (name: 'service' | 'phone') => string;
  readonly env: () => Record<string, string>;
  readonly act: (body: Json) => Promise<Answer>;
  readonly state: () => Promise<Json>;
  readonly stop: () => Promise<number>;
}

/** The command as it is run, on free ports, until the test or its end stops it. */
async function startLocal(folder = temporaryFolder(), ...options: string[]): Promise<Local> {
  const heard = { out: '', err: '' };
  const stopper = new AbortController();
  const io = ioOf({ cwd: folder, stop: stopper.signal }, heard);
  const ports = ['--port', '0', '--sim-port', '0', '--phone-port', '0'];
  const code = runCli(['dev', ...ports, ...options], io);
  afterTest(async () => {
    stopper.abort();
    await code;
  });
  let ended: number | undefined;
  void code.then((value) => (ended = value));
  await until('the local stack is up', () => heard.out.includes('effects:') || ended !== undefined);
  const url = (name: 'service' | 'phone'): string =>
    new RegExp(` ${name} +(http://\\S+)`).exec(heard.out)?.[1] ?? '';
  return {
    folder,
    said: () => heard.out + heard.err,
    url,
    env: () => parse(readFileSync(join(folder, '.env.local'))),
    act: (body) =>
      ask({
        method: 'POST',
        url: `${url('phone')}/act`,
        headers: JSON_TYPE,
        body: JSON.stringify(body),
      }),
    state: async () => (await ask({ method: 'GET', url: `${url('phone')}/state` })).body,
    stop: async () => {
      stopper.abort();
      return code;
    },
  };
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pay-common-dev-'));
  afterTest(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

const order = (local: Local, no: string, total = 20): Promise<Answer> =>
  ask({
    method: 'POST',
    url: `${local.url('service')}/wx-pay/wxpay_order`,
    headers: { ...JSON_TYPE, 'x-wx-openid': 'oLocalPayer00000000000000001' },
    body: JSON.stringify({ out_trade_no: no, description: 'Tea', amount: { total } }),
  });

describe.each(['sdk', 'gateway'])('--mode %s', (mode) => {
  test('an order is placed, paid on the phone page, and its effects are shown', async () => {
    const local = await startLocal(temporaryFolder(), '--mode', mode);
    expect((await order(local, 'TEA00001')).status).toBe(200);
    expect((await local.act({ act: 'pay', no: 'TEA00001' })).status).toBe(200);
    await until('order.paid is shown', () => local.said().includes('order.paid  TEA00001  ¥0.20'));
    const { effects, orders, callbacks } = await local.state();
    expect(effects).toMatchObject([{ type: 'order.paid', fen: 20 }, { type: 'order.created' }]);
    expect(orders).toMatchObject([{ out_trade_no: 'TEA00001', trade_state: 'SUCCESS' }]);
    expect(callbacks).toMatchObject([{ kind: 'payment', no: 'TEA00001', status: 200 }]);
    expect(await local.stop()).toBe(0);
  });
});

test('a lost callback is found by the sweep once the clock has moved', async () => {
  const local = await startLocal();
  await order(local, 'TEA00002');
  await local.act({ act: 'pay-lost', no: 'TEA00002' });
  expect(local.said()).not.toContain('order.paid');
  await local.act({ act: 'clock', ms: 60_000 });
  await until('the sweep has found it', () => local.said().includes('order.paid  TEA00002'));
  // Told late is still told once.
  await local.act({ act: 'callback', kind: 'payment', no: 'TEA00002' });
  const { effects } = await local.state();
  expect((effects as Json[]).filter(({ type }) => type === 'order.paid')).toHaveLength(1);
});

test('the settings are written for the owner alone, and the operator keys stay', async () => {
  const folder = temporaryFolder();
  const first = await startLocal(folder);
  const env = first.env();
  expect(statSync(join(folder, '.env.local')).mode & 0o777).toBe(0o600);
  expect(env).toMatchObject({ signMode: 'sdk', trustWxHeaders: 'true', databaseUrl: 'memory:' });
  expect(env.privateKey).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  const [key = '', read = ''] = (env.operatorKeys ?? '').split(',');
  const records = await ask({
    method: 'GET',
    url: `${first.url('service')}/wx-pay/records?kind=order`,
    headers: { 'x-api-key': read.replace('read:', '') },
  });
  expect(records.status).toBe(200);
  expect(first.said()).toContain(key);
  await first.stop();
  const second = await startLocal(folder);
  expect(second.env().operatorKeys).toBe(env.operatorKeys);
});

test('a file that somebody else wrote stays as it is; an older one of ours is closed to others', async () => {
  const folder = temporaryFolder();
  const path = join(folder, '.env.local');
  writeFileSync(path, 'apiV3Key=of-a-real-merchant\n');
  const refused = await startLocal(folder);
  expect(await refused.stop()).toBe(1);
  expect(refused.said()).toMatch(/已有.*\.env\.local.*already there/s);
  expect(readFileSync(path, 'utf8')).toBe('apiV3Key=of-a-real-merchant\n');
  rmSync(path);
  const first = await startLocal(folder);
  await first.stop();
  chmodSync(path, 0o644);
  const second = await startLocal(folder);
  expect(second.env().operatorKeys).toBe(first.env().operatorKeys);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('settings of a file win', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'shop.env'), 'requirePreparedOrders=true\n');
  const local = await startLocal(folder, '--env', 'shop.env');
  const refused = await order(local, 'TEA00003');
  expect(refused).toMatchObject({ status: 403, body: { error: 'ORDER_NOT_PREPARED' } });
});

test('a taken port is named, and nothing stays open', async () => {
  const local = await startLocal();
  const { port } = new URL(local.url('phone'));
  const other = await startLocal(temporaryFolder(), '--phone-port', port);
  expect(other.said()).toMatch(new RegExp(`端口 ${port} 已被占用.*port ${port} is in use`, 's'));
});

test('the phone page loads nothing from elsewhere and takes orders from itself alone', async () => {
  const local = await startLocal();
  const page = await ask({ method: 'GET', url: `${local.url('phone')}/` });
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  expect(page.text).not.toMatch(/https?:\/\//);
  const form = await ask({
    method: 'POST',
    url: `${local.url('phone')}/act`,
    headers: { 'content-type': 'text/plain' },
    body: JSON.stringify({ act: 'clock', ms: 60_000 }),
  });
  expect(form.status).toBe(415);
  expect((await local.act({ act: 'pay', no: 'NOBODY' })).body).toMatchObject({
    error: expect.stringContaining('NOBODY'),
  });
  for (const ms of [0, -1, 1e12, '60000']) {
    expect((await local.act({ act: 'clock', ms })).status).toBe(400);
  }
});

describe('magic amounts', () => {
  async function start() {
    const sim = await startSim({ autoDeliver: true, switches: { magicAmounts: true } });
    const clock = skewedClock();
    const run = await startService({ sim, clock });
    sim.callbackTarget = run.url;
    const advance = async (ms: number): Promise<void> => {
      clock.offsetMs += ms;
      await sim.clock.advance(ms);
    };
    const place = (no: string, fen: number): Promise<Answer> =>
      run.call('/wx-pay/wxpay_order', orderBody(no, fen), payer());
    return { sim, run, advance, place };
  }

  test('orders meet the error that their amount names', async () => {
    const { run, place } = await start();
    const statusOf = async (fen: number): Promise<unknown[]> => {
      const answer = await place(number('M'), fen);
      const rejected = (answer.body.data ?? {}) as Json;
      return [answer.status, answer.body.error ?? 'OK', rejected.code];
    };
    expect(await statusOf(7701)).toEqual([502, 'WECHATPAY_UNAVAILABLE', 'SYSTEM_ERROR']);
    expect(await statusOf(7703)).toEqual([429, 'WECHATPAY_REJECTED', 'FREQUENCY_LIMITED']);
    expect(await statusOf(7705)).toEqual([200, 'OK', undefined]);
    expect((await statusOf(7706))[1]).toBe('WECHATPAY_UNPROVEN');
    expect((await statusOf(7707))[2]).toBe('NO_AUTH');
    expect((await statusOf(7708))[2]).toBe('PARAM_ERROR');
    expect((await statusOf(7709))[0]).toBe(502);
    const no = number('M');
    expect((await place(no, 7702)).status).toBe(502);
    expect((await place(no, 7702)).status).toBe(200);
    expect(await run.order(no)).toMatchObject({ state: 'PENDING' });
  });

  test('callbacks are lost, doubled, damaged or late', async () => {
    const { sim, run, advance, place } = await start();
    const paid = async (fen: number): Promise<string> => {
      const no = number('M');
      expect((await place(no, fen)).status).toBe(200);
      sim.pay(no);
      await advance(0);
      return no;
    };
    const state = async (no: string): Promise<string> => (await run.order(no)).state;
    const lost = await paid(7721);
    const late = await paid(7722);
    const damaged = await paid(7724);
    const half = await paid(7725);
    const twice = await paid(7723);
    expect(await Promise.all([lost, late, damaged, half, twice].map(state))).toEqual([
      'PENDING',
      'PENDING',
      'PENDING',
      'PENDING',
      'PAID',
    ]);
    expect(await run.effects(twice)).toEqual(['order.created', 'order.paid']);
    await advance(60_000);
    expect(await Promise.all([late, damaged, half].map(state))).toEqual(['PAID', 'PAID', 'PAID']);
    expect(await state(lost)).toBe('PENDING');
  });

  test('refunds and transfers end as their amount names', async () => {
    const { sim, run, advance, place } = await start();
    const no = number('M');
    await place(no, 100_000);
    sim.pay(no);
    await advance(0);
    const statusOf = async (fen: number): Promise<unknown> => {
      const out_refund_no = number('R');
      const body = refundBody(no, out_refund_no, fen, 100_000);
      await run.call('/wx-pay/wxpay_refund', body, operator());
      await advance(0);
      const { refunds } = await run.order(no);
      return refunds.find((one) => one.out_refund_no === out_refund_no)?.status;
    };
    expect(await statusOf(7741)).toBe('REQUESTED');
    expect(await statusOf(7742)).toBe('ABNORMAL');
    expect(await statusOf(7743)).toBe('CLOSED');
    expect(await statusOf(7744)).toBe('PROCESSING');
    expect(await statusOf(7745)).toBe('REQUESTED');
    const out_bill_no = number('T');
    const bill = { ...transferBody(out_bill_no), transfer_amount: 7752 };
    const sent = await run.call('/wx-pay/wxpay_transfer', bill, operator());
    expect(dataOf(sent)).toMatchObject({ state: 'WAIT_USER_CONFIRM' });
    await advance(3000);
    expect(sim.transfer(out_bill_no)).toMatchObject({
      state: 'FAIL',
      fail_reason: 'PAYEE_ACCOUNT_ABNORMAL',
    });
  });

  test('without the switch an amount is an amount', async () => {
    const sim = await startSim();
    const env = { openOrdersMax: '1000', ordersPerMinute: '1000' };
    const run = await startService({ sim, env });
    for (const { fen } of MAGIC_AMOUNTS) {
      const body = orderBody(number('M'), fen);
      expect((await run.call('/wx-pay/wxpay_order', body, payer())).status).toBe(200);
    }
  });

  test('docs/local.md has a line for each, in both languages', () => {
    const page = readFileSync(join(__dirname, '../../docs/local.md'), 'utf8');
    for (const { fen, on, zh, en } of MAGIC_AMOUNTS) {
      expect(page).toContain(`| ${(fen / 100).toFixed(2)} | ${on} | ${en} | ${zh} |`);
    }
  });
});
