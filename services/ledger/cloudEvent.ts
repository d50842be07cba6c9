/** An effect as it is sent. Pure: the same effect gives the same bytes at every delivery. */
import type { Effect, RecordBase } from './record';
import { toRfc3339 } from '../../utils/time';
import type { CloudEvent } from './effectTypes';

/**
 * @param record  The record the effect belongs to; its mchid (data's own, where the record has none)
 *                names the source.
 * @returns       CloudEvents 1.0. `time` is when the effect was made, RFC 3339, +08:00.
 */
export function toCloudEvent(record: RecordBase, effect: Effect): CloudEvent {
  const mchid = 'mchid' in record ? record.mchid : effect.data['mchid'];
  const event = {
    specversion: '1.0',
    id: effect.id,
    type: effect.type,
    source: `/pay-common/${typeof mchid === 'string' ? mchid : ''}`,
    subject: record.no,
    time: toRfc3339(effect.at),
    datacontenttype: 'application/json',
    data: effect.data,
  };
  // The data was built by `effectData.ts` for this type and comes back from the store as it went in.
  return event as unknown as CloudEvent;
}
