/** All merchants of this deployment, fixed at the start: nothing that a request says can add or change one. */
import type { ConfiguredMerchant, Merchant } from './merchant';
import { ConfigError } from '../../utils/errors';

export interface MerchantRegistry<Wing> {
  /** The environment's own. */
  readonly own: ConfiguredMerchant<Wing>;
  /** Of a path `/m/<key>`; undefined = there is no such merchant. */
  byKey(key: string): Merchant<Wing> | undefined;
  /** Of a record; undefined = nobody here holds that merchant's keys. */
  byMchid(mchid: string): ConfiguredMerchant<Wing> | undefined;
  /** The environment's own first; those whose settings are refused too. */
  readonly all: readonly Merchant<Wing>[];
  /** Those that serve. */
  readonly configured: readonly ConfiguredMerchant<Wing>[];
}

const isConfigured = <Wing>(merchant: Merchant<Wing>): merchant is ConfiguredMerchant<Wing> =>
  !(merchant.wing instanceof ConfigError) && merchant.mchid !== undefined;

/**
 * @param others   In the order of the file: the first with a key or a merchant id serves.
 * @param refused  Why the whole file is refused: then every key is answered with it.
 */
export function createMerchantRegistry<Wing>(
  own: ConfiguredMerchant<Wing>,
  others: readonly Merchant<Wing>[],
  refused?: ConfigError,
): MerchantRegistry<Wing> {
  const all = Object.freeze([own, ...others]);
  const configured = Object.freeze(all.filter(isConfigured));
  return Object.freeze({
    own,
    all,
    configured,
    byKey: (key: string) =>
      refused === undefined
        ? others.find((merchant) => merchant.key === key)
        : { key, mchid: undefined, wing: refused },
    byMchid: (mchid: string) => configured.find((merchant) => merchant.mchid === mchid),
  });
}
