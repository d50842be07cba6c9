import { isSigned } from './notification';
import type { StrategyDeps } from './outbound';
import { createStrategyBase } from './sdkStrategy';
import type { PayStrategy } from './strategy';

/**
 * Integration Center stands between WeChat and us and forwards plaintext, which proves nothing. WeChat's
 * ciphertext under `rawData.resource` does: only it and the merchant hold the APIv3 key. Whoever sends
 * signature headers is held to them, in full.
 */
export function createGatewayStrategy(deps: StrategyDeps): PayStrategy {
  const { opener, strategy } = createStrategyBase(deps);
  return {
    ...strategy,
    mode: 'gateway',
    openNotification: async (input) =>
      isSigned(input) ? opener.openSigned(input) : opener.openUnsigned(input, { tagProves: true }),
  };
}
