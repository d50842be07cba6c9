/** The shops of a service provider (服务商): `sub_mchid[:sub_appid]`, comma list. */
import type { Credentials, SubMerchant } from './types';
import type { FaultCode } from './faultWords';
import type { Values } from './values';

/** A question about an unknown number may go to WeChat once for each of them. */
const SUB_MERCHANTS_MAX = 50;
const ITEM = /^([1-9]\d{5,31})(?::([A-Za-z0-9_-]{8,32}))?$/;

type Provider = Pick<Credentials, 'merchantId' | 'appId' | 'serviceAppId'>;

/** @param provider  undefined: its own settings are faulty, and said to be elsewhere. */
export function readSubMerchants(
  values: Values,
  provider: Provider | undefined,
): readonly SubMerchant[] {
  const items = values.list('subMerchants');
  if (items.length > SUB_MERCHANTS_MAX) {
    values.reject('subMerchants', 'too_many', { max: String(SUB_MERCHANTS_MAX) });
    return [];
  }
  // Said whatever the choices of signMode are: API v2 has no partner calls here.
  if (items.length > 0 && values.given('signMode') === 'v2') {
    values.reject('subMerchants', 'partner_in_v2');
  }
  const shops: SubMerchant[] = [];
  items.forEach((item, index) => {
    const shop = subMerchant(item, provider);
    const fault =
      typeof shop === 'string'
        ? shop
        : shops.some(({ sub_mchid }) => sub_mchid === shop.sub_mchid)
          ? 'repeated'
          : undefined;
    if (fault !== undefined) values.reject('subMerchants', fault, { at: String(index + 1) });
    else if (typeof shop !== 'string') shops.push(shop);
  });
  return shops;
}

function subMerchant(item: string, provider: Provider | undefined): SubMerchant | FaultCode {
  const [, sub_mchid, sub_appid] = ITEM.exec(item) ?? [];
  if (sub_mchid === undefined) return 'sub_merchant';
  if (sub_mchid === provider?.merchantId) return 'sub_is_provider';
  const own = sub_appid !== undefined && [provider?.appId, provider?.serviceAppId];
  if (own !== false && own.includes(sub_appid)) return 'sub_appid_is_own';
  return Object.freeze({ sub_mchid, sub_appid });
}
