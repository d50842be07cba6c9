/** A service that speaks API v2 with a simulated WeChat Pay, without anything of API v3. */
import type { Overrides } from '../../bin/assemble';
import type { Simulator } from '../../simulator';
import { serviceEnv, startBare, type Running } from './service';

const NO_V3 = {
  apiV3Key: undefined,
  merchantSerialNumber: undefined,
  privateKey: undefined,
  wxPayPublicKey: undefined,
  wxPayPublicKeyId: undefined,
  transferNotifyUrl: undefined,
} as const;

/** What `signMode=v2` has besides, and without API v3. */
export const onlyV2 = (sim: Simulator): Record<string, string | undefined> => ({
  ...NO_V3,
  ...sim.envV2(),
});

export const v2Env = (
  sim: Simulator,
  more: Record<string, string | undefined> = {},
): Record<string, string | undefined> => ({
  ...serviceEnv(sim),
  ...onlyV2(sim),
  ...more,
});

/** Points the simulator's notifications at it. */
export async function startV2(
  sim: Simulator,
  more: Record<string, string | undefined> = {},
  overrides: Overrides = {},
): Promise<Running> {
  const run = await startBare(v2Env(sim, more), overrides);
  sim.callbackTarget = run.url;
  return run;
}
