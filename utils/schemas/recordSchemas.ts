/** Queries of the record routes and bodies of the operator's maintenance routes. */
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import { billDate, openid, subMchid } from './parts';
import { both } from './words';

const moment = <const E extends string>(description: E) =>
  ({
    type: 'string',
    maxLength: 35,
    pattern: '^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+\\-]\\d{2}:\\d{2}))?$',
    description,
  }) as const;

const kind = {
  type: 'string',
  enum: ['order', 'combination', 'transfer', 'report'],
  description: both(
    'Kind of record; report: the reconciliation of a day',
    '记录种类；report 为某日的对账结果',
  ),
} as const satisfies JSONSchema;

/** Query strings are text; `limit` is read by the controller. */
export const recordsQuerySchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    kind,
    state: {
      type: 'string',
      pattern: '^([A-Z_]{1,32}|damaged)$',
      description: both(
        'State as PAID or REFUNDING; damaged: records that are not believed',
        '状态，如 PAID、REFUNDING；damaged 为不可信的记录',
      ),
    },
    payer: {
      ...openid,
      description: both('openid of the payer or receiver', '付款或收款用户的 openid'),
    },
    from: moment(
      both(
        'Made at or after: a Beijing day YYYY-MM-DD, or RFC 3339',
        '创建时间起：北京日期 YYYY-MM-DD 或 RFC 3339',
      ),
    ),
    to: moment(
      both(
        'Made before: a Beijing day YYYY-MM-DD, or RFC 3339',
        '创建时间止（不含）：北京日期 YYYY-MM-DD 或 RFC 3339',
      ),
    ),
    limit: {
      type: 'string',
      pattern: '^([1-9][0-9]?|100)$',
      description: both(
        'Records in a page, 1 to 100; 20 when left out',
        '每页条数，1 至 100，默认 20',
      ),
    },
    after: {
      type: 'string',
      minLength: 1,
      maxLength: 512,
      description: both('`next` of the page before', '上一页返回的 next'),
    },
  },
} as const satisfies JSONSchema;

const { limit } = recordsQuerySchema.properties;

/** The same by POST: there `limit` may be a number, too. */
export const recordsBodySchema = {
  ...recordsQuerySchema,
  properties: {
    ...recordsQuerySchema.properties,
    limit: {
      anyOf: [limit, { type: 'integer', minimum: 1, maximum: 100 }],
      description: limit.description,
    },
  },
} as const satisfies JSONSchema;

export const recordPathSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['kind', 'no'],
  properties: {
    kind,
    no: {
      type: 'string',
      pattern: '^[0-9A-Za-z_\\-|*]{1,64}$',
      description: both(
        'Number of the record: out_trade_no, combine_out_trade_no, out_bill_no or bill_date',
        '记录编号：out_trade_no、combine_out_trade_no、out_bill_no 或 bill_date',
      ),
    },
  },
} as const satisfies JSONSchema;

export const redeliverSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    effect_id: {
      type: 'string',
      pattern: '^ef_[0-9a-f]{32}$',
      description: both(
        'Effect to deliver again; left out: all that were given up',
        '要重新投递的事件；不填则为全部已放弃的事件',
      ),
    },
  },
} as const satisfies JSONSchema;

export const redeliverBodySchema = {
  ...recordPathSchema,
  properties: { ...recordPathSchema.properties, ...redeliverSchema.properties },
} as const satisfies JSONSchema;

export const emptySchema = {
  type: 'object',
  additionalProperties: false,
  properties: {},
} as const satisfies JSONSchema;

export const reconcileSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['bill_date'],
  properties: { bill_date: billDate },
} as const satisfies JSONSchema;

export const billSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['bill_date'],
  properties: {
    bill_date: billDate,
    bill_type: {
      type: 'string',
      enum: ['ALL', 'SUCCESS', 'REFUND'],
      description: both('Trade bill: which rows', '交易账单类型'),
    },
    sub_mchid: subMchid,
    account_type: {
      type: 'string',
      enum: ['BASIC', 'OPERATION', 'FEES'],
      description: both(
        'Asks for the fund-flow bill of this account instead',
        '改为下载该账户的资金账单',
      ),
    },
  },
} as const satisfies JSONSchema;

export type RecordsQuery = FromSchema<typeof recordsQuerySchema>;
export type RecordsBody = FromSchema<typeof recordsBodySchema>;
export type RecordPath = FromSchema<typeof recordPathSchema>;
export type RedeliverBody = FromSchema<typeof redeliverSchema>;
export type RedeliverRequest = FromSchema<typeof redeliverBodySchema>;
export type ReconcileBody = FromSchema<typeof reconcileSchema>;
export type BillBody = FromSchema<typeof billSchema>;
