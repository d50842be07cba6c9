/** Where an order is placed: the device, the shop, the browser. */
import type { JSONSchema } from 'json-schema-to-ts';
import { text } from './parts';
import { both } from './words';

export const deviceId = <const N extends number>(maxBytes: N) =>
  text(maxBytes, 'Device of the merchant', '商户端设备号');

export const storeInfo = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  description: both('The shop', '商户门店信息'),
  properties: {
    id: text(32, 'Number of the shop', '门店编号'),
    name: text(256, 'Name of the shop', '门店名称'),
    area_code: text(32, 'Area code of the shop (GB/T 2260)', '门店地区编码（国标 GB/T 2260）'),
    address: text(512, 'Address of the shop', '门店详细地址'),
  },
} as const satisfies JSONSchema;

export const h5Info = {
  type: 'object',
  additionalProperties: false,
  required: ['type'],
  description: both('What opens WeChat', 'H5 场景信息'),
  properties: {
    // What else WeChat takes may be sent, too.
    type: text(32, 'iOS, Android or Wap', '场景类型：iOS、Android 或 Wap'),
    app_name: text(64, 'Name of the app or site', '应用或网站名称'),
    app_url: text(128, 'Address of the site', '网站 URL'),
    bundle_id: text(128, 'Bundle id, of iOS', 'iOS 平台 BundleID'),
    package_name: text(128, 'Package name, of Android', 'Android 平台 PackageName'),
  },
} as const satisfies JSONSchema;

export const scene = (en: string, zh: string) =>
  ({ type: 'object', additionalProperties: false, description: both(en, zh) }) as const;
