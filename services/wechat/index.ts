import { createDirectDialect } from './directDialect';
import type { Dialect, DialectSettings } from './dialect';
import type { Config } from '../../config/types';

/** The dialect of the merchant in these settings. A further kind of merchant is chosen here, and only here. */
export const createDialect = (config: Config): Dialect =>
  createDirectDialect(dialectSettings(config));

const dialectSettings = ({ credentials, ...config }: Config): DialectSettings => ({
  mchid: credentials.merchantId,
  appids: [credentials.appId, credentials.serviceAppId].filter((id) => id !== undefined),
  payNotifyUrl: config.notifyURLPayURL,
  refundNotifyUrl: config.notifyURLRefundsURL,
  transferNotifyUrl: config.transferNotifyUrl,
});
