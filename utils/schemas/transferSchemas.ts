/** Bodies of the transfer routes (商家转账). */
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import { fen, openid, outBillNo, text, transferBillNo } from './parts';

/** Fixed words of WeChat's, counted in characters: 采购商品名称 of scene 1009 has 18 bytes. */
const infoType = { ...text(45), maxLength: 15 } as const;

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
    transfer_scene_id: { type: 'string', pattern: '^[0-9A-Za-z]{1,36}$' },
    openid,
    user_name: text(64),
    transfer_amount: fen,
    transfer_remark: text(32),
    user_recv_perception: text(32),
    transfer_scene_report_infos: {
      type: 'array',
      minItems: 1,
      maxItems: 10,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['info_type', 'info_content'],
        properties: { info_type: infoType, info_content: text(32) },
      },
    },
    useServiceAccount: { type: 'boolean' },
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
