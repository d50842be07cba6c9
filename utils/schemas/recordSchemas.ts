/** Queries of the record routes and bodies of the operator's maintenance routes. */
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import { billDate, openid } from './parts';

const moment = {
  type: 'string',
  maxLength: 35,
  pattern: '^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+\\-]\\d{2}:\\d{2}))?$',
} as const satisfies JSONSchema;

/** Query strings are text; `limit` is read by the controller. */
export const recordsQuerySchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    kind: { type: 'string', enum: ['order', 'combination', 'transfer', 'report'] },
    state: { type: 'string', pattern: '^([A-Z_]{1,32}|damaged)$' },
    payer: openid,
    from: moment,
    to: moment,
    limit: { type: 'string', pattern: '^([1-9][0-9]?|100)$' },
    after: { type: 'string', minLength: 1, maxLength: 512 },
  },
} as const satisfies JSONSchema;

/** The same by POST: there `limit` may be a number, too. */
export const recordsBodySchema = {
  ...recordsQuerySchema,
  properties: {
    ...recordsQuerySchema.properties,
    limit: {
      anyOf: [recordsQuerySchema.properties.limit, { type: 'integer', minimum: 1, maximum: 100 }],
    },
  },
} as const satisfies JSONSchema;

export const recordPathSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['kind', 'no'],
  properties: {
    kind: { type: 'string', enum: ['order', 'combination', 'transfer', 'report'] },
    no: { type: 'string', pattern: '^[0-9A-Za-z_\\-|*]{1,64}$' },
  },
} as const satisfies JSONSchema;

export const redeliverSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { effect_id: { type: 'string', pattern: '^ef_[0-9a-f]{32}$' } },
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
    bill_type: { type: 'string', enum: ['ALL', 'SUCCESS', 'REFUND'] },
    account_type: { type: 'string', enum: ['BASIC', 'OPERATION', 'FEES'] },
  },
} as const satisfies JSONSchema;

export type RecordsQuery = FromSchema<typeof recordsQuerySchema>;
export type RecordsBody = FromSchema<typeof recordsBodySchema>;
export type RecordPath = FromSchema<typeof recordPathSchema>;
export type RedeliverBody = FromSchema<typeof redeliverSchema>;
export type RedeliverRequest = FromSchema<typeof redeliverBodySchema>;
export type ReconcileBody = FromSchema<typeof reconcileSchema>;
export type BillBody = FromSchema<typeof billSchema>;
