/** Counts what parts of the service do, from outside: the parts know nothing of metrics. */
import type { Deliverer } from '../services/delivery/deliverer';
import type { Decision } from '../services/ledger/decision';
import type { Effect, StoredRecord } from '../services/ledger/record';
import type { ChangeOptions, RecordRef, RecordWriter } from '../services/records/recordWriter';
import type { WechatCall, WechatReply } from '../services/strategies/strategy';
import type { WechatApi } from '../services/wechat/wechatApi';
import type { Logger, LogFields } from '../utils/logger';
import type { Counting } from '../utils/metrics';

type AnyCall = (...args: readonly unknown[]) => Promise<WechatReply>;

const CODE = /^[\w.]{1,64}$/;

/** Counts alarms by their code; one that has none by the name of its event. */
export function countedLogger(logger: Logger, metrics: Counting): Logger {
  const counted =
    (level: keyof Logger) =>
    (fields: LogFields, event: string): void => {
      const { alarm, code } = fields;
      if (alarm === true) {
        const known = typeof code === 'string' && CODE.test(code);
        metrics.count('alarms_total', known ? code : event.replaceAll(' ', '_'));
      }
      logger[level](fields, event);
    };
  return {
    debug: counted('debug'),
    info: counted('info'),
    warn: counted('warn'),
    error: counted('error'),
  };
}

/** Calls that move money are sent as stored bytes: their path says what they are. The first match counts. */
const SENT: readonly (readonly [operation: string, path: RegExp])[] = [
  ['abnormalRefund', /abnormal/],
  ['refund', /refund/],
  ['transfer', /transfer/],
  ['combination', /combine/],
  ['order', /./],
];

const sentBy = (path: string): string => SENT.find(([, part]) => part.test(path))?.[0] ?? 'other';

/** Counts calls by the name of the method: a number never becomes a label. */
export function countedApi(api: WechatApi, metrics: Counting): WechatApi {
  const counted = Object.entries(api).map(([name, call]: [string, AnyCall]) => [
    name,
    async (...args: Parameters<AnyCall>) => {
      const reply = await call(...args);
      const operation = name === 'send' ? sentBy((args[0] as WechatCall).path) : name;
      metrics.count('wechat_requests_total', operation, reply.kind);
      return reply;
    },
  ]);
  return Object.fromEntries(counted) as WechatApi;
}

/** Counts the effects that a change brought into a record. */
export function countedWriter(writer: RecordWriter, metrics: Counting): RecordWriter {
  const count = (after: readonly Effect[], before: readonly Effect[]): void => {
    if (after === before) return;
    for (const { id, type } of after) {
      if (!before.some((known) => known.id === id)) metrics.count('effects_total', type);
    }
  };
  return {
    ...writer,
    async create(record) {
      const result = await writer.create(record);
      if (result === 'inserted') count(record.effects, []);
      return result;
    },
    async change<R extends StoredRecord>(
      ref: RecordRef<R>,
      decide: (record: R) => Decision<R>,
      options?: ChangeOptions<R>,
    ) {
      let before: readonly Effect[] = [];
      const watched = (record: R) => {
        before = record.effects;
        return decide(record);
      };
      const done = await writer.change(ref, watched, options);
      if (done.outcome === 'applied') count(done.record.effects, before);
      return done;
    },
  };
}

export function countedDeliverer(deliverer: Deliverer, metrics: Counting): Deliverer {
  return {
    async deliverDue(record, signal) {
      const outcome = await deliverer.deliverDue(record, signal);
      if (outcome !== 'none') metrics.count('deliveries_total', outcome);
      return outcome;
    },
  };
}
