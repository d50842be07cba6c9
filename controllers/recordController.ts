/** The operator's view of the records. */
import type { Controller } from './types';
import type { RecordService } from '../services/records/recordService';
import type { RecordFilter } from '../services/stores/orderStore';
import { ValidationError } from '../utils/errors';
import type {
  RecordPath,
  RecordsBody,
  RecordsQuery,
  RedeliverRequest,
} from '../utils/schemas/recordSchemas';
import { beijingDayStart } from '../utils/time';
import type { RecordReply, RecordListReply } from '../utils/schemas/operatorReplies';

/** The same for GET and POST: parameters of the path are put into the body. */
export interface RecordController {
  readonly list: Controller<RecordsQuery | RecordsBody, RecordListReply>;
  readonly get: Controller<RecordPath, RecordReply>;
  readonly redeliver: Controller<RedeliverRequest, RecordReply>;
}

const LIMIT_DEFAULT = 20;

/** A Beijing day or an RFC 3339 moment → milliseconds. */
function moment(text: string, name: string): number {
  const ms = text.length === 10 ? beijingDayStart(text) : Date.parse(text);
  if (Number.isNaN(ms)) throw new ValidationError('PARAM_INVALID', { detail: name });
  return ms;
}

function filterOf(query: RecordsQuery | RecordsBody): RecordFilter {
  const { kind, state, payer, from, to, limit, after } = query;
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(state === undefined ? {} : { state }),
    ...(payer === undefined ? {} : { payer }),
    ...(from === undefined ? {} : { created_from: moment(from, 'from') }),
    ...(to === undefined ? {} : { created_to: moment(to, 'to') }),
    ...(after === undefined ? {} : { after }),
    limit: limit === undefined ? LIMIT_DEFAULT : Number(limit),
  };
}

export function createRecordController(deps: { recordService: RecordService }): RecordController {
  const records = deps.recordService;
  return {
    list: async ({ body, caller }) => ({
      status: 200,
      data: await records.list(filterOf(body), caller),
    }),
    get: async ({ body: { kind, no }, caller }) => ({
      status: 200,
      data: await records.get(kind, no, caller),
    }),
    redeliver: async ({ body: { kind, no, effect_id }, caller }) => ({
      status: 200,
      data: await records.redeliver({ kind, no }, effect_id, caller),
    }),
  };
}
