/** One merchant of this deployment, and what serves it. */
import type { ConfigError } from '../../utils/errors';

export interface Merchant<Wing> {
  /** What stands in `/m/<key>`; undefined = the environment's own, which needs no prefix. */
  readonly key: string | undefined;
  /** undefined where the settings do not tell. */
  readonly mchid: string | undefined;
  /** Everything of this merchant alone; or why its settings are refused. */
  readonly wing: Wing | ConfigError;
}

export interface ConfiguredMerchant<Wing> extends Merchant<Wing> {
  readonly mchid: string;
  readonly wing: Wing;
}
