import type { SignMode } from '../../config/types';
import { createGatewayStrategy } from './gatewayStrategy';
import type { StrategyDeps } from './outbound';
import { createSdkStrategy } from './sdkStrategy';
import type { PayStrategy } from './strategy';
import { createV2Part } from './v2/v2Part';
import { createVersionedStrategy } from './versionedStrategy';

/** How API v3 is spoken in each mode. A new mode is a line here; the compiler then lists what is missing. */
const V3_FACTORIES: Readonly<Record<SignMode, typeof createSdkStrategy>> = {
  sdk: createSdkStrategy,
  gateway: createGatewayStrategy,
  v2: createSdkStrategy,
};

export type { StrategyDeps } from './outbound';

/** @throws ConfigError CONFIG_INVALID when a key cannot be read. Opens no connection: `start()` may. */
export function createStrategy(deps: StrategyDeps): PayStrategy {
  const { config } = deps;
  const { v3, v2 } = config.credentials;
  return createVersionedStrategy({
    config,
    v3: v3 === undefined ? undefined : V3_FACTORIES[config.signMode](deps, v3),
    v2: v2 === undefined ? undefined : createV2Part(deps, v2),
  });
}
