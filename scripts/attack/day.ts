/** One day of attacks on the built service, in one signing mode: all floods in turn, genuine business beside each. */
import { fork, type ChildProcess } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSimulator, type Simulator } from '../../simulator';
import { createInstance, freePort, type Instance } from '../../tests/crash/instance';
import { createRandom } from '../../tests/crash/random';
import { createReceiver, type Receiver } from '../../tests/crash/receiver';
import { pause } from '../../tests/helpers/waiting';
import type { Tally, Volley } from './attacker';
import { createGenuine, FEN, OPERATOR_KEY, type Genuine, type Heard } from './genuine';
import { effectsOf, stolenFen, type Effects } from './ledger';
import { floodsOf, type Flood, type Known } from './volleys';

export const MODES = ['sdk', 'gateway'] as const;
export type Mode = (typeof MODES)[number];

export interface Plan {
  readonly mode: Mode;
  /** The built package. */
  readonly floodMs: number;
  readonly perSecond: number;
  /** Bounds for a short run. */
  readonly shotsMax: number;
  readonly flowsMax: number;
  readonly wanted: (flood: string) => boolean;
  readonly databaseUrl?: string | undefined;
  readonly onRow: (row: Row) => void;
}

export interface Row {
  readonly mode: Mode;
  readonly flood: string;
  readonly tally: Tally;
  readonly heard: Heard;
  readonly stolenFen: number;
}

export interface Day {
  readonly mode: Mode;
  readonly rows: readonly Row[];
  readonly effects: Effects;
  readonly troubles: readonly string[];
  readonly paid: number;
}

/** Effects follow their facts within a sweep or two. */
const SETTLE_MS_MAX = 60_000;
const SETTLE_LOOK_MS = 200;
const PREPARED = 60;
const OPEN = 20;
/** How long WeChat takes over an order that many wait for. */
const SLOW_MS = 1500;
const ENDLESS = 1e9;

interface World {
  readonly simulator: Simulator;
  readonly receiver: Receiver;
  readonly instance: Instance;
  readonly genuine: Genuine;
  readonly attacker: ChildProcess;
  readonly port: number;
  close(): Promise<void>;
}

async function open(plan: Plan): Promise<World> {
  // WeChat's callbacks share the signal that ends them all: dozens at once are no leak.
  setMaxListeners(200);
  const simulator = await createSimulator({ autoDeliver: false });
  const receiver = await createReceiver(createRandom('attack'));
  const files = mkdtempSync(join(tmpdir(), 'pay-common-attack-'));
  const agent = new Agent({ keepAlive: true });
  const port = await freePort();
  const env = {
    ...simulator.env({ signMode: plan.mode }),
    databaseUrl: plan.databaseUrl ?? `file:${join(files, 'pay.db')}`,
    trustWxHeaders: 'true',
    cloudbaseEnv: 'shop',
    operatorKeys: OPERATOR_KEY,
    sweepSeconds: '1',
    logLevel: 'warn',
    ...receiver.settings,
  };
  const instance = createInstance({ name: plan.mode, port, env, agent });
  const attacker = fork(join(__dirname, 'attacker.ts'), { stdio: 'inherit' });
  await instance.start();
  simulator.callbackTarget = instance.url;
  simulator.mode = plan.mode === 'gateway' ? 'gateway' : 'direct';
  // An order by this way takes WeChat a while, one by that way it refuses: only the attackers use them.
  const native = 'POST /v3/pay/transactions/native';
  simulator.faults.add({ route: native, kind: 'latency', ms: SLOW_MS, times: ENDLESS });
  const body = { code: 'PARAM_ERROR', message: '参数错误' };
  const app = 'POST /v3/pay/transactions/app';
  simulator.faults.add({ route: app, kind: 'status', status: 400, body, times: ENDLESS });
  return {
    simulator,
    receiver,
    instance,
    genuine: createGenuine(simulator, instance),
    attacker,
    port,
    async close() {
      attacker.kill('SIGKILL');
      await instance.kill();
      agent.destroy();
      await Promise.all([simulator.close(), receiver.close()]);
      rmSync(files, { recursive: true, force: true });
    },
  };
}

/** What stands in the records when the attack begins, and what attackers have learned of it. */
async function prepare({ instance, genuine }: World): Promise<Known> {
  const amount = { total: FEN };
  const description = '测试商品';
  const prepared = Array.from({ length: PREPARED }, (_, i) => `PREP${String(i).padStart(4, '0')}`);
  const open_ = Array.from({ length: OPEN }, (_, i) => `OPEN${String(i).padStart(4, '0')}`);
  const operator = { 'x-api-key': OPERATOR_KEY };
  for (const out_trade_no of prepared) {
    const body = { out_trade_no, description, amount };
    await instance.call('POST', '/wx-pay/wxpay_prepare_order', body, operator);
  }
  for (const [i, out_trade_no] of open_.entries()) {
    const payer = { 'x-wx-openid': `oQuiet_${String(i).padStart(21, '0')}` };
    const body = { out_trade_no, description, amount };
    await instance.call('POST', '/wx-pay/wxpay_order', body, payer);
  }
  await genuine.run({ perSecond: 20, over: pause(500), flowsMax: 10 });
  return { prepared, open: open_, paid: [...genuine.books.paid.keys()] };
}

async function flood(world: World, plan: Plan, one: Flood): Promise<Row> {
  const { attacker, genuine, simulator, port } = world;
  const { style, connections, shots } = one;
  const { floodMs: ms, shotsMax } = plan;
  const before = stolenFen(simulator, genuine.books);
  attacker.send({ port, style, connections, shots, ms, shotsMax } satisfies Volley);
  const over = once(attacker, 'message') as Promise<[Tally]>;
  const heard = await genuine.run({ ...plan, over });
  const [tally] = await over;
  const stolen = stolenFen(simulator, genuine.books) - before;
  const row = { mode: plan.mode, flood: one.name, tally, heard, stolenFen: stolen };
  plan.onRow(row);
  return row;
}

async function settled({ receiver, genuine }: World): Promise<Effects> {
  const end = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    const effects = effectsOf(receiver.arrivals, genuine.books);
    if (effects.lost.length === 0 || performance.now() > end) return effects;
    await pause(SETTLE_LOOK_MS);
  }
}

export async function runDay(plan: Plan): Promise<Day> {
  const world = await open(plan);
  try {
    const known = await prepare(world);
    const rows: Row[] = [];
    for (const one of floodsOf(world.simulator, known)) {
      if (plan.wanted(one.name)) rows.push(await flood(world, plan, one));
    }
    const effects = await settled(world);
    const alarms = world.instance.troubles.filter((line) => line['alarm'] === true);
    const troubles = [
      ...rows.flatMap(({ heard }) => heard.troubles),
      ...world.receiver.forged.map((why) => `an effect that proves nothing: ${why}`),
      ...(world.instance.isUp ? [] : ['the service ended by itself']),
      ...alarms.slice(0, 5).map((line) => `alarm: ${JSON.stringify(line)}`),
    ];
    return { mode: plan.mode, rows, effects, troubles, paid: world.genuine.books.paid.size };
  } finally {
    await world.close();
  }
}
