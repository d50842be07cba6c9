/** What tests of `kill -9` share: a moment to die at, a process that dies at it, another that carries on. */
import type { Simulator, SimulatorOptions } from '../../simulator';
import { startChild, type Child } from './child';
import { startProxy, type Proxy } from './proxy';
import {
  send,
  skewedClock,
  startService,
  startSim,
  temporaryDatabase,
  type Json,
  type Running,
} from './service';

/** Where the process dies: around its n-th write (`before 2`) or reservation (`after reserve 1`), or on either side of WeChat's work. */
export type Moment =
  | { readonly name: string; readonly write: string }
  | { readonly name: string; readonly wechat: 'before' | 'after' };

export interface World {
  readonly sim: Simulator;
  readonly proxy: Proxy;
  readonly databaseUrl: string;
  /** What its services have besides, or instead. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export async function createWorld(
  options: SimulatorOptions = {},
  envOf: (sim: Simulator) => World['env'] = () => ({}),
): Promise<World> {
  // Refunds end when a test says so, not by themselves a moment later.
  const sim = await startSim({ ...options, switches: { refundOutcome: 'never' } });
  return {
    sim,
    proxy: await startProxy(sim),
    databaseUrl: temporaryDatabase(),
    env: envOf(sim),
  };
}

/** A service in this process on the same file: before the killed one, or after it. */
export async function startHere(
  world: World,
  laterMs = 0,
  clock = skewedClock(),
): Promise<Running> {
  clock.offsetMs = laterMs;
  return startService({
    sim: world.sim,
    clock,
    env: { ...world.env, databaseUrl: world.databaseUrl },
  });
}

/** Anyone who was asking is dead: after his ten seconds another may. */
export const AFTER_LEASE_MS = 11_000;

export interface Asked {
  readonly path: string;
  readonly body: string;
  readonly headers: Record<string, string>;
}

export const asJson = (path: string, body: Json, headers: Json): Asked => ({
  path,
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json', ...(headers as Record<string, string>) },
});

/** Starts the process that is to die, asks it, and waits for its death. It must not have answered. */
export async function askAndKill(
  world: World,
  moment: Moment,
  route: string,
  asked: Asked,
): Promise<void> {
  const deadly = 'write' in moment ? { KILL_AT: moment.write } : { KILL_AT: 'before 0' };
  const child: Child = await startChild(world.sim, {
    ...world.env,
    databaseUrl: world.databaseUrl,
    wxPayBaseUrl: world.proxy.url,
    ...deadly,
  });
  if ('wechat' in moment) {
    world.proxy.hooks[moment.wechat] = async (call) => {
      if (call !== route) return;
      child.process.kill('SIGKILL');
      await child.ended;
    };
  }
  const answer = send('POST', `${child.url}${asked.path}`, asked.body, asked.headers).then(
    ({ status }) => status,
    () => 'the connection broke',
  );
  expect((await child.ended).signal).toBe('SIGKILL');
  expect(await answer).toBe('the connection broke');
  delete world.proxy.hooks.before;
  delete world.proxy.hooks.after;
}

export const repeat = (run: Running, asked: Asked): ReturnType<typeof send> =>
  send('POST', `${run.url}${asked.path}`, asked.body, asked.headers);

export const WECHAT: readonly Moment[] = [
  { name: 'the call is at WeChat’s door', wechat: 'before' },
  { name: 'WeChat has done it, its answer is on the way', wechat: 'after' },
];
