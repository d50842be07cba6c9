/** Bodies of payment-code orders (付款码) and their reversal: an operator's alone. */
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import {
  subMchid,
  attach,
  detailOf,
  goodsOf,
  goodsTag,
  ip,
  outTradeNo,
  settleInfo,
  supportFapiao,
  text,
  total,
} from './parts';
import { deviceId, scene } from './sceneParts';
import { both } from './words';

const sceneInfo = {
  ...scene('Where the code was scanned', '收款场景'),
  properties: {
    device_id: deviceId(32),
    device_ip: { ...ip, description: both('Address of the till', '收款设备的 IP 地址') },
    store_info: {
      type: 'object',
      additionalProperties: false,
      required: ['id'],
      description: both('The shop', '商户门店信息'),
      properties: {
        id: text(32, "WeChat Pay's number of the shop", '微信支付门店编号'),
        out_id: text(32, 'Your number of the shop', '商户侧门店编号'),
      },
    },
  },
} as const satisfies JSONSchema;

export const codepaySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['out_trade_no', 'description', 'amount', 'payer', 'scene_info'],
  properties: {
    out_trade_no: outTradeNo,
    sub_mchid: subMchid,
    description: text(127, 'What is bought, as the payer sees it', '商品描述，展示给用户'),
    amount: total,
    payer: {
      type: 'object',
      additionalProperties: false,
      required: ['auth_code'],
      description: both('Who pays', '支付者'),
      properties: {
        auth_code: {
          type: 'string',
          pattern: '^1[0-5][0-9]{16}$',
          description: both(
            "The payment code on the payer's phone: 18 digits, good for a minute, never stored",
            '用户手机上的付款码：18 位数字，一分钟内有效，服务不保存',
          ),
        },
      },
    },
    scene_info: sceneInfo,
    attach,
    goods_tag: goodsTag,
    detail: detailOf(goodsOf('wxpay_goods_id')),
    settle_info: settleInfo,
    support_fapiao: supportFapiao,
  },
} as const satisfies JSONSchema;

export type CodepayBody = FromSchema<typeof codepaySchema>;
