/** Stands between the service and the simulated WeChat Pay, to stop a call before it arrives or its answer. */
import type { Simulator } from '../../simulator';
import { startBetween } from './between';
import { afterTest } from './service';

export interface ProxyHooks {
  /** The call is here, WeChat has not seen it. */
  before?(call: string): Promise<void> | void;
  /** WeChat has carried it out, the answer is not passed on yet. */
  after?(call: string): Promise<void> | void;
}

export interface Proxy {
  readonly url: string;
  readonly hooks: ProxyHooks;
  /** `POST /v3/…` of all that came by. */
  readonly calls: string[];
}

export async function startProxy(sim: Simulator): Promise<Proxy> {
  const hooks: ProxyHooks = {};
  const calls: string[] = [];
  const between = await startBetween();
  afterTest(between.close);
  between.target = sim.url;
  between.choose =
    ({ method, path }) =>
    async (_asked, pass) => {
      const call = `${method} ${path.split('?', 1)[0] ?? ''}`;
      calls.push(call);
      await hooks.before?.(call);
      const said = await pass();
      await hooks.after?.(call);
      return said;
    };
  return { url: between.url, hooks, calls };
}
