import { isSigned } from './notification';
import type { V3Credentials } from '../../config/types';
import type { StrategyDeps } from './outbound';
import { createStrategyBase } from './sdkStrategy';
import type { V3Strategy } from './strategy';

/**
 * Integration Center stands between WeChat and us and forwards plaintext, which proves nothing. WeChat's
 * ciphertext under `rawData.resource` does: only it and the merchant hold the APIv3 key. Anyone who sends
 * signature headers is held to them, in full.
 */
export function createGatewayStrategy(deps: StrategyDeps, credentials: V3Credentials): V3Strategy {
  const { opener, strategy } = createStrategyBase(deps, credentials);
  return {
    ...strategy,
    openNotification: async (input) =>
      isSigned(input) ? opener.openSigned(input) : opener.openUnsigned(input, { tagProves: true }),
  };
}
