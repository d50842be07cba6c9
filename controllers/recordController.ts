/** The operator's view of the records. */
import type { Controller, Reply } from './types';
import type { RecordService } from '../services/records/recordService';
import type { RecordFilter } from '../services/stores/orderStore';
import { ValidationError } from '../utils/errors';
import type {
  RecordPath,
  RecordsBody,
  RecordsQuery,
  RedeliverBody,
  RedeliverRequest,
} from '../utils/schemas/recordSchemas';
import { beijingDayStart } from '../utils/time';

export interface RecordController {
  readonly list: Controller;
  readonly get: Controller;
  readonly redeliver: Controller;
  readonly listByBody: Controller;
  readonly getByBody: Controller;
  readonly redeliverByBody: Controller;
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
  const list = async (query: RecordsQuery | RecordsBody): Promise<Reply> => ({
    status: 200,
    data: await records.list(filterOf(query)),
  });
  const get = async ({ kind, no }: RecordPath): Promise<Reply> => ({
    status: 200,
    data: await records.get(kind, no),
  });
  const redeliver = async ({ kind, no }: RecordPath, effectId?: string): Promise<Reply> => ({
    status: 200,
    data: await records.redeliver(kind, no, effectId),
  });
  return {
    list: (call) => list(call.query),
    get: (call) => get(call.params as RecordPath),
    redeliver: (call) =>
      redeliver(call.params as RecordPath, (call.body as RedeliverBody).effect_id),
    listByBody: (call) => list(call.body),
    getByBody: (call) => get(call.body as RecordPath),
    redeliverByBody: (call) => {
      const { effect_id, ...path } = call.body as RedeliverRequest;
      return redeliver(path, effect_id);
    },
  };
}
