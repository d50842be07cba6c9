/** A service provider (服务商) with several shops: at the simulated WeChat Pay, and served here. */
import type { Simulator, SimulatorOptions } from '../../simulator';
import { OPERATOR_KEY, READ_KEY, startService, startSim, SWEEP_KEY } from './service';
import type { Running, ServiceOptions } from './service';

export const PROVIDER = '1900000001';
/** It has an app of its own. */
export const SHOP_A = '1900000109';
export const APP_A = 'wx2222222222222222';
/** It has another. */
export const SHOP_B = '1900000209';
export const APP_B = 'wx3333333333333333';
/** It sells in the provider's app alone. */
export const SHOP_C = '1900000309';
/** Keys bound to one shop. */
export const KEY_A = 'operator-key-of-shop-a-0123456789abcdef';
export const KEY_B = 'operator-key-of-shop-b-0123456789abcdef';
export const READ_A = 'operator-key-that-reads-shop-a-01234567';

type Headers = Readonly<Record<string, string>>;

/** A payer as the gateway in front names him: his openid, and the app that he is in. */
export const inApp = (appid: string, openid: string): Headers => ({
  'x-wx-openid': openid,
  'x-wx-appid': appid,
});

export const WITH_SHOPS: SimulatorOptions = {
  mchid: PROVIDER,
  subMerchants: [
    { sub_mchid: SHOP_A, sub_appid: APP_A },
    { sub_mchid: SHOP_B, sub_appid: APP_B },
    { sub_mchid: SHOP_C },
  ],
};

export const startProvider = (options: SimulatorOptions = {}): Promise<Simulator> =>
  startSim({ ...WITH_SHOPS, ...options });

export const startPartner = (options: ServiceOptions): Promise<Running> =>
  startService({
    ...options,
    env: {
      operatorKeys: [
        OPERATOR_KEY,
        `read:${READ_KEY}`,
        `sweep:${SWEEP_KEY}`,
        `shop-a=sub:${SHOP_A}:${KEY_A}`,
        `sub:${SHOP_B}:${KEY_B}`,
        `read:sub:${SHOP_A}:${READ_A}`,
      ].join(','),
      ...options.env,
    },
  });
