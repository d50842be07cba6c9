/** Bodies of the transfer routes (商家转账). */
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import { fen, openid, outBillNo, text, transferBillNo, useServiceAccount } from './parts';
import { both } from './words';

/** Fixed words of WeChat's, counted in characters: 采购商品名称 of scene 1009 has 18 bytes. */
const infoType = {
  ...text(45, 'Name of the line, as the scene asks for it', '信息类型，按转账场景的要求填写'),
  maxLength: 15,
} as const;

export const transferSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'out_bill_no',
    'transfer_scene_id',
    'openid',
    'transfer_amount',
    'transfer_remark',
    'transfer_scene_report_infos',
  ],
  properties: {
    out_bill_no: outBillNo,
    transfer_scene_id: {
      type: 'string',
      pattern: '^[0-9A-Za-z]{1,36}$',
      description: both(
        'Scene that WeChat Pay granted, as 1000 for marketing',
        '转账场景 ID，如 1000 现金营销，须已开通',
      ),
    },
    openid: { ...openid, description: both('openid of the receiver', '收款用户的 openid') },
    user_name: text(
      64,
      "Receiver's name in clear, checked by WeChat Pay; the service encrypts it. Required from 2,000 yuan",
      '收款用户姓名，明文，由服务加密，微信支付会核验；满 2000 元必填',
    ),
    transfer_amount: fen('To be transferred', '转账金额'),
    transfer_remark: text(32, 'Remark that the receiver sees', '转账备注，展示给收款用户'),
    user_recv_perception: text(
      32,
      'What the receiver reads it is; one of the words of the scene',
      '用户收款时感知到的收款原因，须为场景允许的文案',
    ),
    transfer_scene_report_infos: {
      type: 'array',
      minItems: 1,
      maxItems: 10,
      description: both('What the scene asks for, line by line', '转账场景报备信息，逐条填写'),
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['info_type', 'info_content'],
        properties: {
          info_type: infoType,
          info_content: text(32, 'What is reported', '信息内容'),
        },
      },
    },
    useServiceAccount,
  },
} as const satisfies JSONSchema;

export const outBillNoSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['out_bill_no'],
  properties: { out_bill_no: outBillNo },
} as const satisfies JSONSchema;

export const transferBillNoSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['transfer_bill_no'],
  properties: { transfer_bill_no: transferBillNo },
} as const satisfies JSONSchema;

export type TransferBody = FromSchema<typeof transferSchema>;
export type OutBillNoBody = FromSchema<typeof outBillNoSchema>;
export type TransferBillNoBody = FromSchema<typeof transferBillNoSchema>;
