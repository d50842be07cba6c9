import { createGatewayStrategy } from './gatewayStrategy';
import type { StrategyDeps } from './outbound';
import { createSdkStrategy } from './sdkStrategy';
import type { PayStrategy } from './strategy';

type SignMode = PayStrategy['mode'];

/** A new mode is a line here; the compiler then lists what is missing. */
const FACTORIES: Readonly<Record<SignMode, (deps: StrategyDeps) => PayStrategy>> = {
  sdk: createSdkStrategy,
  gateway: createGatewayStrategy,
};

export type { StrategyDeps } from './outbound';

/** @throws ConfigError CONFIG_INVALID when a key cannot be read. Opens no connection: `start()` may. */
export function createStrategy(deps: StrategyDeps): PayStrategy {
  return FACTORIES[deps.config.signMode](deps);
}
