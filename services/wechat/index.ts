import { createDirectDialect } from './directDialect';
import { createPartnerDialect } from './partnerDialect';
import { createV2Dialect } from './v2Dialect';
import { createVersionedDialect } from './versionedDialect';
import type { Dialect, DialectSettings } from './dialect';
import type { Config } from '../../config/types';
import { ownAddress } from '../../utils/addresses';

/** The dialect of the merchant in these settings. A further kind of merchant is chosen here, and only here. */
export function createDialect(config: Config): Dialect {
  const settings = dialectSettings(config);
  const { subMerchants } = config;
  return createVersionedDialect({
    own: config.signMode === 'v2' ? 'v2' : 'v3',
    v3:
      subMerchants.length === 0
        ? createDirectDialect(settings)
        : createPartnerDialect({ ...settings, subMerchants }),
    v2: createV2Dialect(settings),
    refundsByV3: config.credentials.v3 !== undefined,
  });
}

const dialectSettings = ({ credentials, ...config }: Config): DialectSettings => ({
  mchid: credentials.merchantId,
  appids: [credentials.appId, credentials.serviceAppId].filter((id) => id !== undefined),
  payNotifyUrl: config.notifyURLPayURL,
  refundNotifyUrl: config.notifyURLRefundsURL,
  transferNotifyUrl: config.transferNotifyUrl,
  ownAddress: ownAddress(),
});
